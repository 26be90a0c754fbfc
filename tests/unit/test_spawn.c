#include "config.h"
#include "test.h"

#include "launch.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `sh -c script` with its output in *text (to be freed); returns waitpid's status. */
static int run_shell(const char *script, struct spawn_plan *plan, char **text)
{
    char *arguments[] = {"sh", "-c", (char *)script, NULL}, *environment[] = {NULL};
    int ends[2], errno_value;
    pid_t child;
    struct error error;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    plan->program = "/bin/sh";
    plan->arguments = arguments;
    plan->environment = environment;
    plan->descriptors[0] = -1;
    plan->descriptors[1] = ends[1];
    plan->descriptors[2] = ends[1];
    plan->descriptor_count = 3;
    assert_int_equal(spawn_start(plan, &child, &errno_value, &error), OK);
    close(ends[1]);
    *text = calloc(1, 65536);
    size_t used = 0;
    ssize_t length;
    while ((length = read(ends[0], *text + used, 65535 - used)) > 0)
        used += (size_t)length;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Hazard 11. */
static void program_sees_only_its_descriptors(void **state)
{
    struct spawn_plan plan = {0};
    char *text;
    int leaked = open("/dev/null", O_RDONLY); /* not even CLOEXEC */
    assert_int_equal(
        run_shell("n=0; while [ $n -lt 64 ]; do [ -e /proc/$$/fd/$n ] && printf $n; n=$((n + 1)); done",
                  &plan, &text),
        0);
    close(leaked);
    assert_string_equal(text, "012");
    free(text);
}

static void session_folder_mask_and_limits_are_as_planned(void **state)
{
    struct spawn_plan plan = {.folder = "/usr", .new_session = true, .limit_count = 1};
    char *text;
    plan.limits[0] = (struct spawn_limit){RLIMIT_FSIZE, {1024 * 512, 1024 * 512}};
    assert_int_equal(run_shell("read pid comm state parent group session rest < /proc/$$/stat; pwd; umask; "
                               "ulimit -f; [ $session = $$ ] && echo leads",
                               &plan, &text),
                     0);
    assert_string_equal(text, "/usr\n0077\n1024\nleads\n");
    free(text);
}

static void signals_are_at_their_defaults(void **state)
{
    char *text;
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGRTMAX, SIG_IGN);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    uint64_t at_default = spawn_default_signals();
    assert_false(at_default >> (SIGPIPE - 1) & 1);
    assert_true(at_default >> (SIGTERM - 1) & 1);
    for (int known = 0; known <= 1; known++) {
        struct spawn_plan plan = {.default_signals = known ? at_default : 0};
        assert_int_equal(run_shell("grep -E 'Sig(Blk|Ign)' /proc/$$/status | tr -d '\\t\\n'", &plan, &text),
                         0);
        assert_string_equal(text, "SigBlk:0000000000000000SigIgn:0000000000000000");
        free(text);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGRTMAX, SIG_DFL);
}

static void failed_exec_is_told_and_leaves_no_child(void **state)
{
    char *folder = test_folder(), *file = test_file(folder, "text", "no program"), *none[] = {NULL};
    struct error error;
    struct spawn_plan plan = {.program = "/nowhere/at/all", .arguments = none, .environment = none};
    int errno_value;
    pid_t child;
    assert_int_equal(spawn_start(&plan, &child, &errno_value, &error), IO);
    assert_int_equal(errno_value, ENOENT);
    assert_non_null(strstr(error.text, "/nowhere/at/all: exec: "));
    plan.program = file;
    assert_int_equal(spawn_start(&plan, &child, &errno_value, &error), IO);
    assert_int_equal(errno_value, EACCES);
    chmod(file, 0700);
    assert_int_equal(spawn_start(&plan, &child, &errno_value, &error), IO);
    assert_int_equal(errno_value, ENOEXEC);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    free(file);
    test_folder_remove(folder);
}

static void program_that_is_being_written_may_come_back(void **state)
{
    char *folder = test_folder(), *file = test_file(folder, "program", "#!/bin/sh\n"), *none[] = {NULL};
    struct error error;
    struct spawn_plan plan = {.program = file, .arguments = none, .environment = none};
    int errno_value;
    pid_t child;
    chmod(file, 0700);
    int writer = open(file, O_WRONLY);
    assert_int_equal(spawn_start(&plan, &child, &errno_value, &error), UNAVAILABLE);
    assert_int_equal(errno_value, ETXTBSY);
    close(writer);
    free(file);
    test_folder_remove(folder);
}

/* A FIFO's end of file says that the detached program has got through, without waiting for a time. */
static void detached_program_is_nobodys_child_and_holds_nothing(void **state)
{
    char *folder = test_folder(), path[4096], script[4300];
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    snprintf(script, sizeof script,
             "exec 9>%s; read pid comm state parent group session rest < /proc/$$/stat; "
             "{ ls -l /proc/$$/fd/ | grep -c null; [ $session = $$ ] || echo no leader; pwd; echo "
             "$PWD$parent; } >&9",
             path);
    char *arguments[] = {"/bin/sh", "-c", script, NULL}, *environment[] = {"X=1", NULL};
    struct error error;
    assert_int_equal(launch_detached(arguments, environment, &error), OK);
    char text[1024] = "";
    size_t used = 0;
    struct pollfd waiting = {.fd = reader, .events = POLLIN};
    while (poll(&waiting, 1, 10000) == 1) {
        ssize_t length = read(reader, text + used, sizeof text - 1 - used);
        if (length <= 0)
            break;
        used += (size_t)length;
    }
    assert_true(strncmp(text, "3\nno leader\n/\n/", 15) == 0);
    assert_int_not_equal(atoi(text + 15), getpid());
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    char *missing[] = {"/nowhere/at/all", NULL};
    assert_int_equal(launch_detached(missing, environment, &error), IO);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    close(reader);
    test_folder_remove(folder);
}

TEST_MAIN(cmocka_unit_test(program_sees_only_its_descriptors),
          cmocka_unit_test(session_folder_mask_and_limits_are_as_planned),
          cmocka_unit_test(signals_are_at_their_defaults),
          cmocka_unit_test(failed_exec_is_told_and_leaves_no_child),
          cmocka_unit_test(program_that_is_being_written_may_come_back),
          cmocka_unit_test(detached_program_is_nobodys_child_and_holds_nothing))
