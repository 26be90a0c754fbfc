/* test_store_list.c - contract: pages of jobs, and counts */
#include "config.h"

#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define MIXED 60

/* Jobs of three functions in all five states. */
static void make_mixed(struct fixture *fixture)
{
    static const char *const functions[] = {"aaa", "aa", "zz"};
    struct store_ticket ticket;

    for (int i = 0; i < MIXED; i++) {
        enum job_status wanted = (enum job_status)(JOB_QUEUED + i % 5);
        struct job job = fixture_submit(fixture, functions[i % 3]);

        if (wanted == JOB_RUNNING || wanted == JOB_SUCCEEDED || wanted == JOB_FAILED) {
            struct job claimed = fixture_claim(fixture, 0); /* not always the one just submitted */

            if (wanted != JOB_RUNNING)
                fixture_finish(fixture, &claimed, wanted == JOB_SUCCEEDED ? JOB_SUCCEED : JOB_FAIL, NULL);
        } else if (wanted == JOB_CANCELLED) {
            assert_int_equal(store_cancel(fixture->store, fixture->configuration, &job.id, NULL, NULL,
                                          PATIENCE, &job, &ticket, &fixture->error),
                             OK);
        }
    }
}

static int newest_first(const void *a, const void *b)
{
    return memcmp(((const struct job *)b)->id.bytes, ((const struct job *)a)->id.bytes, JOB_ID_BYTES);
}

/* Walks all pages; the number of jobs, checked to be in order. */
static size_t walk(struct fixture *fixture, const struct store_filter *filter, size_t limit, struct job *all,
                   size_t room)
{
    const struct job_id *before = NULL;
    struct job_id last;
    size_t total = 0;
    bool more = true;

    while (more) {
        struct job *jobs;
        size_t count;

        assert_int_equal(store_list(fixture->store, filter, before, limit, PATIENCE, &jobs, &count, &more,
                                    &fixture->error),
                         OK);
        assert_true(count == limit || !more);
        for (size_t i = 0; i < count; i++) {
            assert_true(total == 0 || memcmp(jobs[i].id.bytes, last.bytes, JOB_ID_BYTES) < 0);
            assert_true(total < room);
            last = jobs[i].id;
            all[total++] = jobs[i];
        }
        before = &last;
        free(jobs);
    }
    return total;
}

static bool matches(const struct store_filter *filter, const struct job *job)
{
    return (filter->status == 0 || job->status == filter->status) &&
           (filter->function == NULL || strcmp(job->function, filter->function) == 0);
}

static void every_filter_finds_exactly_its_jobs_newest_first(void **state)
{
    static const char *const functions[] = {NULL, "aaa", "aa", "zz", "a", "nobody"};
    static const size_t limits[] = {1, 7, 60, 61, 1000};
    struct fixture *fixture = fixture_open(NULL);
    struct job *all = calloc(MIXED, sizeof *all);
    struct job *found = calloc(MIXED, sizeof *found);
    struct store_filter any = {0};

    make_mixed(fixture);
    assert_int_equal(walk(fixture, &any, 1000, all, MIXED), MIXED);
    qsort(all, MIXED, sizeof *all, newest_first);
    for (unsigned status = 0; status < JOB_STATUS_COUNT; status++) {
        for (unsigned f = 0; f < sizeof functions / sizeof functions[0]; f++) {
            for (unsigned l = 0; l < sizeof limits / sizeof limits[0]; l++) {
                struct store_filter filter = {.status = (enum job_status)status, .function = functions[f]};
                size_t count = walk(fixture, &filter, limits[l], found, MIXED);
                size_t at = 0;

                for (int i = 0; i < MIXED; i++) {
                    if (!matches(&filter, &all[i]))
                        continue;
                    assert_true(at < count);
                    assert_true(job_id_equal(&found[at].id, &all[i].id));
                    assert_int_equal(found[at].status, all[i].status);
                    assert_string_equal(found[at].function, all[i].function);
                    at++;
                }
                assert_int_equal(at, count);
            }
        }
    }
    free(all);
    free(found);
    fixture_close(fixture);
}

static void a_page_of_none_says_whether_there_are_any(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_filter any = {0};
    struct job *jobs;
    size_t count;
    bool more;

    fixture_submit(fixture, "a");
    assert_int_equal(
        store_list(fixture->store, &any, NULL, 0, PATIENCE, &jobs, &count, &more, &fixture->error), OK);
    assert_int_equal(count, 0);
    assert_true(more);
    free(jobs);
    fixture_close(fixture);
}

static void the_cursor_may_be_any_id(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_filter filter = {0};
    struct job_id between;
    struct job first = fixture_submit(fixture, "a");
    struct job *jobs;
    size_t count;
    bool more;

    assert_int_equal(job_id_make(&between, NULL), OK); /* was never a job, or is no more */
    fixture_submit(fixture, "a");
    for (int i = 0; i < 2; i++) {
        filter.function = i == 0 ? NULL : "a";
        assert_int_equal(store_list(fixture->store, &filter, &between, 10, PATIENCE, &jobs, &count, &more,
                                    &fixture->error),
                         OK);
        assert_int_equal(count, 1);
        assert_true(job_id_equal(&jobs[0].id, &first.id));
        free(jobs);
        assert_int_equal(store_list(fixture->store, &filter, &first.id, 10, PATIENCE, &jobs, &count, &more,
                                    &fixture->error),
                         OK);
        assert_int_equal(count, 0);
        assert_false(more);
        free(jobs);
    }
    fixture_close(fixture);
}

static void from_ends_every_list_at_that_job(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job *all = calloc(MIXED, sizeof *all);
    struct job *found = calloc(MIXED, sizeof *found);
    static const struct store_filter filters[] = {
        {0}, {.function = "aa"}, {.status = JOB_QUEUED}, {.status = JOB_CANCELLED, .function = "zz"}};

    make_mixed(fixture);
    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++) {
        struct store_filter filter = filters[f];
        size_t count = walk(fixture, &filter, 1000, all, MIXED);

        assert_true(count > 0);
        for (size_t oldest = 0; oldest < count; oldest++) {
            filter.from = &all[oldest].id;
            for (size_t limit = 1; limit <= 7; limit += 3)
                assert_int_equal(walk(fixture, &filter, limit, found, MIXED), oldest + 1);
            assert_true(job_id_equal(&found[oldest].id, &all[oldest].id));
        }
        filter.from = &(struct job_id){{0xff}}; /* younger than all */
        assert_int_equal(walk(fixture, &filter, 10, found, MIXED), 0);
    }
    free(all);
    free(found);
    fixture_close(fixture);
}

/* ---- while others submit ---- */

struct submitter {
    struct fixture *fixture;
    atomic_bool stop;
    atomic_int count;
    bool failed;
};

static void *keep_submitting(void *context)
{
    struct submitter *submitter = context;
    struct error error;

    while (!submitter->stop) {
        struct store_submission submission = {.event = "{}", .event_size = 2};
        struct store_ticket ticket;
        struct job job;
        bool replayed;
        bool queue_full;

        if (job_id_make(&submission.job.id, &error) != OK)
            submitter->failed = true;
        strcpy(submission.job.function, submitter->count % 2 ? "aaa" : "new");
        submission.job.created_ms = clock_wall_ms();
        if (store_submit(submitter->fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                         &ticket, &error) != OK)
            submitter->failed = true;
        submitter->count++;
    }
    return NULL;
}

static void a_walk_sees_each_old_job_once_while_others_are_submitted(void **state)
{
    const char *size = getenv("JOBGATE_TEST_LIST"); /* the long form: JOBGATE_TEST_LIST=100000 */
    size_t old = size ? (size_t)atol(size) : 2000;
    struct fixture *fixture = fixture_open(NULL);
    struct submitter submitter = {.fixture = fixture};
    struct job_id *ids = calloc(old, sizeof *ids);
    size_t seen = 0;
    struct job_id last;
    pthread_t thread;
    bool more = true;

    for (size_t i = 0; i < old; i++) {
        struct store_submission submission = fixture_submission(i % 3 ? "aaa" : "zz");
        struct store_ticket ticket;
        struct job job;
        bool replayed;
        bool queue_full;

        assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                      &ticket, &fixture->error),
                         OK);
        ids[i] = job.id;
    }
    assert_int_equal(pthread_create(&thread, NULL, keep_submitting, &submitter), 0);
    while (submitter.count < 10)
        clock_sleep_us(1000);
    while (more) {
        struct store_filter queued = {.status = JOB_QUEUED};
        struct job *jobs;
        size_t count;

        /* From the newest old one on: what was submitted since the walk began lies before the first page. */
        if (seen == 0 && store_list(fixture->store, &queued, NULL, 50, PATIENCE, &jobs, &count, &more,
                                    &fixture->error) == OK) {
            free(jobs);
            last = ids[old - 1];
            seen = 1;
        }
        assert_int_equal(
            store_list(fixture->store, &queued, &last, 50, PATIENCE, &jobs, &count, &more, &fixture->error),
            OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(seen < old);
            assert_true(job_id_equal(&jobs[i].id, &ids[old - 1 - seen]));
            last = jobs[i].id;
            seen++;
        }
        free(jobs);
    }
    assert_int_equal(seen, old);
    submitter.stop = true;
    pthread_join(thread, NULL);
    assert_false(submitter.failed);
    free(ids);
    fixture_close(fixture);
}

/* ---- counts ---- */

static void counts_are_exact(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct job *all = calloc(MIXED, sizeof *all);
    struct store_filter any = {0};
    struct store_counts *counts;
    size_t count;
    uint64_t sum = 0;

    make_mixed(fixture);
    assert_int_equal(walk(fixture, &any, 1000, all, MIXED), MIXED);
    assert_int_equal(store_count(fixture->store, PATIENCE, &counts, &count, &fixture->error), OK);
    assert_int_equal(count, 3);
    assert_string_equal(counts[0].function, "aa");
    assert_string_equal(counts[1].function, "aaa");
    assert_string_equal(counts[2].function, "zz");
    for (size_t f = 0; f < count; f++) {
        for (unsigned status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++) {
            struct store_filter filter = {.status = (enum job_status)status, .function = counts[f].function};
            uint64_t expected = 0;

            for (int i = 0; i < MIXED; i++)
                expected += matches(&filter, &all[i]) ? 1 : 0;
            assert_int_equal(counts[f].jobs[status], expected);
            sum += expected;
        }
    }
    assert_int_equal(sum, MIXED);
    free(counts);
    free(all);
    fixture_close(fixture);
}

/* Enough for trees of several levels, up and down again. */
static void counts_stay_exact_while_jobs_come_and_go(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct store_counts *counts;
    struct job job;
    size_t count;

    for (int i = 0; i < 3000; i++) {
        struct store_submission submission = fixture_submission(i % 2 ? "odd" : "even");
        struct store_ticket ticket;
        bool replayed;
        bool queue_full;

        assert_int_equal(store_submit(fixture->store, &submission, PATIENCE, &job, &replayed, &queue_full,
                                      &ticket, &fixture->error),
                         OK);
    }
    for (int i = 0; i < 1000; i++) {
        job = fixture_claim(fixture, 0);
        if (i % 4 != 0)
            fixture_finish(fixture, &job, i % 4 == 1 ? JOB_FAIL : JOB_SUCCEED, NULL);
    }
    assert_int_equal(store_count(fixture->store, PATIENCE, &counts, &count, &fixture->error), OK);
    assert_int_equal(count, 2);
    assert_int_equal(counts[0].jobs[JOB_QUEUED] + counts[1].jobs[JOB_QUEUED], 2000);
    assert_int_equal(counts[0].jobs[JOB_QUEUED], 1000); /* they took turns */
    assert_int_equal(counts[0].jobs[JOB_RUNNING] + counts[1].jobs[JOB_RUNNING], 250);
    assert_int_equal(counts[0].jobs[JOB_FAILED] + counts[1].jobs[JOB_FAILED], 250);
    assert_int_equal(counts[0].jobs[JOB_SUCCEEDED] + counts[1].jobs[JOB_SUCCEEDED], 500);
    free(counts);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(every_filter_finds_exactly_its_jobs_newest_first),
          cmocka_unit_test(a_page_of_none_says_whether_there_are_any),
          cmocka_unit_test(the_cursor_may_be_any_id), cmocka_unit_test(from_ends_every_list_at_that_job),
          cmocka_unit_test(a_walk_sees_each_old_job_once_while_others_are_submitted),
          cmocka_unit_test(counts_are_exact), cmocka_unit_test(counts_stay_exact_while_jobs_come_and_go))
