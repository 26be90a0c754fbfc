/* jobgate-put.c - the store from the command line, for the tests of the worker
 *
 *     jobgate-put CONFIG put FUNCTION EVENT [COUNT [DELAY_MS]]   submits, wakes or starts a worker; prints the ids
 *     jobgate-put CONFIG queue FUNCTION EVENT [COUNT]            submits and starts nothing
 *     jobgate-put CONFIG get ID                                  the record as "key value" lines, then its attempts
 *     jobgate-put CONFIG result|log ID                           the bytes
 *     jobgate-put CONFIG cancel ID                               the status afterwards
 *     jobgate-put CONFIG counts                                  "status count" lines, of all functions
 *     jobgate-put CONFIG slots                                   how many are taken
 *
 * Exit status 0, or 1 with words on standard error. */
#include "config.h"

#include "clock.h"
#include "launch.h"
#include "slots.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_MS 20000

static struct configuration *configuration;
static struct store *store;

static int fail(const char *what, enum outcome outcome, const struct error *error)
{
    fprintf(stderr, "jobgate-put: %s: %s %s\n", what, outcome_name(outcome), error->text);
    return 1;
}

static int wake(void)
{
    struct slots *slots;
    struct error error;
    if (store_ring_work(store))
        return 0;
    enum outcome outcome =
        slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, &error);
    if (outcome != OK)
        return fail("slots", outcome, &error);
    outcome = launch_worker(configuration, slots, &error);
    slots_close(slots);
    return outcome == OK || outcome == NOTFOUND ? 0 : fail("launch", outcome, &error);
}

static int submit(const char *function, const char *event, int64_t delay_ms, struct store_ticket *ticket)
{
    struct store_submission submission = {
        .event = event, .event_size = strlen(event), .idempotency_ttl_ms = 1000};
    struct job job;
    struct error error;
    bool replayed, queue_full;
    char id[JOB_ID_TEXT_SIZE];
    enum outcome outcome = job_id_make(&submission.job.id, &error);
    if (outcome != OK)
        return fail("id", outcome, &error);
    snprintf(submission.job.function, sizeof submission.job.function, "%s", function);
    submission.job.created_ms = clock_wall_ms();
    submission.job.first_due_ms = submission.job.due_ms = submission.job.created_ms + delay_ms;
    outcome = store_submit(store, &submission, clock_deadline(STORE_MS), &job, &replayed, &queue_full, ticket,
                           &error);
    if (outcome != OK)
        return fail("submit", outcome, &error);
    puts(job_id_format(&job.id, id));
    return 0;
}

static int put(const char *function, const char *event, int count, int64_t delay_ms, bool start)
{
    struct store_ticket ticket = {0};
    struct error error;
    for (int i = 0; i < count; i++) {
        if (submit(function, event, delay_ms, &ticket) != 0)
            return 1;
    }
    enum outcome outcome = store_sync(store, ticket, clock_deadline(STORE_MS), &error);
    if (outcome != OK)
        return fail("sync", outcome, &error);
    return start ? wake() : 0;
}

static void print_job(const struct job *job)
{
    printf("status %s\nfunction %s\nattempts %" PRIu32 "\nfailures %" PRIu32 "\ninterruptions %" PRIu32 "\n",
           job_status_name(job->status), job->function, job->attempts, job->failures, job->interruptions);
    printf("created_ms %" PRId64 "\ndue_ms %" PRId64 "\nstarted_ms %" PRId64 "\nfinished_ms %" PRId64 "\n",
           job->created_ms, job->due_ms, job->started_ms, job->finished_ms);
    printf("slot %" PRIu32 "\npercent %" PRId32 "\nmessage %s\nerror_type %s\nerror_message %s\n",
           job->runner.slot, job->progress_percent, job->progress_message, job->error_type,
           job->error_message);
    printf("result_type %s\nresult_size %" PRIu64 "\nlog_size %" PRIu64 "\n", job->result_type,
           job->result_size, job->log_size);
}

static int get(const struct job_id *id)
{
    struct job job;
    struct job_attempt *attempts;
    struct error error;
    size_t count;
    enum outcome outcome = store_get(store, id, clock_deadline(STORE_MS), &job, &error);
    if (outcome == OK)
        outcome = store_attempts(store, id, clock_deadline(STORE_MS), &attempts, &count, &error);
    if (outcome != OK)
        return fail("get", outcome, &error);
    print_job(&job);
    for (size_t i = 0; i < count; i++)
        printf("attempt %" PRIu32 " %" PRId64 " %" PRId64 " %" PRId32 " %" PRId32 " %s %" PRIu64 " %" PRIu64
               "\n",
               attempts[i].number, attempts[i].started_ms, attempts[i].finished_ms, attempts[i].exit_status,
               attempts[i].signal, attempts[i].error_type[0] == '\0' ? "-" : attempts[i].error_type,
               attempts[i].cpu_us, attempts[i].peak_memory_kib);
    free(attempts);
    return 0;
}

static int print_bytes(const struct job_id *id, bool log)
{
    struct buffer bytes = {0};
    struct error error;
    uint64_t start, size;
    enum outcome outcome =
        log ? store_log(store, id, 0, 64 << 20, clock_deadline(STORE_MS), &bytes, &start, &size, &error)
            : store_result(store, id, clock_deadline(STORE_MS), &bytes, &error);
    if (outcome != OK)
        return fail("read", outcome, &error);
    fwrite(bytes.data, 1, bytes.length, stdout);
    buffer_free(&bytes);
    return 0;
}

static int cancel(const struct job_id *id)
{
    struct job job;
    struct store_ticket ticket = {0};
    struct error error;
    enum outcome outcome = store_cancel(store, configuration, id, "test", "jobgate-put",
                                        clock_deadline(STORE_MS), &job, &ticket, &error);
    if (outcome == OK)
        outcome = store_sync(store, ticket, clock_deadline(STORE_MS), &error);
    if (outcome != OK)
        return fail("cancel", outcome, &error);
    puts(job_status_name(job.status));
    return 0;
}

static int print_counts(void)
{
    struct store_counts *counts;
    struct error error;
    size_t count;
    uint64_t sums[JOB_STATUS_COUNT] = {0};
    enum outcome outcome = store_count(store, clock_deadline(STORE_MS), &counts, &count, &error);
    if (outcome != OK)
        return fail("count", outcome, &error);
    for (size_t i = 0; i < count; i++) {
        for (int status = 1; status < JOB_STATUS_COUNT; status++)
            sums[status] += counts[i].jobs[status];
    }
    free(counts);
    for (int status = 1; status < JOB_STATUS_COUNT; status++)
        printf("%s %" PRIu64 "\n", job_status_name((enum job_status)status), sums[status]);
    return 0;
}

static int print_slots(void)
{
    struct slots *slots;
    struct error error;
    enum outcome outcome =
        slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, &error);
    if (outcome != OK)
        return fail("slots", outcome, &error);
    printf("%u\n", slots_taken(slots));
    slots_close(slots);
    return 0;
}

static int with_id(const char *verb, const char *text)
{
    struct job_id id;
    if (job_id_parse(text, strlen(text), &id) != OK)
        return fprintf(stderr, "jobgate-put: %s is no id\n", text), 1;
    if (strcmp(verb, "get") == 0)
        return get(&id);
    if (strcmp(verb, "cancel") == 0)
        return cancel(&id);
    return print_bytes(&id, strcmp(verb, "log") == 0);
}

static int run(int count, char **arguments)
{
    const char *verb = arguments[2];
    if (strcmp(verb, "counts") == 0)
        return print_counts();
    if (strcmp(verb, "slots") == 0)
        return print_slots();
    if (count == 4)
        return with_id(verb, arguments[3]);
    if (count < 5)
        return fputs("jobgate-put: see the head of its source\n", stderr), 1;
    return put(arguments[3], arguments[4], count > 5 ? atoi(arguments[5]) : 1,
               count > 6 ? atoll(arguments[6]) : 0, strcmp(verb, "put") == 0);
}

int main(int count, char **arguments)
{
    struct error error;
    if (count < 3)
        return fputs("jobgate-put: see the head of its source\n", stderr), 1;
    enum outcome outcome = configuration_load(arguments[1], &configuration, &error);
    if (outcome == OK)
        outcome = store_open(configuration, STORE_WRITE, &store, &error);
    if (outcome != OK)
        return fail("open", outcome, &error);
    int status = run(count, arguments);
    store_close(store);
    configuration_release(configuration);
    return status;
}
