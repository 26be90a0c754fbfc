#include "config.h"
#include "meter.h"

#include "folder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAGIC     UINT64_C(0x316574656d676a)
#define MINUTE_MS 60000
#define OTHERS    "(others)"

const int64_t meter_bounds_ms[METER_BUCKETS] = {10,    50,    100,    500,    1000,    5000,     10000,
                                                30000, 60000, 300000, 900000, 3600000, INT64_MAX};

struct histogram {
    _Atomic uint64_t buckets[METER_BUCKETS];
    _Atomic uint64_t sum_ms;
};

struct function_page {
    _Atomic uint32_t state; /* 0 free, 1 being named, 2 named */
    char name[JOB_FUNCTION_SIZE];
    _Atomic uint64_t submitted;
    _Atomic uint64_t ended[JOB_STATUS_COUNT];
    _Atomic uint64_t attempts;
    _Atomic uint64_t retried;
    struct histogram duration;
    struct histogram wait;
};

struct minute_page {
    _Atomic int64_t minute; /* since 1970; another one: what is in here is a day or more old */
    _Atomic uint32_t submitted;
    _Atomic uint32_t ended[JOB_STATUS_COUNT];
    _Atomic uint32_t started;
    _Atomic uint32_t stopped;
    _Atomic uint32_t durations[METER_BUCKETS];
};

/* All zeros but for the magic is a valid, empty page. */
struct page {
    _Atomic uint64_t magic;
    struct function_page functions[METER_FUNCTIONS];
    struct minute_page minutes[METER_MINUTES];
};

struct meter {
    struct page *page;
};

enum outcome meter_open(const char *data_dir, struct meter **meter, struct error *error)
{
    void *map;
    enum outcome outcome = folder_map(data_dir, "meter", sizeof(struct page), &map, error);
    if (outcome != OK)
        return outcome;
    struct page *page = map;
    struct meter *made = malloc(sizeof *made);
    if (made == NULL) {
        munmap(page, sizeof *page);
        return error_set(error, NOMEM, "no memory for %s/meter", data_dir);
    }
    uint64_t other = page->magic;
    if (other != MAGIC && other != 0) /* of another version: figures may start anew, jobs may not */
        memset((char *)page + sizeof page->magic, 0, sizeof *page - sizeof page->magic);
    page->magic = MAGIC;
    made->page = page;
    *meter = made;
    return OK;
}

void meter_close(struct meter *meter)
{
    if (meter == NULL)
        return;
    munmap(meter->page, sizeof *meter->page);
    free(meter);
}

/* ---- finding the place ---- */

static bool has_name(struct function_page *place, const char *function)
{
    return atomic_load_explicit(&place->state, memory_order_acquire) == 2 &&
           strncmp(place->name, function, sizeof place->name) == 0;
}

/* A process killed while it names a place leaves a gap in the table, nothing worse. */
static bool take_place(struct function_page *place, const char *function)
{
    uint32_t unused = 0;
    if (!atomic_compare_exchange_strong(&place->state, &unused, 1))
        return false;
    job_text_copy(place->name, sizeof place->name, function);
    atomic_store_explicit(&place->state, 2, memory_order_release);
    return true;
}

static struct function_page *function_of(struct meter *meter, const char *function)
{
    struct function_page *places = meter->page->functions;
    for (size_t i = 0; i < METER_FUNCTIONS - 1; i++)
        if (has_name(&places[i], function) || (places[i].state == 0 && take_place(&places[i], function)))
            return &places[i];
    take_place(&places[METER_FUNCTIONS - 1], OTHERS);
    return &places[METER_FUNCTIONS - 1];
}

/* The first one in a new minute empties the place. Counts that come in that very instant may be lost. */
static struct minute_page *minute_of(struct meter *meter, int64_t now_ms)
{
    int64_t minute = now_ms / MINUTE_MS;
    struct minute_page *place = &meter->page->minutes[(uint64_t)minute % METER_MINUTES];
    int64_t seen = place->minute;
    if (seen != minute && atomic_compare_exchange_strong(&place->minute, &seen, minute)) {
        place->submitted = place->started = place->stopped = 0;
        for (int i = 0; i < JOB_STATUS_COUNT; i++)
            place->ended[i] = 0;
        for (int i = 0; i < METER_BUCKETS; i++)
            place->durations[i] = 0;
    }
    return place;
}

static unsigned bucket_of(int64_t ms)
{
    unsigned bucket = 0;
    while (ms > meter_bounds_ms[bucket])
        bucket++;
    return bucket;
}

/* ---- counting ---- */

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void add_one(_Atomic uint32_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void add_time(struct histogram *histogram, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    add(&histogram->buckets[bucket_of(ms)], 1);
    add(&histogram->sum_ms, (uint64_t)ms);
}

void meter_submitted(struct meter *meter, const char *function, int64_t now_ms)
{
    if (meter == NULL)
        return;
    add(&function_of(meter, function)->submitted, 1);
    add_one(&minute_of(meter, now_ms)->submitted);
}

void meter_started(struct meter *meter, const char *function, int64_t waited_ms, int64_t now_ms)
{
    if (meter == NULL)
        return;
    struct function_page *place = function_of(meter, function);
    add(&place->attempts, 1);
    add_time(&place->wait, waited_ms);
    add_one(&minute_of(meter, now_ms)->started);
}

void meter_ended(struct meter *meter, const char *function, enum job_status status, int64_t now_ms)
{
    if (meter == NULL)
        return;
    add(&function_of(meter, function)->ended[status], 1);
    add_one(&minute_of(meter, now_ms)->ended[status]);
}

void meter_stopped(struct meter *meter, const struct job *job, int64_t duration_ms, int64_t now_ms)
{
    if (meter == NULL)
        return;
    struct function_page *place = function_of(meter, job->function);
    struct minute_page *minute = minute_of(meter, now_ms);
    add_time(&place->duration, duration_ms);
    add_one(&minute->stopped);
    add_one(&minute->durations[bucket_of(duration_ms < 0 ? 0 : duration_ms)]);
    if (job_status_is_terminal(job->status))
        meter_ended(meter, job->function, job->status, now_ms);
    else
        add(&place->retried, 1);
}

/* ---- reading ---- */

static void copy_histogram(const struct histogram *from, struct meter_histogram *to)
{
    for (int i = 0; i < METER_BUCKETS; i++)
        to->buckets[i] = from->buckets[i];
    to->sum_ms = from->sum_ms;
}

size_t meter_functions(const struct meter *meter, struct meter_function *functions)
{
    size_t count = 0;
    for (size_t i = 0; i < METER_FUNCTIONS; i++) {
        const struct function_page *place = &meter->page->functions[i];
        struct meter_function *entry = &functions[count];
        if (atomic_load_explicit(&place->state, memory_order_acquire) != 2)
            continue;
        memcpy(entry->function, place->name, sizeof entry->function);
        entry->submitted = place->submitted;
        for (int status = 0; status < JOB_STATUS_COUNT; status++)
            entry->ended[status] = place->ended[status];
        entry->attempts = place->attempts;
        entry->retried = place->retried;
        copy_histogram(&place->duration, &entry->duration);
        copy_histogram(&place->wait, &entry->wait);
        count++;
    }
    return count;
}

static void add_minute(const struct meter *meter, int64_t minute, struct meter_period *period)
{
    const struct minute_page *place = &meter->page->minutes[(uint64_t)minute % METER_MINUTES];
    if (place->minute != minute)
        return;
    period->submitted += place->submitted;
    period->started += place->started;
    period->stopped += place->stopped;
    for (int i = 0; i < JOB_STATUS_COUNT; i++)
        period->ended[i] += place->ended[i];
    for (int i = 0; i < METER_BUCKETS; i++)
        period->durations[i] += place->durations[i];
}

void meter_periods(const struct meter *meter, int64_t now_ms, unsigned count, unsigned step,
                   struct meter_period *periods)
{
    int64_t first = now_ms / MINUTE_MS - (int64_t)count + 1;
    for (unsigned i = 0; i < count / step; i++) {
        periods[i] = (struct meter_period){.start_ms = (first + (int64_t)(i * step)) * MINUTE_MS};
        for (unsigned m = 0; m < step; m++)
            add_minute(meter, first + (int64_t)(i * step + m), &periods[i]);
    }
}

int64_t meter_quantile_ms(const uint32_t buckets[METER_BUCKETS], unsigned permille)
{
    uint64_t all = 0, below = 0;
    for (int i = 0; i < METER_BUCKETS; i++)
        all += buckets[i];
    if (all == 0)
        return 0;
    uint64_t wanted = (all * permille + 999) / 1000;
    for (int i = 0; i < METER_BUCKETS - 1; i++) {
        int64_t from = i == 0 ? 0 : meter_bounds_ms[i - 1];
        if (below + buckets[i] >= wanted && buckets[i] > 0)
            return from + (int64_t)((wanted - below) * (uint64_t)(meter_bounds_ms[i] - from) / buckets[i]);
        below += buckets[i];
    }
    return meter_bounds_ms[METER_BUCKETS - 2]; /* beyond the last bound nothing is known */
}
