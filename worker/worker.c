#include "config.h"
#include "worker.h"

#include "clock.h"
#include "launch.h"
#include "log.h"
#include "room_support.h"
#include "strays.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define SLICE_MS                                                                                             \
    1000 /* an idle worker looks around so often, should a ring be lost or the configuration change */
#define TROUBLE_MOST_MS                                                                                      \
    30000 /* a store that is out of service so long: leave, the next request tries again */
#define PROGRAM_EVERY_MS 1000
#define ORPHAN_MS        10000

/* Why the worker stops taking jobs. */
enum leaving { STAYS, IDLE, TOLD, REPLACED, SUPERFLUOUS, ALONE, STRAYS, TROUBLE };
static const char *const reasons[] = {
    [STAYS] = "none",
    [IDLE] = "idle",
    [TOLD] = "signal",
    [REPLACED] = "replaced",       /* a newer program, or a store that wants a new process */
    [SUPERFLUOUS] = "max_workers", /* was lowered */
    [ALONE] = "supervisor_died",
    [STRAYS] = "strays_left",
    [TROUBLE] = "store",
};

void worker_ask(const struct worker *worker, enum control what)
{
    char byte = (char)what;
    if (worker->supervised && write(CONTROL_DESCRIPTOR, &byte, 1) < 0)
        return; /* the pipe is full of wishes, or the supervisor is gone: seen between two jobs */
}

bool worker_is_keeper(const struct worker *worker)
{
    for (unsigned slot = 0; slot < worker->identity.slot; slot++) {
        if (slots_is_taken(worker->slots, slot))
            return false;
    }
    return true;
}

static bool supervisor_is_gone(const struct worker *worker)
{
    struct pollfd control = {.fd = CONTROL_DESCRIPTOR};
    return worker->supervised && poll(&control, 1, 0) > 0 && (control.revents & (POLLERR | POLLNVAL)) != 0;
}

/* make install and a package's upgrade put a new file in the place of the old one. */
static bool program_was_replaced(struct worker *worker)
{
    struct stat now;
    if (clock_left(worker->next_program_ms) > 0)
        return false;
    worker->next_program_ms = clock_deadline(PROGRAM_EVERY_MS);
    return stat(worker->program_path, &now) < 0 || now.st_ino != worker->program.st_ino ||
           now.st_dev != worker->program.st_dev || now.st_mtim.tv_sec != worker->program.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != worker->program.st_mtim.tv_nsec;
}

void worker_refresh(struct worker *worker)
{
    struct configuration *now = configuration_current(), *before = worker->configuration;
    struct error error;
    if (now == before) {
        configuration_release(now);
        return;
    }
    worker->configuration = now;
    slots_resize(worker->slots, (unsigned)now->max_workers);
    if (log_open("worker", now->log_file, (enum log_level)now->log_level, &error) != OK)
        log_event(LOG_LEVEL_ERROR, "log_not_opened", "reason", error.text, NULL);
    configuration_release(before);
}

/* Between two jobs. */
static enum leaving look_around(struct worker *worker)
{
    signals_read(&worker->signals);
    worker_refresh(worker);
    if (worker->signals.leave)
        return TOLD;
    if (worker->strays_left)
        return STRAYS;
    if (supervisor_is_gone(worker))
        return ALONE;
    if (program_was_replaced(worker) || store_wants_restart(worker->store))
        return REPLACED;
    return worker->identity.slot >= (unsigned)worker->configuration->max_workers ? SUPERFLUOUS : STAYS;
}

static enum outcome claim(struct worker *worker, struct job *job, struct buffer *event, int64_t *next_ms,
                          struct error *error)
{
    struct store_ticket ticket = {0};
    unsigned aged;
    buffer_clear(event);
    enum outcome outcome =
        store_claim(worker->store, worker->configuration, worker->identity, clock_wall_ms(),
                    clock_deadline(STORE_MS), job, event, next_ms, &aged, &worker->before, &ticket, error);
    if (aged > 0)
        worker->next_care_ms = 0; /* their ends may have to be told */
    if (outcome == OK || aged > 0)
        unsynced_add(&worker->unsynced, ticket);
    /* Run whatever the disk says of this: it would be nobody's otherwise. What its start rests upon is looked at then (`ready`). */
    if (outcome == OK) {
        unsynced_sync_when_due(&worker->unsynced, worker->store, WORKER_SYNC_MS, NULL);
        return OK;
    }
    enum outcome synced = unsynced_sync(&worker->unsynced, worker->store, WORKER_SYNC_MS, error);
    return synced == OK ? outcome : synced;
}

static void log_claim(const struct worker *worker, const struct job *job)
{
    char id[JOB_ID_TEXT_SIZE], attempt[16], slot[16];
    snprintf(attempt, sizeof attempt, "%" PRIu32, job->attempts);
    snprintf(slot, sizeof slot, "%" PRIu32, worker->identity.slot);
    log_event(LOG_LEVEL_INFO, "claimed", "job", job_id_format(&job->id, id), "function", job->function,
              "attempt", attempt, "slot", slot, NULL);
}

/* Sleeps until something may be there. False: it is time to leave. */
static bool idle(struct worker *worker, uint32_t seen, int64_t next_ms, int64_t linger_ms)
{
    int64_t now_ms = clock_wall_ms();
    int64_t until = clock_deadline(SLICE_MS);
    care_idle(worker);
    if (clock_left(linger_ms) > 0) {
        until = linger_ms < until ? linger_ms : until;
    } else if (next_ms == 0 || next_ms - now_ms > worker->configuration->keeper_max_ms ||
               !worker_is_keeper(worker)) {
        return false;
    }
    if (next_ms != 0) {
        int64_t due = clock_deadline(next_ms > now_ms ? next_ms - now_ms : 0);
        until = due < until ? due : until;
    }
    store_wait_work(worker->store, seen, until);
    return true;
}

/* A store that is busy or out of service. False: for too long. */
static bool endure(struct worker *worker, enum outcome outcome, const struct error *error, int64_t *since_ms)
{
    if (*since_ms == 0) {
        *since_ms = clock_monotonic_ms();
        log_event(LOG_LEVEL_ERROR, "store_trouble", "outcome", outcome_name(outcome), "reason", error->text,
                  NULL);
    }
    clock_sleep_us(SLICE_MS * 1000);
    return clock_monotonic_ms() - *since_ms < TROUBLE_MOST_MS;
}

/* Takes jobs until there is a reason to stop. */
static enum leaving work(struct worker *worker, struct buffer *event)
{
    int64_t linger_ms = clock_deadline(worker->configuration->idle_linger_ms), trouble_ms = 0, next_ms;
    struct job job;
    struct error error;
    enum leaving why;
    worker->was_idle = true;
    while ((why = look_around(worker)) == STAYS) {
        uint32_t seen = store_work_seen(worker->store);
        enum outcome outcome = claim(worker, &job, event, &next_ms, &error);
        if (outcome == OK) {
            log_claim(worker, &job);
            if (worker->jobs == 0)
                worker_ask(worker, CONTROL_CLAIMED);
            if (!errand_run(worker, &job, event))
                return TROUBLE;
            linger_ms = clock_deadline(worker->configuration->idle_linger_ms);
            trouble_ms = 0;
        } else if (outcome == NOTFOUND) {
            trouble_ms = 0;
            worker->was_idle = true;
            if (!idle(worker, seen, next_ms, linger_ms))
                return IDLE;
        } else if (!endure(worker, outcome, &error, &trouble_ms)) {
            return TROUBLE;
        }
    }
    return why;
}

/* After the slot was given up: whether somebody has to work on. A submit in this instant finds a free slot or a worker
 * that looks once more; both is fine, neither is not. */
static bool is_needed(struct worker *worker)
{
    int64_t now_ms = clock_wall_ms(), next_ms;
    if (store_next_due(worker->store, worker->configuration, now_ms, clock_deadline(STORE_MS), &next_ms,
                       NULL) != OK ||
        next_ms == 0)
        return false;
    return next_ms <= now_ms ||
           (next_ms - now_ms <= worker->configuration->keeper_max_ms && slots_taken(worker->slots) == 0);
}

/* The process that follows is to be nobody's child, also not ours: for this moment no subreaper. */
static void start_successor(struct worker *worker)
{
    struct error error;
    strays_adopt(false);
    enum outcome outcome = launch_worker(worker->configuration, worker->slots, &error);
    if (outcome != OK && outcome != NOTFOUND)
        log_event(LOG_LEVEL_ERROR, "launch_failed", "reason", error.text, NULL);
}

static enum outcome begin(struct worker *worker, struct error *error)
{
    char slot[16], room[64];
    snprintf(slot, sizeof slot, "%" PRIu32, worker->identity.slot);
    log_event(LOG_LEVEL_INFO, "worker_started", "slot", slot, "room",
              room_support_format(room_support(), room), NULL);
    if (geteuid() == 0 && configuration_function(worker->configuration, "")->user[0] == '\0')
        log_event(LOG_LEVEL_WARNING, "functions_run_as_root", "mend",
                  "user = NAME in the configuration: functions then run as that user", NULL);
    worker->next_care_ms = 0;
    worker->next_look_ms = 0;
    return scratch_open(worker->configuration->data_dir, worker->identity, &worker->scratch, error);
}

/* Gives up the slot. */
static void end(struct worker *worker, enum leaving why)
{
    char slot[16], jobs[24];
    struct error error;
    snprintf(slot, sizeof slot, "%" PRIu32, worker->identity.slot);
    snprintf(jobs, sizeof jobs, "%" PRIu64, worker->jobs);
    if (unsynced_sync(&worker->unsynced, worker->store, WORKER_SYNC_MS, &error) != OK)
        log_event(LOG_LEVEL_ERROR, "outcome_not_synced", "reason", error.text, NULL);
    scratch_close(worker->scratch);
    worker->scratch = NULL;
    /* With strays left, the supervisor holds on to the slot until they are gone. */
    if (why != STRAYS)
        slots_give_back(worker->slots);
    log_event(LOG_LEVEL_INFO, "worker_stopped", "slot", slot, "reason", reasons[why], "jobs", jobs, NULL);
}

static int live_with(struct worker *worker, struct buffer *event)
{
    struct error error;
    for (;;) {
        if (begin(worker, &error) != OK) {
            log_event(LOG_LEVEL_ERROR, "worker_failed", "reason", error.text, NULL);
            return EX_CANTCREAT;
        }
        care_orphans(worker, ORPHAN_MS);
        enum leaving why = work(worker, event);
        end(worker, why);
        if (why == TROUBLE)
            return EX_UNAVAILABLE;
        if (why == TOLD || !is_needed(worker))
            return 0;
        if (why == ALONE) {
            start_successor(worker);
            return 0;
        }
        if (why != IDLE)
            return EXIT_STARTED_ANEW;
        if (slots_take(worker->slots, worker->identity.slot, &worker->identity, &error) != OK)
            return 0; /* somebody else has it, and looks at the queue */
    }
}

int worker_live(struct worker *worker)
{
    struct buffer event = {0};
    int status = live_with(worker, &event);
    buffer_free(&event);
    unsynced_free(&worker->unsynced);
    return status;
}
