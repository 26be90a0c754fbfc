/* job_rows.h - a job and its rows in the indexes
 *
 * The only code that touches JOBS, DUE, RUNNING, LISTING and a job's own row in EXPIRY, so that they cannot
 * drift apart: a caller loads a job, changes a copy (job_apply) and saves the pair.
 *
 * Inside a transaction body only. job_rows_load is the reading half (job_load.c), the rest the writing half.
 */
#ifndef JOBGATE_STORE_BDB_JOB_ROWS_H
#define JOBGATE_STORE_BDB_JOB_ROWS_H

#include "store_bdb/environment.h"
#include "store_bdb/keys.h"

/* OK, NOTFOUND, GONE (expired, id still remembered). IO: the record is damaged. Expiry counts from the moment
 * it is due, not from when store_expire gets there: pass now_ms, or 0 to get what is still there. */
enum outcome job_rows_load(struct transaction *transaction, const struct job_id *id, int64_t now_ms,
                           struct job *job, struct error *error);
/* When the id of an expired job is forgotten: after its retention once more. Counts by itself, too. */
int64_t job_rows_forget_ms(const struct job *job);
/* What a job has in the indexes follows from its record alone; a key of size 0 = nothing there. */
struct job_rows {
    struct key listing;
    struct key due;
    struct key running;
    struct key expiry;
    struct key active;
};
struct job_rows job_rows_of(const struct job *job);
/* A new job. CONFLICT when the id is there. */
enum outcome job_rows_insert(struct transaction *transaction, const struct job *job, struct error *error);
/* The same job before and after a change. */
enum outcome job_rows_update(struct transaction *transaction, const struct job *before,
                             const struct job *after, struct error *error);
/* The job's rows, event, result, log and attempts: nothing of it is left. */
enum outcome job_rows_remove(struct transaction *transaction, const struct job *job, struct error *error);
/* Event, result and log only. */
enum outcome job_rows_remove_content(struct transaction *transaction, const struct job *job,
                                     struct error *error);

#endif
