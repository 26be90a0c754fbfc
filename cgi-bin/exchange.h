/* exchange.h - one request being answered
 *
 * What a handler gets, and all that it gets: the request as a value, its body, the response to fill, and the
 * service (configuration, store) it stands on. Handlers know neither libfcgi nor the environment, and run on
 * any thread.
 *
 * A handler that has changed something leaves the store's ticket in `ticket`: the response is written only
 * after everything up to it is on disk. When that fails the response is replaced by a 503 (exchange_settle),
 * so that nobody is told of a job that may be lost.
 *
 * Ownership: an exchange is made by a transport, used for one request after another (exchange_reset between
 * them), and given back with exchange_free. configuration is one reference, released by exchange_reset; store
 * belongs to the service. */
#ifndef JOBGATE_EXCHANGE_H
#define JOBGATE_EXCHANGE_H

#include "access.h"
#include "configuration.h"
#include "job.h"
#include "request.h"
#include "response.h"
#include "store.h"

struct service;

/* What a request that is about to wait asks of the transport that carries it. All three may be called on any
 * thread. */
struct exchange_host {
    /* True: this request may wait now, and another thread goes on accepting. False: too many wait already. */
    bool (*begin_wait)(void *context);
    void (*end_wait)(void *context);
    /* True when waiting on is of no use: the client has hung up, or the program is about to end. */
    bool (*should_stop)(void *context);
};

struct exchange {
    struct request request;
    struct body_source source;
    struct buffer body;
    struct response response;
    struct service *service;
    struct configuration *configuration;
    struct store *store;      /* NULL only for routes that need none */
    int64_t deadline_ms;      /* for the store's calls */
    struct access_key caller; /* set by guard_admit: the key, or what anonymous ones may do */
    struct job_id id;         /* of a route with {id} */
    struct store_ticket ticket;
    bool may_not_wait;                 /* too many wait already: exchange_wait has returned at once */
    char request_id[JOB_ID_TEXT_SIZE]; /* X-Amzn-RequestId; the job's id for a submission */
    const struct exchange_host *host;
    void *host_context;
};

void exchange_reset(struct exchange *exchange);
void exchange_free(struct exchange *exchange);

/* Waits for the sync of the exchange's ticket and settles the response accordingly. Used by transports. */
void exchange_sync(struct exchange *exchange);
/* The second half alone, for a transport that has synced many tickets at once. */
void exchange_settle(struct exchange *exchange, enum outcome synced, const struct error *error);

/* Answers for a store call that failed: 404, 410, 503, 507, 500 by the outcome. The words go to the log, with
 * the request's id; the client reads nothing of paths or causes. */
void exchange_fail(struct exchange *exchange, enum outcome outcome, const struct error *error);
/* The log line alone: an answer of 5xx is never without one. */
void exchange_log_failure(struct exchange *exchange, const char *what, const struct error *error);

/* Sleeps until `done` says so of the job (looked at whenever its record changes), the deadline (clock.h), the
 * client's leaving or the program's end. Returns at once when too many requests wait already (may_not_wait). OK with *job up
 * to date; NOTFOUND or GONE when it vanished meanwhile; UNAVAILABLE and so on when the store failed. */
typedef bool exchange_done(const struct job *job, const void *context);
enum outcome exchange_wait(struct exchange *exchange, struct job *job, exchange_done *done,
                           const void *context, int64_t deadline_ms, struct error *error);

#endif
