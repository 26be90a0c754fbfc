/* store_submit.c - a new job, or the one that its idempotency key already has (writing half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <nettle/sha2.h>
#include <string.h>

struct submit {
    const struct store_submission *submission;
    struct key idempotency; /* size 0 = no key given */
    int64_t now_ms;
    struct job *job;
    bool replayed;
    bool queue_full;
};

static struct key key_of_idempotency(const struct store_submission *submission)
{
    struct key key = {.size = 0};
    struct sha256_ctx hash;

    if (submission->idempotency_key == NULL)
        return key;
    sha256_init(&hash);
    /* With the NUL between them, no other caller and key give the same bytes. */
    sha256_update(&hash, strlen(submission->job.caller) + 1, (const uint8_t *)submission->job.caller);
    sha256_update(&hash, strlen(submission->idempotency_key), (const uint8_t *)submission->idempotency_key);
    sha256_digest(&hash, KEY_HASH_BYTES, key.bytes);
    key.size = KEY_HASH_BYTES;
    return key;
}

/* Only what a submission says; the rest is that of a new job. */
static void make_job(const struct store_submission *submission, struct job *job)
{
    const struct job *asked = &submission->job;

    memset(job, 0, sizeof *job);
    job->id = asked->id;
    job->revision = 1;
    job->status = JOB_QUEUED;
    job->created_ms = asked->created_ms;
    job->first_due_ms = asked->due_ms > asked->created_ms ? asked->due_ms : asked->created_ms;
    job->due_ms = job->first_due_ms;
    job->progress_percent = -1;
    job->event_size = submission->event_size;
    job->has_retry_of = asked->has_retry_of;
    job->retry_of = asked->retry_of;
    job->raw_event = asked->raw_event;
    memcpy(job->function, asked->function, sizeof job->function);
    memcpy(job->caller, asked->caller, sizeof job->caller);
    memcpy(job->callback_url, asked->callback_url, sizeof job->callback_url);
    memcpy(job->traceparent, asked->traceparent, sizeof job->traceparent);
}

/* The key's job; when that has expired before the key, what its 202 said. */
static enum outcome replay(struct transaction *transaction, struct submit *call,
                           const struct record_idempotency *record, struct error *error)
{
    enum outcome outcome = job_rows_load(transaction, &record->id, 0, call->job, error);

    call->replayed = true;
    if (outcome != NOTFOUND && outcome != GONE)
        return outcome;
    make_job(call->submission, call->job);
    call->job->id = record->id;
    call->job->created_ms = record->created_ms;
    return OK;
}

/* OK with call->replayed: answered. OK without: the key is free. */
static enum outcome look_up_key(struct transaction *transaction, struct submit *call, struct error *error)
{
    uint8_t bytes[RECORD_IDEMPOTENCY_MAX];
    struct record_idempotency record;
    struct key expiry;
    size_t size;
    enum outcome outcome;

    if (call->idempotency.size == 0)
        return OK;
    outcome =
        table_get(transaction, TABLE_IDEMPOTENCY, &call->idempotency, bytes, sizeof bytes, &size, error);
    if (outcome == NOTFOUND)
        return OK;
    if (outcome != OK)
        return outcome;
    if (!record_get_idempotency(bytes, size, &record))
        return error_set(error, IO, "the record of an idempotency key is damaged or of a newer version");
    if (record.expires_ms > call->now_ms) {
        if (memcmp(record.fingerprint, call->submission->fingerprint, sizeof record.fingerprint) != 0)
            return CONFLICT;
        return replay(transaction, call, &record, error);
    }
    expiry = key_of_expiry(record.expires_ms, EXPIRY_IDEMPOTENCY, call->idempotency.bytes, KEY_HASH_BYTES);
    return table_delete(transaction, TABLE_EXPIRY, &expiry, error);
}

static enum outcome save_key(struct transaction *transaction, struct submit *call, struct error *error)
{
    struct record_idempotency record = {
        .id = call->job->id,
        .created_ms = call->job->created_ms,
        .expires_ms = call->now_ms + call->submission->idempotency_ttl_ms,
    };
    uint8_t bytes[RECORD_IDEMPOTENCY_MAX];
    struct key expiry;
    enum outcome outcome;

    if (call->idempotency.size == 0)
        return OK;
    memcpy(record.fingerprint, call->submission->fingerprint, sizeof record.fingerprint);
    outcome = table_put(transaction, TABLE_IDEMPOTENCY, &call->idempotency, bytes,
                        record_put_idempotency(&record, bytes), error);
    expiry = key_of_expiry(record.expires_ms, EXPIRY_IDEMPOTENCY, call->idempotency.bytes, KEY_HASH_BYTES);
    return outcome == OK ? table_put(transaction, TABLE_EXPIRY, &expiry, "", 0, error) : outcome;
}

static enum outcome check_queue(struct transaction *transaction, struct submit *call, struct error *error)
{
    uint64_t queued = 0;
    struct walk walk;
    enum outcome outcome;

    if (call->submission->queue_max <= 0)
        return OK;
    outcome = walk_open(&walk, transaction, TABLE_DUE, error);
    if (outcome == OK)
        outcome = walk_count_all(&walk, &queued, error);
    walk_close(&walk);
    if (outcome == OK && queued >= (uint64_t)call->submission->queue_max) {
        call->queue_full = true;
        return error_set(error, FULL, "%llu jobs are queued, the limit is %lld", (unsigned long long)queued,
                         (long long)call->submission->queue_max);
    }
    return outcome;
}

/* How many jobs the caller has that have not ended: the stretch of ACTIVE that has its name. */
static enum outcome check_active(struct transaction *transaction, struct submit *call, struct error *error)
{
    const struct store_submission *submission = call->submission;
    struct key first = key_first_of(submission->job.caller);
    struct key behind = key_behind(submission->job.caller);
    uint64_t before = 0, until = 0;
    struct walk walk;
    enum outcome outcome;

    if (submission->active_max <= 0 || submission->job.caller[0] == '\0')
        return OK;
    outcome = walk_open(&walk, transaction, TABLE_ACTIVE, error);
    if (outcome == OK)
        outcome = walk_count_before(&walk, &first, &before, error);
    if (outcome == OK)
        outcome = walk_count_before(&walk, &behind, &until, error);
    walk_close(&walk);
    if (outcome == OK && until - before >= (uint64_t)submission->active_max) {
        call->queue_full = true;
        return error_set(error, FULL, "this caller has %llu jobs that have not ended, the limit is %lld",
                         (unsigned long long)(until - before), (long long)submission->active_max);
    }
    return outcome;
}

static enum outcome submit(struct transaction *transaction, void *context, struct error *error)
{
    struct submit *call = context;
    const struct store_submission *submission = call->submission;
    struct key key = key_of_id(&submission->job.id);
    enum outcome outcome;

    call->replayed = false;
    call->queue_full = false;
    outcome = look_up_key(transaction, call, error);
    if (outcome != OK || call->replayed)
        return outcome;
    outcome = check_queue(transaction, call, error);
    if (outcome == OK)
        outcome = check_active(transaction, call, error);
    if (outcome == OK)
        outcome = environment_has_space(transaction->environment, submission->event_size, error);
    if (outcome != OK)
        return outcome;
    make_job(submission, call->job);
    outcome = job_rows_insert(transaction, call->job, error);
    if (outcome == CONFLICT)
        return error_set(error, INVALID, "a job with this id exists already");
    if (outcome == OK)
        outcome =
            table_put(transaction, TABLE_EVENTS, &key, submission->event, submission->event_size, error);
    return outcome == OK ? save_key(transaction, call, error) : outcome;
}

static enum outcome see_nothing(struct transaction *transaction, void *context, struct error *error)
{
    return OK;
}

enum outcome store_submit(struct store *store, const struct store_submission *submission, int64_t deadline_ms,
                          struct job *job, bool *replayed, bool *queue_full, struct store_ticket *ticket,
                          struct error *error)
{
    struct submit call = {
        .submission = submission,
        .idempotency = key_of_idempotency(submission),
        .now_ms = clock_wall_ms(),
        .job = job,
    };
    enum outcome outcome = environment_run(store->environment, submit, &call, deadline_ms, ticket, error);

    *replayed = call.replayed;
    *queue_full = call.queue_full;
    if (outcome != OK)
        return outcome;
    if (call.replayed) {
        /* The first submission may not be on disk yet, and this transaction wrote nothing to wait for. */
        ticket->position = 0;
        return environment_read(store->environment, see_nothing, NULL, &job->id, deadline_ms, error);
    }
    meter_submitted(store->meter, job->function, call.now_ms);
    return OK;
}
