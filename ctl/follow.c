/* follow.c - wait, log, tail */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "follow.h"
#include "job_document.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define LOOK_MS    1000        /* between looks at a job that says nothing */
#define LOG_STEP   (256 << 10) /* bytes of a log in one go */
#define TAIL_MOST  (1 << 20)   /* how far back lines are counted */
#define TAIL_LINES 10

static int not_there(const struct job_id *id, enum outcome outcome, struct error *error)
{
    char text[JOB_ID_TEXT_SIZE];
    if ((outcome == NOTFOUND || outcome == GONE) && error->text[0] == '\0')
        error_set(error, outcome, "%s: %s", job_id_format(id, text),
                  outcome == GONE ? "has expired" : "no such job");
    return control_fail(outcome, error);
}

static int status_of_end(const struct job *job)
{
    return job->status == JOB_SUCCEEDED ? 0 : 1;
}

/* ---- wait ---- */

static void show_progress(struct progress *bar, const struct job *job)
{
    char words[JOB_PROGRESS_SIZE + 16];
    snprintf(words, sizeof words, "%s %s", job_status_name(job->status), job->progress_message);
    progress_show(bar, job->progress_percent > 0 ? (uint64_t)job->progress_percent : 0, 100, words);
}

static int tell_end(struct control *control, const struct job *job)
{
    char id[JOB_ID_TEXT_SIZE];
    if (control->json) {
        int status = output_json(job_document(job, NULL));
        return status != 0 ? status : status_of_end(job);
    }
    printf("%s %s", job_id_format(&job->id, id), job_status_name(job->status));
    if (job->status == JOB_FAILED) {
        fputs(" ", stdout);
        output_text(stdout, job->error_type, 0);
        fputs(": ", stdout);
        output_text(stdout, job->error_message, 0);
    }
    fputs("\n", stdout);
    return status_of_end(job);
}

int follow_to_end(struct control *control, const struct job_id *id, int64_t timeout_ms)
{
    struct job job;
    struct error error = {0};
    struct progress bar = {.what = "waiting"};
    int64_t deadline = timeout_ms > 0 ? clock_deadline(timeout_ms) : INT64_MAX;
    enum outcome outcome = store_get(control->store, id, control_deadline(), &job, &error);
    while (outcome == OK && !job_status_is_terminal(job.status) && clock_left(deadline) > 0) {
        show_progress(&bar, &job);
        int64_t next = clock_deadline(LOOK_MS);
        outcome =
            store_wait(control->store, id, job.revision, next < deadline ? next : deadline, &job, &error);
        if (outcome == UNAVAILABLE) /* nothing new; what is wrong with the store is said by the next look */
            outcome = store_get(control->store, id, control_deadline(), &job, &error);
    }
    progress_end(&bar);
    if (outcome != OK)
        return not_there(id, outcome, &error);
    if (job_status_is_terminal(job.status))
        return tell_end(control, &job);
    return control_refuse(EX_TEMPFAIL, "the job has not ended in %s, it goes on", output_span(timeout_ms));
}

static int64_t wait_ms;

static int run_wait(struct control *control)
{
    int status = 0;
    for (int i = 0; i < control->count; i++) {
        struct job_id id;
        if (!control_parse_id(control->arguments[i], &id))
            return EX_DATAERR;
        int one = follow_to_end(control, &id, wait_ms);
        if (one > status)
            status = one;
    }
    return status;
}

static const struct command_option wait_options[] = {
    {"timeout", OPTION_DURATION, "TIME", "give up after this time (exit status 75)", &wait_ms}, {0}};

const struct command wait_command = {
    .name = "wait",
    .arguments = "ID...",
    .summary = "until jobs have ended",
    .help = "Waits until each job has ended, with a bar on a terminal. Exit status: 0 all\n"
            "SUCCEEDED, 1 one FAILED or was CANCELLED, 75 not ended within --timeout.",
    .least = 1,
    .most = -1,
    .needs = NEEDS_READING,
    .options = wait_options,
    .run = run_wait,
};

/* ---- log ---- */

/* One step of the log from *offset on, which moves behind what was printed. */
static enum outcome print_step(struct control *control, const struct job_id *id, uint64_t *offset,
                               uint64_t *size, struct error *error)
{
    struct buffer log = {0};
    uint64_t start;
    enum outcome outcome =
        store_log(control->store, id, *offset, LOG_STEP, control_deadline(), &log, &start, size, error);
    if (outcome == OK && !output_bytes(stdout, log.data, log.length))
        outcome = error_set(error, IO, "the log could not be written");
    if (outcome == OK)
        *offset = start + log.length;
    buffer_free(&log);
    return outcome;
}

static enum outcome print_from(struct control *control, const struct job_id *id, uint64_t *offset,
                               struct error *error)
{
    uint64_t size = UINT64_MAX;
    enum outcome outcome = OK;
    while (outcome == OK && *offset < size)
        outcome = print_step(control, id, offset, &size, error);
    return outcome;
}

/* What comes until the job has ended. */
static enum outcome follow_log(struct control *control, const struct job_id *id, uint64_t *offset,
                               struct error *error)
{
    struct job job;
    bool ended = false;
    enum outcome outcome = OK;
    while (outcome == OK && !ended) {
        outcome = store_get(control->store, id, control_deadline(), &job, error);
        ended =
            outcome == OK && job_status_is_terminal(job.status); /* looked at before the last of the log */
        if (outcome == OK)
            outcome = print_from(control, id, offset, error);
        if (outcome != OK || ended || fflush(stdout) != 0)
            break;
        outcome = store_wait(control->store, id, job.revision, clock_deadline(LOOK_MS), &job, error);
        if (outcome == UNAVAILABLE)
            outcome = OK;
    }
    return outcome;
}

static bool log_follow;
static int64_t log_offset;

static int run_log(struct control *control)
{
    struct job_id id;
    struct error error = {0};
    uint64_t offset = (uint64_t)log_offset;
    if (!control_parse_id(control->arguments[0], &id))
        return EX_DATAERR;
    enum outcome outcome =
        log_follow ? follow_log(control, &id, &offset, &error) : print_from(control, &id, &offset, &error);
    return outcome == OK ? 0 : not_there(&id, outcome, &error);
}

static const struct command_option log_options[] = {
    {"follow", OPTION_FLAG, NULL, "go on until the job has ended", &log_follow},
    {"offset", OPTION_NUMBER, "N", "from this byte on", &log_offset},
    {0}};

const struct command log_command = {
    .name = "log",
    .arguments = "ID",
    .summary = "a job's log: what its function wrote to standard error",
    .help = "Prints the log that is kept of a job (its last max_log_size bytes).",
    .least = 1,
    .most = 1,
    .needs = NEEDS_READING,
    .options = log_options,
    .run = run_log,
};

/* ---- tail ---- */

static int64_t tail_lines = TAIL_LINES;

/* Where the last lines begin. */
static size_t tail_start(const struct buffer *log)
{
    size_t at = log->length;
    for (int64_t left = tail_lines; at > 0; at--)
        if (log->data[at - 1] == '\n' && at < log->length && --left <= 0)
            break;
    return tail_lines == 0 ? log->length : at;
}

static enum outcome print_tail(struct control *control, const struct job_id *id, uint64_t *offset,
                               struct error *error)
{
    struct buffer log = {0};
    struct job job;
    uint64_t size;
    enum outcome outcome = store_get(control->store, id, control_deadline(), &job, error);
    uint64_t from = outcome == OK && job.log_size > TAIL_MOST ? job.log_size - TAIL_MOST : 0;
    if (outcome == OK)
        outcome =
            store_log(control->store, id, from, TAIL_MOST, control_deadline(), &log, offset, &size, error);
    if (outcome == OK) {
        size_t start = tail_start(&log);
        output_bytes(stdout, log.length > 0 ? log.data + start : "", log.length - start);
        *offset += log.length;
    }
    buffer_free(&log);
    return outcome;
}

static int run_tail(struct control *control)
{
    struct job_id id;
    struct error error = {0};
    uint64_t offset = 0;
    if (!control_parse_id(control->arguments[0], &id))
        return EX_DATAERR;
    enum outcome outcome = print_tail(control, &id, &offset, &error);
    if (outcome == OK)
        outcome = follow_log(control, &id, &offset, &error);
    return outcome == OK ? 0 : not_there(&id, outcome, &error);
}

static const struct command_option tail_options[] = {
    {"lines", OPTION_NUMBER, "N", "begin with so many lines (10)", &tail_lines}, {0}};

const struct command tail_command = {
    .name = "tail",
    .arguments = "ID",
    .summary = "the end of a job's log, and what comes until the job has ended",
    .help = "Prints the last lines of a job's log and follows it until the job has ended.",
    .least = 1,
    .most = 1,
    .needs = NEEDS_READING,
    .options = tail_options,
    .run = run_tail,
};
