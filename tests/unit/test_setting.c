#include "config.h"
#include "test.h"

#include "log.h"
#include "setting.h"

#include <string.h>

static int64_t parsed(enum setting_kind kind, const char *text)
{
    int64_t value = -99;
    struct error error = {""};
    if (setting_parse_number(kind, text, -1, INT64_MAX, &value, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return value;
}

static void assert_refused(enum setting_kind kind, const char *text)
{
    int64_t value = -99;
    struct error error = {""};
    assert_int_equal(setting_parse_number(kind, text, -1, INT64_MAX, &value, &error), INVALID);
    assert_int_equal(value, -99);
    assert_non_null(strstr(error.text, "must be "));
}

static void durations_are_seconds_or_have_a_unit(void **state)
{
    assert_int_equal(parsed(SETTING_DURATION, "90"), 90000);
    assert_int_equal(parsed(SETTING_DURATION, "250ms"), 250);
    assert_int_equal(parsed(SETTING_DURATION, "90s"), 90000);
    assert_int_equal(parsed(SETTING_DURATION, "15m"), 900000);
    assert_int_equal(parsed(SETTING_DURATION, "6h"), 21600000);
    assert_int_equal(parsed(SETTING_DURATION, "7d"), 604800000);
    assert_int_equal(parsed(SETTING_DURATION, "7 d"), 604800000);
    assert_int_equal(parsed(SETTING_DURATION, "0"), 0);
}

static void sizes_are_bytes_or_have_a_unit(void **state)
{
    assert_int_equal(parsed(SETTING_SIZE, "65536"), 65536);
    assert_int_equal(parsed(SETTING_SIZE, "512KiB"), 524288);
    assert_int_equal(parsed(SETTING_SIZE, "6MiB"), 6291456);
    assert_int_equal(parsed(SETTING_SIZE, "8 GiB"), 8589934592);
}

static void what_is_no_quantity_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "s",
                                        "-1",
                                        "+1",
                                        "1.5h",
                                        "1e3",
                                        "0x10",
                                        "10S",
                                        "10 years",
                                        "1h30m",
                                        " 5",
                                        "5 s ",
                                        "5s\ts",
                                        "MiB",
                                        "unlimited",
                                        "99999999999999999999",
                                        "9223372036854775807d"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_refused(SETTING_DURATION, wrong[i]);
        assert_refused(SETTING_NUMBER, wrong[i]);
    }
    assert_refused(SETTING_SIZE, "5MB");
    assert_refused(SETTING_SIZE, "5s");
    assert_refused(SETTING_NUMBER, "5s");
}

static void range_is_told_in_the_units_of_the_key(void **state)
{
    int64_t value;
    struct error error;
    assert_int_equal(setting_parse_number(SETTING_DURATION, "8d", 1000, 604800000, &value, &error), INVALID);
    assert_string_equal(error.text, "must be between 1s and 7d");
    assert_int_equal(setting_parse_number(SETTING_DURATION, "999ms", 1000, 604800000, &value, &error),
                     INVALID);
    assert_int_equal(setting_parse_number(SETTING_DURATION, "1s", 1000, 604800000, &value, &error), OK);
    assert_int_equal(setting_parse_number(SETTING_DURATION, "7d", 1000, 604800000, &value, &error), OK);
}

static void words_stand_for_levels_and_no_limit(void **state)
{
    assert_int_equal(parsed(SETTING_LEVEL, "error"), LOG_LEVEL_ERROR);
    assert_int_equal(parsed(SETTING_LEVEL, "debug"), LOG_LEVEL_DEBUG);
    assert_refused(SETTING_LEVEL, "loud");
    assert_refused(SETTING_LEVEL, "2");
    assert_int_equal(parsed(SETTING_LIMIT, "unlimited"), -1);
    assert_int_equal(parsed(SETTING_LIMIT, "0"), 0);
    assert_int_equal(parsed(SETTING_ACCEPTED, "200"), 200);
    assert_refused(SETTING_ACCEPTED, "204");
}

static void printed_value_reads_back_the_same(void **state)
{
    static const int64_t values[] = {0,       1,        999,       1000,    1001,       60000,          90000,
                                     3600000, 86400000, 604800000, 1048576, 1073741824, 123456789012345};
    for (enum setting_kind kind = SETTING_DURATION; kind <= SETTING_LIMIT; kind++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            struct buffer text = {0};
            setting_print_number(kind, values[i], &text);
            assert_int_equal(parsed(kind, text.data), values[i]);
            buffer_free(&text);
        }
    }
}

static void values_print_in_the_largest_exact_unit(void **state)
{
    struct buffer text = {0};
    setting_print_number(SETTING_DURATION, 900000, &text);
    buffer_append_text(&text, " ");
    setting_print_number(SETTING_DURATION, 1500, &text);
    buffer_append_text(&text, " ");
    setting_print_number(SETTING_SIZE, 6291456, &text);
    buffer_append_text(&text, " ");
    setting_print_number(SETTING_SIZE, 1000, &text);
    buffer_append_text(&text, " ");
    setting_print_number(SETTING_LIMIT, -1, &text);
    assert_string_equal(text.data, "15m 1500ms 6MiB 1000 unlimited");
    buffer_free(&text);
}

static void assert_text(enum setting_kind kind, const char *text, enum outcome expected)
{
    struct error error = {""};
    enum outcome outcome = setting_check_text(kind, text, &error);
    if (outcome != expected)
        fail_msg("\"%s\" was %s: %s", text, outcome_name(outcome), error.text);
}

static void base_is_a_path_or_a_url_that_needs_no_escape(void **state)
{
    static const char *const right[] = {
        "", "/jobs", "/~me/jobs", "https://example.org", "http://[::1]:8080/a/b", "https://h:1"};
    static const char *const wrong[] = {
        "/",          "jobs",    "//host",     "/jobs/",    "https://",
        "https:///x", "ftp://h", "/a b",       "/a?b",      "/a#b",
        "/a\"b",      "/<a>",    "https://h/", "/\xC3\xA9", "javascript:alert(1)",
        "/a\\b"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_text(SETTING_BASE, right[i], OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_text(SETTING_BASE, wrong[i], INVALID);
}

static void search_path_has_absolute_folders_only(void **state)
{
    assert_text(SETTING_SEARCH_PATH, "/usr/bin:/bin", OK);
    assert_text(SETTING_SEARCH_PATH, "/bin", OK);
    assert_text(SETTING_SEARCH_PATH, "", INVALID);
    assert_text(SETTING_SEARCH_PATH, "/bin:", INVALID);
    assert_text(SETTING_SEARCH_PATH, ":/bin", INVALID);
    assert_text(SETTING_SEARCH_PATH, "/bin::/usr/bin", INVALID);
    assert_text(SETTING_SEARCH_PATH, "/bin:.", INVALID);
}

static void required_texts_are_not_empty(void **state)
{
    assert_text(SETTING_PATH, "", INVALID);
    assert_text(SETTING_OPTIONAL_PATH, "", OK);
    assert_text(SETTING_FUNCTION, "", INVALID);
    assert_text(SETTING_FUNCTION, "a.b", INVALID);
    assert_text(SETTING_FUNCTION, "report-2_x", OK);
}

TEST_MAIN(cmocka_unit_test(durations_are_seconds_or_have_a_unit),
          cmocka_unit_test(sizes_are_bytes_or_have_a_unit), cmocka_unit_test(what_is_no_quantity_is_refused),
          cmocka_unit_test(range_is_told_in_the_units_of_the_key),
          cmocka_unit_test(words_stand_for_levels_and_no_limit),
          cmocka_unit_test(printed_value_reads_back_the_same),
          cmocka_unit_test(values_print_in_the_largest_exact_unit),
          cmocka_unit_test(base_is_a_path_or_a_url_that_needs_no_escape),
          cmocka_unit_test(search_path_has_absolute_folders_only),
          cmocka_unit_test(required_texts_are_not_empty))
