/* pause.c - pause, resume */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "function.h"
#include "output.h"
#include "paused.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_AFTER_US 1200000 /* running programs look at the configuration once a second */

static enum outcome change(struct control *control, const char *name, bool paused, struct error *error)
{
    bool changed;
    struct function function;
    /* A slip of the pen pauses nothing, and would be believed. One that was taken away can still be resumed. */
    if (paused && function_find(control->configuration, name, &function, error) == NOTFOUND)
        return NOTFOUND;
    return paused_change(control->configuration->data_dir, name, paused, &changed, error);
}

static void tell(const struct control *control, const char *name, bool paused)
{
    if (control->json)
        return;
    printf("%s is %s\n", name, paused ? "paused: its jobs wait, what runs goes on" : "resumed");
}

static int print_list(const struct control *control, bool paused)
{
    struct json_object *document = json_object_new_object(), *names = json_object_new_array();
    for (int i = 0; i < control->count; i++)
        json_object_array_add(names, json_object_new_string(control->arguments[i]));
    json_add(document, paused ? "paused" : "resumed", names);
    return output_json(document);
}

static int change_all(struct control *control, bool paused)
{
    for (int i = 0; i < control->count; i++) {
        struct error error;
        enum outcome outcome = change(control, control->arguments[i], paused, &error);
        if (outcome != OK)
            return control_fail(outcome, &error);
        tell(control, control->arguments[i], paused);
    }
    return control->json ? print_list(control, paused) : 0;
}

static int run_pause(struct control *control)
{
    return change_all(control, true);
}

const struct command pause_command = {
    .name = "pause",
    .arguments = "FUNCTION...",
    .summary = "run no more jobs of a function for now",
    .help = "Pauses functions: their jobs are accepted and wait; what runs already goes on. Running\n"
            "programs see it within a second. It is kept in the file `paused` of data_dir, so it\n"
            "lasts until resume, whatever is restarted.",
    .least = 1,
    .most = -1,
    .needs = NEEDS_CONFIGURATION,
    .run = run_pause,
};

/* ---- resume ---- */

static bool still_paused(const struct control *control, const char *name)
{
    return configuration_function(control->configuration, name)->concurrency == 0;
}

/* Idle workers are woken once they have seen the change, so that nothing waits out their sleep. */
static int run_resume(struct control *control)
{
    struct error error;
    int status = change_all(control, false);
    if (status != 0)
        return status;
    configuration_release(control->configuration);
    control->configuration = NULL;
    enum outcome outcome = control_load(control, &error);
    if (outcome != OK)
        return control_fail(outcome, &error);
    for (int i = 0; i < control->count; i++)
        if (still_paused(control, control->arguments[i]))
            return control_refuse(1, "%s has concurrency = 0 in %s: change it there", control->arguments[i],
                                  control->configuration->file);
    control_wake(control);
    fflush(stdout);
    clock_sleep_us(SEEN_AFTER_US);
    control_wake(control);
    return 0;
}

const struct command resume_command = {
    .name = "resume",
    .arguments = "FUNCTION...",
    .summary = "run the jobs of a paused function again",
    .help = "Ends a pause. A function that has concurrency = 0 in the configuration stays paused:\n"
            "exit status 1.",
    .least = 1,
    .most = -1,
    .needs = NEEDS_WRITING,
    .run = run_resume,
};
