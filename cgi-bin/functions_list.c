/* GET /functions: what is installed, with its limits, and how many jobs of each are in which status. */
#include "config.h"
#include "function.h"
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

static struct json_object *counts_object(const uint64_t jobs[JOB_STATUS_COUNT])
{
    struct json_object *object = json_object_new_object();
    for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
        json_add_integer(object, job_status_name((enum job_status)status), (int64_t)jobs[status]);
    return object;
}

static void add_limits(struct json_object *entry, const struct function_settings *settings)
{
    json_add_boolean(entry, "paused", settings->concurrency == 0);
    if (settings->concurrency >= 0)
        json_add_integer(entry, "concurrency", settings->concurrency);
    json_add_integer(entry, "timeoutMs", settings->timeout_ms);
    json_add_integer(entry, "retries", settings->policy.retries);
    json_add_integer(entry, "backoffMs", settings->policy.backoff_ms);
    json_add_integer(entry, "maxEventAgeMs", settings->policy.max_event_age_ms);
    if (settings->memory > 0)
        json_add_integer(entry, "memory", settings->memory);
}

static struct json_object *function_object(const struct configuration *configuration, const char *name,
                                           bool installed, const struct store_counts *counts)
{
    static const uint64_t none[JOB_STATUS_COUNT] = {0};
    struct json_object *entry = json_object_new_object();
    json_add_text(entry, "name", name);
    json_add_boolean(entry, "installed", installed);
    json_add_boolean(entry, "default", strcmp(name, configuration->default_function) == 0);
    add_limits(entry, configuration_function(configuration, name));
    json_add(entry, "jobs", counts_object(counts != NULL ? counts->jobs : none));
    return entry;
}

/* Both lists are sorted by name, and so is their union: functions that have jobs but were taken away are told as well. */
static struct json_object *make_list(const struct configuration *configuration,
                                     const struct function *functions, size_t function_count,
                                     const struct store_counts *counts, size_t count)
{
    struct json_object *list = json_object_new_array();
    size_t f = 0, c = 0;
    while (list != NULL && (f < function_count || c < count)) {
        int order = f == function_count ? 1 : c == count ? -1 : strcmp(functions[f].name, counts[c].function);
        const char *name = order <= 0 ? functions[f].name : counts[c].function;
        json_object_array_add(
            list, function_object(configuration, name, order <= 0, order >= 0 ? &counts[c] : NULL));
        f += order <= 0;
        c += order >= 0;
    }
    return list;
}

static struct json_object *make_document(const struct configuration *configuration,
                                         const struct function *functions, size_t function_count,
                                         const struct store_counts *counts, size_t count)
{
    uint64_t totals[JOB_STATUS_COUNT] = {0};
    struct json_object *document = json_object_new_object();
    for (size_t i = 0; i < count; i++)
        for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
            totals[status] += counts[i].jobs[status];
    json_add(document, "functions", make_list(configuration, functions, function_count, counts, count));
    json_add(document, "jobs", counts_object(totals));
    json_add_integer(document, "maxWorkers", configuration->max_workers);
    json_add_integer(document, "maxEventSize", configuration->max_event_size);
    return document;
}

void functions_list(struct exchange *exchange)
{
    struct error error = {0};
    struct function *functions = NULL;
    struct store_counts *counts = NULL;
    size_t function_count = 0, count = 0;
    enum outcome outcome = function_list(exchange->configuration, &functions, &function_count, &error);
    if (outcome == OK)
        outcome = store_count(exchange->store, exchange->deadline_ms, &counts, &count, &error);
    if (outcome == OK)
        response_json(&exchange->response, 200,
                      make_document(exchange->configuration, functions, function_count, counts, count));
    else
        exchange_fail(exchange, outcome == NOTFOUND ? IO : outcome, &error);
    free(functions);
    free(counts);
}
