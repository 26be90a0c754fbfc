/* test_guard.c - keys, scopes, limits and other sites' pages, against the world in memory */
#include "config.h"
#include "ask.h"

#include "access.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_HEADERS ((const char *[]){NULL})
#define WITH(...)  ((const char *[]){__VA_ARGS__, NULL})

static char *folder;
static char keys_file[4096];
static char shown[128]; /* the header that shows the latest key */

static int64_t now_us = 1000000;

static int64_t fake_monotonic_us(void)
{
    return now_us;
}

static int64_t fake_wall_ms(void)
{
    return INT64_C(1795521600000) + now_us / 1000;
}

static const struct clock_source source = {fake_wall_ms, fake_monotonic_us};

static int set_up(void **state)
{
    if (ask_setup(state) != 0)
        return -1;
    clock_replace(&source);
    folder = test_folder();
    snprintf(keys_file, sizeof keys_file, "%s/keys", folder);
    fake_configuration()->data_dir = folder;
    fake_configuration()->keys_file = keys_file;
    fake_configuration()->anonymous = 0;
    return 0;
}

static int tear_down(void **state)
{
    clock_replace(NULL);
    ask_teardown(state);
    test_folder_remove(folder);
    return 0;
}

/* Makes a key, and the header that shows it. */
static const char *bearer(const struct access_key *key)
{
    char secret[ACCESS_SECRET_SIZE];
    struct error error;
    assert_int_equal(access_add(keys_file, key, secret, &error), OK);
    snprintf(shown, sizeof shown, "HTTP_AUTHORIZATION=Bearer %s", secret);
    now_us += 2000000; /* keys are looked at once a second */
    return shown;
}

#define JSON "CONTENT_TYPE=application/json"

static int status_of(const struct answer *answer)
{
    return answer->status;
}

static void without_a_key_nothing_is_allowed(void **state)
{
    const struct answer *answer = ask("POST", "/job", "{}", WITH(JSON));
    assert_int_equal(status_of(answer), 401);
    assert_non_null(strstr(answer->head, "WWW-Authenticate: Bearer"));
    assert_int_equal(fake_job_count(), 0);
    assert_int_equal(status_of(ask("GET", "/job", NULL, NO_HEADERS)), 401);
    assert_int_equal(status_of(ask("GET", "/healthz", NULL, NO_HEADERS)), 200);
}

static void a_wrong_key_is_refused(void **state)
{
    bearer(&(struct access_key){.name = "a", .scopes = SCOPE_ALL});
    assert_int_equal(status_of(ask("POST", "/job", "{}", WITH(JSON, "HTTP_AUTHORIZATION=Bearer jg_wrong"))),
                     401);
    assert_int_equal(status_of(ask("POST", "/job", "{}", WITH(JSON, "HTTP_X_API_KEY=jg_wrong"))), 401);
}

static void a_key_may_do_what_its_scopes_say(void **state)
{
    const char *id = fake_job(JOB_SUCCEEDED, "1", "application/json");
    char path[128];
    snprintf(path, sizeof path, "/job/%s", id);
    const char *key = bearer(&(struct access_key){.name = "reader", .scopes = SCOPE_READ});
    assert_int_equal(status_of(ask("GET", path, NULL, WITH(key))), 200);
    const struct answer *answer = ask("POST", "/job", "{}", WITH(JSON, key));
    assert_int_equal(answer->status, 403);
    assert_non_null(strstr(answer->body, "submit"));
    assert_int_equal(status_of(ask("GET", "/job", NULL, WITH(key))), 403);
    assert_int_equal(status_of(ask("DELETE", path, NULL, WITH(key))), 403);
}

static void a_key_submits_to_its_own_functions_only(void **state)
{
    struct access_key wanted = {.name = "echo-only", .scopes = SCOPE_ALL, .function_count = 1};
    strcpy(wanted.functions[0], "echo");
    const char *key = bearer(&wanted);
    assert_int_equal(status_of(ask("POST", "/job?function=echo", "{}", WITH(JSON, key))), 202);
    assert_int_equal(status_of(ask("POST", "/job?function=paused", "{}", WITH(JSON, key))), 403);
    assert_int_equal(status_of(ask("POST", "/job?function=nothing", "{}", WITH(JSON, key))), 403);
    const struct answer *answer = ask("GET", "/functions", NULL, WITH(key));
    assert_int_equal(answer->status, 200);
    assert_null(strstr(answer->body, "\"paused\":{"));
    assert_null(strstr(answer->body, "\"name\":\"paused\""));
    assert_non_null(strstr(answer->body, "\"name\":\"echo\""));
}

static void erasing_takes_more_than_the_right_to_cancel(void **state)
{
    char path[128];
    snprintf(path, sizeof path, "/job/%s?purge=true", fake_job(JOB_SUCCEEDED, "1", "application/json"));
    const char *key = bearer(&(struct access_key){.name = "canceller", .scopes = SCOPE_CANCEL});
    const struct answer *answer = ask("DELETE", path, NULL, WITH(key));
    assert_int_equal(answer->status, 403);
    assert_non_null(strstr(answer->body, "admin"));
    key = bearer(&(struct access_key){.name = "eraser", .scopes = SCOPE_ADMIN});
    assert_int_equal(status_of(ask("DELETE", path, NULL, WITH(key))), 200);
    *strchr(path, '?') = '\0';
    assert_int_equal(status_of(ask("DELETE", path, NULL, WITH(key))), 403);
}

static void open_routes_do_not_look_at_keys(void **state)
{
    assert_int_equal(status_of(ask("GET", "/healthz", NULL, WITH("HTTP_AUTHORIZATION=Bearer jg_old"))), 200);
}

static void a_key_for_some_functions_retries_those_only(void **state)
{
    struct access_key wanted = {.name = "other", .scopes = SCOPE_ALL, .function_count = 1};
    strcpy(wanted.functions[0], "other");
    char path[128];
    snprintf(path, sizeof path, "/job/%s/retry", fake_job(JOB_RUNNING, NULL, NULL));
    const char *key = bearer(&wanted);
    /* 409 would tell how the job is going */
    assert_int_equal(status_of(ask("POST", path, "", WITH(JSON, key))), 403);
}

static void the_name_of_the_key_stands_in_the_job(void **state)
{
    const char *key = bearer(&(struct access_key){.name = "importer", .scopes = SCOPE_ALL});
    const struct answer *answer = ask("POST", "/job", "{}", WITH(JSON, key));
    assert_int_equal(answer->status, 202);
    char id[37];
    memcpy(id, strstr(answer->body, "\"jobId\":\"") + 9, 36);
    id[36] = '\0';
    assert_string_equal(fake_find(id)->caller, "importer");
}

static void a_caller_that_is_too_fast_is_told_when_to_come_again(void **state)
{
    const char *key =
        bearer(&(struct access_key){.name = "eager", .scopes = SCOPE_ALL, .limits = {.rate = 1, .burst = 2}});
    assert_int_equal(status_of(ask("GET", "/job", NULL, WITH(key))), 200);
    assert_int_equal(status_of(ask("GET", "/job", NULL, WITH(key))), 200);
    const struct answer *answer = ask("GET", "/job", NULL, WITH(key));
    assert_int_equal(answer->status, 429);
    assert_non_null(strstr(answer->head, "Retry-After: 1"));
    assert_non_null(strstr(answer->head, "RateLimit: "));
    key =
        bearer(&(struct access_key){.name = "calm", .scopes = SCOPE_ALL, .limits = {.rate = 1, .burst = 2}});
    assert_int_equal(status_of(ask("GET", "/job", NULL, WITH(key))), 200);
}

static void a_daily_quota_counts_submissions(void **state)
{
    const char *key =
        bearer(&(struct access_key){.name = "daily", .scopes = SCOPE_ALL, .limits = {.quota = 1}});
    assert_int_equal(status_of(ask("POST", "/job", "{}", WITH(JSON, key))), 202);
    assert_int_equal(status_of(ask("POST", "/job", "{}", WITH(JSON, key))), 429);
    assert_int_equal(status_of(ask("GET", "/job", NULL, WITH(key))), 200);
    assert_int_equal(fake_job_count(), 1);
}

static void a_daily_quota_counts_what_made_a_job(void **state)
{
    const char *key =
        bearer(&(struct access_key){.name = "careful", .scopes = SCOPE_ALL, .limits = {.quota = 2}});
    const char *once = "HTTP_IDEMPOTENCY_KEY=\"once\"";
    assert_int_equal(status_of(ask("POST", "/job", "1", WITH(JSON, key, once))), 202);
    assert_int_equal(status_of(ask("POST", "/job", "1", WITH(JSON, key, once))), 202);
    assert_int_equal(status_of(ask("POST", "/job", "2", WITH(JSON, key, once))), 422);
    assert_int_equal(fake_job_count(), 1);
    assert_int_equal(status_of(ask("POST", "/job", "3", WITH(JSON, key))), 202);
    assert_int_equal(status_of(ask("POST", "/job", "4", WITH(JSON, key))), 429);
    assert_int_equal(fake_job_count(), 2);
}

static void a_page_of_another_site_changes_nothing(void **state)
{
    fake_configuration()->anonymous = SCOPE_ALL;
    assert_int_equal(status_of(ask("POST", "/job", "{}",
                                   WITH(JSON, "HTTP_HOST=jobs.example", "HTTP_ORIGIN=https://evil.example"))),
                     403);
    assert_int_equal(
        status_of(ask("POST", "/job", "{}", WITH(JSON, "HTTP_HOST=jobs.example", "HTTP_ORIGIN=null"))), 403);
    assert_int_equal(status_of(ask("POST", "/job", "{}", WITH(JSON, "HTTP_SEC_FETCH_SITE=cross-site"))), 403);
    assert_int_equal(fake_job_count(), 0);
    assert_int_equal(status_of(ask("POST", "/job", "{}",
                                   WITH(JSON, "HTTP_HOST=jobs.example", "HTTP_ORIGIN=https://jobs.example",
                                        "HTTP_SEC_FETCH_SITE=same-origin"))),
                     202);
}

static void a_listed_origin_may_ask_and_read(void **state)
{
    fake_configuration()->anonymous = SCOPE_ALL;
    fake_configuration()->cors_origins = "https://app.example, https://other.example:8443";
    const struct answer *answer = ask("POST", "/job", "{}",
                                      WITH(JSON, "HTTP_HOST=jobs.example", "HTTP_ORIGIN=https://app.example",
                                           "HTTP_SEC_FETCH_SITE=cross-site"));
    assert_int_equal(answer->status, 202);
    assert_non_null(strstr(answer->head, "Access-Control-Allow-Origin: https://app.example\r\n"));
    assert_non_null(strstr(answer->head, "Access-Control-Expose-Headers: Location"));
    answer = ask("OPTIONS", "/job", NULL, WITH("HTTP_ORIGIN=https://app.example"));
    assert_int_equal(answer->status, 204);
    assert_non_null(strstr(answer->head, "Access-Control-Allow-Methods: "));
    answer = ask("GET", "/job", NULL, WITH("HTTP_ORIGIN=https://evil.example"));
    assert_null(strstr(answer->head, "Access-Control-Allow-Origin"));
    assert_non_null(strstr(answer->head, "Vary: Origin"));
}

static void unusable_keys_let_nobody_in(void **state)
{
    free(test_file(folder, "keys", "nonsense\n"));
    now_us += 2000000;
    assert_int_equal(status_of(ask("GET", "/job", NULL, WITH("HTTP_AUTHORIZATION=Bearer jg_x"))), 503);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(without_a_key_nothing_is_allowed), CASE(a_wrong_key_is_refused),
          CASE(a_key_may_do_what_its_scopes_say), CASE(a_key_submits_to_its_own_functions_only),
          CASE(erasing_takes_more_than_the_right_to_cancel), CASE(open_routes_do_not_look_at_keys),
          CASE(a_key_for_some_functions_retries_those_only), CASE(the_name_of_the_key_stands_in_the_job),
          CASE(a_caller_that_is_too_fast_is_told_when_to_come_again), CASE(a_daily_quota_counts_submissions),
          CASE(a_daily_quota_counts_what_made_a_job), CASE(a_page_of_another_site_changes_nothing),
          CASE(a_listed_origin_may_ask_and_read), CASE(unusable_keys_let_nobody_in))
