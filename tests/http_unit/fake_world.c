#include "config.h"
#include "fake_world.h"

#include "access.h"
#include "clock.h"
#include "function.h"
#include "deliverer.h"
#include "launch.h"
#include "slots.h"
#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX  64
#define CALLS_MAX 64

struct fake_record {
    struct job job;
    struct buffer event, result, log;
    char key[256];
    uint8_t fingerprint[32];
};

struct store {
    int unused;
};

struct slots {
    int unused;
};

static struct {
    pthread_mutex_t lock;
    struct configuration configuration;
    struct fake_record jobs[JOBS_MAX];
    size_t count;
    struct {
        const char *name;
        enum outcome outcome;
        unsigned calls;
    } calls[CALLS_MAX];
    enum job_status ends;
    const char *ends_with;
    uint64_t stamp;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct store the_store;
static struct slots the_slots;

static atomic_bool syncs_are_held;

void fake_hold_syncs(bool hold)
{
    atomic_store(&syncs_are_held, hold);
}

void fake_reset(void)
{
    fake_hold_syncs(false);
    for (size_t i = 0; i < world.count; i++) {
        buffer_free(&world.jobs[i].event);
        buffer_free(&world.jobs[i].result);
        buffer_free(&world.jobs[i].log);
    }
    memset(world.jobs, 0, sizeof world.jobs);
    memset(world.calls, 0, sizeof world.calls);
    world.count = 0;
    world.ends = 0;
    world.stamp = 0;
    world.configuration = (struct configuration){
        .file = "/fake/jobgate.conf",
        .data_dir = "/fake/data",
        .functions_dir = "/",
        .worker_program = "/bin/sh",
        .log_file = "",
        .path = "/bin",
        .default_function = "echo",
        .base_url = "",
        .accepted_status = 202,
        .max_event_size = 1024,
        .wait_max_ms = 2000,
        .threads = 4,
        .max_workers = 4,
        .store_deadline_ms = 1000,
        .anonymous = SCOPE_ALL,
        .cors_origins = "",
        .keys_file = "/fake/data/keys",
        .idempotency_ttl_ms = 1000,
    };
}

static unsigned call_index(const char *call)
{
    unsigned i = 0;
    while (world.calls[i].name != NULL && strcmp(world.calls[i].name, call) != 0)
        i++;
    world.calls[i].name = call;
    return i;
}

void fake_fail(const char *call, enum outcome outcome)
{
    world.calls[call_index(call)].outcome = outcome;
}

unsigned fake_calls(const char *call)
{
    return world.calls[call_index(call)].calls;
}

struct configuration *fake_configuration(void)
{
    return &world.configuration;
}

size_t fake_job_count(void)
{
    return world.count;
}

/* Counts the call; its outcome is the one that the test has asked for, with words that must never reach a client. */
static enum outcome enter(const char *call, struct error *error)
{
    pthread_mutex_lock(&world.lock);
    unsigned i = call_index(call);
    world.calls[i].calls++;
    enum outcome outcome = world.calls[i].outcome;
    pthread_mutex_unlock(&world.lock);
    return outcome == OK ? OK : error_set(error, outcome, "secret words of %s about /fake/data", call);
}

static struct fake_record *find(const struct job_id *id)
{
    for (size_t i = 0; i < world.count; i++)
        if (job_id_equal(&world.jobs[i].job.id, id))
            return &world.jobs[i];
    return NULL;
}

struct job *fake_find(const char *text)
{
    struct job_id id;
    struct fake_record *record = job_id_parse(text, strlen(text), &id) == OK ? find(&id) : NULL;
    return record != NULL ? &record->job : NULL;
}

static void set_result(struct fake_record *record, const char *result, const char *type)
{
    buffer_append_text(&record->result, result);
    record->job.result_size = record->result.length;
    strcpy(record->job.result_type, type);
}

const char *fake_job(enum job_status status, const char *result, const char *type)
{
    static char text[JOB_ID_TEXT_SIZE];
    struct fake_record *record = &world.jobs[world.count++];
    struct job *job = &record->job;
    job_id_make(&job->id, NULL);
    job->status = status;
    job->revision = 3;
    job->created_ms = job->due_ms = clock_wall_ms();
    job->progress_percent = -1;
    strcpy(job->function, "echo");
    buffer_append_text(&record->event, "{\"a\":1}");
    job->event_size = record->event.length;
    if (result != NULL)
        set_result(record, result, type);
    if (status == JOB_FAILED)
        strcpy(job->error_type, "Runtime.ExitError");
    if (status != JOB_QUEUED)
        job->attempts = 1;
    return job_id_format(&job->id, text);
}

void fake_log(const char *id, const char *text)
{
    struct job *job = fake_find(id);
    buffer_append_text(&((struct fake_record *)job)->log, text);
    job->log_size = ((struct fake_record *)job)->log.length;
}

void fake_ends_while_waited_for(enum job_status status, const char *result)
{
    world.ends = status;
    world.ends_with = result;
}

/* ---- configuration, functions, slots ---- */

enum outcome configuration_load(const char *file, struct configuration **configuration, struct error *error)
{
    *configuration = &world.configuration;
    return enter("configuration_load", error);
}

const char *configuration_path(const char *argument)
{
    return argument != NULL ? argument : "/fake/jobgate.conf";
}

enum outcome configuration_start(const char *file, struct error *error)
{
    return enter("configuration_start", error);
}

struct configuration *configuration_current(void)
{
    return &world.configuration;
}

void configuration_release(struct configuration *configuration)
{
}

const struct function_settings *configuration_function(const struct configuration *configuration,
                                                       const char *name)
{
    static const struct function_settings others = {.concurrency = -1, .timeout_ms = 900000};
    static const struct function_settings paused = {.concurrency = 0, .timeout_ms = 900000};
    return strcmp(name, "paused") == 0 ? &paused : &others;
}

void configuration_dump(const struct configuration *configuration, struct buffer *out)
{
}

void configuration_template(struct buffer *out)
{
}

enum outcome function_find(const struct configuration *configuration, const char *name,
                           struct function *function, struct error *error)
{
    enum outcome outcome = enter("function_find", error);
    if (outcome == OK && strcmp(name, "refused") == 0)
        return error_set(error, INVALID, "secret: /fake/functions/refused can be written by others");
    if (outcome == OK && strcmp(name, "echo") != 0 && strcmp(name, "paused") != 0)
        return NOTFOUND;
    return outcome;
}

enum outcome function_list(const struct configuration *configuration, struct function **functions,
                           size_t *count, struct error *error)
{
    *functions = calloc(2, sizeof **functions);
    strcpy((*functions)[0].name, "echo");
    strcpy((*functions)[1].name, "paused");
    *count = 2;
    return enter("function_list", error);
}

enum outcome slots_open(const char *data_dir, unsigned max_workers, struct slots **slots, struct error *error)
{
    *slots = &the_slots;
    return enter("slots_open", error);
}

void slots_close(struct slots *slots)
{
}

bool slots_is_alive(struct slots *slots, struct slot_identity identity)
{
    return true;
}

unsigned slots_taken(struct slots *slots)
{
    return 2;
}

void slots_resize(struct slots *slots, unsigned max_workers)
{
}

enum outcome launch_worker(const struct configuration *configuration, struct slots *slots,
                           struct error *error)
{
    return enter("launch_worker", error);
}

enum outcome deliverer_wake(const struct configuration *configuration, struct store *store,
                            struct error *error)
{
    return enter("deliverer_wake", error);
}

/* ---- store ---- */

enum outcome store_open(const struct configuration *configuration, enum store_access access,
                        struct store **store, struct error *error)
{
    *store = &the_store;
    return enter("store_open", error);
}

void store_close(struct store *store)
{
}

void store_configure(struct store *store, const struct configuration *configuration)
{
}

bool store_wants_restart(const struct store *store)
{
    return false;
}

enum outcome store_sync(struct store *store, struct store_ticket ticket, int64_t deadline_ms,
                        struct error *error)
{
    enum outcome outcome = enter("store_sync", error);
    while (atomic_load(&syncs_are_held))
        clock_sleep_us(1000);
    return outcome;
}

static enum outcome replay(const struct store_submission *submission, struct job *job, bool *replayed)
{
    for (size_t i = 0; submission->idempotency_key != NULL && i < world.count; i++) {
        if (strcmp(world.jobs[i].key, submission->idempotency_key) != 0)
            continue;
        if (memcmp(world.jobs[i].fingerprint, submission->fingerprint, 32) != 0)
            return CONFLICT;
        *job = world.jobs[i].job;
        *replayed = true;
        return OK;
    }
    return NOTFOUND;
}

enum outcome store_submit(struct store *store, const struct store_submission *submission, int64_t deadline_ms,
                          struct job *job, bool *replayed, bool *queue_full, struct store_ticket *ticket,
                          struct error *error)
{
    enum outcome outcome = enter("store_submit", error);
    *replayed = *queue_full = false;
    if (outcome != OK)
        return outcome;
    if (submission->queue_max > 0 && world.count >= (size_t)submission->queue_max) {
        *queue_full = true;
        return error_set(error, FULL, "queue_max");
    }
    pthread_mutex_lock(&world.lock);
    *ticket = (struct store_ticket){world.count + 1};
    outcome = replay(submission, job, replayed);
    if (outcome == NOTFOUND) {
        struct fake_record *record = &world.jobs[world.count++ % JOBS_MAX];
        record->job = submission->job;
        record->job.status = JOB_QUEUED;
        record->job.revision = 1;
        record->job.progress_percent = -1;
        record->job.event_size = submission->event_size;
        buffer_append(&record->event, submission->event, submission->event_size);
        if (submission->idempotency_key != NULL)
            strcpy(record->key, submission->idempotency_key);
        memcpy(record->fingerprint, submission->fingerprint, 32);
        *job = record->job;
        outcome = OK;
    }
    pthread_mutex_unlock(&world.lock);
    return outcome;
}

enum outcome store_get(struct store *store, const struct job_id *id, int64_t deadline_ms, struct job *job,
                       struct error *error)
{
    enum outcome outcome = enter("store_get", error);
    const struct fake_record *record = find(id);
    if (outcome != OK || record == NULL)
        return outcome != OK ? outcome : NOTFOUND;
    *job = record->job;
    return OK;
}

struct store_stamp store_stamp(struct store *store, const struct job_id *id)
{
    return (struct store_stamp){.generation = world.stamp > 0, .position = world.stamp};
}

void fake_stamp(uint64_t stamp)
{
    world.stamp = stamp;
}

enum outcome store_cancel(struct store *store, const struct configuration *configuration,
                          const struct job_id *id, const char *reason, const char *caller,
                          int64_t deadline_ms, struct job *job, struct store_ticket *ticket,
                          struct error *error)
{
    enum outcome outcome = enter("store_cancel", error);
    struct fake_record *record = find(id);
    if (outcome != OK || record == NULL)
        return outcome != OK ? outcome : NOTFOUND;
    struct job *own = &record->job;
    outcome = own->status == JOB_SUCCEEDED || own->status == JOB_FAILED ? CONFLICT : OK;
    if (own->status == JOB_QUEUED)
        own->status = JOB_CANCELLED;
    else if (own->status == JOB_RUNNING)
        own->cancel_requested = true;
    if (outcome == OK && reason != NULL)
        strcpy(own->cancel_reason, reason);
    *ticket = (struct store_ticket){7};
    *job = *own;
    return outcome;
}

enum outcome store_purge(struct store *store, const struct job_id *id, int64_t deadline_ms, struct job *job,
                         struct store_ticket *ticket, struct error *error)
{
    enum outcome outcome = enter("store_purge", error);
    struct fake_record *record = find(id);
    if (outcome != OK || record == NULL)
        return outcome != OK ? outcome : NOTFOUND;
    *job = record->job;
    if (!job_status_is_terminal(record->job.status))
        return CONFLICT;
    record->job.purged = true;
    buffer_clear(&record->event);
    *job = record->job;
    return OK;
}

enum outcome store_expire(struct store *store, int64_t now_ms, unsigned batch, int64_t deadline_ms,
                          unsigned *removed, struct error *error)
{
    *removed = 0;
    return enter("store_expire", error);
}

static enum outcome read_part(const char *call, const struct fake_record *record, size_t part,
                              struct buffer *out, struct error *error)
{
    enum outcome outcome = enter(call, error);
    if (outcome != OK)
        return outcome;
    const struct buffer *bytes = record != NULL ? (const struct buffer *)((const char *)record + part) : NULL;
    if (bytes == NULL || record->job.purged || bytes->length == 0)
        return NOTFOUND;
    buffer_append(out, bytes->data, bytes->length);
    return OK;
}

enum outcome store_event(struct store *store, const struct job_id *id, int64_t deadline_ms,
                         struct buffer *event, struct error *error)
{
    return read_part("store_event", find(id), offsetof(struct fake_record, event), event, error);
}

enum outcome store_result(struct store *store, const struct job_id *id, int64_t deadline_ms,
                          struct buffer *result, struct error *error)
{
    return read_part("store_result", find(id), offsetof(struct fake_record, result), result, error);
}

enum outcome store_log(struct store *store, const struct job_id *id, uint64_t offset, size_t most,
                       int64_t deadline_ms, struct buffer *log, uint64_t *start, uint64_t *size,
                       struct error *error)
{
    struct buffer whole = {0};
    enum outcome outcome = read_part("store_log", find(id), offsetof(struct fake_record, log), &whole, error);
    *size = whole.length;
    *start = offset < whole.length ? offset : whole.length;
    if (outcome == OK)
        buffer_append(log, whole.data + *start, whole.length - *start < most ? whole.length - *start : most);
    buffer_free(&whole);
    return outcome;
}

enum outcome store_attempts(struct store *store, const struct job_id *id, int64_t deadline_ms,
                            struct job_attempt **attempts, size_t *count, struct error *error)
{
    enum outcome outcome = enter("store_attempts", error);
    if (outcome != OK)
        return outcome;
    *attempts = calloc(1, sizeof **attempts);
    if (*attempts == NULL)
        return NOMEM;
    (*attempts)[0].number = 1;
    *count = 1;
    return OK;
}

enum outcome store_view(struct store *store, const struct job_id *id,
                        const struct configuration *configuration, size_t result_most, int64_t deadline_ms,
                        struct store_view *view, struct error *error)
{
    enum outcome outcome = enter("store_view", error);
    struct fake_record *record = find(id);
    *view = (struct store_view){.attempts = NULL};
    if (outcome != OK || record == NULL)
        return outcome != OK ? outcome : NOTFOUND;
    view->job = record->job;
    if (record->job.attempts > 0)
        store_attempts(store, id, deadline_ms, &view->attempts, &view->attempt_count, error);
    view->has_result =
        record->job.result_type[0] != '\0' && !record->job.purged && record->job.result_size <= result_most;
    if (view->has_result)
        buffer_append(&view->result, record->result.data, record->result.length);
    view->has_place = record->job.status == JOB_QUEUED;
    view->place = (struct store_queue_place){3, WAITS_CONCURRENCY};
    return OK;
}

void store_view_free(struct store_view *view)
{
    free(view->attempts);
    view->attempts = NULL;
    buffer_free(&view->result);
}

enum outcome store_wait(struct store *store, const struct job_id *id, uint64_t revision, int64_t deadline_ms,
                        struct job *job, struct error *error)
{
    enum outcome outcome = enter("store_wait", error);
    struct fake_record *record = find(id);
    if (outcome != OK || record == NULL)
        return outcome != OK ? outcome : NOTFOUND;
    if (world.ends != 0) {
        record->job.status = world.ends;
        record->job.revision++;
        if (world.ends_with != NULL)
            set_result(record, world.ends_with, "application/json");
        world.ends = 0;
    }
    *job = record->job;
    if (job->revision != revision)
        return OK;
    clock_sleep_us(clock_left(deadline_ms) * 1000);
    return UNAVAILABLE;
}

enum outcome store_list(struct store *store, const struct store_filter *filter, const struct job_id *before,
                        size_t limit, int64_t deadline_ms, struct job **jobs, size_t *count, bool *more,
                        struct error *error)
{
    enum outcome outcome = enter("store_list", error);
    if (outcome != OK)
        return outcome;
    *jobs = calloc(limit, sizeof **jobs);
    for (size_t i = world.count; i-- > 0;) {
        const struct job *job = &world.jobs[i].job;
        if ((filter->status != 0 && job->status != filter->status) ||
            (filter->function != NULL && strcmp(job->function, filter->function) != 0) ||
            (filter->from != NULL && memcmp(job->id.bytes, filter->from->bytes, JOB_ID_BYTES) < 0) ||
            (before != NULL && memcmp(job->id.bytes, before->bytes, JOB_ID_BYTES) >= 0))
            continue;
        if (*count == limit) {
            *more = true;
            break;
        }
        (*jobs)[(*count)++] = *job;
    }
    return OK;
}

enum outcome store_count(struct store *store, int64_t deadline_ms, struct store_counts **counts,
                         size_t *count, struct error *error)
{
    enum outcome outcome = enter("store_count", error);
    if (outcome != OK)
        return outcome;
    *counts = calloc(2, sizeof **counts);
    strcpy((*counts)[0].function, "echo");
    (*counts)[0].jobs[JOB_QUEUED] = 2;
    strcpy((*counts)[1].function, "gone");
    (*counts)[1].jobs[JOB_FAILED] = 1;
    *count = 2;
    return OK;
}

enum outcome store_next_due(struct store *store, const struct configuration *configuration, int64_t now_ms,
                            int64_t deadline_ms, int64_t *next_ms, struct error *error)
{
    *next_ms = 0;
    return enter("store_next_due", error);
}

enum outcome store_running(struct store *store, int64_t deadline_ms, struct job **jobs, size_t *count,
                           struct error *error)
{
    *jobs = NULL;
    *count = 0;
    return enter("store_running", error);
}

enum outcome store_next_delivery(struct store *store, int64_t deadline_ms, int64_t *next_ms,
                                 struct error *error)
{
    *next_ms = 0;
    return enter("store_next_delivery", error);
}

bool store_ring_work(struct store *store)
{
    /* A failure stands for "nobody sleeps". */
    return enter("store_ring_work", NULL) == OK;
}

enum outcome store_health(struct store *store, int64_t deadline_ms, struct store_health *health,
                          struct error *error)
{
    *health = (struct store_health){.accepts = enter("accepts_jobs", NULL)};
    strcpy(health->trouble, health->accepts == OK ? "" : "secret: /fake/data is nearly full");
    return enter("store_health", error);
}
