/* supervisor.c - the program jobgate-supervisor: holds a slot and looks after the worker in it
 *
 *     jobgate-supervisor --config FILE --slot N [--given]
 *
 * Started by launch.h. Takes slot N (or another free one; without one it ends), becomes a child subreaper and starts
 * jobgate-worker, which shares the descriptor of the slot's lock. When the worker dies of something else than its own will,
 * whatever it was running has become a child of the supervisor: all of it is ended before the slot gets a new life and a
 * new worker, who puts the job back. So no request has to come for that.
 * It is small on purpose (no store, no libdb): the kernel's out-of-memory killer takes others first.
 *
 * Signals: TERM, INT and HUP are handed to the worker, which ends its attempt and gives the job back.
 * Exit status: 0, EX_USAGE, EX_CONFIG, EX_OSERR.
 * DIAGNOSTICS: worker_died (with the signal or status), worker_given_up (it died again and again before it got as far as a
 * job), strays_left (processes of an attempt that could not be ended). */
#include "config.h"

#include "clock.h"
#include "command_line.h"
#include "configuration.h"
#include "control.h"
#include "launch.h"
#include "log.h"
#include "signals.h"
#include "slots.h"
#include "spawn.h"
#include "strays.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define DEATHS_IN_VAIN_MAX 5   /* workers in a row that died before they had a job */
#define PAUSE_FIRST_MS     100 /* before a new worker; doubles with each death */
#define PAUSE_LONGEST_MS   10000
#define STRAYS_MOST_MS     60000 /* then a process is stuck in the kernel; the slot is not to be lost for good */

struct supervisor {
    struct slots *slots;
    struct slot_identity identity;
    struct signals signals;
    const char *program; /* jobgate-worker's path */
    const char *file;    /* the configuration's */
    struct reaped worker;
    int control; /* reading end */
    bool claimed;
    unsigned deaths;
};

/* The worker stands beside this program. */
static enum outcome find_worker(char *path, size_t size, struct error *error)
{
    static const char name[] = "jobgate-worker";
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length < 0)
        return error_set_errno(error, IO, errno, "/proc/self/exe");
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash + 1 - path) + sizeof name > size)
        return error_set(error, IO, "%s: no folder to find %s in", path, name);
    memcpy(slash + 1, name, sizeof name);
    return OK;
}

static enum outcome start_worker(struct supervisor *supervisor, struct error *error)
{
    char slot[16], life[24];
    int ends[2], errno_value, given;
    snprintf(slot, sizeof slot, "%" PRIu32, supervisor->identity.slot);
    snprintf(life, sizeof life, "%" PRIx64, supervisor->identity.life);
    struct configuration *configuration = configuration_current();
    enum outcome outcome = configuration_give(configuration, &given, error);
    configuration_release(configuration);
    if (outcome != OK)
        return outcome;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        close(given);
        return error_set_errno(error, UNAVAILABLE, errno, "pipe to the worker");
    }
    char *arguments[] = {(char *)supervisor->program,
                         "--config",
                         (char *)supervisor->file,
                         "--slot",
                         slot,
                         "--life",
                         life,
                         NULL};
    struct spawn_plan plan = {
        .program = supervisor->program,
        .arguments = arguments,
        .environment = environ,
        .descriptors = {0, 1, 2, [SLOTS_DESCRIPTOR] = slots_descriptor(supervisor->slots),
                        [CONTROL_DESCRIPTOR] = ends[1], [GIVEN_DESCRIPTOR] = given},
        .descriptor_count = GIVEN_DESCRIPTOR + 1,
    };
    supervisor->worker = (struct reaped){0};
    supervisor->claimed = false;
    supervisor->control = ends[0];
    outcome = spawn_start(&plan, &supervisor->worker.main, &errno_value, error);
    close(given);
    close(ends[1]);
    if (outcome != OK)
        close(ends[0]);
    return outcome;
}

/* For a moment no subreaper: what is started goes to init, not to us. Should the worker die in that very moment, its strays
 * go there too; the next worker finds them by their marker. */
static void start_another(struct supervisor *supervisor, enum control what)
{
    struct configuration *configuration = configuration_current();
    struct error error;
    strays_adopt(false);
    slots_resize(supervisor->slots, (unsigned)configuration->max_workers);
    enum outcome outcome = what == CONTROL_DELIVER ? launch_program(configuration, "jobgate-deliver", &error)
                                                   : launch_worker(configuration, supervisor->slots, &error);
    strays_adopt(true);
    if (outcome != OK && outcome != NOTFOUND)
        log_event(LOG_LEVEL_ERROR, "launch_failed", "reason", error.text, NULL);
    configuration_release(configuration);
}

static void read_control(struct supervisor *supervisor)
{
    char wishes[64];
    ssize_t length = read(supervisor->control, wishes, sizeof wishes);
    for (ssize_t i = 0; i < length; i++) {
        if (wishes[i] == CONTROL_CLAIMED)
            supervisor->claimed = true;
        else if (wishes[i] == CONTROL_WORKER || wishes[i] == CONTROL_DELIVER)
            start_another(supervisor, (enum control)wishes[i]);
    }
}

/* Until the worker has ended. */
static void watch(struct supervisor *supervisor)
{
    struct pollfd polls[2] = {{.fd = supervisor->signals.descriptor, .events = POLLIN},
                              {.fd = supervisor->control, .events = POLLIN}};
    bool handed_on = false;
    while (!supervisor->worker.main_ended) {
        poll(polls, 2, -1);
        if (polls[0].revents != 0)
            signals_read(&supervisor->signals);
        if (polls[1].revents & POLLIN)
            read_control(supervisor);
        else if (polls[1].revents != 0)
            polls[1].fd = -1; /* the worker has closed it: it is ending */
        if (supervisor->signals.leave && !handed_on) {
            kill(supervisor->worker.main, SIGTERM);
            handed_on = true;
        }
        strays_reap(&supervisor->worker);
    }
    read_control(supervisor);
    close(supervisor->control);
}

static void end_strays(struct supervisor *supervisor)
{
    if (!strays_end(&supervisor->worker, clock_deadline(STRAYS_MOST_MS)))
        log_event(LOG_LEVEL_ERROR, "strays_left", NULL);
}

/* By its own will: 0, started anew, or a status of sysexits.h, whose reason it has logged. */
static bool left_by_itself(int status)
{
    if (!WIFEXITED(status))
        return false;
    int code = WEXITSTATUS(status);
    return code == 0 || code == EXIT_STARTED_ANEW || (code >= EX__BASE && code <= EX__MAX);
}

static void log_death(const struct supervisor *supervisor, const char *event)
{
    char slot[16], status[16];
    int wait_status = supervisor->worker.status;
    snprintf(slot, sizeof slot, "%" PRIu32, supervisor->identity.slot);
    snprintf(status, sizeof status, "%d",
             WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
    log_event(LOG_LEVEL_WARNING, event, "slot", slot, WIFSIGNALED(wait_status) ? "signal" : "status", status,
              NULL);
}

/* A worker that dies again and again shall not keep the machine busy: longer and longer pauses, which a signal ends. */
static void pause_before_next(struct supervisor *supervisor)
{
    int64_t pause = PAUSE_FIRST_MS;
    for (unsigned i = 1; i < supervisor->deaths && pause < PAUSE_LONGEST_MS; i++)
        pause *= 2;
    int64_t deadline = clock_deadline(pause < PAUSE_LONGEST_MS ? pause : PAUSE_LONGEST_MS);
    struct pollfd waiting = {.fd = supervisor->signals.descriptor, .events = POLLIN};
    while (!supervisor->signals.leave && clock_left(deadline) > 0) {
        poll(&waiting, 1, (int)clock_left(deadline));
        signals_read(&supervisor->signals);
    }
}

/* After the death of a worker and the end of its strays: false when there is to be no other one in this slot. */
static bool may_start_again(struct supervisor *supervisor)
{
    struct error error;
    log_death(supervisor, "worker_died");
    supervisor->deaths = supervisor->claimed ? 0 : supervisor->deaths + 1;
    if (supervisor->deaths >= DEATHS_IN_VAIN_MAX) {
        log_death(supervisor, "worker_given_up");
        return false;
    }
    if (supervisor->deaths > 0)
        pause_before_next(supervisor);
    return !supervisor->signals.leave &&
           slots_take(supervisor->slots, supervisor->identity.slot, &supervisor->identity, &error) == OK;
}

static int supervise(struct supervisor *supervisor)
{
    struct error error;
    for (;;) {
        if (start_worker(supervisor, &error) != OK) {
            log_event(LOG_LEVEL_ERROR, "worker_not_started", "reason", error.text, NULL);
            return EX_OSERR;
        }
        watch(supervisor);
        end_strays(supervisor);
        if (left_by_itself(supervisor->worker.status))
            break;
        if (!may_start_again(supervisor))
            return 0;
    }
    slots_give_back(supervisor->slots);
    if (WEXITSTATUS(supervisor->worker.status) == EXIT_STARTED_ANEW && !supervisor->signals.leave)
        start_another(supervisor, CONTROL_WORKER);
    return 0;
}

static int run(const char *file, unsigned slot, bool given)
{
    struct supervisor supervisor = {.file = file};
    struct error error;
    char program[PATH_MAX];
    if (configuration_start_given(file, given ? LAUNCH_GIVEN : -1, &error) != OK) {
        fprintf(stderr, "jobgate-supervisor: %s\n", error.text);
        return EX_CONFIG;
    }
    if (given)
        close(LAUNCH_GIVEN);
    struct configuration *configuration = configuration_current();
    enum outcome outcome =
        log_open("supervisor", configuration->log_file, (enum log_level)configuration->log_level, &error);
    if (outcome == OK)
        outcome = slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &supervisor.slots,
                             &error);
    configuration_release(configuration);
    if (outcome == OK)
        outcome = find_worker(program, sizeof program, &error);
    if (outcome == OK)
        outcome = slots_take(supervisor.slots, slot, &supervisor.identity, &error);
    if (outcome == UNAVAILABLE)
        return 0; /* somebody was quicker, and looks at the queue */
    if (outcome == OK && !strays_adopt(true))
        outcome = error_set_errno(&error, IO, errno, "becoming a subreaper");
    if (outcome == OK)
        outcome = signals_open(&supervisor.signals, &error);
    if (outcome != OK) {
        log_event(LOG_LEVEL_ERROR, "supervisor_failed", "reason", error.text, NULL);
        return EX_OSERR;
    }
    supervisor.program = program;
    int status = supervise(&supervisor);
    slots_close(supervisor.slots);
    return status;
}

static const char usage[] =
    "Usage: jobgate-supervisor [--config FILE] --slot N\n"
    "       jobgate-supervisor [--config FILE] --test | --help | --version\n"
    "Holds slot N and looks after the worker in it. Started by jobgate-submit, jobgate-status,\n"
    "`jobgate-worker --sweep` and other supervisors; not by hand.\n\n";

int main(int count, char **arguments)
{
    static const struct option options[] = {
        COMMAND_LINE_OPTIONS, {"slot", required_argument, NULL, 's'}, {"given", no_argument, NULL, 'g'}, {0}};
    struct command_line line = {.program = "jobgate-supervisor", .usage = usage};
    unsigned long slot = SLOTS_MAX;
    int option, status = -1;
    bool given = false;
    char *end = "";
    while (status < 0 && (option = getopt_long(count, arguments, COMMAND_LINE_SHORT, options, NULL)) != -1) {
        if (option == 's')
            slot = strtoul(optarg, &end, 10);
        else if (option == 'g')
            given = true;
        else
            status = command_line_option(&line, option);
    }
    if (status < 0)
        status = command_line_end(&line, count, arguments, optind);
    if (status >= 0)
        return status;
    if (*end != '\0' || slot >= SLOTS_MAX) {
        command_line_usage(&line, stderr);
        return EX_USAGE;
    }
    return run(configuration_path(line.file), (unsigned)slot, given);
}
