#include "config.h"
#include "launch.h"
#include "spawn.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a worker inherits of the environment it was started from; all else (HTTP_*, the web server's) ends
 * here. */
static const char *const kept[] = {"HOME", "LANG", "LC_ALL", "PATH", "TZ", "USER", "LOGNAME"};
#define KEPT_COUNT (sizeof kept / sizeof kept[0])

/* `given` becomes descriptor 3 when it is not -1. */
static enum outcome detach(char *const arguments[], char *const environment[], int given, struct error *error)
{
    struct spawn_plan plan = {
        .program = arguments[0],
        .arguments = arguments,
        .environment = environment,
        .folder = "/",
        .descriptors = {-1, -1, -1, [LAUNCH_GIVEN] = given},
        .descriptor_count = given >= 0 ? LAUNCH_GIVEN + 1 : LAUNCH_GIVEN,
    };
    int errno_value;
    enum outcome outcome = spawn_detached(&plan, &errno_value, error);
    return outcome == OK ? OK : IO;
}

enum outcome launch_detached(char *const argv[], char *const envp[], struct error *error)
{
    return detach(argv, envp, -1, error);
}

/* "NAME=value" for each name that is set, NULL-terminated; each text is the caller's to free. */
static bool keep_environment(char *environment[KEPT_COUNT + 1])
{
    size_t count = 0;
    environment[0] = NULL;
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        const char *value = getenv(kept[i]);
        if (value == NULL)
            continue;
        if (asprintf(&environment[count], "%s=%s", kept[i], value) < 0) {
            environment[count] = NULL;
            return false;
        }
        environment[++count] = NULL;
    }
    return true;
}

static enum outcome start(char *const arguments[], int given, struct error *error)
{
    char *environment[KEPT_COUNT + 1];
    enum outcome outcome;
    if (keep_environment(environment))
        outcome = detach(arguments, environment, given, error);
    else
        outcome = error_set(error, NOMEM, "starting %s: no memory", arguments[0]);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
    return outcome;
}

static enum outcome start_in(const struct configuration *configuration, unsigned slot, struct error *error)
{
    char number[16];
    int given = -1;
    snprintf(number, sizeof number, "%u", slot);
    enum outcome outcome = configuration_give(configuration, &given, error);
    if (outcome != OK)
        return outcome;
    char *arguments[] = {(char *)configuration->worker_program,
                         "--config",
                         (char *)configuration->file,
                         "--slot",
                         number,
                         "--given",
                         NULL};
    outcome = start(arguments, given, error);
    close(given);
    return outcome;
}

enum outcome launch_program(const struct configuration *configuration, const char *program,
                            struct error *error)
{
    char path[PATH_MAX];
    const char *worker = configuration->worker_program;
    int folder = (int)(strrchr(worker, '/') - worker);
    if (snprintf(path, sizeof path, "%.*s/%s", folder, worker, program) >= (int)sizeof path)
        return error_set(error, IO, "%s: the name is too long", worker);
    char *arguments[] = {path, "--config", (char *)configuration->file, NULL};
    return start(arguments, -1, error);
}

enum outcome launch_worker(const struct configuration *configuration, struct slots *slots,
                           struct error *error)
{
    unsigned slot;
    if (!slots_reserve(slots, &slot))
        return error_set(error, NOTFOUND, "no slot is free");
    enum outcome outcome = start_in(configuration, slot, error);
    if (outcome != OK)
        slots_unreserve(slots, slot);
    return outcome;
}
