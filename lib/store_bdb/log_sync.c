#include "config.h"
#include "log_sync.h"

#include "../clock.h"
#include "../futex.h"
#include "../log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHERS_MS          20 /* the one who should have synced may have been killed, or its disk be slow */
#define NOT_BEGUN_PAUSE_US 10000
#define SLEEP_MS           100 /* a follower looks again after this long, whatever happened to its leader's call */

/* Syncs are numbered. Who is covered by the one under way sleeps on that one's word, who came too late for it
 * on the next one's: the end of a sync wakes all it covered, and one of the others to lead the next. */
struct log_sync {
    struct gate *gate;
    int folder;
    pthread_mutex_t lock; /* of what follows up to `done` */
    bool leading;
    uint64_t number; /* of the sync under way, else of the last one */
    uint64_t target; /* what it covers */
    _Atomic uint32_t done[2];
    _Atomic uint32_t sleepers[2];
    _Atomic int not_begun; /* errno: why the last sync could not even be begun; 0 = it was */
    int descriptor;        /* of log file `file`; leader only */
    uint32_t file;
};

enum outcome log_sync_open(struct gate *gate, int folder, struct log_sync **sync, struct error *error)
{
    struct log_sync *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(error, NOMEM, "no memory for the log's sync");
    made->gate = gate;
    made->folder = folder;
    made->descriptor = -1;
    pthread_mutex_init(&made->lock, NULL);
    *sync = made;
    return OK;
}

void log_sync_close(struct log_sync *sync)
{
    if (sync == NULL)
        return;
    if (sync->descriptor >= 0)
        close(sync->descriptor);
    pthread_mutex_destroy(&sync->lock);
    free(sync);
}

/* 0, the errno of a sync that failed, or NOT_BEGUN with its reason in the struct: a file that could not be opened now (out of
 * descriptors, say) says nothing of what the disk took, and the next one may have more luck. The newest file being gone is
 * no such thing. */
#define NOT_BEGUN (-1)

static int not_begun(struct log_sync *sync, const char *name, int reason)
{
    if (atomic_exchange(&sync->not_begun, reason) != reason)
        log_event(LOG_LEVEL_ERROR, "store_sync_not_begun", "file", name, "reason", strerror(reason), NULL);
    return NOT_BEGUN;
}

/* An older file that is gone was removed because a checkpoint, synced itself, made it needless. */
static int sync_file(struct log_sync *sync, uint32_t file, bool newest)
{
    if (sync->descriptor >= 0 && sync->file != file) {
        close(sync->descriptor);
        sync->descriptor = -1;
    }
    if (sync->descriptor < 0) {
        char name[32];
        snprintf(name, sizeof name, "log.%010u", (unsigned)file);
        sync->descriptor = openat(sync->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (sync->descriptor < 0 && errno == ENOENT)
            return newest ? ENOENT : 0;
        if (sync->descriptor < 0)
            return not_begun(sync, name, errno);
        sync->not_begun = 0;
        sync->file = file;
    }
    return fdatasync(sync->descriptor) == 0 ? 0 : errno;
}

static int sync_folder(struct log_sync *sync)
{
    struct gate_page *page = gate_page(sync->gate);
    uint32_t changes = page->folder_changes;
    if (page->folder_synced == changes)
        return 0;
    if (fsync(sync->folder) != 0)
        return errno;
    page->folder_synced = changes;
    return 0;
}

static int sync_files(struct log_sync *sync, uint64_t from, uint64_t to)
{
    int result = 0;
    uint32_t last = (uint32_t)(to >> 32);
    uint32_t first = (uint32_t)(from >> 32);
    if (first == 0 || first > last)
        first = last;
    for (uint32_t file = first; file <= last && result == 0; file++)
        result = sync_file(sync, file, file == last);
    return result != 0 ? result : sync_folder(sync);
}

/* Nobody there means that a waiter was killed: it counts no longer. */
static void wake_other_processes(struct gate_page *page)
{
    if (page->sync_waiters == 0)
        return;
    atomic_fetch_add(&page->sync_ended, 1);
    if (futex_wake(&page->sync_ended, FUTEX_EVERYBODY) == 0)
        page->sync_waiters = 0;
}

static void lead(struct log_sync *sync, uint64_t target)
{
    struct gate_page *page = gate_page(sync->gate);
    int64_t begun = clock_monotonic_us();
    int result = target == 0 ? 0 : sync_files(sync, page->synced, target);
    if (result == 0) {
        gate_raise(&page->synced, target);
        page->syncs++;
        page->sync_us += (uint64_t)(clock_monotonic_us() - begun);
        wake_other_processes(page);
        return;
    }
    if (result == NOT_BEGUN || result == EINTR)
        clock_sleep_us(NOT_BEGUN_PAUSE_US);
    else
        gate_sync_failed(sync->gate, result);
}

/* With the lock held. */
static void wake_after(struct log_sync *sync)
{
    unsigned covered = sync->number & 1;
    unsigned next = covered ^ 1;
    unsigned waiting_next = sync->sleepers[next];
    bool any = sync->sleepers[covered] > 0;
    sync->done[covered]++;
    if (waiting_next > 0)
        sync->done[next]++;
    pthread_mutex_unlock(&sync->lock);
    if (waiting_next > 0)
        futex_wake(&sync->done[next], 1);
    if (any)
        futex_wake(&sync->done[covered], FUTEX_EVERYBODY);
    pthread_mutex_lock(&sync->lock);
}

static void lead_one(struct log_sync *sync)
{
    sync->leading = true;
    sync->number++;
    sync->target = gate_page(sync->gate)->written;
    uint64_t target = sync->target;
    pthread_mutex_unlock(&sync->lock);
    lead(sync, target);
    pthread_mutex_lock(&sync->lock);
    sync->leading = false;
    wake_after(sync);
}

/* With the lock held; returns without it. */
static void follow(struct log_sync *sync, uint64_t position, int64_t deadline_ms)
{
    unsigned which = (sync->number + (position > sync->target)) & 1;
    uint32_t seen = sync->done[which];
    int64_t slice = clock_deadline(SLEEP_MS);
    atomic_fetch_add(&sync->sleepers[which], 1);
    pthread_mutex_unlock(&sync->lock);
    futex_sleep(&sync->done[which], seen, clock_left_timespec(slice < deadline_ms ? slice : deadline_ms));
    atomic_fetch_sub(&sync->sleepers[which], 1);
}

static bool is_synced(struct log_sync *sync, uint64_t position)
{
    return atomic_load_explicit(&gate_page(sync->gate)->synced, memory_order_acquire) >= position;
}

static enum outcome may_wait(struct log_sync *sync, uint64_t position, int64_t deadline_ms,
                             struct error *error)
{
    enum outcome outcome = gate_fault(sync->gate, false, error);
    if (outcome != OK)
        return outcome;
    if (position > gate_page(sync->gate)->written)
        return error_set(error, UNAVAILABLE, "the store was put back to an earlier state");
    if (clock_left(deadline_ms) > 0)
        return OK;
    if (sync->not_begun != 0)
        return error_set_errno(error, UNAVAILABLE, sync->not_begun,
                               "the store's log cannot be opened to sync it");
    return error_set(error, UNAVAILABLE, "the disk takes too long");
}

enum outcome log_sync(struct log_sync *sync, uint64_t position, int64_t deadline_ms, struct error *error)
{
    while (!is_synced(sync, position)) {
        enum outcome outcome = may_wait(sync, position, deadline_ms, error);
        if (outcome != OK)
            return outcome;
        pthread_mutex_lock(&sync->lock);
        if (is_synced(sync, position)) {
            pthread_mutex_unlock(&sync->lock);
        } else if (sync->leading) {
            follow(sync, position, deadline_ms);
        } else {
            lead_one(sync);
            pthread_mutex_unlock(&sync->lock);
        }
    }
    return OK;
}

void log_sync_by_others(struct log_sync *sync, uint64_t position)
{
    struct gate_page *page = gate_page(sync->gate);
    int64_t until = clock_deadline(OTHERS_MS);
    if (is_synced(sync, position))
        return;
    atomic_fetch_add(&page->sync_waiters, 1);
    for (;;) {
        uint32_t seen = page->sync_ended;
        if (is_synced(sync, position) || clock_left(until) == 0)
            break;
        futex_sleep(&page->sync_ended, seen, clock_left_timespec(until));
    }
    uint32_t waiters = page->sync_waiters;
    while (waiters > 0 && !atomic_compare_exchange_weak(&page->sync_waiters, &waiters, waiters - 1))
        continue;
}

enum outcome log_sync_folder(struct log_sync *sync, struct error *error)
{
    int result = sync_folder(sync);
    if (result == 0)
        return OK;
    gate_sync_failed(sync->gate, result);
    return gate_fault(sync->gate, false, error);
}
