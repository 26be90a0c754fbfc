/* POST /job/{id}/retry: the same function again, with the same event or an edited one, as a new job. */
#include "config.h"
#include "handlers.h"

#include "guard.h"
#include "submission.h"

static bool get_ended_job(struct exchange *exchange, struct job *job)
{
    struct error error = {0};
    enum outcome outcome = store_get(exchange->store, &exchange->id, exchange->deadline_ms, job, &error);
    if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return false;
    }
    if (!guard_may_use(exchange, job->function))
        return false;
    if (job_status_is_terminal(job->status))
        return true;
    struct json_object *problem =
        problem_make(409, "Job has not ended", "Only a job that has ended can be retried.");
    json_add_text(problem, "jobStatus", job_status_name(job->status));
    response_problem(&exchange->response, 409, problem);
    return false;
}

/* Without a body, the old event: in the exchange's body, where an edited one would be. */
static bool take_event(struct exchange *exchange, struct submission *submission)
{
    struct error error = {0};
    if (exchange->body.length > 0)
        return submission_take_event(exchange, submission);
    enum outcome outcome =
        store_event(exchange->store, &exchange->id, exchange->deadline_ms, &exchange->body, &error);
    if (outcome == NOTFOUND) {
        response_fail(&exchange->response, 409, "Event erased",
                      "The event of this job was erased; send one to retry it.");
        return false;
    }
    if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return false;
    }
    submission->event = exchange->body.data;
    submission->event_size = exchange->body.length;
    return true;
}

void job_retry(struct exchange *exchange)
{
    struct submission submission = {.retry_of = &exchange->id};
    struct job old, job;
    if (!submission_check_type(exchange) || !get_ended_job(exchange, &old) ||
        !submission_take_function(exchange, &submission, old.function) ||
        !take_event(exchange, &submission) || !submission_take_wishes(exchange, &submission))
        return;
    if (submission_commit(exchange, &submission, &job))
        submission_answer(exchange, &submission, &job);
}
