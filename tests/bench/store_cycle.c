/* store_cycle.c - row 7's claim: what a worker asks of the store for each job
 *
 *     store_cycle CONFIGURATION SECONDS
 *
 * Claims the next job, waits until the claim is on disk, gives the job back (INTERRUPT: it is QUEUED again),
 * waits for that. The number of jobs stored stays what it was. Prints cycles per second. */
#include "config.h"

#include "clock.h"
#include "slots.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 30000

static enum outcome cycle(struct store *store, const struct configuration *configuration,
                          struct slot_identity runner, struct error *error)
{
    struct store_ticket ticket = {0};
    struct buffer event = {0};
    struct job job;
    int64_t next_ms;
    unsigned aged;
    int64_t deadline_ms = clock_deadline(PATIENCE_MS);
    enum outcome outcome = store_claim(store, configuration, runner, clock_wall_ms(), deadline_ms, &job,
                                       &event, &next_ms, &aged, NULL, &ticket, error);
    buffer_free(&event);
    if (outcome != OK) {
        return outcome == NOTFOUND ? error_set(error, NOTFOUND, "no job is due") : outcome;
    }
    outcome = store_sync(store, ticket, deadline_ms, error);
    if (outcome != OK) {
        return outcome;
    }
    const struct store_attempt attempt = {.id = job.id, .attempt = job.attempts, .runner = runner};
    const struct store_report report = {.event = JOB_INTERRUPT};
    struct job_policy policy = configuration_function(configuration, job.function)->policy;
    policy.max_interruptions = INT32_MAX;
    outcome = store_finish(store, &attempt, &report, &policy, deadline_ms, &job, &ticket, error);
    return outcome == OK ? store_sync(store, ticket, deadline_ms, error) : outcome;
}

int main(int argc, char **argv)
{
    struct configuration *configuration = NULL;
    struct store *store = NULL;
    struct slots *slots = NULL;
    struct slot_identity runner;
    struct error error = {0};
    double seconds = argc == 3 ? atof(argv[2]) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: store_cycle CONFIGURATION SECONDS\n");
        return 2;
    }
    enum outcome outcome = configuration_load(argv[1], &configuration, &error);
    if (outcome == OK) {
        outcome = store_open(configuration, STORE_WRITE, &store, &error);
    }
    /* Else others would put back what it has claimed, as a dead worker's. */
    if (outcome == OK) {
        outcome = slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, &error);
    }
    if (outcome == OK) {
        outcome = slots_take(slots, 0, &runner, &error);
    }
    int64_t start_us = clock_monotonic_us();
    uint64_t count = 0;
    while (outcome == OK && clock_monotonic_us() < start_us + (int64_t)(seconds * 1e6)) {
        outcome = cycle(store, configuration, runner, &error);
        count++;
    }
    if (outcome != OK) {
        fprintf(stderr, "store_cycle: %s: %s\n", outcome_name(outcome), error.text);
    } else {
        printf("%.1f\n", (double)count * 1e6 / (double)(clock_monotonic_us() - start_us));
    }
    slots_close(slots);
    store_close(store);
    configuration_release(configuration);
    return outcome == OK ? 0 : 1;
}
