/* store_bdb.h - what the files of the Berkeley DB store share
 *
 * One file for each concern: store_open, and then by the calls of store.h. The reading half (store_read,
 * store_log, store_list, store_count, store_due) refers to nothing of the writing half, so that status links
 * without it. */
#ifndef JOBGATE_STORE_BDB_H
#define JOBGATE_STORE_BDB_H

#include "clock.h"
#include "doorbell.h"
#include "meter.h"
#include "store.h"
#include "store_bdb/environment.h"

/* The log is kept in pieces of at most this size, so that dropping its head and reading its tail stay cheap.
 */
#define STORE_LOG_PIECE 16384

struct store {
    struct environment *environment;
    struct doorbell *doorbell;
    struct meter *meter; /* NULL in a store that only reads */
};

/* True when `job` is RUNNING that attempt by that runner: the fence of every report from a worker. */
static inline bool attempt_is_current(const struct store_attempt *attempt, const struct job *job)
{
    return job->status == JOB_RUNNING && job->attempts == attempt->attempt &&
           job->runner.slot == attempt->runner.slot && job->runner.life == attempt->runner.life;
}

/* Bodies may run twice: what they appended the first time goes. */
static inline void buffer_cut(struct buffer *buffer, size_t length)
{
    if (buffer->length > length) {
        buffer->length = length;
        buffer->data[length] = '\0';
    }
}

#endif
