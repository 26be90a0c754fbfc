#include "config.h"
#include "capture.h"
#include "json.h"

#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define KEPT_ROOM   65536          /* memory that a buffer may keep from one attempt to the next */

void result_capture_take(struct result_capture *capture, const char *bytes, size_t length)
{
    if (result_capture_failed(capture))
        return;
    if (length <= capture->most - capture->bytes.length) {
        buffer_append(&capture->bytes, bytes, length);
        capture->no_memory = capture->bytes.failed;
    } else {
        capture->too_large = true;
    }
    if (result_capture_failed(capture))
        buffer_free(&capture->bytes);
}

bool result_capture_failed(const struct result_capture *capture)
{
    return capture->too_large || capture->no_memory;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void result_capture_finish(const struct result_capture *capture, const char **bytes, size_t *length,
                           const char **type)
{
    const char *start = capture->bytes.data;
    size_t offset;
    *bytes = start;
    *length = capture->bytes.length;
    *type = NULL;
    if (capture->bytes.length == 0)
        return;
    const char *end = start + capture->bytes.length;
    while (start < end && is_space(*start))
        start++;
    while (end > start && is_space(end[-1]))
        end--;
    if (start < end && json_check(start, (size_t)(end - start), &offset, NULL) == OK) {
        *bytes = start;
        *length = (size_t)(end - start);
        *type = "application/json";
    } else if (json_utf8_is_valid(*bytes, *length)) {
        *type = "text/plain; charset=utf-8";
    } else {
        *type = "application/octet-stream";
    }
}

void result_capture_free(struct result_capture *capture)
{
    buffer_free(&capture->bytes);
}

void log_capture_take(struct log_capture *capture, const char *bytes, size_t length)
{
    struct buffer *pending = &capture->pending;
    buffer_append(pending, bytes, length);
    if (pending->failed) { /* no memory: these bytes are lost, and counted */
        capture->skipped += pending->length + length;
        buffer_free(pending);
        *pending = (struct buffer){0};
        return;
    }
    /* Twice, so that a flood is moved down once for each `most` bytes and not with every read. */
    if (pending->length > 2 * capture->most) {
        size_t lost = pending->length - capture->most;
        buffer_consume(pending, lost);
        capture->skipped += lost;
    }
}

void log_capture_clear(struct log_capture *capture)
{
    if (capture->pending.capacity > KEPT_ROOM)
        buffer_free(&capture->pending);
    else
        buffer_clear(&capture->pending);
    capture->skipped = 0;
}

void log_capture_free(struct log_capture *capture)
{
    buffer_free(&capture->pending);
}

/* Bytes of the UTF-8 character at `text` (RFC 3629), 0 when it is none. */
static size_t character_length(const unsigned char *text, size_t left)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (text[0] < 0xC2 || text[0] > 0xF4 || length > left)
        return 0;
    unsigned char lowest = text[0] == 0xE0 ? 0xA0 : text[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char highest = text[0] == 0xED ? 0x9F : text[0] == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < lowest || text[1] > highest)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return length;
}

/* C1 controls are C2 80 to C2 9F. */
static bool is_control(const unsigned char *text, size_t length)
{
    return (length == 1 && (text[0] < 0x20 || text[0] == 0x7F)) ||
           (length == 2 && text[0] == 0xC2 && text[1] < 0xA0);
}

static void copy_clean(char *target, size_t size, const char *text, size_t length)
{
    size_t used = 0;
    while (length > 0) {
        const unsigned char *at = (const unsigned char *)text;
        size_t taken = character_length(at, length);
        const char *piece = text;
        size_t piece_length = taken;
        if (taken == 0) {
            taken = 1;
            piece = REPLACEMENT;
            piece_length = strlen(REPLACEMENT);
        } else if (is_control(at, taken)) {
            piece = " ";
            piece_length = 1;
        }
        if (used + piece_length >= size)
            break;
        memcpy(target + used, piece, piece_length);
        used += piece_length;
        text += taken;
        length -= taken;
    }
    target[used] = '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads "42", "42%", "42.5%"; *rest is what follows. False when the line does not begin with a percentage. */
static bool parse_percent(const char *line, const char *end, int *percent, const char **rest)
{
    const char *at = line;
    int value = 0;
    while (at < end && is_digit(*at) && at - line < 4)
        value = value * 10 + (*at++ - '0');
    if (at == line || value > 100)
        return false;
    if (end - at > 1 && *at == '.' && is_digit(at[1])) {
        at++;
        while (at < end && is_digit(*at))
            at++;
    }
    if (at < end && *at == '%')
        at++;
    if (at < end && !is_space(*at))
        return false;
    *percent = value;
    *rest = at;
    return true;
}

static void take_line(struct progress_capture *capture)
{
    const char *at = capture->line, *end = at + capture->length;
    while (at < end && is_space(*at))
        at++;
    while (end > at && is_space(end[-1]))
        end--;
    capture->length = 0;
    if (at == end)
        return;
    if (parse_percent(at, end, &capture->percent, &at)) {
        while (at < end && is_space(*at))
            at++;
    }
    copy_clean(capture->message, sizeof capture->message, at, (size_t)(end - at));
    capture->changed = true;
}

void progress_capture_take(struct progress_capture *capture, const char *bytes, size_t length)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        size_t piece = newline == NULL ? length : (size_t)(newline - bytes);
        size_t room = sizeof capture->line - capture->length;
        size_t kept = piece < room ? piece : room;
        memcpy(capture->line + capture->length, bytes, kept);
        capture->length += kept;
        if (newline == NULL)
            return;
        take_line(capture);
        bytes += piece + 1;
        length -= piece + 1;
    }
}

void progress_capture_finish(struct progress_capture *capture)
{
    take_line(capture);
}
