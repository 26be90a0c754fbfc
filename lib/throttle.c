#include "config.h"
#include "throttle.h"

#include "folder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define WAYS       8 /* places that a caller may have */
#define SETS       (THROTTLE_CALLERS / WAYS)
#define DAY_MS     86400000
#define COUNT_BITS 40 /* of the day's word: submissions; above it the day since 1970 */
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)

struct place {
    _Atomic uint64_t tag;     /* hash of the caller; 0 = free */
    _Atomic int64_t ready_us; /* GCRA's theoretical arrival time, wall clock */
    _Atomic uint64_t day;     /* day << COUNT_BITS | submissions of that day */
    uint64_t unused;
};

struct throttle {
    struct place *places;
};

#define FILE_SIZE (sizeof(struct place) * THROTTLE_CALLERS)

enum outcome throttle_open(const char *data_dir, struct throttle **throttle, struct error *error)
{
    void *map; /* all zeros is a valid, empty table */
    enum outcome outcome = folder_map(data_dir, "throttle", FILE_SIZE, &map, error);
    if (outcome != OK)
        return outcome;
    struct throttle *made = malloc(sizeof *made);
    if (made == NULL) {
        munmap(map, FILE_SIZE);
        return error_set(error, NOMEM, "no memory for %s/throttle", data_dir);
    }
    made->places = map;
    *throttle = made;
    return OK;
}

void throttle_close(struct throttle *throttle)
{
    if (throttle == NULL)
        return;
    munmap(throttle->places, FILE_SIZE);
    free(throttle);
}

/* FNV-1a, then the finaliser of MurmurHash3 for the low bits. A caller that meets another's hash shares its
 * limit: one in 2^64, and whoever could choose its name so is an administrator. Never 0. */
static uint64_t tag_of(const char *caller)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const unsigned char *byte = (const unsigned char *)caller; *byte != '\0'; byte++)
        hash = (hash ^ *byte) * UINT64_C(1099511628211);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    return hash == 0 ? 1 : hash;
}

static struct place *take_over(struct place *place, uint64_t old, uint64_t tag)
{
    if (!atomic_compare_exchange_strong(&place->tag, &old, tag))
        return old == tag ? place : NULL; /* another thread was first: for this caller, or for another */
    atomic_store(&place->ready_us, 0);
    atomic_store(&place->day, 0);
    return place;
}

static struct place *place_of(struct throttle *throttle, const char *caller)
{
    uint64_t tag = tag_of(caller);
    struct place *set = &throttle->places[(tag % SETS) * WAYS];
    for (;;) {
        struct place *quietest = &set[0];
        for (int i = 0; i < WAYS; i++) {
            uint64_t other = atomic_load(&set[i].tag);
            if (other == tag)
                return &set[i];
            if (other == 0) {
                struct place *found = take_over(&set[i], 0, tag);
                if (found != NULL)
                    return found;
            }
            if (atomic_load(&set[i].ready_us) < atomic_load(&quietest->ready_us))
                quietest = &set[i];
        }
        struct place *found = take_over(quietest, atomic_load(&quietest->tag), tag);
        if (found != NULL)
            return found;
    }
}

struct throttle_answer throttle_take(struct throttle *throttle, const char *caller, int64_t rate,
                                     int64_t burst, int64_t now_wall_ms)
{
    if (rate <= 0)
        return (struct throttle_answer){.allowed = true};
    if (burst <= 0)
        burst = rate;
    int64_t step_us = rate >= 1000000 ? 1 : 1000000 / rate;
    int64_t window_us = step_us * burst;
    int64_t now_us = now_wall_ms * 1000;
    struct place *place = place_of(throttle, caller);
    int64_t ready = atomic_load(&place->ready_us);
    for (;;) {
        int64_t from = ready > now_us ? ready : now_us;
        if (from > now_us + window_us) /* the clock was set back: no debt is longer than the window */
            from = now_us + window_us;
        int64_t next = from + step_us;
        int64_t over_us = next - now_us - window_us;
        if (over_us > 0)
            return (struct throttle_answer){.limit = burst,
                                            .retry_after_ms = (over_us + 999) / 1000,
                                            .reset_ms = (from - now_us + 999) / 1000};
        if (atomic_compare_exchange_weak(&place->ready_us, &ready, next))
            return (struct throttle_answer){.allowed = true,
                                            .limit = burst,
                                            .remaining = (now_us + window_us - next) / step_us,
                                            .reset_ms = (next - now_us + 999) / 1000};
    }
}

struct throttle_answer throttle_take_quota(struct throttle *throttle, const char *caller, int64_t quota,
                                           int64_t now_wall_ms)
{
    if (quota <= 0)
        return (struct throttle_answer){.allowed = true};
    uint64_t today = (uint64_t)(now_wall_ms / DAY_MS);
    int64_t tomorrow_ms = DAY_MS - now_wall_ms % DAY_MS;
    struct place *place = place_of(throttle, caller);
    uint64_t word = atomic_load(&place->day);
    for (;;) {
        uint64_t used = word >> COUNT_BITS == today ? word & COUNT_MASK : 0;
        if (used >= (uint64_t)quota)
            return (struct throttle_answer){
                .limit = quota, .retry_after_ms = tomorrow_ms, .reset_ms = tomorrow_ms};
        if (atomic_compare_exchange_weak(&place->day, &word, today << COUNT_BITS | (used + 1)))
            return (struct throttle_answer){.allowed = true,
                                            .limit = quota,
                                            .remaining = quota - (int64_t)used - 1,
                                            .reset_ms = tomorrow_ms};
    }
}

void throttle_return_quota(struct throttle *throttle, const char *caller, int64_t now_wall_ms)
{
    uint64_t today = (uint64_t)(now_wall_ms / DAY_MS);
    struct place *place = place_of(throttle, caller);
    uint64_t word = atomic_load(&place->day);
    while (word >> COUNT_BITS == today && (word & COUNT_MASK) > 0 &&
           !atomic_compare_exchange_weak(&place->day, &word, word - 1))
        continue;
}
