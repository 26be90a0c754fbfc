#include "config.h"
#include "buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

/* Makes room for `needed` bytes in all and the NUL. Doubles, so that appending n bytes one by one costs O(n).
 */
static bool grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : buffer->capacity;
    while (capacity <= needed && capacity <= SIZE_MAX / 4)
        capacity *= 2;
    if (buffer->limit != 0 && capacity > buffer->limit)
        capacity = buffer->limit + 1;
    if (capacity <= needed)
        return false;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->data[buffer->length] = '\0';
    return true;
}

char *buffer_reserve(struct buffer *buffer, size_t length)
{
    if (buffer->failed)
        return NULL;
    size_t most = buffer->limit != 0 ? buffer->limit : SIZE_MAX / 2;
    bool fits = buffer->length <= most && length <= most - buffer->length;
    if (!fits || (buffer->length + length >= buffer->capacity && !grow(buffer, buffer->length + length))) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->data + buffer->length;
}

void buffer_grown(struct buffer *buffer, size_t length)
{
    if (buffer->failed || buffer->data == NULL)
        return;
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    char *room = buffer_reserve(buffer, length);
    if (room == NULL)
        return;
    memcpy(room, bytes, length);
    buffer_grown(buffer, length);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    if (buffer->failed)
        return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return;
    }
    if ((size_t)length < sizeof text) {
        buffer_append(buffer, text, (size_t)length);
        return;
    }
    char *room = buffer_reserve(buffer, (size_t)length);
    if (room == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(room, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer_grown(buffer, (size_t)length);
}

void buffer_consume(struct buffer *buffer, size_t length)
{
    if (buffer->data == NULL)
        return;
    if (length > buffer->length)
        length = buffer->length;
    buffer->length -= length;
    memmove(buffer->data, buffer->data + length, buffer->length + 1);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}
