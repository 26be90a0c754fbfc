#include "config.h"
#include "test.h"

#include "throttle.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOON INT64_C(1795521600000) /* some day, 12:00 UTC */

static char *folder;
static struct throttle *throttle;

static int set_up(void **state)
{
    struct error error;
    folder = test_folder();
    return throttle_open(folder, &throttle, &error);
}

static int tear_down(void **state)
{
    throttle_close(throttle);
    test_folder_remove(folder);
    return 0;
}

static int allowed_of(int tries, const char *caller, int64_t now)
{
    int allowed = 0;
    for (int i = 0; i < tries; i++)
        allowed += throttle_take(throttle, caller, 50, 100, now).allowed;
    return allowed;
}

static void a_burst_passes_then_the_rate(void **state)
{
    assert_int_equal(allowed_of(1000, "a", NOON), 100);
    assert_int_equal(allowed_of(1000, "a", NOON + 1000), 50);
    assert_int_equal(allowed_of(1000, "a", NOON + 100000), 100);
}

static void one_caller_does_not_hold_up_another(void **state)
{
    allowed_of(1000, "a", NOON);
    assert_true(throttle_take(throttle, "b", 50, 100, NOON).allowed);
}

static void retry_after_tells_the_truth(void **state)
{
    allowed_of(1000, "a", NOON);
    struct throttle_answer answer = throttle_take(throttle, "a", 50, 100, NOON);
    assert_false(answer.allowed);
    assert_int_equal(answer.remaining, 0);
    assert_in_range(answer.retry_after_ms, 1, 20);
    assert_false(throttle_take(throttle, "a", 50, 100, NOON + answer.retry_after_ms - 1).allowed);
    assert_true(throttle_take(throttle, "a", 50, 100, NOON + answer.retry_after_ms).allowed);
}

static void what_remains_is_counted_down(void **state)
{
    assert_int_equal(throttle_take(throttle, "a", 1, 3, NOON).remaining, 2);
    assert_int_equal(throttle_take(throttle, "a", 1, 3, NOON).remaining, 1);
    assert_int_equal(throttle_take(throttle, "a", 1, 3, NOON).remaining, 0);
    assert_false(throttle_take(throttle, "a", 1, 3, NOON).allowed);
}

static void no_rate_is_no_limit(void **state)
{
    for (int i = 0; i < 1000; i++)
        assert_true(throttle_take(throttle, "a", 0, 0, NOON).allowed);
}

/* Hazard 25. */
static void a_clock_set_back_does_not_lock_a_caller_out(void **state)
{
    allowed_of(1000, "a", NOON + 3600000);
    assert_false(throttle_take(throttle, "a", 50, 100, NOON).allowed);
    struct throttle_answer answer = throttle_take(throttle, "a", 50, 100, NOON);
    assert_in_range(answer.retry_after_ms, 1, 2000);
}

static void the_quota_is_of_a_day(void **state)
{
    for (int i = 0; i < 5; i++)
        assert_true(throttle_take_quota(throttle, "a", 5, NOON).allowed);
    struct throttle_answer answer = throttle_take_quota(throttle, "a", 5, NOON);
    assert_false(answer.allowed);
    assert_int_equal(answer.retry_after_ms, 12 * 3600 * 1000);
    assert_true(throttle_take_quota(throttle, "a", 5, NOON + answer.retry_after_ms).allowed);
}

static void what_is_returned_to_the_quota_may_be_taken_again(void **state)
{
    throttle_return_quota(throttle, "a", NOON); /* nothing was taken: nothing to return */
    assert_int_equal(throttle_take_quota(throttle, "a", 2, NOON).remaining, 1);
    assert_int_equal(throttle_take_quota(throttle, "a", 2, NOON).remaining, 0);
    throttle_return_quota(throttle, "a", NOON);
    assert_true(throttle_take_quota(throttle, "a", 2, NOON).allowed);
    assert_false(throttle_take_quota(throttle, "a", 2, NOON).allowed);
    throttle_return_quota(throttle, "a", NOON + 24 * 3600 * 1000); /* of a day that has passed */
    assert_false(throttle_take_quota(throttle, "a", 2, NOON).allowed);
}

static void many_callers_never_lock_anyone_out(void **state)
{
    char caller[32];
    for (int i = 0; i < 3 * THROTTLE_CALLERS; i++) {
        snprintf(caller, sizeof caller, "caller-%d", i);
        assert_true(throttle_take(throttle, caller, 1, 1, NOON + i).allowed);
    }
}

static void processes_share_one_limit(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct throttle *own;
        struct error error;
        if (throttle_open(folder, &own, &error) != OK)
            _exit(255);
        int allowed = 0;
        for (int i = 0; i < 60; i++)
            allowed += throttle_take(own, "a", 50, 100, NOON).allowed;
        _exit(allowed);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 60);
    assert_int_equal(allowed_of(1000, "a", NOON), 40);
}

static void *take_many(void *count)
{
    *(int *)count = allowed_of(1000, "a", NOON);
    return NULL;
}

static void threads_share_one_limit(void **state)
{
    pthread_t threads[4];
    int counts[4];
    int all = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &counts[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        all += counts[i];
    }
    assert_int_equal(all, 100);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(a_burst_passes_then_the_rate), CASE(one_caller_does_not_hold_up_another),
          CASE(retry_after_tells_the_truth), CASE(what_remains_is_counted_down), CASE(no_rate_is_no_limit),
          CASE(a_clock_set_back_does_not_lock_a_caller_out), CASE(the_quota_is_of_a_day),
          CASE(what_is_returned_to_the_quota_may_be_taken_again), CASE(many_callers_never_lock_anyone_out),
          CASE(processes_share_one_limit), CASE(threads_share_one_limit))
