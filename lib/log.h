/* log.h - one line for each event, key=value, UTC
 *
 *     2026-11-23T05:09:00.123Z level=info program=submit pid=812 event=accepted job=0199… function=report bytes=2
 *
 * Values that come from outside are escaped: a value with a space, quote, '=', control or non-ASCII byte is quoted,
 * with \n, \" and \xHH inside, so that no input can make a second line or a second key. A line is one write(2).
 * Goes to `log_file` of the configuration (O_APPEND; opened again when the file was renamed by logrotate), else to
 * standard error. Thread-safe. Never fails: a full disk costs the line, not the job. */
#ifndef JOBGATE_LOG_H
#define JOBGATE_LOG_H

#include "buffer.h"
#include "outcome.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* May be called again, also while others log. `program` is kept, not copied; NULL leaves the one before. `file` may be
 * NULL or empty for standard error. */
enum outcome log_open(const char *program, const char *file, enum log_level level, struct error *error);

/* Pairs of key and value as strings, ended by NULL: log_event(LOG_LEVEL_INFO, "accepted", "job", id, NULL).
 * A NULL value leaves its pair out. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* The same line, with the time of now, kept in `lines` until log_write: for what must not be told before it is certain.
 * Without memory for it, it is written at once. */
void log_event_later(struct buffer *lines, enum log_level level, const char *event, ...)
    __attribute__((sentinel));
/* Writes what was kept, and empties `lines`. */
void log_write(struct buffer *lines);

#endif
