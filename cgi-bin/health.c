/* GET /healthz: this process answers. GET /readyz: a job could be accepted and run. */
#include "config.h"
#include "handlers.h"

#include "json.h"
#include "room_support.h"
#include "service.h"

void health_alive(struct exchange *exchange)
{
    struct json_object *document = json_object_new_object();
    json_add_text(document, "status", "ok");
    response_header(&exchange->response, "Cache-Control", "no-store");
    response_json(&exchange->response, 200, document);
}

/* The causes name paths: they are for the log. */
static bool check(struct exchange *exchange, struct json_object *checks, const char *what,
                  enum outcome outcome, const struct error *error)
{
    json_add_text(checks, what, outcome == OK ? "ok" : "failed");
    if (outcome != OK)
        exchange_log_failure(exchange, "not_ready", error);
    return outcome == OK;
}

void health_ready(struct exchange *exchange)
{
    struct error error = {0};
    struct store_health health = {0};
    char room[64]; /* what functions are kept in their room with */
    struct json_object *document = json_object_new_object();
    struct json_object *checks = json_object_new_object();
    enum outcome outcome = store_health(exchange->store, exchange->deadline_ms, &health, &error);
    if (outcome == OK && health.accepts != OK)
        outcome = error_set(&error, health.accepts, "%s", health.trouble);
    bool ready = check(exchange, checks, "store", outcome, &error);
    ready &= check(exchange, checks, "workers",
                   service_can_work(exchange->service, exchange->configuration, &error), &error);
    json_add_text(document, "status", ready ? "ready" : "not ready");
    json_add(document, "checks", checks);
    json_add_text(document, "room", room_support_format(room_support(), room));
    response_header(&exchange->response, "Cache-Control", "no-store");
    if (!ready)
        response_header(&exchange->response, "Retry-After", "5");
    response_json(&exchange->response, ready ? 200 : 503, document);
}
