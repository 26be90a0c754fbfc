#include "config.h"
#include "test.h"

#include "clock.h"
#include "job_id.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>

static int64_t fake_wall;

static int64_t read_wall(void)
{
    return fake_wall;
}

static int64_t read_monotonic(void)
{
    return 0;
}

static const struct clock_source fake = {.wall_ms = read_wall, .monotonic_us = read_monotonic};

static int use_system(void **state)
{
    clock_replace(NULL);
    return 0;
}

static int order(const struct job_id *a, const struct job_id *b)
{
    return memcmp(a->bytes, b->bytes, JOB_ID_BYTES);
}

static void text_is_a_version_7_uuid_in_lower_case(void **state)
{
    struct job_id id;
    char text[JOB_ID_TEXT_SIZE];
    assert_int_equal(job_id_make(&id, NULL), OK);
    assert_int_equal(strlen(job_id_format(&id, text)), 36);
    assert_int_equal(text[14], '7');
    assert_non_null(strchr("89ab", text[19]));
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(text[i], '-');
        else
            assert_true(isdigit((unsigned char)text[i]) || (text[i] >= 'a' && text[i] <= 'f'));
    }
}

static void time_is_in_the_first_48_bits(void **state)
{
    struct job_id id;
    int64_t before = clock_wall_ms();
    assert_int_equal(job_id_make(&id, NULL), OK);
    assert_in_range(job_id_wall_ms(&id), before, clock_wall_ms() + 1);
}

static void parse_gives_back_what_format_wrote_in_either_case(void **state)
{
    struct job_id id, parsed;
    char text[JOB_ID_TEXT_SIZE];
    assert_int_equal(job_id_make(&id, NULL), OK);
    job_id_format(&id, text);
    assert_int_equal(job_id_parse(text, 36, &parsed), OK);
    assert_true(job_id_equal(&id, &parsed));
    for (char *c = text; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    assert_int_equal(job_id_parse(text, 36, &parsed), OK);
    assert_true(job_id_equal(&id, &parsed));
}

static void range_holds_what_begins_with_the_prefix_and_nothing_else(void **state)
{
    static const struct {
        const char *prefix, *first, *behind;
    } cases[] = {
        {"0", "00000000-0000-0000-0000-000000000000", "10000000-0000-0000-0000-000000000000"},
        {"0199a", "0199a000-0000-0000-0000-000000000000", "0199b000-0000-0000-0000-000000000000"},
        {"0199AF", "0199af00-0000-0000-0000-000000000000", "0199b000-0000-0000-0000-000000000000"},
        {"0199abcd-1", "0199abcd-1000-0000-0000-000000000000", "0199abcd-2000-0000-0000-000000000000"},
        {"0199abcd1234", "0199abcd-1234-0000-0000-000000000000", "0199abcd-1235-0000-0000-000000000000"},
        {"0199abcd-1234-7abc-89ab-0123456789ff", "0199abcd-1234-7abc-89ab-0123456789ff",
         "0199abcd-1234-7abc-89ab-012345678a00"},
        {"f", "f0000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
    };
    static const char *const wrong[] = {"", "-", "g", "01 ", "0199abcd-1234-7abc-89ab-0123456789ff0"};
    struct job_id first, behind;
    char text[JOB_ID_TEXT_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(job_id_range(cases[i].prefix, &first, &behind), OK);
        assert_string_equal(job_id_format(&first, text), cases[i].first);
        assert_string_equal(job_id_format(&behind, text), cases[i].behind);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(job_id_range(wrong[i], &first, &behind), INVALID);
}

/* Hazard 29. */
static void anything_but_36_characters_of_a_uuid_is_invalid(void **state)
{
    static const char good[] = "0199abcd-1234-7abc-89ab-0123456789ab";
    struct job_id id;
    assert_int_equal(job_id_parse(good, 36, &id), OK);
    assert_int_equal(job_id_parse(good, 35, &id), INVALID);
    assert_int_equal(job_id_parse("0199abcd-1234-7abc-89ab-0123456789abc", 37, &id), INVALID);
    assert_int_equal(job_id_parse("", 0, &id), INVALID);
    for (int i = 0; i < 36; i++) {
        static const char wrong[] = "g-/.:@`G \0";
        for (size_t j = 0; j < sizeof wrong; j++) {
            char text[37];
            memcpy(text, good, sizeof text);
            if (text[i] == wrong[j])
                continue;
            text[i] = wrong[j];
            assert_int_equal(job_id_parse(text, 36, &id), INVALID);
        }
    }
}

static void ids_of_one_process_grow_strictly(void **state)
{
    struct job_id before = {{0}};
    for (int i = 0; i < 100000; i++) {
        struct job_id id;
        assert_int_equal(job_id_make(&id, NULL), OK);
        assert_true(order(&id, &before) > 0);
        before = id;
    }
}

/* Hazard 25. */
static void ids_grow_while_the_clock_stands_or_goes_back(void **state)
{
    struct job_id before, id;
    fake_wall = clock_wall_ms() + 100000;
    clock_replace(&fake);
    assert_int_equal(job_id_make(&before, NULL), OK);
    for (int i = 0; i < 20000; i++) {
        if (i == 10000)
            fake_wall -= 3600000;
        assert_int_equal(job_id_make(&id, NULL), OK);
        assert_true(order(&id, &before) > 0);
        assert_int_equal(id.bytes[6] >> 4, 7);
        before = id;
    }
}

static void low_62_bits_are_drawn_anew_for_each_id(void **state)
{
    struct job_id a, b;
    uint8_t all[8] = {0}, none[8];
    memset(none, 0xFF, sizeof none);
    assert_int_equal(job_id_make(&a, NULL), OK);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(job_id_make(&b, NULL), OK);
        for (int j = 0; j < 8; j++) {
            all[j] |= b.bytes[8 + j];
            none[j] &= b.bytes[8 + j];
        }
    }
    assert_int_equal(all[0], 0xBF);
    assert_int_equal(none[0], 0x80);
    for (int j = 1; j < 8; j++) {
        assert_int_equal(all[j], 0xFF);
        assert_int_equal(none[j], 0);
    }
}

#define THREADS    4
#define PER_THREAD 20000

static void *make_many(void *memory)
{
    struct job_id *ids = memory;
    for (int i = 0; i < PER_THREAD; i++) {
        if (job_id_make(&ids[i], NULL) != OK)
            memset(&ids[i], 0, sizeof ids[i]);
    }
    return NULL;
}

static void prefixes_of_threads_never_meet(void **state)
{
    static struct job_id ids[THREADS][PER_THREAD];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, ids[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    size_t next[THREADS] = {0};
    struct job_id before = {{0}};
    for (int i = 0; i < THREADS * PER_THREAD; i++) { /* a merge: each thread's ids are sorted */
        int least = -1;
        for (int t = 0; t < THREADS; t++) {
            if (next[t] < PER_THREAD && (least < 0 || order(&ids[t][next[t]], &ids[least][next[least]]) < 0))
                least = t;
        }
        assert_true(memcmp(before.bytes, ids[least][next[least]].bytes, 8) < 0);
        before = ids[least][next[least]++];
    }
}

TEST_MAIN(cmocka_unit_test(text_is_a_version_7_uuid_in_lower_case),
          cmocka_unit_test(time_is_in_the_first_48_bits),
          cmocka_unit_test(parse_gives_back_what_format_wrote_in_either_case),
          cmocka_unit_test(anything_but_36_characters_of_a_uuid_is_invalid),
          cmocka_unit_test(range_holds_what_begins_with_the_prefix_and_nothing_else),
          cmocka_unit_test(low_62_bits_are_drawn_anew_for_each_id),
          cmocka_unit_test(ids_of_one_process_grow_strictly),
          cmocka_unit_test(prefixes_of_threads_never_meet),
          cmocka_unit_test_teardown(ids_grow_while_the_clock_stands_or_goes_back, use_system))
