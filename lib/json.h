/* json.h - JSON in (checked) and out (built with json-c)
 *
 * json_check is the gate for everything that comes from outside. It exists because json-c's strict parser takes
 * NaN, duplicate keys and raw control characters, and builds 741 MB from 3 MB of "{},": here nothing is built.
 * RFC 8259 and I-JSON (RFC 7493): UTF-8 without overlong forms or surrogates, no unpaired \u surrogates, no NUL in
 * a key, no key twice in an object, no NaN or Infinity, depth at most JSON_DEPTH_MAX.
 * Keys are compared as what they mean: "a" and "\u0061" are the same. (Noncharacters such as U+FFFE pass: they are UTF-8.)
 * Thread-safe. Memory of json_check is bounded: a fixed part and at most 64 bytes for each key of the objects open at
 * once. Its time grows with the length only: keys are hashed with a secret seed, so that nobody can make them collide. */
#ifndef JOBGATE_JSON_H
#define JOBGATE_JSON_H

#include "buffer.h"
#include "outcome.h"

#include <json-c/json.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 32

/* OK, or INVALID with *offset at the first byte that is wrong (counted from 0; for a second key its opening quote, for a
 * text that ends too early its length) and words that name it ("byte 17: duplicate key"), or NOMEM. Any JSON value
 * counts, not only objects. Texts of 4 GiB and more are INVALID. */
enum outcome json_check(const char *text, size_t length, size_t *offset, struct error *error);

/* Bytes of the UTF-8 character that begins at `at` (before `end`), 0 when there is none. */
size_t json_character_size(const char *at, const char *end);
/* True when the bytes are UTF-8 (RFC 3629). */
bool json_utf8_is_valid(const char *text, size_t length);

/* A text that json_check passes, as json-c has it: for files of our own, whose size is bounded before (an object of many small
 * values takes a hundred times the memory of its text). INVALID, NOMEM; on OK *value is the caller's. */
enum outcome json_parse(const char *text, size_t length, struct json_object **value, struct error *error);

/* A json-c value that prints as these bytes, verbatim: for an event or result that json_check has passed. The bytes
 * are copied. NULL when memory is short. */
struct json_object *json_raw(const char *text, size_t length);

/* Members of an object under construction; every call is a no-op on a NULL object. json_add_text leaves a NULL
 * or empty text out and puts U+FFFD for every byte that is not UTF-8 (what a function wrote, say); json_add_time leaves 0
 * out and prints RFC 3339. `key` must be a literal: it is not copied. When memory is too short for a member, the next
 * json_print of the thread fails, so that no document leaves with a member missing. */
void json_add_text(struct json_object *object, const char *key, const char *text);
void json_add_integer(struct json_object *object, const char *key, int64_t value);
void json_add_boolean(struct json_object *object, const char *key, bool value);
void json_add_time(struct json_object *object, const char *key, int64_t wall_ms);
/* Takes over `value` (NULL: nothing is added). */
void json_add(struct json_object *object, const char *key, struct json_object *value);

/* Appends the compact text of `value` to the buffer and gives `value` back; buffer->failed on NULL or short memory. */
void json_print(struct json_object *value, struct buffer *buffer);

#endif
