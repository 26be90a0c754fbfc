/* pool.h - a few threads that accept, and enough others for those that wait
 *
 * With all threads of a pool accepting at once, each request costs a wake-up on another core. So only
 * `active` threads have the permit to accept; the others are parked. A thread whose request is going to wait
 * (a long-poll) gives its permit away first, to a parked thread or one made on the spot, and parks itself
 * when it has answered. At most threads - active requests may wait at once: the permits are never all stuck
 * behind waiting requests.
 *
 * Calling sequence: pool_start; from the work function pool_interruptible around what blocks for new work,
 * pool_begin_wait and pool_end_wait around a wait; pool_stop from the thread that started it. */
#ifndef JOBGATE_POOL_H
#define JOBGATE_POOL_H

#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct pool;

/* Takes one piece of work and does it. False: there will be no more, the pool ends. */
typedef bool pool_work(void *context);

/* How many of `threads` are to accept at once: one more than there are processors to run on, since each further one only costs
 * wake-ups; three at least, `most` at most, and at least as many are kept for waiting. */
unsigned pool_active(unsigned threads, unsigned most, unsigned processors);
/* That this process may run on. */
unsigned pool_processors(void);
enum outcome pool_start(unsigned threads, unsigned active, pool_work *work, void *context, struct pool **pool,
                        struct error *error);
/* While true, pool_stop may interrupt the calling thread's system calls (EINTR). */
void pool_interruptible(bool interruptible);
/* False: too many wait already. */
bool pool_begin_wait(struct pool *pool);
void pool_end_wait(struct pool *pool);
bool pool_is_stopping(struct pool *pool);
/* Ends the pool: no new work, what is under way is finished. False when threads were still busy at the
 * deadline (clock.h); the pool must then not be freed, the process ends with _exit. */
bool pool_stop(struct pool *pool, int64_t deadline_ms);
void pool_free(struct pool *pool);

#endif
