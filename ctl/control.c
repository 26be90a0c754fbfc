/* control.c - what the commands share: failing, opening the store, waking workers */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "launch.h"
#include "log.h"
#include "slots.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int control_fail(enum outcome outcome, const struct error *error)
{
    static const int statuses[] = {
        [OK] = 0,
        [NOTFOUND] = EX_NOINPUT,
        [GONE] = EX_NOINPUT,
        [CONFLICT] = 1,
        [RETRY] = EX_TEMPFAIL,
        [UNAVAILABLE] = EX_UNAVAILABLE,
        [FULL] = EX_TEMPFAIL,
        [INVALID] = EX_DATAERR,
        [NOMEM] = EX_OSERR,
        [IO] = EX_IOERR,
    };
    fprintf(stderr, "jobgatectl: %s\n", error->text[0] != '\0' ? error->text : outcome_name(outcome));
    return statuses[outcome];
}

int control_misused(const struct control *control, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "jobgatectl %s: ", control->command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (jobgatectl %s --help says more)\n", control->command->name);
    return EX_USAGE;
}

int control_refuse(int status, const char *format, ...)
{
    va_list arguments;
    fputs("jobgatectl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n", stderr);
    return status;
}

enum outcome control_load(struct control *control, struct error *error)
{
    return configuration_load(control->file, &control->configuration, error);
}

void control_open_log(const struct control *control)
{
    const struct configuration *configuration = control->configuration;
    if (configuration->log_file[0] != '\0' &&
        log_open("jobgatectl", configuration->log_file, (enum log_level)configuration->log_level, NULL) == OK)
        return;
    log_open("jobgatectl", NULL, LOG_LEVEL_WARNING, NULL);
}

int control_open_store(struct control *control, enum store_access access)
{
    struct error error;
    enum outcome outcome = store_open(control->configuration, access, &control->store, &error);
    return outcome == OK ? 0 : control_fail(outcome, &error);
}

int64_t control_deadline(void)
{
    return clock_deadline(COMMAND_STORE_MS);
}

bool control_parse_id(const char *text, struct job_id *id)
{
    if (job_id_parse(text, strlen(text), id) == OK)
        return true;
    fprintf(stderr, "jobgatectl: \"%s\" is no job id\n", text);
    return false;
}

void control_wake(struct control *control)
{
    const struct configuration *configuration = control->configuration;
    struct slots *slots = NULL;
    struct error error;
    if (store_ring_work(control->store))
        return;
    enum outcome outcome =
        slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, &error);
    if (outcome == OK)
        outcome = launch_worker(configuration, slots, &error);
    slots_close(slots);
    if (outcome != OK && outcome != NOTFOUND)
        fprintf(stderr, "jobgatectl: no worker could be started, the job waits for the next one: %s\n",
                error.text);
}
