/* store_list.c - pages of jobs, newest first (reading half)
 *
 * Without a filter the page is a stretch of JOBS, read backwards. With one it is the newest of several
 * stretches of LISTING: one for each status (filter by function), for each function (filter by status), or
 * just one. Each stretch shows its newest job before the cursor; the newest of those is taken, and its
 * stretch shows the next. So a page costs its jobs and one seek for each stretch, whatever the store holds,
 * and what is submitted meanwhile only comes in before the first page. */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <stdlib.h>
#include <string.h>

struct stretch {
    char function[JOB_FUNCTION_SIZE];
    enum job_status status;
    struct job_id head;
};

struct list {
    struct store_filter filter;
    struct job_id before; /* the newest id there can be when the caller gave none */
    size_t limit;
    struct job *jobs; /* room for `limit` */
    size_t count;
    bool more;
    struct stretch *stretches;
    size_t stretch_count;
    size_t stretch_capacity;
};

/* Behind the oldest job that is wanted there is nothing. */
static enum outcome not_older(const struct list *call, const uint8_t *id)
{
    const struct job_id *from = call->filter.from;

    return from != NULL && memcmp(id, from->bytes, JOB_ID_BYTES) < 0 ? NOTFOUND : OK;
}

/* ---- without a filter ---- */

static enum outcome list_all(struct transaction *transaction, struct list *call, struct error *error)
{
    uint8_t bytes[RECORD_JOB_MAX];
    struct key bound = key_of_id(&call->before);
    struct job_id id;
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_JOBS, error);

    walk.value = bytes;
    walk.capacity = sizeof bytes;
    if (outcome == OK)
        outcome = walk_before(&walk, &bound, &key, error);
    if (outcome == OK)
        outcome = not_older(call, key.bytes);
    while (outcome == OK && call->count < call->limit) {
        memcpy(id.bytes, key.bytes, JOB_ID_BYTES);
        if (!record_get_job(bytes, walk.size, &id, &call->jobs[call->count++]))
            outcome = error_set(error, IO, "the record of a job is damaged or of a newer version");
        else
            outcome = walk_previous(&walk, &key, error);
        if (outcome == OK)
            outcome = not_older(call, key.bytes);
    }
    call->more = outcome == OK;
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

/* ---- with a filter ---- */

/* Moves the head of the stretch to its newest job older than `before`; NOTFOUND: it has none. */
static enum outcome stretch_before(const struct list *call, struct walk *walk, struct stretch *stretch,
                                   const struct job_id *before, struct error *error)
{
    struct key bound = key_of_listing(stretch->function, stretch->status, before);
    char function[JOB_FUNCTION_SIZE];
    enum job_status status;
    struct key key;
    enum outcome outcome = walk_before(walk, &bound, &key, error);

    if (outcome != OK)
        return outcome;
    if (!key_split_listing(&key, function, &status, &stretch->head))
        return error_set(error, IO, "the store's listing has a damaged entry");
    if (status != stretch->status || strcmp(function, stretch->function) != 0)
        return NOTFOUND;
    return not_older(call, stretch->head.bytes);
}

static enum outcome add_stretch(struct list *call, struct walk *walk, const char *function,
                                enum job_status status, struct error *error)
{
    struct stretch *stretch;
    enum outcome outcome;

    if (call->stretch_count == call->stretch_capacity) {
        size_t capacity = call->stretch_capacity > 0 ? call->stretch_capacity * 2 : 16;
        struct stretch *grown = realloc(call->stretches, capacity * sizeof *grown);

        if (grown == NULL)
            return error_set(error, NOMEM, "no memory for a list");
        call->stretches = grown;
        call->stretch_capacity = capacity;
    }
    stretch = &call->stretches[call->stretch_count];
    memcpy(stretch->function, function, JOB_FUNCTION_SIZE);
    stretch->status = status;
    outcome = stretch_before(call, walk, stretch, &call->before, error);
    if (outcome == OK)
        call->stretch_count++;
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome add_statuses(struct list *call, struct walk *walk, const char *function,
                                 struct error *error)
{
    enum outcome outcome = OK;

    for (unsigned status = JOB_QUEUED; outcome == OK && status < JOB_STATUS_COUNT; status++) {
        if (call->filter.status == 0 || call->filter.status == status)
            outcome = add_stretch(call, walk, function, (enum job_status)status, error);
    }
    return outcome;
}

static enum outcome add_named(struct list *call, struct walk *walk, struct error *error)
{
    enum outcome outcome = OK;

    for (size_t i = 0; outcome == OK && i < call->filter.function_count; i++)
        outcome = add_statuses(call, walk, call->filter.functions[i], error);
    return outcome;
}

static enum outcome add_functions(struct list *call, struct walk *walk, struct error *error)
{
    char function[JOB_FUNCTION_SIZE] = "";
    struct key from = {.size = 0};
    struct key key;
    enum outcome outcome;

    while ((outcome = walk_seek(walk, &from, &key, error)) == OK) {
        if (!key_function(&key, function))
            return error_set(error, IO, "the store's listing has a damaged entry");
        outcome = add_statuses(call, walk, function, error);
        if (outcome != OK)
            return outcome;
        from = key_behind(function);
    }
    return outcome == NOTFOUND ? OK : outcome;
}

static size_t newest_stretch(const struct list *call)
{
    size_t newest = 0;

    for (size_t i = 1; i < call->stretch_count; i++) {
        if (memcmp(call->stretches[i].head.bytes, call->stretches[newest].head.bytes, JOB_ID_BYTES) > 0)
            newest = i;
    }
    return newest;
}

static enum outcome take_newest(struct transaction *transaction, struct list *call, struct walk *walk,
                                struct error *error)
{
    size_t newest = newest_stretch(call);
    struct stretch *stretch = &call->stretches[newest];
    struct job_id id = stretch->head;
    enum outcome outcome = job_rows_load(transaction, &id, 0, &call->jobs[call->count], error);

    if (outcome == OK)
        call->count++;
    if (outcome == OK || outcome == NOTFOUND || outcome == GONE)
        outcome = stretch_before(call, walk, stretch, &id, error);
    if (outcome == NOTFOUND) {
        *stretch = call->stretches[--call->stretch_count];
        return OK;
    }
    return outcome;
}

static enum outcome list_filtered(struct transaction *transaction, struct list *call, struct error *error)
{
    char function[JOB_FUNCTION_SIZE] = "";
    struct walk walk;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_LISTING, error);

    call->stretch_count = 0;
    if (outcome == OK && call->filter.function != NULL) {
        strncpy(function, call->filter.function, sizeof function - 1);
        outcome = add_statuses(call, &walk, function, error);
    } else if (outcome == OK && call->filter.function_count > 0) {
        outcome = add_named(call, &walk, error);
    } else if (outcome == OK) {
        outcome = add_functions(call, &walk, error);
    }
    while (outcome == OK && call->stretch_count > 0 && call->count < call->limit)
        outcome = take_newest(transaction, call, &walk, error);
    call->more = call->stretch_count > 0;
    walk_close(&walk);
    return outcome;
}

/* ---- both ---- */

static enum outcome list(struct transaction *transaction, void *context, struct error *error)
{
    struct list *call = context;

    call->count = 0;
    call->more = false;
    if (call->filter.status == 0 && call->filter.function == NULL && call->filter.function_count == 0)
        return list_all(transaction, call, error);
    return list_filtered(transaction, call, error);
}

enum outcome store_list(struct store *store, const struct store_filter *filter, const struct job_id *before,
                        size_t limit, int64_t deadline_ms, struct job **jobs, size_t *count, bool *more,
                        struct error *error)
{
    struct list call = {.filter = *filter, .limit = limit};
    enum outcome outcome;

    *jobs = NULL;
    *count = 0;
    *more = false;
    if (before != NULL)
        call.before = *before;
    else
        memset(call.before.bytes, 0xFF, JOB_ID_BYTES);
    call.jobs = malloc((limit > 0 ? limit : 1) * sizeof *call.jobs);
    if (call.jobs == NULL)
        return error_set(error, NOMEM, "no memory for a list of %zu jobs", limit);
    outcome = environment_read(store->environment, list, &call, NULL, deadline_ms, error);
    free(call.stretches);
    if (outcome != OK) {
        free(call.jobs);
        return outcome;
    }
    *jobs = call.jobs;
    *count = call.count;
    *more = call.more;
    return OK;
}
