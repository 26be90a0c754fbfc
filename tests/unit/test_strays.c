#include "config.h"
#include "test.h"

#include "../../worker/limits.h"
#include "../../worker/scratch.h"
#include "../../worker/strays.h"
#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs the double_fork function with this marker in its environment; returns the daemon's pid, read from its
 * output. */
static pid_t leave_daemon(const char *marker)
{
    int ends[2];
    char text[32] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"double_fork", NULL}, *environment[] = {(char *)marker, NULL};
        dup2(ends[1], 1);
        setsid();
        execve(FUNCTIONS_BUILT "/double_fork", arguments, environment);
        _exit(1);
    }
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    close(ends[1]);
    return (pid_t)atoi(text);
}

static void every_descendant_is_ended(void **state)
{
    pid_t daemon = leave_daemon("X=1");
    struct reaped reaped = {0};
    assert_int_equal(kill(daemon, 0), 0);
    assert_true(strays_end(&reaped, clock_deadline(10000)));
    assert_int_equal(kill(daemon, 0), -1);
    assert_false(strays_reap(&reaped));
}

static void ignored_signal_is_counted_but_ends_nothing(void **state)
{
    pid_t daemon = leave_daemon("X=1");
    struct reaped reaped = {0};
    while (waitpid(-1, NULL, WNOHANG) == 0) /* the first process ends by itself */
        clock_sleep_us(1000);
    assert_int_equal(strays_signal(SIGTERM), 1);
    assert_int_equal(kill(daemon, 0), 0);
    assert_true(strays_end(&reaped, clock_deadline(10000)));
}

/* A shell with the marker, a child without it in the same session, and one in a session of its own. */
static void marked_processes_are_ended_with_session_and_descendants(void **state)
{
    static const char marker[] = "JOBGATE_JOB_ID=0199aaaa-0000-7000-8000-000000000001";
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"sh", "-c",
                             "env -i sleep 600 & env -i setsid sleep 601 & echo up; exec sleep 602", NULL};
        char *environment[] = {(char *)marker, "PATH=/usr/bin:/bin", NULL};
        dup2(ready[1], 1);
        setsid();
        execve("/bin/sh", arguments, environment);
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    bool left = true;
    struct stray_mark mark = {.entry = "JOBGATE_JOB_ID=0199aaaa-0000-7000-8000-00000000000"};
    unsigned ended = strays_end_marked(&mark, 0, &left);
    assert_int_equal(ended, 0); /* a part of the marker is not the marker */
    mark.entry = marker;
    ended = strays_end_marked(&mark, clock_deadline(10000), &left);
    assert_true(ended >= 1);
    assert_false(left);
    struct reaped reaped = {.main = child};
    int64_t deadline_ms = clock_deadline(10000);
    while (strays_reap(&reaped) && clock_left(deadline_ms) > 0)
        clock_sleep_us(1000);
    assert_true(reaped.main_ended);
    assert_int_equal(WTERMSIG(reaped.status), SIGKILL);
}

/* The daemon of double_fork has cleared its environment and leads its own session. */
static void limit_tells_a_daemon_without_environment(void **state)
{
    struct job_id id;
    assert_int_equal(job_id_make(&id, NULL), OK);
    struct stray_mark mark = {
        .entry = "NEVER=1", .resource = LIMITS_MARK_RESOURCE, .limit = limits_mark(&id)};
    struct rlimit before, marked = {limits_mark(&id), limits_mark(&id)};
    assert_int_equal(getrlimit(LIMITS_MARK_RESOURCE, &before), 0);
    struct rlimit soft = {marked.rlim_cur, before.rlim_max};
    assert_int_equal(setrlimit(LIMITS_MARK_RESOURCE, &soft), 0);
    pid_t daemon = leave_daemon("X=1");
    setrlimit(LIMITS_MARK_RESOURCE, &before);
    bool left;
    assert_int_equal(strays_end_marked(&mark, clock_deadline(1000), &left), 0); /* a soft limit is no mark */
    assert_int_equal(prlimit(daemon, LIMITS_MARK_RESOURCE, &marked, NULL), 0);
    assert_int_equal(strays_end_marked(&mark, clock_deadline(10000), &left), 1);
    assert_false(left);
    struct reaped reaped = {0};
    assert_true(strays_end(&reaped, clock_deadline(10000)));
}

static void marker_of_this_process_spares_it(void **state)
{
    /* The kernel shows the environment a process was started with: start this test once more with the marker.
     */
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"test_strays", "marked", NULL}, *environment[] = {"MARK=1", NULL};
        execve("/proc/self/exe", arguments, environment);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int marked_main(void)
{
    bool left;
    struct stray_mark mark = {.entry = "MARK=1"};
    return strays_end_marked(&mark, clock_deadline(1000), &left) == 0 && !left ? 0 : 1;
}

static void run_messy(const char *folder)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("TMPDIR", folder, 1);
        if (chdir(folder) == 0)
            execl(FUNCTIONS_SOURCE "/messy_folder", "messy_folder", (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void folder_is_empty_again_whatever_was_left_in_it(void **state)
{
    char *data = test_folder(), outside[4096];
    struct slot_identity identity = {.slot = 3, .life = 0x0123456789abcdefULL};
    struct scratch *scratch;
    struct stat status;
    assert_int_equal(scratch_open(data, identity, &scratch, NULL), OK);
    for (int round = 0; round < 2; round++) {
        run_messy(scratch_path(scratch));
        snprintf(outside, sizeof outside, "%s/d", scratch_path(scratch));
        assert_int_equal(stat(outside, &status), getuid() == 0 ? 0 : -1);
        assert_int_equal(scratch_clean(scratch, NULL), OK);
        assert_int_equal(stat(scratch_path(scratch), &status), 0);
        assert_int_equal(status.st_mode & 07777, 0700);
        assert_int_equal(status.st_nlink, 2);
        assert_int_equal(rmdir(scratch_path(scratch)),
                         0); /* nothing in it; and one that is gone is made again */
        assert_int_equal(scratch_clean(scratch, NULL), OK);
    }
    char *path = strdup(scratch_path(scratch));
    scratch_close(scratch);
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    test_folder_remove(data);
}

static void link_in_its_place_is_removed_and_not_followed(void **state)
{
    char *data = test_folder(), *precious = test_file(data, "precious", "x");
    struct slot_identity identity = {.slot = 0, .life = 1};
    struct scratch *scratch;
    assert_int_equal(scratch_open(data, identity, &scratch, NULL), OK);
    assert_int_equal(rmdir(scratch_path(scratch)), 0);
    assert_int_equal(symlink(data, scratch_path(scratch)), 0);
    assert_int_equal(scratch_clean(scratch, NULL), OK);
    assert_int_equal(access(precious, F_OK), 0);
    scratch_close(scratch);
    free(precious);
    test_folder_remove(data);
}

static void folders_of_dead_workers_are_removed(void **state)
{
    char *data = test_folder(), other[4096];
    struct slots *slots, *own;
    struct slot_identity alive, dead;
    struct scratch *living, *left;
    assert_int_equal(slots_open(data, 2, &slots, NULL), OK);
    assert_int_equal(slots_open(data, 2, &own, NULL), OK);
    assert_int_equal(slots_take(own, 0, &dead, NULL), OK);
    assert_int_equal(slots_take(own, 0, &alive, NULL), OK);
    assert_int_equal(scratch_open(data, dead, &left, NULL), OK);
    const char *gone = scratch_path(left);
    assert_int_equal(scratch_open(data, alive, &living, NULL), OK);
    snprintf(other, sizeof other, "%s/tmp/not ours", data);
    assert_int_equal(mkdir(other, 0700), 0);
    scratch_remove_dead(data, slots);
    assert_int_equal(access(gone, F_OK), -1);
    assert_int_equal(access(scratch_path(living), F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(scratch_remove(data, alive, NULL), OK);
    assert_int_equal(scratch_remove(data, alive, NULL), OK);
    assert_int_equal(access(scratch_path(living), F_OK), -1);
    scratch_close(left);
    scratch_close(living);
    slots_close(own);
    slots_close(slots);
    test_folder_remove(data);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_descendant_is_ended),
        cmocka_unit_test(ignored_signal_is_counted_but_ends_nothing),
        cmocka_unit_test(marked_processes_are_ended_with_session_and_descendants),
        cmocka_unit_test(limit_tells_a_daemon_without_environment),
        cmocka_unit_test(marker_of_this_process_spares_it),
        cmocka_unit_test(folder_is_empty_again_whatever_was_left_in_it),
        cmocka_unit_test(link_in_its_place_is_removed_and_not_followed),
        cmocka_unit_test(folders_of_dead_workers_are_removed),
    };
    if (count > 1 && strcmp(arguments[1], "marked") == 0)
        return marked_main();
    test_begin();
    if (!strays_adopt(true))
        return 99;
    return cmocka_run_group_tests(cases, NULL, NULL) == 0 ? 0 : 1;
}
