#include "config.h"
#include "outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Takes back the start of a UTF-8 character whose end was cut off. */
static void cut_at_character(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (length - (start - 1) < needed)
        text[start - 1] = '\0';
}

/* The words are made apart and copied at the end: callers wrap an error in itself ("%s: %s", what,
 * error->text). */
__attribute__((format(printf, 3, 0))) static void error_store(struct error *error, const char *tail,
                                                              const char *format, va_list arguments)
{
    char text[ERROR_TEXT_SIZE];
    int written = vsnprintf(text, sizeof text, format, arguments);
    size_t length = written < 0 ? 0 : (size_t)written;
    if (tail != NULL && length < sizeof text) {
        written = snprintf(text + length, sizeof text - length, ": %s", tail);
        length += written < 0 ? 0 : (size_t)written;
    }
    if (length >= sizeof text)
        cut_at_character(text, sizeof text - 1);
    memcpy(error->text, text, strlen(text) + 1);
}

enum outcome error_set(struct error *error, enum outcome outcome, const char *format, ...)
{
    if (error == NULL)
        return outcome;
    int saved_errno = errno;
    va_list arguments;
    va_start(arguments, format);
    error_store(error, NULL, format, arguments);
    va_end(arguments);
    errno = saved_errno;
    return outcome;
}

enum outcome error_set_errno(struct error *error, enum outcome outcome, int errno_value, const char *format,
                             ...)
{
    if (error == NULL)
        return outcome;
    int saved_errno = errno;
    char memory[128];
    const char *reason = strerror_r(errno_value, memory, sizeof memory);
    va_list arguments;
    va_start(arguments, format);
    error_store(error, reason, format, arguments);
    va_end(arguments);
    errno = saved_errno;
    return outcome;
}

enum outcome outcome_of_errno(int errno_value, enum outcome otherwise)
{
    bool may_come_back = errno_value == EAGAIN || errno_value == ENOMEM || errno_value == EMFILE ||
                         errno_value == ENFILE || errno_value == ETXTBSY || errno_value == ENOSPC ||
                         errno_value == EDQUOT;
    return may_come_back ? UNAVAILABLE : otherwise;
}

const char *outcome_name(enum outcome outcome)
{
    switch (outcome) {
    case OK:
        return "OK";
    case NOTFOUND:
        return "NOTFOUND";
    case GONE:
        return "GONE";
    case CONFLICT:
        return "CONFLICT";
    case RETRY:
        return "RETRY";
    case UNAVAILABLE:
        return "UNAVAILABLE";
    case FULL:
        return "FULL";
    case INVALID:
        return "INVALID";
    case NOMEM:
        return "NOMEM";
    case IO:
        return "IO";
    }
    return "unknown";
}
