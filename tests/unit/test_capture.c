#include "config.h"
#include "test.h"

#include "../../worker/capture.h"

#include <string.h>

static void take_progress(struct progress_capture *capture, const char *text)
{
    progress_capture_take(capture, text, strlen(text));
}

static void line_has_a_percentage_and_words(void **state)
{
    static const struct {
        const char *line;
        int percent;
        const char *message;
    } cases[] = {
        {"42 resizing page 3 of 7\n", 42, "resizing page 3 of 7"},
        {"0\n", 0, ""},
        {"100%\n", 100, ""},
        {"  7 %half\n", 7, "%half"},
        {"42.75% nearly half\r\n", 42, "nearly half"},
        {"42.\n", 50, "42."},
        {"101 too much\n", 50, "101 too much"},
        {"-1 too little\n", 50, "-1 too little"},
        {"7of9\n", 50, "7of9"},
        {"00042 zeros\n", 50, "00042 zeros"},
        {"words alone\n", 50, "words alone"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct progress_capture capture = {.percent = 50};
        take_progress(&capture, cases[i].line);
        assert_true(capture.changed);
        assert_int_equal(capture.percent, cases[i].percent);
        assert_string_equal(capture.message, cases[i].message);
    }
}

static void empty_lines_change_nothing(void **state)
{
    struct progress_capture capture = {.percent = -1};
    take_progress(&capture, "\n  \n\t\r\n");
    assert_false(capture.changed);
    assert_int_equal(capture.percent, -1);
}

static void line_may_come_in_pieces(void **state)
{
    struct progress_capture capture = {.percent = -1};
    for (const char *at = "10 a\n42 caf\xC3\xA9\n"; *at != '\0'; at++)
        progress_capture_take(&capture, at, 1);
    assert_int_equal(capture.percent, 42);
    assert_string_equal(capture.message, "caf\xC3\xA9");
    take_progress(&capture, "43 no newline");
    assert_int_equal(capture.percent, 42);
    progress_capture_finish(&capture);
    assert_int_equal(capture.percent, 43);
    assert_string_equal(capture.message, "no newline");
}

static void message_is_valid_utf_8_without_controls(void **state)
{
    struct progress_capture capture = {.percent = -1};
    static const char line[] =
        "1 a\0b\x1b[0m \xff \xc3( \xed\xa0\x80 \xf4\x90\x80\x80 \xc2\x85 \xf0\x9f\x98\x80\n";
    progress_capture_take(&capture, line, sizeof line - 1);
#define BAD "\xEF\xBF\xBD"
    assert_string_equal(capture.message,
                        "a b [0m " BAD " " BAD "( " BAD BAD BAD " " BAD BAD BAD BAD "   \xf0\x9f\x98\x80");
}

static void long_message_is_cut_at_a_character(void **state)
{
    struct progress_capture capture = {.percent = -1};
    take_progress(&capture, "1 x");
    for (int i = 0; i < 100000; i++)
        take_progress(&capture, "\xE2\x82\xAC");
    take_progress(&capture, "\n2\n3 ");
    assert_int_equal(capture.percent, 2);
    take_progress(&capture, "x");
    for (int i = 0; i < 200; i++)
        take_progress(&capture, "\xE2\x82\xAC");
    take_progress(&capture, "\n");
    assert_int_equal(strlen(capture.message), 1 + (JOB_PROGRESS_SIZE - 2) / 3 * 3);
}

static void log_keeps_the_end_and_counts_the_start(void **state)
{
    struct log_capture capture = {.most = 10};
    log_capture_take(&capture, "0123456789abcdefghij", 20);
    assert_int_equal(capture.pending.length, 20);
    log_capture_take(&capture, "X", 1);
    assert_int_equal(capture.pending.length, 10);
    assert_int_equal(capture.skipped, 11);
    assert_memory_equal(capture.pending.data, "bcdefghijX", 10);
    log_capture_clear(&capture);
    assert_int_equal(capture.pending.length + capture.skipped, 0);
    capture.most = 0;
    log_capture_take(&capture, "abc", 3);
    assert_int_equal(capture.skipped, 3);
    log_capture_free(&capture);
}

static void result_has_its_type(void **state)
{
    static const struct {
        const char *bytes, *type, *kept;
    } cases[] = {
        {" {\"a\":1}\r\n", "application/json", "{\"a\":1}"},
        {"null\n", "application/json", "null"},
        {"plain words\n", "text/plain; charset=utf-8", "plain words\n"},
        {"{\"a\":1} {}", "text/plain; charset=utf-8", "{\"a\":1} {}"},
        {" \n", "text/plain; charset=utf-8", " \n"},
        {"\xff\xfe", "application/octet-stream", "\xff\xfe"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result_capture capture = {.most = 100};
        const char *bytes, *type;
        size_t length;
        result_capture_take(&capture, cases[i].bytes, strlen(cases[i].bytes));
        result_capture_finish(&capture, &bytes, &length, &type);
        assert_string_equal(type, cases[i].type);
        assert_int_equal(length, strlen(cases[i].kept));
        assert_memory_equal(bytes, cases[i].kept, length);
        result_capture_free(&capture);
    }
}

static void result_over_its_limit_is_none_at_all(void **state)
{
    struct result_capture capture = {.most = 4};
    const char *bytes, *type;
    size_t length;
    result_capture_take(&capture, "1234", 4);
    assert_false(capture.too_large);
    result_capture_take(&capture, "5", 1);
    assert_true(capture.too_large);
    result_capture_take(&capture, "6", 1);
    result_capture_finish(&capture, &bytes, &length, &type);
    assert_null(type);
    assert_int_equal(length, 0);
    result_capture_free(&capture);
}

TEST_MAIN(cmocka_unit_test(line_has_a_percentage_and_words), cmocka_unit_test(empty_lines_change_nothing),
          cmocka_unit_test(line_may_come_in_pieces),
          cmocka_unit_test(message_is_valid_utf_8_without_controls),
          cmocka_unit_test(long_message_is_cut_at_a_character),
          cmocka_unit_test(log_keeps_the_end_and_counts_the_start), cmocka_unit_test(result_has_its_type),
          cmocka_unit_test(result_over_its_limit_is_none_at_all))
