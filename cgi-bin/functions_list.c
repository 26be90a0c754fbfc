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

/* What the document is made of: both lists are sorted by name, and so is their union. */
struct inventory {
    const struct configuration *configuration;
    const struct access_key *caller; /* sees only the functions that it may use */
    struct function *functions;
    size_t function_count;
    struct store_counts *counts;
    size_t count;
};

/* Functions that have jobs but were taken away are told as well. */
static struct json_object *make_list(const struct inventory *inventory, uint64_t totals[JOB_STATUS_COUNT])
{
    struct json_object *list = json_object_new_array();
    size_t f = 0, c = 0;
    while (list != NULL && (f < inventory->function_count || c < inventory->count)) {
        int order = f == inventory->function_count ? 1
                    : c == inventory->count
                        ? -1
                        : strcmp(inventory->functions[f].name, inventory->counts[c].function);
        const struct store_counts *counts = order >= 0 ? &inventory->counts[c] : NULL;
        const char *name = counts != NULL ? counts->function : inventory->functions[f].name;
        if (access_may_use(inventory->caller, name)) {
            json_object_array_add(list, function_object(inventory->configuration, name, order <= 0, counts));
            for (int status = JOB_QUEUED; counts != NULL && status < JOB_STATUS_COUNT; status++)
                totals[status] += counts->jobs[status];
        }
        f += order <= 0;
        c += order >= 0;
    }
    return list;
}

static struct json_object *make_document(const struct inventory *inventory)
{
    uint64_t totals[JOB_STATUS_COUNT] = {0};
    struct json_object *document = json_object_new_object();
    json_add(document, "functions", make_list(inventory, totals));
    json_add(document, "jobs", counts_object(totals));
    json_add_integer(document, "maxWorkers", inventory->configuration->max_workers);
    json_add_integer(document, "maxEventSize", inventory->configuration->max_event_size);
    return document;
}

void functions_list(struct exchange *exchange)
{
    struct error error = {0};
    struct inventory inventory = {.configuration = exchange->configuration, .caller = &exchange->caller};
    enum outcome outcome =
        function_list(exchange->configuration, &inventory.functions, &inventory.function_count, &error);
    if (outcome == OK)
        outcome =
            store_count(exchange->store, exchange->deadline_ms, &inventory.counts, &inventory.count, &error);
    if (outcome == OK)
        response_json(&exchange->response, 200, make_document(&inventory));
    else
        exchange_fail(exchange, outcome == NOTFOUND ? IO : outcome, &error);
    free(inventory.functions);
    free(inventory.counts);
}
