/* test_store_verify.c - what store_verify finds: every row that is missing, and every row too many */
#include "config.h"

#include "../contract/fixture.h"

#include "store_bdb/job_rows.h"
#include "store_bdb/store_bdb.h"
#include "store_bdb/table.h"

#include <stdio.h>

static char found[4096];

static void tell(void *context, const char *what, uint64_t done, uint64_t total)
{
}

static void hear(void *context, const char *words)
{
    size_t length = strlen(found);
    snprintf(found + length, sizeof found - length, "%s\n", words);
}

static uint64_t verify(struct fixture *fixture, bool pages)
{
    struct store_summary summary;
    found[0] = '\0';
    if (store_verify(fixture->store, pages, tell, hear, NULL, &summary, &fixture->error) != OK)
        fail_msg("%s", fixture->error.text);
    return summary.wrong;
}

/* One job in each state there is, one with a callback among them. */
static void fill(struct fixture *fixture)
{
    struct store_submission submission = fixture_submission("report");
    struct store_ticket ticket;
    struct job job;
    bool replayed, full;
    snprintf(submission.job.callback_url, sizeof submission.job.callback_url, "https://example.org/");
    snprintf(submission.job.caller, sizeof submission.job.caller, "somebody");
    submission.idempotency_key = "key";
    submission.idempotency_ttl_ms = 1000000;
    assert_int_equal(
        store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &full, &ticket, NULL), OK);
    job = fixture_claim(fixture, 1);
    fixture_finish(fixture, &job, JOB_SUCCEED, "\"result\"");
    fixture_run(fixture, "thumbnail", "1");
    fixture_submit(fixture, "report");
    fixture_claim(fixture, 1);
    submission = fixture_submission("report");
    snprintf(submission.job.caller, sizeof submission.job.caller, "somebody");
    assert_int_equal(
        store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &full, &ticket, NULL), OK);
}

struct edit {
    enum table name;
    struct key key;
};

static enum outcome take_first(struct transaction *transaction, void *context, struct error *error)
{
    struct edit *edit = context;
    struct key first = {.size = 0};
    struct walk walk;
    enum outcome outcome = walk_open(&walk, transaction, edit->name, error);
    if (outcome == OK)
        outcome = walk_seek(&walk, &first, &edit->key, error);
    walk_close(&walk);
    return outcome == OK ? table_delete(transaction, edit->name, &edit->key, error) : outcome;
}

static enum outcome add_row(struct transaction *transaction, void *context, struct error *error)
{
    struct edit *edit = context;
    return table_put(transaction, edit->name, &edit->key, "", 0, error);
}

static void a_sound_store_is_told_sound(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    fill(fixture);
    assert_int_equal(verify(fixture, false), 0);
    assert_int_equal(verify(fixture, true), 0);
    fixture_close(fixture);
}

static void a_row_that_is_missing_is_told(void **state)
{
    static const enum table tables[] = {
        TABLE_JOBS,    TABLE_EVENTS, TABLE_RESULTS, TABLE_ATTEMPTS,   TABLE_DUE,          TABLE_RUNNING,
        TABLE_LISTING, TABLE_EXPIRY, TABLE_ACTIVE,  TABLE_DELIVERIES, TABLE_DELIVERY_DUE, TABLE_IDEMPOTENCY};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct fixture *fixture = fixture_open(NULL);
        struct edit edit = {.name = tables[i]};
        struct store_ticket ticket;
        fill(fixture);
        assert_int_equal(environment_run(fixture->store->environment, take_first, &edit, PATIENCE, &ticket,
                                         &fixture->error),
                         OK);
        if (verify(fixture, false) == 0)
            fail_msg("nobody missed the first row of table %u", (unsigned)tables[i]);
        fixture_close(fixture);
    }
}

static void a_row_too_many_is_told(void **state)
{
    struct job_id nobody;
    assert_int_equal(job_id_make(&nobody, NULL), OK);
    const struct edit edits[] = {
        {TABLE_DUE, key_of_due("report", 1, &nobody)},
        {TABLE_RUNNING, key_of_running("report", &nobody)},
        {TABLE_LISTING, key_of_listing("report", JOB_FAILED, &nobody)},
        {TABLE_ACTIVE, key_of_active("somebody", &nobody)},
        {TABLE_EVENTS, key_of_id(&nobody)},
        {TABLE_ATTEMPTS, key_of_attempt(&nobody, 1)},
        {TABLE_LOGS, key_of_log(&nobody, 0)},
        {TABLE_EXPIRY, key_of_expiry(1, EXPIRY_JOB, nobody.bytes, JOB_ID_BYTES)},
        {TABLE_EXPIRY, key_of_expiry(1, EXPIRY_GONE, nobody.bytes, JOB_ID_BYTES)},
        {TABLE_DELIVERY_DUE, key_of_delivery_due(1, &nobody, TARGET_CALLBACK)},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct fixture *fixture = fixture_open(NULL);
        struct edit edit = edits[i];
        struct store_ticket ticket;
        fill(fixture);
        assert_int_equal(
            environment_run(fixture->store->environment, add_row, &edit, PATIENCE, &ticket, &fixture->error),
            OK);
        assert_int_equal(verify(fixture, false), 1);
        fixture_close(fixture);
    }
}

static void a_row_that_says_otherwise_is_told(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job job = fixture_submit(fixture, "report");
    struct edit edit = {TABLE_LISTING, key_of_listing("report", JOB_FAILED, &job.id)};
    struct store_ticket ticket;
    assert_int_equal(
        environment_run(fixture->store->environment, add_row, &edit, PATIENCE, &ticket, &fixture->error), OK);
    assert_int_equal(verify(fixture, false), 1);
    assert_non_null(strstr(found, "another row"));
    fixture_close(fixture);
}

static void many_portions_see_every_job_once(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_summary summary;
    for (int i = 0; i < 700; i++)
        fixture_submit(fixture, "report");
    assert_int_equal(store_verify(fixture->store, true, tell, hear, NULL, &summary, &fixture->error), OK);
    assert_int_equal(summary.wrong, 0);
    assert_int_equal(summary.jobs, 700);
    assert_int_equal(summary.records, 4 * 700); /* job, event, due, listing */
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_sound_store_is_told_sound), cmocka_unit_test(a_row_that_is_missing_is_told),
          cmocka_unit_test(a_row_too_many_is_told), cmocka_unit_test(a_row_that_says_otherwise_is_told),
          cmocka_unit_test(many_portions_see_every_job_once))
