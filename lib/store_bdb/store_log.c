/* store_log.c - reading a job's log (reading half)
 *
 * LOGS has a row for each piece that was appended, by the offset of its first byte. Pieces may have gaps
 * between them (a flood that was never stored) and before them (the head that was dropped). */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/table.h"

#include <string.h>

struct read_log {
    const struct job_id *id;
    int64_t now_ms;
    uint64_t offset;
    size_t most;
    struct buffer *log;
    size_t before; /* the buffer's length when the call came: the body may run twice */
    uint64_t start;
    uint64_t size;
};

/* To the piece that has the byte at `offset`, or else to the first behind it. */
static enum outcome find_piece(struct walk *walk, struct read_log *call, struct key *key, struct error *error)
{
    struct key at = key_of_log(call->id, call->offset);
    enum outcome outcome = walk_seek(walk, &at, key, error);

    if (outcome == OK && key_is_of_id(key, call->id) && key_log_offset(key) == call->offset)
        return OK;
    if (outcome != OK && outcome != NOTFOUND)
        return outcome;
    /* The piece before may reach over the offset; where it ends is known only by reading it. */
    outcome = walk_before(walk, &at, key, error);
    if (outcome == OK && key_is_of_id(key, call->id))
        return OK;
    if (outcome != OK && outcome != NOTFOUND)
        return outcome;
    return walk_seek(walk, &at, key, error);
}

/* Drops the first `count` of the bytes that stand behind `from` in the buffer. */
static void drop_head(struct buffer *buffer, size_t from, size_t count)
{
    size_t rest = buffer->length - from - count;

    memmove(buffer->data + from, buffer->data + from + count, rest);
    buffer_cut(buffer, from + rest);
}

/* Takes what of this piece is wanted; `*next` is where the following one has to start. */
static enum outcome take_piece(struct walk *walk, struct read_log *call, const struct key *key,
                               uint64_t *next, struct error *error)
{
    struct buffer *log = call->log;
    size_t length = log->length;
    uint64_t begin = key_log_offset(key);
    uint64_t end;
    enum outcome outcome = walk_append(walk, STORE_LOG_PIECE, log, error);

    if (outcome != OK)
        return outcome;
    end = begin + (log->length - length);
    if (end <= call->offset) { /* wholly before what was asked for */
        drop_head(log, length, log->length - length);
        return OK;
    }
    if (length == call->before) { /* the first one */
        call->start = begin > call->offset ? begin : call->offset;
        drop_head(log, length, (size_t)(call->start - begin));
    }
    *next = end;
    if (log->length - call->before > call->most)
        buffer_cut(log, call->before + call->most);
    return OK;
}

static enum outcome read_pieces(struct transaction *transaction, struct read_log *call, struct error *error)
{
    uint64_t next = 0;
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_LOGS, error);

    if (outcome == OK)
        outcome = find_piece(&walk, call, &key, error);
    while (outcome == OK && key_is_of_id(&key, call->id) && call->log->length - call->before < call->most) {
        if (next != 0 && key_log_offset(&key) != next)
            break; /* a gap: the caller asks again behind it */
        outcome = take_piece(&walk, call, &key, &next, error);
        if (outcome == OK)
            outcome = walk_next(&walk, &key, error);
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome read_log(struct transaction *transaction, void *context, struct error *error)
{
    struct read_log *call = context;
    struct job job;
    enum outcome outcome = job_rows_load(transaction, call->id, call->now_ms, &job, error);

    buffer_cut(call->log, call->before);
    if (outcome != OK)
        return outcome;
    if (job.purged)
        return NOTFOUND;
    call->size = job.log_size;
    call->start = call->offset < call->size ? call->offset : call->size;
    if (call->offset >= call->size || call->most == 0)
        return OK;
    outcome = read_pieces(transaction, call, error);
    if (outcome == OK && call->log->length == call->before)
        call->start = call->size; /* nothing is kept from there on */
    return outcome;
}

enum outcome store_log(struct store *store, const struct job_id *id, uint64_t offset, size_t most,
                       int64_t deadline_ms, struct buffer *log, uint64_t *start, uint64_t *size,
                       struct error *error)
{
    struct read_log call = {
        .id = id,
        .now_ms = clock_wall_ms(),
        .offset = offset,
        .most = most,
        .log = log,
        .before = log->length,
    };
    enum outcome outcome = environment_read(store->environment, read_log, &call, id, deadline_ms, error);

    *start = call.start;
    *size = call.size;
    return outcome;
}
