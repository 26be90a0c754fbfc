/* delivery_save.c - the writing half of delivery_rows.h */
#include "config.h"

#include "store_bdb/delivery_rows.h"

#include "store_bdb/record.h"
#include "store_bdb/table.h"

static enum outcome put(struct transaction *transaction, const struct store_delivery *delivery,
                        struct error *error)
{
    uint8_t bytes[RECORD_DELIVERY_MAX];
    struct key key = key_of_delivery(&delivery->job, delivery->target);
    size_t size = record_put_delivery(delivery, bytes);
    enum outcome outcome = table_put(transaction, TABLE_DELIVERIES, &key, bytes, size, error);

    if (outcome != OK || delivery->state != DELIVERY_WAITS)
        return outcome;
    key = key_of_delivery_due(delivery->due_ms, &delivery->job, delivery->target);
    return table_put(transaction, TABLE_DELIVERY_DUE, &key, "", 0, error);
}

static enum outcome insert(struct transaction *transaction, const struct job *job, enum store_target target,
                           struct error *error)
{
    struct store_delivery delivery = {
        .job = job->id, .target = target, .state = DELIVERY_WAITS, .due_ms = job->finished_ms};

    return put(transaction, &delivery, error);
}

enum outcome delivery_rows_insert(struct transaction *transaction, const struct job *job, struct error *error)
{
    enum outcome outcome = OK;

    if (job->callback_url[0] != '\0')
        outcome = insert(transaction, job, TARGET_CALLBACK, error);
    if (outcome == OK && job->destination[0] != '\0')
        outcome = insert(transaction, job, TARGET_DESTINATION, error);
    return outcome;
}

enum outcome delivery_rows_update(struct transaction *transaction, const struct store_delivery *before,
                                  const struct store_delivery *after, struct error *error)
{
    struct key due = key_of_delivery_due(before->due_ms, &before->job, before->target);
    enum outcome outcome = table_delete(transaction, TABLE_DELIVERY_DUE, &due, error);

    transaction_touches(transaction, &after->job); /* whose document tells of it */
    return outcome == OK ? put(transaction, after, error) : outcome;
}

enum outcome delivery_rows_remove(struct transaction *transaction, const struct job_id *id,
                                  struct error *error)
{
    for (enum store_target target = TARGET_CALLBACK; target <= STORE_TARGETS; target++) {
        struct store_delivery delivery;
        enum outcome outcome = delivery_rows_load(transaction, id, target, &delivery, error);
        if (outcome == NOTFOUND)
            continue;
        if (outcome == OK) {
            struct key due = key_of_delivery_due(delivery.due_ms, id, target);
            outcome = table_delete(transaction, TABLE_DELIVERY_DUE, &due, error);
        }
        struct key key = key_of_delivery(id, target);
        if (outcome == OK)
            outcome = table_delete(transaction, TABLE_DELIVERIES, &key, error);
        if (outcome != OK)
            return outcome;
    }
    return OK;
}
