#include "config.h"
#include "../unit/test.h"

#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct request request;
static struct error error;

/* Up to eight "NAME=value" strings, ended by NULL. */
#define PARSE(base_url, ...) request_parse(&request, (char *[]){__VA_ARGS__, NULL}, base_url, &error)

static void assert_route(const char *base, const char *route)
{
    char joined[REQUEST_TARGET_MAX] = "";
    for (size_t i = 0; i < request.segment_count; i++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "/%s", request.segments[i]);
    assert_string_equal(joined, route);
    assert_string_equal(request.base, base);
}

static void mounted_at_the_root_behind_lighttpd(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/job/x?wait=1",
                           "SCRIPT_NAME=", "PATH_INFO=/job/x", "QUERY_STRING=wait=1"),
                     0);
    assert_route("", "/job/x");
    assert_int_equal(request.method, HTTP_GET);
    assert_string_equal(request_parameter(&request, "wait"), "1");
}

static void mounted_by_apaches_server_configuration(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=POST", "REQUEST_URI=/job", "SCRIPT_NAME=/job"), 0);
    assert_route("", "/job");
    assert_int_equal(
        PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/job/x/log", "SCRIPT_NAME=/job", "PATH_INFO=/x/log"), 0);
    assert_route("", "/job/x/log");
}

static void mounted_below_a_folder_by_htaccess(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/~me/jobs/job/x",
                           "SCRIPT_NAME=/~me/jobs/status.fcgi", "PATH_INFO=/x"),
                     0);
    assert_route("/~me/jobs", "/job/x");
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/~me/jobs/functions",
                           "SCRIPT_NAME=/~me/jobs/status.fcgi", "PATH_INFO=/functions"),
                     0);
    assert_route("/~me/jobs", "/functions");
}

static void called_by_the_programs_own_path(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/cgi-bin/status/job/x",
                           "SCRIPT_NAME=/cgi-bin/status", "PATH_INFO=/job/x"),
                     0);
    assert_route("/cgi-bin/status", "/job/x");
}

static void without_request_uri_the_script_name_has_to_do(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "SCRIPT_NAME=/cgi-bin/status", "PATH_INFO=/job/x"), 0);
    assert_route("/cgi-bin/status", "/job/x");
}

static void configured_base_url_stands_before_every_link(void **state)
{
    assert_int_equal(PARSE("https://jobs.example/base/", "REQUEST_METHOD=GET", "REQUEST_URI=/base/job/x"), 0);
    assert_route("https://jobs.example/base", "/job/x");
    assert_int_equal(PARSE("/job", "REQUEST_METHOD=GET", "REQUEST_URI=/job/job/x"), 0);
    assert_route("/job", "/job/x");
    /* A proxy has taken the base away. */
    assert_int_equal(PARSE("https://jobs.example/base", "REQUEST_METHOD=GET", "REQUEST_URI=/job/x"), 0);
    assert_route("https://jobs.example/base", "/job/x");
    assert_int_equal(PARSE("/base", "REQUEST_METHOD=GET", "REQUEST_URI=/based/job/x", "PATH_INFO=/x"), 0);
    assert_route("/base", "/job/x");
}

static void absolute_form_counts_as_its_path(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=http://other.example/job/x"), 0);
    assert_string_equal(request.segments[request.segment_count - 1], "x");
    assert_string_equal(request.base, "");
}

/* Hazard 29. */
static void malformed_paths_are_refused(void **state)
{
    static const char *const paths[] = {
        "/job/%2e%2e",
        "/job/..",
        "/job/.",
        "/job/a%2fb",
        "/job/%2e%2e%2fx",
        "/job//x",
        "//evil.example/job",
        "/job/%00",
        "/job/x%00",
        "/job/x%0d%0aX: y",
        "/job/%",
        "/job/%4",
        "/job/%zz",
        "/job/%c0%ae",
        "/job/%ff",
        "/job/x/",
        "job",
        "/job/x%7f",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char uri[256];
        snprintf(uri, sizeof uri, "REQUEST_URI=%s", paths[i]);
        int status = PARSE("", "REQUEST_METHOD=GET", uri);
        if (status != 400 && status != 404)
            fail_msg("%s: %d", paths[i], status);
    }
}

static void base_that_could_do_harm_is_refused(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/\"<x>/job"), 404);
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/a\\b/job"), 404);
}

static void escapes_are_decoded_once(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/%6aob/a%252fb?function=a%2Bb+c%2520"), 0);
    assert_route("", "/job/a%2fb");
    assert_string_equal(request_parameter(&request, "function"), "a+b c%20");
}

static void too_long_targets_are_414(void **state)
{
    char uri[REQUEST_TARGET_MAX + 64] = "REQUEST_URI=/job/";
    memset(uri + strlen(uri), 'a', REQUEST_TARGET_MAX);
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", uri), 414);
    char query[REQUEST_QUERY_MAX + 64] = "QUERY_STRING=a=";
    memset(query + strlen(query), 'a', REQUEST_QUERY_MAX);
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/job", query), 414);
}

static void longest_path_and_query_fit_together(void **state)
{
    char uri[REQUEST_TARGET_MAX + 64] = "REQUEST_URI=/job/";
    memset(uri + strlen(uri), 'a', REQUEST_TARGET_MAX - 1 - strlen("/job/"));
    char query[REQUEST_QUERY_MAX + 64] = "QUERY_STRING=";
    memset(query + strlen(query), 'a', REQUEST_QUERY_MAX);
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", uri, query), 0);
    char slashes[REQUEST_TARGET_MAX + 64] = "REQUEST_URI=";
    for (size_t i = 0; i < REQUEST_TARGET_MAX - 2; i += 2)
        strcat(slashes, "/a");
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", slashes), 404);
}

static void malformed_queries_are_400(void **state)
{
    static const char *const queries[] = {
        "a=%", "a=%0", "a=%00", "a=%ff", "a=1&a=2", "%41=1&A=2", "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char query[256];
        snprintf(query, sizeof query, "QUERY_STRING=%s", queries[i]);
        if (PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/job", query) != 400)
            fail_msg("%s", queries[i]);
    }
}

static void empty_pairs_of_a_query_are_overlooked(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=GET", "REQUEST_URI=/job?&&a=1&&b&"), 0);
    assert_int_equal(request.parameter_count, 2);
    assert_string_equal(request_parameter(&request, "b"), "");
    assert_null(request_parameter(&request, "c"));
}

/* Hazard 30. */
static void headers_are_taken_by_their_exact_names(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=POST", "REQUEST_URI=/job", "HTTP_X_AMZ_INVOCATION_TYPE=Event",
                           "HTTP_PREFER_=x", "HTTP_PREFERX=y", "CONTENT_TYPE=application/json"),
                     0);
    assert_string_equal(request_header(&request, HEADER_INVOCATION_TYPE), "Event");
    assert_string_equal(request_header(&request, HEADER_CONTENT_TYPE), "application/json");
    assert_string_equal(request_header(&request, HEADER_PREFER), "");
}

static void unknown_methods_are_no_method_of_ours(void **state)
{
    assert_int_equal(PARSE("", "REQUEST_METHOD=PUT", "REQUEST_URI=/job"), 0);
    assert_int_equal(request.method, HTTP_OTHER);
    assert_int_equal(PARSE("", "REQUEST_METHOD=get\x01\xff", "REQUEST_URI=/job"), 0);
    assert_int_equal(request.method, HTTP_OTHER);
    assert_string_equal(request.method_name, "get??");
    assert_int_equal(PARSE("", "REQUEST_URI=/job"), 0);
    assert_int_equal(request.method, HTTP_OTHER);
}

/* ---- bodies ---- */

struct bytes {
    const char *at;
    size_t left;
    bool fails;
};

static ssize_t read_bytes(void *context, void *out, size_t most)
{
    struct bytes *bytes = context;
    if (bytes->left == 0)
        return bytes->fails ? -1 : 0;
    size_t count = bytes->left < 3 ? bytes->left : 3;
    if (count > most)
        count = most;
    memcpy(out, bytes->at, count);
    bytes->at += count;
    bytes->left -= count;
    return (ssize_t)count;
}

static int read_body(const char *length, struct bytes bytes, bool ends, struct buffer *body)
{
    char variable[64];
    struct body_source source = {read_bytes, &bytes, ends};
    snprintf(variable, sizeof variable, "CONTENT_LENGTH=%s", length != NULL ? length : "");
    buffer_clear(body);
    assert_int_equal(PARSE("", "REQUEST_METHOD=POST", "REQUEST_URI=/job", variable), 0);
    return request_read_body(&request, &source, 10, body, &error);
}

static void body_of_the_right_length_is_taken(void **state)
{
    struct buffer body = {0};
    for (int ends = 0; ends < 2; ends++) {
        assert_int_equal(read_body("7", (struct bytes){"{\"a\":1}", 7, false}, ends, &body), 0);
        assert_string_equal(body.data, "{\"a\":1}");
    }
    assert_int_equal(read_body("10", (struct bytes){"0123456789", 10, false}, true, &body), 0);
    assert_int_equal(read_body("0", (struct bytes){"", 0, false}, true, &body), 0);
    assert_int_equal(body.length, 0);
    buffer_free(&body);
}

/* Hazard 27. */
static void body_without_length_is_read_to_its_end(void **state)
{
    struct buffer body = {0};
    assert_int_equal(read_body(NULL, (struct bytes){"0123456789", 10, false}, false, &body), 0);
    assert_int_equal(body.length, 10);
    assert_int_equal(read_body(NULL, (struct bytes){"0123456789x", 11, false}, false, &body), 413);
    buffer_free(&body);
}

/* Hazard 27. */
static void broken_chunks_are_no_empty_body(void **state)
{
    struct buffer body = {0};
    struct bytes nothing = {"", 0, false};
    struct body_source source = {read_bytes, &nothing, true};
    assert_int_equal(PARSE("", "REQUEST_METHOD=POST", "REQUEST_URI=/job", "HTTP_TRANSFER_ENCODING=chunked"),
                     0);
    assert_int_equal(request_read_body(&request, &source, 10, &body, &error), 400);
    assert_int_equal(PARSE("", "REQUEST_METHOD=POST", "REQUEST_URI=/job"), 0);
    assert_int_equal(request_read_body(&request, &source, 10, &body, &error), 0);
    buffer_free(&body);
}

/* Hazard 27. */
static void wrong_lengths_are_told_apart(void **state)
{
    static const char *const wrong[] = {"-1", "two", "2x", "0x2", "+2", "2 2", "1e1", " 2"};
    struct buffer body = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_body(wrong[i], (struct bytes){"{}", 2, false}, true, &body), 400);
    assert_int_equal(read_body("3", (struct bytes){"{}", 2, false}, true, &body), 400);
    assert_int_equal(read_body("1", (struct bytes){"{}", 2, false}, true, &body), 400);
    assert_int_equal(read_body("2", (struct bytes){"", 0, true}, true, &body), 400);
    assert_int_equal(read_body("11", (struct bytes){"{}", 2, false}, true, &body), 413);
    assert_int_equal(read_body("99999999999999999999999", (struct bytes){"{}", 2, false}, true, &body), 413);
    assert_int_equal(read_body("18446744073709551616", (struct bytes){"{}", 2, false}, true, &body), 413);
    buffer_free(&body);
}

static void standard_input_is_not_read_behind_its_length(void **state)
{
    struct buffer body = {0};
    assert_int_equal(read_body("2", (struct bytes){"{}{}", 4, false}, false, &body), 0);
    assert_string_equal(body.data, "{}");
    buffer_free(&body);
}

static void encoding_leaves_only_unreserved_characters(void **state)
{
    struct buffer out = {0};
    request_encode(&out, "aZ09-._~ /?&=\xc3\xbc");
    assert_string_equal(out.data, "aZ09-._~%20%2F%3F%26%3D%C3%BC");
    buffer_free(&out);
}

TEST_MAIN(cmocka_unit_test(mounted_at_the_root_behind_lighttpd),
          cmocka_unit_test(mounted_by_apaches_server_configuration),
          cmocka_unit_test(mounted_below_a_folder_by_htaccess),
          cmocka_unit_test(called_by_the_programs_own_path),
          cmocka_unit_test(without_request_uri_the_script_name_has_to_do),
          cmocka_unit_test(configured_base_url_stands_before_every_link),
          cmocka_unit_test(absolute_form_counts_as_its_path), cmocka_unit_test(malformed_paths_are_refused),
          cmocka_unit_test(base_that_could_do_harm_is_refused), cmocka_unit_test(escapes_are_decoded_once),
          cmocka_unit_test(too_long_targets_are_414), cmocka_unit_test(longest_path_and_query_fit_together),
          cmocka_unit_test(malformed_queries_are_400),
          cmocka_unit_test(empty_pairs_of_a_query_are_overlooked),
          cmocka_unit_test(headers_are_taken_by_their_exact_names),
          cmocka_unit_test(unknown_methods_are_no_method_of_ours),
          cmocka_unit_test(body_of_the_right_length_is_taken),
          cmocka_unit_test(body_without_length_is_read_to_its_end),
          cmocka_unit_test(broken_chunks_are_no_empty_body), cmocka_unit_test(wrong_lengths_are_told_apart),
          cmocka_unit_test(standard_input_is_not_read_behind_its_length),
          cmocka_unit_test(encoding_leaves_only_unreserved_characters))
