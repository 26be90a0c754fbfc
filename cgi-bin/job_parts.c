/* The parts of a job that are handed out as they are: result, log, event. */
#include "config.h"
#include "handlers.h"

#include "preference.h"
#include "result_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of a log in one answer; the client goes on at X-Log-Next. */
#define LOG_PIECE_MAX (1024 * 1024)

static bool get_job(struct exchange *exchange, struct job *job)
{
    struct error error = {0};
    enum outcome outcome = store_get(exchange->store, &exchange->id, exchange->deadline_ms, job, &error);
    if (outcome != OK)
        exchange_fail(exchange, outcome, &error);
    return outcome == OK;
}

static void answer_missing(struct exchange *exchange, const struct job *job, const char *what)
{
    if (job->purged)
        response_fail(&exchange->response, 410, "Content erased", "The content of this job was erased.");
    else
        response_fail(&exchange->response, 404, "Nothing there", "This job has no %s; its status is %s.",
                      what, job_status_name(job->status));
}

void job_result(struct exchange *exchange)
{
    struct job job;
    char etag[ETAG_SIZE];
    if (!get_job(exchange, &job))
        return;
    if (job.result_type[0] == '\0' || job.purged) {
        answer_missing(exchange, &job, "result");
        return;
    }
    etag_format(job.revision, 0, etag);
    response_header(&exchange->response, "ETag", etag);
    if (etag_matches(request_header(&exchange->request, HEADER_IF_NONE_MATCH), etag))
        exchange->response.status = 304;
    else
        result_answer(exchange, &job);
}

void job_event_show(struct exchange *exchange)
{
    struct error error = {0};
    struct job job;
    struct response *response = &exchange->response;
    if (!get_job(exchange, &job))
        return;
    enum outcome outcome =
        store_event(exchange->store, &job.id, exchange->deadline_ms, &response->body, &error);
    if (outcome == NOTFOUND) {
        answer_missing(exchange, &job, "event");
    } else if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
    } else {
        response->status = 200;
        response_header(response, "Content-Type", "application/json");
    }
}

static bool read_offset(struct exchange *exchange, uint64_t *offset)
{
    const char *text = request_parameter(&exchange->request, "offset");
    *offset = 0;
    if (text == NULL)
        return true;
    char *end = NULL;
    errno = 0;
    if (*text >= '0' && *text <= '9')
        *offset = strtoull(text, &end, 10);
    if (end != NULL && *end == '\0' && errno == 0 && *offset <= INT64_MAX)
        return true;
    response_fail(&exchange->response, 400, "Bad request", "offset= takes a number of bytes.");
    return false;
}

/* Text as it was written to standard error; while the job runs, what is there by now. X-Log-Offset is where
 * these bytes begin (later than asked for when the log's head was dropped), X-Log-Next where to go on,
 * X-Log-Size what was written in all, and X-Job-Status tells whether more can come. */
void job_log(struct exchange *exchange)
{
    struct error error = {0};
    struct job job;
    struct response *response = &exchange->response;
    uint64_t offset, start = 0, size = 0;
    if (!read_offset(exchange, &offset) || !get_job(exchange, &job))
        return;
    if (job.purged) {
        answer_missing(exchange, &job, "log");
        return;
    }
    enum outcome outcome = store_log(exchange->store, &job.id, offset, LOG_PIECE_MAX, exchange->deadline_ms,
                                     &response->body, &start, &size, &error);
    if (outcome == NOTFOUND) {
        /* Nothing was written yet. */
        start = size = 0;
    } else if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return;
    }
    response->status = 200;
    response_header(response, "Content-Type", "text/plain; charset=utf-8");
    response_header_integer(response, "X-Log-Offset", (int64_t)start);
    response_header_integer(response, "X-Log-Next", (int64_t)(start + response->body.length));
    response_header_integer(response, "X-Log-Size", (int64_t)size);
    response_header(response, "X-Job-Status", job_status_name(job.status));
}
