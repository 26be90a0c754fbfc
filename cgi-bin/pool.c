#include "config.h"
#include "pool.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define STACK_SIZE (512 * 1024)
#define NUDGE_MS   20
/* A thread may also be held up by the disk or a slow body: the others go on. */
#define ACTIVE_LEAST 3
#define POOL_SIGNAL  SIGUSR2

struct pool_thread {
    pthread_t thread;
    struct pool *pool;
    atomic_bool interruptible;
    bool has_permit; /* its own: changed by the thread itself only */
    bool alive;      /* under the lock */
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t permit_is_there;
    pthread_cond_t thread_has_ended;
    unsigned permits; /* not in use */
    unsigned parked;
    unsigned waiting;
    unsigned waiting_most;
    unsigned started;
    unsigned alive;
    unsigned most;
    atomic_bool stopping;
    pool_work *work;
    void *context;
    struct pool_thread threads[];
};

static __thread struct pool_thread *self;

static void wake_up(int signal_number)
{
    /* Only there to end a system call with EINTR. */
}

unsigned pool_active(unsigned threads, unsigned most, unsigned processors)
{
    unsigned half = threads / 2;
    unsigned active = processors + 1 > ACTIVE_LEAST ? processors + 1 : ACTIVE_LEAST;
    if (active > most)
        active = most;
    return half < 1 ? 1 : half < active ? half : active;
}

unsigned pool_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1024;
}

static bool take_permit(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->permits == 0 && !atomic_load(&pool->stopping)) {
        pool->parked++;
        pthread_cond_wait(&pool->permit_is_there, &pool->lock);
        pool->parked--;
    }
    bool goes_on = !atomic_load(&pool->stopping);
    if (goes_on)
        pool->permits--;
    pthread_mutex_unlock(&pool->lock);
    return goes_on;
}

static void begin_stop(struct pool *pool)
{
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->permit_is_there);
}

static void *run(void *argument)
{
    self = argument;
    struct pool *pool = self->pool;
    while (take_permit(pool)) {
        self->has_permit = true;
        while (self->has_permit && !atomic_load(&pool->stopping)) {
            if (!pool->work(pool->context)) {
                pthread_mutex_lock(&pool->lock);
                begin_stop(pool);
                pthread_mutex_unlock(&pool->lock);
            }
        }
    }
    pthread_mutex_lock(&pool->lock);
    self->alive = false;
    pool->alive--;
    pthread_cond_broadcast(&pool->thread_has_ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under the lock. */
static int add_thread(struct pool *pool)
{
    struct pool_thread *thread = &pool->threads[pool->started];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    thread->pool = pool;
    thread->alive = true;
    int result = pthread_create(&thread->thread, &attributes, run, thread);
    pthread_attr_destroy(&attributes);
    if (result == 0) {
        pool->started++;
        pool->alive++;
    }
    return result;
}

enum outcome pool_start(unsigned threads, unsigned active, pool_work *work, void *context,
                        struct pool **result, struct error *error)
{
    struct sigaction action = {.sa_handler = wake_up};
    sigset_t signals;
    struct pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    if (pool == NULL)
        return error_set(error, NOMEM, "no memory for %u threads", threads);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->permit_is_there, NULL);
    pthread_cond_init(&pool->thread_has_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pool->most = threads;
    pool->permits = active;
    pool->waiting_most = threads - active;
    pool->work = work;
    pool->context = context;
    sigaction(POOL_SIGNAL, &action, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, POOL_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    *result = pool;
    int failed = 0;
    pthread_mutex_lock(&pool->lock);
    while (pool->started < active && failed == 0)
        failed = add_thread(pool);
    unsigned started = pool->started;
    pthread_mutex_unlock(&pool->lock);
    /* Fewer than wished for will do (a shared host's process limit), none will not. */
    if (started > 0)
        return OK;
    pool_free(pool);
    *result = NULL;
    return error_set_errno(error, IO, failed, "no thread could be started");
}

void pool_interruptible(bool interruptible)
{
    atomic_store(&self->interruptible, interruptible);
}

bool pool_begin_wait(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool may = pool->waiting < pool->waiting_most && !atomic_load(&pool->stopping);
    /* Nobody to take over: then the wait would cost an accepting thread. */
    if (may && pool->parked <= pool->permits && (pool->started == pool->most || add_thread(pool) != 0))
        may = pool->parked > pool->permits;
    if (may) {
        pool->waiting++;
        pool->permits++;
        self->has_permit = false;
        pthread_cond_signal(&pool->permit_is_there);
    }
    pthread_mutex_unlock(&pool->lock);
    return may;
}

void pool_end_wait(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->waiting--;
    pthread_mutex_unlock(&pool->lock);
}

bool pool_is_stopping(struct pool *pool)
{
    return atomic_load(&pool->stopping);
}

bool pool_stop(struct pool *pool, int64_t deadline_ms)
{
    pthread_mutex_lock(&pool->lock);
    begin_stop(pool);
    while (pool->alive > 0 && clock_left(deadline_ms) > 0) {
        /* Again and again: a signal that comes right before the system call would be lost. */
        for (unsigned i = 0; i < pool->started; i++)
            if (pool->threads[i].alive && atomic_load(&pool->threads[i].interruptible))
                pthread_kill(pool->threads[i].thread, POOL_SIGNAL);
        struct timespec until = clock_timespec(clock_deadline(NUDGE_MS));
        pthread_cond_timedwait(&pool->thread_has_ended, &pool->lock, &until);
    }
    bool ended = pool->alive == 0;
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; ended && i < pool->started; i++)
        pthread_join(pool->threads[i].thread, NULL);
    return ended;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->permit_is_there);
    pthread_cond_destroy(&pool->thread_has_ended);
    free(pool);
}
