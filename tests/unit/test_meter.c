#include "config.h"
#include "test.h"

#include "meter.h"

#include <stdio.h>
#include <string.h>

#define NOON INT64_C(1795521600000)

static char *folder;
static struct meter *meter;

static int set_up(void **state)
{
    struct error error;
    folder = test_folder();
    return meter_open(folder, &meter, &error);
}

static int tear_down(void **state)
{
    meter_close(meter);
    test_folder_remove(folder);
    return 0;
}

static void counters_go_by_function(void **state)
{
    struct job job = {.status = JOB_SUCCEEDED, .function = "report"};
    struct meter_function functions[METER_FUNCTIONS];
    meter_submitted(meter, "report", NOON);
    meter_submitted(meter, "other", NOON);
    meter_started(meter, "report", 70, NOON);
    meter_stopped(meter, &job, 200, NOON);
    meter_ended(meter, "other", JOB_CANCELLED, NOON);
    assert_int_equal(meter_functions(meter, functions), 2);
    assert_string_equal(functions[0].function, "report");
    assert_int_equal(functions[0].submitted, 1);
    assert_int_equal(functions[0].attempts, 1);
    assert_int_equal(functions[0].ended[JOB_SUCCEEDED], 1);
    assert_int_equal(functions[0].duration.buckets[3], 1);
    assert_int_equal(functions[0].duration.sum_ms, 200);
    assert_int_equal(functions[0].wait.buckets[2], 1);
    assert_int_equal(functions[1].ended[JOB_CANCELLED], 1);
}

static void an_attempt_that_is_tried_again_ends_no_job(void **state)
{
    struct job job = {.status = JOB_QUEUED, .function = "report"};
    struct meter_function functions[METER_FUNCTIONS];
    meter_stopped(meter, &job, 5, NOON);
    meter_functions(meter, functions);
    assert_int_equal(functions[0].retried, 1);
    assert_int_equal(functions[0].ended[JOB_FAILED], 0);
}

static void counters_survive_their_processes(void **state)
{
    struct meter_function functions[METER_FUNCTIONS];
    struct error error;
    meter_submitted(meter, "report", NOON);
    meter_close(meter);
    assert_int_equal(meter_open(folder, &meter, &error), OK);
    assert_int_equal(meter_functions(meter, functions), 1);
    assert_int_equal(functions[0].submitted, 1);
}

static void functions_beyond_the_table_are_counted_together(void **state)
{
    struct meter_function functions[METER_FUNCTIONS];
    char name[16];
    for (int i = 0; i < METER_FUNCTIONS + 10; i++) {
        snprintf(name, sizeof name, "f%d", i);
        meter_submitted(meter, name, NOON);
    }
    assert_int_equal(meter_functions(meter, functions), METER_FUNCTIONS);
    assert_string_equal(functions[METER_FUNCTIONS - 1].function, "(others)");
    assert_int_equal(functions[METER_FUNCTIONS - 1].submitted, 11);
}

static void minutes_are_told_oldest_first_and_forgotten_after_a_day(void **state)
{
    struct meter_period periods[60];
    meter_submitted(meter, "report", NOON - 59 * 60000);
    meter_submitted(meter, "report", NOON);
    meter_submitted(meter, "report", NOON);
    meter_periods(meter, NOON, 60, 1, periods);
    assert_int_equal(periods[0].submitted, 1);
    assert_int_equal(periods[0].start_ms, NOON - 59 * 60000);
    assert_int_equal(periods[59].submitted, 2);
    meter_periods(meter, NOON, 60, 20, periods);
    assert_int_equal(periods[0].submitted, 1);
    assert_int_equal(periods[2].submitted, 2);
    meter_periods(meter, NOON + 86400000, 60, 1, periods);
    assert_int_equal(periods[59].submitted, 0);
    meter_submitted(meter, "report", NOON + 86400000);
    meter_periods(meter, NOON + 86400000, 60, 1, periods);
    assert_int_equal(periods[59].submitted, 1);
}

static void quantiles_lie_inside_their_bucket(void **state)
{
    uint32_t buckets[METER_BUCKETS] = {0};
    assert_int_equal(meter_quantile_ms(buckets, 500), 0);
    buckets[3] = 100; /* 100 to 500 ms */
    assert_int_equal(meter_quantile_ms(buckets, 500), 300);
    assert_in_range(meter_quantile_ms(buckets, 950), 470, 490);
    buckets[METER_BUCKETS - 1] = 1000;
    assert_int_equal(meter_quantile_ms(buckets, 950), 3600000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(counters_go_by_function), CASE(an_attempt_that_is_tried_again_ends_no_job),
          CASE(counters_survive_their_processes), CASE(functions_beyond_the_table_are_counted_together),
          CASE(minutes_are_told_oldest_first_and_forgotten_after_a_day),
          CASE(quantiles_lie_inside_their_bucket))
