/* The programs themselves, as processes: as CGI with an environment and pipes, as FastCGI with a listening socket and a
 * client of our own, and by hand. On the real store, in a folder for each case. Its functions are paused: a
 * worker would have to be forked off, and then the thread sanitizer sees nothing any more. */
#include "config.h"
#include "../unit/test.h"

#include "buffer.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define SUBMIT      "cgi-bin/jobgate-submit"
#define STATUS      "cgi-bin/jobgate-status"

static char *folder, *configuration_variable, *configuration;
static struct buffer out, words;

static int set_up(void **state)
{
    char text[1024];
    folder = test_folder();
    char *data = NULL, *functions = NULL;
    if (asprintf(&data, "%s/data", folder) < 0 || asprintf(&functions, "%s/functions", folder) < 0)
        return 1;
    mkdir(data, 0700);
    mkdir(functions, 0755);
    char *echo = test_file(functions, "echo", "#!/bin/sh\ncat\n");
    chmod(echo, 0755);
    snprintf(text, sizeof text,
             "data_dir = %s\nfunctions_dir = %s\nworker_program = /bin/true\ndefault_function = echo\n"
             "anonymous = all\nconcurrency = 0\nwait_max = 5\nthreads = 6\nmax_event_size = 100000\n",
             data, functions);
    configuration = test_file(folder, "jobgate.conf", text);
    if (asprintf(&configuration_variable, "JOBGATE_CONFIG=%s", configuration) < 0)
        return 1;
    free(echo);
    free(data);
    free(functions);
    return 0;
}

static int tear_down(void **state)
{
    buffer_free(&out);
    buffer_free(&words);
    free(configuration);
    free(configuration_variable);
    test_folder_remove(folder);
    return 0;
}

/* ---- processes ---- */

static void read_to_end(int descriptor, struct buffer *buffer)
{
    char *room;
    ssize_t count;
    while ((room = buffer_reserve(buffer, 4096)) != NULL && (count = read(descriptor, room, 4096)) > 0)
        buffer_grown(buffer, (size_t)count);
    close(descriptor);
}

/* Descriptors for 0, 1, 2 are given away; all others are closed on exec. */
static pid_t start(const char *program, char *const argv[], char *const environment[],
                   const int descriptors[3])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            dup2(descriptors[i], i);
        execve(program, argv, environment);
        _exit(127);
    }
    for (int i = 0; i < 3; i++)
        close(descriptors[i]);
    return pid;
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Runs it to its end; `out` and `words` have what it wrote. */
static int run(const char *program, char *const argv[], char *const environment[], const char *input)
{
    int in[2], output[2], errors[2];
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0);
    pid_t pid = start(program, argv, environment, (int[]){in[0], output[1], errors[1]});
    signal(SIGPIPE, SIG_IGN);
    if (input != NULL && write(in[1], input, strlen(input)) < 0)
        assert_int_equal(errno, EPIPE);
    close(in[1]);
    buffer_clear(&out);
    buffer_clear(&words);
    read_to_end(output[0], &out);
    read_to_end(errors[0], &words);
    buffer_append_text(&out, "");
    buffer_append_text(&words, "");
    return status_of(pid);
}

/* ---- CGI ---- */

#define CGI(program, input, ...)                                                                             \
    run(program, (char *[]){(char *)program, NULL},                                                          \
        (char *[]){"GATEWAY_INTERFACE=CGI/1.1", configuration_variable, __VA_ARGS__, NULL}, input)

static void assert_starts(const char *text, const char *start)
{
    if (text == NULL || strncmp(text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not start with \"%s\"", text != NULL ? text : "", start);
}

static const char *job_id(void)
{
    static char id[64];
    const char *at = out.data != NULL ? strstr(out.data, "{\"jobId\":\"") : NULL;
    if (at == NULL)
        fail_msg("no job in %s; %s", out.data, words.data);
    snprintf(id, sizeof id, "%.36s", at + strlen("{\"jobId\":\""));
    return id;
}

static void posted_job_is_there_for_the_next_process(void **state)
{
    char uri[128];
    assert_int_equal(CGI(SUBMIT, "{}", "REQUEST_METHOD=POST", "REQUEST_URI=/job", "CONTENT_LENGTH=2",
                         "CONTENT_TYPE=application/json"),
                     0);
    assert_starts(out.data, "Status: 202 Accepted\r\n");
    snprintf(uri, sizeof uri, "REQUEST_URI=/job/%s", job_id());
    assert_int_equal(CGI(STATUS, NULL, "REQUEST_METHOD=GET", uri), 0);
    assert_starts(out.data, "Status: 200 OK\r\n");
    assert_non_null(strstr(out.data, "\"status\":\"QUEUED\""));
    assert_int_equal(CGI(STATUS, NULL, "REQUEST_METHOD=HEAD", uri), 0);
    assert_string_equal(strstr(out.data, "\r\n\r\n"), "\r\n\r\n");
}

static void chunked_body_without_a_length_is_read_to_its_end(void **state)
{
    char uri[128];
    assert_int_equal(CGI(SUBMIT, "{\"a\":[1]}", "REQUEST_METHOD=POST", "REQUEST_URI=/job",
                         "HTTP_TRANSFER_ENCODING=chunked", "CONTENT_TYPE=application/json"),
                     0);
    snprintf(uri, sizeof uri, "REQUEST_URI=/job/%s/event", job_id());
    CGI(STATUS, NULL, "REQUEST_METHOD=GET", uri);
    assert_non_null(strstr(out.data, "\r\n\r\n{\"a\":[1]}"));
}

static void words_of_a_query_choose_neither_option_nor_configuration(void **state)
{
    static const char *const arguments[] = {"--version", "-t", "/nonexistent/other.conf"};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        char *argv[] = {(char *)STATUS, (char *)arguments[i], NULL};
        char *environment[] = {configuration_variable, "REQUEST_METHOD=GET", "REQUEST_URI=/healthz", NULL};
        assert_int_equal(run(STATUS, argv, environment, NULL), 0);
        assert_starts(out.data, "Status: 200 OK\r\n");
    }
}

static void script_with_a_shebang_names_its_configuration(void **state)
{
    char line[8192];
    char *program = realpath(STATUS, NULL);
    assert_non_null(program);
    snprintf(line, sizeof line, "#!%s %s\n", program, configuration);
    char *script = test_file(folder, "status.fcgi", line);
    free(program);
    chmod(script, 0700);
    char *environment[] = {"REQUEST_METHOD=GET", "REQUEST_URI=/readyz", NULL};
    assert_int_equal(run(script, (char *[]){script, NULL}, environment, NULL), 0);
    assert_starts(out.data, "Status: 200 OK\r\n");
    free(script);
}

static void wrong_configuration_is_500_for_the_client_and_words_for_the_log(void **state)
{
    free(test_file(folder, "jobgate.conf", "no_such_key = 1\n"));
    CGI(STATUS, NULL, "REQUEST_METHOD=GET", "REQUEST_URI=/healthz");
    assert_starts(out.data, "Status: 500 Internal Server Error\r\n");
    assert_null(strstr(out.data, "no_such_key"));
    assert_non_null(strstr(words.data, "no_such_key"));
    assert_non_null(strstr(words.data, "jobgate.conf:1"));
}

static void store_that_is_refused_is_503_for_the_client_and_words_for_the_log(void **state)
{
    char data[256];
    snprintf(data, sizeof data, "%s/data", folder);
    chmod(data, 0777);
    CGI(SUBMIT, "{}", "REQUEST_METHOD=POST", "REQUEST_URI=/job", "CONTENT_LENGTH=2",
        "CONTENT_TYPE=application/json");
    assert_starts(out.data, "Status: 503 Service Unavailable\r\n");
    assert_null(strstr(out.data, folder));
    assert_non_null(strstr(words.data, data));
}

static void large_body_is_413_without_reading_it_all(void **state)
{
    CGI(SUBMIT, "{}", "REQUEST_METHOD=POST", "REQUEST_URI=/job", "CONTENT_LENGTH=99999999999",
        "CONTENT_TYPE=application/json");
    assert_starts(out.data, "Status: 413 ");
    assert_non_null(strstr(out.data, "\"limit\":100000"));
}

/* ---- by hand ---- */

static void started_by_hand_it_explains_itself(void **state)
{
    char *environment[] = {configuration_variable, NULL};
    assert_int_equal(run(SUBMIT, (char *[]){"x", NULL}, environment, NULL), EX_USAGE);
    assert_non_null(strstr(words.data, "started by a web server"));
    assert_int_equal(run(SUBMIT, (char *[]){"x", "--version", NULL}, environment, NULL), 0);
    assert_non_null(strstr(out.data, PACKAGE_VERSION));
    assert_int_equal(run(SUBMIT, (char *[]){"x", "--help", NULL}, environment, NULL), 0);
    assert_non_null(strstr(out.data, "Usage"));
    assert_int_equal(run(SUBMIT, (char *[]){"x", "-t", NULL}, environment, NULL), 0);
    assert_non_null(strstr(out.data, "worker_program"));
    assert_int_equal(run(SUBMIT, (char *[]){"x", "--nonsense", NULL}, environment, NULL), EX_USAGE);
    assert_int_equal(run(SUBMIT, (char *[]){"x", "-t", "/nonexistent", NULL}, environment, NULL), EX_CONFIG);
}

/* ---- FastCGI: records by the specification of 1996 ---- */

static struct sockaddr_un address;

static pid_t start_fastcgi(const char *program)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 128), 0);
    char *sanitizer =
        getenv("TSAN_OPTIONS") != NULL ? getenv("TSAN_OPTIONS") - strlen("TSAN_OPTIONS=") : NULL;
    char *environment[] = {configuration_variable, sanitizer, NULL};
    return start(program, (char *[]){(char *)program, NULL}, environment, (int[]){listener, null, log});
}

static void add_record(struct buffer *buffer, int type, const void *content, size_t length)
{
    unsigned char header[8] = {1, (unsigned char)type,          0,
                               1, (unsigned char)(length >> 8), (unsigned char)length};
    buffer_append(buffer, header, sizeof header);
    if (length > 0)
        buffer_append(buffer, content, length);
}

static void add_variable(struct buffer *buffer, const char *name, const char *value)
{
    unsigned char lengths[2] = {(unsigned char)strlen(name), (unsigned char)strlen(value)};
    buffer_append(buffer, lengths, sizeof lengths);
    buffer_append_text(buffer, name);
    buffer_append_text(buffer, value);
}

/* Sends a request and leaves the answer to be read; `keep` asks to keep the connection. */
static int ask(const char *method, const char *uri, const char *body, bool keep)
{
    struct buffer request = {0}, variables = {0};
    char length[24];
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(connection, (struct sockaddr *)&address, sizeof address), 0);
    add_record(&request, 1, (char[8]){0, 1, keep}, 8);
    add_variable(&variables, "REQUEST_METHOD", method);
    add_variable(&variables, "REQUEST_URI", uri);
    add_variable(&variables, "CONTENT_TYPE", "application/json");
    snprintf(length, sizeof length, "%zu", strlen(body));
    add_variable(&variables, "CONTENT_LENGTH", length);
    add_record(&request, 4, variables.data, variables.length);
    add_record(&request, 4, NULL, 0);
    for (size_t sent = 0; sent < strlen(body); sent += 60000)
        add_record(&request, 5, body + sent, strlen(body) - sent < 60000 ? strlen(body) - sent : 60000);
    add_record(&request, 5, NULL, 0);
    for (size_t sent = 0; sent < request.length;) {
        ssize_t count = send(connection, request.data + sent, request.length - sent, MSG_NOSIGNAL);
        assert_true(count > 0);
        sent += (size_t)count;
    }
    buffer_free(&request);
    buffer_free(&variables);
    return connection;
}

/* Reads the answer up to the connection's end into `out`, without the records' heads. */
static void read_answer(int connection)
{
    struct buffer raw = {0};
    struct pollfd waiting = {.fd = connection, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, PATIENCE_MS), 1);
    read_to_end(connection, &raw);
    buffer_clear(&out);
    for (size_t at = 0; at + 8 <= raw.length;) {
        const unsigned char *header = (const unsigned char *)raw.data + at;
        size_t length = (size_t)header[4] << 8 | header[5];
        if (header[1] == 6)
            buffer_append(&out, header + 8, length);
        at += 8 + length + header[6];
    }
    buffer_append_text(&out, "");
    buffer_free(&raw);
}

static const char *talk(const char *method, const char *uri, const char *body)
{
    read_answer(ask(method, uri, body, false));
    return out.data != NULL ? out.data : "";
}

static void end_by_term(pid_t pid)
{
    kill(pid, SIGTERM);
    assert_int_equal(status_of(pid), 0);
}

static void fastcgi_answers_one_request_after_another(void **state)
{
    char uri[128];
    pid_t submit = start_fastcgi(SUBMIT);
    for (int i = 0; i < 50; i++)
        assert_starts(talk("POST", "/job", "{}"), "Status: 202 ");
    snprintf(uri, sizeof uri, "/job/%s", job_id());
    assert_starts(talk("DELETE", uri, ""), "Status: 200 ");
    end_by_term(submit);
    unlink(address.sun_path);
    pid_t status = start_fastcgi(STATUS);
    assert_starts(talk("GET", uri, ""), "Status: 200 ");
    assert_non_null(strstr(out.data, "CANCELLED"));
    end_by_term(status);
}

static void parallel_posts_share_syncs_and_all_are_answered(void **state)
{
    int connections[60];
    pid_t pid = start_fastcgi(SUBMIT);
    for (size_t i = 0; i < 60; i++)
        connections[i] = ask("POST", "/job", "{}", false);
    for (size_t i = 0; i < 60; i++) {
        read_answer(connections[i]);
        assert_starts(out.data, "Status: 202 ");
    }
    end_by_term(pid);
}

static void refused_body_is_read_away_so_that_the_answer_gets_through(void **state)
{
    pid_t pid = start_fastcgi(SUBMIT);
    size_t length = 3000000;
    char *body = malloc(length + 1);
    memset(body, ' ', length);
    body[length] = '\0';
    assert_starts(talk("POST", "/job", body), "Status: 413 ");
    free(body);
    end_by_term(pid);
}

static void kept_connection_is_closed_all_the_same(void **state)
{
    pid_t pid = start_fastcgi(STATUS);
    for (int i = 0; i < 20; i++) {
        read_answer(ask("GET", "/healthz", "", true));
        assert_starts(out.data, "Status: 200 ");
    }
    end_by_term(pid);
}

static void broken_records_harm_nobody(void **state)
{
    static const char *const garbage[] = {"", "GET / HTTP/1.1\r\n\r\n", "\x01\x01\x00\x01\x00\x08\x00",
                                          "\x02\x09\xff\xff\xff\xff\xff\xff"};
    pid_t pid = start_fastcgi(STATUS);
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(connection, (struct sockaddr *)&address, sizeof address), 0);
        assert_true(send(connection, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL) >= 0);
        close(connection);
        assert_starts(talk("GET", "/healthz", ""), "Status: 200 ");
    }
    end_by_term(pid);
}

static const char *post_one(void)
{
    static char uri[128];
    pid_t submit = start_fastcgi(SUBMIT);
    assert_starts(talk("POST", "/job", "{}"), "Status: 202 ");
    snprintf(uri, sizeof uri, "/job/%s?wait=5", job_id());
    end_by_term(submit);
    unlink(address.sun_path);
    return uri;
}

static void long_polls_leave_room_for_others(void **state)
{
    int polls[40];
    const char *uri = post_one();
    pid_t pid = start_fastcgi(STATUS);
    int64_t begun = clock_monotonic_ms();
    for (size_t i = 0; i < 40; i++)
        polls[i] = ask("GET", uri, "", false);
    assert_starts(talk("GET", "/healthz", ""), "Status: 200 ");
    assert_true(clock_monotonic_ms() - begun < 4000);
    for (size_t i = 0; i < 40; i++) {
        read_answer(polls[i]);
        assert_starts(out.data, "Status: 200 ");
    }
    end_by_term(pid);
}

static void term_answers_those_who_wait_and_ends(void **state)
{
    const char *uri = post_one();
    pid_t pid = start_fastcgi(STATUS);
    assert_starts(talk("GET", "/healthz", ""), "Status: 200 ");
    int64_t begun = clock_monotonic_ms();
    int waiting = ask("GET", uri, "", false);
    struct pollfd answered = {.fd = waiting, .events = POLLIN};
    assert_int_equal(poll(&answered, 1, 300), 0);
    kill(pid, SIGTERM);
    read_answer(waiting);
    assert_starts(out.data, "Status: 200 ");
    assert_int_equal(status_of(pid), 0);
    assert_true(clock_monotonic_ms() - begun < 4000);
}

/* The same program under another name, as an installation lays it there: a new file takes the place of the old one. */
static char *install(const char *program, const char *name, int64_t age_s)
{
    char *made = NULL, *target = NULL;
    char *bytes = malloc(16 << 20);
    int from = open(program, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(from, bytes, 16 << 20);
    close(from);
    assert_true(length > 0 && length < 16 << 20);
    assert_true(asprintf(&made, "%s/%s.new", folder, name) > 0 &&
                asprintf(&target, "%s/%s", folder, name) > 0);
    int to = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_int_equal(write(to, bytes, (size_t)length), length);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = clock_wall_ms() / 1000 - age_s}};
    assert_int_equal(futimens(to, times), 0);
    close(to);
    assert_int_equal(rename(made, target), 0);
    free(bytes);
    free(made);
    return target;
}

static void replaced_program_makes_room_when_it_is_idle(void **state)
{
    int status;
    char *program = install(STATUS, "status", 100);
    pid_t pid = start_fastcgi(program);
    assert_starts(talk("GET", "/healthz", ""), "Status: 200 ");
    free(install(STATUS, "status", 50));
    int64_t deadline = clock_deadline(PATIENCE_MS);
    pid_t ended = 0;
    while (ended == 0 && clock_left(deadline) > 0) {
        clock_sleep_us(20000);
        ended = waitpid(pid, &status, WNOHANG);
    }
    assert_int_equal(ended, pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(program);
}

#define program_test(case) cmocka_unit_test_setup_teardown(case, set_up, tear_down)

TEST_MAIN(program_test(posted_job_is_there_for_the_next_process),
          program_test(chunked_body_without_a_length_is_read_to_its_end),
          program_test(words_of_a_query_choose_neither_option_nor_configuration),
          program_test(script_with_a_shebang_names_its_configuration),
          program_test(wrong_configuration_is_500_for_the_client_and_words_for_the_log),
          program_test(store_that_is_refused_is_503_for_the_client_and_words_for_the_log),
          program_test(large_body_is_413_without_reading_it_all),
          program_test(started_by_hand_it_explains_itself),
          program_test(fastcgi_answers_one_request_after_another),
          program_test(parallel_posts_share_syncs_and_all_are_answered),
          program_test(refused_body_is_read_away_so_that_the_answer_gets_through),
          program_test(kept_connection_is_closed_all_the_same), program_test(broken_records_harm_nobody),
          program_test(long_polls_leave_room_for_others), program_test(term_answers_those_who_wait_and_ends),
          program_test(replaced_program_makes_room_when_it_is_idle))
