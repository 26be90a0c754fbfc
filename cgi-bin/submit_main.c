/* jobgate-submit: everything that changes a job. */
#include "config.h"
#include "handlers.h"
#include "program.h"

static const struct route routes[] = {
    {HTTP_POST, "/job", job_submit, ROUTE_BODY, SCOPE_SUBMIT},
    {HTTP_DELETE, "/job/{id}", job_cancel, 0, SCOPE_CANCEL | SCOPE_ADMIN},
    {HTTP_POST, "/job/{id}/retry", job_retry, ROUTE_BODY, SCOPE_SUBMIT},
    /* status */
    {HTTP_GET, "/job", NULL, 0, 0},
    {HTTP_GET, "/job/{id}", NULL, 0, 0},
    {HTTP_GET, "/job/{id}/result", NULL, 0, 0},
    {HTTP_GET, "/job/{id}/log", NULL, 0, 0},
    {HTTP_GET, "/job/{id}/event", NULL, 0, 0},
    {HTTP_GET, "/functions", NULL, 0, 0},
    {HTTP_GET, "/metrics", NULL, 0, 0},
    {HTTP_GET, "/stats", NULL, 0, 0},
    {HTTP_GET, "/openapi.json", NULL, 0, 0},
    {HTTP_GET, "/healthz", NULL, 0, 0},
    {HTTP_GET, "/readyz", NULL, 0, 0},
};

static const struct program program = {
    .name = "submit",
    .usage =
        PROGRAM_USAGE("jobgate-submit", "Accepts jobs: POST /job, DELETE /job/{id}, POST /job/{id}/retry."),
    .access = STORE_WRITE,
    .accepting = 4, /* more of them only queue before the gate */
    .router = {"submit", routes, sizeof routes / sizeof *routes},
    .housekeeping = service_expire,
};

int main(int argc, char *argv[])
{
    return program_main(&program, argc, argv);
}
