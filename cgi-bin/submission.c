#include "config.h"
#include "submission.h"

#include "clock.h"
#include "function.h"
#include "guard.h"
#include "job_document.h"
#include "log.h"
#include "service.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANSWER_HEADERS                                                                                       \
    (REQUEST_TARGET_MAX + 2048) /* Location has the base in it; cors_origins adds its own */
#define ANSWER_BODY  256
#define DELAY_MAX_MS (INT64_C(365) * 24 * 3600 * 1000)

static bool charset_is_utf8(const char *type)
{
    const char *charset = strcasestr(type, "charset");
    if (charset == NULL)
        return true;
    charset += strlen("charset");
    charset += strspn(charset, " \t=\"");
    return strncasecmp(charset, "utf-8", 5) == 0;
}

bool submission_check_type(struct exchange *exchange)
{
    const char *type = request_header(&exchange->request, HEADER_CONTENT_TYPE);
    if (job_type_is_json(type) && charset_is_utf8(type))
        return true;
    /* Without a body there is nothing to declare; what a page of another site sends is the guard's affair. */
    if (*type == '\0' && exchange->body.length == 0)
        return true;
    response_header(&exchange->response, "Accept", "application/json");
    response_fail(&exchange->response, 415, "Unsupported media type",
                  "Send the event as JSON in UTF-8, with the header \"Content-Type: application/json\".");
    return false;
}

bool submission_take_event(struct exchange *exchange, struct submission *submission)
{
    struct error error = {0};
    size_t offset = 0;
    submission->event = "{}";
    submission->event_size = 2;
    if (exchange->body.length == 0)
        return true;
    submission->event = exchange->body.data;
    submission->event_size = exchange->body.length;
    enum outcome outcome = json_check(exchange->body.data, exchange->body.length, &offset, &error);
    if (outcome == OK)
        return true;
    if (outcome != INVALID) {
        exchange_fail(exchange, outcome, &error);
        return false;
    }
    struct json_object *problem = problem_make(400, "Event is not valid JSON", "%s.", error.text);
    json_add_integer(problem, "offset", (int64_t)offset);
    response_problem(&exchange->response, 400, problem);
    return false;
}

bool submission_take_function(struct exchange *exchange, struct submission *submission, const char *name)
{
    struct error error = {0};
    struct function function;
    enum outcome outcome = job_function_name_is_valid(name)
                               ? function_find(exchange->configuration, name, &function, &error)
                               : NOTFOUND;
    submission->function = name;
    if (job_function_name_is_valid(name) && !guard_may_use(exchange, name))
        return false;
    if (outcome == OK)
        return true;
    if (outcome == NOTFOUND) {
        response_fail(&exchange->response, 404, "Function not found",
                      "No function of this name is installed.");
        return false;
    }
    if (outcome == UNAVAILABLE || outcome == NOMEM) {
        exchange_fail(exchange, outcome, &error);
        return false;
    }
    exchange_log_failure(exchange, "function_refused", &error);
    response_fail(
        &exchange->response, 500, "Function refused",
        "The function is installed in a way that is not safe to run; the service's log has the reason.");
    return false;
}

static bool refuse(struct exchange *exchange, const char *words)
{
    response_fail(&exchange->response, 400, "Bad request", "%s.", words);
    return false;
}

static bool take_delay(struct exchange *exchange, struct submission *submission)
{
    const char *delay = request_parameter(&exchange->request, "delay");
    if (delay == NULL)
        return true;
    if (seconds_parse(delay, &submission->delay_ms) != OK || submission->delay_ms > DELAY_MAX_MS)
        return refuse(exchange, "delay= takes a number of seconds, at most a year");
    return true;
}

/* Where it leads is found out when the callback is made; here it only has to be a URL (RFC 3986) of the web. */
static bool take_callback(struct exchange *exchange, struct submission *submission)
{
    const char *url = request_header(&exchange->request, HEADER_CALLBACK_URL);
    submission->callback_url = url;
    if (*url == '\0')
        return true;
    bool is_web = strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0;
    bool has_host = is_web && strchr("/?#@:", strstr(url, "://")[3]) == NULL;
    if (!has_host || strlen(url) >= JOB_URL_SIZE)
        return refuse(exchange, "X-Callback-Url is an https URL of at most 1024 characters");
    for (const char *at = url; *at != '\0'; at++)
        if (*at <= 0x20 || *at > 0x7e || strchr("\"<>\\^`{|}", *at) != NULL)
            return refuse(exchange, "X-Callback-Url holds a character that has to be percent-encoded");
    return true;
}

/* Idempotency-Key is a string of RFC 8941 ("…" with \" and \\); a bare word is taken as well, since so many
 * send it. */
static bool take_key(struct exchange *exchange, struct submission *submission)
{
    static const char wrong[] = "Idempotency-Key is a string of 1 to 255 printable ASCII characters";
    const char *text = request_header(&exchange->request, HEADER_IDEMPOTENCY_KEY);
    if (*text == '\0')
        text = request_header(&exchange->request, HEADER_INVOCATION_ID);
    size_t used = 0;
    bool quoted = *text == '"';
    const char *at = text + quoted;
    for (; *at != '\0' && !(quoted && *at == '"'); at++) {
        if (quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        if (*at < 0x20 || *at > 0x7e || used == sizeof submission->key - 1)
            return refuse(exchange, wrong);
        submission->key[used++] = *at;
    }
    submission->key[used] = '\0';
    if (quoted && (*at != '"' || at[1] != '\0' || used == 0))
        return refuse(exchange, wrong);
    return true;
}

bool submission_take_wishes(struct exchange *exchange, struct submission *submission)
{
    struct error error = {0};
    if (preference_read(&exchange->request, exchange->configuration->wait_max_ms, &submission->preference,
                        &error) != OK)
        return refuse(exchange, error.text);
    return take_delay(exchange, submission) && take_callback(exchange, submission) &&
           take_key(exchange, submission);
}

/* W3C Trace Context: 00-<32>-<16>-<2>, lower-case hexadecimal. Anything else is dropped, as that standard
 * says. */
static bool traceparent_is_valid(const char *text)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    size_t i = 0;
    for (; form[i] != '\0'; i++) {
        bool hexadecimal = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (form[i] == 'h' ? !hexadecimal : text[i] != '-')
            return false;
    }
    return text[i] == '\0' && strncmp(text, "ff", 2) != 0;
}

static void copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

static void describe_job(struct exchange *exchange, const struct submission *submission, struct job *job)
{
    const char *traceparent = request_header(&exchange->request, HEADER_TRACEPARENT);
    copy_text(job->function, sizeof job->function, submission->function);
    job->created_ms = clock_wall_ms();
    job->first_due_ms = job->due_ms = job->created_ms + submission->delay_ms;
    if (traceparent_is_valid(traceparent))
        copy_text(job->traceparent, sizeof job->traceparent, traceparent);
    guard_name_caller(exchange, job->caller);
    if (submission->callback_url != NULL)
        copy_text(job->callback_url, sizeof job->callback_url, submission->callback_url);
    if (submission->retry_of != NULL) {
        job->has_retry_of = true;
        job->retry_of = *submission->retry_of;
    }
}

/* What makes two submissions the same one: function, delay, callback, the job it repeats, and the event byte by
 * byte. */
static void make_fingerprint(const struct submission *submission, uint8_t fingerprint[32])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, strlen(submission->function) + 1, (const uint8_t *)submission->function);
    sha256_update(&hash, sizeof submission->delay_ms, (const uint8_t *)&submission->delay_ms);
    if (submission->callback_url != NULL)
        sha256_update(&hash, strlen(submission->callback_url) + 1, (const uint8_t *)submission->callback_url);
    if (submission->retry_of != NULL)
        sha256_update(&hash, sizeof submission->retry_of->bytes, submission->retry_of->bytes);
    sha256_update(&hash, submission->event_size, submission->event);
    sha256_digest(&hash, 32, fingerprint);
}

static void answer_refusal(struct exchange *exchange, enum outcome outcome, bool queue_full,
                           const struct error *error)
{
    if (outcome == CONFLICT) {
        response_fail(&exchange->response, 422, "Idempotency key reused",
                      "This Idempotency-Key was used with another event or function.");
    } else if (outcome == FULL && queue_full) {
        response_header(&exchange->response, "Retry-After", "5");
        response_fail(&exchange->response, 429, "Queue full", "%s.", error->text);
    } else {
        exchange_fail(exchange, outcome == NOTFOUND || outcome == GONE ? IO : outcome, error);
    }
}

static void log_accepted(const struct exchange *exchange, const struct submission *submission,
                         const struct job *job, bool replayed)
{
    char size[24];
    snprintf(size, sizeof size, "%zu", submission->event_size);
    log_event(LOG_LEVEL_INFO, replayed ? "replayed" : "accepted", "job", exchange->request_id, "function",
              job->function, "bytes", size, "caller", job->caller[0] != '\0' ? job->caller : NULL, NULL);
}

/* Once the job is there, want of memory must not make an error of its answer: what a 202 takes is laid by. */
static enum outcome make_room(struct exchange *exchange, struct error *error)
{
    struct response *response = &exchange->response;
    return buffer_reserve(&response->headers, ANSWER_HEADERS) != NULL &&
                   buffer_reserve(&response->body, ANSWER_BODY) != NULL
               ? OK
               : error_set(error, NOMEM, "no memory for the answer");
}

bool submission_commit(struct exchange *exchange, const struct submission *submission, struct job *job)
{
    struct error error = {0};
    struct store_submission wish = {
        .event = submission->event,
        .event_size = submission->event_size,
        .idempotency_key = submission->key[0] != '\0' ? submission->key : NULL,
        .idempotency_ttl_ms = exchange->configuration->idempotency_ttl_ms,
        .queue_max = exchange->configuration->queue_max,
        .active_max = guard_active_jobs(exchange),
    };
    bool replayed = false, queue_full = false;
    if (!guard_take_quota(exchange))
        return false;
    describe_job(exchange, submission, &wish.job);
    enum outcome outcome = make_room(exchange, &error);
    if (outcome == OK)
        outcome = job_id_make(&wish.job.id, &error);
    if (wish.idempotency_key != NULL)
        make_fingerprint(submission, wish.fingerprint);
    if (outcome == OK)
        outcome = store_submit(exchange->store, &wish, exchange->deadline_ms, job, &replayed, &queue_full,
                               &exchange->ticket, &error);
    if (outcome != OK || replayed)
        guard_return_quota(exchange);
    if (outcome != OK) {
        exchange->ticket = (struct store_ticket){0};
        answer_refusal(exchange, outcome, queue_full, &error);
        return false;
    }
    job_id_format(&job->id, exchange->request_id);
    log_accepted(exchange, submission, job, replayed);
    if (!replayed && configuration_function(exchange->configuration, job->function)->concurrency != 0)
        service_work_is_there(exchange->service, exchange->configuration);
    return true;
}

void submission_name_job(struct exchange *exchange, const struct job *job)
{
    char location[REQUEST_TARGET_MAX + JOB_ID_TEXT_SIZE + 8];
    char id[JOB_ID_TEXT_SIZE];
    snprintf(location, sizeof location, "%s/job/%s", exchange->request.base, job_id_format(&job->id, id));
    response_header(&exchange->response, "Location", location);
    response_header(&exchange->response, "X-Amzn-RequestId", id);
}

static bool has_ended(const struct job *job, const void *context)
{
    return job_status_is_terminal(job->status);
}

void submission_answer(struct exchange *exchange, const struct submission *submission, struct job *job)
{
    struct error error = {0};
    struct response *response = &exchange->response;
    if (submission->preference.has_wait &&
        exchange_wait(exchange, job, has_ended, NULL, clock_deadline(submission->preference.wait_ms),
                      &error) != OK)
        exchange_log_failure(exchange, "wait_failed", &error);
    preference_acknowledge(&submission->preference, response);
    if (submission->preference.has_wait && has_ended(job, NULL)) {
        struct job_document_parts parts = {.base = exchange->request.base};
        /* No Location here: with a 200 Apache would follow it instead of handing it on. */
        response_header(response, "X-Amzn-RequestId", exchange->request_id);
        response_json(response, 200, job_document(job, &parts));
        return;
    }
    int status = (int)exchange->configuration->accepted_status;
    if (status == 200)
        response_header(response, "X-Amzn-RequestId", exchange->request_id);
    else
        submission_name_job(exchange, job);
    response_header(response, "Retry-After", "1");
    response_header(response, "Content-Type", "application/json");
    response->status = status;
    job_document_print_accepted(job, &response->body);
}
