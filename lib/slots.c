#include "config.h"
#include "slots.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_OFFSET 4096 /* the bytes before it are only locked */
#define FILE_SIZE   8192

/* Behind the locks, mapped by everyone. What is in it is believed only together with a lock: a page of zeros,
 * or one of another boot, is as good as any. */
struct page {
    _Atomic uint64_t life[SLOTS_MAX];
    _Atomic int64_t starting_ms[SLOTS_MAX]; /* monotonic; 0 = nobody is on his way */
};
_Static_assert(sizeof(struct page) <= FILE_SIZE - PAGE_OFFSET, "the page holds every slot");

struct slots {
    int holder; /* the open file description that owns the lock; shared between supervisor and worker */
    int probe;  /* another one: F_OFD_GETLK does not see the locks of its own description */
    unsigned max_workers;
    struct page *page;
};

static enum outcome open_file(const char *path, int *descriptor, struct error *error)
{
    *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (*descriptor < 0 && errno == ELOOP)
        return error_set(error, INVALID, "%s is a symlink: remove it", path);
    if (*descriptor < 0)
        return error_set_errno(error, IO, errno, "%s", path);
    struct stat status;
    if (fstat(*descriptor, &status) < 0)
        return error_set_errno(error, IO, errno, "%s", path);
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
        return error_set(error, INVALID,
                         "%s is no plain file of user %u: chown it, or remove it while nothing runs", path,
                         (unsigned)geteuid());
    return OK;
}

/* Blocks are allocated before the mapping is written to: on a full disk a hole would be a SIGBUS. */
static enum outcome map_page(struct slots *slots, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(slots->probe, &status) < 0)
        return error_set_errno(error, IO, errno, "%s", path);
    if (status.st_size < FILE_SIZE) {
        int result = posix_fallocate(slots->probe, 0, FILE_SIZE);
        if (result != 0)
            return error_set_errno(error, result == ENOSPC || result == EDQUOT ? FULL : IO, result, "%s",
                                   path);
    }
    void *memory =
        mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, slots->probe, PAGE_OFFSET);
    if (memory == MAP_FAILED)
        return error_set_errno(error, IO, errno, "%s", path);
    slots->page = memory;
    return OK;
}

static enum outcome open_both(struct slots *slots, const char *data_dir, struct error *error)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/slots", data_dir) >= sizeof path)
        return error_set(error, INVALID, "data_dir %s: too long", data_dir);
    enum outcome outcome = open_file(path, &slots->probe, error);
    if (outcome == OK && slots->holder < 0)
        outcome = open_file(path, &slots->holder, error);
    return outcome == OK ? map_page(slots, path, error) : outcome;
}

static enum outcome make(const char *data_dir, unsigned max_workers, int holder, struct slots **slots,
                         struct error *error)
{
    struct slots *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(error, NOMEM, "slots: no memory");
    made->holder = holder;
    made->probe = -1;
    made->max_workers = max_workers < SLOTS_MAX ? max_workers : SLOTS_MAX;
    enum outcome outcome = open_both(made, data_dir, error);
    if (outcome != OK) {
        if (holder >= 0)
            made->holder = -1; /* stays the caller's */
        slots_close(made);
        return outcome;
    }
    *slots = made;
    return OK;
}

enum outcome slots_open(const char *data_dir, unsigned max_workers, struct slots **slots, struct error *error)
{
    return make(data_dir, max_workers, -1, slots, error);
}

enum outcome slots_inherit(const char *data_dir, unsigned max_workers, int descriptor,
                           struct slot_identity identity, struct slots **slots, struct error *error)
{
    if (identity.slot >= SLOTS_MAX || fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return error_set(error, INVALID, "slot %u on descriptor %d was not handed over", identity.slot,
                         descriptor);
    enum outcome outcome = make(data_dir, max_workers, descriptor, slots, error);
    if (outcome != OK)
        return outcome;
    if (!slots_is_alive(*slots, identity)) {
        (*slots)->holder = -1;
        slots_close(*slots);
        *slots = NULL;
        return error_set(error, INVALID, "slot %u is not held on descriptor %d", identity.slot, descriptor);
    }
    return OK;
}

/* No unlocking here: the other process that shares the description may go on holding it. */
void slots_close(struct slots *slots)
{
    if (slots == NULL)
        return;
    if (slots->page != NULL)
        munmap(slots->page, sizeof *slots->page);
    if (slots->probe >= 0)
        close(slots->probe);
    if (slots->holder >= 0)
        close(slots->holder);
    free(slots);
}

static bool set_lock(int descriptor, unsigned slot, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)slot, .l_len = 1};
    return fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
}

bool slots_is_taken(struct slots *slots, unsigned slot)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)slot, .l_len = 1};
    if (slot >= SLOTS_MAX)
        return false;
    /* An error says nothing: whoever asks must not take a living worker for a dead one. */
    return fcntl(slots->probe, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* Locked by the time it is called; nobody else writes this life. */
static enum outcome begin_life(struct slots *slots, unsigned slot, struct slot_identity *identity,
                               struct error *error)
{
    uint64_t life = 0;
    while (life == 0) {
        if (getrandom(&life, sizeof life, 0) != sizeof life) {
            set_lock(slots->holder, slot, F_UNLCK);
            return error_set_errno(error, IO, errno, "getrandom");
        }
    }
    atomic_store(&slots->page->life[slot], life);
    atomic_store(&slots->page->starting_ms[slot], 0);
    *identity = (struct slot_identity){.slot = slot, .life = life};
    return OK;
}

enum outcome slots_take(struct slots *slots, unsigned wanted, struct slot_identity *identity,
                        struct error *error)
{
    slots_give_back(slots);
    slots_unreserve(slots, wanted); /* whoever started us has arrived, here or in another slot */
    if (wanted < slots->max_workers && set_lock(slots->holder, wanted, F_WRLCK))
        return begin_life(slots, wanted, identity, error);
    for (unsigned slot = 0; slot < slots->max_workers; slot++) {
        if (set_lock(slots->holder, slot, F_WRLCK))
            return begin_life(slots, slot, identity, error);
    }
    return error_set(error, UNAVAILABLE, "all %u slots are taken", slots->max_workers);
}

/* The whole range: the other process on this description may have changed to another slot. */
void slots_give_back(struct slots *slots)
{
    struct flock every = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = SLOTS_MAX};
    fcntl(slots->holder, F_OFD_SETLK, &every);
}

int slots_descriptor(const struct slots *slots)
{
    return slots->holder;
}

void slots_resize(struct slots *slots, unsigned max_workers)
{
    slots->max_workers = max_workers < SLOTS_MAX ? max_workers : SLOTS_MAX;
}

bool slots_is_alive(struct slots *slots, struct slot_identity identity)
{
    if (identity.slot >= SLOTS_MAX || !slots_is_taken(slots, identity.slot))
        return false;
    /* A holder between its lock and its life still shows the one before: alive a moment too long, never too
     * short. */
    return atomic_load(&slots->page->life[identity.slot]) == identity.life;
}

static bool is_starting(int64_t mark, int64_t now)
{
    /* Later than now: written before a reboot. */
    return mark != 0 && mark <= now && now - mark < SLOTS_STARTING_MS;
}

bool slots_reserve(struct slots *slots, unsigned *slot)
{
    int64_t now = clock_monotonic_ms();
    for (unsigned i = 0; i < slots->max_workers; i++) {
        int64_t mark = atomic_load(&slots->page->starting_ms[i]);
        if (is_starting(mark, now) || slots_is_taken(slots, i))
            continue;
        if (!atomic_compare_exchange_strong(&slots->page->starting_ms[i], &mark, now))
            continue;
        /* Taken between the look and the mark: the mark would keep the slot empty for a while once it is
         * free. */
        if (!slots_is_taken(slots, i)) {
            *slot = i;
            return true;
        }
        slots_unreserve(slots, i);
    }
    return false;
}

void slots_unreserve(struct slots *slots, unsigned slot)
{
    if (slot < SLOTS_MAX)
        atomic_store(&slots->page->starting_ms[slot], 0);
}

bool slots_any_free(struct slots *slots)
{
    int64_t now = clock_monotonic_ms();
    for (unsigned i = 0; i < slots->max_workers; i++) {
        if (!is_starting(atomic_load(&slots->page->starting_ms[i]), now) && !slots_is_taken(slots, i))
            return true;
    }
    return false;
}

unsigned slots_taken(struct slots *slots)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        taken += slots_is_taken(slots, i);
    return taken;
}
