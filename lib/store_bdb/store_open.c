/* store_open.c - opening, syncing, the doorbell and the health of the store */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include <stdlib.h>

enum outcome store_open(const struct configuration *configuration, enum store_access access,
                        struct store **store, struct error *error)
{
    struct store *opened = calloc(1, sizeof *opened);
    enum outcome outcome;

    *store = NULL;
    if (opened == NULL)
        return error_set(error, NOMEM, "no memory for the store");
    outcome = environment_open(configuration, access, &opened->environment, error);
    if (outcome == OK)
        outcome = doorbell_open(configuration->data_dir, &opened->doorbell, error);
    if (outcome == OK && access == STORE_WRITE)
        outcome = meter_open(configuration->data_dir, &opened->meter, error);
    if (outcome != OK) {
        store_close(opened);
        return outcome;
    }
    *store = opened;
    return OK;
}

void store_configure(struct store *store, const struct configuration *configuration)
{
    environment_configure(store->environment, configuration);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    doorbell_close(store->doorbell);
    meter_close(store->meter);
    if (store->environment != NULL)
        environment_close(store->environment);
    free(store);
}

bool store_wants_restart(const struct store *store)
{
    return environment_wants_restart(store->environment);
}

enum outcome store_sync(struct store *store, struct store_ticket ticket, int64_t deadline_ms,
                        struct error *error)
{
    return environment_sync(store->environment, ticket, deadline_ms, error);
}

bool store_is_synced(const struct store *store, struct store_ticket ticket)
{
    return environment_is_synced(store->environment, ticket);
}

enum outcome store_sync_with_others(struct store *store, struct store_ticket ticket, int64_t deadline_ms,
                                    struct error *error)
{
    return environment_sync_with_others(store->environment, ticket, deadline_ms, error);
}

enum outcome store_health(struct store *store, int64_t deadline_ms, struct store_health *health,
                          struct error *error)
{
    return environment_health(store->environment, deadline_ms, health, error);
}

uint32_t store_work_seen(struct store *store)
{
    return doorbell_seen(store->doorbell);
}

void store_wait_work(struct store *store, uint32_t seen, int64_t deadline_ms)
{
    doorbell_wait(store->doorbell, seen, deadline_ms);
}

bool store_ring_work(struct store *store)
{
    return doorbell_ring(store->doorbell);
}

void store_ring_job(struct store *store, const struct job_id *id)
{
    doorbell_ring_job(store->doorbell, id);
}

enum outcome store_clear_fault(const struct configuration *configuration, bool accept_loss,
                               struct error *error)
{
    return environment_clear_fault(configuration->data_dir, accept_loss, error);
}
