/* What is kept of job documents, and when it is not to be used any more. */
#include "config.h"
#include "../unit/test.h"

#include "clock.h"
#include "document_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1795521600000)

static struct document_cache *cache;
static struct job_id id = {.bytes = {1, 2, 3}};
static int64_t now_us, wall_ms;

static int64_t frozen_wall(void)
{
    return wall_ms;
}

static int64_t frozen_monotonic(void)
{
    return now_us;
}

static int set_up(void **state)
{
    static const struct clock_source frozen = {frozen_wall, frozen_monotonic};
    now_us = 5000000;
    wall_ms = NOW;
    clock_replace(&frozen);
    cache = document_cache_make();
    return cache == NULL;
}

static int tear_down(void **state)
{
    document_cache_free(cache);
    clock_replace(NULL);
    return 0;
}

static const struct store_stamp stamp = {.generation = 3, .position = 8};
static const struct document ended = {.etag = "\"4\"", .status = JOB_SUCCEEDED, .expires_ms = NOW + 100};

static void keep(struct store_stamp at, const struct document *document, const char *text)
{
    struct buffer body = {0};
    buffer_append_text(&body, text);
    document_cache_keep(cache, &id, "/base", at, document, &body);
    buffer_free(&body);
}

/* The text found, or NULL. */
static const char *find(const struct job_id *wanted, const char *base, struct store_stamp at)
{
    static char text[8192];
    struct document document;
    struct buffer body = {0};
    bool found = document_cache_find(cache, wanted, base, at, &document, &body);
    if (found) {
        assert_string_equal(document.etag, ended.etag);
        strcpy(text, body.data);
    }
    assert_int_equal(found, body.length > 0);
    buffer_free(&body);
    return found ? text : NULL;
}

static void document_is_found_as_long_as_its_stamp_holds(void **state)
{
    assert_null(find(&id, "/base", stamp));
    keep(stamp, &ended, "text");
    assert_string_equal(find(&id, "/base", stamp), "text");
    assert_null(find(&id, "/base", (struct store_stamp){.generation = 3, .position = 9}));
    assert_null(find(&id, "/base", (struct store_stamp){.generation = 4, .position = 8}));
    keep((struct store_stamp){.generation = 3, .position = 9}, &ended, "newer");
    assert_null(find(&id, "/base", stamp));
}

static void document_is_of_one_job_and_one_base(void **state)
{
    struct job_id other = id;
    other.bytes[0]++; /* the same place in the table */
    keep(stamp, &ended, "text");
    assert_null(find(&other, "/base", stamp));
    assert_null(find(&id, "", stamp));
}

static void document_is_kept_for_a_second_and_not_beyond_the_jobs_expiry(void **state)
{
    keep(stamp, &ended, "text");
    wall_ms += 100;
    assert_null(find(&id, "/base", stamp));
    wall_ms = NOW;
    assert_non_null(find(&id, "/base", stamp));
    now_us += 1000000;
    assert_null(find(&id, "/base", stamp));
}

static void what_changes_by_itself_or_is_large_is_not_kept(void **state)
{
    static char large[5000];
    struct document queued = ended;
    queued.status = JOB_QUEUED;
    keep(stamp, &queued, "text");
    assert_null(find(&id, "/base", stamp));
    keep((struct store_stamp){.generation = 0}, &ended, "text");
    assert_null(find(&id, "/base", (struct store_stamp){.generation = 0}));
    memset(large, 'x', sizeof large - 1);
    keep(stamp, &ended, large);
    assert_null(find(&id, "/base", stamp));
}

static void without_memory_there_is_nothing(void **state)
{
    document_cache_free(cache);
    cache = NULL;
    keep(stamp, &ended, "text");
    assert_null(find(&id, "/base", stamp));
}

/* Each writes documents of one letter, and must never see a mixed one or one of another stamp. */
static void *write_and_read(void *context)
{
    unsigned letter = (unsigned)(uintptr_t)context;
    for (unsigned i = 0; i < 20000; i++) {
        struct store_stamp at = {.generation = 1, .position = letter + i % 2 * 7};
        char text[512];
        struct document document = ended;
        struct buffer body = {0};
        memset(text, (int)at.position, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        if (document_cache_find(cache, &id, "", at, &document, &body))
            assert_string_equal(body.data, text);
        buffer_clear(&body);
        buffer_append_text(&body, text);
        document_cache_keep(cache, &id, "", at, &document, &body);
        buffer_free(&body);
    }
    return NULL;
}

static void threads_do_not_see_each_others_halves(void **state)
{
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, (void *)(uintptr_t)('a' + i)), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

#define cache_test(case) cmocka_unit_test_setup_teardown(case, set_up, tear_down)
TEST_MAIN(cache_test(document_is_found_as_long_as_its_stamp_holds),
          cache_test(document_is_of_one_job_and_one_base),
          cache_test(document_is_kept_for_a_second_and_not_beyond_the_jobs_expiry),
          cache_test(what_changes_by_itself_or_is_large_is_not_kept),
          cache_test(without_memory_there_is_nothing), cache_test(threads_do_not_see_each_others_halves))
