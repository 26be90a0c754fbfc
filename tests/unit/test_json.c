#include "config.h"
#include "test.h"

#include "clock.h"
#include "json.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copied to memory of exactly that size, so that a sanitizer sees a look behind the end. */
static enum outcome check_bytes(const char *text, size_t length, size_t *offset, struct error *error)
{
    char *exact = malloc(length + (length == 0));
    assert_non_null(exact);
    memcpy(exact, text, length);
    enum outcome outcome = json_check(exact, length, offset, error);
    free(exact);
    return outcome;
}

static void assert_valid(const char *text)
{
    size_t offset = 99;
    struct error error = {""};
    if (check_bytes(text, strlen(text), &offset, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(offset, 0);
}

static void assert_wrong_bytes(const char *text, size_t length, size_t expected, const char *words)
{
    size_t offset = 99;
    struct error error = {""};
    char start[64];
    snprintf(start, sizeof start, "byte %zu: ", expected);
    if (check_bytes(text, length, &offset, &error) != INVALID)
        fail_msg("%s was not refused", text);
    if (offset != expected || strncmp(error.text, start, strlen(start)) != 0)
        fail_msg("%s: wrong at %zu (%s), not at %zu", text, offset, error.text, expected);
    if (strstr(error.text, words) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, words);
}

static void assert_wrong(const char *text, size_t expected, const char *words)
{
    assert_wrong_bytes(text, strlen(text), expected, words);
}

static void any_json_value_passes(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-0.0e-0",
        "1e5",
        "12.5E+10",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n",
        "[[],{},[{}]]",
        "{\"\":1}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\x7F\"",
        "{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_valid(texts[i]);
}

static void text_that_ends_too_early_is_wrong_at_its_end(void **state)
{
    static const char whole[] = "{\"a\":[1,-2.5e+3,\"x\\n\\ud83d\\ude00\",true,null,{\"b\":false}]}";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        size_t offset;
        struct error error;
        assert_int_equal(check_bytes(whole, length, &offset, &error), INVALID);
        if (offset != length && strstr(error.text, "surrogate") == NULL)
            fail_msg("%.*s: %s", (int)length, whole, error.text);
    }
    assert_valid(whole);
    assert_wrong("", 0, "ends too early");
    assert_wrong("   ", 3, "ends too early");
}

static void what_is_no_value_is_refused(void **state)
{
    assert_wrong("NaN", 0, "value");
    assert_wrong("[Infinity]", 1, "value");
    assert_wrong("[-Infinity]", 2, "digit");
    assert_wrong("nul]", 3, "value");
    assert_wrong("True", 0, "value");
    assert_wrong("'a'", 0, "value");
    assert_wrong("[1,]", 3, "value");
    assert_wrong("[,1]", 1, "value");
    assert_wrong("\xEF\xBB\xBF{}", 0, "value");
    assert_wrong("/* */ 1", 0, "value");
    assert_wrong_bytes("\0", 1, 0, "value");
}

static void numbers_follow_the_grammar(void **state)
{
    assert_wrong("01", 1, "start with 0");
    assert_wrong("-01", 2, "start with 0");
    assert_wrong("+1", 0, "value");
    assert_wrong(".5", 0, "value");
    assert_wrong("1.", 2, "ends too early");
    assert_wrong("[1.]", 3, "digit");
    assert_wrong("[1e]", 3, "digit");
    assert_wrong("[1e+]", 4, "digit");
    assert_wrong("[-]", 2, "digit");
    assert_wrong("0x10", 1, "behind");
    assert_wrong("1 2", 2, "behind");
}

static void punctuation_is_where_it_belongs(void **state)
{
    assert_wrong("{\"a\" 1}", 5, "':'");
    assert_wrong("{\"a\":1 \"b\":2}", 7, "',' or '}'");
    assert_wrong("[1 2]", 3, "',' or ']'");
    assert_wrong("[1}", 2, "',' or ']'");
    assert_wrong("{\"a\":1]", 6, "',' or '}'");
    assert_wrong("{\"a\":1,}", 7, "key");
    assert_wrong("{a:1}", 1, "key");
    assert_wrong("{1:1}", 1, "key");
    assert_wrong("{}}", 2, "behind");
    assert_wrong("]", 0, "value");
    assert_wrong_bytes("{}\0", 3, 2, "behind");
}

static void raw_control_characters_are_refused_in_strings(void **state)
{
    for (char c = 0; c < 0x20; c++) {
        char text[16] = "[\"abcdefgh?\"]";
        text[10] = c;
        assert_wrong_bytes(text, 13, 10, "control character");
    }
}

static void unknown_escapes_are_refused(void **state)
{
    assert_wrong("\"ab\\x41\"", 3, "escape");
    assert_wrong("\"\\'\"", 1, "escape");
    assert_wrong("\"\\U0041\"", 1, "escape");
    assert_wrong("\"\\u00g1\"", 5, "hexadecimal");
}

/* Hazard 28. */
static void unpaired_surrogates_are_refused(void **state)
{
    assert_wrong("\"x\\ud800\"", 2, "surrogate");
    assert_wrong("\"\\udc00\"", 1, "surrogate");
    assert_wrong("\"\\ud800\\ud800\"", 1, "surrogate");
    assert_wrong("\"\\ud800\\u0041\"", 1, "surrogate");
    assert_wrong("\"\\ud800\\n\"", 1, "surrogate");
    assert_wrong("\"\\udc00\\ud800\"", 1, "surrogate");
    assert_valid("\"\\uD800\\uDC00\\uDBFF\\uDFFF\"");
}

/* Hazard 28. */
static void bytes_that_are_not_utf8_are_refused(void **state)
{
    static const char *const wrong[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC3",
        "\xC3(",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xE2\x82",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xF0\x9F\x98",
        "\xE2(\xA1",
        "\xF0(\x8C\xBC",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "\"0123456789%s\"", wrong[i]);
        assert_wrong_bytes(text, (size_t)length, 11, "UTF-8");
        length = snprintf(text, sizeof text, "{\"%s\":1}", wrong[i]);
        assert_wrong_bytes(text, (size_t)length, 2, "UTF-8");
        assert_false(json_utf8_is_valid(wrong[i], strlen(wrong[i])));
    }
}

static void every_length_of_character_passes(void **state)
{
    static const char text[] = "\"\x01\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0"
                               "\x90\x80\x80\xF4\x8F\xBF\xBFz\"";
    assert_true(json_utf8_is_valid(text, sizeof text - 1));
    char json[sizeof text];
    memcpy(json, text, sizeof text);
    json[1] = 'x';
    assert_valid(json);
    assert_true(json_utf8_is_valid("", 0));
    assert_true(json_utf8_is_valid("\0", 1));
}

/* Hazard 28. */
static void depth_of_32_passes_and_33_is_refused_there(void **state)
{
    char text[256] = "";
    for (int i = 0; i < 32; i++)
        strcat(text, i % 2 == 0 ? "[" : "{\"k\":");
    size_t opened = strlen(text);
    strcat(text, "0");
    for (int i = 31; i >= 0; i--)
        strcat(text, i % 2 == 0 ? "]" : "}");
    assert_valid(text);
    text[opened] = '[';
    assert_wrong(text, opened, "deep");
}

/* Hazard 28. */
static void same_key_twice_is_refused_at_the_second(void **state)
{
    assert_wrong("{\"a\":1,\"a\":2}", 7, "duplicate key");
    assert_wrong("{\"a\":1, \"b\":{\"c\":1,\"d\":2,\"c\":3}}", 25, "duplicate key");
    assert_wrong("{\"a\":{\"a\":1},\"a\":1}", 13, "duplicate key");
    assert_wrong("{\"\":1,\"\":2}", 6, "duplicate key");
    assert_valid("[{\"a\":1},{\"a\":2}]");
    assert_valid("{\"a\":1,\"A\":2,\"a \":3,\"aa\":4}");
}

static void keys_are_compared_by_what_they_mean(void **state)
{
    assert_wrong("{\"a\":1,\"\\u0061\":2}", 7, "duplicate key");
    assert_wrong("{\"\\u00e9\":1,\"\xC3\xA9\":2}", 12, "duplicate key");
    assert_wrong("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}", 18, "duplicate key");
    assert_wrong("{\"\\u20AC\":1,\"\\u20ac\":2}", 12, "duplicate key");
    assert_wrong("{\"a\\/b\\n\\t\\\"\":1,\"a/b\\u000a\\u0009\\u0022\":2}", 16, "duplicate key");
    assert_wrong("{\"abcdefgh0123\":1,\"\\u0061bcdefgh012\\u0033\":2}", 18, "duplicate key");
    assert_valid("{\"a\":1,\"\\\\u0061\":2}");
    assert_valid("{\"\\ud83d\\ude00\":1,\"\\ud83d\\ude01\":2}");
}

/* Hazard 28. */
static void nul_is_refused_in_a_key_but_not_in_a_value(void **state)
{
    assert_wrong("{\"a\\u0000b\":1}", 3, "NUL in a key");
    assert_valid("{\"a\":\"\\u0000\"}");
}

static void put_members(struct buffer *text, int count, int first)
{
    for (int i = 0; i < count; i++)
        buffer_printf(text, "%s\"key%d\":%d", i == 0 ? "" : ",", first + i, i);
}

/* Objects of every size around the ones where the table comes in and grows, with a duplicate of each of their
 * keys. */
static void duplicate_is_found_in_an_object_of_any_size(void **state)
{
    for (int count = 1; count < 300; count += count < 70 ? 1 : 37) {
        for (int twice = 0; twice < count; twice += count < 40 ? 1 : 13) {
            struct buffer text = {0};
            buffer_append_text(&text, "{");
            put_members(&text, count, 0);
            buffer_append_text(&text, ",");
            size_t expected = text.length;
            buffer_printf(&text, "\"\\u006bey%d\":0}", twice);
            assert_wrong(text.data, expected, "duplicate key");
            buffer_free(&text);
        }
    }
}

/* Large objects inside large ones, again and again: the inner keys leave the table, the outer ones stay. */
static void inner_objects_leave_the_outer_keys_alone(void **state)
{
    struct buffer text = {0};
    buffer_append_text(&text, "{");
    put_members(&text, 40, 0);
    for (int round = 0; round < 50; round++) {
        buffer_printf(&text, ",\"round%d\":[{", round);
        put_members(&text, 30 + 13 * (round % 7), 0);
        buffer_append_text(&text, ",\"deeper\":{");
        put_members(&text, round, 0);
        buffer_append_text(&text, "}},{");
        put_members(&text, 20, 10);
        buffer_append_text(&text, "}]");
    }
    size_t expected = text.length + 1;
    size_t whole = text.length;
    buffer_append_text(&text, "}");
    assert_valid(text.data);
    for (int twice = 0; twice < 40; twice++) {
        text.length = whole;
        buffer_printf(&text, ",\"key%d\":0}", twice);
        assert_wrong(text.data, expected, "duplicate key");
    }
    for (int twice = 0; twice < 50; twice++) {
        text.length = whole;
        buffer_printf(&text, ",\"round%d\":0}", twice);
        assert_wrong(text.data, expected, "duplicate key");
    }
    buffer_free(&text);
}

static void hundred_thousand_keys_are_checked_and_the_last_is_compared(void **state)
{
    struct buffer text = {0};
    buffer_append_text(&text, "{");
    put_members(&text, 100000, 0);
    size_t whole = text.length;
    buffer_append_text(&text, "}");
    assert_valid(text.data);
    text.length = whole;
    buffer_append_text(&text, ",\"key99999\":0}");
    assert_wrong(text.data, whole + 1, "duplicate key");
    buffer_free(&text);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_CAN_BE_LIMITED false
#else
#define MEMORY_CAN_BE_LIMITED true
#endif

/* Hazard 28. Keys of objects that have closed need no memory: with 1 MiB more than it has, the process checks 520,000 keys of which
 * 13 are open at once. */
static void closed_objects_give_their_memory_back(void **state)
{
    struct buffer text = {0};
    if (!MEMORY_CAN_BE_LIMITED)
        skip();
    for (int i = 0; i < 40000; i++) {
        buffer_append_text(&text, i == 0 ? "[{" : ",{");
        put_members(&text, 13, 0);
        buffer_append_text(&text, "}");
    }
    buffer_append_text(&text, "]");
    assert_false(text.failed);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        size_t offset, pages = 0;
        malloc_trim(0);
        FILE *file = fopen("/proc/self/statm", "re");
        if (file == NULL || fscanf(file, "%zu", &pages) != 1)
            _exit(99);
        rlim_t most = pages * (size_t)sysconf(_SC_PAGESIZE) + (1 << 20);
        if (setrlimit(RLIMIT_AS, &(struct rlimit){most, most}) != 0)
            _exit(98);
        _exit((int)json_check(text.data, text.length, &offset, NULL));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), OK);
    buffer_free(&text);
}

/* A document with each byte replaced by others: never a crash (run under sanitizers), and the offset lies
 * inside. */
static void damaged_documents_never_confuse_it(void **state)
{
    static const char whole[] =
        "{\"a\\u00e9\":[1,-2.5e+3,\"x\\n\\ud83d\\ude00\xC3\xA9\",true],\"b\":{\"c\":null,\"d\":{}}}";
    static const char others[] = "\"\\{}[],:u0 -e.\x80\xC3\xF0\xFF\n";
    for (size_t i = 0; i < sizeof whole - 1; i++) {
        for (size_t j = 0; j < sizeof others; j++) {
            char text[sizeof whole];
            memcpy(text, whole, sizeof text);
            text[i] = others[j];
            size_t offset;
            enum outcome outcome = check_bytes(text, sizeof text - 1, &offset, NULL);
            assert_true(outcome == OK || outcome == INVALID);
            assert_true(offset < sizeof text);
        }
    }
}

static char *printed(struct json_object *value)
{
    struct buffer out = {0};
    json_print(value, &out);
    assert_false(out.failed);
    return out.data;
}

static void assert_prints(struct json_object *value, const char *expected)
{
    char *text = printed(value);
    assert_string_equal(text, expected);
    free(text);
}

static void raw_value_prints_its_bytes_verbatim(void **state)
{
    static const char event[] = "{ \"z\":1.50,\n\"a\":\"\\u00e9/\xC3\xA9\" }";
    struct json_object *object = json_object_new_object();
    json_add(object, "body", json_raw(event, sizeof event - 1));
    json_add(object, "part", json_raw("[1,2]xxx", 5));
    char expected[128];
    snprintf(expected, sizeof expected, "{\"body\":%s,\"part\":[1,2]}", event);
    assert_prints(object, expected);
}

static void members_print_in_the_order_they_were_added(void **state)
{
    struct json_object *object = json_object_new_object();
    json_add_text(object, "jobId", "0199");
    json_add_integer(object, "attempts", 9007199254740993);
    json_add_boolean(object, "paused", false);
    json_add_time(object, "createdAt", 1795410540123);
    json_add_text(object, "path", "/a\"b\\\n");
    assert_prints(object, "{\"jobId\":\"0199\",\"attempts\":9007199254740993,\"paused\":false,"
                          "\"createdAt\":\"2026-11-23T05:09:00.123Z\",\"path\":\"/a\\\"b\\\\\\n\"}");
}

static void empty_texts_and_times_are_left_out(void **state)
{
    struct json_object *object = json_object_new_object();
    json_add_text(object, "a", NULL);
    json_add_text(object, "b", "");
    json_add_time(object, "c", 0);
    json_add(object, "d", NULL);
    json_add_integer(object, "e", 0);
    assert_prints(object, "{\"e\":0}");
}

static void what_is_not_utf8_is_replaced_so_that_the_document_stays_json(void **state)
{
    struct json_object *object = json_object_new_object();
    json_add_text(object, "message", "caf\xE9 \xC3\xA9 \xE2\x82");
    char *text = printed(object);
    assert_string_equal(text, "{\"message\":\"caf\xEF\xBF\xBD \xC3\xA9 \xEF\xBF\xBD\xEF\xBF\xBD\"}");
    assert_valid(text);
    free(text);
}

static void null_object_takes_members_without_harm(void **state)
{
    json_add_text(NULL, "a", "b");
    json_add_integer(NULL, "a", 1);
    json_add_boolean(NULL, "a", true);
    json_add_time(NULL, "a", 1);
    json_add(NULL, "a", json_object_new_object());
    struct buffer out = {0};
    json_print(NULL, &out);
    assert_true(out.failed);
    buffer_free(&out);
}

static void document_that_lost_a_member_does_not_print(void **state)
{
    struct json_object *object = json_object_new_object();
    json_add(object, "result", json_raw("x", (size_t)1 << 40));
    struct buffer out = {0};
    json_print(object, &out);
    assert_true(out.failed);
    buffer_clear(&out);
    json_print(json_object_new_object(), &out);
    assert_string_equal(out.data, "{}");
    buffer_free(&out);
}

TEST_MAIN(cmocka_unit_test(any_json_value_passes),
          cmocka_unit_test(text_that_ends_too_early_is_wrong_at_its_end),
          cmocka_unit_test(what_is_no_value_is_refused), cmocka_unit_test(numbers_follow_the_grammar),
          cmocka_unit_test(punctuation_is_where_it_belongs),
          cmocka_unit_test(raw_control_characters_are_refused_in_strings),
          cmocka_unit_test(unknown_escapes_are_refused), cmocka_unit_test(unpaired_surrogates_are_refused),
          cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
          cmocka_unit_test(every_length_of_character_passes),
          cmocka_unit_test(depth_of_32_passes_and_33_is_refused_there),
          cmocka_unit_test(same_key_twice_is_refused_at_the_second),
          cmocka_unit_test(keys_are_compared_by_what_they_mean),
          cmocka_unit_test(nul_is_refused_in_a_key_but_not_in_a_value),
          cmocka_unit_test(duplicate_is_found_in_an_object_of_any_size),
          cmocka_unit_test(inner_objects_leave_the_outer_keys_alone),
          cmocka_unit_test(hundred_thousand_keys_are_checked_and_the_last_is_compared),
          cmocka_unit_test(closed_objects_give_their_memory_back),
          cmocka_unit_test(damaged_documents_never_confuse_it),
          cmocka_unit_test(raw_value_prints_its_bytes_verbatim),
          cmocka_unit_test(members_print_in_the_order_they_were_added),
          cmocka_unit_test(empty_texts_and_times_are_left_out),
          cmocka_unit_test(what_is_not_utf8_is_replaced_so_that_the_document_stays_json),
          cmocka_unit_test(null_object_takes_members_without_harm),
          cmocka_unit_test(document_that_lost_a_member_does_not_print))
