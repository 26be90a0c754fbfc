#include "config.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's stack: it calls nothing deeper than a system call's wrapper. */
#define STACK_SIZE 32768
/* Where descriptors end on kernels without close_range (before 5.9), when their limit is even higher. */
#define DESCRIPTORS_HIGHEST 65536

/* Shared with the child, which writes only failed_step and errno_value. */
struct start {
    const struct spawn_plan *plan;
    int sources[SPAWN_DESCRIPTORS_MAX];
    long descriptors_end;
    char *inner_stack; /* of the second child, when detached */
    const char *volatile failed_step;
    volatile int errno_value;
};

/* Runs in memory that belongs to the parent: instrumented code would tell the sanitizers of the parent's
 * stack. */
#define IN_CHILD __attribute__((no_sanitize("address", "undefined", "thread"), noinline))

IN_CHILD static int child_failed(struct start *start, const char *step)
{
    start->errno_value = errno;
    start->failed_step = step;
    _exit(127);
}

/* The C library's sigaction refuses two of the numbers. Of the kernel's struct sigaction all zeros mean SIG_DFL. */
static const unsigned long default_action[8];

/* No handler may run here, and what the parent ignores the program shall not: both are reset before the mask. */
IN_CHILD static void child_reset_signals(uint64_t are_default)
{
    for (int number = 1; number < NSIG; number++) {
        bool is_default = number <= 64 && (are_default >> (number - 1) & 1) != 0;
        if (!is_default)
            syscall(SYS_rt_sigaction, number, default_action, NULL, (size_t)NSIG / 8);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

IN_CHILD static void child_close_others(const struct start *start)
{
    unsigned first = start->plan->descriptor_count;
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
    for (long descriptor = first; descriptor < start->descriptors_end; descriptor++)
        close((int)descriptor);
}

/* What the program may reach. Files that are open stay open, so this comes before its descriptors are laid out (the ruleset
 * is none of them) and after everything that needs no leave. */
IN_CHILD static bool child_confine(const struct spawn_plan *plan)
{
    if (plan->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return false;
    return plan->ruleset == 0 || syscall(SYS_landlock_restrict_self, plan->ruleset, 0) == 0;
}

#ifdef SYS_setgroups32
#define SETGROUPS SYS_setgroups32
#define SETRESGID SYS_setresgid32
#define SETRESUID SYS_setresuid32
#else
#define SETGROUPS SYS_setgroups
#define SETRESGID SYS_setresgid
#define SETRESUID SYS_setresuid
#endif

/* The C library's calls would change every thread that it knows, which are the parent's. */
IN_CHILD static bool child_become(const struct spawn_user *user)
{
    return user == NULL || (syscall(SETGROUPS, (long)user->group_count, user->groups) == 0 &&
                            syscall(SETRESGID, user->gid, user->gid, user->gid) == 0 &&
                            syscall(SETRESUID, user->uid, user->uid, user->uid) == 0);
}

IN_CHILD static int child_main(void *argument)
{
    struct start *start = argument;
    const struct spawn_plan *plan = start->plan;
    /* Until its exec it looks like one more of its parent: this tells them apart in ps and pgrep. */
    prctl(PR_SET_NAME, SPAWN_NAME);
    if (plan->new_session && setsid() < 0)
        return child_failed(start, "setsid");
    umask(077);
    if (!child_confine(plan))
        return child_failed(start, "landlock");
    for (unsigned i = 0; i < plan->descriptor_count; i++) {
        if (dup2(start->sources[i], (int)i) < 0)
            return child_failed(start, "dup2");
    }
    child_close_others(start);
    if (!child_become(plan->user))
        return child_failed(start, "user");
    if (plan->folder != NULL && chdir(plan->folder) < 0)
        return child_failed(start, "chdir");
    for (unsigned i = 0; i < plan->limit_count; i++) {
        if (setrlimit((__rlimit_resource_t)plan->limits[i].resource, &plan->limits[i].value) < 0)
            return child_failed(start, "setrlimit");
    }
    child_reset_signals(plan->default_signals);
    if (plan->filter != NULL && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, plan->filter) < 0)
        return child_failed(start, "seccomp");
    execve(plan->program, plan->arguments, plan->environment);
    return child_failed(start, "exec");
}

/* The one in between: the program that it starts is an orphan as soon as it ends, and never leads its
 * session. */
IN_CHILD static int child_detach(void *argument)
{
    struct start *start = argument;
    if (setsid() < 0)
        return child_failed(start, "setsid");
    if (clone(child_main, start->inner_stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, start) < 0)
        return child_failed(start, "fork");
    _exit(0);
}

/* dup2 goes upwards from 0, so a source must not lie where a target will be. Copies are noted in `copied`. */
static int prepare_sources(struct start *start, bool *copied)
{
    const struct spawn_plan *plan = start->plan;
    for (unsigned i = 0; i < plan->descriptor_count; i++) {
        int source = plan->descriptors[i];
        copied[i] = source < (int)plan->descriptor_count;
        if (source >= 0 && copied[i])
            source = fcntl(source, F_DUPFD_CLOEXEC, SPAWN_DESCRIPTORS_MAX);
        else if (copied[i])
            source = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (source >= 0 && source < (int)plan->descriptor_count) {
            int low = source;
            source = fcntl(low, F_DUPFD_CLOEXEC, SPAWN_DESCRIPTORS_MAX);
            close(low);
        }
        start->sources[i] = source;
        if (source < 0) {
            copied[i] = false;
            return errno;
        }
    }
    return 0;
}

/* Every signal is blocked around it: a handler in the child would run on the parent's memory. */
static pid_t clone_blocked(struct start *start, int (*body)(void *), char *stack)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = clone(body, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, start);
    int saved_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved_errno;
    return child;
}

static void reap(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static enum outcome run(const struct spawn_plan *plan, bool detached, pid_t *pid, int *errno_value,
                        struct error *error)
{
    alignas(16) char stack[STACK_SIZE];
    alignas(16) char inner_stack[STACK_SIZE];
    struct start start = {.plan = plan, .inner_stack = inner_stack, .descriptors_end = sysconf(_SC_OPEN_MAX)};
    bool copied[SPAWN_DESCRIPTORS_MAX] = {false};
    if (start.descriptors_end < 0 || start.descriptors_end > DESCRIPTORS_HIGHEST)
        start.descriptors_end = DESCRIPTORS_HIGHEST;
    pid_t child = -1;
    int dumpable = plan->user != NULL ? prctl(PR_GET_DUMPABLE) : -1;
    const char *step = "descriptors";
    *errno_value = prepare_sources(&start, copied);
    if (*errno_value == 0) {
        step = "fork";
        child = clone_blocked(&start, detached ? child_detach : child_main, stack);
        *errno_value = child < 0 ? errno : start.errno_value;
    }
    if (dumpable >= 0) /* the memory that both had was marked when the child changed its user */
        prctl(PR_SET_DUMPABLE, dumpable);
    if (child > 0 && (detached || start.failed_step != NULL))
        reap(child);
    for (unsigned i = 0; i < plan->descriptor_count; i++) {
        if (copied[i])
            close(start.sources[i]);
    }
    if (start.failed_step != NULL)
        step = start.failed_step;
    if (*errno_value != 0)
        return error_set_errno(error, outcome_of_errno(*errno_value, IO), *errno_value, "%s: %s",
                               plan->program, step);
    *pid = child;
    return OK;
}

uint64_t spawn_default_signals(void)
{
    uint64_t are_default = 0;
    for (int number = 1; number < NSIG && number <= 64; number++) {
        unsigned long now[8] = {0};
        if (syscall(SYS_rt_sigaction, number, NULL, now, (size_t)NSIG / 8) == 0 &&
            memcmp(now, default_action, sizeof now) == 0)
            are_default |= UINT64_C(1) << (number - 1);
    }
    return are_default;
}

enum outcome spawn_start(const struct spawn_plan *plan, pid_t *pid, int *errno_value, struct error *error)
{
    return run(plan, false, pid, errno_value, error);
}

enum outcome spawn_detached(const struct spawn_plan *plan, int *errno_value, struct error *error)
{
    struct spawn_plan own_session = *plan;
    own_session.new_session = false; /* the one in between has made it */
    pid_t none;
    return run(&own_session, true, &none, errno_value, error);
}
