/* test_store_claim.c - contract: who gets which job when */
#include "config.h"

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define T0 ((int64_t)1800000000000)

static void a_claim_gives_the_job_to_its_runner_with_its_event(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct slot_identity runner = {.slot = 3, .life = 0xFEDCBA9876543210};
    struct store_ticket ticket = {0};
    struct buffer event = {0};
    int64_t now_ms = clock_wall_ms();
    struct job claimed;
    int64_t next_ms;
    unsigned aged;

    buffer_append_text(&event, "before");
    assert_int_equal(store_claim(fixture->store, fixture->configuration, runner, now_ms, PATIENCE, &claimed,
                                 &event, &next_ms, &aged, NULL, &ticket, &fixture->error),
                     OK);
    assert_int_equal(store_sync(fixture->store, ticket, PATIENCE, &fixture->error), OK);
    assert_true(job_id_equal(&job.id, &claimed.id));
    fixture_assert_text(&event, "before{\"n\":1}");
    claimed = fixture_get(fixture, &job.id);
    assert_int_equal(claimed.status, JOB_RUNNING);
    assert_int_equal(claimed.started_ms, now_ms);
    assert_int_equal(claimed.attempts, 1);
    assert_int_equal(claimed.runner.slot, 3);
    assert_true(claimed.runner.life == runner.life);
    assert_true(claimed.revision > job.revision);
    assert_int_equal(aged, 0);
    fixture_close(fixture);
}

static void each_job_is_claimed_once_and_the_oldest_first(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job jobs[5];
    struct job claimed;

    for (int i = 0; i < 5; i++)
        jobs[i] = fixture_submit_due(fixture, "report", T0 + i);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fixture_try_claim(fixture, 0, T0 + 100, &claimed), OK);
        assert_true(job_id_equal(&claimed.id, &jobs[i].id));
    }
    assert_int_equal(fixture_try_claim(fixture, 0, T0 + 100, &claimed), NOTFOUND);
    fixture_close(fixture);
}

static int64_t next_due(struct fixture *fixture, int64_t now_ms)
{
    int64_t next_ms;

    assert_int_equal(
        store_next_due(fixture->store, fixture->configuration, now_ms, PATIENCE, &next_ms, &fixture->error),
        OK);
    return next_ms;
}

static void nothing_is_claimed_before_it_is_due(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct slot_identity runner = {.slot = 1, .life = 2};
    struct buffer event = {0};
    struct store_ticket ticket;
    struct job claimed;
    int64_t next_ms;
    unsigned aged;
    struct job later;
    struct job late;

    fixture_clock(T0);
    late = fixture_submit_due(fixture, "a", T0 + 9000);
    later = fixture_submit_due(fixture, "b", T0 + 5000);
    assert_int_equal(store_claim(fixture->store, fixture->configuration, runner, T0 + 4999, PATIENCE,
                                 &claimed, &event, &next_ms, &aged, NULL, &ticket, &fixture->error),
                     NOTFOUND);
    assert_int_equal(next_ms, T0 + 5000);
    assert_int_equal(next_due(fixture, T0), T0 + 5000);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 5000, &claimed), OK);
    assert_true(job_id_equal(&claimed.id, &later.id));
    assert_int_equal(next_due(fixture, T0 + 5000), T0 + 9000);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 9000, &claimed), OK);
    assert_true(job_id_equal(&claimed.id, &late.id));
    assert_int_equal(next_due(fixture, T0 + 9000), 0);
    buffer_free(&event);
    fixture_close(fixture);
}

#define HOURS ((int64_t)3600 * 1000)

/* The clock was hours ahead when these came, and is right now. */
static void hazard_25_a_clock_put_back_keeps_no_job_waiting(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job claimed, plain, delayed, usual;

    fixture_clock(T0 + 6 * HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 6 * HOURS, &claimed), NOTFOUND);
    plain = fixture_submit_due(fixture, "a", T0 + 6 * HOURS);
    delayed = fixture_submit_due(fixture, "a", T0 + 7 * HOURS);
    fixture_clock(T0);
    usual = fixture_submit_due(fixture, "a", T0 + 2 * HOURS); /* stands before them in the queue */
    assert_int_equal(next_due(fixture, T0), T0);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &claimed), OK);
    assert_true(job_id_equal(&claimed.id, &plain.id));
    assert_int_equal(next_due(fixture, T0), T0 + HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + HOURS - 1, &claimed), NOTFOUND);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + HOURS, &claimed), OK);
    assert_true(job_id_equal(&claimed.id, &delayed.id));
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 2 * HOURS, &claimed), OK);
    assert_true(job_id_equal(&claimed.id, &usual.id));
    fixture_close(fixture);
}

/* Others, that are due, and some that have a good reason to wait, keep none of those from its turn. */
static void hazard_25_a_clock_put_back_lets_nobody_wait_behind_a_queue_that_never_ends(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job claimed, ahead, after;

    fixture_clock(T0);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &claimed), NOTFOUND);
    for (int i = 0; i < 100; i++)
        fixture_submit_due(fixture, "a", T0 + 3 * HOURS + i);
    fixture_clock(T0 + 6 * HOURS);
    ahead = fixture_submit_due(fixture, "a", T0 + 6 * HOURS + 1000);
    fixture_clock(T0);
    fixture_submit_due(fixture, "a", T0);
    for (int64_t now_ms = T0; now_ms < T0 + 1000; now_ms += 100) {
        fixture_submit_due(fixture, "a", now_ms);
        assert_int_equal(fixture_try_claim(fixture, 1, now_ms, &claimed), OK);
        assert_false(job_id_equal(&claimed.id, &ahead.id));
    }
    after = fixture_get(fixture, &ahead.id);
    assert_in_range(after.due_ms, T0 + 1000, T0 + 2000);
    while (fixture_try_claim(fixture, 1, after.due_ms, &claimed) == OK &&
           !job_id_equal(&claimed.id, &ahead.id))
        fixture_submit_due(fixture, "a", after.due_ms + 1);
    assert_true(job_id_equal(&claimed.id, &ahead.id));
    fixture_close(fixture);
}

/* While those of the first time were still being searched for. */
static void hazard_25_a_clock_put_back_twice_keeps_no_job_waiting(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job claimed;

    fixture_clock(T0 + 6 * HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 6 * HOURS, &claimed), NOTFOUND);
    for (int i = 0; i < 300; i++)
        fixture_submit_due(fixture, "a", T0 + 9 * HOURS);
    fixture_clock(T0 + 3 * HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 3 * HOURS, &claimed), NOTFOUND);
    fixture_clock(T0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fixture_try_claim(fixture, 1, T0, &claimed), NOTFOUND);
    assert_int_equal(next_due(fixture, T0), T0 + 3 * HOURS);
    fixture_clock(T0 + 3 * HOURS);
    for (int i = 0; i < 300; i++)
        assert_int_equal(fixture_try_claim(fixture, 1, T0 + 3 * HOURS, &claimed), OK);
    fixture_close(fixture);
}

/* What it has set right was taken back with the rest of it. */
static void hazard_25_a_claim_that_fails_leaves_the_search_to_the_next(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct slot_identity runner = {.slot = 1, .life = 2};
    struct buffer no_room = {.limit = 1};
    struct store_ticket ticket;
    struct job claimed;
    int64_t next_ms;
    unsigned aged;

    fixture_clock(T0 + 6 * HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 6 * HOURS, &claimed), NOTFOUND);
    fixture_submit_due(fixture, "a", T0 + 6 * HOURS);
    fixture_clock(T0);
    fixture_submit_due(fixture, "b", T0);
    assert_int_equal(store_claim(fixture->store, fixture->configuration, runner, T0, PATIENCE, &claimed,
                                 &no_room, &next_ms, &aged, NULL, &ticket, &fixture->error),
                     NOMEM);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &claimed), OK);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &claimed), OK);
    buffer_free(&no_room);
    fixture_close(fixture);
}

static void hazard_25_a_retry_waits_its_pause_whatever_the_clock_does(void **state)
{
    struct fixture *fixture = fixture_open("retries = 3\nbackoff = 60s\n");
    struct job claimed, failed;

    fixture_policy.retries = 3;
    fixture_policy.backoff_ms = 60000;
    fixture_clock(T0 + 6 * HOURS);
    fixture_submit_due(fixture, "a", T0 + 6 * HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 6 * HOURS, &claimed), OK);
    failed = fixture_finish(fixture, &claimed, JOB_FAIL, NULL);
    assert_int_equal(failed.status, JOB_QUEUED);
    fixture_clock(T0);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &claimed), NOTFOUND);
    assert_in_range(next_due(fixture, T0), T0 + 60000, T0 + 75000);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 75000, &claimed), OK);
    fixture_close(fixture);
}

static void next_due_tells_that_something_is_due_now(void **state)
{
    struct fixture *fixture = fixture_open(NULL);

    fixture_submit_due(fixture, "a", T0 + 10);
    fixture_submit_due(fixture, "b", T0 + 9000);
    assert_true(next_due(fixture, T0 + 10) <= T0 + 10);
    assert_true(next_due(fixture, T0 + 10) > 0);
    fixture_close(fixture);
}

/* ---- fair turns ---- */

static void functions_take_turns(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    unsigned served[3] = {0};

    for (int i = 0; i < 30; i++)
        fixture_submit_due(fixture, "aaa", T0);
    for (int i = 0; i < 3; i++)
        fixture_submit_due(fixture, "bbb", T0 + 1);
    for (int i = 0; i < 3; i++)
        fixture_submit_due(fixture, "ccc", T0 + 2);
    for (int i = 0; i < 9; i++) {
        struct job job;

        assert_int_equal(fixture_try_claim(fixture, 0, T0 + 10, &job), OK);
        served[job.function[0] - 'a']++;
    }
    assert_int_equal(served[0], 3);
    assert_int_equal(served[1], 3);
    assert_int_equal(served[2], 3);
    fixture_close(fixture);
}

static void a_single_job_does_not_wait_behind_another_functions_queue(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    bool served = false;
    struct job job;

    for (int i = 0; i < 200; i++)
        fixture_submit_due(fixture, "many", T0);
    fixture_submit_due(fixture, "one", T0 + 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_try_claim(fixture, 0, T0 + 10, &job), OK);
        served = served || strcmp(job.function, "one") == 0;
    }
    assert_true(served);
    fixture_close(fixture);
}

/* A name that another one starts with, and names that sort around '-' and '_'. */
static void names_that_start_alike_are_different_functions(void **state)
{
    static const char *const names[] = {"a", "a-", "a-b", "aa", "a_", "A", "ab"};
    struct fixture *fixture = fixture_open(NULL);
    unsigned seen = 0;
    struct job job;

    for (unsigned i = 0; i < 7; i++) {
        fixture_submit_due(fixture, names[i], T0);
        fixture_submit_due(fixture, names[i], T0);
    }
    for (unsigned round = 0; round < 2; round++) {
        seen = 0;
        for (unsigned i = 0; i < 7; i++) {
            assert_int_equal(fixture_try_claim(fixture, 0, T0, &job), OK);
            for (unsigned k = 0; k < 7; k++)
                seen |= strcmp(job.function, names[k]) == 0 ? 1U << k : 0U;
        }
        assert_int_equal(seen, 0x7F);
    }
    assert_int_equal(fixture_try_claim(fixture, 0, T0, &job), NOTFOUND);
    fixture_close(fixture);
}

/* ---- limits ---- */

static void a_function_at_its_limit_waits_until_an_attempt_ends(void **state)
{
    struct fixture *fixture = fixture_open("[function few]\nconcurrency = 2");
    struct job first;
    struct job job;

    for (int i = 0; i < 4; i++)
        fixture_submit_due(fixture, "few", T0);
    fixture_submit_due(fixture, "zzz", T0);
    assert_int_equal(fixture_try_claim(fixture, 0, T0, &first), OK);
    assert_string_equal(first.function, "few");
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &job), OK);
    assert_string_equal(job.function, "zzz");
    assert_int_equal(fixture_try_claim(fixture, 2, T0, &job), OK);
    assert_string_equal(job.function, "few");
    assert_int_equal(fixture_try_claim(fixture, 3, T0, &job), NOTFOUND);
    assert_int_equal(next_due(fixture, T0), 0); /* nothing that a worker could do */
    fixture_finish(fixture, &first, JOB_SUCCEED, NULL);
    assert_true(next_due(fixture, T0) > 0);
    assert_int_equal(fixture_try_claim(fixture, 3, T0, &job), OK);
    assert_int_equal(fixture_try_claim(fixture, 4, T0, &job), NOTFOUND);
    fixture_close(fixture);
}

static void a_paused_function_waits_and_runs_when_it_goes_on(void **state)
{
    struct fixture *fixture = fixture_open("[function still]\nconcurrency = 0");
    struct job job;

    fixture_submit_due(fixture, "still", T0);
    fixture_submit_due(fixture, "zzz", T0);
    assert_int_equal(fixture_try_claim(fixture, 0, T0, &job), OK);
    assert_string_equal(job.function, "zzz");
    assert_int_equal(fixture_try_claim(fixture, 0, T0, &job), NOTFOUND);
    assert_int_equal(next_due(fixture, T0), 0);
    fixture_configure(fixture, NULL);
    assert_int_equal(fixture_try_claim(fixture, 0, T0, &job), OK);
    assert_string_equal(job.function, "still");
    fixture_close(fixture);
}

/* ---- age ---- */

static void a_job_past_its_age_is_ended_and_the_next_one_claimed(void **state)
{
    struct fixture *fixture = fixture_open("[function old]\nmax_event_age = 10");
    struct slot_identity runner = {.slot = 1, .life = 2};
    struct buffer event = {0};
    struct store_ticket ticket;
    struct job old[150]; /* more than any batch */
    struct job fresh;
    struct job claimed;
    int64_t next_ms;
    unsigned aged;

    fixture_clock(T0);
    for (int i = 0; i < 150; i++)
        old[i] = fixture_submit_due(fixture, "old", T0 + i % 10);
    fresh = fixture_submit_due(fixture, "old", T0 + 9000);
    fixture_clock(T0 + 10020);
    assert_int_equal(store_claim(fixture->store, fixture->configuration, runner, T0 + 10020, PATIENCE,
                                 &claimed, &event, &next_ms, &aged, NULL, &ticket, &fixture->error),
                     OK);
    assert_true(job_id_equal(&claimed.id, &fresh.id));
    assert_int_equal(aged, 150);
    for (int i = 0; i < 150; i++) {
        struct job job = fixture_get(fixture, &old[i].id);

        assert_int_equal(job.status, JOB_FAILED);
        assert_string_equal(job.error_type, "Event.AgeExceeded");
        assert_int_equal(job.attempts, 0);
    }
    fixture_assert_text(&event, "{\"n\":1}");
    fixture_close(fixture);
}

static void when_all_are_too_old_they_are_ended_and_nothing_is_found(void **state)
{
    struct fixture *fixture = fixture_open("max_event_age = 10");
    struct job old;
    struct job job;

    fixture_clock(T0);
    old = fixture_submit(fixture, "old");
    fixture_clock(T0 + 10001);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 10001, &job), NOTFOUND);
    assert_int_equal(fixture_get(fixture, &old.id).status, JOB_FAILED);
    fixture_close(fixture);
}

/* ---- why it waits ---- */

static struct store_queue_place place_of(struct fixture *fixture, const struct job *job, int64_t now_ms)
{
    struct store_queue_place place;

    assert_int_equal(store_queue_place(fixture->store, job, fixture->configuration, now_ms, PATIENCE, &place,
                                       &fixture->error),
                     OK);
    return place;
}

static void a_queued_job_knows_its_position_among_its_function(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job other = fixture_submit_due(fixture, "aaa", T0);
    struct job third = fixture_submit_due(fixture, "few", T0 + 3);
    struct job first = fixture_submit_due(fixture, "few", T0 + 1);
    struct job second = fixture_submit_due(fixture, "few", T0 + 2);
    struct job later = fixture_submit_due(fixture, "zzz", T0);

    assert_int_equal(place_of(fixture, &first, T0).position, 1);
    assert_int_equal(place_of(fixture, &second, T0).position, 2);
    assert_int_equal(place_of(fixture, &third, T0).position, 3);
    assert_int_equal(place_of(fixture, &other, T0).position, 1);
    assert_int_equal(place_of(fixture, &later, T0).position, 1);
    fixture_close(fixture);
}

static void the_reason_for_waiting_is_told(void **state)
{
    struct fixture *fixture =
        fixture_open("max_workers = 2\n[function still]\nconcurrency = 0\n[function few]\nconcurrency = 1");
    struct job still;
    struct job few;
    struct job few_too;
    struct job delayed;
    struct job plain;
    struct job job;

    fixture_clock(T0);
    still = fixture_submit_due(fixture, "still", T0);
    few = fixture_submit_due(fixture, "few", T0);
    few_too = fixture_submit_due(fixture, "few", T0 + 1);
    delayed = fixture_submit_due(fixture, "plain", T0 + 1000);
    plain = fixture_submit_due(fixture, "plain", T0 + 2);
    assert_int_equal(place_of(fixture, &still, T0 + 2).reason, WAITS_PAUSED);
    assert_int_equal(place_of(fixture, &few_too, T0 + 2).reason, WAITS_NEXT);
    assert_int_equal(place_of(fixture, &delayed, T0 + 2).reason, WAITS_DELAY);
    assert_int_equal(place_of(fixture, &plain, T0 + 2).reason, WAITS_NEXT);
    assert_int_equal(fixture_try_claim(fixture, 0, T0 + 1, &job), OK);
    assert_true(job_id_equal(&job.id, &few.id));
    assert_int_equal(place_of(fixture, &few_too, T0 + 2).reason, WAITS_CONCURRENCY);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 2, &job), OK);
    assert_true(job_id_equal(&job.id, &plain.id));
    plain = fixture_submit_due(fixture, "plain", T0 + 3);
    assert_int_equal(place_of(fixture, &plain, T0 + 3).reason, WAITS_BUSY); /* both workers run something */
    fixture_policy.retries = 1;
    fixture_policy.backoff_ms = 1000000;
    job = fixture_finish(fixture, &job, JOB_FAIL, NULL);
    assert_int_equal(place_of(fixture, &job, T0 + 3).reason, WAITS_RETRY);
    fixture_close(fixture);
}

static void a_job_that_does_not_wait_has_no_place(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct store_queue_place place;

    fixture_claim(fixture, 0);
    assert_int_equal(store_queue_place(fixture->store, &job, fixture->configuration, clock_wall_ms(),
                                       PATIENCE, &place, &fixture->error),
                     NOTFOUND);
    fixture_close(fixture);
}

static void every_reason_has_a_name(void **state)
{
    assert_string_equal(store_wait_reason_name(WAITS_NEXT), "next");
    assert_string_equal(store_wait_reason_name(WAITS_DELAY), "delay");
    assert_string_equal(store_wait_reason_name(WAITS_RETRY), "retry");
    assert_string_equal(store_wait_reason_name(WAITS_CONCURRENCY), "concurrency");
    assert_string_equal(store_wait_reason_name(WAITS_PAUSED), "paused");
    assert_string_equal(store_wait_reason_name(WAITS_BUSY), "busy");
    assert_null(store_wait_reason_name(0));
}

/* ---- at once ---- */

#define CLAIMERS     8
#define CLAIMED_JOBS 400

struct claimer {
    struct fixture *fixture;
    uint32_t slot;
    struct job_id claimed[CLAIMED_JOBS];
    int count;
    bool failed;
};

static void *claim_and_finish(void *context)
{
    struct claimer *claimer = context;
    struct slot_identity runner = {.slot = claimer->slot, .life = claimer->slot + 1};
    struct store_report report = {.event = JOB_SUCCEED};
    struct job_policy policy = {.max_interruptions = 3};
    struct store_ticket ticket;
    struct error error;
    struct job job;
    int64_t next_ms;
    unsigned aged;

    for (;;) {
        struct buffer event = {0};
        enum outcome outcome =
            store_claim(claimer->fixture->store, claimer->fixture->configuration, runner, T0 * 2, PATIENCE,
                        &job, &event, &next_ms, &aged, NULL, &ticket, &error);
        struct store_attempt attempt = {.id = job.id, .attempt = job.attempts, .runner = runner};

        buffer_free(&event);
        if (outcome == NOTFOUND)
            return NULL;
        if (outcome == OK && claimer->count < CLAIMED_JOBS)
            claimer->claimed[claimer->count++] = job.id;
        if (outcome == OK)
            outcome = store_finish(claimer->fixture->store, &attempt, &report, &policy, PATIENCE, &job,
                                   &ticket, &error);
        if (outcome != OK) {
            claimer->failed = true;
            return NULL;
        }
    }
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct job_id));
}

static void many_workers_claim_each_job_once(void **state)
{
    struct fixture *fixture = fixture_open("max_event_age = 0");
    struct claimer *claimers = calloc(CLAIMERS, sizeof *claimers);
    pthread_t threads[CLAIMERS];
    struct job_id all[CLAIMED_JOBS];
    int count = 0;

    for (int i = 0; i < CLAIMED_JOBS; i++) {
        char function[8];

        snprintf(function, sizeof function, "f%d", i % 7);
        fixture_submit_due(fixture, function, T0);
    }
    for (int i = 0; i < CLAIMERS; i++) {
        claimers[i].fixture = fixture;
        claimers[i].slot = (uint32_t)i;
        assert_int_equal(pthread_create(&threads[i], NULL, claim_and_finish, &claimers[i]), 0);
    }
    for (int i = 0; i < CLAIMERS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(claimers[i].failed);
        for (int k = 0; k < claimers[i].count && count < CLAIMED_JOBS; k++)
            all[count++] = claimers[i].claimed[k];
    }
    assert_int_equal(count, CLAIMED_JOBS);
    qsort(all, CLAIMED_JOBS, sizeof all[0], compare_ids);
    for (int i = 1; i < CLAIMED_JOBS; i++)
        assert_false(job_id_equal(&all[i - 1], &all[i]));
    free(claimers);
    fixture_close(fixture);
}

/* Neither is synced, so a power cut may take either back: the function may start after the one only. */
static void a_claim_tells_what_its_run_rests_upon(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct slot_identity runner = {.slot = 1, .life = 7};
    struct store_report report = {.event = JOB_INTERRUPT};
    struct store_ticket earlier = {0}, before = {0}, ticket = {0};
    struct job_policy policy = {.max_interruptions = 3};
    struct buffer event = {0};
    struct job job;
    bool replayed, queue_full;
    int64_t next_ms;
    unsigned aged;

    assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                  &earlier, &fixture->error),
                     OK);
    for (int attempt = 1; attempt <= 2; attempt++) {
        assert_int_equal(store_claim(fixture->store, fixture->configuration, runner, clock_wall_ms() + 1000,
                                     PATIENCE, &job, &event, &next_ms, &aged, &before, &ticket,
                                     &fixture->error),
                         OK);
        assert_true(before.position >= earlier.position);
        assert_true(before.position < ticket.position);
        struct store_attempt fence = fixture_attempt(&job);
        assert_int_equal(
            store_finish(fixture->store, &fence, &report, &policy, PATIENCE, &job, &earlier, &fixture->error),
            OK);
        assert_true(earlier.position > ticket.position);
    }
    buffer_free(&event);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_claim_gives_the_job_to_its_runner_with_its_event),
          cmocka_unit_test(a_claim_tells_what_its_run_rests_upon),
          cmocka_unit_test(each_job_is_claimed_once_and_the_oldest_first),
          cmocka_unit_test(nothing_is_claimed_before_it_is_due),
          cmocka_unit_test(hazard_25_a_clock_put_back_keeps_no_job_waiting),
          cmocka_unit_test(hazard_25_a_clock_put_back_lets_nobody_wait_behind_a_queue_that_never_ends),
          cmocka_unit_test(hazard_25_a_clock_put_back_twice_keeps_no_job_waiting),
          cmocka_unit_test(hazard_25_a_claim_that_fails_leaves_the_search_to_the_next),
          cmocka_unit_test(hazard_25_a_retry_waits_its_pause_whatever_the_clock_does),
          cmocka_unit_test(next_due_tells_that_something_is_due_now), cmocka_unit_test(functions_take_turns),
          cmocka_unit_test(a_single_job_does_not_wait_behind_another_functions_queue),
          cmocka_unit_test(names_that_start_alike_are_different_functions),
          cmocka_unit_test(a_function_at_its_limit_waits_until_an_attempt_ends),
          cmocka_unit_test(a_paused_function_waits_and_runs_when_it_goes_on),
          cmocka_unit_test(a_job_past_its_age_is_ended_and_the_next_one_claimed),
          cmocka_unit_test(when_all_are_too_old_they_are_ended_and_nothing_is_found),
          cmocka_unit_test(a_queued_job_knows_its_position_among_its_function),
          cmocka_unit_test(the_reason_for_waiting_is_told),
          cmocka_unit_test(a_job_that_does_not_wait_has_no_place), cmocka_unit_test(every_reason_has_a_name),
          cmocka_unit_test(many_workers_claim_each_job_once))
