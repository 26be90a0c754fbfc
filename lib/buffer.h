/* buffer.h - a growable run of bytes
 *
 * Zero-initialised (`struct buffer b = {0};`) it is empty and valid. `data` is NULL or NUL-terminated one byte
 * behind `length`, so text can be used as a C string. An allocation failure or a growth past `limit` sets `failed`
 * and makes every later append a no-op: append freely, look once at the end.
 *
 * Ownership: the buffer owns data; buffer_free (legal on {0}, repeatable) gives it back. Not thread-safe. */
#ifndef JOBGATE_BUFFER_H
#define JOBGATE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* most bytes it may hold; 0 = no limit of its own */
    bool failed;     /* an append did not fit or found no memory; sticky until buffer_clear */
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `length` more bytes at data + length, or NULL (failed is set). Follow with buffer_grown(). */
char *buffer_reserve(struct buffer *buffer, size_t length);
void buffer_grown(struct buffer *buffer, size_t length);
/* Drops the first `length` bytes (all of them when there are fewer). */
void buffer_consume(struct buffer *buffer, size_t length);
/* Empty and not failed; keeps the memory and the limit. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif
