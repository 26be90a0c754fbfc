/* spawn.h - starts programs
 *
 * The only code between a fork and an exec. The child borrows the parent's memory until its exec (CLONE_VM |
 * CLONE_VFORK, measured: 0.6 ms for a start against 3.3 ms by fork() in a process of 64 MiB), so everything
 * it needs is laid out before; it only makes system calls, with every signal blocked until its handlers are
 * back to default, and leaves the errno of a failure in that same memory.
 *
 * What the program gets: the descriptors named in the plan as 0, 1, 2, … and no other; umask 077; every
 * signal at its default and unblocked. Thread-safe. */
#ifndef JOBGATE_SPAWN_H
#define JOBGATE_SPAWN_H

#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct sock_fprog; /* <linux/filter.h> */

#define SPAWN_DESCRIPTORS_MAX 6
#define SPAWN_LIMITS_MAX      8
#define SPAWN_GROUPS_MAX      64
#define SPAWN_NAME            "jobgate-spawn" /* of a child before its exec, in /proc/PID/comm */

struct spawn_limit {
    int resource; /* RLIMIT_… */
    struct rlimit value;
};

/* Who the program runs as; only root can make it another. */
struct spawn_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[SPAWN_GROUPS_MAX]; /* the supplementary ones: all of them */
    int group_count;
};

struct spawn_plan {
    const char *program; /* absolute path */
    char *const *arguments;
    char *const *environment;
    const char *folder; /* working directory; NULL = the parent's */
    /* descriptors[n] becomes descriptor n of the program; -1 = /dev/null. They stay open in the parent. */
    int descriptors[SPAWN_DESCRIPTORS_MAX];
    unsigned descriptor_count;
    struct spawn_limit limits[SPAWN_LIMITS_MAX];
    unsigned limit_count;
    const struct spawn_user *user; /* NULL = the parent's */
    bool no_new_privs;
    int ruleset;                     /* a Landlock ruleset (room.h); 0 = none. It stays open in the parent */
    const struct sock_fprog *filter; /* a seccomp filter; NULL = none */
    bool new_session;                /* setsid: leader of its own session and process group */
    uint64_t default_signals; /* these are known to be at their default here: spawn_default_signals() */
};

/* The signals that are at their default in this process, number n as bit n - 1: for one that starts many programs and does
 * not change them. Resetting all of them is a twentieth of what a start costs. */
uint64_t spawn_default_signals(void);

/* OK: the program has been entered, *pid is a child to be waited for. Otherwise no process is left and
 * *errno_value says why: UNAVAILABLE when the system lacks something that may come back (EAGAIN, ENOMEM,
 * EMFILE, ENFILE, ETXTBSY), IO when this program cannot be started (ENOENT, EACCES, ENOEXEC, …). */
enum outcome spawn_start(const struct spawn_plan *plan, pid_t *pid, int *errno_value, struct error *error);

/* The same in a session of its own and as nobody's child: it goes to init, or to the nearest subreaper above.
 * new_session is meant and need not be set. */
enum outcome spawn_detached(const struct spawn_plan *plan, int *errno_value, struct error *error);

#endif
