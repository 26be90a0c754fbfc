/* store_read.c - one job: record, event, result, attempts; waiting for a change; what runs now (reading half)
 */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/read_parts.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <stdlib.h>

/* The look at a job before and after a wait has this much time of its own: the wait's deadline says when to
 * give up waiting, not when the store is busy. */
#define WAIT_READ_MS 5000

struct get {
    const struct job_id *id;
    int64_t now_ms;
    struct job *job;
};

static enum outcome get_job(struct transaction *transaction, void *context, struct error *error)
{
    struct get *call = context;

    return job_rows_load(transaction, call->id, call->now_ms, call->job, error);
}

enum outcome store_get(struct store *store, const struct job_id *id, int64_t deadline_ms, struct job *job,
                       struct error *error)
{
    struct get call = {.id = id, .now_ms = clock_wall_ms(), .job = job};

    return environment_read(store->environment, get_job, &call, id, deadline_ms, error);
}

struct store_stamp store_stamp(struct store *store, const struct job_id *id)
{
    return environment_stamp(store->environment, id);
}

enum outcome store_wait(struct store *store, const struct job_id *id, uint64_t revision, int64_t deadline_ms,
                        struct job *job, struct error *error)
{
    for (;;) {
        uint32_t seen = doorbell_seen_job(store->doorbell, id);
        enum outcome outcome = store_get(store, id, clock_deadline(WAIT_READ_MS), job, error);

        if (outcome != OK || job->revision != revision)
            return outcome;
        if (clock_left(deadline_ms) == 0)
            return error_set(error, UNAVAILABLE, "the job has not changed");
        doorbell_wait_job(store->doorbell, id, seen, deadline_ms); /* which looks again by itself, too */
    }
}

/* ---- event and result ---- */

struct content {
    struct get get;
    struct buffer *buffer;
    size_t start; /* the buffer's length when the call came: the body may run twice */
    bool wants_result;
};

static enum outcome get_content(struct transaction *transaction, void *context, struct error *error)
{
    struct content *call = context;
    struct key key = key_of_id(call->get.id);
    enum outcome outcome = get_job(transaction, &call->get, error);
    const struct job *job = call->get.job;

    buffer_cut(call->buffer, call->start);
    if (outcome != OK)
        return outcome;
    if (call->wants_result)
        return table_append(transaction, TABLE_RESULTS, &key, job->result_size, call->buffer, error);
    return table_append(transaction, TABLE_EVENTS, &key, job->event_size, call->buffer, error);
}

static enum outcome read_content(struct store *store, const struct job_id *id, bool wants_result,
                                 int64_t deadline_ms, struct buffer *buffer, struct error *error)
{
    struct job job;
    struct content call = {
        .get = {.id = id, .now_ms = clock_wall_ms(), .job = &job},
        .buffer = buffer,
        .start = buffer->length,
        .wants_result = wants_result,
    };

    return environment_read(store->environment, get_content, &call, id, deadline_ms, error);
}

enum outcome store_event(struct store *store, const struct job_id *id, int64_t deadline_ms,
                         struct buffer *event, struct error *error)
{
    return read_content(store, id, false, deadline_ms, event, error);
}

enum outcome store_result(struct store *store, const struct job_id *id, int64_t deadline_ms,
                          struct buffer *result, struct error *error)
{
    return read_content(store, id, true, deadline_ms, result, error);
}

/* ---- attempts ---- */

struct attempts {
    struct get get;
    struct job_attempt *attempts; /* STORE_ATTEMPTS_KEPT of them */
    size_t count;
};

enum outcome read_attempts(struct transaction *transaction, const struct job_id *id,
                           struct job_attempt *attempts, size_t most, size_t *count, struct error *error)
{
    uint8_t bytes[RECORD_ATTEMPT_MAX];
    struct key from = key_of_id(id);
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_ATTEMPTS, error);

    *count = 0;
    walk.value = bytes;
    walk.capacity = sizeof bytes;
    if (outcome == OK)
        outcome = walk_seek(&walk, &from, &key, error);
    while (outcome == OK && key_is_of_id(&key, id) && *count < most) {
        if (!record_get_attempt(bytes, walk.size, &attempts[(*count)++]))
            outcome = error_set(error, IO, "the record of an attempt is damaged or of a newer version");
        else
            outcome = walk_next(&walk, &key, error);
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome get_attempts(struct transaction *transaction, void *context, struct error *error)
{
    struct attempts *call = context;
    enum outcome outcome = get_job(transaction, &call->get, error);

    if (outcome != OK)
        return outcome;
    return read_attempts(transaction, call->get.id, call->attempts, STORE_ATTEMPTS_KEPT, &call->count, error);
}

enum outcome store_attempts(struct store *store, const struct job_id *id, int64_t deadline_ms,
                            struct job_attempt **attempts, size_t *count, struct error *error)
{
    struct job job;
    struct attempts call = {
        .get = {.id = id, .now_ms = clock_wall_ms(), .job = &job},
        .attempts = malloc(STORE_ATTEMPTS_KEPT * sizeof *call.attempts),
    };
    enum outcome outcome;

    *attempts = NULL;
    *count = 0;
    if (call.attempts == NULL)
        return error_set(error, NOMEM, "no memory for the attempts of a job");
    outcome = environment_read(store->environment, get_attempts, &call, id, deadline_ms, error);
    if (outcome != OK) {
        free(call.attempts);
        return outcome;
    }
    *attempts = call.attempts;
    *count = call.count;
    return OK;
}

/* ---- what runs ---- */

struct running {
    struct job *jobs;
    size_t count;
    size_t capacity;
};

static enum outcome make_room(struct running *call, struct error *error)
{
    size_t capacity = call->capacity > 0 ? call->capacity * 2 : 16;
    struct job *jobs =
        call->count < call->capacity ? call->jobs : realloc(call->jobs, capacity * sizeof *jobs);

    if (jobs == NULL)
        return error_set(error, NOMEM, "no memory for the running jobs");
    if (call->count == call->capacity)
        call->capacity = capacity;
    call->jobs = jobs;
    return OK;
}

static enum outcome get_running(struct transaction *transaction, void *context, struct error *error)
{
    struct running *call = context;
    struct key key = {.size = 0};
    char function[JOB_FUNCTION_SIZE];
    struct job_id id;
    struct walk walk;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_RUNNING, error);

    call->count = 0;
    if (outcome == OK)
        outcome = walk_seek(&walk, &key, &key, error);
    while (outcome == OK) {
        if (!key_split_running(&key, function, &id))
            outcome = error_set(error, IO, "the store's list of running jobs has a damaged entry");
        else
            outcome = make_room(call, error);
        if (outcome == OK)
            outcome = job_rows_load(transaction, &id, 0, &call->jobs[call->count], error);
        if (outcome == OK) {
            call->count++;
            outcome = walk_next(&walk, &key, error);
        }
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

enum outcome store_running(struct store *store, int64_t deadline_ms, struct job **jobs, size_t *count,
                           struct error *error)
{
    struct running call = {.jobs = NULL};
    enum outcome outcome = environment_read(store->environment, get_running, &call, NULL, deadline_ms, error);

    if (outcome != OK) {
        free(call.jobs);
        call = (struct running){.jobs = NULL};
    }
    *jobs = call.jobs;
    *count = call.count;
    return outcome;
}
