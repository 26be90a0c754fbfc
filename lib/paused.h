/* paused.h - the functions that an operator has paused
 *
 * The file `paused` in the data folder, a function's name on each line: `jobgatectl pause` writes it, the configuration
 * reads it along and shows those functions with concurrency 0. It is apart from jobgate.conf so that whoever owns the
 * store can pause a function, without an edit of a file that may be root's or under version control.
 *
 * Thread safety: all calls may run at once. paused_change takes the lock of the file `paused.lock`. */
#ifndef JOBGATE_PAUSED_H
#define JOBGATE_PAUSED_H

#include "buffer.h"
#include "ini_file.h"
#include "outcome.h"

#include <stdbool.h>

/* Which version of the file there is; all zero when there is none. */
void paused_look(const char *data_dir, struct ini_file_version *version);
/* Appends the names, each ended by a newline; *version (may be NULL) is that of what was read. No file, or one that this
 * user may not read, has no names. INVALID: a line is no function's name; IO. */
enum outcome paused_read(const char *data_dir, struct buffer *names, struct ini_file_version *version,
                         struct error *error);
/* OK: it is as wanted, on disk. *changed tells whether it was not before. */
enum outcome paused_change(const char *data_dir, const char *function, bool paused, bool *changed,
                           struct error *error);

#endif
