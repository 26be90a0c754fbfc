/* job.c - see job.h */
#include "config.h"

#include "job.h"

#include <stdio.h>
#include <string.h>

/* Six hours, Lambda's maximum event age: no retry is put off further, and no product below overflows. */
#define BACKOFF_MAX_MS ((int64_t)6 * 3600 * 1000)
/* A function that answers "later" at once must not be started again and again when backoff is 0. */
#define TRY_LATER_MIN_MS 1000

static const char *const status_names[JOB_STATUS_COUNT] = {
    [JOB_QUEUED] = "QUEUED", [JOB_RUNNING] = "RUNNING",     [JOB_SUCCEEDED] = "SUCCEEDED",
    [JOB_FAILED] = "FAILED", [JOB_CANCELLED] = "CANCELLED",
};

const char *job_status_name(enum job_status status)
{
    return (unsigned)status < JOB_STATUS_COUNT ? status_names[status] : NULL;
}

enum job_status job_status_parse(const char *text)
{
    for (unsigned status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++) {
        if (strcmp(text, status_names[status]) == 0)
            return (enum job_status)status;
    }
    return 0;
}

bool job_status_is_terminal(enum job_status status)
{
    return status == JOB_SUCCEEDED || status == JOB_FAILED || status == JOB_CANCELLED;
}

bool job_function_name_is_valid(const char *name)
{
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return length > 0 && length < JOB_FUNCTION_SIZE && name[length] == '\0';
}

void job_text_copy(char *to, size_t size, const char *from)
{
    size_t length = from ? strnlen(from, size) : 0;

    if (length == size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)from[length] & 0xC0) == 0x80)
            length--;
    }
    if (length > 0)
        memcpy(to, from, length);
    to[length] = '\0';
}

static void set_error(struct job *job, const char *type, const char *message)
{
    job_text_copy(job->error_type, sizeof job->error_type, type);
    job_text_copy(job->error_message, sizeof job->error_message, message);
}

static const char *destination_of(enum job_status status, const struct job_policy *policy)
{
    return status == JOB_SUCCEEDED ? policy->on_success : status == JOB_FAILED ? policy->on_failure : NULL;
}

static void end(struct job *job, enum job_status status, const struct job_policy *policy, int64_t now_ms)
{
    int64_t retention = policy->retention_ms[status];

    job->status = status;
    job->finished_ms = now_ms;
    job->expires_ms = retention > 0 ? now_ms + retention : 0;
    job->due_ms = 0;
    job->waits_for_retry = false;
    job_text_copy(job->destination, sizeof job->destination, destination_of(status, policy));
    if (status != JOB_FAILED)
        set_error(job, NULL, NULL);
}

static void queue(struct job *job, int64_t due_ms, bool waits_for_retry)
{
    job->status = JOB_QUEUED;
    job->due_ms = due_ms;
    job->waits_for_retry = waits_for_retry;
}

static bool is_too_old(const struct job *job, const struct job_policy *policy, int64_t now_ms)
{
    return policy->max_event_age_ms > 0 && now_ms - job->first_due_ms > policy->max_event_age_ms;
}

static void end_too_old(struct job *job, const struct job_policy *policy, int64_t now_ms)
{
    char message[JOB_MESSAGE_SIZE];

    snprintf(message, sizeof message, "waited longer than max_event_age (%lld s)%s%s",
             (long long)(policy->max_event_age_ms / 1000), job->error_type[0] ? "; the attempt before: " : "",
             job->error_type);
    set_error(job, "Event.AgeExceeded", message);
    end(job, JOB_FAILED, policy, now_ms);
}

/* backoff, twice that, four times that, …, and up to a quarter more by the jitter. */
static int64_t backoff(const struct job_policy *policy, uint32_t failures, uint32_t jitter_permille)
{
    int64_t delay = policy->backoff_ms;

    for (uint32_t i = 1; i < failures && delay < BACKOFF_MAX_MS; i++)
        delay *= 2;
    if (delay > BACKOFF_MAX_MS)
        delay = BACKOFF_MAX_MS;
    return delay + delay * jitter_permille / 4000;
}

int64_t job_due_seen(const struct job *job, const struct job_policy *policy, int64_t now_ms)
{
    const int64_t slack_ms =
        1000; /* a clock that is set right by a little, or read a little earlier elsewhere */
    int64_t wait = job->first_due_ms - job->created_ms;

    if (job->waits_for_retry) {
        wait = backoff(policy, job->failures, 1000);
        if (wait < TRY_LATER_MIN_MS)
            wait = TRY_LATER_MIN_MS;
    }
    return job->due_ms - now_ms > wait + slack_ms ? now_ms + wait : job->due_ms;
}

static void claim(struct job *job, const struct job_policy *policy, const struct job_change *change)
{
    if (is_too_old(job, policy, change->now_ms)) {
        end_too_old(job, policy, change->now_ms);
        return;
    }
    job->status = JOB_RUNNING;
    job->started_ms = change->now_ms;
    job->attempts++;
    job->runner = change->runner;
    job->waits_for_retry = false;
    job->progress_percent = -1;
    job->progress_message[0] = '\0';
    set_error(job, NULL, NULL);
}

static void fail(struct job *job, const struct job_policy *policy, const struct job_change *change)
{
    job->failures++;
    if (job->failures > policy->retries)
        end(job, JOB_FAILED, policy, change->now_ms);
    else
        queue(job, change->now_ms + backoff(policy, job->failures, change->jitter_permille), true);
}

static void try_later(struct job *job, const struct job_policy *policy, const struct job_change *change)
{
    int64_t delay = backoff(policy, 1, change->jitter_permille);

    if (is_too_old(job, policy, change->now_ms))
        end_too_old(job, policy, change->now_ms);
    else
        queue(job, change->now_ms + (delay > TRY_LATER_MIN_MS ? delay : TRY_LATER_MIN_MS), true);
}

static void interrupt(struct job *job, const struct job_policy *policy, const struct job_change *change)
{
    job->interruptions++;
    if (job->interruptions < policy->max_interruptions) {
        /* Its old due time: what a restart of the web server interrupted goes on before what came later. (It ran, so it is due,
         * also when the clock was put back meanwhile.) */
        queue(job, job->due_ms < change->now_ms ? job->due_ms : change->now_ms, false);
        return;
    }
    if (job->error_type[0] == '\0')
        set_error(job, "Worker.Lost", "the worker died in each of the attempts");
    end(job, JOB_FAILED, policy, change->now_ms);
}

static void leave_running(struct job *job, enum job_event event, const struct job_policy *policy,
                          const struct job_change *change)
{
    memset(&job->runner, 0, sizeof job->runner);
    set_error(job, change->error_type, change->error_message);
    if (event == JOB_SUCCEED) {
        end(job, JOB_SUCCEEDED, policy, change->now_ms);
        return;
    }
    if (job->cancel_requested) {
        if (event == JOB_INTERRUPT)
            job->interruptions++;
        end(job, JOB_CANCELLED, policy, change->now_ms);
        return;
    }
    switch (event) {
    case JOB_FAIL:
        fail(job, policy, change);
        break;
    case JOB_TRY_LATER:
        try_later(job, policy, change);
        break;
    case JOB_INTERRUPT:
        interrupt(job, policy, change);
        break;
    default: /* JOB_FAIL_FOR_GOOD */
        end(job, JOB_FAILED, policy, change->now_ms);
        break;
    }
}

static void cancel(struct job *job, const struct job_policy *policy, const struct job_change *change)
{
    if (!job->cancel_requested) { /* who was first is named */
        job->cancel_requested = true;
        job_text_copy(job->cancel_reason, sizeof job->cancel_reason, change->reason);
        job_text_copy(job->cancelled_by, sizeof job->cancelled_by, change->caller);
    }
    if (job->status == JOB_QUEUED)
        end(job, JOB_CANCELLED, policy, change->now_ms);
}

enum outcome job_apply(struct job *job, enum job_event event, const struct job_policy *policy,
                       const struct job_change *change)
{
    bool queued = job->status == JOB_QUEUED;
    bool running = job->status == JOB_RUNNING;

    switch (event) {
    case JOB_CLAIM:
        if (!queued)
            return CONFLICT;
        claim(job, policy, change);
        break;
    case JOB_CANCEL:
        if (!queued && !running)
            return CONFLICT;
        cancel(job, policy, change);
        break;
    case JOB_SUCCEED:
    case JOB_FAIL:
    case JOB_FAIL_FOR_GOOD:
    case JOB_TRY_LATER:
    case JOB_INTERRUPT:
        if (!running)
            return CONFLICT;
        leave_running(job, event, policy, change);
        break;
    default:
        return CONFLICT;
    }
    job->revision++;
    return OK;
}

bool job_has_deliveries(const struct job *job)
{
    return job_status_is_terminal(job->status) &&
           (job->callback_url[0] != '\0' || job->destination[0] != '\0');
}
