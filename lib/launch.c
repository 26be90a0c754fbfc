#include "config.h"
#include "launch.h"
#include "spawn.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a worker inherits of the environment it was started from; all else (HTTP_*, the web server's) ends
 * here. */
static const char *const kept[] = {"HOME", "LANG", "LC_ALL", "PATH", "TZ", "USER", "LOGNAME"};
#define KEPT_COUNT (sizeof kept / sizeof kept[0])

enum outcome launch_detached(char *const argv[], char *const envp[], struct error *error)
{
    struct spawn_plan plan = {
        .program = argv[0],
        .arguments = argv,
        .environment = envp,
        .folder = "/",
        .descriptors = {-1, -1, -1},
        .descriptor_count = 3,
    };
    int errno_value;
    enum outcome outcome = spawn_detached(&plan, &errno_value, error);
    return outcome == OK ? OK : IO;
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

static enum outcome start(char *const arguments[], struct error *error)
{
    char *environment[KEPT_COUNT + 1];
    enum outcome outcome;
    if (keep_environment(environment))
        outcome = launch_detached(arguments, environment, error);
    else
        outcome = error_set(error, NOMEM, "starting %s: no memory", arguments[0]);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
    return outcome;
}

static enum outcome start_in(const struct configuration *configuration, unsigned slot, struct error *error)
{
    char number[16];
    snprintf(number, sizeof number, "%u", slot);
    char *arguments[] = {(char *)configuration->worker_program,
                         "--config",
                         (char *)configuration->file,
                         "--slot",
                         number,
                         NULL};
    return start(arguments, error);
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
    return start(arguments, error);
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
