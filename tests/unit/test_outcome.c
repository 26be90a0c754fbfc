#include "config.h"
#include "test.h"

#include "outcome.h"

#include <errno.h>
#include <string.h>

static void error_set_returns_the_outcome_and_keeps_the_words(void **state)
{
    struct error error;
    assert_int_equal(error_set(&error, INVALID, "%s:%d: unknown key", "file", 7), INVALID);
    assert_string_equal(error.text, "file:7: unknown key");
}

static void error_set_takes_no_error_at_all(void **state)
{
    assert_int_equal(error_set(NULL, NOMEM, "words"), NOMEM);
    assert_int_equal(error_set_errno(NULL, IO, ENOENT, "words"), IO);
}

static void error_set_errno_ends_with_the_reason(void **state)
{
    struct error error;
    assert_int_equal(error_set_errno(&error, IO, ENOENT, "open %s", "slots"), IO);
    assert_string_equal(error.text, "open slots: No such file or directory");
}

static void error_can_be_wrapped_in_itself(void **state)
{
    struct error error;
    error_set(&error, IO, "disk is gone");
    error_set(&error, UNAVAILABLE, "store: %s", error.text);
    assert_string_equal(error.text, "store: disk is gone");
}

static void errno_survives_the_words(void **state)
{
    struct error error;
    errno = EAGAIN;
    error_set_errno(&error, IO, ENOENT, "open");
    assert_int_equal(errno, EAGAIN);
}

/* "é" is two bytes: at one alignment the cut falls into the middle of it, and takes it away whole. */
static void long_words_are_cut_between_characters(void **state)
{
    char words[1024] = "";
    for (int i = 0; i < 400; i++)
        strcat(words, "\xC3\xA9");
    struct error even, odd;
    error_set(&even, INVALID, "xx%s", words);
    error_set(&odd, INVALID, "x%s", words);
    assert_int_equal(strlen(odd.text), ERROR_TEXT_SIZE - 1);
    assert_int_equal(strlen(even.text), ERROR_TEXT_SIZE - 2);
    assert_int_equal((unsigned char)even.text[ERROR_TEXT_SIZE - 3], 0xA9);
}

static void four_byte_characters_are_cut_whole(void **state)
{
    for (int ahead = 0; ahead < 4; ahead++) {
        char words[1200];
        memset(words, 'x', (size_t)ahead);
        words[ahead] = '\0';
        for (int i = 0; i < 200; i++)
            strcat(words, "\xF0\x9F\x98\x80");
        struct error error;
        error_set(&error, INVALID, "%s", words);
        assert_int_equal((strlen(error.text) - (size_t)ahead) % 4, 0);
    }
}

static void every_outcome_has_a_name(void **state)
{
    for (enum outcome outcome = OK; outcome <= IO; outcome++)
        assert_string_not_equal(outcome_name(outcome), "unknown");
    assert_string_equal(outcome_name((enum outcome)99), "unknown");
}

TEST_MAIN(cmocka_unit_test(error_set_returns_the_outcome_and_keeps_the_words),
          cmocka_unit_test(error_set_takes_no_error_at_all),
          cmocka_unit_test(error_set_errno_ends_with_the_reason),
          cmocka_unit_test(error_can_be_wrapped_in_itself), cmocka_unit_test(errno_survives_the_words),
          cmocka_unit_test(long_words_are_cut_between_characters),
          cmocka_unit_test(four_byte_characters_are_cut_whole), cmocka_unit_test(every_outcome_has_a_name))
