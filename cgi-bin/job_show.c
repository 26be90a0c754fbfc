#include "config.h"
#include "handlers.h"

#include "clock.h"
#include "job_document.h"
#include "preference.h"
#include "service.h"

#include <stdlib.h>

/* What a waiting client waits for. */
struct awaited {
    const char *if_none_match; /* "" = a terminal status; else any news */
};

static bool has_news(const struct job *job, const void *context)
{
    const struct awaited *awaited = context;
    if (*awaited->if_none_match != '\0')
        return !etag_matches_revision(awaited->if_none_match, job->revision);
    return job_status_is_terminal(job->status);
}

static bool read_job(struct exchange *exchange, const struct preference *preference, struct job *job)
{
    struct error error = {0};
    struct awaited awaited = {request_header(&exchange->request, HEADER_IF_NONE_MATCH)};
    enum outcome outcome = store_get(exchange->store, &exchange->id, exchange->deadline_ms, job, &error);
    if (outcome == OK && preference->has_wait)
        outcome =
            exchange_wait(exchange, job, has_news, &awaited, clock_deadline(preference->wait_ms), &error);
    if (outcome != OK)
        exchange_fail(exchange, outcome, &error);
    return outcome == OK;
}

/* What goes with the record. Each is left out when it cannot be had: the record itself is the answer. */
struct details {
    struct store_queue_place place;
    bool has_place;
    struct job_attempt *attempts;
    size_t attempt_count;
    struct buffer result;
    bool has_result;
};

static void read_place(struct exchange *exchange, const struct job *job, struct details *details)
{
    details->has_place = job->status == JOB_QUEUED &&
                         store_queue_place(exchange->store, job, exchange->configuration, clock_wall_ms(),
                                           exchange->deadline_ms, &details->place, NULL) == OK;
}

static void read_details(struct exchange *exchange, const struct job *job, struct details *details)
{
    if (job->attempts > 0)
        store_attempts(exchange->store, &job->id, exchange->deadline_ms, &details->attempts,
                       &details->attempt_count, NULL);
    if (job->result_type[0] != '\0' && job->result_size <= JOB_DOCUMENT_RESULT_MAX && !job->purged)
        details->has_result =
            store_result(exchange->store, &job->id, exchange->deadline_ms, &details->result, NULL) == OK;
}

static void answer(struct exchange *exchange, const struct job *job, struct details *details)
{
    read_details(exchange, job, details);
    struct job_document_parts parts = {
        .base = exchange->request.base,
        .attempts = details->attempts,
        .attempt_count = details->attempt_count,
        .place = details->has_place ? &details->place : NULL,
        .result = details->has_result ? &details->result : NULL,
    };
    response_json(&exchange->response, 200, job_document(job, &parts));
    free(details->attempts);
    buffer_free(&details->result);
}

void job_show(struct exchange *exchange)
{
    struct error error = {0};
    struct preference preference;
    struct job job;
    struct details details = {0};
    char etag[ETAG_SIZE];
    if (preference_read(&exchange->request, exchange->configuration->wait_max_ms, &preference, &error) !=
        OK) {
        response_fail(&exchange->response, 400, "Bad request", "%s.", error.text);
        return;
    }
    if (!read_job(exchange, &preference, &job))
        return;
    read_place(exchange, &job, &details);
    etag_format(job.revision, details.has_place ? details.place.position : 0, etag);
    response_header(&exchange->response, "ETag", etag);
    preference_acknowledge(&preference, &exchange->response);
    if (job.status == JOB_QUEUED)
        service_nudge(exchange->service);
    if (etag_matches(request_header(&exchange->request, HEADER_IF_NONE_MATCH), etag))
        exchange->response.status = 304;
    else
        answer(exchange, &job, &details);
}
