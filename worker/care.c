#include "config.h"
#include "worker.h"

#include "clock.h"
#include "deliverer.h"
#include "environment.h"
#include "limits.h"
#include "log.h"
#include "strays.h"

#include <stdio.h>
#include <stdlib.h>

#define CARE_EVERY_MS    5000
#define LOOK_EVERY_MS    1000
#define PATIENCE_IDLE_MS 10000
#define PATIENCE_BUSY_MS 1000
#define EXPIRE_BATCH     64
#define EXPIRE_ROUNDS                                                                                        \
    16 /* so many batches in one go: the gate is free in between, and so is the worker after it */

static enum outcome put_back(struct worker *worker, const struct job *job, struct store_ticket *ticket)
{
    const struct function_settings *settings = configuration_function(worker->configuration, job->function);
    struct store_attempt fence = {.id = job->id, .attempt = job->attempts, .runner = job->runner};
    char message[JOB_MESSAGE_SIZE], id[JOB_ID_TEXT_SIZE];
    snprintf(message, sizeof message, "RequestId: %s Error: The worker that ran the job has died",
             job_id_format(&job->id, id));
    struct store_report report = {
        .event = JOB_INTERRUPT,
        .error_type = "Worker.Lost",
        .error_message = message,
        .attempt = {.finished_ms = clock_wall_ms(), .exit_status = -1},
    };
    struct job after;
    struct error error;
    enum outcome outcome = store_finish(worker->store, &fence, &report, &settings->policy,
                                        clock_deadline(STORE_MS), &after, ticket, &error);
    if (outcome == OK)
        log_event(LOG_LEVEL_WARNING, "put_back", "job", id, "function", job->function, "status",
                  job_status_name(after.status), NULL);
    else if (outcome != CONFLICT)
        log_event(LOG_LEVEL_ERROR, "put_back_failed", "job", id, "reason", error.text, NULL);
    if (outcome == OK && job_has_deliveries(&after) && !deliverer_ring(worker->configuration, worker->store))
        worker_ask(worker, CONTROL_DELIVER);
    return outcome;
}

/* The slot is free, or has another life: whoever ran the job is dead. Its supervisor has ended what was left of the attempt,
 * unless it was killed as well. The job goes back only when nothing of it runs any more. */
static bool end_remains(struct worker *worker, const struct job *job, int64_t patience_ms)
{
    char marker[ENVIRONMENT_MARKER_SIZE], id[JOB_ID_TEXT_SIZE];
    struct error error;
    bool left;
    struct stray_mark mark = {
        .entry = environment_marker(&job->id, marker),
        .resource = LIMITS_MARK_RESOURCE,
        .limit = limits_mark(&job->id),
    };
    unsigned ended = strays_end_marked(&mark, clock_deadline(patience_ms), &left);
    if (ended > 0)
        log_event(LOG_LEVEL_WARNING, left ? "strays_left" : "strays_ended", "job",
                  job_id_format(&job->id, id), NULL);
    if (left)
        return false;
    if (scratch_remove(worker->configuration->data_dir, job->runner, &error) != OK)
        log_event(LOG_LEVEL_WARNING, "scratch_left", "reason", error.text, NULL);
    return true;
}

unsigned care_orphans(struct worker *worker, int64_t patience_ms)
{
    struct job *jobs = NULL;
    size_t count = 0;
    unsigned orphans = 0;
    struct error error;
    struct store_ticket ticket = {0};
    if (store_running(worker->store, clock_deadline(STORE_MS), &jobs, &count, &error) != OK)
        return 0; /* the claim will say what is wrong */
    for (size_t i = 0; i < count; i++) {
        if (!slots_is_alive(worker->slots, jobs[i].runner) && end_remains(worker, &jobs[i], patience_ms) &&
            put_back(worker, &jobs[i], &ticket) == OK)
            orphans++;
    }
    free(jobs);
    if (orphans > 0)
        store_sync(worker->store, ticket, clock_deadline(STORE_MS), &error);
    return orphans;
}

static bool is_time(int64_t *next_ms, int64_t period_ms)
{
    if (clock_left(*next_ms) > 0)
        return false;
    *next_ms = clock_deadline(period_ms);
    return true;
}

static void care_deliveries(struct worker *worker)
{
    int64_t next_ms;
    if (store_next_delivery(worker->store, clock_deadline(STORE_MS), &next_ms, NULL) == OK && next_ms != 0 &&
        next_ms <= clock_wall_ms() && !deliverer_ring(worker->configuration, worker->store))
        worker_ask(worker, CONTROL_DELIVER);
}

static void care_expired(struct worker *worker)
{
    unsigned removed = 1;
    struct error error;
    for (int round = 0; round < EXPIRE_ROUNDS && removed > 0; round++) {
        removed = 0;
        if (store_expire(worker->store, clock_wall_ms(), EXPIRE_BATCH, clock_deadline(STORE_MS), &removed,
                         &error) != OK)
            return;
    }
}

void care_idle(struct worker *worker)
{
    if (!is_time(&worker->next_care_ms, CARE_EVERY_MS))
        return;
    care_orphans(worker, PATIENCE_IDLE_MS);
    care_deliveries(worker);
    care_expired(worker);
    scratch_remove_dead(worker->configuration->data_dir, worker->slots);
}

void care_due(struct worker *worker)
{
    int64_t now_ms = clock_wall_ms(), next_ms;
    if (store_next_due(worker->store, worker->configuration, now_ms, clock_deadline(STORE_MS), &next_ms,
                       NULL) != OK ||
        next_ms == 0 || next_ms > now_ms)
        return;
    if (!store_ring_work(worker->store) && slots_any_free(worker->slots))
        worker_ask(worker, CONTROL_WORKER);
}

void care_busy(struct worker *worker)
{
    if (!is_time(&worker->next_look_ms, LOOK_EVERY_MS) || !worker_is_keeper(worker))
        return;
    care_due(worker);
    if (!is_time(&worker->next_care_ms, CARE_EVERY_MS))
        return;
    if (care_orphans(worker, PATIENCE_BUSY_MS) > 0)
        care_due(worker);
    care_deliveries(worker);
}
