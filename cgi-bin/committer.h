/* committer.h - one sync for many answers
 *
 * A thread that waits for the disk costs all the others. So the thread that has committed a job hands the
 * whole request over, and accepts the next one at once; a committer thread takes all that were handed over,
 * waits for one sync that covers the latest ticket of them, and finishes them. While it writes the answers,
 * the other committer thread is already waiting for the next sync. Only a piece that comes when there is no other is synced
 * and finished at once by the thread that has it, when others accept meanwhile: waking another one would take it longer.
 *
 * The threads start with the first piece: a program that only reads never has them. */
#ifndef JOBGATE_COMMITTER_H
#define JOBGATE_COMMITTER_H

#include "store.h"

#include <stdbool.h>

struct committer;

/* Embedded in what is handed over; belongs to the committer until `finish` is called with it. */
struct committer_piece {
    struct store *store;
    struct store_ticket ticket;
    int64_t wait_ms; /* longest wait for the sync */
    struct committer_piece *next;
};

/* Called once for each piece, on a committer thread or inside committer_hand_over; `error` has the words when `synced` is not OK. */
typedef void committer_finish(struct committer_piece *piece, enum outcome synced, const struct error *error);

/* NULL when memory is short. `others_accept`: the thread that hands over may sync by itself. */
struct committer *committer_start(committer_finish *finish, bool others_accept);
/* False: too many wait already, or no thread could be started; the caller syncs and finishes by itself. */
bool committer_hand_over(struct committer *committer, struct committer_piece *piece);
/* Finishes what was handed over, ends the threads and frees. False when that took longer than the deadline
 * (clock.h): nothing is freed then. NULL is legal. */
bool committer_stop(struct committer *committer, int64_t deadline_ms);

#endif
