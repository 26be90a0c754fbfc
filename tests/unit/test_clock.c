#include "config.h"
#include "test.h"

#include "clock.h"

#include <stdio.h>
#include <string.h>

static int64_t fake_wall;
static int64_t fake_monotonic_us;

static int64_t read_wall(void)
{
    return fake_wall;
}

static int64_t read_monotonic(void)
{
    return fake_monotonic_us;
}

static const struct clock_source fake = {.wall_ms = read_wall, .monotonic_us = read_monotonic};

static int use_fake(void **state)
{
    clock_replace(&fake);
    return 0;
}

static int use_system(void **state)
{
    clock_replace(NULL);
    return 0;
}

static void system_clocks_agree_with_the_system(void **state)
{
    int64_t before = (int64_t)time(NULL);
    int64_t wall = clock_wall_ms() / 1000;
    assert_in_range(wall, before - 1, (int64_t)time(NULL) + 1);
    int64_t start = clock_monotonic_us();
    clock_sleep_us(2000);
    assert_true(clock_monotonic_us() - start >= 2000);
}

/* Hazard 25. */
static void deadline_saturates(void **state)
{
    fake_monotonic_us = 5000000;
    assert_int_equal(clock_deadline(250), 5250);
    assert_true(clock_deadline(INT64_MAX) == INT64_MAX);
    fake_monotonic_us = -5000000;
    assert_true(clock_deadline(INT64_MIN) == INT64_MIN);
}

static void time_left_is_never_negative(void **state)
{
    fake_monotonic_us = 5000000;
    assert_int_equal(clock_left(5250), 250);
    assert_int_equal(clock_left(5000), 0);
    assert_int_equal(clock_left(10), 0);
    assert_true(clock_left(INT64_MIN) == 0);
    fake_monotonic_us = -1000;
    assert_true(clock_left(INT64_MAX) == INT64_MAX);
}

static void time_left_splits_into_seconds_and_nanoseconds(void **state)
{
    fake_monotonic_us = 0;
    struct timespec left = clock_left_timespec(12345);
    assert_int_equal(left.tv_sec, 12);
    assert_int_equal(left.tv_nsec, 345000000);
}

static void replaced_wall_clock_is_the_one_that_is_read(void **state)
{
    fake_wall = 42;
    assert_int_equal(clock_wall_ms(), 42);
}

static void known_times_print_as_rfc_3339(void **state)
{
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_format(1795410540123, text), "2026-11-23T05:09:00.123Z");
    assert_string_equal(clock_format(951782399999, text), "2000-02-28T23:59:59.999Z");
    assert_string_equal(clock_format(951782400000, text), "2000-02-29T00:00:00.000Z");
}

static void years_of_other_than_four_digits_are_clamped(void **state)
{
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(clock_format(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
}

/* Every 13 hours and some through the whole range, against the C library. */
static void every_date_agrees_with_gmtime(void **state)
{
    for (int64_t second = -62167219200; second <= 253402300799; second += 46807 * 97) {
        time_t at = (time_t)second;
        struct tm parts;
        char expected[64], text[CLOCK_TEXT_SIZE];
        assert_non_null(gmtime_r(&at, &parts));
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.007Z", parts.tm_year + 1900,
                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
        assert_string_equal(clock_format(second * 1000 + 7, text), expected);
    }
}

TEST_MAIN(cmocka_unit_test(system_clocks_agree_with_the_system),
          cmocka_unit_test_setup_teardown(deadline_saturates, use_fake, use_system),
          cmocka_unit_test_setup_teardown(time_left_is_never_negative, use_fake, use_system),
          cmocka_unit_test_setup_teardown(time_left_splits_into_seconds_and_nanoseconds, use_fake,
                                          use_system),
          cmocka_unit_test_setup_teardown(replaced_wall_clock_is_the_one_that_is_read, use_fake, use_system),
          cmocka_unit_test(known_times_print_as_rfc_3339),
          cmocka_unit_test(years_of_other_than_four_digits_are_clamped),
          cmocka_unit_test(every_date_agrees_with_gmtime))
