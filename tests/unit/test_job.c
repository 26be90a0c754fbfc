#include "config.h"
#include "test.h"

#include "job.h"

#include <stdio.h>
#include <string.h>

#define T0 ((int64_t)1800000000000)

static const struct job_policy policy = {
    .retries = 2,
    .backoff_ms = 60000,
    .max_event_age_ms = 6 * 3600 * 1000,
    .max_interruptions = 3,
    .retention_ms = {[JOB_SUCCEEDED] = 1000, [JOB_FAILED] = 2000, [JOB_CANCELLED] = 3000},
};

static struct job job_in(enum job_status status)
{
    struct job job = {
        .revision = 7,
        .status = status,
        .function = "report",
        .created_ms = T0,
        .first_due_ms = T0,
        .due_ms = T0,
        .progress_percent = 50,
        .progress_message = "half",
    };

    if (status == JOB_RUNNING) {
        job.runner = (struct slot_identity){.slot = 3, .life = 99};
        job.attempts = 1;
        job.started_ms = T0 + 5;
    }
    return job;
}

static struct job_change change_at(int64_t now_ms)
{
    return (struct job_change){
        .now_ms = now_ms,
        .runner = {.slot = 4, .life = 77},
        .error_type = "Runtime.ExitError",
        .error_message = "exit status 1",
        .reason = "not needed",
        .caller = "alice",
    };
}

static struct job apply(struct job job, enum job_event event, int64_t now_ms)
{
    struct job_change change = change_at(now_ms);

    assert_int_equal(job_apply(&job, event, &policy, &change), OK);
    return job;
}

/* ---- the table ---- */

/* What each event makes of each status, without and with cancel_requested; 0 = CONFLICT. */
struct row {
    enum job_event event;
    enum job_status to[JOB_STATUS_COUNT];
    enum job_status running_cancelled; /* from RUNNING with cancel_requested */
};

static const struct row table[] = {
    {JOB_CLAIM, {[JOB_QUEUED] = JOB_RUNNING}, 0},
    {JOB_SUCCEED, {[JOB_RUNNING] = JOB_SUCCEEDED}, JOB_SUCCEEDED},
    {JOB_FAIL, {[JOB_RUNNING] = JOB_QUEUED}, JOB_CANCELLED},
    {JOB_FAIL_FOR_GOOD, {[JOB_RUNNING] = JOB_FAILED}, JOB_CANCELLED},
    {JOB_TRY_LATER, {[JOB_RUNNING] = JOB_QUEUED}, JOB_CANCELLED},
    {JOB_INTERRUPT, {[JOB_RUNNING] = JOB_QUEUED}, JOB_CANCELLED},
    {JOB_CANCEL, {[JOB_QUEUED] = JOB_CANCELLED, [JOB_RUNNING] = JOB_RUNNING}, JOB_RUNNING},
};
#define ROWS (sizeof table / sizeof table[0])

static void assert_applied(const struct job *before, const struct row *row, enum job_status expected)
{
    struct job_change change = change_at(T0 + 1000);
    struct job job = *before;
    enum outcome outcome = job_apply(&job, row->event, &policy, &change);

    if (expected == 0) {
        assert_int_equal(outcome, CONFLICT);
        assert_memory_equal(&job, before, sizeof job);
        return;
    }
    assert_int_equal(outcome, OK);
    assert_int_equal(job.status, expected);
    assert_int_equal(job.revision, before->revision + 1);
    assert_int_equal(job.created_ms, T0);
    assert_int_equal(job.first_due_ms, T0);
    assert_string_equal(job.function, "report");
}

static void every_event_in_every_status_does_what_the_table_says(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        for (unsigned status = 0; status < JOB_STATUS_COUNT; status++) {
            struct job job = job_in((enum job_status)status);

            assert_applied(&job, &table[i], table[i].to[status]);
        }
    }
}

static void a_requested_cancel_decides_how_a_running_job_ends(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct job job = job_in(JOB_RUNNING);

        job.cancel_requested = true;
        assert_applied(&job, &table[i], table[i].running_cancelled);
    }
}

static void an_unknown_event_or_status_is_a_conflict(void **state)
{
    struct job_change change = change_at(T0);

    for (unsigned status = 0; status < JOB_STATUS_COUNT + 2; status++) {
        struct job job = job_in((enum job_status)status);

        assert_int_equal(job_apply(&job, (enum job_event)0, &policy, &change), CONFLICT);
        assert_int_equal(job_apply(&job, (enum job_event)8, &policy, &change), CONFLICT);
    }
}

/* What holds of every record that any event has made, whatever came before. */
static void assert_sane(const struct job *job)
{
    bool terminal = job_status_is_terminal(job->status);

    assert_true(terminal || job->status == JOB_QUEUED || job->status == JOB_RUNNING);
    assert_true(terminal == (job->finished_ms != 0));
    assert_true(terminal == (job->expires_ms != 0));
    assert_true((job->due_ms != 0) == !terminal);
    assert_true((job->runner.life != 0) == (job->status == JOB_RUNNING));
    assert_true((job->status == JOB_FAILED) <= (job->error_type[0] != '\0'));
    assert_true(job->status != JOB_SUCCEEDED || job->error_type[0] == '\0');
    assert_true(!job->waits_for_retry || job->status == JOB_QUEUED);
    assert_true(job->failures + job->interruptions <= job->attempts);
    assert_true(job->status != JOB_CANCELLED || job->cancel_requested);
    assert_true(job->failures <= (uint64_t)policy.retries + 1);
    assert_true(job->interruptions <= (uint64_t)policy.max_interruptions);
}

/* All sequences of events up to this length (7^6 = 117,649). */
static void try_all(const struct job *job, unsigned depth)
{
    for (size_t i = 0; depth > 0 && i < ROWS; i++) {
        struct job_change change = change_at(T0 + 10 * (7 - (int64_t)depth));
        struct job next = *job;

        if (job_apply(&next, table[i].event, &policy, &change) != OK)
            continue;
        assert_sane(&next);
        assert_int_equal(next.revision, job->revision + 1);
        assert_false(job_status_is_terminal(job->status));
        try_all(&next, depth - 1);
    }
}

static void no_sequence_of_events_makes_an_impossible_record(void **state)
{
    struct job job = job_in(JOB_QUEUED);

    try_all(&job, 6);
}

/* ---- the effects of each event ---- */

static void a_claim_starts_an_attempt_with_a_clean_sheet(void **state)
{
    struct job job = job_in(JOB_QUEUED);

    job.waits_for_retry = true;
    strcpy(job.error_type, "old");
    strcpy(job.error_message, "old");
    job = apply(job, JOB_CLAIM, T0 + 9);
    assert_int_equal(job.attempts, 1);
    assert_int_equal(job.started_ms, T0 + 9);
    assert_int_equal(job.runner.slot, 4);
    assert_int_equal(job.runner.life, 77);
    assert_int_equal(job.progress_percent, -1);
    assert_string_equal(job.progress_message, "");
    assert_string_equal(job.error_type, "");
    assert_string_equal(job.error_message, "");
    assert_false(job.waits_for_retry);
}

static void each_end_expires_after_the_retention_of_its_status(void **state)
{
    struct job job = apply(job_in(JOB_RUNNING), JOB_SUCCEED, T0 + 100);

    assert_int_equal(job.finished_ms, T0 + 100);
    assert_int_equal(job.expires_ms, T0 + 1100);
    assert_int_equal(apply(job_in(JOB_RUNNING), JOB_FAIL_FOR_GOOD, T0 + 100).expires_ms, T0 + 2100);
    assert_int_equal(apply(job_in(JOB_QUEUED), JOB_CANCEL, T0 + 100).expires_ms, T0 + 3100);
}

static void a_failure_keeps_its_words(void **state)
{
    struct job job = apply(job_in(JOB_RUNNING), JOB_FAIL, T0);

    assert_string_equal(job.error_type, "Runtime.ExitError"); /* why it waits for a retry */
    assert_string_equal(job.error_message, "exit status 1");
    job = apply(job_in(JOB_RUNNING), JOB_FAIL_FOR_GOOD, T0);
    assert_string_equal(job.error_type, "Runtime.ExitError");
    assert_string_equal(apply(job_in(JOB_RUNNING), JOB_SUCCEED, T0).error_type, "");
}

static void retry_waits_longer_each_time(void **state)
{
    struct job job = apply(job_in(JOB_RUNNING), JOB_FAIL, T0);

    assert_int_equal(job.due_ms, T0 + 60000);
    assert_true(job.waits_for_retry);
    job = apply(apply(job, JOB_CLAIM, T0), JOB_FAIL, T0);
    assert_int_equal(job.due_ms, T0 + 120000);
    job = apply(apply(job, JOB_CLAIM, T0), JOB_FAIL, T0);
    assert_int_equal(job.status, JOB_FAILED);
    assert_int_equal(job.failures, 3);
}

static void jitter_adds_up_to_a_quarter(void **state)
{
    struct job_change change = change_at(T0);
    struct job job = job_in(JOB_RUNNING);

    change.jitter_permille = 1000;
    assert_int_equal(job_apply(&job, JOB_FAIL, &policy, &change), OK);
    assert_int_equal(job.due_ms, T0 + 75000);
    job = job_in(JOB_RUNNING);
    change.jitter_permille = 500;
    assert_int_equal(job_apply(&job, JOB_FAIL, &policy, &change), OK);
    assert_int_equal(job.due_ms, T0 + 67500);
}

static void a_backoff_never_overflows(void **state)
{
    struct job_policy patient = policy;
    struct job_change change = change_at(T0);
    struct job job = job_in(JOB_RUNNING);

    patient.retries = INT64_MAX;
    patient.backoff_ms = INT64_MAX;
    job.failures = UINT32_MAX - 1;
    change.jitter_permille = 1000;
    assert_int_equal(job_apply(&job, JOB_FAIL, &patient, &change), OK);
    assert_in_range(job.due_ms - T0, 6 * 3600 * 1000, 8 * 3600 * 1000);
}

static void without_retries_the_first_failure_is_the_end(void **state)
{
    struct job_policy strict = policy;
    struct job_change change = change_at(T0);
    struct job job = job_in(JOB_RUNNING);

    strict.retries = 0;
    assert_int_equal(job_apply(&job, JOB_FAIL, &strict, &change), OK);
    assert_int_equal(job.status, JOB_FAILED);
}

static void try_later_uses_up_no_retry(void **state)
{
    struct job job = job_in(JOB_RUNNING);

    for (int i = 0; i < 20; i++) {
        job = apply(job, JOB_TRY_LATER, T0);
        assert_int_equal(job.status, JOB_QUEUED);
        assert_int_equal(job.failures, 0);
        assert_int_equal(job.due_ms, T0 + 60000);
        assert_true(job.waits_for_retry);
        job = apply(job, JOB_CLAIM, T0);
    }
}

static void try_later_never_runs_hot(void **state)
{
    struct job_policy eager = policy;
    struct job_change change = change_at(T0);
    struct job job = job_in(JOB_RUNNING);

    eager.backoff_ms = 0;
    assert_int_equal(job_apply(&job, JOB_TRY_LATER, &eager, &change), OK);
    assert_int_equal(job.due_ms, T0 + 1000);
}

/* Hazard 20. */
static void an_interruption_keeps_place_and_retries(void **state)
{
    struct job job = apply(job_in(JOB_RUNNING), JOB_INTERRUPT, T0 + 5000);

    assert_int_equal(job.status, JOB_QUEUED);
    assert_int_equal(job.due_ms, T0); /* not behind what came meanwhile */
    assert_int_equal(job.failures, 0);
    assert_int_equal(job.interruptions, 1);
    assert_false(job.waits_for_retry);
}

static void hazard_25_an_interrupted_job_is_due_though_the_clock_was_put_back(void **state)
{
    assert_int_equal(apply(job_in(JOB_RUNNING), JOB_INTERRUPT, T0 - 5000).due_ms, T0 - 5000);
}

/* Hazard 26. */
static void a_job_that_kills_its_worker_ends_too(void **state)
{
    struct job job = job_in(JOB_RUNNING);
    struct job_change change = {.now_ms = T0};

    for (int i = 0; i < 2; i++) {
        assert_int_equal(job_apply(&job, JOB_INTERRUPT, &policy, &change), OK);
        assert_int_equal(job.status, JOB_QUEUED);
        job = apply(job, JOB_CLAIM, T0);
    }
    assert_int_equal(job_apply(&job, JOB_INTERRUPT, &policy, &change), OK);
    assert_int_equal(job.status, JOB_FAILED);
    assert_int_equal(job.interruptions, 3);
    assert_string_equal(job.error_type, "Worker.Lost");
}

/* ---- age ---- */

static void a_claim_past_the_age_fails_the_job(void **state)
{
    struct job job = apply(job_in(JOB_QUEUED), JOB_CLAIM, T0 + policy.max_event_age_ms);

    assert_int_equal(job.status, JOB_RUNNING);
    job = apply(job_in(JOB_QUEUED), JOB_CLAIM, T0 + policy.max_event_age_ms + 1);
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_type, "Event.AgeExceeded");
    assert_int_equal(job.attempts, 0);
    assert_int_equal(job.runner.life, 0);
}

static void the_age_counts_from_the_first_due_time(void **state)
{
    struct job job = job_in(JOB_QUEUED);

    job.first_due_ms = job.due_ms = T0 + 10 * policy.max_event_age_ms; /* a long delay was asked for */
    assert_int_equal(apply(job, JOB_CLAIM, job.due_ms).status, JOB_RUNNING);
}

static void an_aged_retry_names_the_attempt_before(void **state)
{
    struct job job = apply(job_in(JOB_RUNNING), JOB_FAIL, T0);

    job = apply(job, JOB_CLAIM, T0 + policy.max_event_age_ms + 1);
    assert_string_equal(job.error_type, "Event.AgeExceeded");
    assert_non_null(strstr(job.error_message, "Runtime.ExitError"));
}

static void try_later_ends_past_the_age(void **state)
{
    struct job job = apply(job_in(JOB_RUNNING), JOB_TRY_LATER, T0 + policy.max_event_age_ms + 1);

    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_type, "Event.AgeExceeded");
}

static void no_limit_of_age_is_none(void **state)
{
    struct job_policy endless = policy;
    struct job_change change = change_at(INT64_MAX / 2);
    struct job job = job_in(JOB_QUEUED);

    endless.max_event_age_ms = 0;
    assert_int_equal(job_apply(&job, JOB_CLAIM, &endless, &change), OK);
    assert_int_equal(job.status, JOB_RUNNING);
}

/* ---- cancel ---- */

static void the_first_to_cancel_is_named(void **state)
{
    struct job_change second = {.now_ms = T0, .reason = "me too", .caller = "bob"};
    struct job job = apply(job_in(JOB_RUNNING), JOB_CANCEL, T0);

    assert_int_equal(job_apply(&job, JOB_CANCEL, &policy, &second), OK);
    assert_string_equal(job.cancel_reason, "not needed");
    assert_string_equal(job.cancelled_by, "alice");
    assert_int_equal(job.status, JOB_RUNNING);
}

static void a_cancel_may_have_no_words(void **state)
{
    struct job_change change = {.now_ms = T0};
    struct job job = job_in(JOB_QUEUED);

    assert_int_equal(job_apply(&job, JOB_CANCEL, &policy, &change), OK);
    assert_string_equal(job.cancel_reason, "");
    assert_string_equal(job.cancelled_by, "");
}

/* ---- texts ---- */

static void long_texts_are_cut_at_a_character(void **state)
{
    char text[8];

    job_text_copy(text, sizeof text, "1234567");
    assert_string_equal(text, "1234567");
    job_text_copy(text, sizeof text, "12345678");
    assert_string_equal(text, "1234567");
    job_text_copy(text, sizeof text, "123456\xC3\xA4");
    assert_string_equal(text, "123456");
    job_text_copy(text, sizeof text, "1234\xE2\x82\xAC");
    assert_string_equal(text, "1234\xE2\x82\xAC");
    job_text_copy(text, sizeof text, "12345\xF0\x9F\x98\x80");
    assert_string_equal(text, "12345");
    job_text_copy(text, sizeof text, NULL);
    assert_string_equal(text, "");
}

static void status_names_are_those_of_the_contract(void **state)
{
    static const char *const names[] = {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"};

    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(job_status_name((enum job_status)(i + 1)), names[i]);
        assert_int_equal(job_status_parse(names[i]), i + 1);
        assert_int_equal(job_status_is_terminal((enum job_status)(i + 1)), i >= 2);
    }
    assert_null(job_status_name(0));
    assert_null(job_status_name((enum job_status)6));
    assert_int_equal(job_status_parse("queued"), 0);
    assert_int_equal(job_status_parse(""), 0);
    assert_int_equal(job_status_parse("QUEUED "), 0);
}

static void function_names_are_lambdas(void **state)
{
    char name[JOB_FUNCTION_SIZE + 1];

    memset(name, 'a', sizeof name);
    name[64] = '\0';
    assert_true(job_function_name_is_valid(name));
    name[64] = 'a';
    name[65] = '\0';
    assert_false(job_function_name_is_valid(name));
    assert_true(job_function_name_is_valid("job_handler-2"));
    assert_false(job_function_name_is_valid(""));
    assert_false(job_function_name_is_valid("../x"));
    assert_false(job_function_name_is_valid("a.b"));
    assert_false(job_function_name_is_valid("a b"));
    assert_false(job_function_name_is_valid("\xC3\xA4"));
}

TEST_MAIN(cmocka_unit_test(every_event_in_every_status_does_what_the_table_says),
          cmocka_unit_test(a_requested_cancel_decides_how_a_running_job_ends),
          cmocka_unit_test(an_unknown_event_or_status_is_a_conflict),
          cmocka_unit_test(no_sequence_of_events_makes_an_impossible_record),
          cmocka_unit_test(a_claim_starts_an_attempt_with_a_clean_sheet),
          cmocka_unit_test(each_end_expires_after_the_retention_of_its_status),
          cmocka_unit_test(a_failure_keeps_its_words), cmocka_unit_test(retry_waits_longer_each_time),
          cmocka_unit_test(jitter_adds_up_to_a_quarter), cmocka_unit_test(a_backoff_never_overflows),
          cmocka_unit_test(without_retries_the_first_failure_is_the_end),
          cmocka_unit_test(try_later_uses_up_no_retry), cmocka_unit_test(try_later_never_runs_hot),
          cmocka_unit_test(an_interruption_keeps_place_and_retries),
          cmocka_unit_test(hazard_25_an_interrupted_job_is_due_though_the_clock_was_put_back),
          cmocka_unit_test(a_job_that_kills_its_worker_ends_too),
          cmocka_unit_test(a_claim_past_the_age_fails_the_job),
          cmocka_unit_test(the_age_counts_from_the_first_due_time),
          cmocka_unit_test(an_aged_retry_names_the_attempt_before),
          cmocka_unit_test(try_later_ends_past_the_age), cmocka_unit_test(no_limit_of_age_is_none),
          cmocka_unit_test(the_first_to_cancel_is_named), cmocka_unit_test(a_cancel_may_have_no_words),
          cmocka_unit_test(long_texts_are_cut_at_a_character),
          cmocka_unit_test(status_names_are_those_of_the_contract),
          cmocka_unit_test(function_names_are_lambdas))
