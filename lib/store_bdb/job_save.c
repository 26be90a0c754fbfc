/* job_save.c - the writing half of job_rows.h */
#include "config.h"

#include "store_bdb/job_rows.h"

#include "clock.h"
#include "store_bdb/delivery_rows.h"
#include "store_bdb/due_astray.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

struct job_rows job_rows_of(const struct job *job)
{
    struct job_rows rows = {.listing = key_of_listing(job->function, job->status, &job->id)};

    if (job->status == JOB_QUEUED)
        rows.due = key_of_due(job->function, job->due_ms, &job->id);
    if (job->status == JOB_RUNNING)
        rows.running = key_of_running(job->function, &job->id);
    if (job->caller[0] != '\0' && !job_status_is_terminal(job->status))
        rows.active = key_of_active(job->caller, &job->id);
    if (job->expires_ms > 0)
        rows.expiry = key_of_expiry(job->expires_ms, EXPIRY_JOB, job->id.bytes, JOB_ID_BYTES);
    return rows;
}

static enum outcome move_row(struct transaction *transaction, enum table name, const struct key *before,
                             const struct key *after, struct error *error)
{
    enum outcome outcome = OK;

    if (before->size == after->size && memcmp(before->bytes, after->bytes, before->size) == 0)
        return OK;
    if (before->size > 0)
        outcome = table_delete(transaction, name, before, error);
    if (outcome == OK && after->size > 0)
        outcome = table_put(transaction, name, after, "", 0, error);
    return outcome;
}

static enum outcome move_rows(struct transaction *transaction, const struct job_rows *before,
                              const struct job_rows *after, struct error *error)
{
    enum outcome outcome = move_row(transaction, TABLE_LISTING, &before->listing, &after->listing, error);

    if (outcome == OK)
        outcome = move_row(transaction, TABLE_DUE, &before->due, &after->due, error);
    if (outcome == OK && after->due.size > 0)
        due_astray_note(transaction, clock_wall_ms());
    if (outcome == OK)
        outcome = move_row(transaction, TABLE_RUNNING, &before->running, &after->running, error);
    if (outcome == OK)
        outcome = move_row(transaction, TABLE_EXPIRY, &before->expiry, &after->expiry, error);
    if (outcome == OK)
        outcome = move_row(transaction, TABLE_ACTIVE, &before->active, &after->active, error);
    return outcome;
}

enum outcome job_rows_insert(struct transaction *transaction, const struct job *job, struct error *error)
{
    static const struct job_rows none;
    uint8_t bytes[RECORD_JOB_MAX];
    size_t size = record_put_job(job, bytes);
    struct key key = key_of_id(&job->id);
    struct job_rows rows = job_rows_of(job);
    enum outcome outcome = table_add(transaction, TABLE_JOBS, &key, bytes, size, error);

    if (outcome == OK)
        outcome = move_rows(transaction, &none, &rows, error);
    if (outcome == OK && job->status == JOB_QUEUED)
        due_astray_note(transaction, job->created_ms);
    if (outcome == OK)
        transaction_touches(transaction, &job->id);
    return outcome;
}

enum outcome job_rows_update(struct transaction *transaction, const struct job *before,
                             const struct job *after, struct error *error)
{
    uint8_t bytes[RECORD_JOB_MAX];
    size_t size = record_put_job(after, bytes);
    struct key key = key_of_id(&after->id);
    struct job_rows from = job_rows_of(before);
    struct job_rows to = job_rows_of(after);
    enum outcome outcome = table_put(transaction, TABLE_JOBS, &key, bytes, size, error);

    if (outcome == OK)
        outcome = move_rows(transaction, &from, &to, error);
    if (outcome == OK && job_has_deliveries(after) && !job_status_is_terminal(before->status))
        outcome = delivery_rows_insert(transaction, after, error);
    if (outcome == OK)
        transaction_touches(transaction, &after->id);
    return outcome;
}

enum outcome job_rows_remove_content(struct transaction *transaction, const struct job *job,
                                     struct error *error)
{
    struct key key = key_of_id(&job->id);
    enum outcome outcome = table_delete(transaction, TABLE_EVENTS, &key, error);

    if (outcome == OK)
        outcome = table_delete(transaction, TABLE_RESULTS, &key, error);
    if (outcome == OK)
        outcome = table_delete_of_id(transaction, TABLE_LOGS, &job->id, error);
    return outcome;
}

enum outcome job_rows_remove(struct transaction *transaction, const struct job *job, struct error *error)
{
    static const struct job_rows none;
    struct key key = key_of_id(&job->id);
    struct job_rows rows = job_rows_of(job);
    enum outcome outcome = job_rows_remove_content(transaction, job, error);

    if (outcome == OK)
        outcome = table_delete_of_id(transaction, TABLE_ATTEMPTS, &job->id, error);
    if (outcome == OK && job_has_deliveries(job))
        outcome = delivery_rows_remove(transaction, &job->id, error);
    if (outcome == OK)
        outcome = move_rows(transaction, &rows, &none, error);
    if (outcome == OK)
        outcome = table_delete(transaction, TABLE_JOBS, &key, error);
    if (outcome == OK)
        transaction_touches(transaction, &job->id);
    return outcome;
}
