/* POST /job: Lambda's Invoke over HTTP. Event answers at once, RequestResponse waits for the result, DryRun
 * only looks. */
#include "config.h"
#include "handlers.h"

#include "clock.h"
#include "json.h"
#include "result_answer.h"
#include "submission.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

/* Lambda's own: the last 4 KiB of the log. */
#define LOG_TAIL_SIZE 4096

enum invocation { INVOKE_EVENT = 1, INVOKE_REQUEST_RESPONSE, INVOKE_DRY_RUN };

static bool read_invocation(struct exchange *exchange, enum invocation *invocation)
{
    static const struct {
        const char *name;
        enum invocation invocation;
    } names[] = {{"", INVOKE_EVENT},
                 {"Event", INVOKE_EVENT},
                 {"RequestResponse", INVOKE_REQUEST_RESPONSE},
                 {"DryRun", INVOKE_DRY_RUN}};
    const char *text = request_header(&exchange->request, HEADER_INVOCATION_TYPE);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i].name) == 0) {
            *invocation = names[i].invocation;
            return true;
        }
    }
    response_fail(&exchange->response, 400, "Bad request",
                  "X-Amz-Invocation-Type is Event, RequestResponse or DryRun.");
    return false;
}

/* Everything was checked but the store: would it take the job? */
static void answer_dry_run(struct exchange *exchange)
{
    struct error error = {0};
    struct store_health health = {0};
    enum outcome outcome = store_health(exchange->store, exchange->deadline_ms, &health, &error);
    if (outcome == OK && health.accepts != OK)
        outcome = error_set(&error, health.accepts, "%s", health.trouble);
    if (outcome == OK)
        exchange->response.status = 204;
    else
        exchange_fail(exchange, outcome, &error);
}

/* Waiting for a result makes sense while the function can still end in time: not when its next attempt comes
 * later. */
struct patience {
    int64_t until_wall_ms;
};

static bool is_settled(const struct job *job, const void *context)
{
    const struct patience *patience = context;
    return job_status_is_terminal(job->status) ||
           (job->status == JOB_QUEUED && job->due_ms > patience->until_wall_ms);
}

static void add_log_tail(struct exchange *exchange, const struct job *job)
{
    struct buffer tail = {0};
    uint64_t start, size;
    uint64_t offset = job->log_size > LOG_TAIL_SIZE ? job->log_size - LOG_TAIL_SIZE : 0;
    if (strcmp(request_header(&exchange->request, HEADER_LOG_TYPE), "Tail") == 0 &&
        store_log(exchange->store, &job->id, offset, LOG_TAIL_SIZE, exchange->deadline_ms, &tail, &start,
                  &size, NULL) == OK) {
        char encoded[BASE64_ENCODE_RAW_LENGTH(LOG_TAIL_SIZE) + 1];
        base64_encode_raw(encoded, tail.length, (const uint8_t *)(tail.data != NULL ? tail.data : ""));
        encoded[BASE64_ENCODE_RAW_LENGTH(tail.length)] = '\0';
        response_header(&exchange->response, "X-Amz-Log-Result", encoded);
    }
    buffer_free(&tail);
}

/* The function's answer as Lambda gives it: 200 also when the function failed, with the error as the payload.
 */
static void answer_outcome(struct exchange *exchange, const struct job *job)
{
    response_header(&exchange->response, "X-Amzn-RequestId", exchange->request_id);
    add_log_tail(exchange, job);
    if (job->status == JOB_SUCCEEDED) {
        if (job->result_type[0] != '\0')
            result_answer(exchange, job);
        else
            response_json(&exchange->response, 200, json_object_new_null());
        return;
    }
    struct json_object *payload = json_object_new_object();
    bool cancelled = job->status == JOB_CANCELLED;
    json_add_text(payload, "errorMessage", cancelled ? "The job was cancelled." : job->error_message);
    json_add_text(payload, "errorType", cancelled ? "Job.Cancelled" : job->error_type);
    response_header(&exchange->response, "X-Amz-Function-Error", "Unhandled");
    response_json(&exchange->response, 200, payload);
}

static void answer_too_slow(struct exchange *exchange, const struct job *job)
{
    struct json_object *problem = problem_make(
        504, "Job goes on", "The function has not ended in time; the job goes on, ask for it by its id.");
    json_add_text(problem, "jobId", exchange->request_id);
    json_add_text(problem, "jobStatus", job_status_name(job->status));
    submission_name_job(exchange, job);
    response_problem(&exchange->response, 504, problem);
}

static void answer_request_response(struct exchange *exchange, const struct submission *submission,
                                    struct job *job)
{
    struct error error = {0};
    int64_t wait_ms = submission->preference.has_wait ? submission->preference.wait_ms
                                                      : exchange->configuration->wait_max_ms;
    struct patience patience = {clock_wall_ms() + wait_ms};
    enum outcome outcome =
        exchange_wait(exchange, job, is_settled, &patience, clock_deadline(wait_ms), &error);
    preference_acknowledge(&submission->preference, &exchange->response);
    if (outcome != OK)
        exchange_fail(exchange, outcome == NOTFOUND || outcome == GONE ? IO : outcome, &error);
    else if (job_status_is_terminal(job->status))
        answer_outcome(exchange, job);
    else
        answer_too_slow(exchange, job);
}

void job_submit(struct exchange *exchange)
{
    struct submission submission = {0};
    struct job job;
    enum invocation invocation;
    const char *name = request_parameter(&exchange->request, "function");
    if (!submission_check_type(exchange) || !read_invocation(exchange, &invocation) ||
        !submission_take_function(exchange, &submission,
                                  name != NULL ? name : exchange->configuration->default_function) ||
        !submission_take_event(exchange, &submission) || !submission_take_wishes(exchange, &submission))
        return;
    if (invocation == INVOKE_DRY_RUN) {
        answer_dry_run(exchange);
        return;
    }
    if (!submission_commit(exchange, &submission, &job))
        return;
    if (invocation == INVOKE_REQUEST_RESPONSE)
        answer_request_response(exchange, &submission, &job);
    else
        submission_answer(exchange, &submission, &job);
}
