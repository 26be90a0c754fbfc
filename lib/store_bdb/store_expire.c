/* store_expire.c - removes what is past its time (writing half)
 *
 * EXPIRY has a row for each thing that will go, by time: an ended job's content, the remembered id of a job
 * that has expired, an idempotency key. Whoever passes by takes a few from the front. */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

/* What one transaction removes at most, so that the gate is held for a millisecond or so: things, and bytes
 * of content. */
#define EXPIRE_AT_ONCE       32
#define EXPIRE_BYTES_AT_ONCE (1024 * 1024)

struct expire {
    int64_t now_ms;
    unsigned most;
    unsigned removed;
    uint64_t bytes;
    bool more;
};

static enum outcome expire_job(struct transaction *transaction, struct expire *call, int64_t at_ms,
                               const struct job_id *id, struct error *error)
{
    uint8_t bytes[RECORD_GONE_MAX];
    struct key key = key_of_id(id);
    struct key expiry;
    struct job job;
    int64_t forget_ms;
    enum outcome outcome = job_rows_load(transaction, id, 0, &job, error);

    if (outcome == NOTFOUND || outcome == GONE || (outcome == OK && job.expires_ms != at_ms))
        return OK; /* a row that stands for nothing: the caller removes it */
    if (outcome != OK)
        return outcome;
    call->bytes += job.event_size + job.result_size + job.log_size;
    outcome = job_rows_remove(transaction, &job, error);
    forget_ms = job_rows_forget_ms(&job);
    expiry = key_of_expiry(forget_ms, EXPIRY_GONE, id->bytes, JOB_ID_BYTES);
    if (outcome == OK)
        outcome = table_put(transaction, TABLE_GONE, &key, bytes, record_put_gone(forget_ms, bytes), error);
    return outcome == OK ? table_put(transaction, TABLE_EXPIRY, &expiry, "", 0, error) : outcome;
}

static enum outcome expire_key(struct transaction *transaction, int64_t at_ms, const uint8_t *hash,
                               struct error *error)
{
    uint8_t bytes[RECORD_IDEMPOTENCY_MAX];
    struct record_idempotency record;
    struct key key = {.size = KEY_HASH_BYTES};
    size_t size;
    enum outcome outcome;

    memcpy(key.bytes, hash, KEY_HASH_BYTES);
    outcome = table_get(transaction, TABLE_IDEMPOTENCY, &key, bytes, sizeof bytes, &size, error);
    if (outcome == NOTFOUND)
        return OK;
    if (outcome != OK)
        return outcome;
    if (record_get_idempotency(bytes, size, &record) && record.expires_ms != at_ms)
        return OK; /* used anew in the meantime */
    return table_delete(transaction, TABLE_IDEMPOTENCY, &key, error);
}

static enum outcome expire_row(struct transaction *transaction, struct expire *call, const struct key *row,
                               struct error *error)
{
    enum expiry_kind kind;
    const uint8_t *name;
    struct job_id id;
    struct key key;
    int64_t at_ms;
    enum outcome outcome = OK;

    if (!key_split_expiry(row, &at_ms, &kind, &name))
        return table_delete(transaction, TABLE_EXPIRY, row, error);
    if (kind == EXPIRY_IDEMPOTENCY) {
        outcome = expire_key(transaction, at_ms, name, error);
    } else {
        memcpy(id.bytes, name, JOB_ID_BYTES);
        key = key_of_id(&id);
        outcome = kind == EXPIRY_JOB ? expire_job(transaction, call, at_ms, &id, error)
                                     : table_delete(transaction, TABLE_GONE, &key, error);
    }
    return outcome == OK ? table_delete(transaction, TABLE_EXPIRY, row, error) : outcome;
}

static enum outcome expire(struct transaction *transaction, void *context, struct error *error)
{
    struct expire *call = context;
    struct key first = {.size = 0};
    struct key behind = key_of_expiry(call->now_ms + 1, 0, "", 0);
    struct walk walk;
    struct key row;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_EXPIRY, error);

    call->removed = 0;
    call->bytes = 0;
    call->more = false;
    while (outcome == OK && (outcome = walk_seek(&walk, &first, &row, error)) == OK) {
        if (memcmp(row.bytes, behind.bytes, 8) >= 0)
            break; /* not yet */
        call->more = call->removed == call->most || call->bytes >= EXPIRE_BYTES_AT_ONCE;
        if (call->more)
            break;
        outcome = expire_row(transaction, call, &row, error);
        call->removed++;
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

enum outcome store_expire(struct store *store, int64_t now_ms, unsigned batch, int64_t deadline_ms,
                          unsigned *removed, struct error *error)
{
    struct store_ticket ticket; /* not synced: what is lost with the power is removed again */
    struct expire call = {.now_ms = now_ms};

    *removed = 0;
    do {
        unsigned rest = batch - *removed;
        enum outcome outcome;

        call.most = rest < EXPIRE_AT_ONCE ? rest : EXPIRE_AT_ONCE;
        outcome = environment_run(store->environment, expire, &call, deadline_ms, &ticket, error);
        if (outcome != OK)
            return outcome;
        *removed += call.removed;
    } while (call.more && *removed < batch);
    return OK;
}
