/* One case for each hazard of the gate that can be brought about exactly. The random kills: test_gate_kills.c. */
#include "config.h"
#include "injection.h"
#include "store_fixture.h"
#include "test.h"

#include "clock.h"
#include "store_bdb/engine.h"
#include "store_bdb/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 300

/* ---- children ---- */

typedef void child_body(struct fixture *fixture, void *context);

static pid_t start_child(struct fixture *fixture, child_body *body, void *context)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body(fixture, context);
        _exit(0);
    }
    return pid;
}

static int wait_child(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* The child's own handle; the one it was born with is its parent's. */
static struct environment *open_own(struct fixture *fixture)
{
    struct environment *environment;
    struct error error = {.text = ""};
    if (environment_open(&fixture->configuration, STORE_WRITE, &environment, &error) != OK) {
        fprintf(stderr, "child: %s\n", error.text);
        _exit(2);
    }
    return environment;
}

/* Commits record 7/7/1, and dies at the context's step of it. */
static void die_in_commit(struct fixture *fixture, void *context)
{
    struct environment *environment = open_own(fixture);
    struct record first = record_of(7, 7, 0), record = record_of(7, 7, 1);
    if (record_write(environment, &first, NULL) != OK)
        _exit(3);
    injection.die_at = *(int *)context;
    if (record_write(environment, &record, NULL) != OK)
        _exit(4);
}

/* Leaves the gate dirty. */
static void crash_inside(struct fixture *fixture)
{
    int step = 1;
    assert_true(was_killed(wait_child(start_child(fixture, die_in_commit, &step))));
}

static struct gate_page *map_page(struct fixture *fixture)
{
    char path[600];
    snprintf(path, sizeof path, "%s/gate", fixture->data);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    struct gate_page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    assert_true(page != MAP_FAILED);
    close(descriptor);
    return page;
}

static void write_some(struct fixture *fixture, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct record record = record_of(1, 1, i);
        record_must_write(fixture->environment, &record);
    }
}

static void read_some(struct fixture *fixture, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct record record = record_of(1, 1, i);
        record_must_read(fixture->environment, &record);
    }
}

/* As after a reboot: regions are not to be trusted. */
static void reopen_after_reboot(struct fixture *fixture)
{
    static char boot_id[32];
    static unsigned boots;
    fixture_close(fixture);
    snprintf(boot_id, sizeof boot_id, "boot %u", ++boots);
    gate_set_boot_id(boot_id);
    fixture_open(fixture);
}

static void refuses_with(struct fixture *fixture, const char *words)
{
    struct record record = record_of(1, 1, 0);
    struct error error = {.text = ""};
    assert_int_equal(record_read(fixture->environment, &record, &error), UNAVAILABLE);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.text, words);
    assert_int_equal(record_write(fixture->environment, &record, &error), UNAVAILABLE);
}

static int set_up(void **state)
{
    gate_set_patience(GATE_PATIENCE_MS, GATE_DISK_PATIENCE_MS);
    gate_set_boot_id(NULL);
    memset(&injection, 0, sizeof injection);
    return fixture_set_up(state);
}

static int tear_down(void **state)
{
    memset(&injection, 0, sizeof injection);
    return fixture_tear_down(state);
}

/* ---- the cases ---- */

static void hazard_1_killed_at_each_step_of_a_commit(void **state)
{
    struct fixture *fixture = *state;
    int killed = 0;
    write_some(fixture, 20);
    uint64_t generation = fixture_generation(fixture);
    for (int step = 1; step < 20; step++) {
        int status = wait_child(start_child(fixture, die_in_commit, &step));
        struct record record = record_of(2, (unsigned)step, 1);
        record_must_write(fixture->environment, &record);
        read_some(fixture, 20);
        if (!was_killed(status)) {
            assert_int_equal(status, 0);
            break;
        }
        killed++;
    }
    assert_true(killed >= 2); /* the write of the log, and its sync */
    assert_true(fixture_generation(fixture) > generation);
}

static void write_and_pause(struct fixture *fixture, void *context)
{
    struct environment *environment = open_own(fixture);
    struct record record = record_of(3, 3, 3);
    if (record_write(environment, &record, NULL) == OK)
        raise(SIGSTOP);
}

static void hazard_2_killed_outside_costs_no_recovery(void **state)
{
    struct fixture *fixture = *state;
    int status;
    write_some(fixture, 1);
    uint64_t generation = fixture_generation(fixture);
    pid_t pid = start_child(fixture, write_and_pause, NULL);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    kill(pid, SIGKILL);
    wait_child(pid);
    struct record record = record_of(3, 3, 3);
    record_must_read(fixture->environment, &record);
    assert_int_equal(fixture_generation(fixture), generation);
}

static void die_in_recovery(struct fixture *fixture, void *context)
{
    struct environment *environment = open_own(fixture);
    struct record record = record_of(1, 1, 0);
    injection.die_at = *(int *)context;
    if (record_read(environment, &record, NULL) != OK)
        _exit(4);
}

static void hazard_3_recovery_killed_at_each_step_converges(void **state)
{
    struct fixture *fixture = *state;
    int killed = 0;
    write_some(fixture, 50);
    uint64_t generation = fixture_generation(fixture);
    crash_inside(fixture);
    for (int step = 1;; step++, killed++)
        if (!was_killed(wait_child(start_child(fixture, die_in_recovery, &step))))
            break;
    assert_true(killed >= 3);
    read_some(fixture, 50);
    assert_int_equal(fixture_generation(fixture),
                     generation + 1); /* only the one that was not killed counts */
}

static enum outcome stop_oneself(struct transaction *transaction, void *context, struct error *error)
{
    raise(SIGSTOP);
    return OK;
}

static void stop_inside(struct fixture *fixture, void *context)
{
    environment_run(open_own(fixture), stop_oneself, NULL, clock_deadline(5000), NULL, NULL);
}

static void hazard_4_stopped_holder_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    int status;
    gate_set_patience(PATIENCE_MS, PATIENCE_MS);
    write_some(fixture, 3);
    pid_t pid = start_child(fixture, stop_inside, NULL);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    struct record record = record_make(4);
    record_must_write(fixture->environment, &record);
    read_some(fixture, 3);
    assert_true(was_killed(wait_child(pid)));
}

static enum outcome sleep_for_ever(struct transaction *transaction, void *context, struct error *error)
{
    while (pause() != 0)
        ;
    return OK;
}

static void *stay_inside(void *context)
{
    environment_run(context, sleep_for_ever, NULL, clock_deadline(5000), NULL, NULL);
    return NULL;
}

static void wait_behind_own_thread(struct fixture *fixture, void *context)
{
    pthread_t thread;
    struct environment *environment = open_own(fixture);
    struct gate_page *page = map_page(fixture);
    pthread_create(&thread, NULL, stay_inside, environment);
    while (page->holder.pid != getpid())
        clock_sleep_us(1000);
    struct record record = record_of(1, 1, 0);
    record_write(environment, &record, NULL); /* killed in here */
}

static void hazard_4_process_with_a_stuck_thread_ends_itself(void **state)
{
    struct fixture *fixture = *state;
    gate_set_patience(PATIENCE_MS, PATIENCE_MS);
    write_some(fixture, 3);
    assert_true(was_killed(wait_child(start_child(fixture, wait_behind_own_thread, NULL))));
    read_some(fixture, 3);
}

#define SLOW_THREADS     5
#define SLOW_MS          600
#define SLOW_PATIENCE_MS 1000

static enum outcome be_slow(struct transaction *transaction, void *context, struct error *error)
{
    clock_sleep_us(SLOW_MS * 1000);
    return OK;
}

static void *visit_slowly(void *context)
{
    return environment_run(context, be_slow, NULL, clock_deadline(20000), NULL, NULL) == OK ? NULL : context;
}

static void visit_slowly_with_many_threads(struct fixture *fixture, void *context)
{
    struct environment *environment = open_own(fixture);
    pthread_t threads[SLOW_THREADS];
    for (int i = 0; i < SLOW_THREADS; i++)
        pthread_create(&threads[i], NULL, visit_slowly, environment);
    for (int i = 0; i < SLOW_THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        if (failed != NULL)
            _exit(1);
    }
}

static void hazard_4_many_slow_visits_are_not_one_stuck_visit(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    gate_set_patience(SLOW_PATIENCE_MS, SLOW_PATIENCE_MS);
    write_some(fixture, 3);
    pid_t pid = start_child(fixture, visit_slowly_with_many_threads, NULL);
    while (page->holder.pid != pid)
        clock_sleep_us(1000);
    read_some(fixture, 3); /* waits, and watches */
    assert_int_equal(wait_child(pid), 0);
    munmap(page, sizeof *page);
}

static void sleep_long(struct fixture *fixture, void *context)
{
    for (;;)
        pause();
}

static void hazard_5_process_with_a_used_number_is_not_killed(void **state)
{
    struct fixture *fixture = *state;
    char path[600];
    write_some(fixture, 1);
    pid_t innocent = start_child(fixture, sleep_long, NULL);
    snprintf(path, sizeof path, "%s/gate", fixture->data);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(descriptor, LOCK_EX), 0);
    struct gate_page *page = map_page(fixture);
    page->holder.pid = innocent;
    page->holder.thread = innocent;
    page->holder.started = 1;
    gate_set_patience(100, 100);
    struct record record = record_of(1, 1, 0);
    struct error error;
    struct store_ticket ticket;
    assert_int_equal(
        environment_run(fixture->environment, stop_oneself, NULL, clock_deadline(500), &ticket, &error),
        UNAVAILABLE);
    assert_int_equal(kill(innocent, 0), 0);
    assert_int_equal(waitpid(innocent, NULL, WNOHANG), 0);
    close(descriptor);
    record_must_read(fixture->environment, &record);
    kill(innocent, SIGKILL);
    wait_child(innocent);
    munmap(page, sizeof *page);
}

static void write_in_a_pid_space(struct fixture *fixture, void *context)
{
    if (unshare(CLONE_NEWPID) != 0)
        _exit(77);
    pid_t first = fork();
    if (first == 0) {
        struct record record = record_of(5, 5, 5);
        _exit(record_write(open_own(fixture), &record, NULL) == OK ? 0 : 1);
    }
    int status;
    waitpid(first, &status, 0);
    _exit(WEXITSTATUS(status));
}

static void hazard_5_number_1_of_a_container_opens(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 1);
    for (int i = 0; i < 3; i++) {
        int status = wait_child(start_child(fixture, write_in_a_pid_space, NULL));
        if (WEXITSTATUS(status) == 77)
            skip();
        assert_int_equal(status, 0);
    }
    struct record record = record_of(5, 5, 5);
    record_must_read(fixture->environment, &record);
}

static void hazard_6_another_boot_recovers(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 100);
    uint64_t generation = fixture_generation(fixture);
    reopen_after_reboot(fixture);
    read_some(fixture, 100);
    assert_int_equal(fixture_generation(fixture), generation + 1);
}

static void hazard_7_another_patch_of_the_library_recovers(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    write_some(fixture, 10);
    uint64_t generation = fixture_generation(fixture);
    page->library ^= 1;
    read_some(fixture, 10);
    assert_int_equal(fixture_generation(fixture), generation + 1);
    munmap(page, sizeof *page);
}

static void hazard_7_another_version_of_the_library_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    write_some(fixture, 10);
    uint32_t ours = page->library;
    page->library = 18 << 16 | 1 << 8;
    refuses_with(fixture, "written by Berkeley DB 18.1 and this is 5.3");
    page->library = ours;
    read_some(fixture, 10);
    munmap(page, sizeof *page);
}

static void read_and_exit(struct fixture *fixture, void *context)
{
    struct record record = record_of(1, 1, 0);
    _exit(record_read(open_own(fixture), &record, NULL) == OK ? 0 : 1);
}

static void hazard_8_three_thousand_that_never_close(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    uint32_t most = 0;
    write_some(fixture, 1);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(wait_child(start_child(fixture, read_and_exit, NULL)), 0);
        most = page->attaches > most ? page->attaches : most;
    }
    assert_true(most < 1000);
    assert_true(fixture_generation(fixture) > 5);
    read_some(fixture, 1);
    munmap(page, sizeof *page);
}

static void hazard_8_living_processes_are_no_reason_to_recover(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    enum { MANY = 260 };
    pid_t pids[MANY];
    int status;
    write_some(fixture, 1);
    uint64_t generation = fixture_generation(fixture);
    for (int i = 0; i < MANY; i++) {
        pids[i] = start_child(fixture, write_and_pause, NULL);
        assert_int_equal(waitpid(pids[i], &status, WUNTRACED), pids[i]);
        assert_true(WIFSTOPPED(status));
    }
    assert_true(page->attaches > MANY);
    assert_int_equal(fixture_generation(fixture), generation);
    for (int i = 0; i < MANY; i++) {
        kill(pids[i], SIGKILL);
        wait_child(pids[i]);
    }
    munmap(page, sizeof *page);
}

static void open_without_descriptors(struct fixture *fixture, void *context)
{
    struct environment *environment = open_own(fixture);
    struct record record = record_of(1, 1, 0);
    struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
    setrlimit(RLIMIT_NOFILE, &limit);
    _exit(record_read(environment, &record, NULL) == UNAVAILABLE ? 0 : 1);
}

static void hazard_8_process_out_of_descriptors_costs_no_recovery(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 1);
    uint64_t generation = fixture_generation(fixture);
    for (int i = 0; i < 5; i++)
        assert_int_equal(wait_child(start_child(fixture, open_without_descriptors, NULL)), 0);
    read_some(fixture, 1);
    assert_int_equal(fixture_generation(fixture), generation);
}

static void hazard_9_handles_of_an_earlier_generation_are_let_go(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 10);
    for (unsigned i = 0; i < 8; i++) {
        assert_false(environment_wants_restart(fixture->environment));
        crash_inside(fixture);
        assert_int_equal(wait_child(start_child(fixture, read_and_exit, NULL)),
                         0); /* recovers before we come */
        read_some(fixture, 10);
    }
    assert_true(environment_wants_restart(fixture->environment));
    struct record record = record_make(9);
    record_must_write(fixture->environment, &record);
}

static void use_parents_handle(struct fixture *fixture, void *context)
{
    struct record record = record_of(1, 1, 0);
    if (record_write(fixture->environment, &record, NULL) != UNAVAILABLE)
        _exit(1);
    environment_close(fixture->environment);
    exit(0);
}

static void hazard_10_children_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 10);
    uint64_t generation = fixture_generation(fixture);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(wait_child(start_child(fixture, use_parents_handle, NULL)), 0);
        struct record record = record_make(1);
        record_must_write(fixture->environment, &record);
    }
    read_some(fixture, 10);
    assert_int_equal(fixture_generation(fixture), generation);
}

static void leave_a_child_and_die_inside(struct fixture *fixture, void *context)
{
    pid_t *orphan = context;
    struct environment *environment = open_own(fixture);
    struct record record = record_of(7, 7, 1);
    record_write(environment, &record, NULL);
    pid_t pid = fork();
    if (pid == 0)
        sleep_long(fixture, NULL);
    *orphan = pid;
    injection.die_at = 1;
    record_write(environment, &record, NULL);
}

static void hazard_10_child_does_not_keep_the_lock_of_a_dead_parent(void **state)
{
    struct fixture *fixture = *state;
    pid_t *orphan = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    write_some(fixture, 1);
    assert_true(was_killed(wait_child(start_child(fixture, leave_a_child_and_die_inside, orphan))));
    read_some(fixture, 1);
    kill(*orphan, SIGKILL);
    munmap(orphan, 4096);
}

static void hazard_13_folder_is_synced_when_a_log_file_is_new(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    struct record record = record_of(1, 1, 0);
    record.fill = RECORD_FILL_MAX;
    record_must_write(fixture->environment, &record);
    for (uint32_t i = 1; page->written >> 32 < 3; i++) {
        uint64_t file = page->written >> 32;
        int syncs = injection.folder_syncs;
        memcpy(record.id.bytes, &i, sizeof i);
        record_must_write(fixture->environment, &record);
        if (page->written >> 32 != file) {
            assert_true(injection.folder_syncs > syncs);
            assert_int_equal(page->folder_synced, page->folder_changes);
        }
    }
    munmap(page, sizeof *page);
}

static char first_synced[700];

static void note_first_sync(int descriptor)
{
    char link[64];
    if (first_synced[0] != '\0')
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, first_synced, sizeof first_synced - 1);
    first_synced[length > 0 ? length : 0] = '\0';
}

/* What a killed process has written may be in memory only; pages and log files that rest upon it must not be on disk before. */
static void hazard_12_recovery_syncs_the_log_before_it_writes(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 5);
    crash_inside(fixture);
    first_synced[0] = '\0';
    injection.after_sync = note_first_sync;
    read_some(fixture, 5);
    injection.after_sync = NULL;
    assert_non_null(strstr(first_synced, "/log.0000000001"));
}

static void hazard_14_failed_sync_puts_the_store_out_of_service(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.text = ""};
    write_some(fixture, 10);
    injection.sync_errno = EIO;
    injection.sync_failures = 1;
    struct record record = record_make(1), next = record_make(2);
    assert_int_equal(record_write(fixture->environment, &record, &error), UNAVAILABLE);
    assert_non_null(strstr(error.text, "jobgatectl recover"));
    assert_int_equal(record_write(fixture->environment, &next, &error),
                     UNAVAILABLE); /* the disk is well again */
    assert_int_equal(record_read(fixture->environment, &record, &error), UNAVAILABLE);
    read_some(fixture, 10); /* what was on disk before is served */
    assert_int_equal(environment_clear_fault(fixture->data, false, &error), OK);
    record_must_write(fixture->environment, &next);
    read_some(fixture, 10);
}

/* Whatever the reason: nothing was handed to the disk that it could have dropped. */
static void hazard_14_sync_that_could_not_be_begun_is_begun_again(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(1);
    struct error error = {.text = ""};
    injection.open_errno = ENOSPC;
    injection.open_failures = 5;
    record_must_write(fixture->environment, &record);
    assert_int_equal(injection.open_failures, 0);
    assert_int_equal(record_read(fixture->environment, &record, &error), OK);
}

static void hazard_14_fault_stays_while_the_disk_fails(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(1);
    write_some(fixture, 1);
    injection.sync_errno = EIO;
    injection.sync_failures = 1;
    assert_int_equal(record_write(fixture->environment, &record, NULL), UNAVAILABLE);
    injection.sync_failures = 1;
    assert_int_equal(environment_clear_fault(fixture->data, false, NULL), IO);
    assert_int_equal(record_write(fixture->environment, &record, NULL), UNAVAILABLE);
}

/* Also between the pages and the log's removal: a page that the disk did not take is still to be had from the log. */
static void hazard_14_failed_sync_of_a_checkpoint_puts_it_out_of_service(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    int failed = 0;
    injection.sync_errno = EIO;
    for (;; failed++) {
        struct environment_hold hold;
        write_some(fixture, 20);
        uint64_t checkpoint = page->checkpoint;
        injection.sync_delay = failed;
        injection.sync_failures = 1;
        enum outcome outcome = environment_hold(fixture->environment, clock_deadline(5000), &hold, NULL);
        if (injection.sync_failures > 0)
            break;
        struct record record = record_make(1);
        assert_int_not_equal(outcome, OK);
        assert_int_equal(record_write(fixture->environment, &record, NULL), UNAVAILABLE);
        assert_int_equal(page->checkpoint, checkpoint);
        assert_int_equal(environment_clear_fault(fixture->data, false, NULL), OK);
        read_some(fixture, 20);
    }
    injection.sync_failures = 0;
    assert_true(failed >= 5); /* tables twice before it, tables and log in it, the folder */
    munmap(page, sizeof *page);
}

static void overwrite(struct fixture *fixture, const char *name, off_t offset, const char *bytes,
                      size_t length)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", fixture->data, name);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pwrite(descriptor, bytes, length, offset), length);
    close(descriptor);
}

static void hazard_15_zeroes_in_the_log_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char zeroes[64];
    write_some(fixture, 300);
    struct gate_page *page = map_page(fixture);
    off_t middle = (off_t)((uint32_t)page->written / 2);
    munmap(page, sizeof *page);
    overwrite(fixture, "log.0000000001", middle, zeroes, sizeof zeroes);
    reopen_after_reboot(fixture);
    refuses_with(fixture, "acknowledged jobs are missing");
    fixture_close(fixture);
    fixture_open(fixture);
    refuses_with(fixture, "acknowledged jobs are missing");
}

static void hazard_15_missing_log_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[600];
    write_some(fixture, 10);
    snprintf(path, sizeof path, "%s/log.0000000001", fixture->data);
    assert_int_equal(unlink(path), 0);
    reopen_after_reboot(fixture);
    refuses_with(fixture, "acknowledged jobs are missing");
}

static void hazard_16_flipped_bytes_in_a_table_are_refused(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 500);
    reopen_after_reboot(fixture); /* recovery writes all pages */
    read_some(fixture, 500);
    fixture_close(fixture);
    for (off_t page = 1; page < 16; page++)
        overwrite(fixture, "jobs.db", page * 2048 + 1000, "flip", 4);
    reopen_after_reboot(fixture);
    refuses_with(fixture, "checksum");
    refuses_with(fixture, "damaged");
}

/* ---- a sync of another process counts ---- */

static _Atomic int syncs;

static void count_sync(int descriptor)
{
    syncs++;
}

struct follower {
    struct environment *environment;
    struct store_ticket ticket;
    enum outcome outcome;
};

static void *follow(void *context)
{
    struct follower *follower = context;
    follower->outcome = environment_sync_with_others(follower->environment, follower->ticket,
                                                     clock_deadline(FIXTURE_DEADLINE_MS), NULL);
    return NULL;
}

/* True when it went on at once by the other's sync, and made none of its own. */
static bool follows(struct fixture *fixture, struct follower *follower, const struct gate_page *page)
{
    struct record record = record_make(1);
    pthread_t thread;
    assert_int_equal(record_commit(fixture->environment, &record, &follower->ticket, NULL), OK);
    assert_int_equal(pthread_create(&thread, NULL, follow, follower), 0);
    int64_t since = clock_monotonic_ms();
    while (page->sync_waiters == 0 && clock_monotonic_ms() - since < PATIENCE_MS)
        sched_yield();
    syncs = 0;
    int64_t before = clock_monotonic_ms();
    assert_int_equal(
        environment_sync(fixture->environment, follower->ticket, clock_deadline(FIXTURE_DEADLINE_MS), NULL),
        OK);
    int64_t synced = clock_monotonic_ms();
    pthread_join(thread, NULL);
    assert_int_equal(follower->outcome, OK);
    assert_true(page->sync_waiters == 0);
    return syncs == 1 && synced - before < 10 && clock_monotonic_ms() - synced < 10;
}

/* On a busy machine the other may come too late a few times: then one syncs oneself. */
static void sync_of_another_process_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct gate_page *page = map_page(fixture);
    struct follower follower = {.environment = open_own(fixture)};
    int followed = 0;
    write_some(fixture, 1);
    injection.after_sync = count_sync;
    for (int i = 0; i < 200 && followed < 3; i++)
        followed += follows(fixture, &follower, page);
    assert_int_equal(followed, 3);
    syncs = 0;
    struct record record = record_make(1);
    assert_int_equal(record_commit(fixture->environment, &record, &follower.ticket, NULL), OK);
    follow(&follower); /* nobody else syncs */
    assert_int_equal(follower.outcome, OK);
    assert_int_equal(syncs, 1);
    injection.after_sync = NULL;
    environment_close(follower.environment);
    munmap(page, sizeof *page);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(hazard_1_killed_at_each_step_of_a_commit), CASE(hazard_2_killed_outside_costs_no_recovery),
          CASE(hazard_3_recovery_killed_at_each_step_converges), CASE(hazard_4_stopped_holder_is_taken_over),
          CASE(hazard_4_process_with_a_stuck_thread_ends_itself),
          CASE(hazard_4_many_slow_visits_are_not_one_stuck_visit),
          CASE(hazard_5_process_with_a_used_number_is_not_killed),
          CASE(hazard_5_number_1_of_a_container_opens), CASE(hazard_6_another_boot_recovers),
          CASE(hazard_7_another_patch_of_the_library_recovers),
          CASE(hazard_7_another_version_of_the_library_is_refused),
          CASE(hazard_8_three_thousand_that_never_close),
          CASE(hazard_8_living_processes_are_no_reason_to_recover),
          CASE(hazard_8_process_out_of_descriptors_costs_no_recovery),
          CASE(hazard_9_handles_of_an_earlier_generation_are_let_go), CASE(hazard_10_children_do_no_harm),
          CASE(hazard_10_child_does_not_keep_the_lock_of_a_dead_parent),
          CASE(hazard_12_recovery_syncs_the_log_before_it_writes),
          CASE(hazard_13_folder_is_synced_when_a_log_file_is_new),
          CASE(hazard_14_failed_sync_puts_the_store_out_of_service),
          CASE(hazard_14_failed_sync_of_a_checkpoint_puts_it_out_of_service),
          CASE(hazard_14_sync_that_could_not_be_begun_is_begun_again),
          CASE(hazard_14_fault_stays_while_the_disk_fails), CASE(hazard_15_zeroes_in_the_log_are_refused),
          CASE(sync_of_another_process_is_waited_for), CASE(hazard_15_missing_log_file_is_refused),
          CASE(hazard_16_flipped_bytes_in_a_table_are_refused))
