/* due_astray.c - see due_astray.h */
#include "config.h"

#include "store_bdb/due_astray.h"

#include "clock.h"
#include "log.h"
#include "store_bdb/due_turns.h"
#include "store_bdb/gate.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

/* Rows that one transaction looks at: more would hold the gate too long. */
#define LOOKED_AT_ONCE 32

struct search {
    struct transaction *transaction;
    const struct configuration *configuration;
    struct gate_queue *queue;
    int64_t now_ms;
    struct walk walk;
};

void due_astray_again(struct transaction *transaction)
{
    struct gate_queue *queue = environment_queue(transaction->environment);

    queue->astray = true;
    queue->searched.size = 0;
}

void due_astray_note(struct transaction *transaction, int64_t now_ms)
{
    struct gate_queue *queue = environment_queue(transaction->environment);

    if (now_ms > queue->clock_ms)
        queue->clock_ms = now_ms;
}

static bool keys_are_equal(const struct key *a, const struct key *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* The first row behind the searched ones. It may be due already. */
static enum outcome next_row(struct search *search, struct key *row, struct error *error)
{
    const struct key *searched = &search->queue->searched;
    enum outcome outcome = walk_seek(&search->walk, searched, row, error);

    if (outcome == OK && keys_are_equal(row, searched))
        outcome = walk_next(&search->walk, row, error);
    return outcome;
}

/* One record that is there and cannot be understood must not end the search. What the system lacks now ends it for now. */
static enum outcome pass_over(struct search *search, const struct due_head *row, struct error *error)
{
    uint8_t bytes[RECORD_JOB_MAX];
    char id[JOB_ID_TEXT_SIZE];
    struct key key = key_of_id(&row->id);
    size_t size;
    struct error ignored;

    if (table_get(search->transaction, TABLE_JOBS, &key, bytes, sizeof bytes, &size, &ignored) != OK)
        return IO;
    log_event(LOG_LEVEL_ERROR, "queue_row_unreadable", "job", job_id_format(&row->id, id), "function",
              row->function, "reason", error->text, NULL);
    return OK;
}

static enum outcome set_right(struct search *search, const struct due_head *row, struct error *error)
{
    const struct job_policy *policy = &configuration_function(search->configuration, row->function)->policy;
    struct job before, after;
    enum outcome outcome = job_rows_load(search->transaction, &row->id, 0, &before, error);

    if (outcome == NOTFOUND || outcome == GONE)
        return OK; /* a row without a job is the claim's to drop */
    if (outcome == IO)
        return pass_over(search, row, error);
    if (outcome != OK || before.status != JOB_QUEUED || before.due_ms != row->due_ms)
        return outcome;
    after = before;
    after.due_ms = job_due_seen(&before, policy, search->now_ms);
    if (after.due_ms == before.due_ms)
        return OK;
    after.revision++;
    return job_rows_update(search->transaction, &before, &after, error);
}

static enum outcome look_at_next(struct search *search, struct error *error)
{
    static const struct job_id lowest;
    struct due_head row;
    struct key key;
    enum outcome outcome = next_row(search, &key, error);

    if (outcome != OK)
        return outcome;
    if (!key_split_due(&key, row.function, &row.due_ms, &row.id))
        return error_set(error, IO, "the store's queue has a damaged entry");
    if (row.due_ms <= search->now_ms) { /* the claim's; on with what is not */
        search->queue->searched = key_of_due(row.function, search->now_ms + 1, &lowest);
        return OK;
    }
    search->queue->searched = key;
    return set_right(search, &row, error);
}

enum outcome due_astray_move(struct transaction *transaction, const struct configuration *configuration,
                             bool *left, struct error *error)
{
    /* Not the caller's time, which is from before its wait for the gate. */
    struct search search = {.transaction = transaction,
                            .configuration = configuration,
                            .queue = environment_queue(transaction->environment),
                            .now_ms = clock_wall_ms()};
    enum outcome outcome;

    if (due_clock_was_put_back(search.queue, search.now_ms))
        due_astray_again(transaction);
    search.queue->clock_ms = search.now_ms;
    *left = search.queue->astray;
    if (!*left)
        return OK;
    outcome = walk_open(&search.walk, transaction, TABLE_DUE, error);
    for (int looked = 0; outcome == OK && looked < LOOKED_AT_ONCE; looked++)
        outcome = look_at_next(&search, error);
    walk_close(&search.walk);
    if (outcome == NOTFOUND)
        *left = search.queue->astray = false;
    return outcome == NOTFOUND ? OK : outcome;
}
