/* store_import.c - a job from another store (writing half) */
#include "config.h"

#include "clock.h"
#include "store_bdb/due_astray.h"
#include "store_bdb/store_bdb.h"

#include "store_bdb/delivery_rows.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

/* Its worker is in another world: it is interrupted, and no retry used up. */
static struct job job_as_imported(const struct job *job)
{
    struct job imported = *job;
    if (imported.status == JOB_RUNNING) {
        imported.status = JOB_QUEUED;
        imported.runner = (struct slot_identity){.slot = 0};
        imported.progress_percent = -1;
        imported.progress_message[0] = '\0';
    }
    return imported;
}

static enum outcome put_log(struct transaction *transaction, const struct store_import *import,
                            struct error *error)
{
    const char *bytes = import->log;
    uint64_t offset = import->job.log_size - import->log_size;
    enum outcome outcome = OK;
    for (size_t done = 0; outcome == OK && done < import->log_size; done += STORE_LOG_PIECE) {
        size_t left = import->log_size - done;
        struct key key = key_of_log(&import->job.id, offset + done);
        outcome = table_put(transaction, TABLE_LOGS, &key, bytes + done,
                            left < STORE_LOG_PIECE ? left : STORE_LOG_PIECE, error);
    }
    return outcome;
}

static enum outcome put_attempts(struct transaction *transaction, const struct store_import *import,
                                 struct error *error)
{
    uint8_t bytes[RECORD_ATTEMPT_MAX];
    enum outcome outcome = OK;
    for (size_t i = 0; outcome == OK && i < import->attempt_count; i++) {
        struct key key = key_of_attempt(&import->job.id, import->attempts[i].number);
        outcome = table_put(transaction, TABLE_ATTEMPTS, &key, bytes,
                            record_put_attempt(&import->attempts[i], bytes), error);
    }
    return outcome;
}

static enum outcome put_deliveries(struct transaction *transaction, const struct store_import *import,
                                   struct error *error)
{
    enum outcome outcome = OK;
    for (size_t i = 0; outcome == OK && i < import->delivery_count; i++)
        outcome = delivery_rows_update(transaction, &import->deliveries[i], &import->deliveries[i], error);
    return outcome;
}

static enum outcome put_content(struct transaction *transaction, const struct store_import *import,
                                struct error *error)
{
    struct key key = key_of_id(&import->job.id);
    enum outcome outcome = OK;
    if (import->event != NULL)
        outcome = table_put(transaction, TABLE_EVENTS, &key, import->event, import->event_size, error);
    if (outcome == OK && import->result != NULL)
        outcome = table_put(transaction, TABLE_RESULTS, &key, import->result, import->result_size, error);
    return outcome == OK && import->log_size > 0 ? put_log(transaction, import, error) : outcome;
}

/* By the clock of another machine: a delay that it still has to wait for is none. */
static bool is_astray(const struct job *job, int64_t now_ms)
{
    int64_t delay_ms = job->first_due_ms - job->created_ms;
    return job->status == JOB_QUEUED && job->due_ms > now_ms &&
           (job->waits_for_retry || job->due_ms - now_ms > delay_ms);
}

static enum outcome import_job(struct transaction *transaction, void *context, struct error *error)
{
    const struct store_import *import = context;
    struct job job = job_as_imported(&import->job);
    enum outcome outcome = environment_has_space(
        transaction->environment, import->event_size + import->result_size + import->log_size, error);
    if (outcome == OK)
        outcome = job_rows_insert(transaction, &job, error);
    if (outcome == OK && is_astray(&job, clock_wall_ms()))
        due_astray_again(transaction);
    if (outcome == OK)
        outcome = put_content(transaction, import, error);
    if (outcome == OK)
        outcome = put_attempts(transaction, import, error);
    return outcome == OK ? put_deliveries(transaction, import, error) : outcome;
}

enum outcome store_import(struct store *store, const struct store_import *import, int64_t deadline_ms,
                          struct store_ticket *ticket, struct error *error)
{
    return environment_run(store->environment, import_job, (void *)import, deadline_ms, ticket, error);
}
