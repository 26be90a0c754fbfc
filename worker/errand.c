#include "config.h"
#include "worker.h"

#include "clock.h"
#include "deliverer.h"
#include "log.h"
#include "runner.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TELL_STORE_MS   1000 /* the store may keep a running attempt waiting so long */
#define RECORD_AGAIN_MS 1000
#define SYNC_AGAIN_MS   5000
#define LEAVE_AFTER_MS  10000 /* told to leave, an outcome that the store does not take is given up so late */

struct errand {
    struct worker *worker;
    const struct job *job;
    struct store_attempt fence;
};

/* Without a change to tell, a look at the record says whether somebody wants the job cancelled. */
static enum outcome look(struct errand *errand, bool *cancelled)
{
    struct job now;
    struct error error;
    enum outcome outcome =
        store_get(errand->worker->store, &errand->job->id, clock_deadline(TELL_STORE_MS), &now, &error);
    if (outcome == NOTFOUND || outcome == GONE)
        return CONFLICT;
    if (outcome != OK)
        return outcome;
    *cancelled = now.cancel_requested;
    bool ours = now.status == JOB_RUNNING && now.attempts == errand->fence.attempt &&
                now.runner.slot == errand->fence.runner.slot && now.runner.life == errand->fence.runner.life;
    return ours ? OK : CONFLICT;
}

static enum outcome tell_log(struct errand *errand, struct log_capture *log)
{
    struct error error;
    if (log->pending.length == 0 && log->skipped == 0)
        return OK;
    enum outcome outcome =
        store_log_append(errand->worker->store, &errand->fence, log->skipped, log->pending.data,
                         log->pending.length, log->most, clock_deadline(TELL_STORE_MS), &error);
    if (outcome == OK)
        log_capture_clear(log);
    return outcome;
}

static enum outcome tell_progress(struct errand *errand, struct progress_capture *progress, bool *cancelled)
{
    struct error error;
    enum outcome outcome =
        store_progress(errand->worker->store, &errand->fence, progress->percent, progress->message,
                       clock_deadline(TELL_STORE_MS), cancelled, &error);
    if (outcome == OK)
        progress->changed = false;
    return outcome;
}

/* Trouble with the store is none of the attempt's: what was not told is told next time. */
static enum attempt_order tell(struct attempt *attempt, void *context)
{
    struct errand *errand = context;
    bool at_the_end = attempt->record.finished_ms != 0, cancelled = false;
    enum outcome log_outcome = tell_log(errand, &attempt->log);
    enum outcome outcome = OK;
    if (attempt->progress.changed)
        outcome = tell_progress(errand, &attempt->progress, &cancelled);
    else if (!at_the_end)
        outcome = look(errand, &cancelled);
    if (at_the_end)
        return ATTEMPT_GO_ON;
    care_busy(errand->worker);
    if (outcome == CONFLICT || log_outcome == CONFLICT)
        return ATTEMPT_ABANDON;
    if (outcome == OK && cancelled)
        return ATTEMPT_CANCEL;
    return attempt->signals->leave ? ATTEMPT_GIVE_BACK : ATTEMPT_GO_ON;
}

/* Before the function starts: what its start rests upon, the request's 202 above all, must not be lost any more. The disk
 * has had the time that the preparations took. */
static enum outcome ready(struct attempt *attempt, void *context, struct error *error)
{
    struct worker *worker = ((struct errand *)context)->worker;
    return store_sync_with_others(worker->store, worker->before, clock_deadline(WORKER_SYNC_MS), error);
}

/* The first one after a pause sees to it that others come when there is more to do than for one. */
static void look_for_others(struct worker *worker)
{
    if (worker->was_idle)
        care_due(worker);
    worker->was_idle = false;
}

/* What is wrong with the disk is told when the outcome is recorded. */
static int64_t soon(struct attempt *attempt, void *context)
{
    struct worker *worker = ((struct errand *)context)->worker;
    look_for_others(worker);
    if (unsynced_sync_when_due(&worker->unsynced, worker->store, TELL_STORE_MS, NULL) != OK)
        return clock_deadline(SYNC_AGAIN_MS);
    return unsynced_due_ms(&worker->unsynced);
}

/* Who it runs as, and an empty folder of his. */
static enum outcome lodge(struct attempt *attempt, struct worker *worker, struct account *account,
                          struct error *error)
{
    enum outcome outcome = account_find(attempt->settings->user, account, error);
    if (outcome != OK)
        return outcome;
    if (account->differs) {
        attempt->account = account;
        outcome =
            scratch_lend(worker->scratch, account->user.uid, account->user.gid, &attempt->folder, error);
        return outcome == OK || outcome == INVALID ? outcome : UNAVAILABLE;
    }
    attempt->folder = scratch_path(worker->scratch);
    return scratch_clean(worker->scratch, error) == OK ? OK : UNAVAILABLE;
}

static void run_function(struct attempt *attempt, struct worker *worker)
{
    struct function function;
    struct account account;
    struct error error;
    enum outcome outcome = function_find(worker->configuration, attempt->job->function, &function, &error);
    const struct runner *runner = NULL;
    if (outcome == NOTFOUND)
        error_set(&error, NOTFOUND, "Function not found: %s", attempt->job->function);
    if (outcome == OK)
        runner = runner_for(&function, &error);
    if (outcome == OK && runner == NULL)
        outcome = INVALID;
    if (outcome == OK)
        outcome = lodge(attempt, worker, &account, &error);
    if (outcome == OK) {
        attempt->function = &function;
        runner->run(attempt);
    } else {
        attempt_fail_start(attempt, outcome, error.text);
        attempt->record.finished_ms = clock_wall_ms();
    }
    attempt->function = NULL;
    attempt->account = NULL;
}

/* What the log says has ended must not run again after a power cut: the line waits for the sync. */
static void log_end(struct worker *worker, const struct attempt *attempt, const struct job *after,
                    enum outcome outcome)
{
    const struct job_attempt *record = &attempt->record;
    char id[JOB_ID_TEXT_SIZE], number[16], duration[24], cpu[24], memory[24], exit_status[16],
        signal_number[16];
    snprintf(number, sizeof number, "%" PRIu32, attempt->job->attempts);
    snprintf(duration, sizeof duration, "%" PRId64, record->finished_ms - attempt->job->started_ms);
    snprintf(cpu, sizeof cpu, "%" PRIu64, record->cpu_us / 1000);
    snprintf(memory, sizeof memory, "%" PRIu64, record->peak_memory_kib);
    snprintf(exit_status, sizeof exit_status, "%" PRId32, record->exit_status);
    snprintf(signal_number, sizeof signal_number, "%" PRId32, record->signal);
    log_event_later(unsynced_ends(&worker->unsynced), LOG_LEVEL_INFO, "ended", "job",
                    job_id_format(&attempt->job->id, id), "function", attempt->job->function, "attempt",
                    number, "status", outcome == OK ? job_status_name(after->status) : NULL, "recorded",
                    outcome == OK ? NULL : outcome_name(outcome), "exit",
                    record->exit_status >= 0 ? exit_status : NULL, "signal",
                    record->signal != 0 ? signal_number : NULL, "error",
                    record->error_type[0] != '\0' ? record->error_type : NULL, "ms", duration, "cpu_ms", cpu,
                    "peak_kib", memory, NULL);
}

/* An outcome that the store does not take now (busy, disk full) is worth waiting for: running the job again costs
 * more, and may do harm. */
static bool may_try_again(struct worker *worker, enum outcome outcome, int64_t since_ms)
{
    struct pollfd waiting = {.fd = worker->signals.descriptor, .events = POLLIN};
    if (outcome == OK || outcome == CONFLICT || outcome == NOTFOUND || outcome == GONE || outcome == INVALID)
        return false;
    poll(&waiting, 1, RECORD_AGAIN_MS);
    signals_read(&worker->signals);
    if (waiting.revents != 0 && !worker->signals.leave)
        clock_sleep_us(RECORD_AGAIN_MS * 1000);
    return !worker->signals.leave || clock_monotonic_ms() - since_ms < LEAVE_AFTER_MS;
}

static enum outcome record(struct errand *errand, struct attempt *attempt, struct job *after)
{
    struct worker *worker = errand->worker;
    struct error error;
    struct store_report report = {
        .event = attempt->verdict,
        .error_type = attempt->record.error_type,
        .error_message = attempt->record.error_message,
        .attempt = attempt->record,
    };
    const char *bytes;
    if (attempt->verdict == JOB_SUCCEED) {
        result_capture_finish(&attempt->result, &bytes, &report.result_size, &report.result_type);
        report.result = report.result_type == NULL ? NULL : bytes;
    }
    int64_t since_ms = clock_monotonic_ms();
    enum outcome outcome, said = OK;
    do {
        struct store_ticket ticket = {0};
        outcome = store_finish(worker->store, &errand->fence, &report, &attempt->settings->policy,
                               clock_deadline(STORE_MS), after, &ticket, &error);
        if (outcome == OK)
            unsynced_add(&worker->unsynced, ticket);
        else if (outcome != said)
            log_event(LOG_LEVEL_ERROR, "outcome_not_recorded", "outcome", outcome_name(outcome), "reason",
                      error.text, NULL);
        said = outcome;
    } while (may_try_again(worker, outcome, since_ms));
    return outcome;
}

/* Others are to know: a worker that sleeps and could do the retry, whoever is told of the end. */
static void announce(struct worker *worker, const struct job *after)
{
    if (after->status == JOB_QUEUED)
        store_ring_work(worker->store);
    else if (job_has_deliveries(after) && !deliverer_ring(worker->configuration, worker->store))
        worker_ask(worker, CONTROL_DELIVER);
}

bool errand_run(struct worker *worker, const struct job *job, const struct buffer *event)
{
    struct errand errand = {
        .worker = worker,
        .job = job,
        .fence = {.id = job->id, .attempt = job->attempts, .runner = worker->identity},
    };
    struct attempt attempt = {
        .job = job,
        .event = event,
        .configuration = worker->configuration,
        .settings = configuration_function(worker->configuration, job->function),
        .signals = &worker->signals,
        .ready = ready,
        .soon = soon,
        .soon_ms = worker->was_idle ? clock_deadline(UNSYNCED_MS) : unsynced_due_ms(&worker->unsynced),
        .tell = tell,
        .context = &errand,
        .result = {.most = (size_t)worker->configuration->max_result_size},
        .log = {.most = (size_t)worker->configuration->max_log_size},
        .progress = {.percent = -1},
    };
    struct job after;
    worker->jobs++;
    run_function(&attempt, worker);
    worker->strays_left |= attempt.strays_left;
    enum outcome outcome = attempt.abandoned ? CONFLICT : record(&errand, &attempt, &after);
    log_end(worker, &attempt, &after, outcome);
    look_for_others(worker);
    if (outcome == OK)
        announce(worker, &after);
    result_capture_free(&attempt.result);
    log_capture_free(&attempt.log);
    return outcome == OK || outcome == CONFLICT;
}
