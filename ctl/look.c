/* look.c - list, show */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "job_document.h"
#include "output.h"
#include "selection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define WORDS_SHOWN 48

/* ---- list ---- */

static struct selection listed = {.limit = 20};
static const char *before_text;
static bool ids_only;

/* What is to be said about the job on one line. */
static const char *words_of(const struct job *job)
{
    if (job->error_message[0] != '\0' && job->status != JOB_SUCCEEDED)
        return job->error_message;
    if (job->status == JOB_CANCELLED)
        return job->cancel_reason;
    return job->progress_message;
}

static enum output_colour colour_of(enum job_status status)
{
    switch (status) {
    case JOB_SUCCEEDED:
        return COLOUR_GREEN;
    case JOB_FAILED:
        return COLOUR_RED;
    case JOB_RUNNING:
        return COLOUR_YELLOW;
    case JOB_QUEUED:
    case JOB_CANCELLED:
        break;
    }
    return COLOUR_DIM;
}

static const char *took(const struct job *job, int64_t now)
{
    if (job->started_ms == 0)
        return "";
    if (job->status == JOB_RUNNING)
        return output_span(now - job->started_ms);
    return job->finished_ms >= job->started_ms ? output_span(job->finished_ms - job->started_ms) : "";
}

static void print_line(const struct job *job, int64_t now)
{
    char id[JOB_ID_TEXT_SIZE], percent[16] = "";
    if (job->status == JOB_RUNNING && job->progress_percent >= 0)
        snprintf(percent, sizeof percent, "%d %% ", job->progress_percent);
    printf("%s  %s%-9s%s  %-20s  %6s  %6s  %s", job_id_format(&job->id, id),
           output_colour(colour_of(job->status)), job_status_name(job->status), output_colour(COLOUR_NONE),
           job->function, output_span(now - job->created_ms), took(job, now), percent);
    output_text(stdout, words_of(job), WORDS_SHOWN);
    fputs("\n", stdout);
}

struct listing {
    struct control *control;
    int64_t now_ms;
    struct json_object *jobs;
    bool titled;
};

static int list_job(void *context, const struct job *job)
{
    struct listing *listing = context;
    char id[JOB_ID_TEXT_SIZE];
    if (ids_only) {
        puts(job_id_format(&job->id, id));
    } else if (listing->control->json) {
        if (json_object_array_add(listing->jobs, job_document(job, NULL)) != 0)
            return control_refuse(EX_OSERR, "no memory");
    } else {
        if (!listing->titled)
            output_title(
                "JOB                                   STATUS     FUNCTION                 AGE    TOOK");
        listing->titled = true;
        print_line(job, listing->now_ms);
    }
    return 0;
}

static int run_list(struct control *control)
{
    struct listing listing = {.control = control, .now_ms = clock_wall_ms()};
    struct job_id before;
    if (before_text != NULL) {
        if (!control_parse_id(before_text, &before))
            return EX_DATAERR;
        listed.before = &before;
    }
    if (control->json)
        listing.jobs = json_object_new_array();
    bool more = false;
    int status = selection_each(control, &listed, list_job, &listing, &more);
    if (status == 0 && control->json && !ids_only) {
        struct json_object *document = json_object_new_object();
        json_add(document, "jobs", listing.jobs);
        json_add_boolean(document, "more", more);
        return output_json(document);
    }
    json_object_put(listing.jobs);
    if (status == 0 && more && !ids_only)
        output_title("… there are older ones: --before the last id, or --limit 0 for all");
    return status;
}

static const struct command_option list_options[] = {
    SELECTION_OPTIONS(listed),
    {"limit", OPTION_NUMBER, "N", "at most so many; 0 = all (20)", &listed.limit},
    {"id", OPTION_TEXT, "BEGINNING", "only those whose id begins so", &listed.id},
    {"before", OPTION_TEXT, "ID", "older than this job: the next page", &before_text},
    {"ids", OPTION_FLAG, NULL, "only the ids, for other commands", &ids_only},
    {0}};

const struct command list_command = {
    .name = "list",
    .arguments = "",
    .summary = "the jobs, newest first",
    .help = "Lists jobs, newest first. A page costs its jobs, whatever the store holds.",
    .needs = NEEDS_READING,
    .options = list_options,
    .run = run_list,
};

/* ---- show ---- */

static bool show_event, show_result;

static void print_time(const char *name, int64_t wall_ms, int64_t now)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_ms == 0)
        return;
    bool past = wall_ms <= now;
    printf("%-12s %s  (%s%s%s)\n", name, clock_format(wall_ms, text), past ? "" : "in ",
           output_span(past ? now - wall_ms : wall_ms - now), past ? " ago" : "");
}

static void print_text(const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    printf("%-12s ", name);
    output_text(stdout, text, 0);
    fputs("\n", stdout);
}

static void print_error(const char *name, const char *type, const char *message)
{
    if (type[0] == '\0')
        return;
    printf("%-12s ", name);
    output_text(stdout, type, 0);
    fputs(": ", stdout);
    output_text(stdout, message, 0);
    fputs("\n", stdout);
}

static void print_head(const struct store_view *view, int64_t now)
{
    const struct job *job = &view->job;
    char id[JOB_ID_TEXT_SIZE];
    printf("%-12s %s\n%-12s %s%s%s\n%-12s %s\n", "job", job_id_format(&job->id, id), "status",
           output_colour(colour_of(job->status)), job_status_name(job->status), output_colour(COLOUR_NONE),
           "function", job->function);
    if (job->has_retry_of)
        printf("%-12s %s\n", "retry of", job_id_format(&job->retry_of, id));
    print_text("caller", job->caller);
    print_time("created", job->created_ms, now);
    if (job->status == JOB_QUEUED)
        print_time("due", job->due_ms, now);
    print_time("started", job->started_ms, now);
    print_time("finished", job->finished_ms, now);
    print_time("expires", job->expires_ms, now);
    if (view->has_place)
        printf("%-12s %s, number %" PRIu64 " in its queue\n", "waits for",
               store_wait_reason_name(view->place.reason), view->place.position);
    if (job->progress_percent >= 0)
        printf("%-12s %d %%\n", "progress", job->progress_percent);
    print_text("says", job->progress_message);
    print_error(job->status == JOB_FAILED ? "error" : "last error", job->error_type, job->error_message);
    if (job->cancel_requested && job->status == JOB_RUNNING)
        puts("cancel       asked for, its processes are being ended");
    print_text("cancelled by", job->cancelled_by);
    print_text("reason", job->cancel_reason);
}

static void print_attempts(const struct store_view *view, int64_t now)
{
    char text[CLOCK_TEXT_SIZE];
    if (view->attempt_count > 0)
        output_title("\nATTEMPT  STARTED                      TOOK  EXIT   CPU     PEAK  ERROR");
    for (size_t i = 0; i < view->attempt_count; i++) {
        const struct job_attempt *attempt = &view->attempts[i];
        char end[16] = "";
        if (attempt->signal != 0)
            snprintf(end, sizeof end, "SIG%d", attempt->signal);
        else if (attempt->finished_ms != 0 && attempt->exit_status >= 0)
            snprintf(end, sizeof end, "%d", attempt->exit_status);
        int64_t until = attempt->finished_ms != 0 ? attempt->finished_ms : now;
        printf("%7" PRIu32 "  %s  %7s  %4s  %4s  %7s  ", attempt->number,
               clock_format(attempt->started_ms, text), output_span(until - attempt->started_ms), end,
               output_span((int64_t)(attempt->cpu_us / 1000)), output_size(attempt->peak_memory_kib * 1024));
        print_error("", attempt->error_type, attempt->error_message);
        if (attempt->error_type[0] == '\0')
            fputs("\n", stdout);
    }
}

static void print_deliveries(const struct store_view *view)
{
    for (size_t i = 0; i < view->delivery_count; i++) {
        const struct store_delivery *delivery = &view->deliveries[i];
        printf("%-12s %s after %" PRIu32 " tries: ", store_target_name(delivery->target),
               store_delivery_state_name(delivery->state), delivery->tries);
        output_text(stdout,
                    delivery->target == TARGET_CALLBACK ? view->job.callback_url : view->job.destination, 0);
        fputs("\n", stdout);
        print_text("", delivery->words);
    }
}

static void print_sizes(const struct store_view *view)
{
    const struct job *job = &view->job;
    printf("%-12s event %s, log %s", "sizes", output_size(job->event_size), output_size(job->log_size));
    if (job->result_type[0] != '\0')
        printf(", result %s %s", output_size(job->result_size), job->result_type);
    puts(job->purged ? " (erased on request)" : "");
}

static void print_result(const struct store_view *view)
{
    const char *type = view->job.result_type;
    if (!view->has_result || !(job_type_is_json(type) || job_type_is_text(type)))
        return;
    output_title("\nRESULT");
    output_bytes(stdout, view->result.length > 0 ? view->result.data : "", view->result.length);
    fputs("\n", stdout);
}

static int show_document(const struct store_view *view)
{
    struct job_document_parts parts = {.attempts = view->attempts,
                                       .attempt_count = view->attempt_count,
                                       .place = view->has_place ? &view->place : NULL,
                                       .result = view->has_result ? &view->result : NULL,
                                       .deliveries = view->deliveries,
                                       .delivery_count = view->delivery_count};
    return output_json(job_document(&view->job, &parts));
}

static int show_bytes(struct control *control, const struct job_id *id)
{
    struct buffer bytes = {0};
    struct error error = {0};
    enum outcome outcome = show_event ? store_event(control->store, id, control_deadline(), &bytes, &error)
                                      : store_result(control->store, id, control_deadline(), &bytes, &error);
    if (outcome == NOTFOUND && error.text[0] == '\0')
        error_set(&error, NOTFOUND, "there is no %s of this job", show_event ? "event" : "result");
    int status = outcome == OK ? 0 : control_fail(outcome, &error);
    if (status == 0 && !output_bytes(stdout, bytes.data, bytes.length))
        status = EX_IOERR;
    buffer_free(&bytes);
    return status;
}

static int show_one(struct control *control, const char *text)
{
    struct job_id id;
    struct store_view view;
    struct error error = {0};
    if (!control_parse_id(text, &id))
        return EX_DATAERR;
    if (show_event || show_result)
        return show_bytes(control, &id);
    enum outcome outcome = store_view(control->store, &id, control->configuration, JOB_DOCUMENT_RESULT_MAX,
                                      control_deadline(), &view, &error);
    if (outcome == NOTFOUND || outcome == GONE)
        error_set(&error, outcome, "%s: %s", text, outcome == GONE ? "has expired" : "no such job");
    if (outcome != OK)
        return control_fail(outcome, &error);
    int status = 0;
    if (control->json) {
        status = show_document(&view);
    } else {
        int64_t now = clock_wall_ms();
        print_head(&view, now);
        print_sizes(&view);
        print_deliveries(&view);
        print_attempts(&view, now);
        print_result(&view);
    }
    store_view_free(&view);
    return status;
}

static int run_show(struct control *control)
{
    int status = 0;
    for (int i = 0; i < control->count && status == 0; i++) {
        if (i > 0 && !control->json)
            puts("");
        status = show_one(control, control->arguments[i]);
    }
    return status;
}

static const struct command_option show_options[] = {
    {"event", OPTION_FLAG, NULL, "the event's bytes instead", &show_event},
    {"result", OPTION_FLAG, NULL, "the result's bytes instead", &show_result},
    {0}};

const struct command show_command = {
    .name = "show",
    .arguments = "ID...",
    .summary = "a job: why it waits, its attempts, its result",
    .help = "Shows jobs with everything there is to know of them. With --json it is the document\n"
            "that GET /job/{id} answers.",
    .least = 1,
    .most = -1,
    .needs = NEEDS_READING,
    .options = show_options,
    .run = run_show,
};
