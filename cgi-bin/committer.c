#include "config.h"
#include "committer.h"

#include "clock.h"
#include "futex.h"

#include <pthread.h>
#include <stdlib.h>

#define COMMITTER_THREADS 2
#define PIECES_MAX        256 /* each holds a connection: beyond it, those who commit wait themselves */
#define STACK_SIZE        (512 * 1024)
#define SLEEP_S           60

/* A condition variable would leave the lock marked as contended after each wake-up, and every hand-over would then be a
 * system call: the threads sleep on a word of their own, and are woken only when one sleeps. */
struct committer {
    pthread_mutex_t lock;
    pthread_cond_t thread_has_ended;
    _Atomic uint32_t rung;
    unsigned asleep; /* or about to be: they compare `rung` with what it was under the lock */
    struct committer_piece *first, *last;
    unsigned pieces; /* handed over and not finished */
    bool syncing;    /* one at a time: what comes meanwhile goes into the next sync together */
    bool stopping;
    bool others_accept;
    unsigned started, alive;
    pthread_t threads[COMMITTER_THREADS];
    committer_finish *finish;
};

static void wake(struct committer *committer, int most)
{
    atomic_fetch_add(&committer->rung, 1);
    futex_wake(&committer->rung, most);
}

/* Under the lock, which is let go meanwhile. */
static void sleep_until_rung(struct committer *committer)
{
    uint32_t seen = atomic_load(&committer->rung);
    committer->asleep++;
    pthread_mutex_unlock(&committer->lock);
    futex_sleep(&committer->rung, seen, (struct timespec){.tv_sec = SLEEP_S});
    pthread_mutex_lock(&committer->lock);
    committer->asleep--;
}

/* Under the lock. Waits for pieces and for its turn; NULL = the end. */
static struct committer_piece *take_all(struct committer *committer)
{
    while (committer->first == NULL || committer->syncing) {
        if (committer->first == NULL && committer->stopping)
            return NULL;
        sleep_until_rung(committer);
    }
    struct committer_piece *pieces = committer->first;
    committer->first = committer->last = NULL;
    committer->syncing = true;
    return pieces;
}

static enum outcome sync_all(const struct committer_piece *pieces, struct error *error)
{
    struct store_ticket latest = {0};
    for (const struct committer_piece *piece = pieces; piece != NULL; piece = piece->next)
        if (piece->ticket.position > latest.position)
            latest = piece->ticket;
    return store_sync(pieces->store, latest, clock_deadline(pieces->wait_ms), error);
}

/* Under the lock, which is let go meanwhile; `syncing` is the caller's. */
static void commit(struct committer *committer, struct committer_piece *pieces)
{
    struct error error = {0};
    pthread_mutex_unlock(&committer->lock);
    enum outcome synced = sync_all(pieces, &error);

    pthread_mutex_lock(&committer->lock);
    committer->syncing = false;
    bool wakes = committer->first != NULL && committer->asleep > 0;
    pthread_mutex_unlock(&committer->lock);
    if (wakes)
        wake(committer, 1);

    unsigned finished = 0;
    while (pieces != NULL) {
        struct committer_piece *next = pieces->next;
        committer->finish(pieces, synced, &error);
        pieces = next;
        finished++;
    }
    pthread_mutex_lock(&committer->lock);
    committer->pieces -= finished;
}

static void *run(void *argument)
{
    struct committer *committer = argument;
    struct committer_piece *pieces;
    pthread_mutex_lock(&committer->lock);
    while ((pieces = take_all(committer)) != NULL)
        commit(committer, pieces);
    committer->alive--;
    pthread_cond_broadcast(&committer->thread_has_ended);
    pthread_mutex_unlock(&committer->lock);
    return NULL;
}

struct committer *committer_start(committer_finish *finish, bool others_accept)
{
    struct committer *committer = calloc(1, sizeof *committer);
    if (committer == NULL)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&committer->lock, NULL);
    pthread_cond_init(&committer->thread_has_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    committer->finish = finish;
    committer->others_accept = others_accept;
    return committer;
}

/* Under the lock. One is enough to go on. */
static bool have_threads(struct committer *committer)
{
    pthread_attr_t attributes;
    if (committer->started == COMMITTER_THREADS)
        return true;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    while (committer->started < COMMITTER_THREADS &&
           pthread_create(&committer->threads[committer->started], &attributes, run, committer) == 0) {
        committer->started++;
        committer->alive++;
    }
    pthread_attr_destroy(&attributes);
    return committer->started > 0;
}

bool committer_hand_over(struct committer *committer, struct committer_piece *piece)
{
    piece->next = NULL;
    pthread_mutex_lock(&committer->lock);
    bool taken = committer->pieces < PIECES_MAX && !committer->stopping && have_threads(committer);
    bool alone = taken && committer->pieces == 0 && committer->others_accept;
    /* For the first piece only; and who syncs just now looks for more when it is done. */
    bool wakes = taken && committer->first == NULL && !committer->syncing && committer->asleep > 0;
    if (alone) {
        wakes = false;
        committer->pieces = 1;
        committer->syncing = true;
        commit(committer, piece);
    } else if (taken) {
        if (committer->last != NULL)
            committer->last->next = piece;
        else
            committer->first = piece;
        committer->last = piece;
        committer->pieces++;
    }
    pthread_mutex_unlock(&committer->lock);
    if (wakes)
        wake(committer, 1);
    return taken;
}

bool committer_stop(struct committer *committer, int64_t deadline_ms)
{
    if (committer == NULL)
        return true;
    pthread_mutex_lock(&committer->lock);
    committer->stopping = true;
    wake(committer, FUTEX_EVERYBODY);
    struct timespec until = clock_timespec(deadline_ms);
    while (committer->alive > 0 &&
           pthread_cond_timedwait(&committer->thread_has_ended, &committer->lock, &until) == 0)
        continue;
    bool ended = committer->alive == 0;
    pthread_mutex_unlock(&committer->lock);
    if (!ended)
        return false;
    for (unsigned i = 0; i < committer->started; i++)
        pthread_join(committer->threads[i], NULL);
    pthread_mutex_destroy(&committer->lock);
    pthread_cond_destroy(&committer->thread_has_ended);
    free(committer);
    return true;
}
