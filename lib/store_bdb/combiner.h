/* combiner.h - one thread goes through the gate for all that wait in front of it
 *
 * Internal to lib/store_bdb. Handing a lock from thread to thread costs a wake-up on another core for each call, which is
 * longer than the call. So a thread puts down what it wants (a piece), and if nobody leads it leads: it enters the gate
 * once and carries out its own piece and those of the others, who sleep until theirs is done and are then woken
 * together (flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010).
 *
 * Thread safety: all functions may be called by all threads, combiner_next and combiner_done by the leader only. After
 * fork() the child may not use it. */
#ifndef JOBGATE_COMBINER_H
#define JOBGATE_COMBINER_H

#include "gate.h"

#include <stdatomic.h>
#include <stdbool.h>

struct combiner;

/* Part of what describes the work; belongs to the combiner from combiner_run until it returns. */
struct combiner_piece {
    struct combiner_piece *next;
    _Atomic bool done;
};

/* Does `own` and then, as long as it goes well, what combiner_next gives; calls combiner_done for each, `own` included,
 * whatever came of it. */
typedef void combiner_lead(void *context, struct combiner_piece *own);

/* NULL when memory is short. */
struct combiner *combiner_open(struct gate *gate, combiner_lead *lead, void *context);
void combiner_close(struct combiner *combiner); /* NULL is legal. No call may be under way */

/* OK: the piece was carried out, by this thread or another one; the rest is in what surrounds it. UNAVAILABLE: the
 * deadline (monotonic ms) came before its turn, and it will not be carried out any more. Whoever waits watches the gate's
 * holder meanwhile (gate.h). */
enum outcome combiner_run(struct combiner *combiner, struct combiner_piece *piece, int64_t deadline_ms,
                          struct error *error);
/* The next one to carry out, or NULL: none waits, or the leader has done enough for others. */
struct combiner_piece *combiner_next(struct combiner *combiner);
void combiner_done(struct combiner_piece *piece);

#endif
