/* router.h - from a request to its handler, by table
 *
 * Each program has one table. Routes of the other program stand in it too, without a handler: Allow, OPTIONS
 * and 405 are answered from the whole table, whichever program is asked. HEAD and OPTIONS need no routes of
 * their own. */
#ifndef JOBGATE_ROUTER_H
#define JOBGATE_ROUTER_H

#include "exchange.h"

#include <stddef.h>

#define ROUTE_BODY     1u /* the handler wants the body */
#define ROUTE_NO_STORE 2u /* answers without the store */

struct route {
    enum http_method method;
    const char *pattern;                        /* "/job/{id}/result": {id} is a job's id, in exchange->id */
    void (*handler)(struct exchange *exchange); /* NULL: served by the other program */
    unsigned flags;
    unsigned scopes; /* of enum access_scope; the caller must have one of them; 0 = open to everyone */
};

struct router {
    const char *program; /* "submit": for messages */
    const struct route *routes;
    size_t count;
};

/* Finds the route and runs its handler, or answers 404, 405, 413, 400, 204 for OPTIONS; service and request
 * must be set. */
void router_answer(const struct router *router, struct exchange *exchange);

/* The methods of all routes with this path, as bits; with HEAD and OPTIONS when there is any. 0 = no such
 * path. */
unsigned router_methods(const struct router *router, const struct request *request);

#endif
