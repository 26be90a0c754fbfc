#include "config.h"
#include "job_document.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINK_SIZE 4096

/* Length of the type without its parameters. */
static size_t essence_length(const char *type)
{
    size_t length = strcspn(type, ";");
    while (length > 0 && (type[length - 1] == ' ' || type[length - 1] == '\t'))
        length--;
    return length;
}

bool job_type_is_json(const char *type)
{
    size_t length = essence_length(type);
    if (length == strlen("application/json") && strncasecmp(type, "application/json", length) == 0)
        return true;
    return length > strlen("x/+json") && memchr(type, '/', length - 5) != NULL &&
           strncasecmp(type + length - 5, "+json", 5) == 0;
}

bool job_type_is_text(const char *type)
{
    size_t length = essence_length(type);
    return length == strlen("text/plain") && strncasecmp(type, "text/plain", length) == 0;
}

static void add_head(struct json_object *document, const struct job *job, enum job_status status)
{
    char id[JOB_ID_TEXT_SIZE];
    json_add_text(document, "jobId", job_id_format(&job->id, id));
    json_add_text(document, "status", job_status_name(status));
    json_add_time(document, "createdAt", job->created_ms);
}

struct json_object *job_document_accepted(const struct job *job)
{
    struct json_object *document = json_object_new_object();
    add_head(document, job, JOB_QUEUED);
    return document;
}

void job_document_print_accepted(const struct job *job, struct buffer *text)
{
    char id[JOB_ID_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
    buffer_printf(text, "{\"jobId\":\"%s\",\"status\":\"%s\",\"createdAt\":\"%s\"}",
                  job_id_format(&job->id, id), job_status_name(JOB_QUEUED),
                  clock_format(job->created_ms, created));
}

static struct json_object *error_object(const char *type, const char *message)
{
    struct json_object *error = json_object_new_object();
    json_add_text(error, "type", type);
    json_add_text(error, "message", message);
    return error;
}

static void add_progress(struct json_object *document, const struct job *job)
{
    if (job->progress_percent < 0 && job->progress_message[0] == '\0')
        return;
    struct json_object *progress = json_object_new_object();
    if (job->progress_percent >= 0)
        json_add_integer(progress, "percent", job->progress_percent);
    json_add_text(progress, "message", job->progress_message);
    json_add(document, "progress", progress);
}

static void add_queue(struct json_object *document, const struct job *job,
                      const struct store_queue_place *place)
{
    struct json_object *queue = json_object_new_object();
    if (place != NULL) {
        json_add_integer(queue, "position", (int64_t)place->position);
        json_add_text(queue, "reason", store_wait_reason_name(place->reason));
    }
    json_add_time(queue, "dueAt", job->due_ms);
    json_add(document, "queue", queue);
}

static void add_cancel(struct json_object *document, const struct job *job)
{
    if (!job->cancel_requested && job->status != JOB_CANCELLED)
        return;
    if (!job_status_is_terminal(job->status))
        json_add_boolean(document, "cancelRequested", true);
    json_add_text(document, "cancelReason", job->cancel_reason);
    json_add_text(document, "cancelledBy", job->cancelled_by);
}

static void add_attempts(struct json_object *document, const struct job_attempt *attempts, size_t count)
{
    if (count == 0)
        return;
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; list != NULL && i < count; i++) {
        const struct job_attempt *attempt = &attempts[i];
        struct json_object *entry = json_object_new_object();
        json_add_integer(entry, "attempt", attempt->number);
        json_add_time(entry, "startedAt", attempt->started_ms);
        json_add_time(entry, "finishedAt", attempt->finished_ms);
        if (attempt->finished_ms != 0 && attempt->exit_status >= 0)
            json_add_integer(entry, "exitStatus", attempt->exit_status);
        if (attempt->signal != 0)
            json_add_integer(entry, "signal", attempt->signal);
        if (attempt->error_type[0] != '\0')
            json_add(entry, "error", error_object(attempt->error_type, attempt->error_message));
        if (attempt->finished_ms != 0) {
            json_add_integer(entry, "cpuMs", (int64_t)(attempt->cpu_us / 1000));
            json_add_integer(entry, "peakMemoryKiB", (int64_t)attempt->peak_memory_kib);
        }
        json_add_integer(entry, "logOffset", (int64_t)attempt->log_offset);
        if (json_object_array_add(list, entry) != 0)
            json_object_put(entry);
    }
    json_add(document, "attemptDetails", list);
}

/* Before the end a callback is a wish; after it, a delivery with a state. */
static void add_callbacks(struct json_object *document, const struct job *job,
                          const struct store_delivery *deliveries, size_t count)
{
    if (!job_status_is_terminal(job->status))
        json_add_text(document, "callbackUrl", job->callback_url);
    if (count == 0)
        return;
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; list != NULL && i < count; i++) {
        const struct store_delivery *delivery = &deliveries[i];
        struct json_object *entry = json_object_new_object();
        char name[STORE_DELIVERY_NAME_SIZE];
        json_add_text(entry, "id", store_delivery_name(delivery, name));
        json_add_text(entry, "kind", store_target_name(delivery->target));
        json_add_text(entry, "target",
                      delivery->target == TARGET_CALLBACK ? job->callback_url : job->destination);
        json_add_text(entry, "status", store_delivery_state_name(delivery->state));
        json_add_integer(entry, "tries", delivery->tries);
        if (delivery->http_status != 0)
            json_add_integer(entry, "httpStatus", delivery->http_status);
        json_add_text(entry, "error", delivery->words);
        json_add_time(entry, delivery->state == DELIVERY_WAITS ? "nextTryAt" : "endedAt",
                      delivery->state == DELIVERY_WAITS ? delivery->due_ms : delivery->ended_ms);
        if (json_object_array_add(list, entry) != 0)
            json_object_put(entry);
    }
    json_add(document, "callbacks", list);
}

/* JSON as JSON, text as a string; anything else is for links.result alone. */
static void add_result(struct json_object *document, const struct job *job, const struct buffer *result)
{
    if (job->result_type[0] == '\0')
        return;
    json_add_text(document, "resultType", job->result_type);
    json_add_integer(document, "resultSize", (int64_t)job->result_size);
    if (result == NULL)
        return;
    if (job_type_is_json(job->result_type) && result->length > 0)
        json_add(document, "result", json_raw(result->data, result->length));
    else if (job_type_is_text(job->result_type) && json_utf8_is_valid(result->data, result->length))
        json_add(document, "result",
                 json_object_new_string_len(result->length > 0 ? result->data : "", (int)result->length));
}

static void add_link(struct json_object *links, const char *key, const char *base, const char *id,
                     const char *rest)
{
    char link[LINK_SIZE];
    if ((size_t)snprintf(link, sizeof link, "%s/job/%s%s", base, id, rest) < sizeof link)
        json_add_text(links, key, link);
}

/* Only what can be followed in the state the job is in. */
static void add_links(struct json_object *document, const struct job *job, const char *base)
{
    char id[JOB_ID_TEXT_SIZE];
    job_id_format(&job->id, id);
    bool ended = job_status_is_terminal(job->status);
    struct json_object *links = json_object_new_object();
    add_link(links, "self", base, id, "");
    if (!job->purged) {
        add_link(links, "event", base, id, "/event");
        if (job->result_type[0] != '\0')
            add_link(links, "result", base, id, "/result");
        add_link(links, "log", base, id, "/log");
    }
    if (!ended)
        add_link(links, "cancel", base, id, "");
    else if (!job->purged)
        add_link(links, "retry", base, id, "/retry");
    if (job->has_retry_of)
        add_link(links, "retryOf", base, job_id_format(&job->retry_of, id), "");
    json_add(document, "links", links);
}

static void add_times(struct json_object *document, const struct job *job)
{
    json_add_integer(document, "attempts", job->attempts);
    if (job->interruptions > 0)
        json_add_integer(document, "interruptions", job->interruptions);
    json_add_time(document, "startedAt", job->started_ms);
    json_add_time(document, "finishedAt", job->finished_ms);
    json_add_time(document, "expiresAt", job->expires_ms);
}

struct json_object *job_document(const struct job *job, const struct job_document_parts *parts)
{
    static const struct job_document_parts nothing = {0};
    char id[JOB_ID_TEXT_SIZE];
    if (parts == NULL)
        parts = &nothing;
    struct json_object *document = json_object_new_object();
    add_head(document, job, job->status);
    json_add_text(document, "function", job->function);
    add_times(document, job);
    if (job->status == JOB_QUEUED)
        add_queue(document, job, parts->place);
    add_progress(document, job);
    /* Of a job that goes on, the error of its last attempt is told apart from an error it has ended with. */
    if (job->error_type[0] != '\0' && job->status != JOB_SUCCEEDED)
        json_add(document, job->status == JOB_FAILED ? "error" : "lastError",
                 error_object(job->error_type, job->error_message));
    add_cancel(document, job);
    if (job->has_retry_of)
        json_add_text(document, "retryOf", job_id_format(&job->retry_of, id));
    if (job->caller[0] != '@') /* an address is nobody else's business */
        json_add_text(document, "caller", job->caller);
    json_add_text(document, "traceparent", job->traceparent);
    json_add_integer(document, "eventSize", (int64_t)job->event_size);
    json_add_integer(document, "logSize", (int64_t)job->log_size);
    if (job->purged)
        json_add_boolean(document, "purged", true);
    else
        add_result(document, job, parts->result);
    add_attempts(document, parts->attempts, parts->attempt_count);
    add_callbacks(document, job, parts->deliveries, parts->delivery_count);
    if (parts->base != NULL)
        add_links(document, job, parts->base);
    return document;
}
