/* log_spare.h - the next log file, made beforehand
 *
 * Internal to lib/store_bdb. A log file whose blocks are all written once needs no change of metadata when a commit is
 * synced, which halves the cost of a sync. libdb can do that itself (DB_LOG_ZERO), but inside the gate and in one piece:
 * 15 ms in which nobody else gets in. So a file of zeroes is made outside, in small portions, and put in the place of
 * the log file that libdb is about to create. On a full disk it is also room for the log that is already there. */
#ifndef JOBGATE_LOG_SPARE_H
#define JOBGATE_LOG_SPARE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the file `spare` in the folder, synced; `gently` in portions that hold up nobody's sync for long. False when
 * there is no room or it cannot be made: the log does without. */
bool log_spare_make(int folder, size_t size, bool gently);
bool log_spare_exists(int folder);
/* Gives its room back. False when there was none. */
bool log_spare_drop(int folder);
/* Whether the path's last part is the name of a log file, log.NNNNNNNNNN. */
bool log_spare_is_log(const char *path);
/* If `path` names a log file that does not exist yet, the spare of its folder becomes it. True when it did. */
bool log_spare_use(const char *path);

#endif
