/* DELETE /job/{id}: stops a job, or with ?purge=true erases the content of one that has ended. */
#include "config.h"
#include "handlers.h"

#include "deliverer.h"
#include "guard.h"
#include "job_document.h"
#include "log.h"
#include "preference.h"

#include <string.h>

static void answer_job(struct exchange *exchange, int status, const struct job *job)
{
    char etag[ETAG_SIZE];
    struct job_document_parts parts = {.base = exchange->request.base};
    response_header(&exchange->response, "ETag", etag_format(job->revision, 0, etag));
    response_json(&exchange->response, status, job_document(job, &parts));
}

static void answer_conflict(struct exchange *exchange, const struct job *job, const char *error,
                            const char *detail)
{
    struct json_object *problem = problem_make(409, error, "%s", detail);
    json_add_text(problem, "jobStatus", job_status_name(job->status));
    response_problem(&exchange->response, 409, problem);
}

static void purge(struct exchange *exchange)
{
    struct error error = {0};
    struct job job;
    enum outcome outcome =
        store_purge(exchange->store, &exchange->id, exchange->deadline_ms, &job, &exchange->ticket, &error);
    if (outcome == OK) {
        log_event(LOG_LEVEL_INFO, "purged", "job", exchange->request_id, "caller",
                  exchange->caller.name[0] != '\0' ? exchange->caller.name : NULL, NULL);
        answer_job(exchange, 200, &job);
    } else if (outcome == CONFLICT) {
        answer_conflict(exchange, &job, "Job has not ended",
                        "Cancel the job first; its content can be erased then.");
    } else {
        exchange_fail(exchange, outcome, &error);
    }
}

/* A queued job has ended with the cancel: whoever waits for its callback is to be told. */
static void tell_others(struct exchange *exchange, const struct job *job)
{
    struct error error = {0};
    if (job_has_deliveries(job) && deliverer_wake(exchange->configuration, exchange->store, &error) != OK)
        exchange_log_failure(exchange, "deliverer_not_started", &error);
}

static void cancel(struct exchange *exchange, const char *reason)
{
    struct error error = {0};
    struct job job;
    const char *caller = exchange->caller.name[0] != '\0' ? exchange->caller.name : NULL;
    enum outcome outcome = store_cancel(exchange->store, exchange->configuration, &exchange->id, reason,
                                        caller, exchange->deadline_ms, &job, &exchange->ticket, &error);
    if (outcome == OK) {
        log_event(LOG_LEVEL_INFO, "cancel", "job", exchange->request_id, "reason", reason, "caller", caller,
                  NULL);
        tell_others(exchange, &job);
        answer_job(exchange, job.status == JOB_CANCELLED ? 200 : 202, &job);
    } else if (outcome == CONFLICT) {
        answer_conflict(exchange, &job, "Job has ended", "The job had ended before it could be cancelled.");
    } else {
        exchange_fail(exchange, outcome, &error);
    }
}

/* What is erased does not come back, so that takes another scope. A key that names functions may only read the jobs of
 * others. */
static bool is_allowed(struct exchange *exchange, enum access_scope scope)
{
    struct error error = {0};
    struct job job;
    if (!guard_may(exchange, scope))
        return false;
    if (exchange->caller.function_count == 0)
        return true;
    enum outcome outcome = store_get(exchange->store, &exchange->id, exchange->deadline_ms, &job, &error);
    if (outcome == OK)
        return guard_may_use(exchange, job.function);
    exchange_fail(exchange, outcome, &error);
    return false;
}

void job_cancel(struct exchange *exchange)
{
    const char *reason = request_parameter(&exchange->request, "reason");
    const char *erase = request_parameter(&exchange->request, "purge");
    job_id_format(&exchange->id, exchange->request_id);
    if (reason != NULL && strlen(reason) >= JOB_REASON_SIZE) {
        response_fail(&exchange->response, 400, "Bad request", "reason= takes at most %d bytes.",
                      JOB_REASON_SIZE - 1);
    } else if (erase != NULL && strcmp(erase, "true") != 0) {
        response_fail(&exchange->response, 400, "Bad request", "purge= takes no other value than true.");
    } else if (!is_allowed(exchange, erase != NULL ? SCOPE_ADMIN : SCOPE_CANCEL)) {
        return;
    } else if (erase != NULL) {
        purge(exchange);
    } else {
        cancel(exchange, reason);
    }
}
