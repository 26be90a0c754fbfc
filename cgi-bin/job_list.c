#include "config.h"
#include "handlers.h"

#include "guard.h"
#include "job_document.h"
#include "preference.h"
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 50
#define LIST_MAX     200

struct list_query {
    struct store_filter filter;
    size_t limit;
    const char *prefix; /* of the ids; NULL = any */
    struct job_id from; /* the first id with it */
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

/* From where to where: before the cursor, and what begins with the prefix. NULL, or what is wrong. */
static const char *read_range(const struct request *request, struct list_query *query)
{
    const char *cursor = request_parameter(request, "cursor");
    const char *prefix = request_parameter(request, "id");
    struct job_id behind;
    if (cursor != NULL && !(query->has_before = cursor_parse(cursor, &query->before)))
        return "cursor= is not one of ours";
    if (prefix == NULL || *prefix == '\0')
        return NULL;
    if (job_id_range(prefix, &query->from, &behind) != OK)
        return "id= is no beginning of a job id";
    query->prefix = prefix;
    query->filter.from = &query->from;
    if (!query->has_before || memcmp(behind.bytes, query->before.bytes, JOB_ID_BYTES) < 0)
        query->before = behind;
    query->has_before = true;
    return NULL;
}

/* False when a parameter is wrong: the answer is there then. */
static bool read_query(struct exchange *exchange, struct list_query *query)
{
    const struct request *request = &exchange->request;
    const char *status = request_parameter(request, "status");
    const char *function = request_parameter(request, "function");
    const char *limit = request_parameter(request, "limit");
    *query = (struct list_query){.limit = LIST_DEFAULT};
    const char *wrong = read_range(request, query);
    if (status != NULL && *status != '\0' && (query->filter.status = job_status_parse(status)) == 0)
        wrong = "status= is one of QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED";
    if (function != NULL && *function != '\0') {
        query->filter.function = function;
        if (!job_function_name_is_valid(function))
            wrong = "function= is no name of a function";
    }
    if (limit != NULL && !limit_parse(limit, &query->limit))
        wrong = "limit= is a number from 1 to 200";
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
    if (query->prefix != NULL)
        buffer_printf(&link, "id=%s&", query->prefix);
    buffer_printf(&link, "limit=%zu&cursor=%s>; rel=\"next\"", query->limit, cursor);
    if (!link.failed)
        response_header(&exchange->response, "Link", link.data);
    buffer_free(&link);
}

/* FNV-1a. What an answer is made of names it: its jobs, how often each has changed, how long its log is, and whether
 * there are more. So the same list is told from another one before it is written. */
static uint64_t hash_add(uint64_t hash, const void *bytes, size_t size)
{
    for (const uint8_t *byte = bytes, *end = byte + size; byte < end; byte++)
        hash = (hash ^ *byte) * 0x100000001b3;
    return hash;
}

static void page_etag(const struct job *jobs, size_t count, bool more, char *etag)
{
    uint64_t hash = hash_add(0xcbf29ce484222325, &more, sizeof more);
    for (size_t i = 0; i < count; i++) {
        hash = hash_add(hash, jobs[i].id.bytes, JOB_ID_BYTES);
        hash = hash_add(hash, &jobs[i].revision, sizeof jobs[i].revision);
        hash = hash_add(hash, &jobs[i].log_size, sizeof jobs[i].log_size);
    }
    etag_format(hash, count, etag);
}

static void answer_page(struct exchange *exchange, const struct list_query *query, const struct job *jobs,
                        size_t count, bool more)
{
    struct json_object *document = json_object_new_object();
    struct json_object *list = json_object_new_array();
    struct job_document_parts parts = {.base = exchange->request.base};
    for (size_t i = 0; list != NULL && i < count; i++)
        json_object_array_add(list, job_document(&jobs[i], &parts));
    json_add(document, "jobs", list);
    if (more && count > 0) {
        char cursor[JOB_ID_TEXT_SIZE];
        cursor_format(&jobs[count - 1].id, cursor);
        json_add_text(document, "next", cursor);
        add_link_header(exchange, query, cursor);
    }
    response_json(&exchange->response, 200, document);
}

static bool any_waits(const struct job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i].status == JOB_QUEUED)
            return true;
    return false;
}

void job_list(struct exchange *exchange)
{
    struct error error = {0};
    struct list_query query;
    struct job *jobs = NULL;
    size_t count = 0;
    bool more = false;
    char etag[ETAG_SIZE];
    if (!read_query(exchange, &query))
        return;
    enum outcome outcome = store_list(exchange->store, &query.filter, query.has_before ? &query.before : NULL,
                                      query.limit, exchange->deadline_ms, &jobs, &count, &more, &error);
    if (outcome != OK) {
        exchange_fail(exchange, outcome, &error);
        return;
    }
    page_etag(jobs, count, more, etag);
    response_header(&exchange->response, "ETag", etag);
    if (etag_matches(request_header(&exchange->request, HEADER_IF_NONE_MATCH), etag))
        exchange->response.status = 304;
    else
        answer_page(exchange, &query, jobs, count, more);
    if (any_waits(jobs, count))
        service_nudge(exchange->service);
    free(jobs);
}
