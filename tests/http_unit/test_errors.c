/* The error table: each wrong request's answer, each failing call's answer; and never a job beside an error. */
#include "config.h"
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unknown[] = "/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

static const char *uri_of(const char *id, const char *rest)
{
    static char uri[128];
    snprintf(uri, sizeof uri, "/job/%s%s", id, rest);
    return uri;
}

/* Hazard 28. */
static void bad_json_is_400_with_the_offset(void **state)
{
    assert_problem(post("/job", "{\"a\":1,\"a\":2}"), 400);
    assert_int_equal(atoi(member("offset")), 7);
    assert_non_null(strstr(member("detail"), "byte 7"));
    assert_int_equal(fake_job_count(), 0);
}

static void other_media_types_are_415(void **state)
{
    static const char *const types[] = {
        "text/plain", "application/x-www-form-urlencoded", "application/jsonp",
        "json",       "application/json; charset=latin1",  "application/json, text/plain"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char variable[128];
        snprintf(variable, sizeof variable, "CONTENT_TYPE=%s", types[i]);
        assert_problem(ask("POST", "/job", "{}", (const char *[]){variable, NULL}), 415);
        assert_non_null(strstr(member("detail"), "Content-Type: application/json"));
    }
    assert_problem(ask("POST", "/job", "{}", NULL), 415);
    /* Also without a body: a form can be sent empty. */
    assert_problem(ask("POST", "/job", NULL, (const char *[]){"CONTENT_TYPE=text/plain", NULL}), 415);
    assert_problem(ask("POST", "/job", NULL, (const char *[]){"HTTP_SEC_FETCH_SITE=cross-site", NULL}), 403);
    assert_int_equal(fake_job_count(), 0);
}

/* Hazard 27. */
static void event_over_the_limit_is_413_with_the_limit(void **state)
{
    char large[1100];
    memset(large, ' ', sizeof large);
    large[sizeof large - 1] = '\0';
    assert_problem(post("/job", large), 413);
    assert_int_equal(atoi(member("limit")), 1024);
    assert_non_null(strstr(member("detail"), "1024"));
}

static void unknown_functions_are_404_and_refused_ones_500(void **state)
{
    assert_problem(post("/job?function=nothing", "{}"), 404);
    assert_string_equal(member("error"), "Function not found");
    assert_problem(post("/job?function=..%2fecho", "{}"), 404);
    assert_problem(post("/job?function=a%0ab", "{}"), 404);
    assert_problem(post("/job?function=", "{}"), 404);
    assert_problem(post("/job?function=%00", "{}"), 400);
    assert_problem(post("/job?function=refused", "{}"), 500);
    assert_int_equal(fake_job_count(), 0);
}

static void unknown_and_malformed_ids_are_404_in_the_samples_words(void **state)
{
    static const char *const uris[] = {unknown, "/job/x", "/job/0199a1b2c3d47e5f8a9b0c1d2e3f4a5b",
                                       "/job/x/log"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        assert_problem(get(uris[i]), 404);
        assert_string_equal(member("error"), "Job not found");
    }
    assert_problem(ask("DELETE", unknown, NULL, NULL), 404);
    assert_problem(post("/job/x/retry", NULL), 404);
}

static void wrong_methods_are_405_with_allow(void **state)
{
    assert_problem(ask("PUT", "/job", "{}", NULL), 405);
    assert_string_equal(header("Allow"), "GET, HEAD, OPTIONS, POST");
    assert_problem(ask("POST", unknown, "{}", NULL), 405);
    assert_string_equal(header("Allow"), "GET, HEAD, OPTIONS, DELETE");
    assert_problem(ask("GET", "/job/x/retry", NULL, NULL), 405);
    assert_string_equal(header("Allow"), "OPTIONS, POST");
}

static void paths_beside_the_contract_are_404(void **state)
{
    static const char *const uris[] = {
        "/", "/nothing", "/job/x/nothing", "/job/x/log/more", "/functions/x", "/job/"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++)
        assert_problem(get(uris[i]), 404);
}

static void request_for_the_other_program_is_500_that_says_so(void **state)
{
    assert_problem(get("/metrics"), 500);
    assert_string_equal(member("error"), "Misrouted request");
}

static void expired_jobs_are_410(void **state)
{
    fake_fail("store_get", GONE);
    fake_fail("store_view", GONE);
    assert_problem(get(unknown), 410);
    assert_problem(get("/job/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/log"), 410);
    fake_fail("store_cancel", GONE);
    assert_problem(ask("DELETE", unknown, NULL, NULL), 410);
}

static void full_queue_is_429_and_full_disk_507(void **state)
{
    fake_configuration()->queue_max = 1;
    assert_int_equal(post("/job", "{}")->status, 202);
    assert_problem(post("/job", "{}"), 429);
    assert_non_null(header("Retry-After"));
    fake_fail("store_submit", FULL);
    assert_problem(post("/job", "{}"), 507);
    assert_non_null(header("Retry-After"));
}

static void busy_store_is_503_with_retry_after(void **state)
{
    fake_fail("store_submit", UNAVAILABLE);
    assert_problem(post("/job", "{}"), 503);
    assert_non_null(header("Retry-After"));
    assert_non_null(header("X-Amzn-RequestId"));
}

/* Hazard 14. */
static void failed_sync_takes_the_202_back(void **state)
{
    static const enum outcome outcomes[] = {UNAVAILABLE, IO};
    for (size_t i = 0; i < 2; i++) {
        fake_fail("store_sync", outcomes[i]);
        assert_problem(post("/job", "{}"), outcomes[i] == IO ? 500 : 503);
        assert_null(header("Location"));
        assert_null(strstr(header("X-Amzn-RequestId"), " "));
    }
}

/* Hazard 35. Every store call that a request makes, failing with every outcome: an answer of 4xx or 5xx without a word of the
 * cause, and no job beside it. */
static void every_failing_call_is_an_answer(void **state)
{
    static const struct {
        const char *call, *method, *rest;
    } cases[] = {
        {"store_submit", "POST", NULL},           {"store_view", "GET", ""},
        {"store_get", "GET", "/result"},          {"store_get", "GET", "/log"},
        {"store_get", "GET", "/event"},           {"store_result", "GET", "/result"},
        {"store_event", "GET", "/event"},         {"store_cancel", "DELETE", ""},
        {"store_purge", "DELETE", "?purge=true"}, {"store_get", "POST", "/retry"},
        {"store_event", "POST", "/retry"},        {"store_submit", "POST", "/retry"},
        {"function_find", "POST", NULL},          {"store_log", "GET", "/log"},
    };
    static const enum outcome outcomes[] = {UNAVAILABLE, FULL, NOMEM, IO, INVALID, RETRY, GONE};
    char id[64];
    strcpy(id, fake_job(JOB_FAILED, "{}", "application/json"));
    fake_log(id, "x");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t j = 0; j < sizeof outcomes / sizeof *outcomes; j++) {
            fake_fail(cases[i].call, outcomes[j]);
            const char *uri = cases[i].rest != NULL ? uri_of(id, cases[i].rest) : "/job";
            const struct answer *answer = ask(cases[i].method, uri, NULL, NULL);
            if (answer->status < 400 || fake_job_count() != 1)
                fail_msg("%s %s with %s: %d", cases[i].method, uri, cases[i].call, answer->status);
            assert_problem(answer, answer->status);
        }
        fake_fail(cases[i].call, OK);
    }
}

/* Looking after the workers is none of the client's business. */
static void failing_nudge_does_not_cost_the_answer(void **state)
{
    char id[64];
    fake_fail("store_next_due", UNAVAILABLE);
    strcpy(id, fake_job(JOB_QUEUED, NULL, NULL));
    assert_int_equal(get(uri_of(id, ""))->status, 200);
}

/* Hazard 24. */
static void worker_that_cannot_be_started_does_not_cost_the_202(void **state)
{
    static const char *const calls[] = {"launch_worker", "slots_open"};
    fake_fail("store_ring_work", NOTFOUND);
    for (size_t i = 0; i < 2; i++) {
        fake_fail(calls[i], IO);
        assert_int_equal(post("/job", "{}")->status, 202);
    }
    assert_true(fake_calls("launch_worker") + fake_calls("slots_open") >= 2);
}

static void malformed_wishes_are_400(void **state)
{
    static const char *const uris[] = {"/job?delay=-1", "/job?delay=", "/job?delay=1e3",
                                       "/job?delay=99999999999999999999", "/job?wait=x"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++)
        assert_problem(post(uris[i], "{}"), 400);
    static const char *const headers[] = {"HTTP_X_AMZ_INVOCATION_TYPE=Sometimes", "HTTP_IDEMPOTENCY_KEY=\"\"",
                                          "HTTP_IDEMPOTENCY_KEY=\"a", "HTTP_IDEMPOTENCY_KEY=\"a\"b",
                                          "HTTP_IDEMPOTENCY_KEY=a\x01"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_problem(ask("POST", "/job", NULL, (const char *[]){headers[i], NULL}), 400);
    assert_int_equal(fake_job_count(), 0);
}

static void malformed_list_queries_are_400(void **state)
{
    static const char *const uris[] = {
        "/job?limit=0",  "/job?limit=x",       "/job?limit=-1",        "/job?limit=201",
        "/job?cursor=x", "/job?status=queued", "/job?function=..%2fx", "/job?limit=10x",
        "/job?id=x",     "/job?id=-",          "/job?id=0199%20"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++)
        assert_problem(get(uris[i]), 400);
}

static void malformed_reads_are_400(void **state)
{
    char id[64];
    strcpy(id, fake_job(JOB_RUNNING, NULL, NULL));
    assert_problem(get(uri_of(id, "/log?offset=-1")), 400);
    assert_problem(get(uri_of(id, "/log?offset=")), 400);
    assert_problem(get(uri_of(id, "/log?offset=99999999999999999999999")), 400);
    assert_problem(get(uri_of(id, "?wait=-1")), 400);
    assert_problem(ask("DELETE", uri_of(id, "?purge=maybe"), NULL, NULL), 400);
}

static void conflicts_are_409(void **state)
{
    char running[64], ended[64];
    strcpy(running, fake_job(JOB_RUNNING, NULL, NULL));
    strcpy(ended, fake_job(JOB_SUCCEEDED, NULL, NULL));
    assert_problem(post(uri_of(running, "/retry"), NULL), 409);
    assert_problem(ask("DELETE", uri_of(running, "?purge=true"), NULL, NULL), 409);
    assert_problem(ask("DELETE", uri_of(ended, ""), NULL, NULL), 409);
    assert_string_equal(member("jobStatus"), "SUCCEEDED");
}

static void configuration_that_cannot_be_loaded_is_500_until_it_can(void **state)
{
    ask_teardown(state);
    fake_fail("configuration_start", INVALID);
    ask_setup(state);
    fake_fail("configuration_start", INVALID);
    /* It was tried at the start; once more within the second it is not. */
    ask_teardown(state);
    struct service *service = service_start("test", "/fake/jobgate.conf", STORE_WRITE);
    struct exchange exchange = {0};
    assert_false(service_configure(service, &exchange));
    assert_int_equal(exchange.response.status, 500);
    assert_null(strstr(exchange.response.body.data, "secret"));
    exchange_free(&exchange);
    service_stop(service);
    ask_setup(state);
}

static void store_that_cannot_be_opened_is_503(void **state)
{
    fake_fail("store_open", IO);
    struct service *service = service_start("test", "/fake/jobgate.conf", STORE_WRITE);
    struct exchange exchange = {0};
    assert_true(service_configure(service, &exchange));
    assert_false(service_attach(service, &exchange));
    assert_int_equal(exchange.response.status, 503);
    assert_null(strstr(exchange.response.body.data, "secret"));
    exchange_free(&exchange);
    service_stop(service);
}

/* Hazard 32. */
static void header_values_cannot_split_a_header(void **state)
{
    struct response response = {0};
    response_header(&response, "X-Test", "a\r\nSet-Cookie: b");
    response.status = 200;
    response_finish(&response);
    assert_int_equal(response.status, 500);
    assert_null(strstr(response.headers.data, "Set-Cookie"));
    response_free(&response);
}

TEST_MAIN(ask_test(bad_json_is_400_with_the_offset), ask_test(other_media_types_are_415),
          ask_test(event_over_the_limit_is_413_with_the_limit),
          ask_test(unknown_functions_are_404_and_refused_ones_500),
          ask_test(unknown_and_malformed_ids_are_404_in_the_samples_words),
          ask_test(wrong_methods_are_405_with_allow), ask_test(paths_beside_the_contract_are_404),
          ask_test(request_for_the_other_program_is_500_that_says_so), ask_test(expired_jobs_are_410),
          ask_test(full_queue_is_429_and_full_disk_507), ask_test(busy_store_is_503_with_retry_after),
          ask_test(failed_sync_takes_the_202_back), ask_test(every_failing_call_is_an_answer),
          ask_test(failing_nudge_does_not_cost_the_answer),
          ask_test(worker_that_cannot_be_started_does_not_cost_the_202), ask_test(malformed_wishes_are_400),
          ask_test(malformed_list_queries_are_400), ask_test(malformed_reads_are_400),
          ask_test(conflicts_are_409), ask_test(configuration_that_cannot_be_loaded_is_500_until_it_can),
          ask_test(store_that_cannot_be_opened_is_503), ask_test(header_values_cannot_split_a_header))
