#include "config.h"
#include "test.h"

#include "../../worker/environment.h"
#include "../../worker/runner.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One attempt of a function of tests/functions, without a store: what is told is kept. */
struct trial {
    struct attempt attempt;
    struct job job;
    struct buffer event;
    struct function function;
    struct configuration configuration;
    struct function_settings settings;
    const char *environment[8];
    char *folder;
    struct signals signals;
    struct buffer log;
    uint64_t skipped;
    char progress[JOB_PROGRESS_SIZE]; /* the latest */
    int percent;
    const char *order_when; /* progress message upon which `order` is given */
    enum attempt_order order;
    const char *result, *type;
    size_t result_size;
};

static struct signals signals;

static enum attempt_order keep(struct attempt *attempt, void *context)
{
    struct trial *trial = context;
    buffer_append(&trial->log, attempt->log.pending.data, attempt->log.pending.length);
    trial->skipped += attempt->log.skipped;
    log_capture_clear(&attempt->log);
    if (attempt->progress.changed) {
        memcpy(trial->progress, attempt->progress.message, sizeof trial->progress);
        trial->percent = attempt->progress.percent;
        attempt->progress.changed = false;
    }
    if (trial->order_when != NULL && strcmp(trial->order_when, trial->progress) == 0)
        return trial->order;
    return ATTEMPT_GO_ON;
}

static struct trial *prepare(const char *name)
{
    struct trial *trial = calloc(1, sizeof *trial);
    assert_non_null(trial);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", FUNCTIONS_BUILT, name);
    trial->configuration = (struct configuration){
        .functions_dir = access(path, X_OK) == 0 ? FUNCTIONS_BUILT : FUNCTIONS_SOURCE,
        .path = "/usr/bin:/bin",
        .max_result_size = 100000,
        .max_log_size = 100000,
        .kill_grace_ms = 300,
    };
    trial->settings = (struct function_settings){.timeout_ms = 20000, .environment = trial->environment};
    trial->folder = test_folder();
    trial->job.attempts = 2;
    assert_int_equal(job_id_make(&trial->job.id, NULL), OK);
    snprintf(trial->job.function, sizeof trial->job.function, "%s", name);
    trial->function.kind = FUNCTION_EXECUTABLE;
    snprintf(trial->function.name, sizeof trial->function.name, "%s", name);
    snprintf(trial->function.file, sizeof trial->function.file, "%s", name);
    buffer_append_text(&trial->event, "{\"n\":1}");
    trial->attempt = (struct attempt){
        .job = &trial->job,
        .event = &trial->event,
        .function = &trial->function,
        .configuration = &trial->configuration,
        .settings = &trial->settings,
        .folder = trial->folder,
        .signals = &signals,
        .tell = keep,
        .context = trial,
        .progress = {.percent = -1},
    };
    return trial;
}

static unsigned processes_left(void)
{
    struct reaped none = {0};
    return strays_reap(&none) ? 1 + strays_signal(0) : 0;
}

static void run(struct trial *trial)
{
    trial->attempt.result.most = (size_t)trial->configuration.max_result_size;
    trial->attempt.log.most = (size_t)trial->configuration.max_log_size;
    exec_runner.run(&trial->attempt);
    result_capture_finish(&trial->attempt.result, &trial->result, &trial->result_size, &trial->type);
    assert_int_equal(processes_left(), 0);
    assert_false(trial->attempt.strays_left);
    assert_true(trial->attempt.record.finished_ms > 0);
}

static void finish(struct trial *trial)
{
    result_capture_free(&trial->attempt.result);
    log_capture_free(&trial->attempt.log);
    buffer_free(&trial->log);
    buffer_free(&trial->event);
    test_folder_remove(trial->folder);
    free(trial);
}

static void assert_failed(const struct trial *trial, enum job_event verdict, const char *type,
                          const char *words)
{
    char expected[JOB_MESSAGE_SIZE], id[JOB_ID_TEXT_SIZE];
    snprintf(expected, sizeof expected, "RequestId: %s Error: %s", job_id_format(&trial->job.id, id), words);
    assert_string_equal(trial->attempt.record.error_message, expected);
    assert_string_equal(trial->attempt.record.error_type, type);
    assert_int_equal(trial->attempt.verdict, verdict);
}

static void assert_result(const struct trial *trial, const char *type, const char *text)
{
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_string_equal(trial->attempt.record.error_type, "");
    assert_string_equal(trial->type, type);
    assert_int_equal(trial->result_size, strlen(text));
    assert_memory_equal(trial->result, text, trial->result_size);
}

static void function_gets_the_envelope_and_gives_its_result(void **state)
{
    struct trial *trial = prepare("echo");
    run(trial);
    char expected[200], id[JOB_ID_TEXT_SIZE];
    snprintf(expected, sizeof expected, "{\"jobId\":\"%s\",\"body\":{\"n\":1}}",
             job_id_format(&trial->job.id, id));
    assert_result(trial, "application/json", expected);
    assert_int_equal(trial->attempt.record.exit_status, 0);
    assert_true(trial->attempt.record.cpu_us > 0);
    assert_true(trial->attempt.record.peak_memory_kib > 0);
    finish(trial);
}

static void raw_event_comes_without_the_envelope(void **state)
{
    struct trial *trial = prepare("echo");
    trial->job.raw_event = true;
    run(trial);
    assert_result(trial, "application/json", "{\"n\":1}");
    finish(trial);
}

/* Hazard 22. */
static void large_event_that_is_never_read_blocks_nobody(void **state)
{
    struct trial *trial = prepare("ignore_stdin");
    for (int i = 0; i < 40000; i++)
        buffer_append_text(&trial->event, "                                ");
    run(trial);
    assert_result(trial, "application/json", "\"not read\"");
    finish(trial);
}

static void no_output_is_no_result(void **state)
{
    struct trial *trial = prepare("noop");
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_null(trial->type);
    finish(trial);
}

static void output_that_is_no_json_is_kept_as_text_or_bytes(void **state)
{
    struct trial *trial = prepare("text_output");
    run(trial);
    assert_result(trial, "text/plain; charset=utf-8", "{\"a\": NaN}\n");
    finish(trial);
    trial = prepare("binary_output");
    run(trial);
    assert_string_equal(trial->type, "application/octet-stream");
    assert_int_equal(trial->result_size, 13);
    assert_memory_equal(trial->result, "\377\000\376\r\n<script>", 13);
    finish(trial);
}

static void result_may_be_as_large_as_allowed_but_no_larger(void **state)
{
    struct trial *trial = prepare("big_output");
    trial->environment[0] = "BYTES=100000";
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_int_equal(trial->result_size, 100000);
    finish(trial);
    trial = prepare("big_output");
    trial->environment[0] = "BYTES=100001";
    run(trial);
    assert_failed(trial, JOB_FAIL_FOR_GOOD, "Function.ResponseSizeTooLarge",
                  "Response payload size exceeded maximum allowed payload size (100000 bytes).");
    assert_null(trial->type);
    finish(trial);
}

/* Hazard 22. */
static void flood_of_stdout_is_ended(void **state)
{
    struct trial *trial = prepare("flood_stdout");
    run(trial);
    assert_string_equal(trial->attempt.record.error_type, "Function.ResponseSizeTooLarge");
    finish(trial);
}

static void flood_of_stderr_keeps_the_tail_and_counts_the_rest(void **state)
{
    struct trial *trial = prepare("flood_stderr");
    trial->environment[0] = "LINES=300000";
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_int_equal(trial->skipped + trial->log.length, 300000 * 30 + 14);
    assert_true(trial->skipped > 0);
    assert_true(trial->log.length >= 100000);
    assert_string_equal(trial->log.data + trial->log.length - 14, "the last line\n");
    finish(trial);
}

static void flood_of_stderr_does_not_hinder_the_timeout(void **state)
{
    struct trial *trial = prepare("flood_stderr");
    trial->settings.timeout_ms = 300;
    run(trial);
    assert_failed(trial, JOB_FAIL, "Sandbox.Timedout", "Task timed out after 0.30 seconds");
    finish(trial);
}

/* Hazard 22. */
static void timeout_ends_what_ignores_term(void **state)
{
    struct trial *trial = prepare("ignore_term");
    trial->settings.timeout_ms = 250;
    int64_t start = clock_monotonic_ms();
    run(trial);
    assert_failed(trial, JOB_FAIL, "Sandbox.Timedout", "Task timed out after 0.25 seconds");
    assert_true(clock_monotonic_ms() - start >= 550); /* it had its grace */
    assert_int_equal(trial->attempt.record.signal, SIGKILL);
    finish(trial);
}

static void cancel_gives_time_to_tidy_up(void **state)
{
    struct trial *trial = prepare("end_on_term");
    trial->configuration.kill_grace_ms = 10000;
    trial->order_when = "up";
    trial->order = ATTEMPT_CANCEL;
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_FAIL);
    assert_string_equal(trial->attempt.record.error_type, "Job.Cancelled");
    assert_int_equal(trial->attempt.record.exit_status, 0);
    assert_non_null(strstr(trial->log.data, "tidied\n"));
    finish(trial);
}

/* Hazard 20. */
static void worker_that_has_to_leave_gives_the_job_back(void **state)
{
    struct trial *trial = prepare("ignore_term");
    trial->order_when = "up";
    trial->order = ATTEMPT_GIVE_BACK;
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_INTERRUPT);
    assert_false(trial->attempt.abandoned);
    finish(trial);
}

static void abandoned_attempt_is_ended_and_reports_nothing(void **state)
{
    struct trial *trial = prepare("sleeper");
    trial->order_when = "asleep";
    trial->order = ATTEMPT_ABANDON;
    run(trial);
    assert_true(trial->attempt.abandoned);
    finish(trial);
}

static void assert_daemon_is_gone(const struct trial *trial)
{
    assert_non_null(trial->log.data);
    pid_t pid = (pid_t)atoi(trial->log.data + strlen("daemon "));
    assert_true(pid > 1);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void daemon_that_was_left_behind_is_ended(void **state)
{
    struct trial *trial = prepare("double_fork");
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_daemon_is_gone(trial);
    finish(trial);
}

static void timeout_ends_daemons_too(void **state)
{
    struct trial *trial = prepare("double_fork");
    trial->environment[0] = "STAYS=1";
    trial->settings.timeout_ms = 300;
    run(trial);
    assert_string_equal(trial->attempt.record.error_type, "Sandbox.Timedout");
    assert_daemon_is_gone(trial);
    finish(trial);
}

static void function_that_forks_for_ever_is_ended(void **state)
{
    struct trial *trial = prepare("fork_forever");
    trial->settings.timeout_ms = 300;
    trial->configuration.kill_grace_ms = 100;
    run(trial);
    assert_string_equal(trial->attempt.record.error_type, "Sandbox.Timedout");
    finish(trial);
}

static void child_that_holds_stdout_does_not_hold_the_result(void **state)
{
    struct trial *trial = prepare("hold_stdout");
    int64_t start = clock_monotonic_ms();
    run(trial);
    assert_result(trial, "application/json", "\"done\"");
    assert_true(clock_monotonic_ms() - start < 10000);
    finish(trial);
}

static void child_that_ends_a_moment_later_is_heard(void **state)
{
    struct trial *trial = prepare("tee_output");
    run(trial);
    assert_result(trial, "application/json", "\"done\"");
    assert_non_null(trial->log.data);
    assert_string_equal(trial->log.data, "through the child\n");
    finish(trial);
}

/* Hazard 22. */
static void closed_descriptors_do_not_end_it_early(void **state)
{
    struct trial *trial = prepare("close_descriptors");
    int64_t start = clock_monotonic_ms();
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_true(clock_monotonic_ms() - start >= 300);
    assert_true(trial->attempt.record.cpu_us < 250000); /* nor is it waited for in a busy loop */
    finish(trial);
}

static void exit_statuses_have_their_meanings(void **state)
{
    static const struct {
        const char *variable;
        enum job_event verdict;
        const char *words;
    } cases[] = {
        {"STATUS=1", JOB_FAIL, "Runtime exited with error: exit status 1"},
        {"STATUS=75", JOB_TRY_LATER, "Runtime exited with error: exit status 75"},
        {"STATUS=65", JOB_FAIL_FOR_GOOD, "Runtime exited with error: exit status 65"},
        {"STATUS=127", JOB_FAIL, "Runtime exited with error: exit status 127"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trial *trial = prepare("exit_with");
        trial->environment[0] = cases[i].variable;
        run(trial);
        assert_failed(trial, cases[i].verdict, "Runtime.ExitError", cases[i].words);
        assert_int_equal(trial->attempt.record.exit_status, atoi(cases[i].variable + 7));
        assert_int_equal(trial->attempt.record.signal, 0);
        finish(trial);
    }
}

static void each_signal_has_its_name(void **state)
{
    static const char *const names[] = {"HUP",  "INT",  "QUIT", "ILL",  "ABRT", "FPE", "KILL", "SEGV", "PIPE",
                                        "ALRM", "TERM", "USR1", "USR2", "BUS",  "SYS", "XCPU", "XFSZ"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trial *trial = prepare("end_by_signal");
        char variable[32], words[80];
        snprintf(variable, sizeof variable, "SIGNAL=%s", names[i]);
        snprintf(words, sizeof words, "Runtime exited with error: signal: SIG%s", names[i]);
        trial->environment[0] = variable;
        run(trial);
        assert_failed(trial, JOB_FAIL, "Runtime.ExitError", words);
        assert_string_equal(sigabbrev_np(trial->attempt.record.signal), names[i]);
        assert_int_equal(trial->attempt.record.exit_status, -1);
        finish(trial);
    }
}

static void progress_lines_are_read_from_garbage(void **state)
{
    struct trial *trial = prepare("progress_garbage");
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    assert_int_equal(trial->percent, 42);
    assert_string_equal(trial->progress, "words alone");
    finish(trial);
}

static int count_lines(const char *text, size_t length)
{
    int lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

static bool has_line(const struct trial *trial, const char *line)
{
    size_t length = strlen(line);
    for (size_t at = 0; at + length <= trial->result_size; at++) {
        if ((at == 0 || trial->result[at - 1] == '\n') && memcmp(trial->result + at, line, length) == 0 &&
            trial->result[at + length] == '\n')
            return true;
    }
    return false;
}

/* Hazard 30. */
static void environment_is_an_allow_list(void **state)
{
    struct trial *trial = prepare("print_environment");
    char line[4200], marker[ENVIRONMENT_MARKER_SIZE];
    setenv("HTTP_PROXY", "http://evil/", 1);
    setenv("HOME", "/home/somebody", 1);
    setenv("TZ", "Europe/Vienna", 1);
    setenv("LANG", "de_AT.UTF-8", 1);
    trial->environment[0] = "GREETING=hello";
    trial->environment[1] = "LANG=C";
    trial->environment[2] = "JOBGATE_JOB_ID=forged";
    snprintf(trial->job.traceparent, sizeof trial->job.traceparent,
             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    run(trial);
    assert_true(has_line(trial, "PATH=/usr/bin:/bin"));
    assert_true(has_line(trial, "HOME=/home/somebody"));
    assert_true(has_line(trial, "TZ=Europe/Vienna"));
    assert_true(has_line(trial, "LANG=C"));
    assert_true(has_line(trial, "GREETING=hello"));
    assert_true(has_line(trial, environment_marker(&trial->job.id, marker)));
    assert_true(has_line(trial, "JOBGATE_FUNCTION=print_environment"));
    assert_true(has_line(trial, "JOBGATE_ATTEMPT=2"));
    assert_true(has_line(trial, "JOBGATE_PROGRESS_FD=3"));
    assert_true(has_line(trial, "TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    snprintf(line, sizeof line, "TMPDIR=%s", trial->folder);
    assert_true(has_line(trial, line));
    const char *deadline = strstr(trial->result, "JOBGATE_DEADLINE_MS=");
    assert_non_null(deadline);
    assert_in_range(atoll(deadline + 20), clock_wall_ms() + 10000, clock_wall_ms() + 20000);
    assert_int_equal(count_lines(trial->result, trial->result_size), 12);
    finish(trial);
}

static void function_has_four_descriptors_its_folder_and_its_session(void **state)
{
    struct trial *trial = prepare("print_descriptors");
    char line[4200];
    int leaked = open("/etc/passwd", O_RDONLY);
    run(trial);
    close(leaked);
    assert_int_equal(count_lines(trial->result, trial->result_size), 7);
    assert_true(has_line(trial, "0 /memfd:event (deleted)"));
    assert_int_equal(memcmp(strchr(trial->result, '\n'), "\n1 pipe:", 8), 0);
    assert_non_null(strstr(trial->result, "\n3 pipe:"));
    snprintf(line, sizeof line, "folder %s", trial->folder);
    assert_true(has_line(trial, line));
    assert_true(has_line(trial, "mask 077"));
    assert_true(has_line(trial, "leads its session 1"));
    finish(trial);
}

/* Hazard 22. */
static void memory_limit_holds(void **state)
{
    struct trial *trial = prepare("allocate");
    trial->settings.memory = 64 << 20;
    run(trial);
    assert_failed(trial, JOB_FAIL, "Runtime.ExitError", "Runtime exited with error: exit status 3");
    assert_true(trial->attempt.record.peak_memory_kib < 64 << 10);
    finish(trial);
}

/* Hazard 22. */
static void file_size_limit_holds(void **state)
{
    struct trial *trial = prepare("huge_file");
    trial->settings.file_size = 1 << 20;
    run(trial);
    assert_failed(trial, JOB_FAIL, "Runtime.ExitError", "Runtime exited with error: signal: SIGXFSZ");
    finish(trial);
}

/* Hazard 22. */
static void cpu_limit_holds(void **state)
{
    struct trial *trial = prepare("flood_stderr");
    trial->settings.cpu_ms = 1;
    trial->settings.timeout_ms = 300000; /* a second of processor time takes long on a busy machine */
    run(trial);
    assert_failed(trial, JOB_FAIL, "Runtime.ExitError", "Runtime exited with error: signal: SIGXCPU");
    finish(trial);
}

static void program_that_cannot_be_run_fails_for_good(void **state)
{
    struct trial *trial = prepare("no_such_function");
    run(trial);
    assert_int_equal(trial->attempt.verdict, JOB_FAIL_FOR_GOOD);
    assert_string_equal(trial->attempt.record.error_type, "Runtime.InvalidEntrypoint");
    assert_non_null(strstr(trial->attempt.record.error_message, "no_such_function: exec: No such file"));
    finish(trial);
}

static void folder_with_bootstrap_is_refused_in_words(void **state)
{
    struct function function = {.name = "lambda", .kind = FUNCTION_BOOTSTRAP, .file = "lambda/bootstrap"};
    struct error error;
    assert_null(runner_for(&function, &error));
    assert_non_null(strstr(error.text, "bootstrap"));
}

static enum outcome not_ready(struct attempt *attempt, void *context, struct error *error)
{
    return error_set(error, UNAVAILABLE, "not on disk");
}

static void function_that_may_not_start_is_tried_later(void **state)
{
    struct trial *trial = prepare("echo");
    trial->attempt.ready = not_ready;
    run(trial);
    assert_failed(trial, JOB_TRY_LATER, "Worker.StartFailed", "not on disk");
    assert_int_equal(trial->result_size, 0);
    finish(trial);
}

static int soon_calls;

static int64_t cancel_soon(struct attempt *attempt, void *context)
{
    struct trial *trial = context;
    if (++soon_calls < 3)
        return clock_deadline(5);
    trial->order_when = "asleep";
    trial->order = ATTEMPT_CANCEL;
    return INT64_MAX;
}

static void what_is_to_be_done_soon_is_done_as_often_as_asked_while_it_runs(void **state)
{
    struct trial *trial = prepare("sleeper");
    soon_calls = 0;
    trial->attempt.soon = cancel_soon;
    trial->attempt.soon_ms = clock_deadline(5);
    run(trial);
    assert_int_equal(soon_calls, 3);
    assert_failed(trial, JOB_FAIL, "Job.Cancelled", "Task was cancelled");
    finish(trial);
    trial = prepare("echo");
    trial->attempt.soon = cancel_soon;
    trial->attempt.soon_ms = clock_deadline(20000);
    run(trial);
    assert_int_equal(soon_calls, 3); /* not once more */
    assert_int_equal(trial->attempt.verdict, JOB_SUCCEED);
    finish(trial);
}

/* The descriptors of this process are the same afterwards. */
static void no_descriptor_is_leaked(void **state)
{
    int before = dup(0);
    close(before);
    static const char *const names[] = {"echo", "no_such_function", "hold_stdout", "close_descriptors"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trial *trial = prepare(names[i]);
        run(trial);
        finish(trial);
    }
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(function_gets_the_envelope_and_gives_its_result),
        cmocka_unit_test(raw_event_comes_without_the_envelope),
        cmocka_unit_test(large_event_that_is_never_read_blocks_nobody),
        cmocka_unit_test(no_output_is_no_result),
        cmocka_unit_test(output_that_is_no_json_is_kept_as_text_or_bytes),
        cmocka_unit_test(result_may_be_as_large_as_allowed_but_no_larger),
        cmocka_unit_test(flood_of_stdout_is_ended),
        cmocka_unit_test(flood_of_stderr_keeps_the_tail_and_counts_the_rest),
        cmocka_unit_test(flood_of_stderr_does_not_hinder_the_timeout),
        cmocka_unit_test(timeout_ends_what_ignores_term),
        cmocka_unit_test(cancel_gives_time_to_tidy_up),
        cmocka_unit_test(worker_that_has_to_leave_gives_the_job_back),
        cmocka_unit_test(abandoned_attempt_is_ended_and_reports_nothing),
        cmocka_unit_test(daemon_that_was_left_behind_is_ended),
        cmocka_unit_test(timeout_ends_daemons_too),
        cmocka_unit_test(function_that_forks_for_ever_is_ended),
        cmocka_unit_test(child_that_holds_stdout_does_not_hold_the_result),
        cmocka_unit_test(child_that_ends_a_moment_later_is_heard),
        cmocka_unit_test(closed_descriptors_do_not_end_it_early),
        cmocka_unit_test(exit_statuses_have_their_meanings),
        cmocka_unit_test(each_signal_has_its_name),
        cmocka_unit_test(progress_lines_are_read_from_garbage),
        cmocka_unit_test(environment_is_an_allow_list),
        cmocka_unit_test(function_has_four_descriptors_its_folder_and_its_session),
        cmocka_unit_test(memory_limit_holds),
        cmocka_unit_test(file_size_limit_holds),
        cmocka_unit_test(cpu_limit_holds),
        cmocka_unit_test(program_that_cannot_be_run_fails_for_good),
        cmocka_unit_test(folder_with_bootstrap_is_refused_in_words),
        cmocka_unit_test(function_that_may_not_start_is_tried_later),
        cmocka_unit_test(what_is_to_be_done_soon_is_done_as_often_as_asked_while_it_runs),
        cmocka_unit_test(no_descriptor_is_leaked),
    };
    struct error error;
    test_begin();
    if (!strays_adopt(true) || signals_open(&signals, &error) != OK)
        return 99;
    return cmocka_run_group_tests(cases, NULL, NULL) == 0 ? 0 : 1;
}
