/* store_attempt.c - what a worker tells of an attempt while it runs: progress and log (writing half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/table.h"

#include <string.h>

static enum outcome load_current(struct transaction *transaction, const struct store_attempt *attempt,
                                 struct job *job, struct error *error)
{
    enum outcome outcome = job_rows_load(transaction, &attempt->id, 0, job, error);

    if (outcome == NOTFOUND || outcome == GONE || (outcome == OK && !attempt_is_current(attempt, job)))
        return CONFLICT;
    return outcome;
}

/* ---- progress ---- */

struct progress {
    const struct store_attempt *attempt;
    int percent;
    const char *message;
    bool cancel_requested;
};

static enum outcome progress(struct transaction *transaction, void *context, struct error *error)
{
    struct progress *call = context;
    struct job before;
    struct job after;
    enum outcome outcome = load_current(transaction, call->attempt, &before, error);

    if (outcome != OK)
        return outcome;
    call->cancel_requested = before.cancel_requested;
    after = before;
    after.progress_percent = call->percent;
    job_text_copy(after.progress_message, sizeof after.progress_message, call->message);
    after.revision++;
    return job_rows_update(transaction, &before, &after, error);
}

enum outcome store_progress(struct store *store, const struct store_attempt *attempt, int percent,
                            const char *message, int64_t deadline_ms, bool *cancel_requested,
                            struct error *error)
{
    struct progress call = {.attempt = attempt, .percent = percent, .message = message};
    struct store_ticket ticket; /* its sync comes with the next one: progress may be lost with the power */
    enum outcome outcome = environment_run(store->environment, progress, &call, deadline_ms, &ticket, error);

    *cancel_requested = call.cancel_requested;
    if (outcome == OK)
        store_ring_job(store, &attempt->id);
    return outcome;
}

/* ---- log ---- */

struct append {
    const struct store_attempt *attempt;
    uint64_t skipped;
    const char *bytes;
    size_t length;
    size_t max_log_size;
};

static enum outcome put_pieces(struct transaction *transaction, const struct append *call, uint64_t offset,
                               struct error *error)
{
    enum outcome outcome = OK;

    for (size_t done = 0; outcome == OK && done < call->length; done += STORE_LOG_PIECE) {
        size_t rest = call->length - done;
        struct key key = key_of_log(&call->attempt->id, offset + done);

        outcome = table_put(transaction, TABLE_LOGS, &key, call->bytes + done,
                            rest < STORE_LOG_PIECE ? rest : STORE_LOG_PIECE, error);
    }
    return outcome;
}

/* Drops the piece from the table; what of it lies at or behind `keep_from` stays as a shorter one. */
static enum outcome cut_piece(struct transaction *transaction, const struct job_id *id,
                              const struct key *piece, const char *bytes, size_t size, uint64_t keep_from,
                              struct error *error)
{
    uint64_t begin = key_log_offset(piece);
    enum outcome outcome = table_delete(transaction, TABLE_LOGS, piece, error);

    if (outcome == OK && begin + size > keep_from) {
        struct key key = key_of_log(id, keep_from);
        size_t head = (size_t)(keep_from - begin);

        outcome = table_put(transaction, TABLE_LOGS, &key, bytes + head, size - head, error);
    }
    return outcome;
}

/* Nothing before `keep_from` is kept. An append drops about as much as it adds, so this is a piece or two. */
static enum outcome drop_head(struct transaction *transaction, const struct job_id *id, uint64_t keep_from,
                              struct error *error)
{
    char bytes[STORE_LOG_PIECE];
    struct key from = key_of_log(id, 0);
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_LOGS, error);

    walk.value = bytes;
    walk.capacity = sizeof bytes;
    if (outcome == OK)
        outcome = walk_seek(&walk, &from, &key, error);
    while (outcome == OK && key_is_of_id(&key, id) && key_log_offset(&key) < keep_from) {
        outcome = cut_piece(transaction, id, &key, bytes, walk.size, keep_from, error);
        if (outcome == OK)
            outcome = walk_seek(&walk, &from, &key, error);
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome append_log(struct transaction *transaction, void *context, struct error *error)
{
    struct append *call = context;
    struct job before;
    struct job after;
    enum outcome outcome = load_current(transaction, call->attempt, &before, error);

    if (outcome != OK)
        return outcome;
    after = before; /* the revision stays: a line of the log is no change of the job */
    after.log_size = before.log_size + call->skipped + call->length;
    outcome = environment_has_space(transaction->environment, call->length, error);
    if (outcome == OK)
        outcome = put_pieces(transaction, call, before.log_size + call->skipped, error);
    if (outcome == OK && after.log_size > call->max_log_size)
        outcome = drop_head(transaction, &before.id, after.log_size - call->max_log_size, error);
    return outcome == OK ? job_rows_update(transaction, &before, &after, error) : outcome;
}

enum outcome store_log_append(struct store *store, const struct store_attempt *attempt, uint64_t skipped,
                              const void *bytes, size_t length, size_t max_log_size, int64_t deadline_ms,
                              struct error *error)
{
    size_t over = length > max_log_size ? length - max_log_size : 0;
    struct append call = {
        .attempt = attempt,
        .skipped = skipped + over, /* would be dropped at once */
        .bytes = (const char *)bytes + over,
        .length = length - over,
        .max_log_size = max_log_size,
    };
    struct store_ticket ticket; /* the finish's sync covers it */
    enum outcome outcome =
        environment_run(store->environment, append_log, &call, deadline_ms, &ticket, error);

    if (outcome == OK)
        store_ring_job(store, &attempt->id);
    return outcome;
}
