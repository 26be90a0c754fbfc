#include "config.h"
#include "gate.h"

#include "../clock.h"
#include "../futex.h"
#include "../log.h"
#include "../folder.h"
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* GCC 12's thread sanitizer does not see pthread_mutex_clocklock. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define TELL_SANITIZER_LOCKED(mutex)                                                                         \
    (__tsan_mutex_pre_lock((mutex), 0), __tsan_mutex_post_lock((mutex), 0, 0))
#else
#define TELL_SANITIZER_LOCKED(mutex) ((void)(mutex))
#endif

#define FILE_NAME "gate"
#define MAGIC     UINT64_C(0x657461672d626f6a) /* "job-gate" */
#define LAYOUT    3

#define OPEN_MS        10000 /* how long making the page may wait for others who do the same */
#define SPIN_US        40    /* longer than an ordinary stay: sleeping and being woken costs as much */
#define SLEEP_FIRST_US 200
#define SLEEP_MOST_US  5000
#define HUNGRY_US      500  /* after that others are asked to give way … */
#define GIVE_WAY_US    1000 /* … which they do no longer than this: the hungry one may be dead */
#define THREAD_WAIT_MS 500  /* how often a waiting thread looks after the holder */
#define WATCHED_MS     1000 /* a waiter kills only what it has itself seen without a sign of life this long */
#define LOOK_MS        1000 /* how often the file is looked for */
#define ALIVE_LOOK     50   /* attaches between two looks at who of them is alive */
#define ATTACHES_LIMIT 1000 /* of living and dead together */

struct gate {
    struct gate_page *page;
    int descriptor;
    uint32_t library;
    char boot_id[PROCESS_BOOT_ID_SIZE];
    int32_t pid;
    uint64_t started;
    uint64_t pid_space;
    pthread_mutex_t threads; /* in front of the kernel's lock, which is one per descriptor */
    /* inside only */
    const char *recovery_due;
    unsigned attaches; /* of this process in that generation */
    uint64_t attached_in;
    int64_t looked_ms;
    _Atomic bool removed;
};

static _Atomic int64_t patience_ms = GATE_PATIENCE_MS;
static _Atomic int64_t disk_patience_ms = GATE_DISK_PATIENCE_MS;
static const char *replaced_boot_id;

void gate_set_patience(int64_t patience, int64_t disk_patience)
{
    patience_ms = patience;
    disk_patience_ms = disk_patience;
}

void gate_set_boot_id(const char *boot_id)
{
    replaced_boot_id = boot_id;
}

/* ---- fork: the child shares the descriptor, and with it the lock ---- */

#define GATES_MAX 64
static _Thread_local int32_t thread_id;
static _Atomic(struct gate *) gates[GATES_MAX];
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* A child that lived on with the descriptor would keep the lock of a parent that died in the gate. */
static void forget_gates(void)
{
    thread_id = 0;
    for (size_t i = 0; i < GATES_MAX; i++) {
        struct gate *gate = gates[i];
        if (gate == NULL)
            continue;
        close(gate->descriptor);
        gate->descriptor = -1;
    }
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_gates);
}

static enum outcome remember_gate(struct gate *gate, struct error *error)
{
    pthread_once(&fork_once, watch_forks);
    for (size_t i = 0; i < GATES_MAX; i++) {
        struct gate *none = NULL;
        if (atomic_compare_exchange_strong(&gates[i], &none, gate))
            return OK;
    }
    return error_set(error, IO, "more than %d stores are open in this process", GATES_MAX);
}

static void unremember_gate(struct gate *gate)
{
    for (size_t i = 0; i < GATES_MAX; i++) {
        struct gate *mine = gate;
        atomic_compare_exchange_strong(&gates[i], &mine, NULL);
    }
}

/* ---- opening ---- */

/* The mapping has an open file of its own: it keeps that open, also in a child that lives on after a fork, and with it
 * the lock if it were the same. */
static enum outcome map_page(int folder, struct gate *gate, struct error *error)
{
    int descriptor;
    struct stat mapped, locked;
    enum outcome outcome = folder_file(folder, FILE_NAME, sizeof(struct gate_page), &descriptor, error);
    if (outcome != OK)
        return outcome;
    void *page = mmap(NULL, sizeof(struct gate_page), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (page != MAP_FAILED)
        gate->page = page;
    else
        outcome = error_set_errno(error, NOMEM, errno, "mapping the store's gate");
    if (outcome == OK)
        outcome = folder_file(folder, FILE_NAME, 0, &gate->descriptor, error);
    if (outcome == OK && (fstat(descriptor, &mapped) != 0 || fstat(gate->descriptor, &locked) != 0 ||
                          mapped.st_ino != locked.st_ino))
        outcome = error_set(error, UNAVAILABLE, "the file \"gate\" of the data folder was replaced");
    close(descriptor);
    return outcome;
}

static enum outcome know_oneself(struct gate *gate, struct error *error)
{
    gate->pid = (int32_t)getpid();
    gate->started = process_started(gate->pid);
    gate->pid_space = process_pid_space();
    if (replaced_boot_id == NULL)
        return process_boot_id(gate->boot_id, error);
    snprintf(gate->boot_id, sizeof gate->boot_id, "%s", replaced_boot_id);
    return OK;
}

static enum outcome lock_for_making(struct gate *gate, struct error *error)
{
    int64_t deadline = clock_deadline(OPEN_MS);
    while (flock(gate->descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set_errno(error, IO, errno, "locking the store's gate");
        if (clock_left(deadline) == 0)
            return error_set(error, UNAVAILABLE, "the store's gate is held by process %d",
                             (int)gate->page->holder.pid);
        clock_sleep_us(SLEEP_FIRST_US);
    }
    return OK;
}

/* A new file, an older layout, or bytes that make no sense: nothing in it can be relied upon, so recovery is
 * due. */
static enum outcome make_page(struct gate *gate, struct error *error)
{
    enum outcome outcome = lock_for_making(gate, error);
    if (outcome != OK)
        return outcome;
    struct gate_page *page = gate->page;
    if (page->magic != MAGIC || page->layout < LAYOUT) {
        page->magic = 0;
        memset(page, 0, sizeof *page);
        page->dirty = 1;
        page->layout = LAYOUT;
        page->magic = MAGIC;
    }
    flock(gate->descriptor, LOCK_UN);
    return OK;
}

static enum outcome open_gate(int folder, struct gate *gate, struct error *error)
{
    enum outcome outcome = map_page(folder, gate, error);
    if (outcome == OK)
        outcome = know_oneself(gate, error);
    if (outcome == OK && (gate->page->magic != MAGIC || gate->page->layout < LAYOUT))
        outcome = make_page(gate, error);
    if (outcome == OK && gate->page->layout > LAYOUT)
        outcome =
            error_set(error, INVALID, "the store is in use by a newer version of Jobgate (gate layout %u)",
                      (unsigned)gate->page->layout);
    if (outcome == OK)
        outcome = remember_gate(gate, error);
    return outcome;
}

enum outcome gate_open(int folder, uint32_t library, struct gate **gate, struct error *error)
{
    struct gate *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(error, NOMEM, "no memory for the store's gate");
    made->descriptor = -1;
    made->library = library;
    pthread_mutex_init(&made->threads, NULL);
    enum outcome outcome = open_gate(folder, made, error);
    if (outcome != OK) {
        gate_close(made);
        return outcome;
    }
    *gate = made;
    return OK;
}

void gate_close(struct gate *gate)
{
    if (gate == NULL)
        return;
    unremember_gate(gate);
    if (gate->page != NULL)
        munmap(gate->page, sizeof *gate->page);
    if (gate->descriptor >= 0)
        close(gate->descriptor);
    pthread_mutex_destroy(&gate->threads);
    free(gate);
}

struct gate_page *gate_page(struct gate *gate)
{
    return gate->page;
}

/* ---- watching the holder ---- */

static void report_holder(const char *event, int32_t pid, int64_t silent_ms)
{
    char number[16], time[24];
    snprintf(number, sizeof number, "%d", (int)pid);
    snprintf(time, sizeof time, "%lld", (long long)silent_ms);
    log_event(LOG_LEVEL_ERROR, event, "holder", number, "silent_ms", time, NULL);
}

static void end_holder(struct gate *gate, int32_t pid, uint64_t started, int64_t silent_ms)
{
    bool own = pid == gate->pid && started == gate->started;
    if (own) {
        /* A thread of ours is stuck inside: nothing else frees the others, and everybody behind them. */
        report_holder("gate_holder_killed", pid, silent_ms);
        kill(getpid(), SIGKILL);
    }
    bool killed = process_kill(pid, started);
    report_holder(killed ? "gate_holder_killed" : "gate_holder_unknown", pid, silent_ms);
}

void gate_watch(struct gate *gate, struct gate_watch *watch)
{
    const struct gate_page *page = gate->page;
    uint64_t entry = page->entries;
    int64_t pulse = page->pulse_ms;
    int32_t pid = page->holder.pid;
    int32_t thread = page->holder.thread;
    uint64_t started = page->holder.started;
    int64_t now = clock_monotonic_ms();
    if (watch->since_ms == 0 || watch->entry != entry || watch->pulse_ms != pulse) {
        *watch = (struct gate_watch){.entry = entry, .pulse_ms = pulse, .since_ms = now};
        return;
    }
    int64_t silent = now - pulse;
    int64_t patience = patience_ms;
    if (pid == 0 || silent < patience ||
        now - watch->since_ms < (patience < WATCHED_MS ? patience : WATCHED_MS))
        return;
    if (page->holder.pid_space != gate->pid_space)
        return; /* of another container: nothing here can be proved */
    if (process_thread_state(pid, thread) == 'D' && silent < disk_patience_ms)
        return; /* a slow disk, not a fault */
    if (page->entries == entry)
        end_holder(gate, pid, started, silent);
    watch->since_ms = now;
}

/* ---- entering ---- */

enum outcome gate_busy(const struct gate *gate, struct error *error)
{
    return error_set(error, UNAVAILABLE, "the store is busy (held by process %d)",
                     (int)gate->page->holder.pid);
}

static struct timespec absolute(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

static enum outcome lock_threads(struct gate *gate, int64_t deadline_ms, struct error *error)
{
    if (pthread_mutex_trylock(&gate->threads) == 0)
        return OK;
    struct gate_watch watch = {0};
    for (;;) {
        int64_t slice = clock_deadline(THREAD_WAIT_MS);
        struct timespec until = absolute(slice < deadline_ms ? slice : deadline_ms);
        if (pthread_mutex_clocklock(&gate->threads, CLOCK_MONOTONIC, &until) == 0) {
            TELL_SANITIZER_LOCKED(&gate->threads);
            return OK;
        }
        gate_watch(gate, &watch);
        if (clock_left(deadline_ms) == 0)
            return gate_busy(gate, error);
    }
}

static bool try_lock(struct gate *gate)
{
    return flock(gate->descriptor, LOCK_EX | LOCK_NB) == 0;
}

static void pause_briefly(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

static void sleep_until_released(struct gate *gate, uint32_t seen, int64_t us)
{
    futex_sleep(&gate->page->released, seen,
                (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000});
}

/* Somebody has waited long. Without this a busy process hands the gate from thread to thread and another
 * process never finds it free. Bounded, and the word is cleared for one that died waiting. */
static void give_way(struct gate *gate, uint32_t hungry)
{
    struct gate_page *page = gate->page;
    int64_t until = clock_monotonic_us() + GIVE_WAY_US;
    while (page->wanted == hungry) {
        uint32_t seen = page->released;
        if (clock_monotonic_us() >= until) {
            atomic_compare_exchange_strong(&page->wanted, &hungry, 0);
            return;
        }
        sleep_until_released(gate, seen, SLEEP_FIRST_US / 2);
    }
}

static bool spin(struct gate *gate)
{
    int64_t until = clock_monotonic_us() + SPIN_US;
    do {
        if (gate->page->holder.pid == 0 && try_lock(gate))
            return true;
        for (int i = 0; i < 32; i++)
            pause_briefly();
    } while (clock_monotonic_us() < until);
    return false;
}

static void stop_waiting(struct gate_page *page, uint32_t self)
{
    uint32_t waiters = page->waiters;
    while (waiters > 0 && !atomic_compare_exchange_weak(&page->waiters, &waiters, waiters - 1))
        ;
    atomic_compare_exchange_strong(&page->wanted, &self, 0);
}

static enum outcome wait_for_lock(struct gate *gate, int64_t deadline_ms, struct error *error)
{
    if (spin(gate))
        return OK;
    struct gate_page *page = gate->page;
    uint32_t self = (uint32_t)gate->pid;
    int64_t start = clock_monotonic_us();
    int64_t sleep_us = SLEEP_FIRST_US;
    struct gate_watch watch = {0};
    atomic_fetch_add(&page->waiters, 1);
    enum outcome outcome = OK;
    for (;;) {
        uint32_t seen = page->released;
        if (try_lock(gate))
            break;
        if (clock_left(deadline_ms) == 0) {
            outcome = gate_busy(gate, error);
            break;
        }
        uint32_t nobody = 0;
        if (clock_monotonic_us() - start > HUNGRY_US)
            atomic_compare_exchange_strong(&page->wanted, &nobody, self);
        sleep_until_released(gate, seen, sleep_us);
        sleep_us = sleep_us * 2 < SLEEP_MOST_US ? sleep_us * 2 : SLEEP_MOST_US;
        gate_watch(gate, &watch);
    }
    stop_waiting(page, self);
    return outcome;
}

static enum outcome lock_processes(struct gate *gate, int64_t deadline_ms, struct error *error)
{
    uint32_t hungry = gate->page->wanted;
    if (hungry != 0 && hungry != (uint32_t)gate->pid)
        give_way(gate, hungry);
    if (try_lock(gate))
        return OK;
    if (errno != EWOULDBLOCK && errno != EINTR)
        return error_set_errno(error, IO, errno, "locking the store's gate");
    return wait_for_lock(gate, deadline_ms, error);
}

static const char *find_recovery_due(const struct gate *gate)
{
    const struct gate_page *page = gate->page;
    if (page->library == 0)
        return "the store is new";
    if (page->dirty != 0)
        return "a process ended inside the store";
    if (strncmp(page->boot_id, gate->boot_id, sizeof gate->boot_id) != 0)
        return "the machine was started anew";
    if (page->library != gate->library)
        return "another version of Berkeley DB";
    return NULL;
}

/* Whoever removed the file made another gate for the next comer, and two gates keep nobody apart. */
static bool file_is_removed(struct gate *gate, int64_t now)
{
    struct stat status;
    if (now - gate->looked_ms < LOOK_MS)
        return gate->removed;
    gate->looked_ms = now;
    if (fstat(gate->descriptor, &status) == 0 && status.st_nlink == 0)
        gate->removed = true;
    return gate->removed;
}

static void sign_in(struct gate *gate, int64_t now)
{
    struct gate_page *page = gate->page;
    if (thread_id == 0)
        thread_id = (int32_t)gettid();
    atomic_store_explicit(&page->pulse_ms, now, memory_order_relaxed);
    atomic_store_explicit(&page->holder.thread, thread_id, memory_order_relaxed);
    atomic_store_explicit(&page->holder.started, gate->started, memory_order_relaxed);
    atomic_store_explicit(&page->holder.pid_space, gate->pid_space, memory_order_relaxed);
    atomic_store_explicit(&page->entries, page->entries + 1, memory_order_relaxed);
    atomic_store_explicit(&page->holder.pid, gate->pid, memory_order_release);
    gate->recovery_due = find_recovery_due(gate);
    atomic_store_explicit(&page->dirty, 1, memory_order_seq_cst);
}

enum outcome gate_usable(const struct gate *gate, struct error *error)
{
    return gate->descriptor >= 0
               ? OK
               : error_set(error, UNAVAILABLE,
                           "the store cannot be used in a child of the process that opened it");
}

enum outcome gate_enter(struct gate *gate, int64_t deadline_ms, struct error *error)
{
    enum outcome outcome = gate_usable(gate, error);
    if (outcome == OK)
        outcome = lock_threads(gate, deadline_ms, error);
    if (outcome != OK)
        return outcome;
    outcome = lock_processes(gate, deadline_ms, error);
    int64_t now = clock_monotonic_ms();
    if (outcome == OK && file_is_removed(gate, now)) {
        flock(gate->descriptor, LOCK_UN);
        outcome = error_set(error, UNAVAILABLE,
                            "the file \"gate\" of the data folder was removed: start this process again");
    }
    if (outcome == OK && gate->page->magic != MAGIC) {
        flock(gate->descriptor, LOCK_UN);
        outcome = error_set(error, UNAVAILABLE,
                            "the file \"gate\" of the data folder was overwritten: start this process again");
    }
    if (outcome == OK && gate->page->layout != LAYOUT) {
        flock(gate->descriptor, LOCK_UN);
        outcome =
            error_set(error, UNAVAILABLE,
                      "the store was taken over by another version of Jobgate: start this process again");
    }
    if (outcome != OK) {
        pthread_mutex_unlock(&gate->threads);
        return outcome;
    }
    sign_in(gate, now);
    return OK;
}

const char *gate_recovery_due(const struct gate *gate)
{
    return gate->recovery_due;
}

void gate_pulse(struct gate *gate)
{
    atomic_store_explicit(&gate->page->pulse_ms, clock_monotonic_ms(), memory_order_relaxed);
}

void gate_leave(struct gate *gate, bool sound)
{
    struct gate_page *page = gate->page;
    atomic_store_explicit(&page->holder.pid, 0, memory_order_relaxed);
    if (sound)
        atomic_store_explicit(&page->dirty, 0, memory_order_seq_cst);
    flock(gate->descriptor, LOCK_UN);
    bool rung = page->waiters > 0;
    if (rung)
        atomic_fetch_add(&page->released, 1);
    pthread_mutex_unlock(&gate->threads);
    /* After the mutex: the sleeper may run at once. Nobody there means that a waiter was killed: it counts no
     * longer. One that came this instant is not woken by others, but it wakes by itself. */
    if (rung && futex_wake(&page->released, 1) == 0)
        page->waiters = 0;
}

bool gate_is_stale(const struct gate *gate)
{
    return gate->removed;
}

/* ---- recovery and attaches ---- */

void gate_recovered(struct gate *gate, uint64_t position)
{
    struct gate_page *page = gate->page;
    page->generation++; /* before `jobs`: see environment_stamp */
    memset(page->attached, 0, sizeof page->attached);
    page->attaches = 0;
    for (size_t i = 0; i < GATE_JOB_WORDS; i++)
        page->jobs[i] = 0;
    page->written = position;
    page->synced = position;
    page->checkpoint = position;
    page->checkpoint_started_ms = 0;
    page->spare_started_ms = 0;
    page->queue = (struct gate_queue){.astray = true};
    memcpy(page->boot_id, gate->boot_id, sizeof page->boot_id);
    page->library = gate->library;
    gate->recovery_due = NULL;
}

static bool is_alive(int32_t pid, uint64_t started)
{
    return process_started(pid) == started;
}

/* Takes the living out of the count: they will detach, or come here again as dead ones. */
static unsigned count_dead(struct gate_page *page)
{
    unsigned living = 0;
    for (size_t i = 0; i < GATE_ATTACH_SLOTS; i++)
        if (page->attached[i].pid != 0 && is_alive(page->attached[i].pid, page->attached[i].started))
            living++;
    return page->attaches - living;
}

void gate_attach(struct gate *gate)
{
    struct gate_page *page = gate->page;
    if (gate->attached_in != page->generation)
        gate->attaches = 0;
    gate->attached_in = page->generation;
    gate->attaches++;
    for (size_t i = 0; i < GATE_ATTACH_SLOTS; i++) {
        if (page->attached[i].pid == 0) {
            page->attached[i].started = gate->started;
            page->attached[i].pid = gate->pid;
            break;
        }
    }
    unsigned attaches = ++page->attaches;
    bool look = attaches >= GATE_ATTACHES_MAX && attaches % ALIVE_LOOK == 0;
    if (attaches >= ATTACHES_LIMIT || (look && count_dead(page) >= GATE_ATTACHES_MAX))
        gate->recovery_due = "many processes ended without closing the store";
}

void gate_detach(struct gate *gate)
{
    struct gate_page *page = gate->page;
    if (gate->attaches == 0 || gate->attached_in != page->generation)
        return;
    gate->attaches--;
    for (size_t i = 0; i < GATE_ATTACH_SLOTS; i++) {
        if (page->attached[i].pid == gate->pid && page->attached[i].started == gate->started) {
            page->attached[i].pid = 0;
            break;
        }
    }
    if (page->attaches > 0)
        page->attaches--;
}

/* ---- faults ---- */

void gate_sync_failed(struct gate *gate, int errno_value)
{
    struct gate_page *page = gate->page;
    uint32_t sound = GATE_SOUND;
    if (!atomic_compare_exchange_strong(&page->fault, &sound, GATE_SYNC_FAILED))
        return;
    page->fault_errno = errno_value;
    page->fault_ms = clock_wall_ms();
    char number[16];
    snprintf(number, sizeof number, "%d", errno_value);
    log_event(LOG_LEVEL_ERROR, "store_sync_failed", "errno", number, "action",
              "check the disk, then run: jobgatectl recover", NULL);
}

void gate_damaged(struct gate *gate, const char *text)
{
    struct gate_page *page = gate->page;
    if (page->fault == GATE_DAMAGED)
        return;
    snprintf(page->fault_text, sizeof page->fault_text, "%s", text);
    page->fault_ms = clock_wall_ms();
    page->fault = GATE_DAMAGED;
    log_event(LOG_LEVEL_ERROR, "store_damaged", "reason", text, NULL);
}

enum outcome gate_fault(struct gate *gate, bool only_damage, struct error *error)
{
    const struct gate_page *page = gate->page;
    uint32_t fault = page->fault;
    char when[CLOCK_TEXT_SIZE];
    if (fault == GATE_SOUND || (fault == GATE_SYNC_FAILED && only_damage))
        return OK;
    clock_format(page->fault_ms, when);
    if (fault == GATE_DAMAGED)
        return error_set(error, UNAVAILABLE, "the store is damaged (found %s): %s", when, page->fault_text);
    return error_set_errno(
        error, UNAVAILABLE, page->fault_errno,
        "the disk did not take what was written (%s), so the store accepts nothing; check the disk, "
        "then run: jobgatectl recover",
        when);
}

void gate_clear_fault(struct gate *gate, bool accept_loss)
{
    struct gate_page *page = gate->page;
    if (accept_loss) {
        page->synced = 0;
        page->written = 0;
    }
    page->boot_id[0] = '\0';
    page->fault_text[0] = '\0';
    page->fault = GATE_SOUND;
}

void gate_raise(_Atomic uint64_t *word, uint64_t value)
{
    uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);
    while (seen < value && !atomic_compare_exchange_weak(word, &seen, value))
        ;
}
