/* GET /openapi.json: the whole contract as an OpenAPI 3.1 document. The file beside this one is what is edited. */
#include "config.h"
#include "handlers.h"

static const char text[] =
#include "openapi_text.h"
    ;

void description_show(struct exchange *exchange)
{
    exchange->response.status = 200;
    response_header(&exchange->response, "Content-Type", "application/json");
    buffer_append(&exchange->response.body, text, sizeof text - 1);
}
