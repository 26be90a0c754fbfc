#include "config.h"
#include "destination.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

/* Receivers take the ARN apart, so it has the form of one. Region and account mean nothing here. */
#define ARN_FORMAT "arn:aws:lambda:us-east-1:000000000000:function:%s:$LATEST"

static const char *condition_of(const struct job *job)
{
    switch (job->status) {
    case JOB_SUCCEEDED:
        return "Success";
    case JOB_CANCELLED:
        return "Cancelled";
    default:
        return strcmp(job->error_type, "Event.AgeExceeded") == 0 ? "EventAgeExceeded" : "RetriesExhausted";
    }
}

static struct json_object *request_context(const struct job *job)
{
    char id[JOB_ID_TEXT_SIZE];
    char arn[sizeof ARN_FORMAT + JOB_FUNCTION_SIZE];
    struct json_object *context = json_object_new_object();
    snprintf(arn, sizeof arn, ARN_FORMAT, job->function);
    json_add_text(context, "requestId", job_id_format(&job->id, id));
    json_add_text(context, "functionArn", arn);
    json_add_text(context, "condition", condition_of(job));
    json_add_integer(context, "approximateInvokeCount", job->attempts);
    return context;
}

static struct json_object *response_context(const struct job *job)
{
    struct json_object *context = json_object_new_object();
    json_add_integer(context, "statusCode", 200); /* Lambda's: a function error is a 200, too */
    json_add_text(context, "executedVersion", "$LATEST");
    if (job->status != JOB_SUCCEEDED)
        json_add_text(context, "functionError", "Unhandled");
    return context;
}

static struct json_object *response_payload(const struct job *job, const struct buffer *result)
{
    if (job->status != JOB_SUCCEEDED) {
        struct json_object *payload = json_object_new_object();
        json_add_text(payload, "errorType", job->status == JOB_CANCELLED ? "Job.Cancelled" : job->error_type);
        json_add_text(payload, "errorMessage",
                      job->status == JOB_CANCELLED ? job->cancel_reason : job->error_message);
        return payload;
    }
    if (result->length == 0)
        return NULL;
    if (strcmp(job->result_type, "application/json") == 0)
        return json_raw(result->data, result->length);
    if (!json_utf8_is_valid(result->data, result->length))
        return NULL; /* bytes: to be fetched from the job's result */
    return json_object_new_string_len(result->data, (int)result->length);
}

void destination_record(const struct job *job, const struct buffer *event, const struct buffer *result,
                        int64_t now_ms, struct buffer *record)
{
    struct json_object *object = json_object_new_object();
    json_add_text(object, "version", "1.0");
    json_add_time(object, "timestamp", now_ms);
    json_add(object, "requestContext", request_context(job));
    if (event->length > 0) /* gone when the job was purged meanwhile */
        json_add(object, "requestPayload", json_raw(event->data, event->length));
    if (job->attempts > 0)
        json_add(object, "responseContext", response_context(job));
    json_add(object, "responsePayload", response_payload(job, result));
    json_print(object, record);
}
