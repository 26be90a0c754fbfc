/* due_astray.h - jobs that a clock put back keeps from being due (writing half)
 *
 * A job that came, or failed, while the wall clock was ahead is due by that hour: hours from now once the clock is right, and
 * behind everything that has come since. So the latest time at which a row was written stands in the gate's page; a claim that
 * finds itself before it has the queues searched, as after each recovery, which may have lost that time. The search goes
 * through what is not due yet, a part with each claim, and gives each job the time that job_due_seen tells. */
#ifndef JOBGATE_STORE_BDB_DUE_ASTRAY_H
#define JOBGATE_STORE_BDB_DUE_ASTRAY_H

#include "configuration.h"
#include "store_bdb/environment.h"

/* A row of DUE is written, whose time was reckoned from `now_ms`. Inside a transaction body only, as the next ones. */
void due_astray_note(struct transaction *transaction, int64_t now_ms);
/* A part of the search, if there is one to make. *left: there is more to be searched. When the body that called it fails, what
 * was moved is taken back: due_astray_again. */
enum outcome due_astray_move(struct transaction *transaction, const struct configuration *configuration,
                             bool *left, struct error *error);
/* The search begins anew. */
void due_astray_again(struct transaction *transaction);

#endif
