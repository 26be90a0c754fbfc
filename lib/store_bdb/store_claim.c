/* store_claim.c - a worker takes the next job (writing half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/due_turns.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

/* Jobs past their age that one transaction ends: more would hold the gate too long. */
#define AGED_AT_ONCE 64

struct claim {
    const struct configuration *configuration;
    struct job_change change;
    struct job *job;
    struct buffer *event;
    size_t event_start; /* the buffer's length when the call came: the body may run twice */
    int64_t next_ms;
    unsigned aged_count;
    struct { /* to ring for and to count, when committed */
        struct job_id id;
        char function[JOB_FUNCTION_SIZE];
    } aged[AGED_AT_ONCE];
};

static enum outcome start_attempt(struct transaction *transaction, const struct job *job, struct error *error)
{
    struct job_attempt attempt = {
        .number = job->attempts,
        .started_ms = job->started_ms,
        .exit_status = -1,
        .log_offset = job->log_size,
    };
    uint8_t bytes[RECORD_ATTEMPT_MAX];
    struct key key = key_of_attempt(&job->id, job->attempts);
    enum outcome outcome =
        table_put(transaction, TABLE_ATTEMPTS, &key, bytes, record_put_attempt(&attempt, bytes), error);

    if (outcome == OK && job->attempts > STORE_ATTEMPTS_KEPT) {
        key = key_of_attempt(&job->id, job->attempts - STORE_ATTEMPTS_KEPT);
        outcome = table_delete(transaction, TABLE_ATTEMPTS, &key, error);
    }
    return outcome;
}

/* The job at this head: RUNNING, or FAILED for its age (then NOTFOUND, and it is counted). */
static enum outcome take(struct transaction *transaction, struct claim *call, const struct due_head *head,
                         struct error *error)
{
    const struct function_settings *settings = configuration_function(call->configuration, head->function);
    struct key key = key_of_id(&head->id);
    struct job before;
    enum outcome outcome = job_rows_load(transaction, &head->id, 0, &before, error);

    if (outcome != OK)
        return outcome == NOTFOUND || outcome == GONE ? error_set(error, IO, "a queued job has no record")
                                                      : outcome;
    *call->job = before;
    outcome = job_apply(call->job, JOB_CLAIM, &settings->policy, &call->change);
    if (outcome != OK)
        return error_set(error, IO, "a job that is not queued stands in the queue");
    outcome = job_rows_update(transaction, &before, call->job, error);
    if (outcome != OK)
        return outcome;
    if (call->job->status != JOB_RUNNING) {
        call->aged[call->aged_count].id = head->id;
        memcpy(call->aged[call->aged_count++].function, head->function, JOB_FUNCTION_SIZE);
        return NOTFOUND;
    }
    outcome = start_attempt(transaction, call->job, error);
    if (outcome == OK)
        outcome = table_append(transaction, TABLE_EVENTS, &key, call->job->event_size, call->event, error);
    return outcome == NOTFOUND ? error_set(error, IO, "a queued job has no event") : outcome;
}

/* The first job of this function that is not too old; NOTFOUND when none is due. */
static enum outcome take_from(struct transaction *transaction, struct claim *call, struct due_turns *turns,
                              struct due_head *head, struct error *error)
{
    enum outcome outcome = due_may_run(transaction, head->function,
                                       configuration_function(call->configuration, head->function), error);

    if (outcome != OK)
        return outcome;
    do {
        if (head->due_ms > call->change.now_ms) {
            if (call->next_ms == 0 || head->due_ms < call->next_ms)
                call->next_ms = head->due_ms;
            return NOTFOUND;
        }
        outcome = take(transaction, call, head, error);
        if (outcome != NOTFOUND)
            return outcome;
        outcome = due_turns_again(turns, head, error);
    } while (outcome == OK && call->aged_count < AGED_AT_ONCE);
    return outcome == OK ? NOTFOUND : outcome;
}

static enum outcome claim(struct transaction *transaction, void *context, struct error *error)
{
    struct claim *call = context;
    char *turn = environment_turn(transaction->environment);
    char after[JOB_FUNCTION_SIZE];
    struct due_turns turns;
    struct due_head head;
    bool taken = false;
    enum outcome outcome;

    call->next_ms = 0;
    call->aged_count = 0;
    buffer_cut(call->event, call->event_start);
    memcpy(after, turn, sizeof after);
    after[sizeof after - 1] = '\0';
    outcome = due_turns_open(&turns, transaction, after, error);
    while (outcome == OK && !taken && call->aged_count < AGED_AT_ONCE) {
        outcome = due_turns_next(&turns, &head, error);
        if (outcome != OK)
            break;
        outcome = take_from(transaction, call, &turns, &head, error);
        taken = outcome == OK;
        if (outcome == NOTFOUND)
            outcome = OK;
    }
    due_turns_close(&turns);
    if (outcome != OK && outcome != NOTFOUND)
        return outcome;
    if (taken)
        memcpy(turn, call->job->function, JOB_FUNCTION_SIZE);
    else
        call->job->status = 0; /* what was ended on the way is to be committed, so this is no NOTFOUND yet */
    return OK;
}

enum outcome store_claim(struct store *store, const struct configuration *configuration,
                         struct slot_identity runner, int64_t now_ms, int64_t deadline_ms, struct job *job,
                         struct buffer *event, int64_t *next_ms, unsigned *aged, struct store_ticket *ticket,
                         struct error *error)
{
    struct claim call = {
        .configuration = configuration,
        .change = {.now_ms = now_ms, .runner = runner},
        .job = job,
        .event = event,
        .event_start = event->length,
    };

    *aged = 0;
    *next_ms = 0;
    for (;;) {
        enum outcome outcome = environment_run(store->environment, claim, &call, deadline_ms, ticket, error);

        if (outcome != OK)
            return outcome;
        for (unsigned i = 0; i < call.aged_count; i++) {
            store_ring_job(store, &call.aged[i].id);
            meter_ended(store->meter, call.aged[i].function, JOB_FAILED, now_ms);
        }
        *aged += call.aged_count;
        *next_ms = call.next_ms;
        if (job->status == JOB_RUNNING) {
            store_ring_job(store, &job->id);
            meter_started(store->meter, job->function, now_ms - job->due_ms, now_ms);
            return OK;
        }
        if (call.aged_count < AGED_AT_ONCE)
            return NOTFOUND;
    }
}
