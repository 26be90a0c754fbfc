#include "config.h"
#include "handlers.h"

#include "guard.h"
#include "job_document.h"
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 50
#define LIST_MAX     200

struct list_query {
    struct store_filter filter;
    size_t limit;
    struct job_id before;
    bool has_before;
};

/* The cursor is the id of the last job of the page before, without its dashes: opaque to the client. */
static bool cursor_parse(const char *text, struct job_id *id)
{
    static const int groups[] = {8, 4, 4, 4, 12};
    char dashed[JOB_ID_TEXT_SIZE];
    char *out = dashed;
    if (strlen(text) != 32)
        return false;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (i > 0)
            *out++ = '-';
        memcpy(out, text, (size_t)groups[i]);
        text += groups[i];
        out += groups[i];
    }
    return job_id_parse(dashed, JOB_ID_TEXT_SIZE - 1, id) == OK;
}

static void cursor_format(const struct job_id *id, char *text)
{
    char dashed[JOB_ID_TEXT_SIZE];
    for (const char *at = job_id_format(id, dashed); *at != '\0'; at++)
        if (*at != '-')
            *text++ = *at;
    *text = '\0';
}

static bool limit_parse(const char *text, size_t *limit)
{
    char *end;
    unsigned long value = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (value == 0 || *end != '\0' || value > LIST_MAX)
        return false;
    *limit = value;
    return true;
}

/* False when a parameter is wrong: the answer is there then. */
static bool read_query(struct exchange *exchange, struct list_query *query)
{
    const struct request *request = &exchange->request;
    const char *status = request_parameter(request, "status");
    const char *function = request_parameter(request, "function");
    const char *limit = request_parameter(request, "limit");
    const char *cursor = request_parameter(request, "cursor");
    const char *wrong = NULL;
    *query = (struct list_query){.limit = LIST_DEFAULT};
    if (status != NULL && *status != '\0' && (query->filter.status = job_status_parse(status)) == 0)
        wrong = "status= is one of QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED";
    if (function != NULL && *function != '\0') {
        query->filter.function = function;
        if (!job_function_name_is_valid(function))
            wrong = "function= is no name of a function";
    }
    if (limit != NULL && !limit_parse(limit, &query->limit))
        wrong = "limit= is a number from 1 to 200";
    if (cursor != NULL && !(query->has_before = cursor_parse(cursor, &query->before)))
        wrong = "cursor= is not one of ours";
    if (wrong != NULL) {
        response_fail(&exchange->response, 400, "Bad request", "%s.", wrong);
        return false;
    }
    query->filter.functions = exchange->caller.functions;
    query->filter.function_count = exchange->caller.function_count;
    return query->filter.function == NULL || guard_may_use(exchange, query->filter.function);
}

static void add_link_header(struct exchange *exchange, const struct list_query *query, const char *cursor)
{
    struct buffer link = {0};
    buffer_printf(&link, "<%s/job?", exchange->request.base);
    if (query->filter.status != 0)
        buffer_printf(&link, "status=%s&", job_status_name(query->filter.status));
    if (query->filter.function != NULL)
        buffer_printf(&link, "function=%s&", query->filter.function);
    buffer_printf(&link, "limit=%zu&cursor=%s>; rel=\"next\"", query->limit, cursor);
    if (!link.failed)
        response_header(&exchange->response, "Link", link.data);
    buffer_free(&link);
}

void job_list(struct exchange *exchange)
{
    struct error error = {0};
    struct list_query query;
    struct job *jobs = NULL;
    size_t count = 0;
    bool more = false;
    if (!read_query(exchange, &query))
        return;
    enum outcome outcome = store_list(exchange->store, &query.filter, query.has_before ? &query.before : NULL,
                                      query.limit, exchange->deadline_ms, &jobs, &count, &more, &error);
    if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return;
    }
    struct json_object *document = json_object_new_object();
    struct json_object *list = json_object_new_array();
    struct job_document_parts parts = {.base = exchange->request.base};
    bool waits = false;
    for (size_t i = 0; list != NULL && i < count; i++) {
        json_object_array_add(list, job_document(&jobs[i], &parts));
        waits |= jobs[i].status == JOB_QUEUED;
    }
    json_add(document, "jobs", list);
    if (more && count > 0) {
        char cursor[JOB_ID_TEXT_SIZE];
        cursor_format(&jobs[count - 1].id, cursor);
        json_add_text(document, "next", cursor);
        add_link_header(exchange, &query, cursor);
    }
    free(jobs);
    response_json(&exchange->response, 200, document);
    if (waits)
        service_nudge(exchange->service);
}
