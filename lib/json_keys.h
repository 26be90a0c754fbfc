/* json_keys.h - the keys of the objects that json_check is in, to find one that stands twice
 *
 * Objects open and close as brackets do. Keys are compared as what they mean ("a" is "\u0061"). Internal to lib/json*.
 * Memory: a fixed part, and at most 64 bytes for each key of the objects open at once. */
#ifndef JOBGATE_JSON_KEYS_H
#define JOBGATE_JSON_KEYS_H

#include "json.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_KEYS_INLINE 32 /* so many without a look at the heap */

struct json_key {
    uint64_t hash;   /* of the unescaped bytes; only once it is in the table */
    uint32_t offset; /* in the text, behind the opening quote */
    uint32_t size;   /* as it stands there */
};

struct json_object_keys {
    uint32_t first; /* of this object in json_keys.list */
    bool in_table;
    bool escaped; /* a key of it has an escape: equal keys need not look equal */
};

/* The fields are json_keys.c's own; they are here so that a small event costs no allocation. `list` is a stack. `table`
 * (open addressing, linear probing, index + 1, 0 = free) finds the keys of the larger objects. Objects close in the
 * reverse order of their opening, so keys leave the table in the reverse order of their coming: each leaves it exactly as it
 * found it, and no gap is left in a probe sequence. */
struct json_keys {
    const char *text;
    unsigned depth;
    struct json_object_keys objects[JSON_DEPTH_MAX];
    struct json_key *list;
    size_t count;
    size_t capacity;
    uint32_t *table;
    size_t table_size; /* a power of two */
    size_t table_used;
    struct json_key few[JSON_KEYS_INLINE];
};

/* `text` is what all keys lie in, shorter than 4 GiB. Give back with json_keys_end. */
void json_keys_begin(struct json_keys *keys, const char *text);
void json_keys_end(struct json_keys *keys);
/* At most JSON_DEPTH_MAX are open at once. */
void json_keys_open(struct json_keys *keys);
void json_keys_close(struct json_keys *keys);
/* A key of the object opened last: `size` bytes at `key`, without the quotes, a valid JSON string; `escaped` says whether a
 * backslash is in it. OK; CONFLICT: the object has it already; NOMEM. */
enum outcome json_keys_add(struct json_keys *keys, const char *key, size_t size, bool escaped);

/* The value of four hexadecimal digits. */
unsigned json_hexadecimal(const char *digits);

#endif
