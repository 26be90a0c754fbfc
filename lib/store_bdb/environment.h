/* environment.h - the Berkeley DB environment behind the gate
 *
 * Internal to lib/store_bdb. Every libdb call of Jobgate happens between environment_enter and
 * environment_leave, inside the gate (gate.h): libdb 5.3's mutexes are not robust, so a process killed inside
 * the library would wedge all others. The gate's kernel lock goes with the process that held it, and the next
 * one in finds the page dirty, abandons the old handles, recovers and goes on. Commits are not synced inside:
 * see log_sync.h.
 *
 * Callers never call enter/leave themselves but run a body: */
#ifndef JOBGATE_ENVIRONMENT_H
#define JOBGATE_ENVIRONMENT_H

#include "../outcome.h"
#include "../store.h"

#include <db.h>
#include <stdbool.h>

struct environment;

/* All B-trees in byte order. DUE and LISTING have DB_RECNUM (exact counts and places in O(log n)). GONE holds
 * the ids of expired jobs, apart from JOBS so that a list never walks over them. Key layouts: keys.h. */
enum table {
    TABLE_JOBS,
    TABLE_EVENTS,
    TABLE_RESULTS,
    TABLE_LOGS,
    TABLE_ATTEMPTS,
    TABLE_DUE,
    TABLE_RUNNING,
    TABLE_LISTING,
    TABLE_IDEMPOTENCY,
    TABLE_EXPIRY,
    TABLE_GONE,
    TABLE_DELIVERIES,
    TABLE_DELIVERY_DUE,
    TABLE_ACTIVE,
    TABLE_COUNT
};

enum outcome environment_open(const struct configuration *configuration, enum store_access access,
                              struct environment **environment, struct error *error);
/* Detaches in good order when the gate is to be had within 2 s. NULL is legal. */
void environment_close(struct environment *environment);
/* disk_reserve may be edited while the store is open. */
void environment_configure(struct environment *environment, const struct configuration *configuration);
/* True when this process has let go of so many handles after recoveries (each keeps its memory), or of its
 * gate, that it should end when it is idle and leave the work to a new one. */
bool environment_wants_restart(const struct environment *environment);

/* What a body works on. Valid only inside the body. */
struct transaction {
    struct environment *environment;
    DB_TXN *txn; /* NULL in environment_read */
};
/* The table's handle, opened on first use. NULL in *table with OK: read-only and not there yet (empty). */
enum outcome transaction_table(struct transaction *transaction, enum table name, DB **table,
                               struct error *error);
/* Turns a libdb return value into an outcome and words; remembers what asks for recovery (DB_RUNRECOVERY,
 * ENOMEM, EIO) so that environment_run abandons the handles, recovers and runs the body once more.
 * ENOSPC/EDQUOT is FULL. */
enum outcome transaction_failed(struct transaction *transaction, int result, struct error *error,
                                const char *what);
/* The job's changes are seen by reads of this job only once synced: notes the id's hash with this commit's
 * position. */
void transaction_touches(struct transaction *transaction, const struct job_id *id);
/* What is committed of the job (and of those that share its hash) so far. */
struct store_ticket transaction_job_ticket(struct transaction *transaction, const struct job_id *id);

/* A body returns OK to commit; any other outcome aborts and is handed through. It may run more than once (a
 * recovery, a RETRY: bounded), so it sets its results from scratch each time. */
typedef enum outcome transaction_body(struct transaction *transaction, void *context, struct error *error);

enum outcome environment_run(struct environment *environment, transaction_body *body, void *context,
                             int64_t deadline_ms, struct store_ticket *ticket, struct error *error);
/* Without a transaction, for reading. When `id` is not NULL, returns only after what it saw of that job is
 * synced; with NULL, after everything committed so far is. */
enum outcome environment_read(struct environment *environment, transaction_body *body, void *context,
                              const struct job_id *id, int64_t deadline_ms, struct error *error);
/* store_stamp. Outside the gate. */
struct store_stamp environment_stamp(const struct environment *environment, const struct job_id *id);
enum outcome environment_sync(struct environment *environment, struct store_ticket ticket,
                              int64_t deadline_ms, struct error *error);
bool environment_is_synced(const struct environment *environment, struct store_ticket ticket);
enum outcome environment_sync_with_others(struct environment *environment, struct store_ticket ticket,
                                          int64_t deadline_ms, struct error *error);
/* generation, free space, poison. */
enum outcome environment_health(struct environment *environment, int64_t deadline_ms,
                                struct store_health *health, struct error *error);
/* A few bytes in the gate's page (gate.h) that survive the process, but no recovery. Only inside a body. */
struct gate_queue *environment_queue(struct environment *environment);
/* More room is refused when the disk is nearly full: FULL with words, else OK. Cheap (statvfs at most each
 * 200 ms). */
enum outcome environment_has_space(struct environment *environment, size_t needed, struct error *error);

/* ---- for a copy of the files (backup.c) ---- */

/* The data folder's descriptor; stays the environment's. */
int environment_folder(const struct environment *environment);

/* Makes a checkpoint, and until let go (or for a minute after the last renewal) nobody makes another one: no log file is
 * removed, and a recovery from copies of the tables finds everything in the log since. */
struct environment_hold {
    uint64_t generation;
    int64_t renewed_ms;
};
enum outcome environment_hold(struct environment *environment, int64_t deadline_ms,
                              struct environment_hold *hold, struct error *error);
/* Renews it. False: it is lost (a recovery, or a pause too long): what was copied is worth nothing. */
bool environment_still_holds(struct environment *environment, struct environment_hold *hold);
void environment_let_go(struct environment *environment, struct environment_hold *hold);

/* Inside a body of environment_read. Where the log ends for libdb, all of it written and synced. */
enum outcome transaction_log_end(struct transaction *transaction, uint64_t *position, struct error *error);
/* Inside a body of environment_read. libdb's own look at every page of a table. INVALID with words: damaged. */
enum outcome transaction_verify(struct transaction *transaction, enum table name, struct error *error);

/* For the operator, after a fault (gate.h): writes every log and table file once more over itself, so that what the
 * kernel still has is on the disk or the failure shows again (IO: the fault stays), and puts the store back in service;
 * the next visitor recovers. accept_loss: also from a log that is shorter than it once was. Processes may be running. */
enum outcome environment_clear_fault(const char *data_dir, bool accept_loss, struct error *error);

#endif
