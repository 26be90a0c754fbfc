/* test_store_wake.c - contract: sleepers wake when something happens, in other threads and other processes */
#include "config.h"

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WOKEN 4000 /* ms; sleepers look by themselves after five seconds or so */

struct sleeper {
    struct fixture *fixture;
    struct job_id id;
    uint64_t revision;
    int64_t deadline_ms;
    atomic_bool asleep;
    enum outcome outcome;
    struct job job;
};

static void *sleep_on_job(void *context)
{
    struct sleeper *sleeper = context;
    struct error error;

    sleeper->asleep = true;
    sleeper->outcome = store_wait(sleeper->fixture->store, &sleeper->id, sleeper->revision,
                                  sleeper->deadline_ms, &sleeper->job, &error);
    return NULL;
}

static void a_wait_ends_at_once_when_the_revision_differs(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct job seen;

    assert_int_equal(store_wait(fixture->store, &job.id, job.revision - 1, PATIENCE, &seen, &fixture->error),
                     OK);
    assert_int_equal(seen.revision, job.revision);
    fixture_close(fixture);
}

static void a_wait_ends_unchanged_at_its_deadline(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct job seen;

    assert_int_equal(
        store_wait(fixture->store, &job.id, job.revision, clock_deadline(30), &seen, &fixture->error),
        UNAVAILABLE);
    assert_int_equal(seen.status, JOB_QUEUED);
    assert_int_equal(seen.revision, job.revision);
    memset(job.id.bytes, 3, JOB_ID_BYTES);
    assert_int_equal(store_wait(fixture->store, &job.id, 0, PATIENCE, &seen, &fixture->error), NOTFOUND);
    fixture_close(fixture);
}

/* A sleeper that nobody wakes looks by itself, but only after WOKEN. */
static void every_change_of_a_job_wakes_its_sleepers(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_ticket ticket;
    struct job job = fixture_submit(fixture, "report");

    fixture_policy.retries = 1;
    for (int change = 0; change < 6; change++) {
        struct sleeper sleeper = {
            .fixture = fixture, .id = job.id, .revision = job.revision, .deadline_ms = PATIENCE};
        struct store_attempt attempt = fixture_attempt(&job);
        bool cancel_requested;
        pthread_t thread;
        int64_t begin;

        assert_int_equal(pthread_create(&thread, NULL, sleep_on_job, &sleeper), 0);
        while (!sleeper.asleep)
            clock_sleep_us(100);
        clock_sleep_us(20000); /* most likely asleep; the outcome does not depend on it */
        begin = clock_monotonic_ms();
        switch (change) {
        case 0:
        case 3:
            fixture_claim(fixture, 0);
            break;
        case 1:
            assert_int_equal(
                store_progress(fixture->store, &attempt, 5, "", PATIENCE, &cancel_requested, &fixture->error),
                OK);
            break;
        case 2:
            fixture_finish(fixture, &job, JOB_FAIL, NULL);
            break;
        case 4:
            assert_int_equal(store_cancel(fixture->store, fixture->configuration, &job.id, NULL, NULL,
                                          PATIENCE, &job, &ticket, &fixture->error),
                             OK);
            break;
        default:
            fixture_finish(fixture, &job, JOB_INTERRUPT, NULL);
            break;
        }
        pthread_join(thread, NULL);
        assert_true(clock_monotonic_ms() - begin < WOKEN);
        assert_int_equal(sleeper.outcome, OK);
        assert_true(sleeper.job.revision > sleeper.revision);
        job = sleeper.job;
    }
    assert_int_equal(job.status, JOB_CANCELLED);
    fixture_close(fixture);
}

/* ---- work ---- */

static void work_rung_for_before_the_sleep_is_not_missed(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    uint32_t seen = store_work_seen(fixture->store);
    int64_t begin = clock_monotonic_ms();

    store_ring_work(fixture->store);
    store_wait_work(fixture->store, seen, PATIENCE);
    assert_true(clock_monotonic_ms() - begin < WOKEN);
    fixture_close(fixture);
}

static void nobody_asleep_is_told(void **state)
{
    struct fixture *fixture = fixture_open(NULL);

    assert_false(store_ring_work(fixture->store));
    fixture_close(fixture);
}

static void a_sleep_for_work_ends_at_its_deadline(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    int64_t deadline_ms = clock_deadline(40);

    while (clock_left(deadline_ms) > 0)
        store_wait_work(fixture->store, store_work_seen(fixture->store), deadline_ms);
    fixture_close(fixture);
}

struct worker {
    struct fixture *fixture;
    atomic_int claimed;
    atomic_bool stop;
    bool failed;
};

/* The worker's loop as it is meant: seen, look, sleep. */
static void *work(void *context)
{
    struct worker *worker = context;
    struct slot_identity runner = {.slot = 1, .life = 1};

    while (!worker->stop) {
        uint32_t seen = store_work_seen(worker->fixture->store);
        struct store_ticket ticket;
        struct buffer event = {0};
        struct error error;
        struct job job;
        int64_t next_ms;
        unsigned aged;
        enum outcome outcome = store_claim(worker->fixture->store, worker->fixture->configuration, runner,
                                           clock_wall_ms() + 1000, PATIENCE, &job, &event, &next_ms, &aged,
                                           NULL, &ticket, &error);

        buffer_free(&event);
        if (outcome == OK)
            worker->claimed++;
        else if (outcome == NOTFOUND)
            store_wait_work(worker->fixture->store, seen, PATIENCE);
        else
            worker->failed = true;
    }
    return NULL;
}

static void no_ring_is_lost_between_look_and_sleep(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct worker worker = {.fixture = fixture};
    int64_t deadline_ms;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, work, &worker), 0);
    for (int i = 1; i <= 300; i++) {
        fixture_submit(fixture, "report");
        store_ring_work(fixture->store);
        deadline_ms = clock_deadline(WOKEN);
        while (worker.claimed < i && clock_left(deadline_ms) > 0)
            clock_sleep_us(50);
        assert_int_equal(worker.claimed, i);
    }
    worker.stop = true;
    store_ring_work(fixture->store);
    pthread_join(thread, NULL);
    assert_false(worker.failed);
    fixture_close(fixture);
}

/* ---- other processes ---- */

/* Runs in a process of its own, with a store of its own: claims and finishes until `count` jobs are done. */
static int be_worker(const struct fixture *parent, uint32_t slot, int count)
{
    struct fixture fixture = {.configuration = parent->configuration};
    int done = 0;

    if (store_open(parent->configuration, STORE_WRITE, &fixture.store, &fixture.error) != OK)
        return 2;
    while (done < count) {
        struct slot_identity runner = {.slot = slot, .life = slot + 7};
        uint32_t seen = store_work_seen(fixture.store);
        struct store_report report = {
            .event = JOB_SUCCEED, .result = "1", .result_size = 1, .result_type = "a/b"};
        struct job_policy policy = {.max_interruptions = 3};
        struct store_ticket ticket;
        struct store_attempt attempt;
        struct buffer event = {0};
        struct job job;
        int64_t next_ms;
        unsigned aged;
        enum outcome outcome =
            store_claim(fixture.store, fixture.configuration, runner, clock_wall_ms() + 1000, PATIENCE, &job,
                        &event, &next_ms, &aged, NULL, &ticket, &fixture.error);

        buffer_free(&event);
        if (outcome == NOTFOUND) {
            store_wait_work(fixture.store, seen, PATIENCE);
            continue;
        }
        attempt = fixture_attempt(&job);
        if (outcome == OK)
            outcome = store_finish(fixture.store, &attempt, &report, &policy, PATIENCE, &job, &ticket,
                                   &fixture.error);
        if (outcome == OK)
            outcome = store_sync(fixture.store, ticket, PATIENCE, &fixture.error);
        if (outcome != OK)
            return 3;
        done++;
    }
    store_close(fixture.store);
    return 0;
}

static void processes_share_the_queue_and_wake_each_other(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job jobs[120];
    pid_t children[3];

    /* The children must not inherit an open store: theirs is opened after the fork. */
    store_close(fixture->store);
    fixture->store = NULL;
    for (uint32_t i = 0; i < 3; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(be_worker(fixture, i, 40));
    }
    assert_int_equal(store_open(fixture->configuration, STORE_WRITE, &fixture->store, &fixture->error), OK);
    for (int i = 0; i < 120; i++) {
        jobs[i] = fixture_submit(fixture, i % 2 ? "a" : "b");
        store_ring_work(fixture->store);
    }
    for (int i = 0; i < 120; i++) {
        struct job job = jobs[i];
        enum outcome outcome = OK;

        while (outcome == OK && !job_status_is_terminal(job.status))
            outcome = store_wait(fixture->store, &jobs[i].id, job.revision, PATIENCE, &job, &fixture->error);
        assert_int_equal(outcome, OK);
        assert_int_equal(job.status, JOB_SUCCEEDED);
        assert_int_equal(job.attempts, 1);
    }
    for (int i = 0; i < 3; i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    fixture_close(fixture);
}

static void a_reader_in_another_process_sees_what_was_submitted(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct job_id id = submission.job.id;
    struct store_ticket ticket;
    bool replayed;
    bool queue_full;
    struct job job;
    int status;
    pid_t child;

    store_close(fixture->store);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* sleeps on a job that is not there yet, then sees it run */
        struct store *store;
        struct error error;
        int64_t deadline_ms = PATIENCE;
        enum outcome outcome;

        if (store_open(fixture->configuration, STORE_READ, &store, &error) != OK)
            _exit(2);
        do
            outcome = store_get(store, &id, deadline_ms, &job, &error);
        while (outcome == NOTFOUND && clock_left(deadline_ms) > 0);
        while (outcome == OK && job.status != JOB_RUNNING)
            outcome = store_wait(store, &id, job.revision, deadline_ms, &job, &error);
        store_close(store);
        _exit(outcome == OK ? 0 : 3);
    }
    assert_int_equal(store_open(fixture->configuration, STORE_WRITE, &fixture->store, &fixture->error), OK);
    assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                  &ticket, &fixture->error),
                     OK);
    fixture_claim(fixture, 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    fixture_close(fixture);
}

static void health_says_that_jobs_are_accepted(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_health health;

    fixture_submit(fixture, "report");
    assert_int_equal(store_health(fixture->store, PATIENCE, &health, &fixture->error), OK);
    assert_int_equal(health.accepts, OK);
    assert_true(health.free_bytes > 0);
    assert_string_equal(health.trouble, "");
    fixture_close(fixture);
}

static void health_counts_syncs_and_their_time(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct store_health before, after;
    struct store_ticket ticket;
    struct job job;
    bool replayed, queue_full;

    assert_int_equal(store_health(fixture->store, PATIENCE, &before, &fixture->error), OK);
    assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                  &ticket, &fixture->error),
                     OK);
    assert_int_equal(store_sync(fixture->store, ticket, PATIENCE, &fixture->error), OK);
    assert_int_equal(store_health(fixture->store, PATIENCE, &after, &fixture->error), OK);
    assert_true(after.syncs > before.syncs);
    assert_true(after.sync_us > before.sync_us);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_wait_ends_at_once_when_the_revision_differs),
          cmocka_unit_test(a_wait_ends_unchanged_at_its_deadline),
          cmocka_unit_test(every_change_of_a_job_wakes_its_sleepers),
          cmocka_unit_test(work_rung_for_before_the_sleep_is_not_missed),
          cmocka_unit_test(nobody_asleep_is_told), cmocka_unit_test(a_sleep_for_work_ends_at_its_deadline),
          cmocka_unit_test(no_ring_is_lost_between_look_and_sleep),
          cmocka_unit_test(processes_share_the_queue_and_wake_each_other),
          cmocka_unit_test(a_reader_in_another_process_sees_what_was_submitted),
          cmocka_unit_test(health_says_that_jobs_are_accepted),
          cmocka_unit_test(health_counts_syncs_and_their_time))
