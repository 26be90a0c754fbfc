/* GET /metrics: Prometheus text format 0.0.4. GET /stats: the same happenings by minute, for the status page's charts.
 *
 * Both cost what the number of functions costs, not what the store holds: counters come from the meter, the jobs by status
 * from the store's counted index. Counters never go back but when the file `meter` is made anew. */
#include "config.h"
#include "handlers.h"

#include "clock.h"
#include "guard.h"
#include "meter.h"
#include "service.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Prometheus ---- */

static void family(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP jobgate_%s %s\n# TYPE jobgate_%s %s\n", name, help, name, type);
}

static void gauge(struct buffer *out, const char *name, const char *help, int64_t value)
{
    family(out, name, "gauge", help);
    buffer_printf(out, "jobgate_%s %" PRId64 "\n", name, value);
}

static void write_histogram(struct buffer *out, const char *name, const char *function,
                            const struct meter_histogram *histogram)
{
    uint64_t count = 0;
    for (int i = 0; i < METER_BUCKETS; i++) {
        count += histogram->buckets[i];
        buffer_printf(out, "jobgate_%s_bucket{function=\"%s\",le=\"", name, function);
        if (i < METER_BUCKETS - 1)
            buffer_printf(out, "%g", (double)meter_bounds_ms[i] / 1000);
        else
            buffer_append_text(out, "+Inf");
        buffer_printf(out, "\"} %" PRIu64 "\n", count);
    }
    buffer_printf(out, "jobgate_%s_sum{function=\"%s\"} %.3f\n", name, function,
                  (double)histogram->sum_ms / 1000);
    buffer_printf(out, "jobgate_%s_count{function=\"%s\"} %" PRIu64 "\n", name, function, count);
}

static void write_jobs(struct buffer *out, const struct store_counts *counts, size_t count)
{
    family(out, "jobs", "gauge", "Jobs in the store, by function and status.");
    for (size_t i = 0; i < count; i++)
        for (int status = JOB_QUEUED; status < JOB_STATUS_COUNT; status++)
            buffer_printf(out, "jobgate_jobs{function=\"%s\",status=\"%s\"} %" PRIu64 "\n",
                          counts[i].function, job_status_name((enum job_status)status),
                          counts[i].jobs[status]);
}

static void write_counters(struct buffer *out, const struct meter_function *functions, size_t count)
{
    family(out, "jobs_submitted_total", "counter", "Jobs accepted.");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "jobgate_jobs_submitted_total{function=\"%s\"} %" PRIu64 "\n",
                      functions[i].function, functions[i].submitted);
    family(out, "jobs_ended_total", "counter", "Jobs ended, by how.");
    for (size_t i = 0; i < count; i++)
        for (int status = JOB_SUCCEEDED; status < JOB_STATUS_COUNT; status++)
            buffer_printf(out, "jobgate_jobs_ended_total{function=\"%s\",status=\"%s\"} %" PRIu64 "\n",
                          functions[i].function, job_status_name((enum job_status)status),
                          functions[i].ended[status]);
    family(out, "attempts_total", "counter", "Attempts started.");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "jobgate_attempts_total{function=\"%s\"} %" PRIu64 "\n", functions[i].function,
                      functions[i].attempts);
    family(out, "attempts_retried_total", "counter", "Attempts after which the job went back to the queue.");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "jobgate_attempts_retried_total{function=\"%s\"} %" PRIu64 "\n",
                      functions[i].function, functions[i].retried);
    family(out, "attempt_duration_seconds", "histogram", "How long attempts ran.");
    for (size_t i = 0; i < count; i++)
        write_histogram(out, "attempt_duration_seconds", functions[i].function, &functions[i].duration);
    family(out, "queue_wait_seconds", "histogram", "From being due to being started.");
    for (size_t i = 0; i < count; i++)
        write_histogram(out, "queue_wait_seconds", functions[i].function, &functions[i].wait);
}

static enum outcome write_store(struct exchange *exchange, struct buffer *out, struct error *error)
{
    struct store_health health;
    int64_t next_ms = 0;
    int64_t now_ms = clock_wall_ms();
    enum outcome outcome = store_health(exchange->store, exchange->deadline_ms, &health, error);
    if (outcome == OK)
        outcome = store_next_due(exchange->store, exchange->configuration, now_ms, exchange->deadline_ms,
                                 &next_ms, error);
    if (outcome != OK)
        return outcome;
    gauge(out, "workers", "Slots that are taken.",
          (int64_t)service_workers(exchange->service, exchange->configuration));
    gauge(out, "workers_max", "Slots there are.", exchange->configuration->max_workers);
    family(out, "oldest_due_seconds", "gauge", "How long the job that is due longest has been waiting.");
    buffer_printf(out, "jobgate_oldest_due_seconds %.3f\n",
                  next_ms > 0 && next_ms < now_ms ? (double)(now_ms - next_ms) / 1000 : 0.0);
    gauge(out, "store_accepts_jobs",
          "1 when a job would be accepted: space is there, and no sync has failed.", health.accepts == OK);
    gauge(out, "store_recoveries", "Recoveries since the store was made.", (int64_t)health.generation);
    family(out, "store_sync_seconds", "summary", "Syncs of the log to the disk; many requests share one.");
    buffer_printf(out, "jobgate_store_sync_seconds_sum %.6f\njobgate_store_sync_seconds_count %" PRIu64 "\n",
                  (double)health.sync_us / 1e6, health.syncs);
    gauge(out, "store_free_bytes", "Free space on the store's disk.", (int64_t)health.free_bytes);
    return OK;
}

/* A key that names functions reads of those. */
static size_t keep_counts(const struct access_key *caller, struct store_counts *counts, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (access_may_use(caller, counts[i].function))
            counts[kept++] = counts[i];
    return kept;
}

static size_t keep_functions(const struct access_key *caller, struct meter_function *functions, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (access_may_use(caller, functions[i].function))
            functions[kept++] = functions[i];
    return kept;
}

static enum outcome write_all(struct exchange *exchange, struct meter_function *functions,
                              struct error *error)
{
    struct buffer *out = &exchange->response.body;
    struct store_counts *counts = NULL;
    size_t count = 0;
    struct meter *meter = service_meter(exchange->service, exchange->configuration, error);
    if (meter == NULL)
        return IO;
    enum outcome outcome = store_count(exchange->store, exchange->deadline_ms, &counts, &count, error);
    if (outcome == OK)
        outcome = write_store(exchange, out, error);
    if (outcome == OK) {
        const struct access_key *caller = &exchange->caller;
        write_jobs(out, counts, keep_counts(caller, counts, count));
        write_counters(out, functions, keep_functions(caller, functions, meter_functions(meter, functions)));
    }
    free(counts);
    return outcome;
}

void metrics_show(struct exchange *exchange)
{
    struct error error = {0};
    struct meter_function *functions = malloc(METER_FUNCTIONS * sizeof *functions);
    enum outcome outcome = functions != NULL ? write_all(exchange, functions, &error)
                                             : error_set(&error, NOMEM, "no memory for the metrics");
    free(functions);
    if (outcome != OK) {
        exchange_fail(exchange, outcome == NOTFOUND ? IO : outcome, &error);
        return;
    }
    exchange->response.status = 200;
    response_header(&exchange->response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
}

/* ---- charts ---- */

struct window {
    const char *name;
    unsigned minutes;
    unsigned step; /* minutes in a point */
};

static const struct window windows[] = {{"hour", 60, 1}, {"day", 1440, 20}};

#define POINTS_MOST 72

static const struct window *find_window(struct exchange *exchange)
{
    const char *name = request_parameter(&exchange->request, "window");
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        if (name == NULL || strcmp(name, windows[i].name) == 0)
            return &windows[i];
    response_fail(&exchange->response, 400, "Bad request", "window= is hour or day.");
    return NULL;
}

static uint32_t ended(const struct meter_period *period)
{
    return period->ended[JOB_SUCCEEDED] + period->ended[JOB_FAILED] + period->ended[JOB_CANCELLED];
}

/* What there is now is known; what there was before a period follows from what came and went in it. */
static struct json_object *points_of(const struct meter_period *periods, unsigned count, int64_t open,
                                     int64_t running)
{
    struct json_object *points[POINTS_MOST];
    for (unsigned i = count; i-- > 0;) {
        const struct meter_period *period = &periods[i];
        struct json_object *point = json_object_new_object();
        json_add_time(point, "start", period->start_ms);
        json_add_integer(point, "submitted", period->submitted);
        json_add_integer(point, "succeeded", period->ended[JOB_SUCCEEDED]);
        json_add_integer(point, "failed", period->ended[JOB_FAILED]);
        json_add_integer(point, "cancelled", period->ended[JOB_CANCELLED]);
        json_add_integer(point, "running", running > 0 ? running : 0);
        json_add_integer(point, "waiting", open > running ? open - (running > 0 ? running : 0) : 0);
        if (period->stopped > 0) {
            json_add_integer(point, "p50Ms", meter_quantile_ms(period->durations, 500));
            json_add_integer(point, "p95Ms", meter_quantile_ms(period->durations, 950));
        }
        points[i] = point;
        open += (int64_t)ended(period) - period->submitted;
        running += (int64_t)period->stopped - period->started;
    }
    struct json_object *list = json_object_new_array();
    for (unsigned i = 0; i < count; i++)
        if (list == NULL || json_object_array_add(list, points[i]) != 0)
            json_object_put(points[i]);
    return list;
}

static void count_open(const struct store_counts *counts, size_t count, int64_t *open, int64_t *running)
{
    *open = *running = 0;
    for (size_t i = 0; i < count; i++) {
        *running += (int64_t)counts[i].jobs[JOB_RUNNING];
        *open += (int64_t)(counts[i].jobs[JOB_RUNNING] + counts[i].jobs[JOB_QUEUED]);
    }
}

void stats_show(struct exchange *exchange)
{
    struct error error = {0};
    struct meter_period periods[POINTS_MOST];
    struct store_counts *counts = NULL;
    size_t count = 0;
    int64_t open, running;
    const struct window *window = find_window(exchange);
    if (window == NULL || !guard_may_see_all(exchange))
        return;
    struct meter *meter = service_meter(exchange->service, exchange->configuration, &error);
    enum outcome outcome =
        meter == NULL ? IO : store_count(exchange->store, exchange->deadline_ms, &counts, &count, &error);
    if (outcome != OK) {
        exchange_fail(exchange, outcome == NOTFOUND ? IO : outcome, &error);
        return;
    }
    count_open(counts, count, &open, &running);
    free(counts);
    meter_periods(meter, clock_wall_ms(), window->minutes, window->step, periods);
    struct json_object *document = json_object_new_object();
    json_add_text(document, "window", window->name);
    json_add_integer(document, "stepSeconds", window->step * 60);
    json_add(document, "points", points_of(periods, window->minutes / window->step, open, running));
    response_json(&exchange->response, 200, document);
}
