/* store_view.c - a job with all that its document tells, in one stay in the gate (reading half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/delivery_rows.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/read_parts.h"
#include "store_bdb/table.h"

#include <stdlib.h>

struct look {
    const struct job_id *id;
    const struct configuration *configuration;
    int64_t now_ms;
    size_t result_most;
    struct store_view *view;
};

static enum outcome view_attempts(struct transaction *transaction, struct look *call, struct error *error)
{
    struct store_view *view = call->view;
    size_t most = view->job.attempts < STORE_ATTEMPTS_KEPT ? view->job.attempts : STORE_ATTEMPTS_KEPT;

    view->attempt_count = 0;
    if (most == 0)
        return OK;
    /* The body may run a second time. */
    free(view->attempts);
    view->attempts = malloc(most * sizeof *view->attempts);
    if (view->attempts == NULL)
        return error_set(error, NOMEM, "no memory for the attempts of a job");
    return read_attempts(transaction, call->id, view->attempts, most, &view->attempt_count, error);
}

static enum outcome view_result(struct transaction *transaction, struct look *call, struct error *error)
{
    struct store_view *view = call->view;
    const struct job *job = &view->job;
    struct key key = key_of_id(call->id);

    buffer_cut(&view->result, 0);
    view->has_result = false;
    if (job->result_type[0] == '\0' || job->purged || job->result_size > call->result_most)
        return OK;
    enum outcome outcome =
        table_append(transaction, TABLE_RESULTS, &key, job->result_size, &view->result, error);
    view->has_result = outcome == OK;
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome view_place(struct transaction *transaction, struct look *call, struct error *error)
{
    struct store_view *view = call->view;
    enum outcome outcome = NOTFOUND;

    if (view->job.status == JOB_QUEUED)
        outcome = read_place(transaction, &view->job, call->configuration, call->now_ms, &view->place, error);
    view->has_place = outcome == OK;
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome view_deliveries(struct transaction *transaction, struct look *call, struct error *error)
{
    call->view->delivery_count = 0;
    if (!job_has_deliveries(&call->view->job))
        return OK;
    return delivery_rows_list(transaction, call->id, call->view->deliveries, &call->view->delivery_count,
                              error);
}

static enum outcome look(struct transaction *transaction, void *context, struct error *error)
{
    struct look *call = context;
    enum outcome outcome = job_rows_load(transaction, call->id, call->now_ms, &call->view->job, error);

    if (outcome == OK)
        outcome = view_attempts(transaction, call, error);
    if (outcome == OK)
        outcome = view_result(transaction, call, error);
    if (outcome == OK)
        outcome = view_place(transaction, call, error);
    if (outcome == OK)
        outcome = view_deliveries(transaction, call, error);
    return outcome;
}

enum outcome store_view(struct store *store, const struct job_id *id,
                        const struct configuration *configuration, size_t result_most, int64_t deadline_ms,
                        struct store_view *view, struct error *error)
{
    struct look call = {id, configuration, clock_wall_ms(), result_most, view};

    view->attempts = NULL;
    view->attempt_count = view->delivery_count = 0;
    view->result = (struct buffer){0};
    view->has_result = view->has_place = false;
    enum outcome outcome = environment_read(store->environment, look, &call, id, deadline_ms, error);
    if (outcome != OK)
        store_view_free(view);
    return outcome;
}

void store_view_free(struct store_view *view)
{
    free(view->attempts);
    view->attempts = NULL;
    view->attempt_count = 0;
    buffer_free(&view->result);
}
