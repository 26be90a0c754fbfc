/* stats.c - stats: counts, the last hour and day, workers, store */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "inventory.h"
#include "meter.h"
#include "output.h"
#include "slots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct figures {
    struct inventory_entry *entries;
    size_t count;
    uint64_t totals[JOB_STATUS_COUNT];
    struct meter_period hour, day;
    struct store_health health;
    unsigned workers;
};

static enum outcome take_meter(const struct configuration *configuration, struct figures *figures,
                               struct error *error)
{
    struct meter *meter = NULL;
    enum outcome outcome = meter_open(configuration->data_dir, &meter, error);
    if (outcome != OK)
        return outcome;
    int64_t now = clock_wall_ms();
    meter_periods(meter, now, 60, 60, &figures->hour);
    meter_periods(meter, now, METER_MINUTES, METER_MINUTES, &figures->day);
    meter_close(meter);
    return OK;
}

static enum outcome take(struct control *control, struct figures *figures, struct error *error)
{
    const struct configuration *configuration = control->configuration;
    struct slots *slots = NULL;
    enum outcome outcome = inventory_take(control, &figures->entries, &figures->count, error);
    for (size_t i = 0; i < figures->count; i++)
        for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
            figures->totals[status] += figures->entries[i].jobs[status];
    if (outcome == OK)
        outcome = store_health(control->store, control_deadline(), &figures->health, error);
    if (outcome == OK)
        outcome = take_meter(configuration, figures, error);
    if (outcome == OK)
        outcome = slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, error);
    if (outcome == OK)
        figures->workers = slots_taken(slots);
    slots_close(slots);
    return outcome;
}

static struct json_object *counts_object(const uint64_t jobs[JOB_STATUS_COUNT])
{
    struct json_object *object = json_object_new_object();
    for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
        json_add_integer(object, job_status_name((enum job_status)status), (int64_t)jobs[status]);
    return object;
}

static struct json_object *period_object(const struct meter_period *period)
{
    struct json_object *object = json_object_new_object();
    json_add_integer(object, "submitted", period->submitted);
    json_add_integer(object, "succeeded", period->ended[JOB_SUCCEEDED]);
    json_add_integer(object, "failed", period->ended[JOB_FAILED]);
    json_add_integer(object, "cancelled", period->ended[JOB_CANCELLED]);
    json_add_integer(object, "attempts", period->started);
    json_add_integer(object, "durationP50Ms", meter_quantile_ms(period->durations, 500));
    json_add_integer(object, "durationP95Ms", meter_quantile_ms(period->durations, 950));
    return object;
}

static int print_document(const struct control *control, const struct figures *figures)
{
    struct json_object *document = json_object_new_object(), *functions = json_object_new_object();
    struct json_object *store = json_object_new_object();
    json_add(document, "jobs", counts_object(figures->totals));
    for (size_t i = 0; i < figures->count; i++) /* the name is copied: no literal */
        json_object_object_add(functions, figures->entries[i].name, counts_object(figures->entries[i].jobs));
    json_add(document, "functions", functions);
    json_add(document, "lastHour", period_object(&figures->hour));
    json_add(document, "lastDay", period_object(&figures->day));
    json_add_integer(document, "workers", figures->workers);
    json_add_integer(document, "maxWorkers", control->configuration->max_workers);
    json_add_boolean(store, "acceptsJobs", figures->health.accepts == OK);
    json_add_text(store, "trouble", figures->health.trouble);
    json_add_integer(store, "freeBytes", (int64_t)figures->health.free_bytes);
    json_add_integer(store, "recoveries", (int64_t)figures->health.generation);
    json_add_integer(store, "syncs", (int64_t)figures->health.syncs);
    json_add_integer(store, "syncMs", (int64_t)(figures->health.sync_us / 1000));
    json_add(document, "store", store);
    return output_json(document);
}

static void print_period(const char *name, const struct meter_period *period)
{
    printf("%-10s %9" PRIu32 " %9" PRIu32 " %9" PRIu32 " %9" PRIu32 " %9s %9s\n", name, period->submitted,
           period->ended[JOB_SUCCEEDED], period->ended[JOB_FAILED], period->ended[JOB_CANCELLED],
           output_span(meter_quantile_ms(period->durations, 500)),
           output_span(meter_quantile_ms(period->durations, 950)));
}

static void print_counts(const char *name, const uint64_t jobs[JOB_STATUS_COUNT])
{
    printf("%-24s", name);
    for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
        printf(" %10" PRIu64, jobs[status]);
    fputs("\n", stdout);
}

static void print_figures(const struct control *control, const struct figures *figures)
{
    const struct store_health *health = &figures->health;
    output_title("FUNCTION                     QUEUED    RUNNING  SUCCEEDED     FAILED  CANCELLED");
    for (size_t i = 0; i < figures->count; i++)
        print_counts(figures->entries[i].name, figures->entries[i].jobs);
    print_counts("all", figures->totals);
    output_title("\nIN THE     SUBMITTED SUCCEEDED    FAILED CANCELLED    MEDIAN      95 %");
    print_period("last hour", &figures->hour);
    print_period("last day", &figures->day);
    printf("\n%u of %" PRId64 " workers; store: %s free, recovered %" PRIu64 " times%s%s\n", figures->workers,
           control->configuration->max_workers, output_size(health->free_bytes), health->generation,
           health->trouble[0] != '\0' ? "; " : "", health->trouble);
}

static int run_stats(struct control *control)
{
    struct figures figures = {.count = 0};
    struct error error;
    enum outcome outcome = take(control, &figures, &error);
    int status = 0;
    if (outcome != OK)
        status = control_fail(outcome, &error);
    else if (control->json)
        status = print_document(control, &figures);
    else
        print_figures(control, &figures);
    free(figures.entries);
    return status;
}

const struct command stats_command = {
    .name = "stats",
    .arguments = "",
    .summary = "counts, the last hour and day, workers, the store",
    .help = "Shows how many jobs there are, what has happened in the last hour and day, and how\n"
            "the store is. Its cost does not grow with the store.",
    .needs = NEEDS_READING,
    .run = run_stats,
};
