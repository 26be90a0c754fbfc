/* follow.h - staying with a job until it ends */
#ifndef JOBGATE_CTL_FOLLOW_H
#define JOBGATE_CTL_FOLLOW_H

#include "command.h"

/* Waits until the job has ended, at most `timeout_ms` (0 = as long as it takes); shows its progress on a terminal, then
 * prints its document with --json, else its status. The exit status: 0 SUCCEEDED, 1 FAILED or CANCELLED, EX_TEMPFAIL it
 * has not ended in that time. */
int follow_to_end(struct control *control, const struct job_id *id, int64_t timeout_ms);

#endif
