/* due_turns.c - see due_turns.h */
#include "config.h"

#include "store_bdb/due_turns.h"

#include "clock.h"
#include "store_bdb/gate.h"

#include <string.h>

/* A clock that is set right by a little, or a row that was reckoned before a wait for the gate. */
#define CLOCK_SLACK_MS 1000

enum outcome due_turns_open(struct due_turns *turns, struct transaction *transaction, const char *after,
                            struct error *error)
{
    memset(turns, 0, sizeof *turns);
    /* The hint may be anything after a crash: a name that is none starts at the first function. */
    if (job_function_name_is_valid(after))
        strcpy(turns->after, after);
    strcpy(turns->current, turns->after);
    turns->wrapped = turns->after[0] == '\0';
    return walk_open(&turns->walk, transaction, TABLE_DUE, error);
}

void due_turns_close(struct due_turns *turns)
{
    walk_close(&turns->walk);
}

static enum outcome head_at(struct due_turns *turns, const struct key *from, struct due_head *head,
                            struct error *error)
{
    struct key key;
    enum outcome outcome = walk_seek(&turns->walk, from, &key, error);

    if (outcome != OK)
        return outcome;
    if (!key_split_due(&key, head->function, &head->due_ms, &head->id))
        return error_set(error, IO, "the store's queue has a damaged entry");
    return OK;
}

enum outcome due_turns_next(struct due_turns *turns, struct due_head *head, struct error *error)
{
    struct key from = {.size = 0};
    enum outcome outcome;

    if (turns->current[0] != '\0')
        from = key_behind(turns->current);
    outcome = head_at(turns, &from, head, error);
    if (outcome == NOTFOUND && !turns->wrapped) {
        turns->wrapped = true;
        from.size = 0;
        outcome = head_at(turns, &from, head, error);
    }
    if (outcome != OK)
        return outcome;
    if (turns->wrapped && turns->after[0] != '\0' && strcmp(head->function, turns->after) > 0)
        return NOTFOUND;
    strcpy(turns->current, head->function);
    return OK;
}

enum outcome due_turns_again(struct due_turns *turns, struct due_head *head, struct error *error)
{
    struct key from = key_first_of(turns->current);
    enum outcome outcome = head_at(turns, &from, head, error);

    if (outcome == OK && strcmp(head->function, turns->current) != 0)
        return NOTFOUND;
    return outcome;
}

bool due_clock_was_put_back(const struct gate_queue *queue, int64_t now_ms)
{
    return queue->clock_ms - now_ms > CLOCK_SLACK_MS;
}

bool due_may_be_astray(struct transaction *transaction)
{
    const struct gate_queue *queue = environment_queue(transaction->environment);

    return queue->astray || due_clock_was_put_back(queue, clock_wall_ms());
}

enum outcome due_count_running(struct transaction *transaction, const char *function, int64_t most,
                               int64_t *count, struct error *error)
{
    struct key from = {.size = 0};
    char name[JOB_FUNCTION_SIZE];
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_RUNNING, error);

    *count = 0;
    if (function != NULL)
        from = key_first_of(function);
    if (outcome == OK)
        outcome = walk_seek(&walk, &from, &key, error);
    while (outcome == OK && *count < most) {
        if (function != NULL && (!key_function(&key, name) || strcmp(name, function) != 0))
            break;
        *count += 1;
        outcome = walk_next(&walk, &key, error);
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

enum outcome due_may_run(struct transaction *transaction, const char *function,
                         const struct function_settings *settings, struct error *error)
{
    int64_t running;
    enum outcome outcome;

    if (settings->concurrency < 0)
        return OK;
    if (settings->concurrency == 0)
        return NOTFOUND;
    outcome = due_count_running(transaction, function, settings->concurrency, &running, error);
    if (outcome != OK)
        return outcome;
    return running < settings->concurrency ? OK : NOTFOUND;
}
