/* store_claim.c - a worker takes the next job (writing half) */
#include "config.h"

#include "log.h"
#include "store_bdb/store_bdb.h"

#include "store_bdb/due_astray.h"
#include "store_bdb/due_turns.h"
#include "store_bdb/gate.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

/* Jobs past their age that one transaction ends: more would hold the gate too long. */
#define AGED_AT_ONCE 64
/* Parts of the search for jobs astray that one call makes when it finds none to run. */
#define SEARCHES_AT_ONCE 8

struct claim {
    const struct configuration *configuration;
    struct job_change change;
    struct job *job;
    struct buffer *event;
    size_t event_start; /* the buffer's length when the call came: the body may run twice */
    int64_t next_ms;
    struct store_ticket before;
    bool astray_left; /* a job that is due may be among those that were not searched yet */
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

/* A row that stands for no queued job, which only damage can leave behind: one of those at the head of a queue must not
 * keep all the others waiting. NOTFOUND. */
static enum outcome drop_row(struct transaction *transaction, const struct due_head *head,
                             struct error *error)
{
    char text[JOB_ID_TEXT_SIZE];
    struct key row = key_of_due(head->function, head->due_ms, &head->id);
    enum outcome outcome = table_delete(transaction, TABLE_DUE, &row, error);

    log_event(LOG_LEVEL_ERROR, "queue_row_without_job", "job", job_id_format(&head->id, text), "function",
              head->function, NULL);
    return outcome == OK ? NOTFOUND : outcome;
}

/* The event to the caller; without one the job cannot run, and is ended instead. */
static enum outcome take_event(struct transaction *transaction, struct claim *call,
                               const struct job_policy *policy, struct error *error)
{
    static const char words[] = "the store has lost the event of this job";
    struct job_change lost = {
        .now_ms = call->change.now_ms, .error_type = "Event.Lost", .error_message = words};
    struct key key = key_of_id(&call->job->id);
    enum outcome outcome =
        table_append(transaction, TABLE_EVENTS, &key, call->job->event_size, call->event, error);

    if (outcome == NOTFOUND)
        return job_apply(call->job, JOB_FAIL_FOR_GOOD, policy, &lost);
    return outcome == OK ? start_attempt(transaction, call->job, error) : outcome;
}

/* The job at this head: RUNNING, or ended on the way (then NOTFOUND, and it is counted). */
static enum outcome take(struct transaction *transaction, struct claim *call, const struct due_head *head,
                         struct error *error)
{
    const struct job_policy *policy = &configuration_function(call->configuration, head->function)->policy;
    struct job before;
    enum outcome outcome = job_rows_load(transaction, &head->id, 0, &before, error);

    if (outcome == NOTFOUND || outcome == GONE)
        return drop_row(transaction, head, error);
    if (outcome != OK)
        return outcome;
    *call->job = before;
    if (job_apply(call->job, JOB_CLAIM, policy, &call->change) != OK)
        return drop_row(transaction, head, error);
    call->before = transaction_job_ticket(transaction, &head->id);
    if (call->job->status == JOB_RUNNING)
        outcome = take_event(transaction, call, policy, error);
    if (outcome == OK)
        outcome = job_rows_update(transaction, &before, call->job, error);
    if (outcome != OK || call->job->status == JOB_RUNNING)
        return outcome;
    call->aged[call->aged_count].id = head->id;
    memcpy(call->aged[call->aged_count++].function, head->function, JOB_FUNCTION_SIZE);
    return NOTFOUND;
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

/* The first job of the function whose turn it is, or of the next one that has any. OK also when there is none. */
static enum outcome take_next(struct transaction *transaction, struct claim *call, struct error *error)
{
    char *turn = environment_queue(transaction->environment)->turn;
    char after[JOB_FUNCTION_SIZE];
    struct due_turns turns;
    struct due_head head;
    bool taken = false;
    enum outcome outcome;

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

static enum outcome claim(struct transaction *transaction, void *context, struct error *error)
{
    struct claim *call = context;
    enum outcome outcome;

    call->next_ms = 0;
    call->aged_count = 0;
    buffer_cut(call->event, call->event_start);
    outcome = due_astray_move(transaction, call->configuration, &call->astray_left, error);
    if (outcome == OK)
        outcome = take_next(transaction, call, error);
    if (outcome != OK)
        due_astray_again(transaction);
    return outcome;
}

enum outcome store_claim(struct store *store, const struct configuration *configuration,
                         struct slot_identity runner, int64_t now_ms, int64_t deadline_ms, struct job *job,
                         struct buffer *event, int64_t *next_ms, unsigned *aged, struct store_ticket *before,
                         struct store_ticket *ticket, struct error *error)
{
    struct claim call = {
        .configuration = configuration,
        .change = {.now_ms = now_ms, .runner = runner},
        .job = job,
        .event = event,
        .event_start = event->length,
    };

    int rounds = 0;

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
        if (before != NULL)
            *before = call.before;
        if (job->status == JOB_RUNNING) {
            store_ring_job(store, &job->id);
            meter_started(store->meter, job->function, now_ms - job->due_ms, now_ms);
            return OK;
        }
        if (call.astray_left && ++rounds == SEARCHES_AT_ONCE) {
            *next_ms = now_ms; /* the caller looks around in between */
            return NOTFOUND;
        }
        if (call.aged_count < AGED_AT_ONCE && !call.astray_left)
            return NOTFOUND;
    }
}
