#include "config.h"
#include "exchange.h"

#include "clock.h"
#include "guard.h"
#include "log.h"
#include "service.h"

#include <string.h>

/* A waiting request looks up this often whether its client is still there. */
#define WAIT_SLICE_MS 500

void exchange_reset(struct exchange *exchange)
{
    configuration_release(exchange->configuration);
    exchange->configuration = NULL;
    exchange->store = NULL;
    exchange->ticket = (struct store_ticket){0};
    exchange->may_not_wait = false;
    exchange->request_id[0] = '\0';
    buffer_clear(&exchange->body);
    response_reset(&exchange->response);
}

void exchange_free(struct exchange *exchange)
{
    exchange_reset(exchange);
    buffer_free(&exchange->body);
    response_free(&exchange->response);
}

/* A request that has no job's id gets one of its own when something is to be said of it in the log. */
static const char *name_request(struct exchange *exchange)
{
    struct job_id id;
    if (exchange->request_id[0] == '\0' && job_id_make(&id, NULL) == OK)
        job_id_format(&id, exchange->request_id);
    return exchange->request_id;
}

void exchange_log_failure(struct exchange *exchange, const char *what, const struct error *error)
{
    log_event(LOG_LEVEL_ERROR, what, "request", name_request(exchange), "method",
              exchange->request.method_name, "reason", error != NULL ? error->text : NULL, NULL);
}

static void fail_later(struct exchange *exchange, int status, const char *error, const char *detail)
{
    response_header(&exchange->response, "Retry-After", "1");
    response_header(&exchange->response, "X-Amzn-RequestId", name_request(exchange));
    response_fail(&exchange->response, status, error, "%s", detail);
}

void exchange_fail(struct exchange *exchange, enum outcome outcome, const struct error *error)
{
    struct response *response = &exchange->response;
    if (outcome == NOTFOUND) {
        response_fail(response, 404, "Job not found", "There is no job with this id.");
        return;
    }
    if (outcome == GONE) {
        response_fail(response, 410, "Job expired",
                      "The job with this id has ended and its record has expired.");
        return;
    }
    exchange_log_failure(exchange, "request_failed", error);
    switch (outcome) {
    case RETRY:
    case UNAVAILABLE:
        fail_later(exchange, 503, "Store unavailable",
                   "The job store did not answer in time; try again later.");
        break;
    case NOMEM:
        fail_later(exchange, 503, "Out of memory", "There is not enough memory to answer; try again later.");
        break;
    case FULL:
        fail_later(exchange, 507, "Storage full",
                   "The disk of the job store is nearly full: no job was accepted.");
        break;
    default:
        response_header(response, "X-Amzn-RequestId", name_request(exchange));
        response_fail(response, 500, "Internal error",
                      "The request failed; the service's log has the reason.");
        break;
    }
}

void exchange_settle(struct exchange *exchange, enum outcome synced, const struct error *error)
{
    exchange->ticket = (struct store_ticket){0};
    if (synced == OK)
        return;
    response_reset(&exchange->response);
    exchange_fail(exchange, synced, error);
    guard_share(exchange);
    response_finish(&exchange->response);
}

void exchange_sync(struct exchange *exchange)
{
    struct error error = {0};
    if (exchange->ticket.position != 0)
        exchange_settle(exchange,
                        store_sync(exchange->store, exchange->ticket,
                                   clock_deadline(exchange->configuration->store_deadline_ms), &error),
                        &error);
}

static enum outcome wait_in_slices(struct exchange *exchange, struct job *job, exchange_done *done,
                                   const void *context, int64_t deadline_ms, struct error *error)
{
    while (!done(job, context) && clock_left(deadline_ms) > 0 &&
           !exchange->host->should_stop(exchange->host_context)) {
        int64_t slice = clock_deadline(WAIT_SLICE_MS);
        if (slice > deadline_ms)
            slice = deadline_ms;
        struct job_id id = job->id;
        enum outcome outcome = store_wait(exchange->store, &id, job->revision, slice, job, error);
        /* Before its time, UNAVAILABLE is the store's own trouble. */
        if (outcome != OK && (outcome != UNAVAILABLE || clock_left(slice) > 0))
            return outcome;
    }
    return OK;
}

/* Both the process and the machine have a limit. */
static bool begin_wait(struct exchange *exchange)
{
    if (!service_begin_wait(exchange->service, exchange->configuration))
        return false;
    if (exchange->host->begin_wait(exchange->host_context))
        return true;
    service_end_wait(exchange->service);
    return false;
}

enum outcome exchange_wait(struct exchange *exchange, struct job *job, exchange_done *done,
                           const void *context, int64_t deadline_ms, struct error *error)
{
    if (done(job, context) || clock_left(deadline_ms) <= 0)
        return OK;
    if (!begin_wait(exchange)) {
        exchange->may_not_wait = true;
        return OK;
    }
    enum outcome outcome = wait_in_slices(exchange, job, done, context, deadline_ms, error);
    exchange->host->end_wait(exchange->host_context);
    service_end_wait(exchange->service);
    /* The time for the answer's own reads starts now. */
    exchange->deadline_ms = clock_deadline(exchange->configuration->store_deadline_ms);
    return outcome;
}
