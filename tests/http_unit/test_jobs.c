/* What the contract promises when all goes well: POST, GET and the rest, against the store in memory. */
#include "config.h"
#include "ask.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char id[64];

static const char *of_job(const char *rest)
{
    static char uri[256];
    snprintf(uri, sizeof uri, "/job/%s%s", id, rest);
    return uri;
}

static void make(enum job_status status, const char *result, const char *type)
{
    strcpy(id, fake_job(status, result, type));
}

static void accepted_job_has_the_samples_members_and_a_location(void **state)
{
    const struct answer *answer = post("/job", "{\"a\":1}");
    assert_int_equal(answer->status, 202);
    assert_int_equal(json_object_object_length(answer->json), 3);
    strcpy(id, member("jobId"));
    assert_string_equal(member("status"), "QUEUED");
    assert_non_null(member("createdAt"));
    assert_string_equal(header("Location"), of_job(""));
    assert_string_equal(header("X-Amzn-RequestId"), id);
    assert_string_equal(header("Retry-After"), "1");
    assert_int_equal(fake_calls("store_sync"), 1);
    assert_string_equal(get(of_job("/event"))->body, "{\"a\":1}");
}

static void no_body_counts_as_an_empty_object(void **state)
{
    assert_int_equal(ask("POST", "/job", NULL, NULL)->status, 202);
    strcpy(id, member("jobId"));
    assert_string_equal(get(of_job("/event"))->body, "{}");
}

static void accepted_status_200_is_the_samples_and_has_no_location(void **state)
{
    fake_configuration()->accepted_status = 200;
    assert_int_equal(post("/job", "{}")->status, 200);
    assert_null(header("Location"));
    assert_non_null(header("X-Amzn-RequestId"));
}

static void links_start_with_the_base(void **state)
{
    static const char *const more[] = {"CONTENT_TYPE=application/json", "SCRIPT_NAME=/~me/jobs/submit.fcgi",
                                       NULL};
    ask("POST", "/~me/jobs/job", "{}", more);
    assert_ptr_equal(strstr(header("Location"), "/~me/jobs/job/"), header("Location"));
    make(JOB_SUCCEEDED, "{}", "application/json");
    char uri[512];
    snprintf(uri, sizeof uri, "/~me/jobs%s", of_job(""));
    get(uri);
    assert_non_null(strstr(member("links"), "\"/~me/jobs/job/"));
}

static void committed_job_rings_for_a_worker_and_starts_one_when_none_sleeps(void **state)
{
    post("/job", "{}");
    assert_int_equal(fake_calls("launch_worker"), 0);
    fake_fail("store_ring_work", NOTFOUND);
    post("/job", "{}");
    assert_int_equal(fake_calls("launch_worker"), 1);
    post("/job?function=paused", "{}");
    assert_int_equal(fake_calls("launch_worker"), 1);
    assert_int_equal(fake_calls("store_ring_work"), 2);
}

static void delayed_job_is_due_later(void **state)
{
    post("/job?delay=1.5", "{}");
    const struct job *job = fake_find(member("jobId"));
    assert_int_equal(job->due_ms - job->created_ms, 1500);
    assert_int_equal(job->first_due_ms, job->due_ms);
}

static void traceparent_is_kept_when_it_is_one(void **state)
{
    static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    ask("POST", "/job", NULL,
        (const char *[]){"HTTP_TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL});
    assert_string_equal(fake_find(member("jobId"))->traceparent, good);
    ask("POST", "/job", NULL,
        (const char *[]){"HTTP_TRACEPARENT=00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", NULL});
    assert_string_equal(fake_find(member("jobId"))->traceparent, "");
}

static void dry_run_is_204_and_makes_no_job(void **state)
{
    static const char *const more[] = {"HTTP_X_AMZ_INVOCATION_TYPE=DryRun", "CONTENT_TYPE=application/json",
                                       NULL};
    assert_int_equal(ask("POST", "/job", "{}", more)->status, 204);
    assert_null(header("Content-Length"));
    assert_problem(ask("POST", "/job", "{", more), 400);
    fake_fail("accepts_jobs", FULL);
    assert_problem(ask("POST", "/job", "{}", more), 507);
    fake_fail("accepts_jobs", UNAVAILABLE); /* out of service: what a POST would be told, too */
    assert_problem(ask("POST", "/job", "{}", more), 503);
    assert_int_equal(fake_job_count(), 0);
}

static const char *const request_response[] = {"HTTP_X_AMZ_INVOCATION_TYPE=RequestResponse",
                                               "HTTP_X_AMZ_LOG_TYPE=Tail", "CONTENT_TYPE=application/json",
                                               NULL};

static void request_response_gives_the_result_itself(void **state)
{
    fake_ends_while_waited_for(JOB_SUCCEEDED, "{ \"sum\": 3 }");
    assert_int_equal(ask("POST", "/job", "{}", request_response)->status, 200);
    const struct answer *answer = ask("GET", "/functions", NULL, NULL);
    assert_int_equal(answer->status, 200);
    fake_ends_while_waited_for(JOB_SUCCEEDED, "{ \"sum\": 3 }");
    answer = ask("POST", "/job", "{}", request_response);
    assert_string_equal(answer->body, "{ \"sum\": 3 }");
    assert_string_equal(header("Content-Type"), "application/json");
    assert_non_null(header("X-Amzn-RequestId"));
    assert_null(header("X-Amz-Function-Error"));
}

static void request_response_of_a_failed_function_is_200_with_the_error(void **state)
{
    fake_ends_while_waited_for(JOB_FAILED, NULL);
    assert_int_equal(ask("POST", "/job", "{}", request_response)->status, 200);
    assert_string_equal(header("X-Amz-Function-Error"), "Unhandled");
    fake_ends_while_waited_for(JOB_CANCELLED, NULL);
    ask("POST", "/job", "{}", request_response);
    assert_string_equal(member("errorType"), "Job.Cancelled");
}

static void request_response_that_takes_too_long_is_504_naming_the_job(void **state)
{
    fake_configuration()->wait_max_ms = 50;
    assert_problem(ask("POST", "/job", "{}", request_response), 504);
    assert_non_null(fake_find(member("jobId")));
    assert_string_equal(header("X-Amzn-RequestId"), member("jobId"));
    assert_int_equal(fake_calls("store_sync"), 1);
}

static void request_response_does_not_wait_for_a_retry_that_comes_too_late(void **state)
{
    int64_t begun = clock_monotonic_ms();
    fake_configuration()->wait_max_ms = 20000;
    static const char *const more[] = {"HTTP_X_AMZ_INVOCATION_TYPE=RequestResponse", NULL};
    assert_problem(ask("POST", "/job?delay=60", NULL, more), 504);
    assert_true(clock_monotonic_ms() - begun < 5000);
}

static void prefer_wait_on_a_post_gives_the_ended_job(void **state)
{
    static const char *const more[] = {"HTTP_PREFER=respond-async, wait=2", NULL};
    fake_ends_while_waited_for(JOB_SUCCEEDED, "1");
    assert_int_equal(ask("POST", "/job", NULL, more)->status, 200);
    assert_string_equal(member("status"), "SUCCEEDED");
    assert_string_equal(header("Preference-Applied"), "respond-async, wait=2");
    ask_may_wait = false;
    assert_int_equal(ask("POST", "/job", NULL, more)->status, 202);
}

static void same_key_replays_the_first_answer(void **state)
{
    static const char *const more[] = {"HTTP_IDEMPOTENCY_KEY=\"k\\\"1\"", "CONTENT_TYPE=application/json",
                                       NULL};
    char first[256];
    strcpy(first, ask("POST", "/job", "{}", more)->body);
    fake_find(member("jobId"))->status = JOB_SUCCEEDED;
    assert_string_equal(ask("POST", "/job", "{}", more)->body, first);
    assert_int_equal(fake_job_count(), 1);
    assert_problem(ask("POST", "/job", "{\"other\":1}", more), 422);
    assert_problem(ask("POST", "/job?function=paused", "{}", more), 422);
    /* The same word, unquoted or as the SDK's id, is the same key. */
    assert_int_equal(
        ask("POST", "/job", "{}",
            (const char *[]){"HTTP_AMZ_SDK_INVOCATION_ID=k\"1", "CONTENT_TYPE=application/json", NULL})
            ->status,
        202);
    assert_int_equal(fake_job_count(), 1);
}

static void document_has_what_the_contract_names(void **state)
{
    make(JOB_SUCCEEDED, "{\"x\":1}", "application/json");
    fake_find(id)->progress_percent = 100;
    fake_find(id)->finished_ms = 1763874540123;
    get(of_job(""));
    assert_string_equal(member("jobId"), id);
    assert_string_equal(member("status"), "SUCCEEDED");
    assert_string_equal(member("function"), "echo");
    assert_string_equal(member("attempts"), "1");
    assert_string_equal(member("result"), "{\"x\":1}");
    assert_string_equal(member("finishedAt"), "2025-11-23T05:09:00.123Z");
    assert_non_null(strstr(member("progress"), "100"));
    assert_non_null(strstr(member("links"), "retry"));
    assert_null(strstr(member("links"), "cancel"));
    assert_string_equal(header("Cache-Control"), "no-cache");
}

static void queued_job_says_why_it_waits(void **state)
{
    make(JOB_QUEUED, NULL, NULL);
    get(of_job(""));
    assert_non_null(strstr(member("queue"), "\"position\":3"));
    assert_non_null(strstr(member("queue"), "concurrency"));
    assert_non_null(strstr(member("queue"), "dueAt"));
    assert_string_equal(header("ETag"), "\"3.3\"");
}

static void text_results_are_strings_and_large_ones_are_not_inlined(void **state)
{
    make(JOB_SUCCEEDED,
         "gr\xc3\xbc\xc3\x9f"
         "e\r\n",
         "text/plain; charset=utf-8");
    get(of_job(""));
    assert_string_equal(member("result"), "gr\xc3\xbc\xc3\x9f"
                                          "e\r\n");
    make(JOB_SUCCEEDED, "\xff", "text/plain");
    assert_null(json_object_object_get(get(of_job(""))->json, "result"));
    make(JOB_SUCCEEDED, "{}", "application/json");
    fake_find(id)->result_size = 65537;
    assert_null(json_object_object_get(get(of_job(""))->json, "result"));
    assert_string_equal(member("resultSize"), "65537");
}

/* Hazard 32. */
static void results_are_never_pages(void **state)
{
    static const char *const types[] = {"text/html", "image/svg+xml", "application/xhtml+xml",
                                        "text/javascript", "x"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        make(JOB_SUCCEEDED, "<script>alert(1)</script>", types[i]);
        assert_int_equal(get(of_job("/result"))->status, 200);
        assert_string_equal(header("Content-Type"), "application/octet-stream");
        assert_string_equal(header("Content-Disposition"), "attachment");
        assert_string_equal(header("X-Content-Type-Options"), "nosniff");
        assert_non_null(strstr(header("Content-Security-Policy"), "sandbox"));
    }
    make(JOB_SUCCEEDED, "<script>", "text/plain");
    get(of_job("/result"));
    assert_string_equal(header("Content-Type"), "text/plain; charset=utf-8");
}

static void etag_gives_304_until_something_changes(void **state)
{
    make(JOB_RUNNING, NULL, NULL);
    get(of_job(""));
    assert_string_equal(header("ETag"), "\"3\"");
    static const char *const same[] = {"HTTP_IF_NONE_MATCH=\"x\", W/\"3-gzip\"", NULL};
    const struct answer *answer = ask("GET", of_job(""), NULL, same);
    assert_int_equal(answer->status, 304);
    assert_int_equal(answer->body_length, 0);
    assert_null(header("Content-Length"));
    assert_string_equal(header("ETag"), "\"3\"");
    fake_find(id)->revision++;
    assert_int_equal(ask("GET", of_job(""), NULL, same)->status, 200);
}

static void unchanged_job_is_not_read_again(void **state)
{
    char first[2048], etag[64];
    make(JOB_SUCCEEDED, "{\"a\":1}", "application/json");
    fake_stamp(1);
    snprintf(first, sizeof first, "%s", get(of_job(""))->body);
    snprintf(etag, sizeof etag, "If-None-Match: %s", header("ETag"));
    assert_string_equal(get(of_job(""))->body, first);
    assert_int_equal(fake_calls("store_view"), 1);

    char uri[512];
    snprintf(uri, sizeof uri, "/elsewhere%s", of_job("")); /* its links are others */
    static const char *const below[] = {"SCRIPT_NAME=/elsewhere", NULL};
    assert_non_null(strstr(ask("GET", uri, NULL, below)->body, "/elsewhere/job/"));
    assert_int_equal(fake_calls("store_view"), 2);

    get(of_job(""));
    fake_find(id)->log_size = 77;
    fake_stamp(2);
    assert_string_equal((get(of_job("")), member("logSize")), "77");
    assert_int_equal(fake_calls("store_view"), 4);
}

static void kept_document_answers_a_condition_too(void **state)
{
    static char condition[80];
    static const char *const more[] = {condition, NULL};
    make(JOB_SUCCEEDED, "{}", "application/json");
    fake_stamp(1);
    get(of_job(""));
    snprintf(condition, sizeof condition, "HTTP_IF_NONE_MATCH=%s", header("ETag"));
    const struct answer *answer = ask("GET", of_job(""), NULL, more);
    assert_int_equal(answer->status, 304);
    assert_int_equal(answer->body_length, 0);
    assert_int_equal(fake_calls("store_view"), 1);
}

static void queued_job_is_read_each_time_since_its_place_changes(void **state)
{
    make(JOB_QUEUED, NULL, NULL);
    fake_stamp(1);
    get(of_job(""));
    get(of_job(""));
    assert_int_equal(fake_calls("store_view"), 2);
}

static void wait_ends_with_the_job(void **state)
{
    make(JOB_RUNNING, NULL, NULL);
    fake_ends_while_waited_for(JOB_SUCCEEDED, "1");
    get(of_job("?wait=2"));
    assert_string_equal(member("status"), "SUCCEEDED");
    assert_int_equal(fake_calls("store_wait"), 1);
}

static void wait_with_the_current_etag_ends_with_304_and_with_an_older_one_at_once(void **state)
{
    make(JOB_RUNNING, NULL, NULL);
    assert_int_equal(
        ask("GET", of_job("?wait=0.05"), NULL, (const char *[]){"HTTP_IF_NONE_MATCH=\"3\"", NULL})->status,
        304);
    unsigned calls = fake_calls("store_wait");
    assert_true(calls >= 1);
    assert_int_equal(
        ask("GET", of_job("?wait=2"), NULL, (const char *[]){"HTTP_IF_NONE_MATCH=\"2\"", NULL})->status, 200);
    assert_int_equal(fake_calls("store_wait"), calls);
}

static void wait_over_the_cap_or_of_a_client_that_left_answers_at_once(void **state)
{
    make(JOB_RUNNING, NULL, NULL);
    ask_may_wait = false;
    assert_int_equal(get(of_job("?wait=2"))->status, 200);
    assert_string_equal(header("Retry-After"), "1");
    ask_may_wait = true;
    ask_should_stop = true;
    assert_int_equal(get(of_job("?wait=2"))->status, 200);
    assert_int_equal(fake_calls("store_wait"), 0);
}

static void log_tells_where_it_is(void **state)
{
    make(JOB_RUNNING, NULL, NULL);
    assert_int_equal(get(of_job("/log"))->status, 200);
    assert_string_equal(header("X-Log-Size"), "0");
    fake_log(id, "first line\n");
    assert_string_equal(get(of_job("/log?offset=6"))->body, "line\n");
    assert_string_equal(header("X-Log-Offset"), "6");
    assert_string_equal(header("X-Log-Next"), "11");
    assert_string_equal(header("X-Log-Size"), "11");
    assert_string_equal(header("X-Job-Status"), "RUNNING");
    assert_int_equal(get(of_job("/log?offset=1000000"))->body_length, 0);
}

static void cancel_is_200_when_done_and_202_while_it_is_being_stopped(void **state)
{
    make(JOB_QUEUED, NULL, NULL);
    assert_int_equal(ask("DELETE", of_job("?reason=not%20needed"), NULL, NULL)->status, 200);
    assert_string_equal(member("status"), "CANCELLED");
    assert_string_equal(member("cancelReason"), "not needed");
    assert_int_equal(ask("DELETE", of_job(""), NULL, NULL)->status, 200);
    make(JOB_RUNNING, NULL, NULL);
    assert_int_equal(ask("DELETE", of_job(""), NULL, NULL)->status, 202);
    assert_string_equal(member("cancelRequested"), "true");
    assert_int_equal(fake_calls("store_sync"), 3);
}

static void purge_erases_and_says_so(void **state)
{
    make(JOB_SUCCEEDED, "{}", "application/json");
    assert_int_equal(ask("DELETE", of_job("?purge=true"), NULL, NULL)->status, 200);
    assert_string_equal(member("purged"), "true");
    assert_problem(get(of_job("/result")), 410);
    assert_problem(get(of_job("/event")), 410);
    assert_problem(get(of_job("/log")), 410);
    assert_problem(post(of_job("/retry"), NULL), 409);
    assert_int_equal(post(of_job("/retry"), "{}")->status, 202);
}

static void retry_is_a_new_job_with_the_old_event_or_an_edited_one(void **state)
{
    char old[64];
    make(JOB_FAILED, NULL, NULL);
    strcpy(old, id);
    assert_int_equal(post(of_job("/retry"), NULL)->status, 202);
    strcpy(id, member("jobId"));
    assert_string_not_equal(id, old);
    assert_string_equal(get(of_job("/event"))->body, "{\"a\":1}");
    get(of_job(""));
    assert_string_equal(member("retryOf"), old);
    strcpy(id, old);
    post(of_job("/retry"), "[2]");
    strcpy(id, member("jobId"));
    assert_string_equal(get(of_job("/event"))->body, "[2]");
}

static void list_is_walked_by_its_cursor(void **state)
{
    for (int i = 0; i < 5; i++)
        make(i % 2 == 0 ? JOB_FAILED : JOB_SUCCEEDED, NULL, NULL);
    const struct answer *answer = get("/job?limit=2&function=echo&status=");
    assert_int_equal(json_object_array_length(json_object_object_get(answer->json, "jobs")), 2);
    char cursor[64], link[256];
    strcpy(cursor, member("next"));
    assert_int_equal(strlen(cursor), 32);
    snprintf(link, sizeof link, "</job?function=echo&limit=2&cursor=%s>; rel=\"next\"", cursor);
    assert_string_equal(header("Link"), link);
    snprintf(link, sizeof link, "/job?limit=10&cursor=%s", cursor);
    answer = get(link);
    assert_int_equal(json_object_array_length(json_object_object_get(answer->json, "jobs")), 3);
    assert_null(json_object_object_get(answer->json, "next"));
    assert_null(header("Link"));
    answer = get("/job?status=FAILED");
    assert_int_equal(json_object_array_length(json_object_object_get(answer->json, "jobs")), 3);
}

static size_t listed(const char *uri)
{
    return json_object_array_length(json_object_object_get(get(uri)->json, "jobs"));
}

static void list_finds_a_job_by_the_beginning_of_its_id(void **state)
{
    char wanted[64], uri[128], link[256];
    make(JOB_FAILED, NULL, NULL);
    strcpy(wanted, id);
    make(JOB_SUCCEEDED, NULL, NULL);
    for (size_t length = 1; length <= strlen(wanted); length++) {
        snprintf(uri, sizeof uri, "/job?id=%.*s", (int)length, wanted);
        assert_int_equal(listed(uri), strncmp(wanted, id, length) == 0 ? 2 : 1);
    }
    assert_string_equal(
        json_object_get_string(json_object_object_get(
            json_object_array_get_idx(json_object_object_get(get(uri)->json, "jobs"), 0), "jobId")),
        wanted);
    assert_int_equal(listed("/job?id="), 2);
    assert_int_equal(listed("/job?id=0000"), 0);
    assert_int_equal(listed("/job?id=ffffffff-ffff-ffff-ffff-ffffffffffff"), 0);
    snprintf(uri, sizeof uri, "/job?status=SUCCEEDED&id=%.4s", id);
    assert_int_equal(listed(uri), 1);
    /* The pages of a search are pages of the same search. */
    snprintf(uri, sizeof uri, "/job?limit=1&id=%.4s", id);
    assert_int_equal(listed(uri), 1);
    snprintf(link, sizeof link, "</job?id=%.4s&limit=1&cursor=%s>; rel=\"next\"", id, member("next"));
    assert_string_equal(header("Link"), link);
    snprintf(uri, sizeof uri, "/job?limit=1&id=%.4s&cursor=%s", id, member("next"));
    assert_int_equal(listed(uri), 1);
    assert_null(header("Link"));
}

static int list_with_etag(const char *etag)
{
    char line[128];
    snprintf(line, sizeof line, "HTTP_IF_NONE_MATCH=%s", etag);
    return ask("GET", "/job", NULL, (const char *[]){line, NULL})->status;
}

static void list_is_304_until_something_in_it_changes(void **state)
{
    char etag[64];
    make(JOB_RUNNING, NULL, NULL);
    get("/job");
    strcpy(etag, header("ETag"));
    assert_int_equal(list_with_etag(etag), 304);
    assert_string_equal(header("ETag"), etag);
    fake_find(id)->revision++;
    assert_int_equal(list_with_etag(etag), 200);
    strcpy(etag, header("ETag"));
    fake_log(id, "a line"); /* which is no change of the job */
    assert_int_equal(list_with_etag(etag), 200);
    strcpy(etag, header("ETag"));
    make(JOB_QUEUED, NULL, NULL);
    assert_int_equal(list_with_etag(etag), 200);
    strcpy(etag, header("ETag"));
    get("/job?limit=1");
    assert_string_not_equal(header("ETag"), etag);
    assert_int_equal(list_with_etag(etag), 304);
}

static void functions_are_listed_with_limits_and_counts(void **state)
{
    const struct answer *answer = get("/functions");
    struct json_object *list = json_object_object_get(answer->json, "functions");
    assert_int_equal(json_object_array_length(list), 3);
    static const char *const names[] = {"echo", "gone", "paused"};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(
            json_object_get_string(json_object_object_get(json_object_array_get_idx(list, i), "name")),
            names[i]);
    assert_non_null(strstr(json_object_get_string(json_object_array_get_idx(list, 2)), "\"paused\": true"));
    assert_non_null(
        strstr(json_object_get_string(json_object_array_get_idx(list, 1)), "\"installed\": false"));
    assert_non_null(strstr(member("jobs"), "\"QUEUED\":2"));
    assert_non_null(strstr(member("jobs"), "\"FAILED\":1"));
}

static void health_pages_tell_what_they_should(void **state)
{
    assert_int_equal(get("/healthz")->status, 200);
    assert_int_equal(get("/readyz")->status, 200);
    fake_fail("accepts_jobs", FULL);
    const struct answer *answer = get("/readyz");
    assert_int_equal(answer->status, 503);
    assert_null(strstr(answer->body, "secret"));
    fake_fail("accepts_jobs", OK);
    fake_configuration()->worker_program = "/nonexistent/secret";
    answer = get("/readyz");
    assert_int_equal(answer->status, 503);
    assert_null(strstr(answer->body, "secret"));
    assert_int_equal(get("/healthz")->status, 200);
}

static void head_is_get_without_the_body(void **state)
{
    make(JOB_SUCCEEDED, "{}", "application/json");
    size_t length = get(of_job(""))->body_length;
    const struct answer *answer = ask("HEAD", of_job(""), NULL, NULL);
    assert_int_equal(answer->status, 200);
    assert_int_equal(answer->body_length, 0);
    assert_int_equal(atoi(header("Content-Length")), length);
}

static void options_tells_the_methods(void **state)
{
    const struct answer *answer = ask("OPTIONS", "/job", NULL, NULL);
    assert_int_equal(answer->status, 204);
    assert_string_equal(header("Allow"), "GET, HEAD, OPTIONS, POST");
    assert_problem(ask("OPTIONS", "/nothing", NULL, NULL), 404);
}

TEST_MAIN(ask_test(accepted_job_has_the_samples_members_and_a_location),
          ask_test(no_body_counts_as_an_empty_object),
          ask_test(accepted_status_200_is_the_samples_and_has_no_location),
          ask_test(links_start_with_the_base),
          ask_test(committed_job_rings_for_a_worker_and_starts_one_when_none_sleeps),
          ask_test(delayed_job_is_due_later), ask_test(traceparent_is_kept_when_it_is_one),
          ask_test(dry_run_is_204_and_makes_no_job), ask_test(request_response_gives_the_result_itself),
          ask_test(request_response_of_a_failed_function_is_200_with_the_error),
          ask_test(request_response_that_takes_too_long_is_504_naming_the_job),
          ask_test(request_response_does_not_wait_for_a_retry_that_comes_too_late),
          ask_test(prefer_wait_on_a_post_gives_the_ended_job), ask_test(same_key_replays_the_first_answer),
          ask_test(document_has_what_the_contract_names), ask_test(queued_job_says_why_it_waits),
          ask_test(text_results_are_strings_and_large_ones_are_not_inlined),
          ask_test(results_are_never_pages), ask_test(etag_gives_304_until_something_changes),
          ask_test(unchanged_job_is_not_read_again), ask_test(kept_document_answers_a_condition_too),
          ask_test(queued_job_is_read_each_time_since_its_place_changes), ask_test(wait_ends_with_the_job),
          ask_test(wait_with_the_current_etag_ends_with_304_and_with_an_older_one_at_once),
          ask_test(wait_over_the_cap_or_of_a_client_that_left_answers_at_once),
          ask_test(log_tells_where_it_is),
          ask_test(cancel_is_200_when_done_and_202_while_it_is_being_stopped),
          ask_test(purge_erases_and_says_so),
          ask_test(retry_is_a_new_job_with_the_old_event_or_an_edited_one),
          ask_test(list_is_walked_by_its_cursor), ask_test(list_finds_a_job_by_the_beginning_of_its_id),
          ask_test(list_is_304_until_something_in_it_changes),
          ask_test(functions_are_listed_with_limits_and_counts), ask_test(health_pages_tell_what_they_should),
          ask_test(head_is_get_without_the_body), ask_test(options_tells_the_methods))
