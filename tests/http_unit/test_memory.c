/* Hazard 35: each allocation of a request fails once, in a process of its own. What comes back is an error and no job, or a
 * job and its answer; nothing ends the process. The sanitizers have allocators of their own: there is nothing to see there. */
#include "config.h"
#include "ask.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_CAN_FAIL 0
#else
#define MEMORY_CAN_FAIL 1

static bool in_hand;
static long left = -1; /* allocations until the one that fails; -1: none does */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static bool fails(void)
{
    if (!in_hand || left < 0 || left-- > 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}
#endif

enum { ALL_DONE = 10, GOOD = 11, BOTH = 12, NEITHER = 13 };

#if MEMORY_CAN_FAIL
static void take_in_hand(bool now)
{
    in_hand = now;
}

static int ask_once(const char *method, const char *uri, const char *body, long number)
{
    static const char *const variables[] = {"CONTENT_TYPE=application/json", "HTTP_IDEMPOTENCY_KEY=k",
                                            "HTTP_X_CALLBACK_URL=https://example.org/", NULL};
    size_t before = fake_job_count();
    left = number;
    ask_in_hand = take_in_hand;
    const struct answer *answer = ask(method, uri, body, variables);
    ask_in_hand = NULL;
    size_t made = fake_job_count() - before;
    if (left >= 0)
        return ALL_DONE;
    if (answer->status >= 400)
        return made == 0 ? GOOD : BOTH;
    return made == 1 || body == NULL ? GOOD : NEITHER;
}
#endif

static void each_allocation_may_fail(const char *method, const char *uri, const char *body)
{
#if MEMORY_CAN_FAIL
    int result = GOOD;
    for (long number = 0; result == GOOD; number++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0 && signal(SIGSEGV, SIG_DFL) != SIG_ERR) /* cmocka's would go on with the next case */
            _exit(ask_once(method, uri, body, number));
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status))
            fail_msg("%s %s: allocation %ld fails, and signal %d ends the process", method, uri, number,
                     WTERMSIG(status));
        result = WEXITSTATUS(status);
        if (result != GOOD && result != ALL_DONE)
            fail_msg("%s %s: allocation %ld fails: %s", method, uri, number,
                     result == BOTH ? "an error and a job" : "neither an error nor a job");
    }
#else
    skip();
#endif
}

/* Hazard 35. */
static void a_submission_is_an_error_or_a_job(void **state)
{
    each_allocation_may_fail("POST", "/job", "{\"a\":[1,{\"b\":\"c\"}]}");
}

static void a_retry_is_an_error_or_a_job(void **state)
{
    char uri[80];
    snprintf(uri, sizeof uri, "/job/%s/retry", fake_job(JOB_FAILED, "{}", "application/json"));
    each_allocation_may_fail("POST", uri, "{}");
}

static void a_refusal_is_an_answer(void **state)
{
    each_allocation_may_fail("GET", "/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", NULL);
    each_allocation_may_fail("PUT", "/job", NULL);
}

static void a_job_is_shown_or_not(void **state)
{
    char uri[80];
    snprintf(uri, sizeof uri, "/job/%s", fake_job(JOB_SUCCEEDED, "{\"a\":1}", "application/json"));
    each_allocation_may_fail("GET", uri, NULL);
}

TEST_MAIN(ask_test(a_submission_is_an_error_or_a_job), ask_test(a_retry_is_an_error_or_a_job),
          ask_test(a_refusal_is_an_answer), ask_test(a_job_is_shown_or_not))
