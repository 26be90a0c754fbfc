#include "config.h"
#include "result_answer.h"

#include "job_document.h"

#include <string.h>
#include <strings.h>

const char *result_media_type(const char *type, bool *attachment)
{
    static const char *const passive[] = {"image/png",       "image/jpeg", "image/gif",      "image/webp",
                                          "application/pdf", "text/csv",   "application/zip"};
    *attachment = false;
    if (job_type_is_json(type))
        return "application/json";
    if (job_type_is_text(type))
        return "text/plain; charset=utf-8";
    *attachment = true;
    for (size_t i = 0; i < sizeof passive / sizeof *passive; i++)
        if (strcasecmp(type, passive[i]) == 0)
            return passive[i];
    return "application/octet-stream";
}

void result_answer(struct exchange *exchange, const struct job *job)
{
    struct error error = {0};
    struct response *response = &exchange->response;
    enum outcome outcome =
        store_result(exchange->store, &job->id, exchange->deadline_ms, &response->body, &error);
    if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return;
    }
    response->status = 200;
    response_header(response, "Content-Type", result_media_type(job->result_type, &response->is_attachment));
}
