/* store_due.c - what waits, why, and until when (reading half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/due_turns.h"
#include "store_bdb/read_parts.h"

struct next_due {
    const struct configuration *configuration;
    int64_t now_ms;
    int64_t next_ms;
};

static enum outcome find_next_due(struct transaction *transaction, void *context, struct error *error)
{
    struct next_due *call = context;
    struct due_turns turns;
    struct due_head head;
    enum outcome outcome = due_turns_open(&turns, transaction, "", error);

    call->next_ms = 0;
    while (outcome == OK && (outcome = due_turns_next(&turns, &head, error)) == OK) {
        outcome = due_may_run(transaction, head.function,
                              configuration_function(call->configuration, head.function), error);
        if (outcome == OK) {
            if (call->next_ms == 0 || head.due_ms < call->next_ms)
                call->next_ms = head.due_ms > 0 ? head.due_ms : 1; /* 0 is "nothing waits" */
            if (head.due_ms > call->now_ms && due_may_be_astray(transaction))
                call->next_ms = call->now_ms; /* a claim has to look, and may find work */
        } else if (outcome == NOTFOUND) {
            outcome = OK;
        }
        if (call->next_ms != 0 && call->next_ms <= call->now_ms)
            break; /* due already: how long does not matter */
    }
    due_turns_close(&turns);
    return outcome == NOTFOUND ? OK : outcome;
}

enum outcome store_next_due(struct store *store, const struct configuration *configuration, int64_t now_ms,
                            int64_t deadline_ms, int64_t *next_ms, struct error *error)
{
    struct next_due call = {.configuration = configuration, .now_ms = now_ms};
    enum outcome outcome =
        environment_read(store->environment, find_next_due, &call, NULL, deadline_ms, error);

    *next_ms = outcome == OK ? call.next_ms : 0;
    return outcome;
}

struct queue_place {
    const struct job *job;
    const struct configuration *configuration;
    int64_t now_ms;
    struct store_queue_place place;
};

static enum outcome find_position(struct transaction *transaction, const struct job *job, uint64_t *position,
                                  struct error *error)
{
    struct key first = key_first_of(job->function);
    struct key own = key_of_due(job->function, job->due_ms, &job->id);
    uint64_t before_first;
    uint64_t to_own;
    struct walk walk;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_DUE, error);

    if (outcome == OK) /* NOTFOUND: it may have been claimed since the caller read it */
        outcome = walk_count_to_row(&walk, &own, &to_own, error);
    if (outcome == OK)
        outcome = walk_count_before(&walk, &first, &before_first, error);
    if (outcome == OK)
        *position = to_own - before_first;
    walk_close(&walk);
    return outcome;
}

static enum outcome find_reason(struct transaction *transaction, struct queue_place *call,
                                struct error *error)
{
    const struct function_settings *settings =
        configuration_function(call->configuration, call->job->function);
    int64_t running;
    enum outcome outcome;

    if (settings->concurrency == 0) {
        call->place.reason = WAITS_PAUSED;
        return OK;
    }
    if (call->job->due_ms > call->now_ms) {
        call->place.reason = call->job->waits_for_retry ? WAITS_RETRY : WAITS_DELAY;
        return OK;
    }
    outcome = due_may_run(transaction, call->job->function, settings, error);
    if (outcome == NOTFOUND) {
        call->place.reason = WAITS_CONCURRENCY;
        return OK;
    }
    if (outcome != OK)
        return outcome;
    outcome = due_count_running(transaction, NULL, call->configuration->max_workers, &running, error);
    call->place.reason = running < call->configuration->max_workers ? WAITS_NEXT : WAITS_BUSY;
    return outcome;
}

enum outcome read_place(struct transaction *transaction, const struct job *job,
                        const struct configuration *configuration, int64_t now_ms,
                        struct store_queue_place *place, struct error *error)
{
    struct queue_place call = {.job = job, .configuration = configuration, .now_ms = now_ms};
    enum outcome outcome = find_position(transaction, job, &call.place.position, error);

    if (outcome == OK)
        outcome = find_reason(transaction, &call, error);
    *place = call.place;
    return outcome;
}

static enum outcome find_place(struct transaction *transaction, void *context, struct error *error)
{
    struct queue_place *call = context;

    return read_place(transaction, call->job, call->configuration, call->now_ms, &call->place, error);
}

enum outcome store_queue_place(struct store *store, const struct job *job,
                               const struct configuration *configuration, int64_t now_ms, int64_t deadline_ms,
                               struct store_queue_place *place, struct error *error)
{
    struct queue_place call = {.job = job, .configuration = configuration, .now_ms = now_ms};
    enum outcome outcome =
        environment_read(store->environment, find_place, &call, &job->id, deadline_ms, error);

    *place = call.place;
    return outcome;
}
