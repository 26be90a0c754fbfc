#include "config.h"
#include "router.h"

#include "guard.h"
#include "log.h"
#include "service.h"

#include <string.h>

#define ALLOW_SIZE 64

static bool segment_matches(const char *pattern, size_t length, const char *segment)
{
    if (length == 4 && memcmp(pattern, "{id}", 4) == 0)
        return true;
    return strlen(segment) == length && memcmp(pattern, segment, length) == 0;
}

static bool route_matches(const struct route *route, const struct request *request)
{
    const char *at = route->pattern;
    size_t index = 0;
    while (*at == '/') {
        size_t length = strcspn(++at, "/");
        if (index == request->segment_count || !segment_matches(at, length, request->segments[index]))
            return false;
        index++;
        at += length;
    }
    return index == request->segment_count;
}

unsigned router_methods(const struct router *router, const struct request *request)
{
    unsigned methods = 0;
    for (size_t i = 0; i < router->count; i++)
        if (route_matches(&router->routes[i], request))
            methods |= router->routes[i].method;
    if (methods & HTTP_GET)
        methods |= HTTP_HEAD;
    return methods != 0 ? methods | HTTP_OPTIONS : 0;
}

static void add_allow(struct response *response, unsigned methods)
{
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = {{HTTP_GET, "GET"},
                 {HTTP_HEAD, "HEAD"},
                 {HTTP_OPTIONS, "OPTIONS"},
                 {HTTP_POST, "POST"},
                 {HTTP_DELETE, "DELETE"}};
    char allow[ALLOW_SIZE] = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(methods & names[i].method))
            continue;
        if (*allow != '\0')
            strncat(allow, ", ", sizeof allow - strlen(allow) - 1);
        strncat(allow, names[i].name, sizeof allow - strlen(allow) - 1);
    }
    response_header(response, "Allow", allow);
}

static const struct route *find_route(const struct router *router, const struct request *request)
{
    enum http_method method = request->method == HTTP_HEAD ? HTTP_GET : request->method;
    for (size_t i = 0; i < router->count; i++)
        if (router->routes[i].method == method && route_matches(&router->routes[i], request))
            return &router->routes[i];
    return NULL;
}

/* The web server's configuration is at fault: say so to the one who can see the log. */
static void answer_misrouted(const struct router *router, struct exchange *exchange)
{
    struct error error;
    error_set(&error, INVALID, "the web server hands %s to jobgate-%s: it must go to the other program",
              exchange->request.method_name, router->program);
    exchange_log_failure(exchange, "misrouted", &error);
    response_fail(&exchange->response, 500, "Misrouted request",
                  "The web server's configuration hands %s to the wrong program of the two.",
                  exchange->request.method_name);
}

static bool take_id(const struct route *route, struct exchange *exchange)
{
    if (strstr(route->pattern, "{id}") == NULL)
        return true;
    const char *text = exchange->request.segments[1];
    if (job_id_parse(text, strlen(text), &exchange->id) == OK)
        return true;
    exchange_fail(exchange, NOTFOUND, NULL);
    return false;
}

static bool take_body(struct exchange *exchange)
{
    struct error error = {0};
    size_t limit = (size_t)exchange->configuration->max_event_size;
    int status = request_read_body(&exchange->request, &exchange->source, limit, &exchange->body, &error);
    if (status == 0)
        return true;
    struct json_object *problem =
        problem_make(status, status == 413 ? "Event too large" : "Body refused", "%s.", error.text);
    if (status == 413)
        json_add_integer(problem, "limit", (int64_t)limit);
    if (status == 503)
        response_header(&exchange->response, "Retry-After", "1");
    response_problem(&exchange->response, status, problem);
    return false;
}

void router_answer(const struct router *router, struct exchange *exchange)
{
    const struct route *route = find_route(router, &exchange->request);
    unsigned methods = route == NULL ? router_methods(router, &exchange->request) : 0;
    if (route == NULL && methods == 0) {
        response_fail(&exchange->response, 404, "Not found", "There is nothing at this path.");
        return;
    }
    if (exchange->request.method == HTTP_OPTIONS) {
        exchange->response.status = 204;
        add_allow(&exchange->response, methods);
        return;
    }
    if (route == NULL) {
        add_allow(&exchange->response, methods);
        response_fail(&exchange->response, 405, "Method not allowed", "This path does not take %s.",
                      exchange->request.method_name);
        return;
    }
    if (route->handler == NULL) {
        answer_misrouted(router, exchange);
        return;
    }
    if (!guard_admit(exchange, route->scopes))
        return;
    if (!take_id(route, exchange) || ((route->flags & ROUTE_BODY) && !take_body(exchange)))
        return;
    if (!(route->flags & ROUTE_NO_STORE) && !service_attach(exchange->service, exchange))
        return;
    route->handler(exchange);
}
