/* test_store_rows.c - the tables behind the store: no index drifts from the jobs, nothing is left behind
 *
 * The contract cannot see a row that nobody reads. Here the tables are walked and held against each other after
 * many random calls, always the same ones. */
#include "config.h"

#include "../contract/fixture.h"

#include "log.h"
#include "store_bdb/gate.h"
#include "store_bdb/record.h"
#include "store_bdb/store_bdb.h"
#include "store_bdb/table.h"

#include <stdio.h>

#define T0 ((int64_t)1800000000000)

static size_t rows[TABLE_COUNT];

static enum outcome count_rows(struct transaction *transaction, void *context, struct error *error)
{
    for (enum table name = 0; name < TABLE_COUNT; name++) {
        struct key key = {.size = 0};
        struct walk walk;
        enum outcome outcome = walk_open(&walk, transaction, name, error);

        rows[name] = 0;
        if (outcome == OK)
            outcome = walk_seek(&walk, &key, &key, error);
        for (; outcome == OK; outcome = walk_next(&walk, &key, error))
            rows[name]++;
        walk_close(&walk);
        if (outcome != NOTFOUND)
            return outcome;
    }
    return OK;
}

struct expected {
    size_t jobs;
    size_t queued;
    size_t running;
    size_t expiring;
    size_t with_event;
    size_t with_result;
    size_t attempts;
};

static bool has(struct transaction *transaction, enum table name, const struct key *key)
{
    char value[64];
    size_t size;
    struct error error;

    return table_get(transaction, name, key, value, sizeof value, &size, &error) != NOTFOUND;
}

/* Each of these has just one row in its index, so that the number of rows there proves that there are no others. */
static void check_job(struct transaction *transaction, const struct job *job, struct expected *expected)
{
    struct key listing = key_of_listing(job->function, job->status, &job->id);
    struct key due = key_of_due(job->function, job->due_ms, &job->id);
    struct key running = key_of_running(job->function, &job->id);
    struct key expiry = key_of_expiry(job->expires_ms, EXPIRY_JOB, job->id.bytes, JOB_ID_BYTES);
    struct key id = key_of_id(&job->id);

    expected->jobs++;
    expected->queued += job->status == JOB_QUEUED;
    expected->running += job->status == JOB_RUNNING;
    expected->expiring += job->expires_ms != 0;
    expected->with_event += !job->purged;
    expected->with_result += job->result_type[0] != '\0';
    expected->attempts += job->attempts;
    assert_true(has(transaction, TABLE_LISTING, &listing));
    assert_int_equal(has(transaction, TABLE_DUE, &due), job->status == JOB_QUEUED);
    assert_int_equal(has(transaction, TABLE_RUNNING, &running), job->status == JOB_RUNNING);
    assert_int_equal(has(transaction, TABLE_EXPIRY, &expiry), job->expires_ms != 0);
    assert_int_equal(has(transaction, TABLE_EVENTS, &id), !job->purged);
    assert_int_equal(has(transaction, TABLE_RESULTS, &id), job->result_type[0] != '\0');
}

static enum outcome check_jobs(struct transaction *transaction, void *context, struct error *error)
{
    struct expected *expected = context;
    uint8_t bytes[RECORD_JOB_MAX];
    struct key key = {.size = 0};
    struct walk walk;
    enum outcome outcome = walk_open(&walk, transaction, TABLE_JOBS, error);

    memset(expected, 0, sizeof *expected);
    walk.value = bytes;
    walk.capacity = sizeof bytes;
    if (outcome == OK)
        outcome = walk_seek(&walk, &key, &key, error);
    for (; outcome == OK; outcome = walk_next(&walk, &key, error)) {
        struct job_id id;
        struct job job;

        memcpy(id.bytes, key.bytes, JOB_ID_BYTES);
        assert_true(record_get_job(bytes, walk.size, &id, &job));
        check_job(transaction, &job, expected);
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}

static void look(struct fixture *fixture)
{
    assert_int_equal(
        environment_read(fixture->store->environment, count_rows, NULL, NULL, PATIENCE, &fixture->error), OK);
}

static void check_all(struct fixture *fixture)
{
    struct expected expected;

    look(fixture);
    assert_int_equal(
        environment_read(fixture->store->environment, check_jobs, &expected, NULL, PATIENCE, &fixture->error),
        OK);
    assert_int_equal(rows[TABLE_JOBS], expected.jobs);
    assert_int_equal(rows[TABLE_LISTING], expected.jobs);
    assert_int_equal(rows[TABLE_DUE], expected.queued);
    assert_int_equal(rows[TABLE_RUNNING], expected.running);
    assert_int_equal(rows[TABLE_EVENTS], expected.with_event);
    assert_int_equal(rows[TABLE_RESULTS], expected.with_result);
    assert_int_equal(rows[TABLE_ATTEMPTS], expected.attempts);
    assert_int_equal(rows[TABLE_EXPIRY], expected.expiring + rows[TABLE_GONE] + rows[TABLE_IDEMPOTENCY]);
}

/* ---- random calls ---- */

#define KNOWN 64

struct play {
    struct fixture *fixture;
    uint64_t seed;
    int64_t now_ms;
    struct job_id known[KNOWN];
    unsigned known_count;
    struct job running[KNOWN];
    unsigned running_count;
};

/* A generator of its own, so that a failure can be repeated. */
static uint32_t draw(struct play *play, uint32_t limit)
{
    play->seed = play->seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(play->seed >> 33) % limit;
}

static void play_submit(struct play *play)
{
    static const char *const functions[] = {"a", "aa", "b"};
    static const char *const keys[] = {NULL, NULL, "k1", "k2", "k3"};
    struct store_submission submission = fixture_submission(functions[draw(play, 3)]);
    struct store_ticket ticket;
    bool replayed;
    bool queue_full;
    struct job job;

    submission.idempotency_key = keys[draw(play, 5)];
    submission.job.due_ms += draw(play, 3000);
    if (draw(play, 4) == 0)
        strcpy(submission.job.callback_url, "https://example.org/");
    assert_int_equal(store_submit(play->fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                  &ticket, &play->fixture->error),
                     OK);
    play->known[play->known_count++ % KNOWN] = job.id;
}

static void play_claim(struct play *play)
{
    struct job job;

    if (play->running_count < KNOWN &&
        fixture_try_claim(play->fixture, draw(play, 4), play->now_ms, &job) == OK)
        play->running[play->running_count++] = job;
}

static void play_finish(struct play *play)
{
    static const enum job_event events[] = {JOB_SUCCEED,   JOB_SUCCEED,   JOB_FAIL,
                                            JOB_TRY_LATER, JOB_INTERRUPT, JOB_FAIL_FOR_GOOD};
    unsigned which;

    if (play->running_count == 0)
        return;
    which = draw(play, play->running_count);
    fixture_finish(play->fixture, &play->running[which], events[draw(play, 6)], draw(play, 3) ? "{}" : NULL);
    play->running[which] = play->running[--play->running_count];
}

static void play_report(struct play *play)
{
    struct store_attempt attempt;
    bool cancel_requested;

    if (play->running_count == 0)
        return;
    attempt = fixture_attempt(&play->running[draw(play, play->running_count)]);
    assert_int_equal(store_progress(play->fixture->store, &attempt, 7, "x", PATIENCE, &cancel_requested,
                                    &play->fixture->error),
                     OK);
    assert_int_equal(store_log_append(play->fixture->store, &attempt, 0, "line of a log\n", 14, 40, PATIENCE,
                                      &play->fixture->error),
                     OK);
}

static void play_end(struct play *play)
{
    const struct job_id *id = &play->known[draw(play, KNOWN)];
    struct store_ticket ticket;
    struct job job;
    enum outcome outcome;

    if (draw(play, 2) == 0)
        outcome = store_cancel(play->fixture->store, play->fixture->configuration, id, "why", "who", PATIENCE,
                               &job, &ticket, &play->fixture->error);
    else
        outcome = store_purge(play->fixture->store, id, PATIENCE, &job, &ticket, &play->fixture->error);
    assert_true(outcome == OK || outcome == CONFLICT || outcome == NOTFOUND || outcome == GONE);
}

static void play_expire(struct play *play)
{
    unsigned removed;

    play->now_ms += draw(play, 9000);
    fixture_clock(play->now_ms);
    assert_int_equal(store_expire(play->fixture->store, play->now_ms, draw(play, 5), PATIENCE, &removed,
                                  &play->fixture->error),
                     OK);
}

static void play_on(struct play *play)
{
    static void (*const moves[])(struct play *) = {play_submit, play_submit, play_claim,
                                                   play_claim,  play_finish, play_finish,
                                                   play_report, play_end,    play_expire};

    moves[draw(play, sizeof moves / sizeof moves[0])](play);
    play->now_ms += draw(play, 200);
    fixture_clock(play->now_ms);
}

static struct play begin(struct fixture *fixture)
{
    struct play play = {.fixture = fixture, .seed = 20261123, .now_ms = T0};

    fixture_policy.retries = 1;
    fixture_policy.backoff_ms = 500;
    fixture_clock(T0);
    return play;
}

static void no_index_drifts_from_the_jobs(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct play play = begin(fixture);

    for (int i = 0; i < 1500; i++) {
        play_on(&play);
        if (i % 20 == 0)
            check_all(fixture);
    }
    check_all(fixture);
    assert_true(rows[TABLE_JOBS] > 10); /* it was about something */
    assert_true(rows[TABLE_GONE] > 10);
    fixture_close(fixture);
}

static void when_all_has_expired_nothing_is_left_in_any_table(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct play play = begin(fixture);
    unsigned removed;

    for (int i = 0; i < 700; i++)
        play_on(&play);
    while (play.running_count > 0)
        play_finish(&play);
    do {
        struct job job;

        play.now_ms += 100000;
        fixture_clock(play.now_ms);
        while (fixture_try_claim(fixture, 0, play.now_ms, &job) == OK)
            fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
        look(fixture);
    } while (rows[TABLE_DUE] > 0);
    for (int round = 0; round < 3; round++) {
        play.now_ms +=
            (int64_t)100 * 86400 * 1000; /* the cancelled ones have the configuration's retention */
        fixture_clock(play.now_ms);
        do
            assert_int_equal(
                store_expire(fixture->store, play.now_ms, 100, PATIENCE, &removed, &fixture->error), OK);
        while (removed > 0);
    }
    look(fixture);
    for (enum table name = 0; name < TABLE_COUNT; name++)
        assert_int_equal(rows[name], 0);
    fixture_close(fixture);
}

static void a_purge_leaves_no_event_result_or_log(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_attempt attempt;
    struct store_ticket ticket;
    struct job job;

    fixture_submit(fixture, "report");
    job = fixture_claim(fixture, 0);
    attempt = fixture_attempt(&job);
    assert_int_equal(
        store_log_append(fixture->store, &attempt, 0, "line\n", 5, 100, PATIENCE, &fixture->error), OK);
    fixture_finish(fixture, &job, JOB_SUCCEED, "{}");
    look(fixture);
    assert_int_equal(rows[TABLE_EVENTS] + rows[TABLE_RESULTS] + rows[TABLE_LOGS], 3);
    assert_int_equal(store_purge(fixture->store, &job.id, PATIENCE, &job, &ticket, &fixture->error), OK);
    look(fixture);
    assert_int_equal(rows[TABLE_EVENTS] + rows[TABLE_RESULTS] + rows[TABLE_LOGS], 0);
    fixture_close(fixture);
}

/* ---- damage ---- */

struct damage {
    enum table name;
    struct key key;
};

static enum outcome do_damage(struct transaction *transaction, void *context, struct error *error)
{
    const struct damage *damage = context;

    return table_delete(transaction, damage->name, &damage->key, error);
}

static void lose(struct fixture *fixture, enum table name, const struct job_id *id)
{
    struct damage damage = {.name = name, .key = key_of_id(id)};

    assert_int_equal(
        environment_run(fixture->store->environment, do_damage, &damage, PATIENCE, NULL, &fixture->error),
        OK);
}

static void a_lost_record_at_the_head_of_a_queue_holds_nobody_up(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job without_record = fixture_submit_due(fixture, "report", T0);
    struct job without_event = fixture_submit_due(fixture, "report", T0 + 1);
    struct job sound = fixture_submit_due(fixture, "report", T0 + 2);
    char log[512];
    char *lines;
    struct job job;

    fixture_clock(T0 + 10);
    snprintf(log, sizeof log, "%s/log", fixture->folder); /* it says so, as it should */
    log_open("test", log, LOG_LEVEL_ERROR, NULL);
    lose(fixture, TABLE_JOBS, &without_record.id);
    lose(fixture, TABLE_EVENTS, &without_event.id);
    job = fixture_claim(fixture, 0);
    assert_true(job_id_equal(&job.id, &sound.id));
    job = fixture_get(fixture, &without_event.id);
    assert_int_equal(job.status, JOB_FAILED);
    assert_string_equal(job.error_type, "Event.Lost");
    look(fixture);
    assert_int_equal(rows[TABLE_DUE], 0);
    lines = test_read_file(log);
    assert_non_null(strstr(lines, "event=queue_row_without_job"));
    free(lines);
    fixture_close(fixture);
}

/* ---- space ---- */

static enum outcome add_pages(struct transaction *transaction, void *context, struct error *error)
{
    uint64_t *pages = context;

    *pages = 0;
    for (enum table name = 0; name < TABLE_COUNT; name++) {
        DB_BTREE_STAT *stat;
        DB *table;
        enum outcome outcome = transaction_table(transaction, name, &table, error);

        if (outcome != OK)
            return outcome;
        assert_int_equal(table->stat(table, transaction->txn, &stat, DB_FAST_STAT), 0);
        *pages += stat->bt_pagecnt;
        free(stat);
    }
    return OK;
}

/* What the tables take, used or free. */
static uint64_t pages_of_tables(struct fixture *fixture)
{
    uint64_t pages;

    assert_int_equal(
        environment_read(fixture->store->environment, add_pages, &pages, NULL, PATIENCE, &fixture->error),
        OK);
    return pages;
}

/* A round of jobs that come, run and expire, and whose ids are forgotten. */
static void round_of_jobs(struct fixture *fixture, struct play *play, unsigned count)
{
    unsigned removed;

    for (unsigned i = 0; i < count; i++) {
        struct store_submission submission = fixture_submission(i % 3 ? "a" : "b");
        struct store_ticket ticket;
        bool replayed;
        bool queue_full;
        struct job job;

        assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                      &ticket, &fixture->error),
                         OK);
    }
    for (unsigned i = 0; i < count; i++) {
        struct slot_identity runner = {.slot = 1, .life = 1};
        struct store_report report = {
            .event = JOB_SUCCEED, .result = play, .result_size = 100, .result_type = "a/b"};
        struct store_attempt attempt;
        struct store_ticket ticket;
        struct buffer event = {0};
        struct job job;
        int64_t next_ms;
        unsigned aged;

        assert_int_equal(store_claim(fixture->store, fixture->configuration, runner, play->now_ms, PATIENCE,
                                     &job, &event, &next_ms, &aged, NULL, &ticket, &fixture->error),
                         OK);
        buffer_free(&event);
        attempt = fixture_attempt(&job);
        assert_int_equal(store_log_append(fixture->store, &attempt, 0, "line of a log\n", 14, 100, PATIENCE,
                                          &fixture->error),
                         OK);
        assert_int_equal(store_finish(fixture->store, &attempt, &report, &fixture_policy, PATIENCE, &job,
                                      &ticket, &fixture->error),
                         OK);
    }
    play->now_ms += 100000; /* their retention; those of the round before are forgotten now */
    fixture_clock(play->now_ms);
    do
        assert_int_equal(store_expire(fixture->store, play->now_ms, 200, PATIENCE, &removed, &fixture->error),
                         OK);
    while (removed > 0);
}

static void the_tables_stay_level_while_jobs_come_and_expire(void **state)
{
    const char *size = getenv("JOBGATE_TEST_ROUND"); /* the long form: JOBGATE_TEST_ROUND=10000 */
    unsigned count = size ? (unsigned)atoi(size) : 600;
    struct fixture *fixture = fixture_open(NULL);
    struct play play = begin(fixture);
    uint64_t after_three = 0;

    for (int i = 0; i < 10; i++) {
        round_of_jobs(fixture, &play, count);
        if (i == 2)
            after_three = pages_of_tables(fixture);
    }
    assert_true(after_three > 0);
    if (pages_of_tables(fixture) > after_three + after_three / 4)
        fail_msg("%llu pages after three rounds, %llu after ten", (unsigned long long)after_three,
                 (unsigned long long)pages_of_tables(fixture));
    fixture_close(fixture);
}

#define HOURS ((int64_t)3600 * 1000)

/* The page that knows of the clock's leap has gone with its boot. */
static void hazard_25_a_recovery_has_the_queues_searched(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job;

    fixture_clock(T0 + 6 * HOURS);
    fixture_submit_due(fixture, "a", T0 + 6 * HOURS);
    store_close(fixture->store);
    gate_set_boot_id("another boot");
    assert_int_equal(store_open(fixture->configuration, STORE_WRITE, &fixture->store, &fixture->error), OK);
    fixture_clock(T0);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &job), OK);
    gate_set_boot_id(NULL);
    fixture_close(fixture);
}

/* Hazard 25. */
static enum outcome damage_record(struct transaction *transaction, void *context, struct error *error)
{
    struct key key = key_of_id(context);

    return table_put(transaction, TABLE_JOBS, &key, "no record", 9, error);
}

static void hazard_25_a_damaged_record_does_not_end_the_search(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job damaged, job;

    log_open("test", NULL, LOG_LEVEL_ERROR, NULL);
    fixture_clock(T0 + 6 * HOURS);
    assert_int_equal(fixture_try_claim(fixture, 1, T0 + 6 * HOURS, &job), NOTFOUND);
    damaged = fixture_submit_due(fixture, "a", T0 + 9 * HOURS);
    fixture_submit_due(fixture, "b", T0 + 6 * HOURS);
    assert_int_equal(environment_run(fixture->store->environment, damage_record, &damaged.id, PATIENCE, NULL,
                                     &fixture->error),
                     OK);
    fixture_clock(T0);
    assert_int_equal(fixture_try_claim(fixture, 1, T0, &job), OK);
    assert_string_equal(job.function, "b");
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(no_index_drifts_from_the_jobs),
          cmocka_unit_test(when_all_has_expired_nothing_is_left_in_any_table),
          cmocka_unit_test(a_purge_leaves_no_event_result_or_log),
          cmocka_unit_test(a_lost_record_at_the_head_of_a_queue_holds_nobody_up),
          cmocka_unit_test(hazard_25_a_recovery_has_the_queues_searched),
          cmocka_unit_test(hazard_25_a_damaged_record_does_not_end_the_search),
          cmocka_unit_test(the_tables_stay_level_while_jobs_come_and_expire))
