#include "config.h"
#include "combiner.h"

#include "../clock.h"
#include "../futex.h"

#include <pthread.h>
#include <stdlib.h>

#define SLEEP_MS 500  /* how often a waiting thread looks after the holder */
#define SHARE_US 2000 /* for others, of a leader's time: its own caller waits, and other processes */

struct combiner {
    struct gate *gate;
    combiner_lead *lead;
    void *context;
    pthread_mutex_t lock; /* of what follows up to `rounds`; held for a few instructions */
    struct combiner_piece *first, *last;
    int64_t share_ends_us; /* of the present leader; 0 = not begun, since its own piece does not count */
    unsigned asleep;
    bool leading;
    _Atomic uint32_t rounds; /* futex: moves when a leader ends */
};

struct combiner *combiner_open(struct gate *gate, combiner_lead *lead, void *context)
{
    struct combiner *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->gate = gate;
    made->lead = lead;
    made->context = context;
    pthread_mutex_init(&made->lock, NULL);
    return made;
}

void combiner_close(struct combiner *combiner)
{
    if (combiner == NULL)
        return;
    pthread_mutex_destroy(&combiner->lock);
    free(combiner);
}

/* ---- with the lock held ---- */

static void put_last(struct combiner *combiner, struct combiner_piece *piece)
{
    piece->next = NULL;
    if (combiner->last != NULL)
        combiner->last->next = piece;
    else
        combiner->first = piece;
    combiner->last = piece;
}

/* False: a leader has it. */
static bool take_out(struct combiner *combiner, const struct combiner_piece *piece)
{
    struct combiner_piece *before = NULL;
    for (struct combiner_piece *at = combiner->first; at != NULL; before = at, at = at->next) {
        if (at != piece)
            continue;
        if (before != NULL)
            before->next = at->next;
        else
            combiner->first = at->next;
        if (combiner->last == at)
            combiner->last = before;
        return true;
    }
    return false;
}

/* Let go of while it leads. */
static void lead(struct combiner *combiner, struct combiner_piece *own)
{
    take_out(combiner, own);
    combiner->leading = true;
    combiner->share_ends_us = 0;
    pthread_mutex_unlock(&combiner->lock);
    combiner->lead(combiner->context, own);
    pthread_mutex_lock(&combiner->lock);
    combiner->leading = false;
    atomic_fetch_add(&combiner->rounds, 1);
    unsigned asleep = combiner->asleep;
    pthread_mutex_unlock(&combiner->lock);
    if (asleep > 0)
        futex_wake(&combiner->rounds, FUTEX_EVERYBODY);
    pthread_mutex_lock(&combiner->lock);
}

/* Let go of while it sleeps. */
static void sleep_a_round(struct combiner *combiner, struct gate_watch *watch, int64_t deadline_ms)
{
    uint32_t seen = combiner->rounds;
    int64_t slice = clock_deadline(SLEEP_MS);
    combiner->asleep++;
    pthread_mutex_unlock(&combiner->lock);
    futex_sleep(&combiner->rounds, seen, clock_left_timespec(slice < deadline_ms ? slice : deadline_ms));
    if (combiner->rounds == seen)
        gate_watch(combiner->gate, watch);
    pthread_mutex_lock(&combiner->lock);
    combiner->asleep--;
}

/* ---- the calls ---- */

enum outcome combiner_run(struct combiner *combiner, struct combiner_piece *piece, int64_t deadline_ms,
                          struct error *error)
{
    struct gate_watch watch = {0};
    enum outcome outcome = OK;
    piece->done = false;
    pthread_mutex_lock(&combiner->lock);
    put_last(combiner, piece);
    while (!piece->done && outcome == OK) {
        if (!combiner->leading)
            lead(combiner, piece);
        else if (clock_left(deadline_ms) == 0 && take_out(combiner, piece))
            outcome = gate_busy(combiner->gate, error);
        else
            sleep_a_round(combiner, &watch, clock_left(deadline_ms) > 0 ? deadline_ms : INT64_MAX);
    }
    pthread_mutex_unlock(&combiner->lock);
    return outcome;
}

struct combiner_piece *combiner_next(struct combiner *combiner)
{
    int64_t now = clock_monotonic_us();
    pthread_mutex_lock(&combiner->lock);
    if (combiner->share_ends_us == 0)
        combiner->share_ends_us = now + SHARE_US;
    struct combiner_piece *piece = now < combiner->share_ends_us ? combiner->first : NULL;
    if (piece != NULL)
        take_out(combiner, piece);
    pthread_mutex_unlock(&combiner->lock);
    return piece;
}

void combiner_done(struct combiner_piece *piece)
{
    atomic_store_explicit(&piece->done, true, memory_order_release);
}
