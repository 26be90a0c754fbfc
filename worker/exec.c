/* exec.c - the runner of executable files: a process for each attempt
 *
 * Descriptors of the function: 0 the event (a sealed memory file: a function that never reads it blocks
 * nobody, and small and large events behave alike; it is a file and no pipe, as in `function < event.json`),
 * 1 result, 2 log, 3 progress.
 *
 *     RUNNING --function ended, children left--> SETTLING --SETTLE_MS--> KILL
 *        |--timeout, cancel, result too large, give back: TERM--> STOPPING --kill_grace--> KILL
 *        `--no process is left (from any phase)--> ENDED
 */
#include "config.h"
#include "runner.h"
#include "clock.h"
#include "environment.h"
#include "envelope.h"
#include "limits.h"
#include "room.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_SIZE     65536
#define READS_AT_ONCE 16    /* so that a flood on one descriptor does not starve the others */
#define SETTLE_MS     500   /* for children that are about to end by themselves, as in `exec > >(tee copy)` */
#define KILL_MOST_MS  10000 /* after that a process is stuck in the kernel */

enum { POLL_SIGNALS, POLL_RESULT, POLL_LOG, POLL_PROGRESS, POLL_COUNT };
enum phase { RUNNING, SETTLING, STOPPING, ENDED };
enum stop { NOT_STOPPED, STOP_TIMEOUT, STOP_RESULT, STOP_CANCEL, STOP_GIVE_BACK, STOP_ABANDON };

struct run {
    struct attempt *attempt;
    struct reaped reaped;
    struct pollfd polls[POLL_COUNT];
    int theirs[POLL_COUNT]; /* the event, and the ends of the pipes that the function writes to */
    enum phase phase;
    enum stop stop;
    int64_t timeout_ms; /* deadlines */
    int64_t phase_ms;
    int64_t tell_ms;
    int64_t soon_ms;
    bool empty; /* no process is left */
};

/* To memory, so nothing interrupts it or comes short but for want of room. The file's position stays at its beginning. */
static bool write_event(int descriptor, const struct attempt *attempt)
{
    const struct buffer *event = attempt->event;
    char head[ENVELOPE_HEAD_SIZE];
    const char *tail = envelope_tail(attempt->job);
    envelope_head(attempt->job, head);
    const struct iovec parts[] = {
        {.iov_base = head, .iov_len = strlen(head)},
        {.iov_base = event->data, .iov_len = event->length},
        {.iov_base = (char *)tail, .iov_len = strlen(tail)},
    };
    ssize_t length = (ssize_t)(parts[0].iov_len + parts[1].iov_len + parts[2].iov_len);
    ssize_t written = pwritev(descriptor, parts, sizeof parts / sizeof *parts, 0);
    if (written >= 0 && written < length)
        errno = ENOSPC;
    return written == length;
}

/* -1: errno. */
static int open_event(const struct attempt *attempt)
{
    int descriptor = memfd_create("event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0)
        return -1;
    if (write_event(descriptor, attempt) &&
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return descriptor;
    int saved_errno = errno;
    close(descriptor);
    errno = saved_errno;
    return -1;
}

/* Our end must not block; the function's end must. Theirs stays open here as well: a process that ends closes one pipe after
 * the other, and each would wake us, while the end itself is told by a signal. */
static bool open_pipe(int *ours, int *theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ours = ends[0];
    *theirs = ends[1];
    return true;
}

static void close_all(const int *descriptors, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
}

static enum outcome open_descriptors(struct run *run, struct error *error)
{
    for (unsigned i = 0; i < POLL_COUNT; i++) {
        run->theirs[i] = -1;
        run->polls[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    }
    run->theirs[0] = open_event(run->attempt);
    bool opened = run->theirs[0] >= 0;
    for (unsigned i = POLL_RESULT; opened && i < POLL_COUNT; i++)
        opened = open_pipe(&run->polls[i].fd, &run->theirs[i]);
    /* Who opens /dev/stderr opens the pipe itself once more, and has to own it. */
    const struct account *account = run->attempt->account;
    for (unsigned i = 0; opened && account != NULL && i < POLL_COUNT; i++)
        opened = fchown(run->theirs[i], account->user.uid, account->user.gid) == 0;
    run->polls[POLL_SIGNALS].fd = run->attempt->signals->descriptor;
    return opened ? OK : error_set_errno(error, UNAVAILABLE, errno, "event and pipes");
}

static enum outcome start_program(struct run *run, struct spawn_plan *plan, struct error *error)
{
    const struct attempt *attempt = run->attempt;
    const struct account *account = attempt->account;
    const char *functions_dir = attempt->configuration->functions_dir;
    int64_t timeout = attempt->settings->timeout_ms;
    int64_t deadline_wall_ms = timeout > 0 ? clock_wall_ms() + timeout : 0;
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", functions_dir, attempt->function->file) >= sizeof path)
        return error_set(error, INVALID, "functions_dir %s: too long", functions_dir);
    char *arguments[] = {path, NULL};
    char **environment =
        environment_make(attempt->job, attempt->configuration, attempt->settings, attempt->folder,
                         account != NULL ? account->home : NULL, deadline_wall_ms);
    if (environment == NULL)
        return error_set(error, NOMEM, "environment: no memory");
    plan->program = path;
    plan->arguments = arguments;
    plan->environment = environment;
    plan->folder = attempt->folder;
    plan->new_session = true;
    plan->default_signals = attempt->signals->at_default;
    plan->user = account != NULL ? &account->user : NULL;
    limits_plan(attempt->settings, &attempt->job->id, plan);
    enum outcome outcome =
        room_plan(attempt->configuration, attempt->settings, attempt->function, attempt->folder, plan, error);
    int errno_value = 0;
    if (outcome == OK && attempt->ready != NULL)
        outcome = attempt->ready(run->attempt, attempt->context, error);
    if (outcome == OK)
        outcome = spawn_start(plan, &run->reaped.main, &errno_value, error);
    if (outcome == IO && account != NULL && errno_value == EACCES)
        error_set(
            error, IO,
            "%s, or %s, is out of reach for the function's user: each folder above has to let others pass",
            path, attempt->folder);
    free(environment);
    return outcome;
}

static enum outcome start(struct run *run, struct error *error)
{
    struct spawn_plan plan = {.descriptor_count = POLL_COUNT};
    enum outcome outcome = open_descriptors(run, error);
    memcpy(plan.descriptors, run->theirs, sizeof run->theirs);
    if (outcome == OK)
        outcome = start_program(run, &plan, error);
    int64_t timeout = run->attempt->settings->timeout_ms;
    run->timeout_ms = timeout > 0 ? clock_deadline(timeout) : INT64_MAX;
    run->phase_ms = INT64_MAX;
    run->tell_ms = clock_deadline(ATTEMPT_TELL_MS);
    run->soon_ms = run->attempt->soon != NULL ? run->attempt->soon_ms : INT64_MAX;
    return outcome;
}

static void take_bytes(struct attempt *attempt, unsigned which, const char *bytes, size_t length)
{
    switch (which) {
    case POLL_RESULT:
        result_capture_take(&attempt->result, bytes, length);
        break;
    case POLL_LOG:
        log_capture_take(&attempt->log, bytes, length);
        break;
    case POLL_PROGRESS:
        progress_capture_take(&attempt->progress, bytes, length);
        break;
    }
}

static void read_pipe(struct run *run, unsigned which)
{
    static char bytes[READ_SIZE];
    struct pollfd *entry = &run->polls[which];
    for (int reads = 0; reads < READS_AT_ONCE && entry->fd >= 0; reads++) {
        ssize_t length = read(entry->fd, bytes, sizeof bytes);
        if (length > 0) {
            take_bytes(run->attempt, which, bytes, (size_t)length);
            continue;
        }
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && errno == EAGAIN)
            return;
        close(entry->fd);
        entry->fd = -1;
    }
}

static void wait_for_news(struct run *run)
{
    int64_t until = run->tell_ms < run->phase_ms ? run->tell_ms : run->phase_ms;
    if (run->phase == RUNNING && run->timeout_ms < until)
        until = run->timeout_ms;
    if (run->soon_ms < until)
        until = run->soon_ms;
    int64_t left = clock_left(until);
    int wait = left >= ATTEMPT_TELL_MS ? ATTEMPT_TELL_MS : (int)left + (left > 0);
    if (poll(run->polls, POLL_COUNT, wait) <= 0)
        return;
    for (unsigned i = POLL_RESULT; i < POLL_COUNT; i++) {
        if (run->polls[i].revents != 0)
            read_pipe(run, i);
    }
    struct signals *signals = run->attempt->signals;
    if (run->polls[POLL_SIGNALS].revents != 0)
        signals_read(signals);
    if (signals->child) {
        signals->child = false;
        run->empty = !strays_reap(&run->reaped);
    }
}

/* CONT: a stopped process does not see its TERM. */
static void stop_with_term(struct run *run, enum stop why)
{
    if (run->phase != RUNNING)
        return;
    run->stop = why;
    run->phase = STOPPING;
    run->phase_ms = clock_deadline(run->attempt->configuration->kill_grace_ms);
    strays_signal(SIGTERM);
    strays_signal(SIGCONT);
}

static void kill_the_rest(struct run *run)
{
    run->attempt->strays_left = !strays_end(&run->reaped, clock_deadline(KILL_MOST_MS));
    run->phase = ENDED;
}

static void step(struct run *run)
{
    if (run->empty) {
        run->phase = ENDED;
    } else if (run->phase == RUNNING && run->reaped.main_ended) {
        run->phase = SETTLING;
        run->phase_ms = clock_deadline(SETTLE_MS);
    } else if (run->phase == RUNNING && result_capture_failed(&run->attempt->result)) {
        stop_with_term(run, STOP_RESULT);
    } else if (run->phase == RUNNING && clock_left(run->timeout_ms) == 0) {
        stop_with_term(run, STOP_TIMEOUT);
    } else if (run->phase != RUNNING && clock_left(run->phase_ms) == 0) {
        kill_the_rest(run);
    }
}

static void tell(struct run *run)
{
    static const enum stop stops[] = {
        [ATTEMPT_CANCEL] = STOP_CANCEL,
        [ATTEMPT_GIVE_BACK] = STOP_GIVE_BACK,
        [ATTEMPT_ABANDON] = STOP_ABANDON,
    };
    if (clock_left(run->tell_ms) > 0)
        return;
    run->tell_ms = clock_deadline(ATTEMPT_TELL_MS);
    enum attempt_order order = run->attempt->tell(run->attempt, run->attempt->context);
    if (order != ATTEMPT_GO_ON)
        stop_with_term(run, stops[order]);
}

static void do_soon(struct run *run)
{
    if (run->phase == ENDED || clock_left(run->soon_ms) > 0)
        return;
    run->soon_ms = run->attempt->soon(run->attempt, run->attempt->context);
}

/* What was written before the end is still in the pipes; nobody writes any more. */
static void drain(struct run *run)
{
    for (unsigned i = POLL_RESULT; i < POLL_COUNT; i++) {
        read_pipe(run, i);
        if (run->polls[i].fd >= 0)
            close(run->polls[i].fd);
    }
    close_all(run->theirs, POLL_COUNT);
    progress_capture_finish(&run->attempt->progress);
}

static void judge(struct run *run)
{
    struct attempt *attempt = run->attempt;
    attempt_judge_status(attempt, run->reaped.main_ended ? run->reaped.status : SIGKILL);
    switch (run->stop) {
    case NOT_STOPPED:
        break;
    case STOP_TIMEOUT:
        attempt_fail_timeout(attempt);
        break;
    case STOP_RESULT:
        break; /* below: it may also have been seen too late for a stop */
    case STOP_CANCEL:
        attempt_fail(attempt, JOB_FAIL, "Job.Cancelled", "Task was cancelled");
        break;
    case STOP_GIVE_BACK:
    case STOP_ABANDON:
        attempt_fail(attempt, JOB_INTERRUPT, "Worker.Stopped", "The worker was told to end");
        break;
    }
    bool for_result = run->stop == NOT_STOPPED || run->stop == STOP_RESULT;
    if (for_result && attempt->result.too_large)
        attempt_fail_result_size(attempt);
    else if (for_result && attempt->result.no_memory)
        attempt_fail(attempt, JOB_TRY_LATER, "Worker.OutOfMemory", "The worker had no memory for the result");
    attempt->abandoned = run->stop == STOP_ABANDON;
    attempt->record.cpu_us = run->reaped.cpu_us;
    attempt->record.peak_memory_kib = run->reaped.peak_memory_kib;
}

static void exec_run(struct attempt *attempt)
{
    struct run run = {.attempt = attempt};
    struct error error;
    enum outcome outcome = start(&run, &error);
    while (outcome == OK && run.phase != ENDED) {
        wait_for_news(&run);
        step(&run);
        do_soon(&run);
        tell(&run);
    }
    drain(&run);
    if (outcome == OK)
        judge(&run);
    else
        attempt_fail_start(attempt, outcome, error.text);
    attempt->record.finished_ms = clock_wall_ms();
    attempt->tell(attempt, attempt->context);
}

const struct runner exec_runner = {.name = "exec", .run = exec_run};
