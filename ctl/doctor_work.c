/* doctor_work.c - store, worker, a job */
#include "config.h"
#include "doctor.h"

#include "clock.h"
#include "function.h"
#include "input.h"
#include "launch.h"
#include "output.h"
#include "slots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_MS   5000
#define SURVIVE_MS 400
#define JOB_MS     20000
#define LOOK_US    20000
#define CURE_SIZE  (2 * PATH_MAX + 256)

/* ---- the store ---- */

bool doctor_store(struct doctor *doctor)
{
    struct control *control = doctor->control;
    struct store_counts *counts = NULL;
    struct store_health health = {0};
    struct error error = {0};
    size_t count = 0;
    enum outcome outcome = store_open(control->configuration, STORE_WRITE, &control->store, &error);
    if (outcome == OK)
        outcome = store_count(control->store, control_deadline(), &counts, &count, &error);
    free(counts);
    if (outcome == OK)
        outcome = store_health(control->store, control_deadline(), &health, &error);
    if (outcome != OK) {
        doctor_tell(doctor, VERDICT_BAD, "store",
                    outcome == FULL ? "make room on its disk"
                                    : "jobgatectl recover, or restore a backup: jobgatectl(1)",
                    "%s", error.text);
        return false;
    }
    if (health.accepts != OK) {
        doctor_tell(doctor, VERDICT_BAD, "store",
                    "make room on its disk; after a failed sync: jobgatectl recover", "takes no jobs: %s",
                    health.trouble);
        return true;
    }
    doctor_tell(doctor, VERDICT_GOOD, "store", NULL, "opens; it has recovered %llu times",
                (unsigned long long)health.generation);
    return true;
}

/* ---- a worker ---- */

/* What the log said last of a program that is not well. */
static void last_words(const char *file, char *words, size_t size)
{
    char block[2048];
    words[0] = '\0';
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    off_t end = descriptor >= 0 ? lseek(descriptor, 0, SEEK_END) : 0;
    ssize_t got = end > 0 ? pread(descriptor, block, sizeof block - 1,
                                  end > (off_t)sizeof block - 1 ? end - (off_t)sizeof block + 1 : 0)
                          : 0;
    if (descriptor >= 0)
        close(descriptor);
    if (got <= 0)
        return;
    while (got > 0 && block[got - 1] == '\n')
        got--;
    block[got] = '\0';
    const char *line = strrchr(block, '\n');
    snprintf(words, size, "%.500s", line != NULL ? line + 1 : block);
}

static bool wait_for_workers(struct slots *slots, unsigned least, int64_t within_ms)
{
    int64_t deadline = clock_deadline(within_ms);
    while (slots_taken(slots) < least && clock_left(deadline) > 0)
        clock_sleep_us(LOOK_US);
    return slots_taken(slots) >= least;
}

static bool survives(struct slots *slots, unsigned least)
{
    int64_t deadline = clock_deadline(SURVIVE_MS);
    while (slots_taken(slots) >= least && clock_left(deadline) > 0)
        clock_sleep_us(LOOK_US);
    return slots_taken(slots) >= least;
}

static void tell_worker_trouble(struct doctor *doctor, const char *what)
{
    const struct configuration *configuration = doctor->control->configuration;
    char words[512], cure[CURE_SIZE];
    last_words(configuration->log_file, words, sizeof words);
    snprintf(cure, sizeof cure, "read %s; limits of the account (ulimit -u) end programs too%s%s",
             configuration->log_file[0] != '\0' ? configuration->log_file : "a log: set log_file first",
             words[0] != '\0' ? ". Its last line: " : "", words);
    doctor_tell(doctor, VERDICT_BAD, "worker", cure, "%s", what);
}

/* Idle, it lives for idle_linger: when that is short, its end is no illness. */
static void examine_worker(struct doctor *doctor, struct slots *slots)
{
    const struct configuration *configuration = doctor->control->configuration;
    struct error error;
    unsigned before = slots_taken(slots);
    enum outcome outcome = launch_worker(configuration, slots, &error);
    if (outcome == NOTFOUND) {
        doctor_tell(doctor, VERDICT_GOOD, "worker", NULL, "every slot is taken: %u workers", before);
    } else if (outcome != OK) {
        tell_worker_trouble(doctor, error.text);
    } else if (!wait_for_workers(slots, before + 1, START_MS)) {
        tell_worker_trouble(doctor, "none took a slot: it ends as soon as it is started");
    } else if (!survives(slots, before + 1) && configuration->idle_linger_ms > 2 * SURVIVE_MS) {
        tell_worker_trouble(doctor, "it starts, and ends at once");
    } else {
        doctor_tell(doctor, VERDICT_GOOD, "worker", NULL, "starts and stays; %u of %lld slots are taken",
                    slots_taken(slots), (long long)configuration->max_workers);
    }
}

void doctor_worker(struct doctor *doctor)
{
    const struct configuration *configuration = doctor->control->configuration;
    struct slots *slots = NULL;
    struct error error;
    if (slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, &error) == OK)
        examine_worker(doctor, slots);
    else
        doctor_tell(doctor, VERDICT_BAD, "worker", "remove the file, it is made anew", "%s", error.text);
    slots_close(slots);
}

/* ---- a job, in an installation of its own ---- */

/* The function is cat(1): a program of the system, so that nothing of ours has to be executable in a temporary folder. */
struct trial {
    char folder[PATH_MAX];
    struct configuration *configuration;
    struct store *store;
};

static const char *folder_of_cat(void)
{
    static const char *const folders[] = {"/usr/bin", "/bin", "/usr/local/bin"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[64];
        struct stat status;
        snprintf(path, sizeof path, "%s/cat", folders[i]);
        if (lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
            (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
            return folders[i];
    }
    return NULL;
}

static enum outcome write_configuration(const struct trial *trial, const struct configuration *real,
                                        char *file, size_t size, struct error *error)
{
    struct buffer text = {0};
    snprintf(file, size, "%s/jobgate.conf", trial->folder);
    buffer_printf(
        &text,
        "data_dir = \"%s/data\"\nfunctions_dir = %s\nworker_program = \"%s\"\nlog_file = \"%s/log\"\n"
        "max_workers = 1\nidle_linger = 0\nkeeper_max = 0\ntimeout = 15s\nretries = 0\ndisk_reserve = 0\n",
        trial->folder, folder_of_cat(), real->worker_program, trial->folder);
    int descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written =
        descriptor >= 0 && !text.failed && write(descriptor, text.data, text.length) == (ssize_t)text.length;
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    buffer_free(&text);
    return written ? OK : error_set_errno(error, IO, reason, "%s", file);
}

static enum outcome trial_begin(struct trial *trial, const struct configuration *real, struct error *error)
{
    const char *base = getenv("TMPDIR");
    char file[PATH_MAX + 16];
    if (base == NULL || base[0] != '/' || access(base, W_OK) != 0)
        base = "/tmp";
    snprintf(trial->folder, sizeof trial->folder, "%s/jobgate-doctor.XXXXXX", base);
    if (mkdtemp(trial->folder) == NULL) {
        enum outcome outcome = error_set_errno(error, IO, errno, "%s", trial->folder);
        trial->folder[0] = '\0';
        return outcome;
    }
    enum outcome outcome = write_configuration(trial, real, file, sizeof file, error);
    if (outcome == OK)
        outcome = configuration_load(file, &trial->configuration, error);
    if (outcome == OK)
        outcome = store_open(trial->configuration, STORE_WRITE, &trial->store, error);
    return outcome;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    return remove(path);
}

static void trial_end(struct trial *trial)
{
    struct slots *slots = NULL;
    store_close(trial->store);
    if (trial->configuration != NULL && slots_open(trial->configuration->data_dir, 1, &slots, NULL) == OK) {
        int64_t deadline = clock_deadline(START_MS);
        while (slots_taken(slots) > 0 && clock_left(deadline) > 0)
            clock_sleep_us(LOOK_US);
    }
    slots_close(slots);
    configuration_release(trial->configuration);
    if (trial->folder[0] != '\0')
        nftw(trial->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Submits and waits for the end. `job` is its record. */
static enum outcome run_job(const struct configuration *configuration, struct store *store,
                            const char *function, const struct buffer *event, struct job *job,
                            struct error *error)
{
    struct store_submission submission = {
        .event = event->data, .event_size = event->length, .idempotency_ttl_ms = 1000};
    struct store_ticket ticket;
    struct slots *slots = NULL;
    bool replayed, full;
    submission.job.created_ms = submission.job.due_ms = submission.job.first_due_ms = clock_wall_ms();
    job_text_copy(submission.job.function, sizeof submission.job.function, function);
    enum outcome outcome = job_id_make(&submission.job.id, error);
    if (outcome == OK)
        outcome = store_submit(store, &submission, control_deadline(), job, &replayed, &full, &ticket, error);
    if (outcome == OK)
        outcome = store_sync(store, ticket, control_deadline(), error);
    if (outcome == OK && !store_ring_work(store)) {
        outcome = slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, error);
        if (outcome == OK && launch_worker(configuration, slots, error) == IO)
            outcome = IO;
        slots_close(slots);
    }
    int64_t deadline = clock_deadline(JOB_MS);
    while (outcome == OK && !job_status_is_terminal(job->status)) {
        outcome = store_wait(store, &job->id, job->revision, deadline, job, error);
        if (outcome == UNAVAILABLE)
            error_set(error, UNAVAILABLE, "it is %s after %s", job_status_name(job->status),
                      output_span(JOB_MS));
    }
    return outcome;
}

static void tell_end(struct doctor *doctor, const char *check, const char *log, enum outcome outcome,
                     const struct job *job, const struct error *error)
{
    char cure[CURE_SIZE], words[512];
    last_words(log, words, sizeof words);
    snprintf(cure, sizeof cure, "look at what the worker says%s%s", words[0] != '\0' ? ": " : " (log_file)",
             words);
    if (outcome != OK)
        doctor_tell(doctor, VERDICT_BAD, check, cure, "no end: %s", error->text);
    else if (job->status != JOB_SUCCEEDED)
        doctor_tell(doctor, VERDICT_BAD, check, cure, "%s: %s %s", job_status_name(job->status),
                    job->error_type, job->error_message);
    else
        doctor_tell(doctor, VERDICT_GOOD, check, NULL, "a job of %s ran in %s", job->function,
                    output_span(job->finished_ms - job->created_ms));
}

void doctor_job(struct doctor *doctor)
{
    struct trial trial = {.store = NULL};
    struct buffer event = {0}, result = {0};
    struct error error = {0};
    struct job job = {.status = 0};
    char log[PATH_MAX + 8];
    if (folder_of_cat() == NULL) {
        doctor_tell(doctor, VERDICT_WARNING, "job", "name a function with --function",
                    "not tried: there is no cat here");
        return;
    }
    buffer_append_text(&event, "{\"doctor\":true}");
    enum outcome outcome = trial_begin(&trial, doctor->control->configuration, &error);
    snprintf(log, sizeof log, "%s/log", trial.folder);
    if (outcome == OK)
        outcome = run_job(trial.configuration, trial.store, "cat", &event, &job, &error);
    if (outcome == OK && job.status == JOB_SUCCEEDED)
        outcome = store_result(trial.store, &job.id, control_deadline(), &result, &error);
    if (outcome == OK && job.status == JOB_SUCCEEDED &&
        (result.length == 0 || strstr(result.data, event.data) == NULL))
        outcome = error_set(&error, IO, "the result is not what the function wrote");
    tell_end(doctor, "job", log, outcome, &job, &error);
    trial_end(&trial);
    buffer_free(&event);
    buffer_free(&result);
}

void doctor_function(struct doctor *doctor, const char *function, const char *event_text)
{
    struct control *control = doctor->control;
    struct function found;
    struct buffer event = {0};
    struct error error = {0};
    struct job job = {.status = 0};
    enum outcome outcome = function_find(control->configuration, function, &found, &error);
    if (outcome == OK)
        outcome = input_event(event_text, (size_t)control->configuration->max_event_size, &event, &error);
    if (outcome == OK)
        outcome = run_job(control->configuration, control->store, function, &event, &job, &error);
    tell_end(doctor, "function", control->configuration->log_file, outcome, &job, &error);
    buffer_free(&event);
}
