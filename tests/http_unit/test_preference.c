#include "config.h"
#include "../unit/test.h"

#include "preference.h"

#include <string.h>

static struct preference read_header(const char *prefer)
{
    struct request request = {.headers = {[HEADER_PREFER] = prefer}};
    struct preference preference;
    assert_int_equal(preference_read(&request, 5000, &preference, NULL), OK);
    return preference;
}

static const char *applied(const struct preference *preference)
{
    static char text[128];
    struct response response = {0};
    preference_acknowledge(preference, &response);
    strcpy(text, response.headers.data != NULL ? response.headers.data : "");
    response_free(&response);
    return text;
}

static void wait_is_read_in_every_form(void **state)
{
    static const char *const forms[] = {"wait=3", "Wait = 3", "respond-async, wait=3", "wait=\"3\"; x=y",
                                        "foo,wait=3"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct preference preference = read_header(forms[i]);
        if (!preference.has_wait || preference.wait_ms != 3000)
            fail_msg("%s", forms[i]);
    }
}

static void wait_is_cut_and_acknowledged_as_applied(void **state)
{
    struct preference preference = read_header("respond-async, wait=100");
    assert_int_equal(preference.wait_ms, 5000);
    assert_string_equal(applied(&preference), "Preference-Applied: respond-async, wait=5\r\n");
    preference = read_header("wait=1.25");
    assert_string_equal(applied(&preference), "Preference-Applied: wait=1.250\r\n");
    preference = read_header("return=minimal");
    assert_string_equal(applied(&preference), "");
}

static void senseless_preferences_are_overlooked(void **state)
{
    static const char *const forms[] = {
        "wait",
        "wait=",
        "wait=x",
        "wait=-1",
        "waits=3",
        ",,;",
        "",
        "wait=99999999999999999999",
        "a-preference-that-is-much-longer-than-what-is-kept-of-one-preference=1"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_false(read_header(forms[i]).has_wait);
}

static void query_goes_before_the_header(void **state)
{
    struct request request = {
        .headers = {[HEADER_PREFER] = "wait=1"}, .parameters = {{"wait", "2"}}, .parameter_count = 1};
    struct preference preference;
    assert_int_equal(preference_read(&request, 5000, &preference, NULL), OK);
    assert_int_equal(preference.wait_ms, 2000);
    assert_false(preference.wait_is_preferred);
    request.parameters[0].value = "soon";
    assert_int_equal(preference_read(&request, 5000, &preference, NULL), INVALID);
}

static void seconds_are_numbers_with_at_most_one_point(void **state)
{
    static const char *const wrong[] = {"",   ".",   "1.",  ".5", "1.2.3", "-1",
                                        "+1", "1e3", "0x1", " 1", "1 ",    "inf"};
    int64_t milliseconds;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (seconds_parse(wrong[i], &milliseconds) == OK)
            fail_msg("\"%s\"", wrong[i]);
    assert_int_equal(seconds_parse("0", &milliseconds), OK);
    assert_int_equal(milliseconds, 0);
    assert_int_equal(seconds_parse("1.0019999", &milliseconds), OK);
    assert_int_equal(milliseconds, 1001);
    assert_int_equal(seconds_parse("1000000000", &milliseconds), OK);
    assert_int_equal(seconds_parse("1000000001", &milliseconds), INVALID);
}

static void entity_tags_match_weakly_and_in_lists(void **state)
{
    static const char *const same[] = {"\"7.3\"",   "W/\"7.3\"", "\"x\", \"7.3\"",
                                       "  \"7.3\"", "*",         "\"7.3-gzip\""};
    static const char *const other[] = {"",      "7.3",     "\"7\"",    "\"7.33\"",
                                        "\"7.3", "\"7.4\"", "x\"7.3\"", "W/7.3"};
    char etag[ETAG_SIZE];
    etag_format(7, 3, etag);
    assert_string_equal(etag, "\"7.3\"");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!etag_matches(same[i], etag))
            fail_msg("%s", same[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (etag_matches(other[i], etag))
            fail_msg("%s", other[i]);
}

static void revisions_match_whatever_has_moved(void **state)
{
    assert_true(etag_matches_revision("\"7\"", 7));
    assert_true(etag_matches_revision("\"x\", W/\"7.12-gzip\"", 7));
    assert_false(etag_matches_revision("\"70\"", 7));
    assert_false(etag_matches_revision("\"6.7\"", 7));
    assert_false(etag_matches_revision("\"\"", 7));
}

TEST_MAIN(cmocka_unit_test(wait_is_read_in_every_form),
          cmocka_unit_test(wait_is_cut_and_acknowledged_as_applied),
          cmocka_unit_test(senseless_preferences_are_overlooked),
          cmocka_unit_test(query_goes_before_the_header),
          cmocka_unit_test(seconds_are_numbers_with_at_most_one_point),
          cmocka_unit_test(entity_tags_match_weakly_and_in_lists),
          cmocka_unit_test(revisions_match_whatever_has_moved))
