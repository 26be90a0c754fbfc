/* test_store_stamp.c - contract: what was read of a job is true as long as its stamp is the same */
#include "config.h"

#include "fixture.h"

static struct store_stamp last;

static bool has_moved(struct fixture *fixture, const struct job_id *id)
{
    struct store_stamp now = store_stamp(fixture->store, id);
    bool moved = now.generation != last.generation || now.position != last.position;
    assert_true(now.generation > 0);
    last = now;
    return moved;
}

static void a_stamp_moves_with_each_change_of_the_job(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct store_ticket ticket;
    bool cancel_requested;

    last = (struct store_stamp){0};
    has_moved(fixture, &job.id);
    job = fixture_claim(fixture, 0);
    assert_true(has_moved(fixture, &job.id));
    struct store_attempt attempt = fixture_attempt(&job);
    assert_int_equal(
        store_progress(fixture->store, &attempt, 40, "on", PATIENCE, &cancel_requested, &fixture->error), OK);
    assert_true(has_moved(fixture, &job.id));
    assert_int_equal(
        store_log_append(fixture->store, &attempt, 0, "line\n", 5, 100000, PATIENCE, &fixture->error), OK);
    assert_true(has_moved(fixture, &job.id));
    fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    assert_true(has_moved(fixture, &job.id));
    assert_int_equal(store_purge(fixture->store, &job.id, PATIENCE, &job, &ticket, &fixture->error), OK);
    assert_true(has_moved(fixture, &job.id));
    fixture_close(fixture);
}

static void a_stamp_moves_with_the_jobs_callbacks(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct store_ticket ticket;
    struct store_delivery delivery;
    struct job job;
    bool replayed, full;
    int64_t next_ms;

    strcpy(submission.job.callback_url, "https://example.org/");
    assert_int_equal(
        store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &full, &ticket, &fixture->error),
        OK);
    job = fixture_claim(fixture, 0);
    job = fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    has_moved(fixture, &job.id);
    assert_int_equal(store_claim_delivery(fixture->store, job.finished_ms + 1, 1000, PATIENCE, &job,
                                          &delivery, &next_ms, &ticket, &fixture->error),
                     OK);
    assert_true(has_moved(fixture, &job.id)); /* one more try */
    delivery.state = DELIVERY_DONE;
    delivery.ended_ms = job.finished_ms + 2;
    assert_int_equal(store_finish_delivery(fixture->store, &delivery, PATIENCE, &ticket, &fixture->error),
                     OK);
    assert_true(has_moved(fixture, &job.id));
    fixture_close(fixture);
}

static void a_stamp_rests_while_nothing_changes(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_run(fixture, "report", "{}");

    has_moved(fixture, &job.id);
    fixture_get(fixture, &job.id);
    assert_false(has_moved(fixture, &job.id));
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_stamp_moves_with_each_change_of_the_job),
          cmocka_unit_test(a_stamp_moves_with_the_jobs_callbacks),
          cmocka_unit_test(a_stamp_rests_while_nothing_changes))
