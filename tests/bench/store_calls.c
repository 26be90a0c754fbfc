/* store_calls.c - what each call of the store costs, in processor time, with few and with many jobs stored
 *
 *     store_calls CONFIGURATION COUNT
 *
 * Submits COUNT jobs to three functions, a thousand of which are then run to their end, and prints microseconds of this
 * process (user + system, so that neither the disk nor the neighbours count) for each call. Nothing is synced on the way
 * but what reading asks for. */
#include "config.h"

#include "clock.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PATIENCE 60000
#define SAMPLE   1000

struct bench {
    const struct configuration *configuration;
    struct store *store;
    struct error error;
    struct job_id *ids; /* of the COUNT that were submitted */
    struct job running[SAMPLE];
    uint64_t count;
};

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void must(struct bench *bench, enum outcome outcome, const char *what)
{
    if (outcome == OK)
        return;
    fprintf(stderr, "store_calls: %s: %s: %s\n", what, outcome_name(outcome), bench->error.text);
    exit(1);
}

static void submit(struct bench *bench, unsigned i)
{
    static const char event[] =
        "{\"width\":128,\"format\":\"webp\",\"source\":\"https://images.example/0042.jpeg\"}";
    struct store_submission submission = {.event = event, .event_size = sizeof event - 1};
    struct store_ticket ticket;
    struct job job;
    bool replayed;
    bool queue_full;

    must(bench, job_id_make(&submission.job.id, &bench->error), "id");
    snprintf(submission.job.function, sizeof submission.job.function, "function-%u", i % 3);
    submission.job.created_ms = clock_wall_ms();
    must(bench,
         store_submit(bench->store, &submission, clock_deadline(PATIENCE), &job, &replayed, &queue_full,
                      &ticket, &bench->error),
         "submit");
    bench->ids[i] = job.id;
}

/* One of SAMPLE jobs that are spread over all: few enough for the pages that they are on to be in the cache. */
static const struct job_id *one_of_sample(const struct bench *bench, unsigned i)
{
    return &bench->ids[bench->count / SAMPLE * (i * 7919 % SAMPLE)];
}

/* One of all, in no order: its pages may have to be read. */
static const struct job_id *one_of_all(const struct bench *bench, unsigned i)
{
    return &bench->ids[i * UINT64_C(2654435761) % bench->count];
}

static void get(struct bench *bench, unsigned i)
{
    struct job job;

    must(bench,
         store_get(bench->store, one_of_sample(bench, i), clock_deadline(PATIENCE), &job, &bench->error),
         "get");
}

/* As GET /job/{id} does. */
static void view(struct bench *bench, const struct job_id *id)
{
    struct store_view view;

    must(bench,
         store_view(bench->store, id, bench->configuration, 65536, clock_deadline(PATIENCE), &view,
                    &bench->error),
         "view");
    store_view_free(&view);
}

static void view_sample(struct bench *bench, unsigned i)
{
    view(bench, one_of_sample(bench, i));
}

static void view_any(struct bench *bench, unsigned i)
{
    view(bench, one_of_all(bench, i));
}

static void claim(struct bench *bench, unsigned i)
{
    struct slot_identity runner = {.slot = i % 4, .life = 1};
    struct store_ticket ticket;
    struct buffer event = {0};
    int64_t next_ms;
    unsigned aged;

    must(bench,
         store_claim(bench->store, bench->configuration, runner, clock_wall_ms(), clock_deadline(PATIENCE),
                     &bench->running[i], &event, &next_ms, &aged, NULL, &ticket, &bench->error),
         "claim");
    buffer_free(&event);
}

static void finish(struct bench *bench, unsigned i)
{
    const struct job *job = &bench->running[i];
    struct store_attempt attempt = {.id = job->id, .attempt = job->attempts, .runner = job->runner};
    struct store_report report = {
        .event = JOB_SUCCEED, .result = "{}", .result_size = 2, .result_type = "application/json"};
    struct store_ticket ticket;
    struct job ended;

    must(bench,
         store_finish(bench->store, &attempt, &report,
                      &configuration_function(bench->configuration, job->function)->policy,
                      clock_deadline(PATIENCE), &ended, &ticket, &bench->error),
         "finish");
}

static void progress(struct bench *bench, unsigned i)
{
    const struct job *job = &bench->running[i];
    struct store_attempt attempt = {.id = job->id, .attempt = job->attempts, .runner = job->runner};
    bool cancel_requested;

    must(bench,
         store_progress(bench->store, &attempt, 50, "page 3 of 7", clock_deadline(PATIENCE),
                        &cancel_requested, &bench->error),
         "progress");
}

static void list(struct bench *bench, const struct store_filter *filter, unsigned i)
{
    struct job *jobs;
    size_t count;
    bool more;

    must(bench,
         store_list(bench->store, filter, one_of_sample(bench, i), 50, clock_deadline(PATIENCE), &jobs,
                    &count, &more, &bench->error),
         "list");
    free(jobs);
}

static void list_all(struct bench *bench, unsigned i)
{
    list(bench, &(struct store_filter){0}, i);
}

static void list_function(struct bench *bench, unsigned i)
{
    list(bench, &(struct store_filter){.function = "function-1"}, i);
}

static void list_status(struct bench *bench, unsigned i)
{
    list(bench, &(struct store_filter){.status = JOB_QUEUED}, i);
}

static void count(struct bench *bench, unsigned i)
{
    struct store_counts *counts;
    size_t functions;

    must(bench, store_count(bench->store, clock_deadline(PATIENCE), &counts, &functions, &bench->error),
         "count");
    free(counts);
}

static void next_due(struct bench *bench, unsigned i)
{
    int64_t next_ms;

    must(bench,
         store_next_due(bench->store, bench->configuration, clock_wall_ms(), clock_deadline(PATIENCE),
                        &next_ms, &bench->error),
         "next_due");
}

typedef void call(struct bench *bench, unsigned i);

static void measure(struct bench *bench, const char *name, call *what, unsigned times)
{
    double begin = cpu_us();

    for (unsigned i = 0; i < times; i++)
        what(bench, i);
    printf("%-24s %8.1f us\n", name, (cpu_us() - begin) / times);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct configuration *configuration = NULL;

    if (bench == NULL || argc != 3 || (bench->count = strtoull(argv[2], NULL, 10)) < SAMPLE) {
        fprintf(stderr, "usage: store_calls CONFIGURATION COUNT (at least %d)\n", SAMPLE);
        return 2;
    }
    if ((bench->ids = calloc(bench->count, sizeof *bench->ids)) == NULL) {
        fprintf(stderr, "store_calls: no memory for %s ids\n", argv[2]);
        return 1;
    }
    must(bench, configuration_load(argv[1], &configuration, &bench->error), argv[1]);
    bench->configuration = configuration;
    must(bench, store_open(configuration, STORE_WRITE, &bench->store, &bench->error), "open");
    measure(bench, "submit", submit, (unsigned)bench->count);
    measure(bench, "get", get, 100 * SAMPLE);
    measure(bench, "view of a queued job", view_sample, 100 * SAMPLE);
    measure(bench, "view, any of them", view_any, 100 * SAMPLE);
    measure(bench, "claim", claim, SAMPLE);
    measure(bench, "progress", progress, SAMPLE);
    measure(bench, "finish", finish, SAMPLE);
    measure(bench, "page of 50", list_all, SAMPLE);
    measure(bench, "page of 50, function", list_function, SAMPLE);
    measure(bench, "page of 50, status", list_status, SAMPLE);
    measure(bench, "counts", count, SAMPLE);
    measure(bench, "next due", next_due, 10 * SAMPLE);
    store_close(bench->store);
    configuration_release(configuration);
    free(bench->ids);
    free(bench);
    return 0;
}
