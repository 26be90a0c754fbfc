#include "config.h"
#include "strays.h"
#include "buffer.h"
#include "clock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_FIRST_US   500
#define PAUSE_LONGEST_US 20000
#define ENVIRONMENT_MOST                                                                                     \
    (4u << 20) /* bytes read of one process: twice the kernel's default for arguments and all */

struct process {
    pid_t pid;
    pid_t parent;
    pid_t group;
    pid_t session;
    char state;
    unsigned long long born; /* with the pid the identity of a process */
    bool chosen;
};

/* One look at /proc, sorted by pid. */
struct census {
    struct process *processes;
    size_t count;
    size_t room;
};

bool strays_adopt(bool adopt)
{
    return prctl(PR_SET_CHILD_SUBREAPER, adopt ? 1UL : 0UL, 0UL, 0UL, 0UL) == 0;
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

bool strays_reap(struct reaped *reaped)
{
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0 || (pid < 0 && errno == EINTR)) {
        if (pid < 0)
            continue;
        reaped->cpu_us += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        if ((uint64_t)usage.ru_maxrss > reaped->peak_memory_kib)
            reaped->peak_memory_kib = (uint64_t)usage.ru_maxrss;
        if (pid == reaped->main) {
            reaped->main_ended = true;
            reaped->status = status;
        }
    }
    return pid == 0;
}

/* The name in parentheses may hold anything, also ") R 1": what follows starts behind the last parenthesis.
 */
static bool parse_stat(const char *text, struct process *process)
{
    const char *tail = strrchr(text, ')');
    return tail != NULL &&
           sscanf(tail + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &process->state, &process->parent, &process->group, &process->session, &process->born) == 5;
}

static bool read_process(pid_t pid, struct process *process)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    ssize_t length = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (length <= 0)
        return false;
    text[length] = '\0';
    *process = (struct process){.pid = pid};
    return parse_stat(text, process);
}

static bool census_add(struct census *census, const struct process *process)
{
    if (census->count == census->room) {
        size_t room = census->room == 0 ? 256 : census->room * 2;
        struct process *grown = reallocarray(census->processes, room, sizeof *grown);
        if (grown == NULL)
            return false;
        census->processes = grown;
        census->room = room;
    }
    census->processes[census->count++] = *process;
    return true;
}

static int compare_pids(const void *a, const void *b)
{
    const struct process *left = a, *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static struct process *census_find(const struct census *census, pid_t pid)
{
    struct process key = {.pid = pid};
    return census->count == 0 ? NULL
                              : bsearch(&key, census->processes, census->count, sizeof key, compare_pids);
}

/* Memory for the list is the only thing that can fail; a short list is repeated by every caller. */
static void census_take(struct census *census)
{
    *census = (struct census){0};
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        struct process process;
        if (isdigit((unsigned char)entry->d_name[0]) && read_process((pid_t)atoi(entry->d_name), &process) &&
            !census_add(census, &process))
            break;
    }
    closedir(proc);
    if (census->count > 0)
        qsort(census->processes, census->count, sizeof *census->processes, compare_pids);
}

static bool is_dead(const struct process *process)
{
    return process->state == 'Z' || process->state == 'X';
}

/* Adds the descendants of the chosen, and of `root` when it is not 0. */
static void choose_descendants(struct census *census, pid_t root)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < census->count; i++) {
            struct process *process = &census->processes[i];
            if (process->chosen)
                continue;
            const struct process *parent = census_find(census, process->parent);
            if ((root != 0 && process->parent == root) || (parent != NULL && parent->chosen)) {
                process->chosen = true;
                changed = true;
            }
        }
    }
}

/* Only that very process: its number may belong to another one by now. */
static void signal_one(const struct process *process, int signal_number)
{
    int descriptor = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (descriptor < 0) {
        if (errno == ENOSYS)
            kill(process->pid, signal_number);
        return;
    }
    struct process now;
    if (read_process(process->pid, &now) && now.born == process->born)
        syscall(SYS_pidfd_send_signal, descriptor, signal_number, NULL, 0);
    close(descriptor);
}

static bool group_was_signalled(const struct census *census, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        const struct process *other = &census->processes[i];
        if (other->chosen && !is_dead(other) && other->group == census->processes[before].group)
            return true;
    }
    return false;
}

/* A function leads a session of its own, so a group of its descendants has no other members; our own group
 * may have (a child that was killed before its setsid). */
static unsigned signal_chosen(const struct census *census, int signal_number)
{
    pid_t own_group = getpgrp();
    unsigned count = 0;
    for (size_t i = 0; i < census->count; i++) {
        const struct process *process = &census->processes[i];
        if (!process->chosen || is_dead(process))
            continue;
        count++;
        if (process->group <= 1 || process->group == own_group)
            signal_one(process, signal_number);
        else if (!group_was_signalled(census, i) && kill(-process->group, signal_number) < 0)
            signal_one(process, signal_number);
    }
    return count;
}

unsigned strays_signal(int signal_number)
{
    struct census census;
    census_take(&census);
    choose_descendants(&census, getpid());
    unsigned count = signal_chosen(&census, signal_number);
    free(census.processes);
    return count;
}

static void pause_longer(int64_t *pause_us)
{
    clock_sleep_us(*pause_us);
    *pause_us = *pause_us * 2 < PAUSE_LONGEST_US ? *pause_us * 2 : PAUSE_LONGEST_US;
}

bool strays_end(struct reaped *reaped, int64_t deadline_ms)
{
    int64_t pause_us = PAUSE_FIRST_US;
    while (strays_reap(reaped)) {
        if (clock_left(deadline_ms) == 0)
            return false;
        strays_signal(SIGKILL);
        pause_longer(&pause_us);
    }
    return true;
}

static bool has_entry(const struct buffer *environment, const char *marker)
{
    size_t length = strlen(marker);
    const char *at = environment->data, *end = at + environment->length;
    while (at != NULL && (at = memmem(at, (size_t)(end - at), marker, length)) != NULL) {
        if ((at == environment->data || at[-1] == '\0') && at[length] == '\0')
            return true;
        at++;
    }
    return false;
}

static void read_environment(pid_t pid, struct buffer *environment)
{
    char path[64];
    buffer_clear(environment);
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return; /* another user's, or gone */
    char *room;
    ssize_t length;
    while ((room = buffer_reserve(environment, 16384)) != NULL &&
           (length = read(descriptor, room, 16384)) > 0)
        buffer_grown(environment, (size_t)length);
    close(descriptor);
}

/* prlimit of another process needs no more rights than ending it. */
static bool has_limit(pid_t pid, const struct stray_mark *mark)
{
    struct rlimit limit;
    return mark->limit != 0 && prlimit(pid, (__rlimit_resource_t)mark->resource, NULL, &limit) == 0 &&
           limit.rlim_max == mark->limit;
}

static void choose_marked(struct census *census, const struct stray_mark *mark)
{
    struct buffer environment = {.limit = ENVIRONMENT_MOST};
    for (size_t i = 0; i < census->count; i++) {
        struct process *process = &census->processes[i];
        if (is_dead(process))
            continue;
        process->chosen = has_limit(process->pid, mark);
        if (process->chosen)
            continue;
        read_environment(process->pid, &environment);
        process->chosen = has_entry(&environment, mark->entry);
    }
    buffer_free(&environment);
}

/* A child without a mark still is in the session of the function, which always made one of its
 * own. The leader counts only when it is marked itself or gone: a marked program that somebody runs by hand
 * in a shell must not end the shell. */
static void choose_sessions(struct census *census)
{
    for (size_t i = 0; i < census->count; i++) {
        pid_t session = census->processes[i].session;
        const struct process *leader = census_find(census, session);
        if (!census->processes[i].chosen || session <= 1 || (leader != NULL && !leader->chosen))
            continue;
        for (size_t j = 0; j < census->count; j++) {
            if (census->processes[j].session == session)
                census->processes[j].chosen = true;
        }
    }
}

static void spare_ancestors(struct census *census)
{
    struct process *process = census_find(census, getpid());
    while (process != NULL) {
        process->chosen = false;
        process = process->parent > 0 ? census_find(census, process->parent) : NULL;
    }
}

static unsigned kill_marked(const struct stray_mark *mark)
{
    struct census census;
    census_take(&census);
    choose_marked(&census, mark);
    choose_sessions(&census);
    choose_descendants(&census, 0);
    spare_ancestors(&census);
    unsigned count = 0;
    for (size_t i = 0; i < census.count; i++) {
        if (!census.processes[i].chosen || is_dead(&census.processes[i]))
            continue;
        signal_one(&census.processes[i], SIGKILL);
        count++;
    }
    free(census.processes);
    return count;
}

unsigned strays_end_marked(const struct stray_mark *mark, int64_t deadline_ms, bool *left)
{
    int64_t pause_us = PAUSE_FIRST_US;
    unsigned first = kill_marked(mark), now = first;
    while (now > 0 && clock_left(deadline_ms) > 0) {
        pause_longer(&pause_us);
        now = kill_marked(mark);
    }
    *left = now > 0;
    return first;
}
