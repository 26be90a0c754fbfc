#include "config.h"
#include "application.h"
#include "guard.h"

void application_answer(const struct application *application, struct exchange *exchange,
                        char *const environment[])
{
    struct error error = {0};
    exchange->service = application->service;
    bool configured = service_configure(application->service, exchange);
    const char *base_url = configured ? exchange->configuration->base_url : NULL;
    int status = request_parse(&exchange->request, environment, base_url, &error);
    if (configured && status != 0)
        response_fail(&exchange->response, status, status == 404 ? "Not found" : "Bad request", "%s.",
                      error.text);
    else if (configured)
        router_answer(application->router, exchange);
    guard_share(exchange);
    response_finish(&exchange->response);
}
