/* fixture.c - see fixture.h */
#include "config.h"

#include "fixture.h"

#include "log.h"

#include <stdio.h>
#include <time.h>

struct job_policy fixture_policy;

static int64_t fake_wall_ms;

static int64_t wall_ms(void)
{
    return fake_wall_ms;
}

static int64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void fixture_clock(int64_t now_ms)
{
    static const struct clock_source fake = {.wall_ms = wall_ms, .monotonic_us = monotonic_us};

    fake_wall_ms = now_ms;
    clock_replace(now_ms > 0 ? &fake : NULL);
}

void fixture_configure(struct fixture *fixture, const char *settings)
{
    struct buffer text = {0};
    char *file;

    buffer_printf(&text, "data_dir = %s/data\n%s\n", fixture->folder, settings ? settings : "");
    file = test_file(fixture->folder, "jobgate.conf", text.data);
    configuration_release(fixture->configuration);
    if (configuration_load(file, &fixture->configuration, &fixture->error) != OK)
        fail_msg("%s", fixture->error.text);
    free(file);
    buffer_free(&text);
}

struct fixture *fixture_open(const char *settings)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    log_open("contract", NULL, LOG_LEVEL_WARNING, NULL);
    fixture->folder = test_folder();
    fixture_configure(fixture, settings);
    fixture_policy = (struct job_policy){.max_interruptions = 3};
    for (int status = 0; status < JOB_STATUS_COUNT; status++)
        fixture_policy.retention_ms[status] = 100000;
    if (store_open(fixture->configuration, STORE_WRITE, &fixture->store, &fixture->error) != OK)
        fail_msg("%s", fixture->error.text);
    return fixture;
}

void fixture_close(struct fixture *fixture)
{
    fixture_clock(0);
    store_close(fixture->store);
    configuration_release(fixture->configuration);
    test_folder_remove(fixture->folder);
    free(fixture);
}

static void must(struct fixture *fixture, enum outcome outcome, const char *what)
{
    if (outcome != OK)
        fail_msg("%s: %s: %s", what, outcome_name(outcome), fixture->error.text);
}

struct store_submission fixture_submission(const char *function)
{
    struct store_submission submission = {.event = "{\"n\":1}", .event_size = 7, .idempotency_ttl_ms = 50000};

    assert_int_equal(job_id_make(&submission.job.id, NULL), OK);
    job_text_copy(submission.job.function, JOB_FUNCTION_SIZE, function);
    submission.job.created_ms = clock_wall_ms();
    submission.job.due_ms = submission.job.created_ms;
    return submission;
}

static struct job submit(struct fixture *fixture, const struct store_submission *submission)
{
    struct store_ticket ticket = {0};
    struct job job;
    bool replayed;
    bool queue_full;

    must(fixture,
         store_submit(fixture->store, submission, PATIENCE, &job, &replayed, &queue_full, &ticket,
                      &fixture->error),
         "submit");
    must(fixture, store_sync(fixture->store, ticket, PATIENCE, &fixture->error), "sync");
    assert_false(replayed);
    return job;
}

struct job fixture_submit(struct fixture *fixture, const char *function)
{
    struct store_submission submission = fixture_submission(function);

    return submit(fixture, &submission);
}

struct job fixture_submit_due(struct fixture *fixture, const char *function, int64_t due_ms)
{
    struct store_submission submission = fixture_submission(function);

    submission.job.due_ms = due_ms;
    return submit(fixture, &submission);
}

struct job fixture_get(struct fixture *fixture, const struct job_id *id)
{
    struct job job;

    must(fixture, store_get(fixture->store, id, PATIENCE, &job, &fixture->error), "get");
    return job;
}

enum outcome fixture_look(struct fixture *fixture, const struct job_id *id)
{
    struct job job;

    return store_get(fixture->store, id, PATIENCE, &job, &fixture->error);
}

enum outcome fixture_try_claim(struct fixture *fixture, uint32_t slot, int64_t now_ms, struct job *job)
{
    struct slot_identity runner = {.slot = slot, .life = 1000 + slot};
    struct store_ticket ticket = {0};
    struct buffer event = {0};
    int64_t next_ms;
    unsigned aged;
    enum outcome outcome = store_claim(fixture->store, fixture->configuration, runner, now_ms, PATIENCE, job,
                                       &event, &next_ms, &aged, NULL, &ticket, &fixture->error);

    buffer_free(&event);
    if (outcome == OK)
        must(fixture, store_sync(fixture->store, ticket, PATIENCE, &fixture->error), "sync");
    else if (outcome != NOTFOUND)
        must(fixture, outcome, "claim");
    return outcome;
}

struct job fixture_claim(struct fixture *fixture, uint32_t slot)
{
    struct job job;

    must(fixture, fixture_try_claim(fixture, slot, clock_wall_ms(), &job), "claim");
    return job;
}

struct store_attempt fixture_attempt(const struct job *job)
{
    return (struct store_attempt){.id = job->id, .attempt = job->attempts, .runner = job->runner};
}

enum outcome fixture_try_finish(struct fixture *fixture, const struct store_attempt *attempt,
                                enum job_event event, const char *result, struct job *job)
{
    bool succeeded = event == JOB_SUCCEED;
    struct store_ticket ticket = {0};
    struct store_report report = {
        .event = event,
        .error_type = succeeded ? NULL : "Runtime.ExitError",
        .error_message = succeeded ? NULL : "exit status 1",
        .result = result,
        .result_size = result ? strlen(result) : 0,
        .result_type = result ? "application/json" : NULL,
        .attempt = {.finished_ms = clock_wall_ms(),
                    .exit_status = succeeded ? 0 : 1,
                    .cpu_us = 1234,
                    .peak_memory_kib = 567},
    };
    enum outcome outcome = store_finish(fixture->store, attempt, &report, &fixture_policy, PATIENCE, job,
                                        &ticket, &fixture->error);

    if (outcome == OK)
        must(fixture, store_sync(fixture->store, ticket, PATIENCE, &fixture->error), "sync");
    return outcome;
}

struct job fixture_finish(struct fixture *fixture, const struct job *job, enum job_event event,
                          const char *result)
{
    struct store_attempt attempt = fixture_attempt(job);
    struct job ended;

    must(fixture, fixture_try_finish(fixture, &attempt, event, result, &ended), "finish");
    return ended;
}

struct job fixture_run(struct fixture *fixture, const char *function, const char *result)
{
    struct job job = fixture_submit(fixture, function);
    struct job claimed = fixture_claim(fixture, 0);

    assert_true(job_id_equal(&job.id, &claimed.id));
    return fixture_finish(fixture, &claimed, JOB_SUCCEED, result);
}

void fixture_assert_text(struct buffer *buffer, const char *text)
{
    assert_int_equal(buffer->length, strlen(text));
    if (buffer->length > 0)
        assert_memory_equal(buffer->data, text, buffer->length);
    buffer_free(buffer);
}
