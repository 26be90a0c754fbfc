/* main.c - the program jobgate-worker
 *
 *     jobgate-worker --config FILE --slot N --life X     started by jobgate-supervisor
 *     jobgate-worker [--config FILE] --sweep             from cron: puts back what dead workers left, starts workers for
 *                                                        what is due, removes what has expired
 *     jobgate-worker [--config FILE] --test, …           the options of every program (command_line.h)
 *
 * Signals: TERM, INT and HUP end the attempt (TERM, kill_grace, KILL), give the job back and end the worker.
 * Exit status: 0; EX_CONFIG with words on standard error; EX_UNAVAILABLE when the store cannot be used; EX_USAGE; 90 for
 * the supervisor (control.h).
 * DIAGNOSTICS (log): worker_started, claimed, ended, worker_stopped, put_back, strays_ended, strays_left, store_trouble,
 * outcome_not_recorded, outcome_not_synced, launch_failed. */
#include "config.h"
#include "worker.h"

#include "clock.h"
#include "command_line.h"
#include "deliverer.h"
#include "launch.h"
#include "log.h"
#include "strays.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define SWEEP_EXPIRE_BATCH  100
#define SWEEP_EXPIRE_ROUNDS 100
#define SWEEP_PATIENCE_MS   10000

struct command {
    struct command_line line;
    bool sweep;
    struct slot_identity identity;
    bool has_slot;
    bool has_life;
};

static const char usage[] =
    "Usage: jobgate-worker [--config FILE] --sweep\n"
    "       jobgate-worker [--config FILE] --test | --help | --version\n"
    "Runs jobs. Workers are started by jobgate-supervisor, with --slot and --life; not by hand.\n\n"
    "      --sweep        put back what dead workers left, start workers for what is due, remove\n"
    "                     what has expired (for cron)\n";

static int fail(int status, const struct error *error)
{
    fprintf(stderr, "jobgate-worker: %s\n", error->text);
    if (status != EX_CONFIG) /* which says where the log is */
        log_event(LOG_LEVEL_ERROR, "worker_failed", "reason", error->text, NULL);
    return status;
}

static enum outcome start(struct worker *worker, const char *file, int given, struct error *error)
{
    enum outcome outcome = configuration_start_given(file, given, error);
    if (given >= 0)
        close(given);
    if (outcome != OK)
        return outcome;
    worker->configuration = configuration_current();
    return log_open("worker", worker->configuration->log_file,
                    (enum log_level)worker->configuration->log_level, error);
}

static void remember_program(struct worker *worker)
{
    ssize_t length = readlink("/proc/self/exe", worker->program_path, sizeof worker->program_path - 1);
    worker->program_path[length > 0 ? length : 0] = '\0';
    /* By its path: of /proc/self/exe the system and what watches a process (valgrind) say different things. */
    if (stat(worker->program_path, &worker->program) < 0)
        memset(&worker->program, 0, sizeof worker->program);
}

static enum outcome start_slot(struct worker *worker, struct slot_identity identity, struct error *error)
{
    const struct configuration *configuration = worker->configuration;
    worker->identity = identity;
    enum outcome outcome = slots_inherit(configuration->data_dir, (unsigned)configuration->max_workers,
                                         SLOTS_DESCRIPTOR, identity, &worker->slots, error);
    if (outcome == OK && fcntl(CONTROL_DESCRIPTOR, F_SETFD, FD_CLOEXEC) < 0)
        outcome =
            error_set_errno(error, INVALID, errno, "descriptor %d to the supervisor", CONTROL_DESCRIPTOR);
    worker->supervised = outcome == OK;
    if (outcome == OK && !strays_adopt(true))
        outcome = error_set_errno(error, IO, errno, "becoming a subreaper");
    if (outcome == OK)
        outcome = signals_open(&worker->signals, error);
    remember_program(worker);
    return outcome;
}

static void stop(struct worker *worker)
{
    store_close(worker->store);
    slots_close(worker->slots);
    configuration_release(worker->configuration);
}

static int work(const struct command *command, const char *file)
{
    struct worker worker = {.supervised = false};
    struct error error;
    if (start(&worker, file, GIVEN_DESCRIPTOR, &error) != OK)
        return fail(EX_CONFIG, &error);
    int status = 0;
    if (start_slot(&worker, command->identity, &error) != OK)
        status = fail(EX_OSERR, &error);
    else if (store_open(worker.configuration, STORE_WRITE, &worker.store, &error) != OK)
        status = fail(EX_UNAVAILABLE, &error);
    else
        status = worker_live(&worker);
    stop(&worker);
    return status;
}

static void sweep_expired(struct worker *worker)
{
    unsigned removed = 1;
    struct error error;
    for (int round = 0; round < SWEEP_EXPIRE_ROUNDS && removed > 0; round++) {
        if (store_expire(worker->store, clock_wall_ms(), SWEEP_EXPIRE_BATCH, clock_deadline(STORE_MS),
                         &removed, &error) != OK)
            return;
    }
}

/* One worker is enough: it starts the others itself when more is due than it can do. */
static enum outcome sweep_due(struct worker *worker, struct error *error)
{
    int64_t now_ms = clock_wall_ms(), next_ms;
    enum outcome outcome = store_next_due(worker->store, worker->configuration, now_ms,
                                          clock_deadline(STORE_MS), &next_ms, error);
    if (outcome == OK && next_ms != 0 && next_ms <= now_ms && !store_ring_work(worker->store))
        outcome = launch_worker(worker->configuration, worker->slots, error);
    if (outcome == OK &&
        store_next_delivery(worker->store, clock_deadline(STORE_MS), &next_ms, error) == OK && next_ms != 0 &&
        next_ms <= now_ms)
        outcome = deliverer_wake(worker->configuration, worker->store, error);
    return outcome == NOTFOUND ? OK : outcome;
}

static int sweep(const char *file)
{
    struct worker worker = {.supervised = false};
    struct error error;
    if (start(&worker, file, -1, &error) != OK)
        return fail(EX_CONFIG, &error);
    int status = 0;
    if (store_open(worker.configuration, STORE_WRITE, &worker.store, &error) != OK ||
        slots_open(worker.configuration->data_dir, (unsigned)worker.configuration->max_workers, &worker.slots,
                   &error) != OK)
        status = fail(EX_UNAVAILABLE, &error);
    if (status == 0) {
        care_orphans(&worker, SWEEP_PATIENCE_MS);
        if (sweep_due(&worker, &error) != OK)
            status = fail(EX_UNAVAILABLE, &error);
        scratch_remove_dead(worker.configuration->data_dir, worker.slots);
        sweep_expired(&worker);
    }
    stop(&worker);
    return status;
}

/* False: wrong. */
static bool parse_number(const char *text, int base, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, base);
    return errno == 0 && end != text && *end == '\0' && *number <= most;
}

/* -1: go on; else the exit status. */
static int parse_arguments(int count, char **arguments, struct command *command)
{
    static const struct option options[] = {COMMAND_LINE_OPTIONS,
                                            {"slot", required_argument, NULL, 's'},
                                            {"life", required_argument, NULL, 'l'},
                                            {"sweep", no_argument, NULL, 'w'},
                                            {0}};
    uint64_t number = 0;
    int option, status = -1;
    while (status < 0 && (option = getopt_long(count, arguments, COMMAND_LINE_SHORT, options, NULL)) != -1) {
        switch (option) {
        case 's':
            command->has_slot = parse_number(optarg, 10, SLOTS_MAX - 1, &number);
            command->identity.slot = (uint32_t)number;
            break;
        case 'l':
            command->has_life = parse_number(optarg, 16, UINT64_MAX, &command->identity.life);
            break;
        case 'w':
            command->sweep = true;
            break;
        default:
            status = command_line_option(&command->line, option);
        }
    }
    return status >= 0 ? status : command_line_end(&command->line, count, arguments, optind);
}

int main(int count, char **arguments)
{
    struct command command = {.line = {.program = "jobgate-worker", .usage = usage}};
    int status = parse_arguments(count, arguments, &command);
    if (status >= 0)
        return status;
    const char *file = configuration_path(command.line.file);
    if (command.sweep)
        return sweep(file);
    if (command.has_slot && command.has_life)
        return work(&command, file);
    command_line_usage(&command.line, stderr);
    return EX_USAGE;
}
