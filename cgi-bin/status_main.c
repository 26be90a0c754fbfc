/* jobgate-status: everything that only looks. Nothing that changes a job is linked into it. */
#include "config.h"
#include "handlers.h"
#include "program.h"

static const struct route routes[] = {
    {HTTP_GET, "/job", job_list, 0, SCOPE_LIST},
    {HTTP_GET, "/job/{id}", job_show, 0, SCOPE_READ},
    {HTTP_GET, "/job/{id}/result", job_result, 0, SCOPE_READ},
    {HTTP_GET, "/job/{id}/log", job_log, 0, SCOPE_READ},
    {HTTP_GET, "/job/{id}/event", job_event_show, 0, SCOPE_READ},
    {HTTP_GET, "/functions", functions_list, 0, SCOPE_LIST},
    {HTTP_GET, "/metrics", metrics_show, 0, SCOPE_METRICS},
    {HTTP_GET, "/stats", stats_show, 0, SCOPE_LIST},
    {HTTP_GET, "/openapi.json", description_show, ROUTE_NO_STORE, 0},
    {HTTP_GET, "/healthz", health_alive, ROUTE_NO_STORE, 0},
    {HTTP_GET, "/readyz", health_ready, 0, 0},
    /* submit */
    {HTTP_POST, "/job", NULL, 0, 0},
    {HTTP_DELETE, "/job/{id}", NULL, 0, 0},
    {HTTP_POST, "/job/{id}/retry", NULL, 0, 0},
};

static const struct program program = {
    .name = "status",
    .usage = PROGRAM_USAGE(
        "jobgate-status",
        "Tells how jobs are going: GET, HEAD and OPTIONS of /job, /job/{id}, /functions, /healthz, /readyz."),
    .access = STORE_READ,
    .accepting = 8,
    .router = {"status", routes, sizeof routes / sizeof *routes},
};

int main(int argc, char *argv[])
{
    return program_main(&program, argc, argv);
}
