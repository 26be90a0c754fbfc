/* test_store_delivery.c - contract: who is told that a job has ended */
#include "config.h"

#include "fixture.h"

#define LEASE 30000

static struct job submit_with_callback(struct fixture *fixture, const char *function)
{
    struct store_submission submission = fixture_submission(function);
    struct store_ticket ticket;
    struct job job;
    bool replayed, queue_full;

    job_text_copy(submission.job.callback_url, sizeof submission.job.callback_url,
                  "https://example.org/hook");
    assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                  &ticket, &fixture->error),
                     OK);
    return job;
}

static enum outcome claim(struct fixture *fixture, int64_t now_ms, struct job *job,
                          struct store_delivery *delivery, int64_t *next_ms)
{
    struct store_ticket ticket;

    return store_claim_delivery(fixture->store, now_ms, LEASE, PATIENCE, job, delivery, next_ms, &ticket,
                                &fixture->error);
}

static enum outcome finish(struct fixture *fixture, const struct store_delivery *delivery)
{
    struct store_ticket ticket;

    return store_finish_delivery(fixture->store, delivery, PATIENCE, &ticket, &fixture->error);
}

static size_t deliveries_of(struct fixture *fixture, const struct job_id *id, struct store_delivery *list)
{
    size_t count;

    assert_int_equal(store_deliveries(fixture->store, id, PATIENCE, list, &count, &fixture->error), OK);
    return count;
}

static void a_job_without_targets_tells_nobody(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_delivery delivery;
    struct job job;
    int64_t next_ms;

    fixture_run(fixture, "report", "1");
    assert_int_equal(claim(fixture, clock_wall_ms() + 1000, &job, &delivery, &next_ms), NOTFOUND);
    assert_int_equal(next_ms, 0);
    fixture_close(fixture);
}

static void the_end_of_a_job_is_told_once_it_has_come(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_delivery delivery, list[STORE_TARGETS];
    char name[STORE_DELIVERY_NAME_SIZE];
    struct job job, told;
    int64_t next_ms;
    uint64_t revision;

    submit_with_callback(fixture, "report");
    assert_int_equal(claim(fixture, clock_wall_ms() + 1000, &told, &delivery, &next_ms), NOTFOUND);
    job = fixture_claim(fixture, 0);
    job = fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    revision = job.revision;
    assert_int_equal(claim(fixture, clock_wall_ms() + 1000, &told, &delivery, &next_ms), OK);
    assert_true(job_id_equal(&told.id, &job.id));
    assert_int_equal(delivery.target, TARGET_CALLBACK);
    assert_int_equal(delivery.tries, 1);
    assert_string_equal(store_delivery_name(&delivery, name) + JOB_ID_TEXT_SIZE - 1, "-callback");
    delivery.state = DELIVERY_DONE;
    delivery.http_status = 204;
    delivery.ended_ms = clock_wall_ms();
    assert_int_equal(finish(fixture, &delivery), OK);
    assert_int_equal(claim(fixture, clock_wall_ms() + 2 * LEASE, &told, &delivery, &next_ms), NOTFOUND);
    assert_int_equal(next_ms, 0);
    assert_int_equal(deliveries_of(fixture, &job.id, list), 1);
    assert_int_equal(list[0].state, DELIVERY_DONE);
    assert_int_equal(list[0].http_status, 204);
    assert_true(fixture_get(fixture, &job.id).revision > revision); /* the ETag moves */
    fixture_close(fixture);
}

static void a_cancelled_job_tells_its_callback(void **state)
{
    struct fixture *fixture = fixture_open("on_failure = https://example.org/failed\n");
    struct job job = submit_with_callback(fixture, "report");
    struct store_delivery list[STORE_TARGETS];
    struct store_ticket ticket;

    assert_int_equal(store_cancel(fixture->store, fixture->configuration, &job.id, NULL, NULL, PATIENCE, &job,
                                  &ticket, &fixture->error),
                     OK);
    assert_int_equal(deliveries_of(fixture, &job.id, list), 1);
    assert_int_equal(list[0].target, TARGET_CALLBACK);
    fixture_close(fixture);
}

static void destinations_go_by_how_the_job_ended(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_delivery list[STORE_TARGETS];
    struct job job;

    fixture_policy.on_success = "https://example.org/ok";
    fixture_policy.on_failure = "mourner";
    fixture_submit(fixture, "report");
    job = fixture_claim(fixture, 0);
    job = fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    assert_string_equal(fixture_get(fixture, &job.id).destination, "https://example.org/ok");
    assert_int_equal(deliveries_of(fixture, &job.id, list), 1);
    assert_int_equal(list[0].target, TARGET_DESTINATION);
    fixture_submit(fixture, "report");
    job = fixture_claim(fixture, 0);
    job = fixture_finish(fixture, &job, JOB_FAIL_FOR_GOOD, NULL);
    assert_string_equal(fixture_get(fixture, &job.id).destination, "mourner");
    fixture_policy.on_success = fixture_policy.on_failure = NULL;
    fixture_close(fixture);
}

static void a_lease_keeps_others_away_until_it_has_run_out(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_delivery first, second;
    struct job job, told;
    int64_t next_ms;
    int64_t now;

    submit_with_callback(fixture, "report");
    job = fixture_claim(fixture, 0);
    fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    now = clock_wall_ms() + 1000;
    assert_int_equal(claim(fixture, now, &told, &first, &next_ms), OK);
    assert_int_equal(claim(fixture, now + LEASE - 1, &told, &second, &next_ms), NOTFOUND);
    assert_int_equal(next_ms, now + LEASE);
    assert_int_equal(claim(fixture, now + LEASE, &told, &second, &next_ms), OK);
    assert_int_equal(second.tries, 2);
    first.state = DELIVERY_DONE;
    assert_int_equal(finish(fixture, &first), CONFLICT); /* it is the other one's now */
    second.state = DELIVERY_GIVEN_UP;
    assert_int_equal(finish(fixture, &second), OK);
    fixture_close(fixture);
}

static void a_failed_try_is_due_again_when_it_says(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_delivery delivery;
    struct job job, told;
    int64_t next_ms;
    int64_t now;

    submit_with_callback(fixture, "report");
    job = fixture_claim(fixture, 0);
    fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    now = clock_wall_ms() + 1000;
    assert_int_equal(claim(fixture, now, &told, &delivery, &next_ms), OK);
    delivery.due_ms = now + 5000;
    job_text_copy(delivery.words, sizeof delivery.words, "HTTP 500");
    assert_int_equal(finish(fixture, &delivery), OK);
    assert_int_equal(store_next_delivery(fixture->store, PATIENCE, &next_ms, &fixture->error), OK);
    assert_int_equal(next_ms, now + 5000);
    assert_int_equal(claim(fixture, now + 4999, &told, &delivery, &next_ms), NOTFOUND);
    assert_int_equal(claim(fixture, now + 5000, &told, &delivery, &next_ms), OK);
    assert_string_equal(delivery.words, "HTTP 500");
    assert_int_equal(delivery.tries, 2);
    fixture_close(fixture);
}

static void an_expired_job_takes_its_deliveries_along(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_delivery delivery;
    struct job job, told;
    int64_t next_ms;
    unsigned removed;

    submit_with_callback(fixture, "report");
    job = fixture_claim(fixture, 0);
    job = fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    assert_int_equal(
        store_expire(fixture->store, job.expires_ms + 1, 100, PATIENCE, &removed, &fixture->error), OK);
    assert_int_equal(removed, 1);
    assert_int_equal(claim(fixture, job.expires_ms + 2, &told, &delivery, &next_ms), NOTFOUND);
    assert_int_equal(next_ms, 0);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_job_without_targets_tells_nobody),
          cmocka_unit_test(the_end_of_a_job_is_told_once_it_has_come),
          cmocka_unit_test(a_cancelled_job_tells_its_callback),
          cmocka_unit_test(destinations_go_by_how_the_job_ended),
          cmocka_unit_test(a_lease_keeps_others_away_until_it_has_run_out),
          cmocka_unit_test(a_failed_try_is_due_again_when_it_says),
          cmocka_unit_test(an_expired_job_takes_its_deliveries_along))
