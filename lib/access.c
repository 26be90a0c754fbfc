#include "config.h"
#include "access.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <nettle/base64.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_PREFIX "jg_"
#define SECRET_BYTES  32
#define FILE_MOST     (4 << 20) /* bytes; a file of keys beyond this is a mistake */
#define LOOK_EVERY_MS 1000

struct access_keys {
    size_t count;
    struct access_key *list;
};

static const struct {
    enum access_scope scope;
    const char *name;
} scope_names[] = {{SCOPE_SUBMIT, "submit"}, {SCOPE_READ, "read"},       {SCOPE_LIST, "list"},
                   {SCOPE_CANCEL, "cancel"}, {SCOPE_METRICS, "metrics"}, {SCOPE_ADMIN, "admin"}};

#define SCOPE_NAMES (sizeof scope_names / sizeof scope_names[0])

const char *access_scope_name(enum access_scope scope)
{
    for (size_t i = 0; i < SCOPE_NAMES; i++)
        if (scope_names[i].scope == scope)
            return scope_names[i].name;
    return NULL;
}

static unsigned scope_of(const char *word, size_t length)
{
    for (size_t i = 0; i < SCOPE_NAMES; i++)
        if (strlen(scope_names[i].name) == length && memcmp(scope_names[i].name, word, length) == 0)
            return scope_names[i].scope;
    return 0;
}

enum outcome access_scopes_parse(const char *text, unsigned *scopes, struct error *error)
{
    unsigned found = 0;
    if (strcmp(text, "all") == 0)
        found = SCOPE_ALL;
    else if (strcmp(text, "none") != 0)
        for (const char *word = text + strspn(text, ", "); *word != '\0'; word += strspn(word, ", ")) {
            size_t length = strcspn(word, ", ");
            unsigned scope = scope_of(word, length);
            if (scope == 0)
                return error_set(error, INVALID,
                                 "\"%.*s\" is no scope; there are submit, read, list, cancel, metrics, "
                                 "admin, all and none",
                                 (int)length, word);
            found |= scope;
            word += length;
        }
    *scopes = found;
    return OK;
}

char *access_scopes_format(unsigned scopes, char *text)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < SCOPE_NAMES; i++)
        if (scopes & scope_names[i].scope)
            length += (size_t)snprintf(text + length, 64 - length, "%s%s", length > 0 ? "," : "",
                                       scope_names[i].name);
    return scopes == 0 ? strcpy(text, "none") : text;
}

bool access_may(const struct access_key *key, enum access_scope scope)
{
    return (key->scopes & scope) != 0;
}

bool access_may_use(const struct access_key *key, const char *function)
{
    for (size_t i = 0; i < key->function_count; i++)
        if (strcmp(key->functions[i], function) == 0)
            return true;
    return key->function_count == 0;
}

/* ---- one line ---- */

static bool name_is_valid(const char *name)
{
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    return length > 0 && length < JOB_CALLER_SIZE && name[length] == '\0';
}

static bool digest_parse(const char *text, uint8_t *digest)
{
    if (strlen(text) != 2 * ACCESS_DIGEST_SIZE || strspn(text, "0123456789abcdef") != 2 * ACCESS_DIGEST_SIZE)
        return false;
    for (size_t i = 0; i < ACCESS_DIGEST_SIZE; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        digest[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static enum outcome functions_parse(char *text, struct access_key *key, struct error *error)
{
    char *rest;
    for (char *name = strtok_r(text, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (!job_function_name_is_valid(name))
            return error_set(error, INVALID, "\"%s\" is no function name", name);
        if (key->function_count == ACCESS_FUNCTIONS_MAX)
            return error_set(error, INVALID, "a key may name %d functions at the most", ACCESS_FUNCTIONS_MAX);
        snprintf(key->functions[key->function_count++], JOB_FUNCTION_SIZE, "%s", name);
    }
    return OK;
}

static int64_t *limit_of(struct access_limits *limits, const char *word)
{
    return strcmp(word, "rate") == 0     ? &limits->rate
           : strcmp(word, "burst") == 0  ? &limits->burst
           : strcmp(word, "quota") == 0  ? &limits->quota
           : strcmp(word, "active") == 0 ? &limits->active
                                         : NULL;
}

/* One word behind name and digest: "allow=…", "functions=…", "rate=…". */
static enum outcome word_parse(char *word, struct access_key *key, struct error *error)
{
    char *value = strchr(word, '=');
    if (value == NULL)
        return error_set(error, INVALID, "\"%s\" is not of the form word=value", word);
    *value++ = '\0';
    if (strcmp(word, "allow") == 0)
        return access_scopes_parse(value, &key->scopes, error);
    if (strcmp(word, "functions") == 0)
        return functions_parse(value, key, error);
    int64_t *limit = limit_of(&key->limits, word);
    if (limit == NULL)
        return error_set(error, INVALID, "\"%s\" is no word of a key", word);
    char *end;
    errno = 0;
    *limit = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || *limit < 0 || errno != 0)
        return error_set(error, INVALID, "%s=%s: a whole number is needed", word, value);
    return OK;
}

static enum outcome line_parse(char *line, struct access_key *key, struct error *error)
{
    char *rest;
    *key = (struct access_key){0};
    const char *name = strtok_r(line, " \t", &rest);
    const char *digest = strtok_r(NULL, " \t", &rest);
    if (name == NULL || !name_is_valid(name))
        return error_set(error, INVALID, "a key's name has 1 to %d of A-Z a-z 0-9 _ . -",
                         JOB_CALLER_SIZE - 1);
    if (digest == NULL || !digest_parse(digest, key->digest))
        return error_set(error, INVALID, "behind the name stands a SHA-256 in hexadecimal");
    snprintf(key->name, sizeof key->name, "%s", name);
    for (char *word = strtok_r(NULL, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        enum outcome outcome = word_parse(word, key, error);
        if (outcome != OK)
            return outcome;
    }
    return OK;
}

static void line_print(const struct access_key *key, struct buffer *out)
{
    char scopes[64];
    buffer_printf(out, "%s ", key->name);
    for (size_t i = 0; i < ACCESS_DIGEST_SIZE; i++)
        buffer_printf(out, "%02x", key->digest[i]);
    buffer_printf(out, " allow=%s", access_scopes_format(key->scopes, scopes));
    for (size_t i = 0; i < key->function_count; i++)
        buffer_printf(out, "%s%s", i == 0 ? " functions=" : ",", key->functions[i]);
    const struct {
        const char *word;
        int64_t value;
    } limits[] = {{"rate", key->limits.rate},
                  {"burst", key->limits.burst},
                  {"quota", key->limits.quota},
                  {"active", key->limits.active}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value > 0)
            buffer_printf(out, " %s=%" PRId64, limits[i].word, limits[i].value);
    buffer_append_text(out, "\n");
}

/* ---- the file ---- */

static enum outcome read_all(int descriptor, const char *file, struct buffer *text, struct error *error)
{
    text->limit = FILE_MOST;
    for (;;) {
        char *room = buffer_reserve(text, 4096);
        if (room == NULL)
            return error_set(error, INVALID, "%s: larger than %d bytes", file, FILE_MOST);
        ssize_t length = read(descriptor, room, 4096);
        if (length < 0)
            return error_set_errno(error, IO, errno, "%s", file);
        if (length == 0)
            return OK;
        buffer_grown(text, (size_t)length);
    }
}

static enum outcome check_owner(int descriptor, const char *file, struct error *error)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return error_set_errno(error, IO, errno, "%s", file);
    if (!S_ISREG(status.st_mode))
        return error_set(error, INVALID, "%s is no plain file: remove it", file);
    if ((status.st_mode & 077) != 0)
        return error_set(error, INVALID, "%s: others can read or write it (mode %04o): chmod 600 %s", file,
                         (unsigned)status.st_mode & 07777, file);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return error_set(error, INVALID, "%s belongs to user %u, and this program runs as user %u: chown it",
                         file, (unsigned)status.st_uid, (unsigned)geteuid());
    return OK;
}

/* OK with no text when there is no file. */
static enum outcome read_file(const char *file, struct buffer *text, struct error *error)
{
    int descriptor = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT)
        return OK;
    if (descriptor < 0 && errno == ELOOP)
        return error_set(error, INVALID, "%s is a symlink: put the file itself there", file);
    if (descriptor < 0)
        return error_set_errno(error, IO, errno, "%s", file);
    enum outcome outcome = check_owner(descriptor, file, error);
    if (outcome == OK)
        outcome = read_all(descriptor, file, text, error);
    close(descriptor);
    return outcome;
}

static enum outcome keys_push(struct access_keys *keys, const struct access_key *key, struct error *error)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->list[i].name, key->name) == 0)
            return error_set(error, CONFLICT, "a key named \"%s\" is there already", key->name);
    struct access_key *longer = reallocarray(keys->list, keys->count + 1, sizeof *longer);
    if (longer == NULL)
        return error_set(error, NOMEM, "no memory for the keys");
    keys->list = longer;
    keys->list[keys->count++] = *key;
    return OK;
}

static enum outcome parse_text(char *text, const char *file, struct access_keys *keys, struct error *error)
{
    int number = 0;
    char *line;
    while ((line = strsep(&text, "\n")) != NULL) {
        struct access_key key;
        struct error why;
        number++;
        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#')
            continue;
        enum outcome outcome = line_parse(line, &key, &why);
        if (outcome == OK)
            outcome = keys_push(keys, &key, &why);
        if (outcome != OK)
            return error_set(error, outcome == NOMEM ? NOMEM : INVALID, "%s:%d: %s", file, number, why.text);
    }
    return OK;
}

enum outcome access_parse(const char *file, char *text, struct access_keys **keys, struct error *error)
{
    struct access_keys *loaded = calloc(1, sizeof *loaded);
    enum outcome outcome = loaded == NULL ? error_set(error, NOMEM, "no memory for the keys")
                                          : parse_text(text, file, loaded, error);
    if (outcome == OK)
        *keys = loaded;
    else
        access_free(loaded);
    return outcome;
}

enum outcome access_load(const char *file, struct access_keys **keys, struct error *error)
{
    char nothing[1] = "";
    struct buffer text = {0};
    enum outcome outcome = read_file(file, &text, error);
    if (outcome == OK)
        outcome = access_parse(file, text.length > 0 ? text.data : nothing, keys, error);
    buffer_free(&text);
    return outcome;
}

void access_free(struct access_keys *keys)
{
    if (keys == NULL)
        return;
    free(keys->list);
    free(keys);
}

size_t access_count(const struct access_keys *keys)
{
    return keys->count;
}

const struct access_key *access_at(const struct access_keys *keys, size_t index)
{
    return &keys->list[index];
}

const struct access_key *access_find(const struct access_keys *keys, const char *secret, size_t length)
{
    uint8_t digest[ACCESS_DIGEST_SIZE];
    struct sha256_ctx context;
    const struct access_key *found = NULL;
    sha256_init(&context);
    sha256_update(&context, length, (const uint8_t *)secret);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < keys->count; i++) /* to the end: how long it takes tells nothing */
        if (memeql_sec(keys->list[i].digest, digest, sizeof digest))
            found = &keys->list[i];
    return found;
}

/* ---- the shared set ---- */

static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct access_keys *keys; /* NULL: nothing was loaded, or the file is wrong */
    struct stat status;
    int64_t looked_ms;
    struct error trouble;
} shared;

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_mode == b->st_mode && a->st_uid == b->st_uid;
}

/* With the mutex held. */
static void refresh_shared(const char *file)
{
    int64_t now = clock_monotonic_ms();
    struct stat status = {0};
    if (shared.looked_ms != 0 && now - shared.looked_ms < LOOK_EVERY_MS)
        return;
    bool first = shared.looked_ms == 0;
    shared.looked_ms = now;
    if (lstat(file, &status) != 0)
        status = (struct stat){0};
    if (!first && same_file(&status, &shared.status))
        return;
    shared.status = status;
    access_free(shared.keys);
    shared.keys = NULL;
    if (access_load(file, &shared.keys, &shared.trouble) != OK)
        log_event(LOG_LEVEL_ERROR, "access_file_wrong", "detail", shared.trouble.text, NULL);
}

enum outcome access_lookup(const char *file, const char *secret, size_t length, struct access_key *key,
                           struct error *error)
{
    pthread_mutex_lock(&shared_mutex);
    refresh_shared(file);
    enum outcome outcome = NOTFOUND;
    if (shared.keys == NULL) {
        outcome = error_set(error, UNAVAILABLE, "%s", shared.trouble.text);
    } else {
        const struct access_key *found = access_find(shared.keys, secret, length);
        if (found != NULL) {
            *key = *found;
            outcome = OK;
        }
    }
    pthread_mutex_unlock(&shared_mutex);
    return outcome;
}

/* ---- changing the file ---- */

static enum outcome write_keys(const char *file, const struct access_keys *keys, struct error *error)
{
    char draft[PATH_MAX];
    struct buffer text = {0};
    if (snprintf(draft, sizeof draft, "%s.new", file) >= (int)sizeof draft)
        return error_set(error, IO, "%s: the name is too long", file);
    for (size_t i = 0; i < keys->count; i++)
        line_print(&keys->list[i], &text);
    unlink(draft);
    int descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat old;
    bool written = descriptor >= 0 && !text.failed &&
                   (text.length == 0 || write(descriptor, text.data, text.length) == (ssize_t)text.length);
    if (written && stat(file, &old) == 0) /* root edits the file of the web server's user: it stays his */
        written = fchown(descriptor, old.st_uid, old.st_gid) == 0;
    written = written && fsync(descriptor) == 0 && rename(draft, file) == 0;
    int reason = text.failed ? ENOMEM : errno;
    if (descriptor >= 0)
        close(descriptor);
    buffer_free(&text);
    return written ? OK : error_set_errno(error, IO, reason, "%s", file);
}

/* One writer at a time; closing the descriptor unlocks. */
static enum outcome lock_file(const char *file, int *descriptor, struct error *error)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof name, "%s.lock", file) >= (int)sizeof name)
        return error_set(error, IO, "%s: the name is too long", file);
    *descriptor = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*descriptor < 0 || flock(*descriptor, LOCK_EX) != 0)
        return error_set_errno(error, IO, errno, "%s", name);
    return OK;
}

static enum outcome make_secret(char *secret, struct error *error)
{
    uint8_t bytes[SECRET_BYTES];
    char text[BASE64_ENCODE_RAW_LENGTH(SECRET_BYTES)];
    struct base64_encode_ctx context;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set_errno(error, IO, errno, "no random bytes for a key");
    base64url_encode_init(&context);
    size_t length = base64_encode_update(&context, text, sizeof bytes, bytes);
    length += base64_encode_final(&context, text + length);
    snprintf(secret, ACCESS_SECRET_SIZE, SECRET_PREFIX "%.*s", (int)length,
             text); /* the '=' at its end is cut off */
    return OK;
}

static void digest_of(const char *secret, uint8_t *digest)
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, strlen(secret), (const uint8_t *)secret);
    sha256_digest(&context, ACCESS_DIGEST_SIZE, digest);
}

enum outcome access_add(const char *file, const struct access_key *key, char *secret, struct error *error)
{
    struct access_keys *keys = NULL;
    struct access_key made = *key;
    int lock = -1;
    if (!name_is_valid(key->name))
        return error_set(error, INVALID, "a key's name has 1 to %d of A-Z a-z 0-9 _ . -",
                         JOB_CALLER_SIZE - 1);
    enum outcome outcome = lock_file(file, &lock, error);
    if (outcome == OK)
        outcome = access_load(file, &keys, error);
    if (outcome == OK)
        outcome = make_secret(secret, error);
    if (outcome == OK) {
        digest_of(secret, made.digest);
        outcome = keys_push(keys, &made, error);
    }
    if (outcome == OK)
        outcome = write_keys(file, keys, error);
    access_free(keys);
    if (lock >= 0)
        close(lock);
    return outcome;
}

enum outcome access_remove(const char *file, const char *name, struct error *error)
{
    struct access_keys *keys = NULL;
    int lock = -1;
    enum outcome outcome = lock_file(file, &lock, error);
    if (outcome == OK)
        outcome = access_load(file, &keys, error);
    size_t index = 0;
    while (outcome == OK && index < keys->count && strcmp(keys->list[index].name, name) != 0)
        index++;
    if (outcome == OK && index == keys->count)
        outcome = error_set(error, NOTFOUND, "no key named \"%s\" in %s", name, file);
    if (outcome == OK) {
        keys->count--;
        memmove(&keys->list[index], &keys->list[index + 1], (keys->count - index) * sizeof keys->list[0]);
        outcome = write_keys(file, keys, error);
    }
    access_free(keys);
    if (lock >= 0)
        close(lock);
    return outcome;
}
