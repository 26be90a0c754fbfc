/* functions.c - functions */
#include "config.h"
#include "command.h"

#include "inventory.h"
#include "output.h"
#include "setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool names_only;

static struct json_object *entry_object(const struct control *control, const struct inventory_entry *entry)
{
    const struct function_settings *settings = configuration_function(control->configuration, entry->name);
    struct json_object *object = json_object_new_object(), *jobs = json_object_new_object();
    json_add_text(object, "name", entry->name);
    json_add_boolean(object, "installed", entry->installed);
    json_add_boolean(object, "default", strcmp(entry->name, control->configuration->default_function) == 0);
    json_add_boolean(object, "paused", settings->concurrency == 0);
    if (settings->concurrency >= 0)
        json_add_integer(object, "concurrency", settings->concurrency);
    json_add_integer(object, "timeoutMs", settings->timeout_ms);
    json_add_integer(object, "retries", settings->policy.retries);
    for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
        json_add_integer(jobs, job_status_name((enum job_status)status), (int64_t)entry->jobs[status]);
    json_add(object, "jobs", jobs);
    return object;
}

static void print_entry(const struct control *control, const struct inventory_entry *entry)
{
    const struct function_settings *settings = configuration_function(control->configuration, entry->name);
    struct buffer timeout = {0}, concurrency = {0};
    setting_print_number(SETTING_DURATION, settings->timeout_ms, &timeout);
    setting_print_number(SETTING_LIMIT, settings->concurrency, &concurrency);
    printf("%-24s  %-13s  %8s  %7" PRId64 "  %8" PRIu64 "  %8" PRIu64 "  %9" PRIu64 "  %6" PRIu64 "\n",
           entry->name,
           !entry->installed             ? "not installed"
           : settings->concurrency == 0  ? "paused"
           : settings->concurrency == -1 ? "ready"
                                         : (concurrency.failed ? "" : concurrency.data),
           timeout.failed ? "" : timeout.data, settings->policy.retries, entry->jobs[JOB_QUEUED],
           entry->jobs[JOB_RUNNING], entry->jobs[JOB_SUCCEEDED], entry->jobs[JOB_FAILED]);
    buffer_free(&timeout);
    buffer_free(&concurrency);
}

static int run_functions(struct control *control)
{
    struct inventory_entry *entries = NULL;
    struct error error;
    size_t count = 0;
    enum outcome outcome = inventory_take(control, &entries, &count, &error);
    if (outcome != OK)
        return control_fail(outcome, &error);
    struct json_object *list = control->json ? json_object_new_array() : NULL;
    if (!control->json && !names_only)
        output_title("FUNCTION                  CONCURRENCY     TIMEOUT  RETRIES    QUEUED   RUNNING  "
                     "SUCCEEDED  FAILED");
    for (size_t i = 0; i < count; i++) {
        if (names_only)
            puts(entries[i].name);
        else if (control->json)
            json_object_array_add(list, entry_object(control, &entries[i]));
        else
            print_entry(control, &entries[i]);
    }
    free(entries);
    return list != NULL ? output_json(list) : 0;
}

static const struct command_option options[] = {{"names", OPTION_FLAG, NULL, "only the names", &names_only},
                                                {0}};

const struct command functions_command = {
    .name = "functions",
    .arguments = "",
    .summary = "the functions, their limits and how many jobs they have",
    .help = "Lists the functions that are installed, and those that only have jobs any more. One\n"
            "that is refused (its mode, its owner) is not there: jobgatectl doctor says why.",
    .needs = NEEDS_READING,
    .options = options,
    .run = run_functions,
};
