/* test_store_submit.c - contract: a job comes into the store, and can be read the instant it is there */
#include "config.h"

#include "fixture.h"

#include <pthread.h>
#include <stdio.h>

struct answer {
    enum outcome outcome;
    struct job job;
    bool replayed;
    bool queue_full;
};

static struct answer submit(struct fixture *fixture, const struct store_submission *submission)
{
    struct store_ticket ticket = {0};
    struct answer answer = {.outcome = OK};

    answer.outcome = store_submit(fixture->store, submission, PATIENCE, &answer.job, &answer.replayed,
                                  &answer.queue_full, &ticket, &fixture->error);
    if (answer.outcome == OK)
        assert_int_equal(store_sync(fixture->store, ticket, PATIENCE, &fixture->error), OK);
    return answer;
}

static void a_new_job_is_queued_and_readable_at_once(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct answer answer = submit(fixture, &submission);
    struct job job;

    assert_int_equal(answer.outcome, OK);
    assert_false(answer.replayed);
    job = fixture_get(fixture, &submission.job.id);
    assert_int_equal(job.status, JOB_QUEUED);
    assert_string_equal(job.function, "report");
    assert_int_equal(job.created_ms, submission.job.created_ms);
    assert_int_equal(job.due_ms, submission.job.created_ms);
    assert_int_equal(job.first_due_ms, submission.job.created_ms);
    assert_int_equal(job.event_size, 7);
    assert_int_equal(job.progress_percent, -1);
    assert_int_equal(job.attempts, 0);
    assert_true(job.revision == answer.job.revision && job.revision > 0);
    fixture_close(fixture);
}

static void what_the_submission_says_is_kept(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct job job;

    submission.job.due_ms = submission.job.created_ms + 5000;
    submission.job.has_retry_of = true;
    memset(submission.job.retry_of.bytes, 7, JOB_ID_BYTES);
    submission.job.raw_event = true;
    strcpy(submission.job.caller, "alice");
    strcpy(submission.job.callback_url, "https://example.org/hook");
    strcpy(submission.job.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_int_equal(submit(fixture, &submission).outcome, OK);
    job = fixture_get(fixture, &submission.job.id);
    assert_int_equal(job.due_ms, submission.job.created_ms + 5000);
    assert_int_equal(job.first_due_ms, submission.job.created_ms + 5000);
    assert_true(job.has_retry_of && job_id_equal(&job.retry_of, &submission.job.retry_of));
    assert_true(job.raw_event);
    assert_string_equal(job.caller, "alice");
    assert_string_equal(job.callback_url, "https://example.org/hook");
    assert_string_equal(job.traceparent, submission.job.traceparent);
    fixture_close(fixture);
}

static void an_unknown_job_is_notfound(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct buffer bytes = {0};
    struct job_attempt *attempts;
    uint64_t start;
    uint64_t size;
    size_t count;
    struct job_id *id = &submission.job.id;

    assert_int_equal(fixture_look(fixture, id), NOTFOUND);
    assert_int_equal(store_event(fixture->store, id, PATIENCE, &bytes, &fixture->error), NOTFOUND);
    assert_int_equal(store_result(fixture->store, id, PATIENCE, &bytes, &fixture->error), NOTFOUND);
    assert_int_equal(store_log(fixture->store, id, 0, 100, PATIENCE, &bytes, &start, &size, &fixture->error),
                     NOTFOUND);
    assert_int_equal(store_attempts(fixture->store, id, PATIENCE, &attempts, &count, &fixture->error),
                     NOTFOUND);
    assert_null(attempts);
    fixture_close(fixture);
}

static void a_reader_finds_an_empty_store_before_the_first_job(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_filter any = {0};
    struct store_counts *counts;
    struct job *jobs;
    int64_t next_ms;
    size_t count;
    bool more;

    assert_int_equal(
        store_list(fixture->store, &any, NULL, 10, PATIENCE, &jobs, &count, &more, &fixture->error), OK);
    assert_int_equal(count, 0);
    assert_false(more);
    free(jobs);
    assert_int_equal(store_count(fixture->store, PATIENCE, &counts, &count, &fixture->error), OK);
    assert_int_equal(count, 0);
    free(counts);
    assert_int_equal(store_running(fixture->store, PATIENCE, &jobs, &count, &fixture->error), OK);
    assert_int_equal(count, 0);
    free(jobs);
    assert_int_equal(store_next_due(fixture->store, fixture->configuration, clock_wall_ms(), PATIENCE,
                                    &next_ms, &fixture->error),
                     OK);
    assert_int_equal(next_ms, 0);
    fixture_close(fixture);
}

static void the_event_comes_back_byte_for_byte(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 1000, 4096, 70000, 1024 * 1024, 6 * 1024 * 1024};
    struct fixture *fixture = fixture_open(NULL);
    uint8_t *event = malloc(6 * 1024 * 1024);

    for (size_t i = 0; i < 6 * 1024 * 1024; i++)
        event[i] = (uint8_t)(i * 31 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct store_submission submission = fixture_submission("report");
        struct buffer read = {0};

        submission.event = event;
        submission.event_size = sizes[i];
        assert_int_equal(submit(fixture, &submission).outcome, OK);
        buffer_append_text(&read, "before");
        assert_int_equal(store_event(fixture->store, &submission.job.id, PATIENCE, &read, &fixture->error),
                         OK);
        assert_int_equal(read.length, 6 + sizes[i]);
        assert_memory_equal(read.data, "before", 6);
        if (sizes[i] > 0)
            assert_memory_equal(read.data + 6, event, sizes[i]);
        buffer_free(&read);
    }
    free(event);
    fixture_close(fixture);
}

static void an_id_that_is_taken_is_invalid_and_changes_nothing(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct buffer event = {0};

    assert_int_equal(submit(fixture, &submission).outcome, OK);
    submission.event = "[]";
    submission.event_size = 2;
    strcpy(submission.job.function, "other");
    assert_int_equal(submit(fixture, &submission).outcome, INVALID);
    assert_string_equal(fixture_get(fixture, &submission.job.id).function, "report");
    assert_int_equal(store_event(fixture->store, &submission.job.id, PATIENCE, &event, &fixture->error), OK);
    fixture_assert_text(&event, "{\"n\":1}");
    fixture_close(fixture);
}

static void jobs_are_still_there_when_the_store_is_opened_again(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");

    store_close(fixture->store);
    assert_int_equal(store_open(fixture->configuration, STORE_WRITE, &fixture->store, &fixture->error), OK);
    assert_int_equal(fixture_get(fixture, &job.id).status, JOB_QUEUED);
    store_close(fixture->store);
    assert_int_equal(store_open(fixture->configuration, STORE_READ, &fixture->store, &fixture->error), OK);
    assert_int_equal(fixture_get(fixture, &job.id).status, JOB_QUEUED);
    fixture_close(fixture);
}

static void a_deadline_that_has_passed_is_unavailable(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("report");
    struct store_ticket ticket;
    bool replayed;
    bool queue_full;
    struct job job;

    /* A store that is free may still answer; one that is not must not make the caller wait. Either way: wholly or not
     * at all. */
    enum outcome outcome = store_submit(fixture->store, &submission, clock_monotonic_ms() - 1, &job,
                                        &replayed, &queue_full, &ticket, &fixture->error);

    assert_true(outcome == OK || outcome == UNAVAILABLE);
    assert_int_equal(fixture_look(fixture, &submission.job.id), outcome == OK ? OK : NOTFOUND);
    fixture_close(fixture);
}

/* ---- the queue's limit ---- */

static void a_full_queue_refuses_and_says_so(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission submission = fixture_submission("a");
    struct answer answer;

    fixture_submit(fixture, "a");
    fixture_submit(fixture, "b");
    submission.queue_max = 2;
    answer = submit(fixture, &submission);
    assert_int_equal(answer.outcome, FULL);
    assert_true(answer.queue_full);
    assert_int_equal(fixture_look(fixture, &submission.job.id), NOTFOUND);
    fixture_claim(fixture, 0); /* what runs is not queued */
    answer = submit(fixture, &submission);
    assert_int_equal(answer.outcome, OK);
    assert_false(answer.queue_full);
    fixture_close(fixture);
}

/* ---- idempotency ---- */

static struct store_submission submission_with_key(const char *caller, const char *key, uint8_t body)
{
    struct store_submission submission = fixture_submission("report");

    strcpy(submission.job.caller, caller);
    submission.idempotency_key = key;
    memset(submission.fingerprint, body, sizeof submission.fingerprint);
    return submission;
}

static void the_same_key_and_body_replay_the_first_job(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission first = submission_with_key("alice", "k1", 1);
    struct store_submission second = submission_with_key("alice", "k1", 1);
    struct answer answer;

    assert_false(submit(fixture, &first).replayed);
    answer = submit(fixture, &second);
    assert_int_equal(answer.outcome, OK);
    assert_true(answer.replayed);
    assert_true(job_id_equal(&answer.job.id, &first.job.id));
    assert_int_equal(fixture_look(fixture, &second.job.id), NOTFOUND);
    fixture_close(fixture);
}

static void a_replay_is_answered_when_the_queue_is_full(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission first = submission_with_key("alice", "k1", 1);
    struct store_submission second = submission_with_key("alice", "k1", 1);

    submit(fixture, &first);
    second.queue_max = 1;
    assert_true(submit(fixture, &second).replayed);
    fixture_close(fixture);
}

static void the_same_key_with_another_body_is_a_conflict(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission first = submission_with_key("alice", "k1", 1);
    struct store_submission second = submission_with_key("alice", "k1", 2);

    submit(fixture, &first);
    assert_int_equal(submit(fixture, &second).outcome, CONFLICT);
    assert_int_equal(fixture_look(fixture, &second.job.id), NOTFOUND);
    fixture_close(fixture);
}

static void keys_of_different_callers_are_apart(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission first = submission_with_key("ab", "c", 1);
    struct store_submission second = submission_with_key("a", "bc", 2);
    struct store_submission third = submission_with_key("", "abc", 3);

    assert_int_equal(submit(fixture, &first).outcome, OK);
    assert_int_equal(submit(fixture, &second).outcome, OK);
    assert_int_equal(submit(fixture, &third).outcome, OK);
    assert_int_equal(fixture_look(fixture, &third.job.id), OK);
    fixture_close(fixture);
}

static void a_key_is_free_again_after_its_time(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission first;
    struct store_submission second;
    int64_t start = 1800000000000;

    fixture_clock(start);
    first = submission_with_key("alice", "k1", 1);
    submit(fixture, &first);
    fixture_clock(start + first.idempotency_ttl_ms - 1);
    second = submission_with_key("alice", "k1", 2);
    assert_int_equal(submit(fixture, &second).outcome, CONFLICT);
    fixture_clock(start + first.idempotency_ttl_ms);
    assert_int_equal(submit(fixture, &second).outcome, OK); /* also when nobody has swept it away */
    second = submission_with_key("alice", "k1", 2);
    assert_true(submit(fixture, &second).replayed); /* and the new use counts from now */
    fixture_close(fixture);
}

static void a_refused_submission_leaves_its_key_free(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_submission refused = submission_with_key("alice", "k1", 1);
    struct store_submission other = submission_with_key("alice", "k1", 2);

    fixture_submit(fixture, "a");
    refused.queue_max = 1;
    assert_int_equal(submit(fixture, &refused).outcome, FULL);
    assert_int_equal(submit(fixture, &other).outcome, OK);
    fixture_close(fixture);
}

#define RACERS 16

struct racer {
    struct fixture *fixture;
    struct store_submission submission;
    enum outcome outcome;
    enum outcome read;
    bool replayed;
    struct job job;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct store_ticket ticket = {0};
    struct error error;
    struct job job;
    bool queue_full;

    racer->outcome = store_submit(racer->fixture->store, &racer->submission, PATIENCE, &racer->job,
                                  &racer->replayed, &queue_full, &ticket, &error);
    if (racer->outcome == OK)
        racer->outcome = store_sync(racer->fixture->store, ticket, PATIENCE, &error);
    racer->read = store_get(racer->fixture->store, &racer->job.id, PATIENCE, &job, &error);
    return NULL;
}

/* Hazard 19. */
static void racers_with_one_key_make_one_job(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    struct store_filter any = {0};
    struct job *jobs;
    size_t count;
    bool more;
    int first = 0;

    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.fixture = fixture, .submission = submission_with_key("alice", "k1", 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].outcome, OK);
        assert_int_equal(racers[i].read, OK);
        first += racers[i].replayed ? 0 : 1;
        assert_true(job_id_equal(&racers[i].job.id, &racers[0].job.id));
    }
    assert_int_equal(first, 1);
    assert_int_equal(
        store_list(fixture->store, &any, NULL, 10, PATIENCE, &jobs, &count, &more, &fixture->error), OK);
    assert_int_equal(count, 1);
    free(jobs);
    fixture_close(fixture);
}

static enum outcome submit_for(struct fixture *fixture, const char *caller, struct job *job)
{
    struct store_submission submission = fixture_submission("report");
    struct store_ticket ticket;
    bool replayed, queue_full = false;
    enum outcome outcome;

    job_text_copy(submission.job.caller, sizeof submission.job.caller, caller);
    submission.active_max = 2;
    outcome = store_submit(fixture->store, &submission, PATIENCE, job, &replayed, &queue_full, &ticket,
                           &fixture->error);
    assert_int_equal(outcome == FULL, queue_full);
    return outcome;
}

static void a_caller_has_only_so_many_jobs_that_have_not_ended(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job, claimed;

    assert_int_equal(submit_for(fixture, "alice", &job), OK);
    assert_int_equal(submit_for(fixture, "alice", &job), OK);
    assert_int_equal(submit_for(fixture, "alice", &job), FULL);
    assert_int_equal(submit_for(fixture, "alic", &job), OK); /* another one, though a prefix */
    assert_int_equal(submit_for(fixture, "", &job), OK);
    claimed = fixture_claim(fixture, 0);
    assert_int_equal(submit_for(fixture, "alice", &job), FULL); /* running counts */
    fixture_finish(fixture, &claimed, JOB_SUCCEED, NULL);
    assert_int_equal(submit_for(fixture, "alice", &job), OK);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_caller_has_only_so_many_jobs_that_have_not_ended),
          cmocka_unit_test(a_new_job_is_queued_and_readable_at_once),
          cmocka_unit_test(what_the_submission_says_is_kept), cmocka_unit_test(an_unknown_job_is_notfound),
          cmocka_unit_test(a_reader_finds_an_empty_store_before_the_first_job),
          cmocka_unit_test(the_event_comes_back_byte_for_byte),
          cmocka_unit_test(an_id_that_is_taken_is_invalid_and_changes_nothing),
          cmocka_unit_test(jobs_are_still_there_when_the_store_is_opened_again),
          cmocka_unit_test(a_deadline_that_has_passed_is_unavailable),
          cmocka_unit_test(a_full_queue_refuses_and_says_so),
          cmocka_unit_test(the_same_key_and_body_replay_the_first_job),
          cmocka_unit_test(a_replay_is_answered_when_the_queue_is_full),
          cmocka_unit_test(the_same_key_with_another_body_is_a_conflict),
          cmocka_unit_test(keys_of_different_callers_are_apart),
          cmocka_unit_test(a_key_is_free_again_after_its_time),
          cmocka_unit_test(a_refused_submission_leaves_its_key_free),
          cmocka_unit_test(racers_with_one_key_make_one_job))
