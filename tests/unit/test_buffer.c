#include "config.h"
#include "test.h"

#include "buffer.h"

#include <string.h>

static void zero_initialised_is_empty_and_can_be_freed_twice(void **state)
{
    struct buffer buffer = {0};
    assert_null(buffer.data);
    buffer_consume(&buffer, 5);
    buffer_clear(&buffer);
    buffer_free(&buffer);
    buffer_free(&buffer);
}

static void text_is_always_terminated(void **state)
{
    struct buffer buffer = {0};
    buffer_append(&buffer, "ab\0cd", 5);
    assert_int_equal(buffer.length, 5);
    assert_int_equal(buffer.data[5], '\0');
    buffer_consume(&buffer, 3);
    assert_string_equal(buffer.data, "cd");
    buffer_clear(&buffer);
    assert_string_equal(buffer.data, "");
    buffer_free(&buffer);
}

static void grows_past_every_capacity(void **state)
{
    struct buffer buffer = {0};
    for (int i = 0; i < 100000; i++)
        buffer_append(&buffer, &(char){(char)('a' + i % 26)}, 1);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer.data[i], 'a' + i % 26);
    buffer_free(&buffer);
}

static void printf_takes_short_and_long_texts(void **state)
{
    struct buffer buffer = {0};
    buffer_printf(&buffer, "%d-%s", 7, "x");
    assert_string_equal(buffer.data, "7-x");
    buffer_printf(&buffer, "%0*d", 1000, 5);
    assert_int_equal(buffer.length, 1003);
    assert_int_equal(buffer.data[1002], '5');
    assert_int_equal(buffer.data[1001], '0');
    buffer_free(&buffer);
}

static void limit_is_reached_but_not_passed(void **state)
{
    struct buffer buffer = {.limit = 10};
    buffer_append_text(&buffer, "0123456789");
    assert_false(buffer.failed);
    buffer_append_text(&buffer, "x");
    assert_true(buffer.failed);
    assert_string_equal(buffer.data, "0123456789");
    buffer_free(&buffer);
}

static void append_that_does_not_fit_leaves_nothing_of_itself(void **state)
{
    struct buffer buffer = {.limit = 4};
    buffer_append_text(&buffer, "ab");
    buffer_append_text(&buffer, "cde");
    assert_string_equal(buffer.data, "ab");
    buffer_free(&buffer);
}

static void failure_sticks_until_cleared(void **state)
{
    struct buffer buffer = {.limit = 4};
    buffer_append_text(&buffer, "too long");
    buffer_append_text(&buffer, "a");
    buffer_printf(&buffer, "%d", 1);
    assert_null(buffer_reserve(&buffer, 1));
    assert_int_equal(buffer.length, 0);
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "a");
    assert_false(buffer.failed);
    assert_string_equal(buffer.data, "a");
    buffer_free(&buffer);
}

static void absurd_sizes_fail_instead_of_wrapping(void **state)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "abc");
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    buffer_clear(&buffer);
    assert_null(buffer_reserve(&buffer, SIZE_MAX - 2));
    assert_true(buffer.failed);
    buffer_free(&buffer);
}

static void reserved_room_becomes_content_when_grown(void **state)
{
    struct buffer buffer = {0};
    char *room = buffer_reserve(&buffer, 300);
    assert_non_null(room);
    memset(room, 'z', 300);
    buffer_grown(&buffer, 300);
    assert_int_equal(strlen(buffer.data), 300);
    buffer_free(&buffer);
}

static void consuming_more_than_there_is_empties_it(void **state)
{
    struct buffer buffer = {0};
    buffer_append_text(&buffer, "abc");
    buffer_consume(&buffer, 99);
    assert_int_equal(buffer.length, 0);
    assert_string_equal(buffer.data, "");
    buffer_free(&buffer);
}

TEST_MAIN(cmocka_unit_test(zero_initialised_is_empty_and_can_be_freed_twice),
          cmocka_unit_test(text_is_always_terminated), cmocka_unit_test(grows_past_every_capacity),
          cmocka_unit_test(printf_takes_short_and_long_texts),
          cmocka_unit_test(limit_is_reached_but_not_passed),
          cmocka_unit_test(append_that_does_not_fit_leaves_nothing_of_itself),
          cmocka_unit_test(failure_sticks_until_cleared),
          cmocka_unit_test(absurd_sizes_fail_instead_of_wrapping),
          cmocka_unit_test(reserved_room_becomes_content_when_grown),
          cmocka_unit_test(consuming_more_than_there_is_empties_it))
