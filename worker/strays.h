/* strays.h - ends every process that an attempt has started
 *
 * A function may fork, leave its process group and its session, close everything and ignore TERM. What it
 * cannot leave is its descent: worker and supervisor are subreapers (PR_SET_CHILD_SUBREAPER), so whatever
 * loses its parent becomes their child. "waitpid says ECHILD" therefore means, at the price of one system
 * call, that nothing is left. What is left is found in /proc (stat: parent, group, session) and signalled
 * group by group: the kernel signals a group at once, so that members that keep forking cannot outrun it.
 * When worker and supervisor were killed together, their strays went to init; those are found by marks that descendants
 * inherit (in /proc/PID/environ and as a limit), by the sessions of the marked ones and by descent.
 *
 * Not thread-safe: it waits for every child of the process. */
#ifndef JOBGATE_STRAYS_H
#define JOBGATE_STRAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Makes this process the parent of what its descendants leave behind (or stops that). False: errno. */
bool strays_adopt(bool adopt);

/* What was learnt by waiting. Start from {.main = pid}. */
struct reaped {
    pid_t main;      /* the process whose end counts */
    bool main_ended; /* then status is what waitpid said */
    int status;
    uint64_t cpu_us;          /* user + system time of all that were waited for */
    uint64_t peak_memory_kib; /* the largest ru_maxrss of them */
};
/* Waits for whatever has ended, without blocking. False: no child is left, dead or alive. */
bool strays_reap(struct reaped *reaped);

/* Sends the signal to every descendant of this process. Returns how many there were (zombies do not count).
 */
unsigned strays_signal(int signal_number);
/* Kills descendants until none is left, or the deadline. Waits for them into *reaped. True: none is left. */
bool strays_end(struct reaped *reaped, int64_t deadline_ms);
/* What tells a job's processes when they are nobody's children any more. */
struct stray_mark {
    const char *entry; /* "NAME=value" in the environment */
    int resource;      /* a limit, RLIMIT_…, and its number: see limits.h. 0 in `limit` = do not look */
    rlim_t limit;
};
/* Kills every process with one of the marks, the sessions of those and their descendants, until none is left or the
 * deadline; never this process or its ancestors. Returns how many it killed; *left tells whether some live on. */
unsigned strays_end_marked(const struct stray_mark *mark, int64_t deadline_ms, bool *left);

#endif
