#include "config.h"
#include "test.h"

#include "clock.h"
#include "configuration.h"
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "/etc/jobgate/jobgate.conf"

static struct configuration *parse(const char *text)
{
    struct configuration *configuration = NULL;
    struct error error = {""};
    if (configuration_parse(FILE_NAME, text, strlen(text), &configuration, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return configuration;
}

static void assert_refused(const char *text, int line, const char *words)
{
    struct configuration *configuration = NULL;
    struct error error = {""};
    char place[64];
    snprintf(place, sizeof place, FILE_NAME ":%d: ", line);
    assert_int_equal(configuration_parse(FILE_NAME, text, strlen(text), &configuration, &error), INVALID);
    assert_null(configuration);
    if (strncmp(error.text, place, strlen(place)) != 0 || strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say %s%s", error.text, place, words);
}

/* ---- values ---- */

static void empty_file_gives_the_documented_defaults(void **state)
{
    struct configuration *c = parse("");
    assert_string_equal(c->file, FILE_NAME);
    assert_string_equal(c->functions_dir, "/etc/jobgate/functions");
    assert_string_equal(c->default_function, "job_handler");
    assert_string_equal(c->base_url, "");
    assert_string_equal(c->log_file, "");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->accepted_status, 202);
    assert_int_equal(c->max_event_size, 1048576);
    assert_int_equal(c->wait_max_ms, 25000);
    assert_int_equal(c->threads, 32);
    assert_int_equal(c->max_workers, 4);
    assert_int_equal(c->idle_linger_ms, 10000);
    assert_int_equal(c->kill_grace_ms, 5000);
    assert_int_equal(c->max_result_size, 6291456);
    assert_int_equal(c->max_log_size, 1048576);
    assert_int_equal(c->store_deadline_ms, 5000);
    assert_int_equal(c->queue_max, 0);
    assert_int_equal(c->disk_reserve, 67108864);
    assert_int_equal(c->idempotency_ttl_ms, 86400000);
    const struct function_settings *f = configuration_function(c, "any");
    assert_int_equal(f->timeout_ms, 900000);
    assert_int_equal(f->policy.retries, 2);
    assert_int_equal(f->policy.backoff_ms, 60000);
    assert_int_equal(f->policy.max_event_age_ms, 21600000);
    assert_int_equal(f->policy.max_interruptions, 3);
    assert_int_equal(f->policy.retention_ms[JOB_SUCCEEDED], 604800000);
    assert_int_equal(f->policy.retention_ms[JOB_FAILED], 604800000);
    assert_int_equal(f->policy.retention_ms[JOB_CANCELLED], 604800000);
    assert_int_equal(f->concurrency, -1);
    assert_int_equal(f->memory + f->cpu_ms + f->file_size + f->processes, 0);
    assert_null(f->environment[0]);
    configuration_release(c);
}

static void section_wins_over_the_top_and_the_top_over_the_default(void **state)
{
    struct configuration *c = parse(
        "timeout = 100\nretries = 5\n[function report]\ntimeout = 60\n[function a-b_9]\nconcurrency=0\n");
    assert_int_equal(configuration_function(c, "report")->timeout_ms, 60000);
    assert_int_equal(configuration_function(c, "report")->policy.retries, 5);
    assert_int_equal(configuration_function(c, "report")->policy.backoff_ms, 60000);
    assert_string_equal(configuration_function(c, "report")->name, "report");
    assert_int_equal(configuration_function(c, "a-b_9")->timeout_ms, 100000);
    assert_int_equal(configuration_function(c, "a-b_9")->concurrency, 0);
    assert_int_equal(configuration_function(c, "other")->timeout_ms, 100000);
    assert_int_equal(configuration_function(c, "repor")->timeout_ms, 100000);
    configuration_release(c);
}

static void every_function_of_many_is_found(void **state)
{
    struct buffer text = {0};
    for (int i = 0; i < 300; i++)
        buffer_printf(&text, "[function f%d]\ntimeout = %d\n", i * 7919 % 300, i * 7919 % 300 + 1);
    struct configuration *c = parse(text.data);
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(configuration_function(c, name)->timeout_ms, (i + 1) * 1000);
    }
    configuration_release(c);
    buffer_free(&text);
}

static void retention_of_a_status_wins_over_retention_whatever_stands_first(void **state)
{
    struct configuration *c = parse("retention_failed = 30d\nretention = 2d\n"
                                    "[function a]\nretention_cancelled = 1h\nretention = 3d\n"
                                    "[function b]\nretention_succeeded = 5d\n");
    const int64_t *top = configuration_function(c, "x")->policy.retention_ms;
    const int64_t *a = configuration_function(c, "a")->policy.retention_ms;
    const int64_t *b = configuration_function(c, "b")->policy.retention_ms;
    const int64_t day = 86400000;
    assert_int_equal(top[JOB_SUCCEEDED], 2 * day);
    assert_int_equal(top[JOB_FAILED], 30 * day);
    assert_int_equal(top[JOB_CANCELLED], 2 * day);
    assert_int_equal(a[JOB_SUCCEEDED], 3 * day);
    assert_int_equal(a[JOB_FAILED], 3 * day);
    assert_int_equal(a[JOB_CANCELLED], 3600000);
    assert_int_equal(b[JOB_SUCCEEDED], 5 * day);
    assert_int_equal(b[JOB_FAILED], 30 * day);
    assert_int_equal(b[JOB_CANCELLED], 2 * day);
    configuration_release(c);
}

static void relative_paths_start_at_the_folder_of_the_file(void **state)
{
    struct configuration *c =
        parse("data_dir = data\nfunctions_dir = ./f\nlog_file = /var/log/x\nworker_program = ../bin/w\n");
    assert_string_equal(c->data_dir, "/etc/jobgate/data");
    assert_string_equal(c->functions_dir, "/etc/jobgate/f");
    assert_string_equal(c->log_file, "/var/log/x");
    assert_string_equal(c->worker_program, "/etc/jobgate/../bin/w");
    configuration_release(c);
}

static bool has_variable(const struct function_settings *settings, const char *text)
{
    for (const char *const *variable = settings->environment; *variable != NULL; variable++) {
        if (strcmp(*variable, text) == 0)
            return true;
    }
    return false;
}

static void variables_of_a_section_add_to_those_of_all(void **state)
{
    struct configuration *c =
        parse("env.A = top\nenv.B = top\n[function report]\nenv.B = own\nenv.C=\nenv._x9 = a=b\n");
    const struct function_settings *report = configuration_function(c, "report");
    assert_true(has_variable(report, "A=top"));
    assert_true(has_variable(report, "B=own"));
    assert_false(has_variable(report, "B=top"));
    assert_true(has_variable(report, "C="));
    assert_true(has_variable(report, "_x9=a=b"));
    const struct function_settings *other = configuration_function(c, "other");
    assert_true(has_variable(other, "B=top"));
    assert_false(has_variable(other, "C="));
    configuration_release(c);
}

/* ---- lines ---- */

static void comments_quotes_and_spaces_are_taken_off(void **state)
{
    struct configuration *c = parse(
        "\xEF\xBB\xBF# a comment\n; another\r\n\n   max_workers=7 # inline\n\tqueue_max =\t5\t; inline\n"
        "env.A = \" a # b ; \\\"c\\\" \\\\ \" # behind\nenv.B = x#y;z\nenv.C = # nothing\n"
        "env.D = a \"b\"\nenv.E = \"\"\n  [function  report] # it\n  timeout = 5");
    assert_int_equal(c->max_workers, 7);
    assert_int_equal(c->queue_max, 5);
    const struct function_settings *all = configuration_function(c, "x");
    assert_true(has_variable(all, "A= a # b ; \"c\" \\ "));
    assert_true(has_variable(all, "B=x#y;z"));
    assert_true(has_variable(all, "C="));
    assert_true(has_variable(all, "D=a \"b\""));
    assert_true(has_variable(all, "E="));
    assert_int_equal(configuration_function(c, "report")->timeout_ms, 5000);
    configuration_release(c);
}

static void interpreter_line_is_a_comment(void **state)
{
    struct configuration *c = parse("#!/home/me/bin/jobgate-submit\nmax_workers = 2\n");
    assert_int_equal(c->max_workers, 2);
    configuration_release(c);
}

/* inih alone would cut a section's name at 49 characters and a line at its buffer's size. */
static void long_names_and_lines_are_whole_or_refused(void **state)
{
    struct buffer text = {0};
    char name[65];
    memset(name, 'n', 64);
    name[64] = '\0';
    buffer_printf(&text, "[function %s]\ntimeout = 5\nenv.LONG = ", name);
    for (int i = 0; i < 1500; i++)
        buffer_append_text(&text, "v");
    struct configuration *c = parse(text.data);
    assert_int_equal(configuration_function(c, name)->timeout_ms, 5000);
    assert_int_equal(strlen(configuration_function(c, name)->environment[0]), 1505);
    name[63] = '\0';
    assert_int_equal(configuration_function(c, name)->timeout_ms, 900000);
    configuration_release(c);
    for (int i = 0; i < 5000; i++)
        buffer_append_text(&text, "v");
    assert_refused(text.data, 3, "too long");
    buffer_free(&text);
}

static void malformed_lines_are_refused_with_their_number(void **state)
{
    assert_refused("max_workers = 4\nnonsense\n", 2, "key = value");
    assert_refused("max_workers: 4\n", 1, "key = value");
    assert_refused("= 4\n", 1, "key = value");
    assert_refused("max workers = 4\n", 1, "key = value");
    assert_refused("\n\n[function report\n", 3, "']'");
    assert_refused("[function report] x\n", 1, "behind");
    assert_refused("env.A = \"open\n", 1, "quotes");
    assert_refused("env.A = \"a\" b\n", 1, "quotes");
    assert_refused("env.A = \"a\\n\"\n", 1, "quotes");
    assert_refused("env.A = \x01\n", 1, "control");
}

static void nul_bytes_are_refused(void **state)
{
    struct configuration *c = NULL;
    struct error error;
    static const char text[] = "threads = 4\0 x\n";
    assert_int_equal(configuration_parse(FILE_NAME, text, sizeof text - 1, &c, &error), INVALID);
    assert_string_equal(error.text, FILE_NAME ":1: control character");
}

static void sections_that_are_no_function_are_refused(void **state)
{
    assert_refused("[report]\n", 1, "[function NAME]");
    assert_refused("[]\n", 1, "[function NAME]");
    assert_refused("[functions x]\n", 1, "[function NAME]");
    assert_refused("[function ]\n", 1, "name");
    assert_refused("[function ../x]\n", 1, "name");
    assert_refused("[function a b]\n", 1, "name");
}

static void what_stands_twice_is_refused_and_names_the_first_line(void **state)
{
    assert_refused("threads = 4\n\nthreads = 4\n", 3, "line 1 already");
    assert_refused("[function a]\n[function b]\n[function a]\n", 3, "line 1 already");
    assert_refused("env.A = 1\n[function a]\nenv.A = 2\nenv.A = 3\n", 4, "line 3 already");
    configuration_release(parse("timeout = 1\n[function a]\ntimeout = 2\n[function b]\ntimeout = 3\n"));
}

static void unknown_key_is_refused_with_the_nearest_one(void **state)
{
    assert_refused("timout = 4\n", 1, "\"timeout\"");
    assert_refused("max_worker = 4\n", 1, "\"max_workers\"");
    assert_refused("retires = 4\n", 1, "\"retries\"");
    assert_refused("Timeout = 4\n", 1, "\"timeout\"");
    assert_refused("data-dir = 4\n", 1, "\"data_dir\"");
    struct configuration *c = NULL;
    struct error error;
    assert_int_equal(configuration_parse(FILE_NAME, "xyz = 1", 7, &c, &error), INVALID);
    assert_string_equal(error.text, FILE_NAME ":1: unknown key \"xyz\"");
}

static void installation_key_in_a_section_is_refused(void **state)
{
    assert_refused("[function report]\nmax_workers = 4\n", 2, "above the first section");
}

static void value_out_of_range_is_refused_with_the_range(void **state)
{
    assert_refused("max_workers = 0\n", 1, "max_workers = 0: must be between 1 and 256");
    assert_refused("max_workers = 257\n", 1, "between 1 and 256");
    assert_refused("accepted_status = 204\n", 1, "202 or 200");
    assert_refused("log_level = loud\n", 1, "error, warning, info or debug");
    assert_refused("timeout = soon\n", 1, "duration");
    assert_refused("timeout = 0\n", 1, "between 1ms");
    assert_refused("data_dir =\n", 1, "empty");
    assert_refused("[function a]\nconcurrency = -1\n", 2, "unlimited");
}

static void variables_of_the_worker_are_refused(void **state)
{
    assert_refused("env.JOBGATE_JOB_ID = x\n", 1, "worker sets");
    assert_refused("[function a]\nenv.TMPDIR = x\n", 2, "worker sets");
    assert_refused("env.TRACEPARENT = x\n", 1, "worker sets");
    assert_refused("env.PATH = x\n", 1, "\"path\"");
    assert_refused("env.9A = x\n", 1, "digit");
    assert_refused("env.A-B = x\n", 1, "letters");
    assert_refused("env. = x\n", 1, "letters");
    configuration_release(parse("env.LANG = C\nenv.HOME = /x\nenv.TZ = UTC\nenv.JOBGATE = x\n"));
}

/* ---- dump and template ---- */

static char *dumped(const struct configuration *configuration)
{
    struct buffer text = {0};
    configuration_dump(configuration, &text);
    assert_false(text.failed);
    return text.data;
}

/* Escaped, a value gets longer: what is too long when it is printed is refused at once. */
static void longest_line_that_is_accepted_is_dumped_as_one_that_is(void **state)
{
    struct buffer text = {0};
    buffer_append_text(&text, "env.QUOTES=x");
    struct configuration *longest = NULL, *next = NULL, *again = NULL;
    struct error error;
    while (configuration_parse("/etc/j.conf", text.data, text.length, &next, &error) == OK) {
        configuration_release(longest);
        longest = next;
        buffer_append_text(&text, "\"");
    }
    assert_non_null(strstr(error.text, "too long"));
    assert_in_range(text.length, 900, 1100);
    char *dump = dumped(longest);
    assert_int_equal(configuration_parse("/etc/j.conf", dump, strlen(dump), &again, &error), OK);
    configuration_release(again);
    configuration_release(longest);
    free(dump);
    buffer_free(&text);
}

static void dump_loads_again_to_the_same_values(void **state)
{
    struct configuration *first = parse("data_dir = data\nlog_level = debug\nbase_url = "
                                        "https://h/a(b)\naccepted_status = 200\nmax_event_size = 1000\n"
                                        "wait_max = 1500ms\nretention_failed = 30d\nconcurrency = 3\nenv.A = "
                                        "\" # \\\"x\\\\ \"\nenv.B = \xC3\xA9\n"
                                        "functions_dir = my functions\n[function z]\nretention = 1h\nmemory "
                                        "= 1GiB\nenv.A = \n[function b]\nconcurrency = 0\n");
    char *text = dumped(first);
    struct configuration *second = parse(text);
    char *again = dumped(second);
    assert_string_equal(text, again);
    assert_string_equal(second->functions_dir, "/etc/jobgate/my functions");
    assert_true(has_variable(configuration_function(second, "x"), "A= # \"x\\ "));
    assert_true(has_variable(configuration_function(second, "z"), "A="));
    assert_int_equal(configuration_function(second, "z")->policy.retention_ms[JOB_FAILED], 3600000);
    assert_int_equal(configuration_function(second, "b")->policy.retention_ms[JOB_FAILED],
                     INT64_C(2592000000));
    configuration_release(first);
    configuration_release(second);
    free(text);
    free(again);
}

/* Takes the '#' off the lines that are keys. */
static char *uncomment(char *text)
{
    char *to = text;
    for (char *from = text; *from != '\0';) {
        size_t length = strcspn(from, "\n") + 1;
        bool is_key = from[0] == '#' && (islower((unsigned char)from[1]) || from[1] == '[');
        memmove(to, from + is_key, length - is_key);
        to += length - is_key;
        from += length;
    }
    *to = '\0';
    return text;
}

static void template_has_every_key_and_changes_nothing(void **state)
{
    struct buffer text = {0};
    configuration_template(&text);
    struct configuration *defaults = parse("");
    struct configuration *from_template = parse(text.data);
    char *expected = dumped(defaults);
    char *dump = dumped(from_template);
    assert_string_equal(dump, expected);
    assert_null(strstr(dump, " \n"));
    assert_null(strstr(text.data, " \n"));
    for (char *line = strtok(expected, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char key[80];
        if (sscanf(line, "%40[a-z_]", key + 1) != 1)
            continue;
        key[0] = '#';
        strcat(key, " =");
        if (strstr(text.data, key) == NULL)
            fail_msg("%s is missing in the template", key);
    }
    free(expected);
    free(dump);
    configuration_release(defaults);
    configuration_release(from_template);
    buffer_free(&text);
}

static void uncommented_template_says_what_the_defaults_say(void **state)
{
    struct buffer text = {0};
    configuration_template(&text);
    struct configuration *written = parse(uncomment(text.data));
    assert_int_equal(configuration_function(written, "report")->timeout_ms, 60000);
    struct configuration *defaults =
        parse("env.GREETING = hello\n[function report]\ntimeout = 60\nenv.GREETING = good morning\n");
    char *expected = dumped(defaults);
    char *dump = dumped(written);
    assert_string_equal(dump, expected);
    free(expected);
    free(dump);
    configuration_release(defaults);
    configuration_release(written);
    buffer_free(&text);
}

/* ---- files ---- */

struct place {
    char *folder;
    char *file;
    char *log;
};

static int64_t fake_us = 1000000;

static int64_t read_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + 60000; /* an edit is never too young */
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
    place.file = test_file(place.folder, "jobgate.conf", "max_workers = 3\n");
    place.log = test_file(place.folder, "log", "");
    clock_replace(&fake);
    assert_int_equal(log_open("test", place.log, LOG_LEVEL_INFO, NULL), OK);
    *state = &place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    log_open("test", NULL, LOG_LEVEL_INFO, NULL);
    clock_replace(NULL);
    free(place->file);
    free(place->log);
    test_folder_remove(place->folder);
    return 0;
}

static void edit(struct place *place, const char *text)
{
    static int64_t made_ago; /* each edit another mtime, whatever the file system's clock ticks */
    free(test_file(place->folder, "jobgate.conf", text));
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000 + ++made_ago}};
    assert_int_equal(utimensat(AT_FDCWD, place->file, times, 0), 0);
    fake_us += 2000000;
}

static int64_t current_workers(void)
{
    struct configuration *configuration = configuration_current();
    assert_non_null(configuration);
    int64_t workers = configuration->max_workers;
    configuration_release(configuration);
    return workers;
}

static int times_logged(struct place *place, const char *event)
{
    char *text = test_read_file(place->log);
    int count = 0;
    for (char *at = text; (at = strstr(at, event)) != NULL; at++)
        count++;
    free(text);
    return count;
}

static void edited_file_is_taken_over_without_a_restart(void **state)
{
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    assert_int_equal(current_workers(), 3);
    struct configuration *held = configuration_current();
    edit(place, "max_workers = 9\n");
    assert_int_equal(current_workers(), 9);
    assert_int_equal(held->max_workers, 3);
    configuration_release(held);
    edit(place, "max_workers = 8\n"); /* of the same size */
    assert_int_equal(current_workers(), 8);
    assert_int_equal(times_logged(place, "event=configuration_loaded"), 2);
}

static void file_replaced_by_rename_is_taken_over(void **state)
{
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    char *other = test_file(place->folder, "other", "max_workers = 5\n");
    assert_int_equal(rename(other, place->file), 0);
    fake_us += 2000000;
    assert_int_equal(current_workers(), 5);
    free(other);
}

static void broken_edit_is_told_once_and_the_old_values_stay(void **state)
{
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    edit(place, "max_workers = many\n");
    for (int i = 0; i < 5; i++) {
        fake_us += 2000000;
        assert_int_equal(current_workers(), 3);
    }
    assert_int_equal(times_logged(place, "event=configuration_refused"), 1);
    assert_int_equal(times_logged(place, "jobgate.conf:1: max_workers"), 1);
    edit(place, "max_workers = 6\n");
    assert_int_equal(current_workers(), 6);
}

static void missing_file_is_told_once_and_the_old_values_stay(void **state)
{
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    assert_int_equal(unlink(place->file), 0);
    for (int i = 0; i < 5; i++) {
        fake_us += 2000000;
        assert_int_equal(current_workers(), 3);
    }
    assert_int_equal(times_logged(place, "event=configuration_missing"), 1);
    edit(place, "max_workers = 6\n");
    assert_int_equal(current_workers(), 6);
}

static void file_is_looked_at_once_a_second_at_most(void **state)
{
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    edit(place, "max_workers = 6\n");
    fake_us -= 2000000 - 900000;
    assert_int_equal(current_workers(), 3);
    fake_us += 200000;
    assert_int_equal(current_workers(), 6);
}

static int64_t read_wall_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* An editor may have truncated it and not yet written: an empty file would be a valid configuration. */
static void edit_of_this_very_moment_waits_for_the_next_look(void **state)
{
    static const struct clock_source now = {.wall_ms = read_wall_now, .monotonic_us = read_monotonic};
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    free(test_file(place->folder, "jobgate.conf", ""));
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    fake_us += 2000000;
    clock_replace(&now);
    assert_int_equal(utimensat(AT_FDCWD, place->file, times, 0), 0);
    assert_int_equal(current_workers(), 3);
    clock_replace(&fake);
    fake_us += 2000000;
    assert_int_equal(current_workers(), 4);
}

static void changed_data_dir_is_refused_while_running(void **state)
{
    struct place *place = *state;
    assert_int_equal(configuration_start(place->file, NULL), OK);
    edit(place, "max_workers = 6\ndata_dir = /elsewhere\n");
    assert_int_equal(current_workers(), 3);
    assert_int_equal(times_logged(place, "data_dir has changed"), 1);
}

static void edited_log_level_counts_at_once(void **state)
{
    struct place *place = *state;
    struct buffer text = {0};
    buffer_printf(&text, "log_file = %s\n", place->log);
    edit(place, text.data);
    assert_int_equal(configuration_start(place->file, NULL), OK);
    buffer_append_text(&text, "log_level = debug\n");
    edit(place, text.data);
    configuration_release(configuration_current());
    log_event(LOG_LEVEL_DEBUG, "detail", NULL);
    assert_int_equal(times_logged(place, "program=test pid="), 2);
    assert_int_equal(times_logged(place, "event=detail"), 1);
    buffer_free(&text);
}

static void assert_load_refused(const char *file, enum outcome expected, const char *words)
{
    struct configuration *configuration = NULL;
    struct error error = {""};
    assert_int_equal(configuration_load(file, &configuration, &error), expected);
    assert_null(configuration);
    if (strstr(error.text, words) == NULL || strstr(error.text, file) == NULL)
        fail_msg("\"%s\" does not say \"%s\" of %s", error.text, words, file);
}

static void file_that_others_can_write_is_refused_with_the_cure(void **state)
{
    struct place *place = *state;
    chmod(place->file, 0620);
    assert_load_refused(place->file, INVALID, "chmod go-w");
    chmod(place->file, 0602);
    assert_load_refused(place->file, INVALID, "chmod go-w");
    chmod(place->file, 0644);
    struct configuration *configuration = NULL;
    assert_int_equal(configuration_load(place->file, &configuration, NULL), OK);
    configuration_release(configuration);
}

static void file_of_another_user_is_refused(void **state)
{
    struct place *place = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(place->file, 65533, (gid_t)-1), 0);
    assert_load_refused(place->file, INVALID, "belongs to user 65533");
}

static void what_is_no_file_is_refused(void **state)
{
    struct place *place = *state;
    assert_load_refused(place->folder, INVALID, "no regular file");
    assert_load_refused("/nonexistent/jobgate.conf", IO, "No such file");
    assert_load_refused("/dev/null", INVALID, "no regular file");
}

static void relative_file_name_becomes_absolute(void **state)
{
    struct place *place = *state;
    struct configuration *configuration = NULL;
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(place->folder), 0);
    assert_int_equal(configuration_load("jobgate.conf", &configuration, NULL), OK);
    assert_int_equal(chdir(before), 0);
    assert_string_equal(configuration->file, place->file);
    configuration_release(configuration);
    free(before);
}

static void path_is_the_argument_else_the_variable_else_built_in(void **state)
{
    setenv("JOBGATE_CONFIG", "/from/variable", 1);
    assert_string_equal(configuration_path("/from/argument"), "/from/argument");
    assert_string_equal(configuration_path(NULL), "/from/variable");
    setenv("JOBGATE_CONFIG", "", 1);
    assert_non_null(strstr(configuration_path(NULL), "/jobgate/jobgate.conf"));
    unsetenv("JOBGATE_CONFIG");
    assert_non_null(strstr(configuration_path(NULL), "/jobgate/jobgate.conf"));
}

static atomic_bool stop;
static _Atomic int64_t thread_us = 1000000;

static int64_t read_thread_us(void)
{
    return atomic_fetch_add(&thread_us, 100000); /* every tenth call a second has passed */
}

static void *use_current(void *unused)
{
    long wrong = 0;
    while (!atomic_load(&stop)) {
        struct configuration *configuration = configuration_current();
        int64_t workers = configuration->max_workers;
        wrong += configuration_function(configuration, "report")->concurrency != workers;
        configuration_release(configuration);
    }
    return (void *)wrong;
}

/* Each version says the same number twice: a thread that saw a half of one would see two. Run under TSan as
 * well. */
static void threads_see_one_version_whole_while_it_is_edited(void **state)
{
    static const struct clock_source fast = {.wall_ms = read_wall, .monotonic_us = read_thread_us};
    struct place *place = *state;
    pthread_t threads[4];
    edit(place, "max_workers = 1\n[function report]\nconcurrency = 1\n");
    assert_int_equal(configuration_start(place->file, NULL), OK);
    clock_replace(&fast);
    atomic_store(&stop, false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_current, NULL), 0);
    for (int round = 2; round < 40; round++) {
        char text[128];
        snprintf(text, sizeof text, "max_workers = %d\n[function report]\nconcurrency = %d\n", round, round);
        char *other = test_file(place->folder, "other", text);
        assert_int_equal(rename(other, place->file), 0);
        free(other);
        while (current_workers() != round)
            continue;
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

#define PURE(name)    cmocka_unit_test(name)
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

TEST_MAIN(
    PURE(empty_file_gives_the_documented_defaults),
    PURE(section_wins_over_the_top_and_the_top_over_the_default), PURE(every_function_of_many_is_found),
    PURE(retention_of_a_status_wins_over_retention_whatever_stands_first),
    PURE(relative_paths_start_at_the_folder_of_the_file), PURE(variables_of_a_section_add_to_those_of_all),
    PURE(comments_quotes_and_spaces_are_taken_off), PURE(interpreter_line_is_a_comment),
    PURE(long_names_and_lines_are_whole_or_refused), PURE(malformed_lines_are_refused_with_their_number),
    PURE(nul_bytes_are_refused), PURE(sections_that_are_no_function_are_refused),
    PURE(what_stands_twice_is_refused_and_names_the_first_line),
    PURE(unknown_key_is_refused_with_the_nearest_one), PURE(installation_key_in_a_section_is_refused),
    PURE(value_out_of_range_is_refused_with_the_range), PURE(variables_of_the_worker_are_refused),
    PURE(dump_loads_again_to_the_same_values), PURE(longest_line_that_is_accepted_is_dumped_as_one_that_is),
    PURE(template_has_every_key_and_changes_nothing), PURE(uncommented_template_says_what_the_defaults_say),
    ON_DISK(edited_file_is_taken_over_without_a_restart), ON_DISK(file_replaced_by_rename_is_taken_over),
    ON_DISK(broken_edit_is_told_once_and_the_old_values_stay),
    ON_DISK(missing_file_is_told_once_and_the_old_values_stay),
    ON_DISK(file_is_looked_at_once_a_second_at_most),
    ON_DISK(edit_of_this_very_moment_waits_for_the_next_look),
    ON_DISK(changed_data_dir_is_refused_while_running), ON_DISK(edited_log_level_counts_at_once),
    ON_DISK(file_that_others_can_write_is_refused_with_the_cure), ON_DISK(file_of_another_user_is_refused),
    ON_DISK(what_is_no_file_is_refused), ON_DISK(relative_file_name_becomes_absolute),
    PURE(path_is_the_argument_else_the_variable_else_built_in),
    ON_DISK(threads_see_one_version_whole_while_it_is_edited))
