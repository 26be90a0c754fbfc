#include "config.h"
#include "test.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char *folder;
    char file[256];
};

static int64_t fake_us = 1000000;
static int64_t fake_wall_ms = 1795410540123;

static int64_t read_wall(void)
{
    return fake_wall_ms;
}

static int64_t read_monotonic(void)
{
    return fake_us;
}

static const struct clock_source fake = {.wall_ms = read_wall, .monotonic_us = read_monotonic};

static int open_place(void **state)
{
    static struct place place;
    place.folder = test_folder();
    snprintf(place.file, sizeof place.file, "%s/log", place.folder);
    clock_replace(&fake);
    assert_int_equal(log_open("submit", place.file, LOG_LEVEL_INFO, NULL), OK);
    *state = &place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    clock_replace(NULL);
    log_open("test", NULL, LOG_LEVEL_INFO, NULL);
    test_folder_remove(place->folder);
    return 0;
}

/* The text behind "pid=N " of the only line in the file. */
static void assert_logged(const char *file, const char *expected)
{
    char *text = test_read_file(file);
    char head[128];
    snprintf(head, sizeof head, "2026-11-23T05:09:00.123Z level=info program=submit pid=%d ", (int)getpid());
    assert_memory_equal(text, head, strlen(head));
    assert_string_equal(text + strlen(head), expected);
    free(text);
}

static void line_has_time_level_program_pid_event_and_pairs(void **state)
{
    struct place *place = *state;
    log_event(LOG_LEVEL_INFO, "accepted", "job", "0199", "bytes", "2", NULL);
    assert_logged(place->file, "event=accepted job=0199 bytes=2\n");
}

static void null_value_leaves_its_pair_out(void **state)
{
    struct place *place = *state;
    log_event(LOG_LEVEL_INFO, "accepted", "job", NULL, "bytes", "2", NULL);
    assert_logged(place->file, "event=accepted bytes=2\n");
}

/* Hazard 32. */
static void nothing_from_outside_makes_a_second_line_or_key(void **state)
{
    struct place *place = *state;
    log_event(LOG_LEVEL_INFO, "x", "a", "1\n2026 level=error", "b", "k=v", "c", "", "d", "say \"hi\\\"", "e",
              "\xC3\xA9\x01\x7F\r\t", NULL);
    assert_logged(place->file, "event=x a=\"1\\n2026 level=error\" b=\"k=v\" c=\"\" d=\"say \\\"hi\\\\\\\"\" "
                               "e=\"\\xC3\\xA9\\x01\\x7F\\x0D\\x09\"\n");
}

static void line_that_was_kept_has_the_time_of_its_event(void **state)
{
    struct place *place = *state;
    struct buffer lines = {0};
    log_event_later(&lines, LOG_LEVEL_INFO, "ended", "job", "0199", NULL);
    log_event_later(&lines, LOG_LEVEL_DEBUG, "noise", NULL);
    char *text = test_read_file(place->file);
    assert_string_equal(text, "");
    free(text);
    fake_wall_ms += 5;
    log_write(&lines);
    fake_wall_ms -= 5;
    assert_logged(place->file, "event=ended job=0199\n");
    log_write(&lines);
    assert_logged(place->file, "event=ended job=0199\n");
    buffer_free(&lines);
}

static void line_without_memory_to_keep_it_is_written_at_once(void **state)
{
    struct place *place = *state;
    struct buffer lines = {.limit = 16};
    log_event_later(&lines, LOG_LEVEL_INFO, "ended", "job", "0199", NULL);
    assert_logged(place->file, "event=ended job=0199\n");
    assert_int_equal(lines.length, 0);
    buffer_free(&lines);
}

static void levels_above_the_threshold_are_left_out(void **state)
{
    struct place *place = *state;
    log_event(LOG_LEVEL_DEBUG, "noise", NULL);
    char *text = test_read_file(place->file);
    assert_string_equal(text, "");
    free(text);
    log_open("submit", place->file, LOG_LEVEL_DEBUG, NULL);
    log_event(LOG_LEVEL_DEBUG, "noise", NULL);
    text = test_read_file(place->file);
    assert_non_null(strstr(text, " level=debug "));
    free(text);
}

static void long_value_is_cut_and_shows_it(void **state)
{
    struct place *place = *state;
    char value[5000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_event(LOG_LEVEL_INFO, "x", "a", value, "b", "1", NULL);
    char *text = test_read_file(place->file);
    assert_non_null(strstr(text, "vvv... b=1\n"));
    assert_true(strlen(text) < 1300);
    free(text);
}

/* Eight values that fourfold when escaped do not fit into one line: whole pairs are missing, and the line
 * says so. */
static void overlong_line_loses_whole_pairs_and_stays_one_line(void **state)
{
    struct place *place = *state;
    char value[1001];
    memset(value, 1, sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_event(LOG_LEVEL_INFO, "x", "a", value, "b", value, "c", value, "d", "end", NULL);
    char *text = test_read_file(place->file);
    size_t length = strlen(text);
    assert_true(length < 8192 + 1);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    assert_non_null(strstr(text, " a=\""));
    assert_null(strstr(text, " c=\""));
    assert_non_null(strstr(text, " d=end cut=true\n"));
    free(text);
}

static void file_is_private_and_appended_to(void **state)
{
    struct place *place = *state;
    struct stat status;
    log_event(LOG_LEVEL_INFO, "one", NULL);
    assert_int_equal(log_open("submit", place->file, LOG_LEVEL_INFO, NULL), OK);
    log_event(LOG_LEVEL_INFO, "two", NULL);
    assert_int_equal(stat(place->file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    char *text = test_read_file(place->file);
    assert_non_null(strstr(text, "event=one\n"));
    assert_non_null(strstr(text, "event=two\n"));
    free(text);
}

static void renamed_file_is_followed_by_a_new_one(void **state)
{
    struct place *place = *state;
    char renamed[300];
    snprintf(renamed, sizeof renamed, "%s.1", place->file);
    log_event(LOG_LEVEL_INFO, "old", NULL);
    assert_int_equal(rename(place->file, renamed), 0);
    fake_us += 2000000;
    log_event(LOG_LEVEL_INFO, "new", NULL);
    char *text = test_read_file(place->file);
    assert_non_null(strstr(text, "event=new\n"));
    assert_null(strstr(text, "event=old\n"));
    free(text);
}

/* logrotate's `create`. */
static void file_put_in_its_place_is_taken(void **state)
{
    struct place *place = *state;
    char renamed[300];
    snprintf(renamed, sizeof renamed, "%s.1", place->file);
    assert_int_equal(rename(place->file, renamed), 0);
    free(test_file(place->folder, "log", ""));
    fake_us += 2000000;
    log_event(LOG_LEVEL_INFO, "new", NULL);
    assert_logged(place->file, "event=new\n");
}

static void unwritable_log_file_is_an_error_that_names_it(void **state)
{
    struct error error;
    assert_int_equal(log_open("submit", "/nonexistent/log", LOG_LEVEL_INFO, &error), IO);
    assert_non_null(strstr(error.text, "/nonexistent/log"));
}

static void errno_survives_a_line(void **state)
{
    errno = ENOENT;
    log_event(LOG_LEVEL_INFO, "x", NULL);
    assert_int_equal(errno, ENOENT);
}

static void without_a_file_lines_go_to_standard_error(void **state)
{
    struct place *place = *state;
    int saved = dup(STDERR_FILENO);
    char path[300];
    snprintf(path, sizeof path, "%s.stderr", place->file);
    int target = open(path, O_RDWR | O_CREAT, 0600);
    dup2(target, STDERR_FILENO);
    log_open("submit", "", LOG_LEVEL_INFO, NULL);
    log_event(LOG_LEVEL_INFO, "here", NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(target);
    assert_logged(path, "event=here\n");
}

#define THREADS    4
#define PER_THREAD 500

static void *log_many(void *number)
{
    for (int i = 0; i < PER_THREAD; i++)
        log_event(LOG_LEVEL_INFO, "many", "thread", number, "text", "with a space", NULL);
    return NULL;
}

/* While the file is renamed, opened again and changed under them. Run under TSan as well. */
static void lines_of_threads_stay_whole_and_none_is_lost(void **state)
{
    struct place *place = *state;
    static char names[THREADS][2] = {"0", "1", "2", "3"};
    pthread_t threads[THREADS];
    clock_replace(NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(log_open("submit", place->file, LOG_LEVEL_INFO, NULL), OK);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    regex_t pattern;
    assert_int_equal(regcomp(&pattern,
                             "^[-0-9T:.]+Z level=info program=submit pid=[0-9]+ event=many thread=[0-3] "
                             "text=\"with a space\"$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    char *text = test_read_file(place->file);
    int lines = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++)
        assert_int_equal(regexec(&pattern, line, 0, NULL, 0), 0);
    assert_int_equal(lines, THREADS * PER_THREAD);
    regfree(&pattern);
    free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

TEST_MAIN(CASE(line_has_time_level_program_pid_event_and_pairs), CASE(null_value_leaves_its_pair_out),
          CASE(nothing_from_outside_makes_a_second_line_or_key),
          CASE(line_that_was_kept_has_the_time_of_its_event),
          CASE(line_without_memory_to_keep_it_is_written_at_once),
          CASE(levels_above_the_threshold_are_left_out), CASE(long_value_is_cut_and_shows_it),
          CASE(overlong_line_loses_whole_pairs_and_stays_one_line), CASE(file_is_private_and_appended_to),
          CASE(renamed_file_is_followed_by_a_new_one), CASE(file_put_in_its_place_is_taken),
          CASE(unwritable_log_file_is_an_error_that_names_it), CASE(errno_survives_a_line),
          CASE(without_a_file_lines_go_to_standard_error), CASE(lines_of_threads_stay_whole_and_none_is_lost))
