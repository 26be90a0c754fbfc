/* store_submit.c - row 10: durable submits per second of the store alone
 *
 *     store_submit CONFIGURATION FUNCTION THREADS SECONDS        runs that long, prints submits per second
 *     store_submit CONFIGURATION FUNCTION THREADS =COUNT [EVERY] submits COUNT jobs, prints each EVERYth id
 *
 * Each thread submits a job with an event of a hundred bytes and waits until it is on disk, as jobgate-submit
 * does before it answers 202. The second form fills a store for the large rows. */
#include "config.h"

#include "clock.h"
#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 256
#define PATIENCE_MS 30000

struct bench {
    struct store *store;
    const char *function;
    int64_t until_ms;     /* 0: by count */
    uint64_t count;       /* 0: by time */
    uint64_t print_every; /* 0: none */
    atomic_ullong begun;
    atomic_ullong done;
    atomic_bool failed;
};

static void complain(const char *what, const struct error *error)
{
    fprintf(stderr, "store_submit: %s: %s\n", what, error->text);
}

static bool wants_more(struct bench *bench)
{
    uint64_t number = atomic_fetch_add(&bench->begun, 1);
    return !atomic_load(&bench->failed) &&
           (bench->until_ms != 0 ? clock_monotonic_ms() < bench->until_ms : number < bench->count);
}

static enum outcome submit_one(struct bench *bench, struct job *job, struct error *error)
{
    static const char event[] =
        "{\"width\":128,\"format\":\"webp\",\"source\":\"https://images.example/2026/11/"
        "23/picture-0042.jpeg\"}";
    struct store_submission submission = {.event = event, .event_size = sizeof event - 1};
    struct store_ticket ticket = {0};
    bool replayed;
    bool queue_full;
    enum outcome outcome = job_id_make(&submission.job.id, error);
    if (outcome != OK) {
        return outcome;
    }
    submission.job.status = JOB_QUEUED;
    snprintf(submission.job.function, sizeof submission.job.function, "%s", bench->function);
    int64_t now_ms = clock_wall_ms();
    submission.job.created_ms = submission.job.first_due_ms = submission.job.due_ms = now_ms;
    submission.job.progress_percent = -1;
    submission.job.event_size = submission.event_size;
    int64_t deadline_ms = clock_deadline(PATIENCE_MS);
    outcome =
        store_submit(bench->store, &submission, deadline_ms, job, &replayed, &queue_full, &ticket, error);
    return outcome == OK ? store_sync(bench->store, ticket, deadline_ms, error) : outcome;
}

static void *run(void *context)
{
    struct bench *bench = context;
    struct error error = {0};
    struct job job;
    while (wants_more(bench)) {
        if (submit_one(bench, &job, &error) != OK) {
            complain("submit", &error);
            atomic_store(&bench->failed, true);
            break;
        }
        uint64_t number = atomic_fetch_add(&bench->done, 1);
        if (bench->print_every != 0 && number % bench->print_every == 0) {
            char text[JOB_ID_TEXT_SIZE];
            puts(job_id_format(&job.id, text));
        }
    }
    return NULL;
}

static bool run_threads(struct bench *bench, int threads)
{
    pthread_t thread[THREADS_MAX];
    int started = 0;
    while (started < threads && pthread_create(&thread[started], NULL, run, bench) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(thread[i], NULL);
    }
    return started == threads && !atomic_load(&bench->failed);
}

int main(int argc, char **argv)
{
    struct configuration *configuration = NULL;
    struct error error = {0};
    struct bench bench = {0};
    int threads = argc >= 5 ? atoi(argv[3]) : 0;
    if (threads < 1 || threads > THREADS_MAX || argc > 6) {
        fprintf(stderr, "usage: store_submit CONFIGURATION FUNCTION THREADS SECONDS|=COUNT [EVERY]\n");
        return 2;
    }
    if (configuration_load(argv[1], &configuration, &error) != OK ||
        store_open(configuration, STORE_WRITE, &bench.store, &error) != OK) {
        complain(argv[1], &error);
        return 1;
    }
    bench.function = argv[2];
    int64_t start_us = clock_monotonic_us();
    if (argv[4][0] == '=') {
        bench.count = strtoull(argv[4] + 1, NULL, 10);
        bench.print_every = argc == 6 ? strtoull(argv[5], NULL, 10) : 0;
    } else {
        bench.until_ms = clock_deadline((int64_t)(atof(argv[4]) * 1000));
    }
    bool ok = run_threads(&bench, threads);
    if (bench.until_ms != 0) {
        printf("%.1f\n", (double)atomic_load(&bench.done) * 1e6 / (double)(clock_monotonic_us() - start_us));
    }
    store_close(bench.store);
    configuration_release(configuration);
    return ok ? 0 : 1;
}
