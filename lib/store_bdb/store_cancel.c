/* store_cancel.c - ending a job on request, and erasing what it left (writing half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"

struct cancel {
    const struct configuration *configuration;
    const struct job_id *id;
    struct job_change change;
    struct job *job;
    bool changed;
};

static enum outcome cancel(struct transaction *transaction, void *context, struct error *error)
{
    struct cancel *call = context;
    struct job before;
    enum outcome outcome = job_rows_load(transaction, call->id, call->change.now_ms, &before, error);

    call->changed = false;
    if (outcome != OK)
        return outcome;
    *call->job = before;
    if (before.status == JOB_CANCELLED || (before.status == JOB_RUNNING && before.cancel_requested))
        return OK;
    outcome = job_apply(call->job, JOB_CANCEL,
                        &configuration_function(call->configuration, before.function)->policy, &call->change);
    if (outcome != OK)
        return outcome;
    call->changed = true;
    return job_rows_update(transaction, &before, call->job, error);
}

enum outcome store_cancel(struct store *store, const struct configuration *configuration,
                          const struct job_id *id, const char *reason, const char *caller,
                          int64_t deadline_ms, struct job *job, struct store_ticket *ticket,
                          struct error *error)
{
    struct cancel call = {
        .configuration = configuration,
        .id = id,
        .change = {.now_ms = clock_wall_ms(), .reason = reason, .caller = caller},
        .job = job,
    };
    enum outcome outcome = environment_run(store->environment, cancel, &call, deadline_ms, ticket, error);

    if (outcome == OK && call.changed)
        store_ring_job(store, id);
    if (outcome == OK && call.changed && job->status == JOB_CANCELLED)
        meter_ended(store->meter, job->function, JOB_CANCELLED, call.change.now_ms);
    return outcome;
}

struct purge {
    const struct job_id *id;
    int64_t now_ms;
    struct job *job;
};

static enum outcome purge(struct transaction *transaction, void *context, struct error *error)
{
    struct purge *call = context;
    struct job *job = call->job;
    struct job before;
    enum outcome outcome = job_rows_load(transaction, call->id, call->now_ms, &before, error);

    if (outcome != OK)
        return outcome;
    *job = before;
    if (!job_status_is_terminal(job->status))
        return CONFLICT;
    if (job->purged)
        return OK;
    job->purged = true;
    job->event_size = 0;
    job->result_size = 0;
    job->result_type[0] = '\0';
    job->log_size = 0;
    job->revision++;
    outcome = job_rows_remove_content(transaction, job, error);
    return outcome == OK ? job_rows_update(transaction, &before, job, error) : outcome;
}

enum outcome store_purge(struct store *store, const struct job_id *id, int64_t deadline_ms, struct job *job,
                         struct store_ticket *ticket, struct error *error)
{
    struct purge call = {.id = id, .now_ms = clock_wall_ms(), .job = job};
    enum outcome outcome = environment_run(store->environment, purge, &call, deadline_ms, ticket, error);

    if (outcome == OK)
        store_ring_job(store, id);
    return outcome;
}
