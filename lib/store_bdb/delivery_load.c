/* delivery_load.c - the reading half of delivery_rows.h */
#include "config.h"

#include "store_bdb/delivery_rows.h"

#include "store_bdb/record.h"
#include "store_bdb/store_bdb.h"
#include "store_bdb/table.h"

enum outcome delivery_rows_load(struct transaction *transaction, const struct job_id *id,
                                enum store_target target, struct store_delivery *delivery,
                                struct error *error)
{
    uint8_t bytes[RECORD_DELIVERY_MAX];
    struct key key = key_of_delivery(id, target);
    size_t size;
    enum outcome outcome = table_get(transaction, TABLE_DELIVERIES, &key, bytes, sizeof bytes, &size, error);

    if (outcome == OK && !record_get_delivery(bytes, size, id, target, delivery))
        return error_set(error, IO, "the record of a delivery is damaged or of a newer version");
    return outcome;
}

enum outcome delivery_rows_list(struct transaction *transaction, const struct job_id *id,
                                struct store_delivery *list, size_t *count, struct error *error)
{
    *count = 0;
    for (enum store_target target = TARGET_CALLBACK; target <= STORE_TARGETS; target++) {
        enum outcome outcome = delivery_rows_load(transaction, id, target, &list[*count], error);
        if (outcome != OK && outcome != NOTFOUND)
            return outcome;
        *count += outcome == OK;
    }
    return OK;
}

/* The deliverer sleeps as if on a job, one that does not exist. */
static const struct job_id bell;

uint32_t store_delivery_seen(struct store *store)
{
    return doorbell_seen_job(store->doorbell, &bell);
}

void store_wait_delivery(struct store *store, uint32_t seen, int64_t deadline_ms)
{
    doorbell_wait_job(store->doorbell, &bell, seen, deadline_ms);
}

void store_ring_delivery(struct store *store)
{
    doorbell_ring_job(store->doorbell, &bell);
}

struct deliveries {
    const struct job_id *id;
    struct store_delivery *list; /* of STORE_TARGETS */
    size_t count;
};

static enum outcome load_all(struct transaction *transaction, void *context, struct error *error)
{
    struct deliveries *call = context;

    return delivery_rows_list(transaction, call->id, call->list, &call->count, error);
}

enum outcome store_deliveries(struct store *store, const struct job_id *id, int64_t deadline_ms,
                              struct store_delivery *deliveries, size_t *count, struct error *error)
{
    struct deliveries call = {.id = id, .list = deliveries};
    enum outcome outcome = environment_read(store->environment, load_all, &call, id, deadline_ms, error);

    *count = outcome == OK ? call.count : 0;
    return outcome;
}

struct next_delivery {
    int64_t next_ms;
};

static enum outcome find_next(struct transaction *transaction, void *context, struct error *error)
{
    struct next_delivery *call = context;
    struct key first = {.size = 0};
    struct walk walk;
    struct key row;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_DELIVERY_DUE, error);

    call->next_ms = 0;
    if (outcome == OK && (outcome = walk_seek(&walk, &first, &row, error)) == OK) {
        int64_t due_ms = 0;
        struct job_id id;
        unsigned target;
        if (!key_split_delivery_due(&row, &due_ms, &id, &target))
            outcome = error_set(error, IO, "a row of the deliveries is damaged");
        call->next_ms = due_ms > 0 ? due_ms : 1; /* 0 is "none waits" */
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

enum outcome store_next_delivery(struct store *store, int64_t deadline_ms, int64_t *next_ms,
                                 struct error *error)
{
    struct next_delivery call = {0};
    enum outcome outcome = environment_read(store->environment, find_next, &call, NULL, deadline_ms, error);

    *next_ms = outcome == OK ? call.next_ms : 0;
    return outcome;
}
