/* test_store_end.c - contract: cancelling, purging and expiry */
#include "config.h"

#include "fixture.h"

#include <stdio.h>

#define T0 ((int64_t)1800000000000)

/* ---- cancel ---- */

static enum outcome cancel(struct fixture *fixture, const struct job_id *id, const char *reason,
                           struct job *job)
{
    struct store_ticket ticket = {0};
    enum outcome outcome = store_cancel(fixture->store, fixture->configuration, id, reason, "alice", PATIENCE,
                                        job, &ticket, &fixture->error);

    if (outcome == OK)
        assert_int_equal(store_sync(fixture->store, ticket, PATIENCE, &fixture->error), OK);
    return outcome;
}

static void a_queued_job_is_cancelled_at_once(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct job ended;

    assert_int_equal(cancel(fixture, &job.id, "not needed", &ended), OK);
    assert_int_equal(ended.status, JOB_CANCELLED);
    ended = fixture_get(fixture, &job.id);
    assert_int_equal(ended.status, JOB_CANCELLED);
    assert_string_equal(ended.cancel_reason, "not needed");
    assert_string_equal(ended.cancelled_by, "alice");
    assert_true(ended.finished_ms > 0 && ended.expires_ms > ended.finished_ms);
    assert_int_equal(fixture_try_claim(fixture, 0, clock_wall_ms() + 1000, &job), NOTFOUND);
    fixture_close(fixture);
}

static void a_running_job_is_told_and_ends_cancelled(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_attempt attempt;
    bool cancel_requested = false;
    struct job claimed;
    struct job job;
    uint64_t revision;

    fixture_submit(fixture, "report");
    claimed = fixture_claim(fixture, 0);
    attempt = fixture_attempt(&claimed);
    assert_int_equal(cancel(fixture, &claimed.id, "too slow", &job), OK);
    assert_int_equal(job.status, JOB_RUNNING);
    assert_true(job.cancel_requested);
    revision = job.revision;
    assert_int_equal(cancel(fixture, &claimed.id, "again", &job), OK); /* nothing new */
    assert_int_equal(job.revision, revision);
    assert_string_equal(job.cancel_reason, "too slow");
    assert_int_equal(
        store_progress(fixture->store, &attempt, 1, "", PATIENCE, &cancel_requested, &fixture->error), OK);
    assert_true(cancel_requested);
    job = fixture_finish(fixture, &claimed, JOB_FAIL, NULL);
    assert_int_equal(job.status, JOB_CANCELLED);
    assert_string_equal(job.error_type, "");
    assert_int_equal(cancel(fixture, &claimed.id, "again", &job), OK); /* it is what was wanted */
    assert_int_equal(job.status, JOB_CANCELLED);
    fixture_close(fixture);
}

static void a_job_that_ended_otherwise_is_not_cancelled(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job ended = fixture_run(fixture, "report", "1");
    struct job job;

    assert_int_equal(cancel(fixture, &ended.id, NULL, &job), CONFLICT);
    assert_int_equal(job.status, JOB_SUCCEEDED); /* told along with the conflict */
    assert_true(job_id_equal(&job.id, &ended.id));
    memset(ended.id.bytes, 1, JOB_ID_BYTES);
    assert_int_equal(cancel(fixture, &ended.id, NULL, &job), NOTFOUND);
    fixture_close(fixture);
}

/* ---- purge ---- */

static enum outcome purge(struct fixture *fixture, const struct job_id *id, struct job *job)
{
    struct store_ticket ticket = {0};
    enum outcome outcome = store_purge(fixture->store, id, PATIENCE, job, &ticket, &fixture->error);

    if (outcome == OK)
        assert_int_equal(store_sync(fixture->store, ticket, PATIENCE, &fixture->error), OK);
    return outcome;
}

static void a_purge_erases_the_content_and_keeps_the_record(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct buffer bytes = {0};
    struct store_attempt attempt;
    uint64_t start;
    uint64_t size;
    struct job claimed;
    struct job job;

    fixture_submit(fixture, "report");
    claimed = fixture_claim(fixture, 0);
    attempt = fixture_attempt(&claimed);
    assert_int_equal(
        store_log_append(fixture->store, &attempt, 0, "line\n", 5, 100, PATIENCE, &fixture->error), OK);
    assert_int_equal(purge(fixture, &claimed.id, &job), CONFLICT); /* not while it runs */
    fixture_finish(fixture, &claimed, JOB_SUCCEED, "{}");
    assert_int_equal(purge(fixture, &claimed.id, &job), OK);
    assert_true(job.purged);
    job = fixture_get(fixture, &claimed.id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    assert_true(job.purged);
    assert_string_equal(job.result_type, "");
    assert_int_equal(store_event(fixture->store, &job.id, PATIENCE, &bytes, &fixture->error), NOTFOUND);
    assert_int_equal(store_result(fixture->store, &job.id, PATIENCE, &bytes, &fixture->error), NOTFOUND);
    assert_int_equal(
        store_log(fixture->store, &job.id, 0, 100, PATIENCE, &bytes, &start, &size, &fixture->error),
        NOTFOUND);
    assert_int_equal(bytes.length, 0);
    assert_int_equal(purge(fixture, &job.id, &job), OK); /* again: nothing to do */
    buffer_free(&bytes);
    fixture_close(fixture);
}

/* ---- expiry ---- */

static unsigned expire(struct fixture *fixture, int64_t now_ms, unsigned batch)
{
    unsigned removed;

    assert_int_equal(store_expire(fixture->store, now_ms, batch, PATIENCE, &removed, &fixture->error), OK);
    assert_in_range(removed, 0, batch);
    return removed;
}

static size_t listed(struct fixture *fixture)
{
    struct store_filter any = {0};
    struct job *jobs;
    size_t count;
    bool more;

    assert_int_equal(
        store_list(fixture->store, &any, NULL, 1000, PATIENCE, &jobs, &count, &more, &fixture->error), OK);
    free(jobs);
    return count;
}

static void an_expired_job_is_gone_and_later_forgotten(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct buffer bytes = {0};
    struct job job;

    fixture_clock(T0);
    job = fixture_run(fixture, "report", "1"); /* kept for 100 s */
    assert_int_equal(expire(fixture, T0 + 99999, 100), 0);
    fixture_clock(T0 + 99999);
    assert_int_equal(fixture_look(fixture, &job.id), OK);
    fixture_clock(T0 + 100000);
    assert_int_equal(fixture_look(fixture, &job.id), GONE); /* also before anybody has swept */
    assert_int_equal(expire(fixture, T0 + 100000, 100), 1);
    assert_int_equal(fixture_look(fixture, &job.id), GONE);
    assert_int_equal(store_event(fixture->store, &job.id, PATIENCE, &bytes, &fixture->error), GONE);
    assert_int_equal(store_result(fixture->store, &job.id, PATIENCE, &bytes, &fixture->error), GONE);
    assert_int_equal(cancel(fixture, &job.id, NULL, &job), GONE);
    assert_int_equal(purge(fixture, &job.id, &job), GONE);
    assert_int_equal(listed(fixture), 0);
    assert_int_equal(expire(fixture, T0 + 199999, 100), 0);
    fixture_clock(T0 + 199999);
    assert_int_equal(fixture_look(fixture, &job.id), GONE);
    fixture_clock(T0 + 200000);
    assert_int_equal(fixture_look(fixture, &job.id), NOTFOUND);
    assert_int_equal(expire(fixture, T0 + 200000, 100), 1);
    assert_int_equal(fixture_look(fixture, &job.id), NOTFOUND);
    assert_int_equal(expire(fixture, T0 + 10000000, 100), 0); /* nothing of it is left */
    buffer_free(&bytes);
    fixture_close(fixture);
}

static void only_ended_jobs_expire(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job running = fixture_submit(fixture, "report");
    struct job queued;

    fixture_claim(fixture, 0);
    queued = fixture_submit(fixture, "report");
    assert_int_equal(expire(fixture, clock_wall_ms() + (int64_t)1000 * 86400 * 1000, 100), 0);
    assert_int_equal(fixture_look(fixture, &running.id), OK);
    assert_int_equal(fixture_look(fixture, &queued.id), OK);
    fixture_close(fixture);
}

static void without_retention_a_job_is_kept_for_good(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job;

    memset(fixture_policy.retention_ms, 0, sizeof fixture_policy.retention_ms);
    job = fixture_run(fixture, "report", "1");
    assert_int_equal(job.expires_ms, 0);
    assert_int_equal(expire(fixture, INT64_MAX / 2, 100), 0);
    assert_int_equal(fixture_look(fixture, &job.id), OK);
    fixture_close(fixture);
}

static void a_batch_is_never_exceeded_and_all_go_in_the_end(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    unsigned removed;
    unsigned total = 0;

    fixture_clock(T0);
    for (int i = 0; i < 150; i++)
        fixture_run(fixture, i % 2 ? "a" : "b", "1");
    assert_int_equal(expire(fixture, T0 + 100000, 40), 40);
    assert_int_equal(listed(fixture), 110);
    while ((removed = expire(fixture, T0 + 100000, 40)) > 0)
        total += removed;
    assert_int_equal(total, 110);
    assert_int_equal(listed(fixture), 0);
    fixture_close(fixture);
}

static void big_content_goes_as_well(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    char *big = malloc(3000001);

    memset(big, 'x', 3000000);
    big[3000000] = '\0';
    fixture_clock(T0);
    for (int i = 0; i < 5; i++)
        fixture_run(fixture, "report", big);
    assert_int_equal(expire(fixture, T0 + 100000, 100), 5);
    assert_int_equal(listed(fixture), 0);
    free(big);
    fixture_close(fixture);
}

static void an_old_idempotency_key_goes_and_a_renewed_one_stays(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_ticket ticket;
    bool replayed;
    bool queue_full;
    struct job job;

    fixture_clock(T0);
    for (int i = 0; i < 3; i++) {
        struct store_submission submission = fixture_submission("report");

        if (i == 2)
            fixture_clock(T0 + 50000); /* the first use has run out, and is used anew */
        submission.idempotency_key = i == 1 ? "other" : "key";
        submission.job.created_ms = clock_wall_ms();
        assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                      &ticket, &fixture->error),
                         OK);
        assert_false(replayed);
    }
    assert_int_equal(expire(fixture, T0 + 50000, 100), 1); /* "other" */
    assert_int_equal(expire(fixture, T0 + 99999, 100), 0);
    assert_int_equal(expire(fixture, T0 + 100000, 100), 1);
    fixture_close(fixture);
}

static void a_replay_after_the_job_has_expired_tells_what_its_202_said(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission;
    struct store_ticket ticket;
    bool replayed;
    bool queue_full;
    struct job first;
    struct job job;

    fixture_clock(T0);
    submission = fixture_submission("report");
    submission.idempotency_key = "key";
    submission.idempotency_ttl_ms = 500000;
    assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &first, &replayed, &queue_full,
                                  &ticket, &fixture->error),
                     OK);
    job = fixture_claim(fixture, 0);
    fixture_finish(fixture, &job, JOB_SUCCEED, NULL);
    fixture_clock(T0 + 150000);
    assert_int_equal(expire(fixture, T0 + 150000, 100), 1);
    assert_int_equal(job_id_make(&submission.job.id, NULL), OK);
    assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                  &ticket, &fixture->error),
                     OK);
    assert_true(replayed);
    assert_true(job_id_equal(&job.id, &first.id));
    assert_int_equal(job.created_ms, T0);
    assert_string_equal(job.function, "report");
    assert_int_equal(job.status, JOB_QUEUED);
    assert_int_equal(listed(fixture), 0);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_queued_job_is_cancelled_at_once),
          cmocka_unit_test(a_running_job_is_told_and_ends_cancelled),
          cmocka_unit_test(a_job_that_ended_otherwise_is_not_cancelled),
          cmocka_unit_test(a_purge_erases_the_content_and_keeps_the_record),
          cmocka_unit_test(an_expired_job_is_gone_and_later_forgotten),
          cmocka_unit_test(only_ended_jobs_expire),
          cmocka_unit_test(without_retention_a_job_is_kept_for_good),
          cmocka_unit_test(a_batch_is_never_exceeded_and_all_go_in_the_end),
          cmocka_unit_test(big_content_goes_as_well),
          cmocka_unit_test(an_old_idempotency_key_goes_and_a_renewed_one_stays),
          cmocka_unit_test(a_replay_after_the_job_has_expired_tells_what_its_202_said))
