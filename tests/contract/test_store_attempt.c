/* test_store_attempt.c - contract: what a worker reports, and the fence that drops what comes too late */
#include "config.h"

#include "fixture.h"

#include <stdio.h>

#define T0 ((int64_t)1800000000000)

static void assert_result(struct fixture *fixture, const struct job_id *id, const char *text)
{
    struct buffer result = {0};
    enum outcome outcome = store_result(fixture->store, id, PATIENCE, &result, &fixture->error);

    assert_int_equal(outcome, text ? OK : NOTFOUND);
    fixture_assert_text(&result, text ? text : "");
}

static void success_ends_the_job_with_its_result(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct job claimed = fixture_claim(fixture, 2);

    assert_result(fixture, &job.id, NULL);
    fixture_finish(fixture, &claimed, JOB_SUCCEED, "{\"pages\":7}");
    job = fixture_get(fixture, &job.id);
    assert_int_equal(job.status, JOB_SUCCEEDED);
    assert_true(job.finished_ms >= job.started_ms);
    assert_int_equal(job.expires_ms, job.finished_ms + 100000);
    assert_int_equal(job.result_size, 11);
    assert_string_equal(job.result_type, "application/json");
    assert_string_equal(job.error_type, "");
    assert_int_equal(job.runner.life, 0);
    assert_result(fixture, &job.id, "{\"pages\":7}");
    fixture_close(fixture);
}

static void a_job_may_succeed_without_a_result(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_run(fixture, "report", NULL);

    assert_result(fixture, &job.id, NULL);
    assert_string_equal(fixture_get(fixture, &job.id).result_type, "");
    job = fixture_run(fixture, "report", "");
    assert_result(fixture, &job.id, "");
    fixture_close(fixture);
}

static void failure_is_told_with_its_words(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct job claimed = fixture_claim(fixture, 2);

    fixture_finish(fixture, &claimed, JOB_FAIL, "{\"why\":1}");
    job = fixture_get(fixture, &job.id);
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_type, "Runtime.ExitError");
    assert_string_equal(job.error_message, "exit status 1");
    assert_result(fixture, &job.id, "{\"why\":1}");
    fixture_close(fixture);
}

static void a_retry_waits_and_comes_again(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job;
    int64_t waits[2];

    fixture_clock(T0);
    fixture_policy.retries = 2;
    fixture_policy.backoff_ms = 1000;
    job = fixture_submit(fixture, "report");
    for (int i = 0; i < 2; i++) {
        struct job claimed = fixture_claim(fixture, 0);

        assert_int_equal(claimed.attempts, i + 1);
        job = fixture_finish(fixture, &claimed, JOB_FAIL, "no result yet");
        assert_int_equal(job.status, JOB_QUEUED);
        assert_true(job.waits_for_retry);
        assert_result(fixture, &job.id, NULL);
        waits[i] = job.due_ms - clock_wall_ms();
        assert_int_equal(fixture_try_claim(fixture, 0, job.due_ms - 1, &claimed), NOTFOUND);
        fixture_clock(job.due_ms);
    }
    assert_in_range(waits[0], 1000, 1250);
    assert_in_range(waits[1], 2000, 2500);
    job = fixture_claim(fixture, 0);
    job = fixture_finish(fixture, &job, JOB_FAIL, NULL);
    assert_int_equal(job.status, JOB_FAILED);
    assert_int_equal(job.failures, 3);
    fixture_close(fixture);
}

static void an_interrupted_job_gets_its_old_place(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job first = fixture_submit_due(fixture, "report", T0);
    struct job claimed;
    struct job job;

    fixture_submit_due(fixture, "report", T0 + 1);
    assert_int_equal(fixture_try_claim(fixture, 0, T0 + 5, &claimed), OK);
    job = fixture_finish(fixture, &claimed, JOB_INTERRUPT, NULL);
    assert_int_equal(job.status, JOB_QUEUED);
    assert_int_equal(job.failures, 0);
    assert_int_equal(job.interruptions, 1);
    assert_int_equal(fixture_try_claim(fixture, 0, T0 + 5, &claimed), OK);
    assert_true(job_id_equal(&claimed.id, &first.id));
    assert_int_equal(claimed.attempts, 2);
    fixture_close(fixture);
}

/* ---- the fence ---- */

/* Hazard 23. */
static void a_report_of_another_attempt_or_runner_changes_nothing(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job submitted = fixture_submit(fixture, "report");
    struct store_attempt wrong[4];
    struct job job;

    job = fixture_claim(fixture, 2);
    for (int i = 0; i < 4; i++)
        wrong[i] = fixture_attempt(&job);
    wrong[0].attempt++;
    wrong[1].runner.life++;
    wrong[2].runner.slot++;
    memset(wrong[3].id.bytes, 9, JOB_ID_BYTES); /* a job that never was */
    for (int i = 0; i < 4; i++) {
        bool cancel_requested;
        struct job ignored;

        assert_int_equal(fixture_try_finish(fixture, &wrong[i], JOB_SUCCEED, "1", &ignored), CONFLICT);
        assert_int_equal(
            store_progress(fixture->store, &wrong[i], 50, "x", PATIENCE, &cancel_requested, &fixture->error),
            CONFLICT);
        assert_int_equal(
            store_log_append(fixture->store, &wrong[i], 0, "x", 1, 100, PATIENCE, &fixture->error), CONFLICT);
    }
    assert_int_equal(fixture_get(fixture, &submitted.id).revision, job.revision);
    assert_result(fixture, &submitted.id, NULL);
    fixture_close(fixture);
}

/* Hazard 23. */
static void a_stale_worker_is_dropped_after_the_job_was_put_back(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_attempt stale;
    struct job ignored;
    struct job again;
    struct job job;

    fixture_submit(fixture, "report");
    job = fixture_claim(fixture, 2);
    stale = fixture_attempt(&job);
    fixture_finish(fixture, &job, JOB_INTERRUPT, NULL);
    assert_int_equal(fixture_try_finish(fixture, &stale, JOB_SUCCEED, "1", &ignored), CONFLICT); /* QUEUED */
    again = fixture_claim(fixture, 2);
    assert_int_equal(fixture_try_finish(fixture, &stale, JOB_SUCCEED, "1", &ignored),
                     CONFLICT); /* attempt 2 */
    fixture_finish(fixture, &again, JOB_SUCCEED, "2");
    assert_int_equal(fixture_try_finish(fixture, &stale, JOB_FAIL, "1", &ignored), CONFLICT); /* ended */
    stale = fixture_attempt(&again);
    assert_int_equal(fixture_try_finish(fixture, &stale, JOB_FAIL, "3", &ignored),
                     CONFLICT); /* reported twice */
    assert_result(fixture, &job.id, "2");
    fixture_close(fixture);
}

/* ---- progress ---- */

static void progress_is_seen_and_changes_the_revision(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_attempt attempt;
    bool cancel_requested = true;
    struct job job;
    struct job seen;

    fixture_submit(fixture, "report");
    job = fixture_claim(fixture, 0);
    attempt = fixture_attempt(&job);
    assert_int_equal(store_progress(fixture->store, &attempt, 42, "resizing page 3", PATIENCE,
                                    &cancel_requested, &fixture->error),
                     OK);
    assert_false(cancel_requested);
    seen = fixture_get(fixture, &job.id);
    assert_int_equal(seen.progress_percent, 42);
    assert_string_equal(seen.progress_message, "resizing page 3");
    assert_true(seen.revision > job.revision);
    assert_int_equal(
        store_progress(fixture->store, &attempt, 43, NULL, PATIENCE, &cancel_requested, &fixture->error), OK);
    assert_string_equal(fixture_get(fixture, &job.id).progress_message, "");
    fixture_close(fixture);
}

/* ---- attempts and what runs ---- */

static void each_attempt_is_kept_with_its_figures(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job_attempt *attempts;
    struct store_attempt attempt;
    size_t count;
    struct job job;

    fixture_policy.retries = 1;
    fixture_submit(fixture, "report");
    job = fixture_claim(fixture, 0);
    attempt = fixture_attempt(&job);
    assert_int_equal(
        store_log_append(fixture->store, &attempt, 0, "12345", 5, 100, PATIENCE, &fixture->error), OK);
    fixture_finish(fixture, &job, JOB_FAIL, NULL);
    job = fixture_claim(fixture, 1);
    assert_int_equal(store_attempts(fixture->store, &job.id, PATIENCE, &attempts, &count, &fixture->error),
                     OK);
    assert_int_equal(count, 2);
    assert_int_equal(attempts[0].number, 1);
    assert_true(attempts[0].started_ms > 0 && attempts[0].finished_ms >= attempts[0].started_ms);
    assert_int_equal(attempts[0].exit_status, 1);
    assert_int_equal(attempts[0].signal, 0);
    assert_string_equal(attempts[0].error_type, "Runtime.ExitError");
    assert_string_equal(attempts[0].error_message, "exit status 1");
    assert_int_equal(attempts[0].cpu_us, 1234);
    assert_int_equal(attempts[0].peak_memory_kib, 567);
    assert_int_equal(attempts[0].log_offset, 0);
    assert_int_equal(attempts[1].number, 2);
    assert_int_equal(attempts[1].finished_ms, 0);
    assert_int_equal(attempts[1].exit_status, -1);
    assert_int_equal(attempts[1].log_offset, 5);
    free(attempts);
    fixture_close(fixture);
}

static void only_the_newest_attempts_are_kept(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job_attempt *attempts;
    size_t count;
    struct job job;

    fixture_policy.max_interruptions = 1000;
    fixture_submit(fixture, "report");
    for (int i = 0; i < STORE_ATTEMPTS_KEPT + 20; i++) {
        job = fixture_claim(fixture, 0);
        fixture_finish(fixture, &job, JOB_INTERRUPT, NULL);
    }
    assert_int_equal(store_attempts(fixture->store, &job.id, PATIENCE, &attempts, &count, &fixture->error),
                     OK);
    assert_int_equal(count, STORE_ATTEMPTS_KEPT);
    for (uint32_t i = 0; i < STORE_ATTEMPTS_KEPT; i++)
        assert_int_equal(attempts[i].number, 21 + i);
    free(attempts);
    fixture_close(fixture);
}

static void running_names_the_jobs_and_who_runs_them(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job claimed[20];
    unsigned seen = 0;
    struct job *jobs;
    size_t count;

    for (int i = 0; i < 25; i++)
        fixture_submit(fixture, i % 2 ? "a" : "b");
    for (uint32_t i = 0; i < 20; i++)
        claimed[i] = fixture_claim(fixture, i);
    fixture_finish(fixture, &claimed[0], JOB_SUCCEED, NULL);
    assert_int_equal(store_running(fixture->store, PATIENCE, &jobs, &count, &fixture->error), OK);
    assert_int_equal(count, 19);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(jobs[i].status, JOB_RUNNING);
        assert_int_equal(jobs[i].runner.life, 1000 + jobs[i].runner.slot);
        seen |= 1U << jobs[i].runner.slot;
    }
    assert_int_equal(seen, 0xFFFFE);
    free(jobs);
    fixture_close(fixture);
}

/* ---- big things ---- */

static void a_result_of_six_megabytes_comes_back(void **state)
{
    size_t size = 6 * 1024 * 1024;
    struct fixture *fixture = fixture_open(NULL);
    char *bytes = malloc(size + 1);
    struct buffer result = {0};
    struct job job;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)('a' + i * 7 % 26);
    bytes[size] = '\0';
    job = fixture_run(fixture, "report", bytes);
    assert_int_equal(fixture_get(fixture, &job.id).result_size, size);
    assert_int_equal(store_result(fixture->store, &job.id, PATIENCE, &result, &fixture->error), OK);
    assert_int_equal(result.length, size);
    assert_memory_equal(result.data, bytes, size);
    buffer_free(&result);
    free(bytes);
    fixture_close(fixture);
}

static void a_result_over_the_buffers_limit_is_nomem(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct buffer result = {.limit = 4};
    struct job job = fixture_run(fixture, "report", "longer than four");

    assert_int_equal(store_result(fixture->store, &job.id, PATIENCE, &result, &fixture->error), NOMEM);
    buffer_free(&result);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(success_ends_the_job_with_its_result),
          cmocka_unit_test(a_job_may_succeed_without_a_result),
          cmocka_unit_test(failure_is_told_with_its_words), cmocka_unit_test(a_retry_waits_and_comes_again),
          cmocka_unit_test(an_interrupted_job_gets_its_old_place),
          cmocka_unit_test(a_report_of_another_attempt_or_runner_changes_nothing),
          cmocka_unit_test(a_stale_worker_is_dropped_after_the_job_was_put_back),
          cmocka_unit_test(progress_is_seen_and_changes_the_revision),
          cmocka_unit_test(each_attempt_is_kept_with_its_figures),
          cmocka_unit_test(only_the_newest_attempts_are_kept),
          cmocka_unit_test(running_names_the_jobs_and_who_runs_them),
          cmocka_unit_test(a_result_of_six_megabytes_comes_back),
          cmocka_unit_test(a_result_over_the_buffers_limit_is_nomem))
