#include "config.h"
#include "handlers.h"

#include "clock.h"
#include "job_document.h"
#include "preference.h"
#include "service.h"

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

static enum outcome wait_for_news(struct exchange *exchange, const struct preference *preference,
                                  struct error *error)
{
    struct awaited awaited = {request_header(&exchange->request, HEADER_IF_NONE_MATCH)};
    struct job job;
    enum outcome outcome = store_get(exchange->store, &exchange->id, exchange->deadline_ms, &job, error);
    if (outcome == OK)
        outcome =
            exchange_wait(exchange, &job, has_news, &awaited, clock_deadline(preference->wait_ms), error);
    return outcome;
}

/* What can change without the record: the place in the queue, and how the callbacks are going. */
static uint64_t moving_part(const struct store_view *view)
{
    uint64_t part = view->has_place ? view->place.position : 0;
    for (size_t i = 0; i < view->delivery_count; i++)
        part += ((uint64_t)view->deliveries[i].tries << 8) + (uint64_t)view->deliveries[i].state;
    return part;
}

static void make_document(const struct exchange *exchange, const struct store_view *view,
                          struct document *document, struct response *response)
{
    const struct job *job = &view->job;
    struct job_document_parts parts = {
        .base = exchange->request.base,
        .attempts = view->attempts,
        .attempt_count = view->attempt_count,
        .place = view->has_place ? &view->place : NULL,
        .result = view->has_result ? &view->result : NULL,
        .deliveries = view->deliveries,
        .delivery_count = view->delivery_count,
    };
    *document =
        (struct document){.status = job->status, .runner = job->runner, .expires_ms = job->expires_ms};
    etag_format(job->revision, moving_part(view), document->etag);
    json_print(job_document(job, &parts), &response->body);
}

/* With its text in the response's body. */
static void answer(struct exchange *exchange, const struct document *document)
{
    struct response *response = &exchange->response;
    response_header(response, "ETag", document->etag);
    if (etag_matches(request_header(&exchange->request, HEADER_IF_NONE_MATCH), document->etag)) {
        buffer_clear(&response->body);
        response->status = 304;
    } else {
        response_header(response, "Content-Type", "application/json");
        response->status = 200;
    }
    if (document->status == JOB_QUEUED)
        service_nudge(exchange->service);
    else if (document->status == JOB_RUNNING)
        service_look_after(exchange->service, document->runner);
}

static enum outcome read_document(struct exchange *exchange, struct document *document, struct error *error)
{
    struct document_cache *cache = service_documents(exchange->service);
    const char *base = exchange->request.base;
    struct buffer *body = &exchange->response.body;
    struct store_stamp stamp = store_stamp(exchange->store, &exchange->id);
    struct store_view view;
    if (document_cache_find(cache, &exchange->id, base, stamp, document, body))
        return OK;
    enum outcome outcome = store_view(exchange->store, &exchange->id, exchange->configuration,
                                      JOB_DOCUMENT_RESULT_MAX, exchange->deadline_ms, &view, error);
    if (outcome != OK)
        return outcome;
    make_document(exchange, &view, document, &exchange->response);
    store_view_free(&view);
    document_cache_keep(cache, &exchange->id, base, stamp, document, body);
    return OK;
}

void job_show(struct exchange *exchange)
{
    struct error error = {0};
    struct preference preference;
    struct document document;
    if (preference_read(&exchange->request, exchange->configuration->wait_max_ms, &preference, &error) !=
        OK) {
        response_fail(&exchange->response, 400, "Bad request", "%s.", error.text);
        return;
    }
    enum outcome outcome = preference.has_wait ? wait_for_news(exchange, &preference, &error) : OK;
    if (outcome == OK)
        outcome = read_document(exchange, &document, &error);
    if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return;
    }
    preference_acknowledge(&preference, &exchange->response);
    /* Who wanted to wait and may not is to come back, but not at once. */
    if (exchange->may_not_wait)
        response_header(&exchange->response, "Retry-After", "1");
    answer(exchange, &document);
}
