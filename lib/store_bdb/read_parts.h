/* read_parts.h - reads that are calls of their own and parts of store_view as well
 *
 * Inside a transaction body only. */
#ifndef JOBGATE_STORE_BDB_READ_PARTS_H
#define JOBGATE_STORE_BDB_READ_PARTS_H

#include "store_bdb/environment.h"

/* The attempts of a job, oldest first, at most `most` of them. */
enum outcome read_attempts(struct transaction *transaction, const struct job_id *id,
                           struct job_attempt *attempts, size_t most, size_t *count, struct error *error);
/* NOTFOUND: it is not queued. */
enum outcome read_place(struct transaction *transaction, const struct job *job,
                        const struct configuration *configuration, int64_t now_ms,
                        struct store_queue_place *place, struct error *error);

#endif
