/* What a worker has committed is synced together with what others have, and no end is in the log before it is on disk. */
#include "config.h"

#include "../../worker/unsynced.h"

#include "../contract/fixture.h"

#include "log.h"

#include <stdio.h>

static struct store_ticket commit(struct fixture *fixture)
{
    struct store_submission wish = fixture_submission("report");
    struct store_ticket ticket = {0};
    struct job job;
    bool replayed, queue_full;
    assert_int_equal(
        store_submit(fixture->store, &wish, PATIENCE, &job, &replayed, &queue_full, &ticket, &fixture->error),
        OK);
    return ticket;
}

static struct store_ticket commit_and_end(struct fixture *fixture, struct unsynced *unsynced,
                                          const char *event)
{
    struct store_ticket ticket = commit(fixture);
    unsynced_add(unsynced, ticket);
    log_event_later(unsynced_ends(unsynced), LOG_LEVEL_INFO, event, NULL);
    return ticket;
}

static const char *log_file(const struct fixture *fixture)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/log", fixture->folder);
    return path;
}

static bool is_in_log(const struct fixture *fixture, const char *event)
{
    char text[4096];
    FILE *file = fopen(log_file(fixture), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return strstr(text, event) != NULL;
}

static uint64_t syncs(struct fixture *fixture)
{
    struct store_health health;
    assert_int_equal(store_health(fixture->store, PATIENCE, &health, &fixture->error), OK);
    return health.syncs;
}

static enum outcome sync_when_due(struct fixture *fixture, struct unsynced *unsynced)
{
    return unsynced_sync_when_due(unsynced, fixture->store, 20000, &fixture->error);
}

static struct fixture *open_with_log(void)
{
    struct fixture *fixture = fixture_open(NULL);
    assert_int_equal(log_open("test", log_file(fixture), LOG_LEVEL_INFO, &fixture->error), OK);
    return fixture;
}

static void close_with_log(struct fixture *fixture, struct unsynced *unsynced)
{
    log_open(NULL, NULL, LOG_LEVEL_INFO, NULL);
    unsynced_free(unsynced);
    fixture_close(fixture);
}

static void nothing_is_synced_or_told_before_it_is_due(void **state)
{
    struct fixture *fixture = open_with_log();
    struct unsynced unsynced = {0};
    struct store_ticket ticket = commit_and_end(fixture, &unsynced, "first_end");
    unsynced.by_ms = clock_deadline(100000);
    assert_int_equal(sync_when_due(fixture, &unsynced), OK);
    assert_false(store_is_synced(fixture->store, ticket));
    assert_false(is_in_log(fixture, "first_end"));
    unsynced.by_ms = 0;
    assert_int_equal(sync_when_due(fixture, &unsynced), OK);
    assert_true(store_is_synced(fixture->store, ticket));
    assert_true(is_in_log(fixture, "first_end"));
    assert_true(unsynced_due_ms(&unsynced) == INT64_MAX);
    close_with_log(fixture, &unsynced);
}

static void hazard_12_what_others_have_synced_tells_of_no_later_end(void **state)
{
    struct fixture *fixture = open_with_log();
    struct unsynced unsynced = {0};
    struct store_ticket first = commit_and_end(fixture, &unsynced, "first_end");
    assert_int_equal(store_sync(fixture->store, first, PATIENCE, &fixture->error),
                     OK); /* another process's */
    struct store_ticket second = commit_and_end(fixture, &unsynced, "second_end");
    uint64_t before = syncs(fixture);

    unsynced.by_ms = 0;
    assert_int_equal(sync_when_due(fixture, &unsynced), OK);
    assert_int_equal(syncs(fixture), before);
    assert_false(store_is_synced(fixture->store, second));
    assert_true(is_in_log(fixture, "first_end"));
    assert_false(is_in_log(fixture, "second_end"));
    assert_in_range(clock_left(unsynced_due_ms(&unsynced)), 0, UNSYNCED_MS);

    unsynced.by_ms = 0;
    assert_int_equal(sync_when_due(fixture, &unsynced), OK);
    assert_true(store_is_synced(fixture->store, second));
    assert_true(is_in_log(fixture, "second_end"));
    close_with_log(fixture, &unsynced);
}

static void one_sync_is_for_all(void **state)
{
    struct fixture *fixture = open_with_log();
    struct unsynced unsynced = {0};
    uint64_t before = syncs(fixture);
    for (int i = 0; i < 10; i++)
        commit_and_end(fixture, &unsynced, i < 9 ? "an_end" : "last_end");
    unsynced.by_ms = 0;
    assert_int_equal(sync_when_due(fixture, &unsynced), OK);
    assert_int_equal(syncs(fixture), before + 1);
    assert_true(is_in_log(fixture, "last_end"));
    assert_true(unsynced_due_ms(&unsynced) == INT64_MAX);
    close_with_log(fixture, &unsynced);
}

TEST_MAIN(cmocka_unit_test(nothing_is_synced_or_told_before_it_is_due),
          cmocka_unit_test(hazard_12_what_others_have_synced_tells_of_no_later_end),
          cmocka_unit_test(one_sync_is_for_all))
