/* delivery_rows.h - a delivery and its row among those that are due
 *
 * The only code that touches DELIVERIES and DELIVERY_DUE. Inside a transaction body only. delivery_rows_load and _list are
 * the reading half (delivery_load.c). */
#ifndef JOBGATE_STORE_BDB_DELIVERY_ROWS_H
#define JOBGATE_STORE_BDB_DELIVERY_ROWS_H

#include "store_bdb/environment.h"

/* OK, NOTFOUND. IO: the record is damaged. */
enum outcome delivery_rows_load(struct transaction *transaction, const struct job_id *id,
                                enum store_target target, struct store_delivery *delivery,
                                struct error *error);
/* Those of one job: up to STORE_TARGETS are written to `list`. */
enum outcome delivery_rows_list(struct transaction *transaction, const struct job_id *id,
                                struct store_delivery *list, size_t *count, struct error *error);
/* One for each target that this job, which has just ended, names. */
enum outcome delivery_rows_insert(struct transaction *transaction, const struct job *job,
                                  struct error *error);
enum outcome delivery_rows_update(struct transaction *transaction, const struct store_delivery *before,
                                  const struct store_delivery *after, struct error *error);
/* All of the job's. */
enum outcome delivery_rows_remove(struct transaction *transaction, const struct job_id *id,
                                  struct error *error);

#endif
