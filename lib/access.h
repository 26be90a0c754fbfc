/* access.h - who may do what
 *
 * A key is a secret that its holder shows with each request, "jg_" and 43 characters of base64url: 256 random
 * bits. The file of keys (one line each, mode 0600) has only its SHA-256, so reading the file gives nobody a
 * key:
 *
 *     NAME SHA256-HEX allow=submit,read functions=report,thumbnail rate=50 burst=100 quota=10000 active=20
 *
 * A key has scopes and, when it names functions, changes, lists and counts nothing of the others (a job whose id
 * it was given it reads: an id is handed on for that). `rate` is requests a second,
 * `burst` how many may come at once, `quota` submissions a day (UTC), `active` jobs that have not ended; 0 or
 * left out = what the configuration says for everyone.
 *
 * A loaded set never changes; access_lookup looks at the file at most once a second and loads it again when
 * it was edited, so a change counts without a restart. A file that has become wrong is logged and nobody gets
 * in by it until mended.
 *
 * Thread safety: all calls may run at once. Between processes the writing calls take a lock (file ".lock"
 * beside it). */
#ifndef JOBGATE_ACCESS_H
#define JOBGATE_ACCESS_H

#include "buffer.h"
#include "job.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCESS_SECRET_SIZE   47 /* "jg_", 43 characters, NUL */
#define ACCESS_FUNCTIONS_MAX 32
#define ACCESS_DIGEST_SIZE   32
#define ACCESS_ACCOUNT_SIZE  (JOB_CALLER_SIZE + 2) /* whom limits count against */

enum access_scope {
    SCOPE_SUBMIT = 1 << 0,
    SCOPE_READ = 1 << 1, /* a job whose id one knows, with event, result and log */
    SCOPE_LIST = 1 << 2, /* the list, the functions, the counts */
    SCOPE_CANCEL = 1 << 3,
    SCOPE_METRICS = 1 << 4,
    SCOPE_ADMIN = 1 << 5, /* purge */
    SCOPE_ALL = (1 << 6) - 1,
};

/* What a caller is bounded by; 0 = no limit. */
struct access_limits {
    int64_t rate;   /* requests a second */
    int64_t burst;  /* requests */
    int64_t quota;  /* submissions a day */
    int64_t active; /* jobs that have not ended */
};

/* One line of the file; also what a request runs as. */
struct access_key {
    char name[JOB_CALLER_SIZE]; /* [A-Za-z0-9_.-]{1,64} */
    uint8_t digest[ACCESS_DIGEST_SIZE];
    unsigned scopes;       /* enum access_scope */
    size_t function_count; /* 0 = every function */
    char functions[ACCESS_FUNCTIONS_MAX][JOB_FUNCTION_SIZE];
    struct access_limits limits;
};

struct access_keys; /* a loaded set */

/* "submit,read" → scopes; INVALID names the word that is none. "none" and "" are 0, "all" is SCOPE_ALL. */
enum outcome access_scopes_parse(const char *text, unsigned *scopes, struct error *error);
/* The other way round; `text` has 64 bytes. Returns text. */
char *access_scopes_format(unsigned scopes, char *text);
/* "submit"; NULL for no single scope. */
const char *access_scope_name(enum access_scope scope);
bool access_may(const struct access_key *key, enum access_scope scope);
bool access_may_use(const struct access_key *key, const char *function);

/* Reads a whole file of keys. A file that is not there is an empty set. INVALID with file:line; IO. Refuses a
 * file that others can read or write, or of another owner. */
enum outcome access_load(const char *file, struct access_keys **keys, struct error *error);
/* The same from memory; `text` ends with a NUL, and is changed. `file` is for the words. */
enum outcome access_parse(const char *file, char *text, struct access_keys **keys, struct error *error);
void access_free(struct access_keys *keys); /* NULL is legal */
size_t access_count(const struct access_keys *keys);
const struct access_key *access_at(const struct access_keys *keys, size_t index);
/* The key with this secret, or NULL. Takes the same time for every secret that is none of them. */
const struct access_key *access_find(const struct access_keys *keys, const char *secret, size_t length);

/* The shared set of a running program: copies the key with this secret to *key. NOTFOUND: there is none.
 * UNAVAILABLE: the file is wrong. Loads again after an edit. `file` names the same file in every call of a
 * process. */
enum outcome access_lookup(const char *file, const char *secret, size_t length, struct access_key *key,
                           struct error *error);

/* For the administrator. access_add makes a secret, writes the digest, and gives the secret
 * (ACCESS_SECRET_SIZE bytes) out once. CONFLICT: the name is taken. access_remove: NOTFOUND. Both replace the
 * file whole, by rename. */
enum outcome access_add(const char *file, const struct access_key *key, char *secret, struct error *error);
enum outcome access_remove(const char *file, const char *name, struct error *error);

#endif
