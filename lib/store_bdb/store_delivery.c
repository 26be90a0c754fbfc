/* store_delivery.c - telling others how a job ended (writing half)
 *
 * DELIVERIES has a row for each target of an ended job, DELIVERY_DUE one for each that is still to be told, by time. The
 * rows are made in the transaction that ends the job (job_rows_update), so that no end goes untold whatever dies. A
 * claim moves the row to the end of its lease: a deliverer that is killed is followed by the next one after it. */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/delivery_rows.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/table.h"

struct claim {
    int64_t now_ms;
    int64_t lease_ms;
    struct job *job;
    struct store_delivery *delivery;
    int64_t next_ms;
    bool taken;
};

/* The delivery of this row, leased. NOTFOUND: the row stood for nothing and is gone. */
static enum outcome take(struct transaction *transaction, struct claim *call, const struct key *row,
                         const struct job_id *id, enum store_target target, struct error *error)
{
    struct store_delivery before;
    enum outcome outcome = delivery_rows_load(transaction, id, target, &before, error);

    if (outcome == OK)
        outcome = job_rows_load(transaction, id, 0, call->job, error);
    if (outcome == NOTFOUND || outcome == GONE) {
        outcome = table_delete(transaction, TABLE_DELIVERY_DUE, row, error);
        return outcome == OK ? NOTFOUND : outcome;
    }
    if (outcome != OK)
        return outcome;
    *call->delivery = before;
    call->delivery->tries++;
    call->delivery->due_ms = call->now_ms + call->lease_ms;
    call->taken = true;
    return delivery_rows_update(transaction, &before, call->delivery, error);
}

/* Looks at the first row. OK: go on with the next one. NOTFOUND: taken, or not yet due. */
static enum outcome take_first(struct transaction *transaction, struct claim *call, const struct key *row,
                               struct error *error)
{
    int64_t due_ms;
    struct job_id id;
    unsigned target;

    if (!key_split_delivery_due(row, &due_ms, &id, &target))
        return table_delete(transaction, TABLE_DELIVERY_DUE, row, error);
    if (due_ms > call->now_ms) {
        call->next_ms = due_ms;
        return NOTFOUND;
    }
    enum outcome outcome = take(transaction, call, row, &id, (enum store_target)target, error);
    return outcome == OK ? NOTFOUND : outcome == NOTFOUND ? OK : outcome;
}

static enum outcome claim(struct transaction *transaction, void *context, struct error *error)
{
    struct claim *call = context;
    struct key first = {.size = 0};
    struct walk walk;
    struct key row;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_DELIVERY_DUE, error);

    call->taken = false;
    call->next_ms = 0;
    while (outcome == OK && (outcome = walk_seek(&walk, &first, &row, error)) == OK)
        outcome = take_first(transaction, call, &row, error);
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome; /* what was removed on the way is to be committed */
}

enum outcome store_claim_delivery(struct store *store, int64_t now_ms, int64_t lease_ms, int64_t deadline_ms,
                                  struct job *job, struct store_delivery *delivery, int64_t *next_ms,
                                  struct store_ticket *ticket, struct error *error)
{
    struct claim call = {.now_ms = now_ms, .lease_ms = lease_ms, .job = job, .delivery = delivery};
    enum outcome outcome = environment_run(store->environment, claim, &call, deadline_ms, ticket, error);

    *next_ms = call.next_ms;
    return outcome == OK && !call.taken ? NOTFOUND : outcome;
}

struct finish {
    const struct store_delivery *delivery;
};

static enum outcome finish(struct transaction *transaction, void *context, struct error *error)
{
    const struct finish *call = context;
    const struct store_delivery *after = call->delivery;
    struct store_delivery before;
    struct job job_before, job;
    enum outcome outcome = delivery_rows_load(transaction, &after->job, after->target, &before, error);

    if (outcome == NOTFOUND ||
        (outcome == OK && (before.tries != after->tries || before.state != DELIVERY_WAITS)))
        return CONFLICT; /* its lease has run out, and another one has taken it */
    if (outcome == OK)
        outcome = delivery_rows_update(transaction, &before, after, error);
    if (outcome == OK)
        outcome = job_rows_load(transaction, &after->job, 0, &job_before, error);
    if (outcome != OK)
        return outcome == NOTFOUND || outcome == GONE ? CONFLICT : outcome;
    job = job_before;
    job.revision++; /* the job's document shows its deliveries, so its ETag has to move */
    return job_rows_update(transaction, &job_before, &job, error);
}

enum outcome store_finish_delivery(struct store *store, const struct store_delivery *delivery,
                                   int64_t deadline_ms, struct store_ticket *ticket, struct error *error)
{
    struct finish call = {.delivery = delivery};
    enum outcome outcome = environment_run(store->environment, finish, &call, deadline_ms, ticket, error);

    if (outcome == OK)
        store_ring_job(store, &delivery->job);
    return outcome;
}
