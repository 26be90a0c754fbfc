#include "config.h"
#include "doorbell.h"

#include "clock.h"
#include "folder.h"
#include "futex.h"

#include <stdlib.h>
#include <sys/mman.h>

#define JOB_WORDS 1024
#define SLEEP_MS  5000 /* the longest without a look, should a ring ever be lost with its ringer */

/* The file `doorbell`. Each word counts rings. Most jobs change with nobody asleep on them: whoever goes to sleep is counted
 * first, so that a ring that finds nobody costs no system call. A sleeper that was killed stays counted, which costs one. */
struct page {
    _Atomic uint32_t work;
    _Alignas(64) _Atomic uint32_t jobs[JOB_WORDS];
    _Atomic uint32_t sleepers[JOB_WORDS]; /* on jobs */
};

struct doorbell {
    struct page *page;
};

enum outcome doorbell_open(const char *data_dir, struct doorbell **doorbell, struct error *error)
{
    void *page;
    enum outcome outcome = folder_map(data_dir, "doorbell", sizeof(struct page), &page, error);
    if (outcome != OK)
        return outcome;
    struct doorbell *made = malloc(sizeof *made);
    if (made == NULL) {
        munmap(page, sizeof(struct page));
        return error_set(error, NOMEM, "no memory for the doorbell");
    }
    made->page = page;
    *doorbell = made;
    return OK;
}

void doorbell_close(struct doorbell *doorbell)
{
    if (doorbell == NULL)
        return;
    munmap(doorbell->page, sizeof *doorbell->page);
    free(doorbell);
}

static void sleep_on(_Atomic uint32_t *word, uint32_t seen, int64_t deadline_ms)
{
    int64_t slice = clock_deadline(SLEEP_MS);
    struct timespec left = clock_left_timespec(slice < deadline_ms ? slice : deadline_ms);
    if (left.tv_sec > 0 || left.tv_nsec > 0)
        futex_sleep(word, seen, left);
}

uint32_t doorbell_seen(struct doorbell *doorbell)
{
    return doorbell->page->work;
}

void doorbell_wait(struct doorbell *doorbell, uint32_t seen, int64_t deadline_ms)
{
    sleep_on(&doorbell->page->work, seen, deadline_ms);
}

bool doorbell_ring(struct doorbell *doorbell)
{
    atomic_fetch_add(&doorbell->page->work, 1);
    return futex_wake(&doorbell->page->work, 1) > 0;
}

static unsigned word_of(const struct job_id *id)
{
    /* The last bytes of a UUIDv7 are random. */
    return (id->bytes[14] << 8 | id->bytes[15]) % JOB_WORDS;
}

uint32_t doorbell_seen_job(struct doorbell *doorbell, const struct job_id *id)
{
    return doorbell->page->jobs[word_of(id)];
}

void doorbell_wait_job(struct doorbell *doorbell, const struct job_id *id, uint32_t seen, int64_t deadline_ms)
{
    unsigned word = word_of(id);
    atomic_fetch_add(&doorbell->page->sleepers[word], 1);
    sleep_on(&doorbell->page->jobs[word], seen, deadline_ms);
    atomic_fetch_sub(&doorbell->page->sleepers[word], 1);
}

void doorbell_ring_job(struct doorbell *doorbell, const struct job_id *id)
{
    unsigned word = word_of(id);
    atomic_fetch_add(&doorbell->page->jobs[word], 1);
    if (doorbell->page->sleepers[word] > 0) /* who counts himself only now, sees the ring before he sleeps */
        futex_wake(&doorbell->page->jobs[word], FUTEX_EVERYBODY);
}
