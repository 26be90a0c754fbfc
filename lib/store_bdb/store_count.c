/* store_count.c - jobs by function and status (reading half)
 *
 * Exact, and without a record that every transaction would have to write: LISTING numbers its keys (DB_RECNUM), and a
 * count is the difference of two places. Measured by tests/bench/store_calls, that adds 1 to 2 microseconds to a
 * submit's 18; a counter record would cost as much and could drift. */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/table.h"

#include <stdlib.h>
#include <string.h>

struct counting {
    struct store_counts *counts;
    size_t count;
    size_t capacity;
};

static enum outcome make_room(struct counting *call, struct error *error)
{
    size_t capacity = call->capacity > 0 ? call->capacity * 2 : 16;
    struct store_counts *counts;

    if (call->count < call->capacity)
        return OK;
    counts = realloc(call->counts, capacity * sizeof *counts);
    if (counts == NULL)
        return error_set(error, NOMEM, "no memory for the counts");
    call->counts = counts;
    call->capacity = capacity;
    return OK;
}

static enum outcome count_function(struct walk *walk, struct store_counts *counts, struct error *error)
{
    uint64_t before = 0;
    uint64_t here = 0;
    enum outcome outcome = OK;

    memset(counts->jobs, 0, sizeof counts->jobs);
    for (unsigned status = JOB_QUEUED; outcome == OK && status <= JOB_STATUS_COUNT; status++) {
        struct key key = key_first_of_status(counts->function, status);

        outcome = walk_count_before(walk, &key, &here, error);
        if (status > JOB_QUEUED)
            counts->jobs[status - 1] = here - before;
        before = here;
    }
    return outcome;
}

static enum outcome count_all(struct transaction *transaction, void *context, struct error *error)
{
    struct counting *call = context;
    struct key from = {.size = 0};
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_LISTING, error);

    call->count = 0;
    while (outcome == OK && (outcome = walk_seek(&walk, &from, &key, error)) == OK) {
        outcome = make_room(call, error);
        if (outcome != OK)
            break;
        if (!key_function(&key, call->counts[call->count].function)) {
            outcome = error_set(error, IO, "the store's listing has a damaged entry");
            break;
        }
        outcome = count_function(&walk, &call->counts[call->count], error);
        from = key_behind(call->counts[call->count].function);
        call->count++;
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

enum outcome store_count(struct store *store, int64_t deadline_ms, struct store_counts **counts,
                         size_t *count, struct error *error)
{
    struct counting call = {.counts = NULL};
    enum outcome outcome = environment_read(store->environment, count_all, &call, NULL, deadline_ms, error);

    if (outcome != OK) {
        free(call.counts);
        call = (struct counting){.counts = NULL};
    }
    *counts = call.counts;
    *count = call.count;
    return outcome;
}
