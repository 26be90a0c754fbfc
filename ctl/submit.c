/* submit.c - submit, retry */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "follow.h"
#include "function.h"
#include "input.h"
#include "job_document.h"
#include "output.h"
#include "selection.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static int64_t delay_ms, timeout_ms;
static const char *idempotency_key, *callback_url, *event_argument;
static bool wait_for_end;

/* What makes two submissions the same one, as in POST /job. */
static void make_fingerprint(const struct store_submission *submission, uint8_t fingerprint[32])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, strlen(submission->job.function) + 1, (const uint8_t *)submission->job.function);
    sha256_update(&hash, sizeof delay_ms, (const uint8_t *)&delay_ms);
    sha256_update(&hash, strlen(submission->job.callback_url), (const uint8_t *)submission->job.callback_url);
    if (submission->job.has_retry_of)
        sha256_update(&hash, JOB_ID_BYTES, submission->job.retry_of.bytes);
    sha256_update(&hash, submission->event_size, submission->event);
    sha256_digest(&hash, 32, fingerprint);
}

static enum outcome commit(struct control *control, struct store_submission *submission, struct job *job,
                           struct error *error)
{
    struct store_ticket ticket = {0};
    bool replayed, queue_full;
    submission->idempotency_key = idempotency_key;
    submission->idempotency_ttl_ms = control->configuration->idempotency_ttl_ms;
    submission->queue_max = control->configuration->queue_max;
    submission->job.created_ms = clock_wall_ms();
    submission->job.due_ms = submission->job.first_due_ms = submission->job.created_ms + delay_ms;
    make_fingerprint(submission, submission->fingerprint);
    enum outcome outcome = job_id_make(&submission->job.id, error);
    if (outcome == OK)
        outcome = store_submit(control->store, submission, control_deadline(), job, &replayed, &queue_full,
                               &ticket, error);
    if (outcome == CONFLICT)
        error_set(error, CONFLICT, "this idempotency key was used with another event or function");
    if (outcome == OK)
        outcome = store_sync(control->store, ticket, control_deadline(), error);
    return outcome;
}

static enum outcome set_callback(struct job *job, struct error *error)
{
    if (callback_url == NULL)
        return OK;
    if (strlen(callback_url) >= sizeof job->callback_url ||
        (strncmp(callback_url, "https://", 8) != 0 && strncmp(callback_url, "http://", 7) != 0))
        return error_set(error, INVALID, "--callback takes an https URL of at most 1024 characters");
    job_text_copy(job->callback_url, sizeof job->callback_url, callback_url);
    return OK;
}

/* ---- submit ---- */

static enum outcome submit(struct control *control, const struct buffer *event, struct job *job,
                           struct error *error)
{
    struct store_submission submission = {.event = event->data, .event_size = event->length};
    struct function function;
    const char *name = control->arguments[0];
    enum outcome outcome = function_find(control->configuration, name, &function, error);
    if (outcome == OK)
        outcome = set_callback(&submission.job, error);
    if (outcome != OK)
        return outcome;
    job_text_copy(submission.job.function, sizeof submission.job.function, name);
    return commit(control, &submission, job, error);
}

static int tell_accepted(struct control *control, const struct job *job)
{
    char id[JOB_ID_TEXT_SIZE];
    if (wait_for_end)
        return follow_to_end(control, &job->id, timeout_ms);
    if (control->json)
        return output_json(job_document_accepted(job));
    puts(job_id_format(&job->id, id));
    return 0;
}

static int run_submit(struct control *control)
{
    struct buffer event = {0};
    struct error error = {0};
    struct job job;
    enum outcome outcome = input_event(control->count > 1 ? control->arguments[1] : "{}",
                                       (size_t)control->configuration->max_event_size, &event, &error);
    if (outcome == OK)
        outcome = submit(control, &event, &job, &error);
    buffer_free(&event);
    if (outcome != OK)
        return control_fail(outcome, &error);
    control_wake(control);
    return tell_accepted(control, &job);
}

static const struct command_option submit_options[] = {
    {"delay", OPTION_DURATION, "TIME", "not to be run before this time has passed", &delay_ms},
    {"idempotency-key", OPTION_TEXT, "TEXT", "the same key and event: the same job", &idempotency_key},
    {"callback", OPTION_TEXT, "URL", "is told when the job has ended", &callback_url},
    {"wait", OPTION_FLAG, NULL, "until it has ended; the exit status is as that of wait", &wait_for_end},
    {"timeout", OPTION_DURATION, "TIME", "how long to wait", &timeout_ms},
    {0}};

const struct command submit_command = {
    .name = "submit",
    .arguments = "FUNCTION [EVENT]",
    .summary = "a new job",
    .help = "Submits a job and prints its id once it is on disk. EVENT is JSON, @FILE, or - for\n"
            "standard input; without it {}.",
    .least = 1,
    .most = 2,
    .needs = NEEDS_WRITING,
    .options = submit_options,
    .run = run_submit,
};

/* ---- retry ---- */

static struct selection chosen;
static bool confirmed;

struct retrying {
    struct control *control;
    struct json_object *list;
    struct progress bar;
    uint64_t done;
    bool single;
};

static enum outcome take_event(struct control *control, const struct job_id *id, struct buffer *event,
                               struct error *error)
{
    if (event_argument != NULL)
        return input_event(event_argument, (size_t)control->configuration->max_event_size, event, error);
    enum outcome outcome = store_event(control->store, id, control_deadline(), event, error);
    return outcome == NOTFOUND
               ? error_set(error, CONFLICT, "the event of this job was erased: give one with --event")
               : outcome;
}

static enum outcome retry(struct control *control, const struct job *old, struct job *job,
                          struct error *error)
{
    struct store_submission submission = {.job = {.has_retry_of = true, .retry_of = old->id}};
    struct buffer event = {0};
    struct function function;
    enum outcome outcome =
        job_status_is_terminal(old->status)
            ? take_event(control, &old->id, &event, error)
            : error_set(error, CONFLICT, "the job has not ended: it is %s", job_status_name(old->status));
    if (outcome == OK)
        outcome = function_find(control->configuration, old->function, &function, error);
    if (outcome == OK) {
        job_text_copy(submission.job.function, sizeof submission.job.function, old->function);
        submission.event = event.data;
        submission.event_size = event.length;
        outcome = set_callback(&submission.job, error);
    }
    if (outcome == OK)
        outcome = commit(control, &submission, job, error);
    buffer_free(&event);
    return outcome;
}

static int retry_one(void *context, const struct job *old)
{
    struct retrying *retrying = context;
    struct error error = {0};
    struct job job;
    char id[JOB_ID_TEXT_SIZE];
    enum outcome outcome = retry(retrying->control, old, &job, &error);
    if (outcome == CONFLICT && !retrying->single) /* it was found by a selection, and is on its way already */
        return 0;
    if (outcome != OK)
        return control_fail(outcome, &error);
    retrying->done++;
    progress_show(&retrying->bar, retrying->done, 0, "jobs");
    if (retrying->list != NULL)
        json_object_array_add(retrying->list, job_document_accepted(&job));
    else if (!wait_for_end)
        puts(job_id_format(&job.id, id));
    control_wake(retrying->control);
    return wait_for_end ? follow_to_end(retrying->control, &job.id, timeout_ms) : 0;
}

static int retry_named(struct control *control, struct retrying *retrying)
{
    int status = 0;
    retrying->single = true;
    for (int i = 0; i < control->count && status == 0; i++) {
        struct job_id id;
        struct job old;
        struct error error = {0};
        if (!control_parse_id(control->arguments[i], &id))
            return EX_DATAERR;
        enum outcome outcome = store_get(control->store, &id, control_deadline(), &old, &error);
        if (outcome == NOTFOUND || outcome == GONE)
            error_set(&error, outcome, "%s: %s", control->arguments[i],
                      outcome == GONE ? "has expired" : "no such job");
        status = outcome == OK ? retry_one(retrying, &old) : control_fail(outcome, &error);
    }
    return status;
}

static int run_retry(struct control *control)
{
    struct retrying retrying = {.control = control, .bar = {.what = "retrying"}};
    bool selected = selection_is_given(&chosen);
    if (selected == (control->count > 0))
        return control_misused(control, "it takes ids, or --status, --function or --older-than");
    if (selected && !confirmed)
        return control_misused(control, "many jobs at once want --yes");
    if (control->json && !wait_for_end)
        retrying.list = json_object_new_array();
    int status = selected ? selection_each(control, &chosen, retry_one, &retrying, NULL)
                          : retry_named(control, &retrying);
    progress_end(&retrying.bar);
    if (retrying.list != NULL && status == 0)
        return output_json(retrying.list);
    json_object_put(retrying.list);
    return status;
}

static const struct command_option retry_options[] = {
    {"event", OPTION_TEXT, "EVENT", "another event: JSON, @FILE or -", &event_argument},
    {"delay", OPTION_DURATION, "TIME", "not to be run before this time has passed", &delay_ms},
    {"callback", OPTION_TEXT, "URL", "is told when the new job has ended", &callback_url},
    {"wait", OPTION_FLAG, NULL, "until it has ended; the exit status is as that of wait", &wait_for_end},
    {"timeout", OPTION_DURATION, "TIME", "how long to wait", &timeout_ms},
    SELECTION_OPTIONS(chosen),
    {"yes", OPTION_FLAG, NULL, "all of those selected", &confirmed},
    {0}};

const struct command retry_command = {
    .name = "retry",
    .arguments = "[ID...]",
    .summary = "a new job from one that has ended",
    .help = "Submits the event of a job that has ended once more, or another one, to the same\n"
            "function: a new job, which names the old one in retryOf. Prints the new ids.\n"
            "Many at once: jobgatectl retry --status failed --function report --yes",
    .most = -1,
    .needs = NEEDS_WRITING,
    .options = retry_options,
    .run = run_retry,
};
