/* setting.h - the kinds of value a configuration key can have
 *
 * What is written in the file, as a value of the program, and back again:
 * setting_parse_number(setting_print_number(x)) is x. The words of an error say what is wrong with the value
 * ("must be between 1s and 7d"); the caller puts file, line and key before them. Pure functions, thread-safe.
 */
#ifndef JOBGATE_SETTING_H
#define JOBGATE_SETTING_H

#include "buffer.h"
#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

enum setting_kind {
    /* an int64_t */
    SETTING_DURATION = 1, /* milliseconds: 250ms, 90s, 15m, 6h, 7d; without a unit seconds */
    SETTING_SIZE,         /* bytes: 512KiB, 6MiB, 1GiB; without a unit bytes */
    SETTING_NUMBER,       /* digits */
    SETTING_LIMIT,        /* digits, or "unlimited" for -1 */
    SETTING_LEVEL,        /* error, warning, info, debug (enum log_level) */
    SETTING_SCOPES,       /* none, all, or a list (access.h) */
    SETTING_SWITCH,       /* yes or no: 1, 0 */
    SETTING_ACCEPTED,     /* 200 or 202 */
    /* a text */
    SETTING_PATH,          /* a file or folder */
    SETTING_OPTIONAL_PATH, /* or nothing */
    SETTING_PATHS,         /* nothing, or absolute paths, ':' between them */
    SETTING_SEARCH_PATH,   /* absolute folders, ':' between them */
    SETTING_FUNCTION,      /* a function's name */
    SETTING_USER,          /* nothing, or a name of the system's users */
    SETTING_NETWORKS,      /* nothing, or addresses and networks (address.h) */
    SETTING_TARGET,        /* nothing, an http(s) URL, or a function's name */
    SETTING_ORIGINS,       /* nothing, *, or origins: https://host:port */
    SETTING_BASE,          /* nothing, /path, or http(s)://host/path; no '/' at its end */
};

bool setting_is_text(enum setting_kind kind);
/* INVALID when the text is no value of that kind or not in least..most. */
enum outcome setting_parse_number(enum setting_kind kind, const char *text, int64_t least, int64_t most,
                                  int64_t *value, struct error *error);
/* In the largest unit that is exact. */
void setting_print_number(enum setting_kind kind, int64_t value, struct buffer *out);
enum outcome setting_check_text(enum setting_kind kind, const char *text, struct error *error);

#endif
