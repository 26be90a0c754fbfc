/* application.h - a whole request, from its variables to a response that is ready to be written
 *
 * What both transports call. The response is complete on return, but must not leave before exchange->ticket
 * is synced (exchange_sync, or store_sync for many and exchange_settle). */
#ifndef JOBGATE_APPLICATION_H
#define JOBGATE_APPLICATION_H

#include "router.h"
#include "service.h"

struct application {
    const struct router *router;
    struct service *service;
    unsigned accepting;                            /* threads that accept at once, at most (pool_active) */
    void (*housekeeping)(struct service *service); /* for times when nobody waits; NULL = none */
};

/* `environment`, exchange->source and exchange->host are the transport's. */
void application_answer(const struct application *application, struct exchange *exchange,
                        char *const environment[]);

#endif
