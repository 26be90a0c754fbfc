#include "config.h"
#include "service.h"

#include "clock.h"
#include "deliverer.h"
#include "launch.h"
#include "log.h"
#include "slots.h"
#include "waiters.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define TRY_AGAIN_MS    1000
#define NUDGE_EVERY_MS  1000
#define EXPIRE_EVERY_MS 10000

struct service {
    const char *program;
    const char *configuration_file;
    enum store_access access;
    pthread_mutex_t lock; /* held while configuration or store are brought up; guards next_try_ms */
    atomic_bool configured;
    struct store *_Atomic store;
    int64_t next_try_ms;
    pthread_mutex_t launch_lock; /* of slots */
    struct slots *slots;
    struct throttle *_Atomic throttle;
    struct meter *_Atomic meter;
    struct waiters *_Atomic waiters;
    struct document_cache *documents;
    _Atomic int64_t next_nudge_ms;
    _Atomic int64_t next_expire_ms;
};

/* Under the lock. Loads the configuration; from then on the log goes where it says. */
static void try_configuration(struct service *service)
{
    struct error error = {0};
    if (configuration_start(service->configuration_file, &error) != OK) {
        log_event(LOG_LEVEL_ERROR, "configuration_refused", "file", service->configuration_file, "reason",
                  error.text, NULL);
        return;
    }
    struct configuration *configuration = configuration_current();
    if (log_open(service->program, configuration->log_file, (enum log_level)configuration->log_level,
                 &error) != OK)
        log_event(LOG_LEVEL_ERROR, "log_refused", "file", configuration->log_file, "reason", error.text,
                  NULL);
    configuration_release(configuration);
    atomic_store(&service->configured, true);
}

/* Under the lock. */
static void try_store(struct service *service)
{
    struct error error = {0};
    struct store *store = NULL;
    struct configuration *configuration = configuration_current();
    enum outcome outcome = store_open(configuration, service->access, &store, &error);
    if (outcome == OK)
        atomic_store(&service->store, store);
    else
        log_event(LOG_LEVEL_ERROR, "store_refused", "folder", configuration->data_dir, "outcome",
                  outcome_name(outcome), "reason", error.text, NULL);
    configuration_release(configuration);
}

/* Brings up what is missing, at most once a second; the others go on without meanwhile. */
static void try_again(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    if (service->next_try_ms == 0 || clock_left(service->next_try_ms) == 0) {
        service->next_try_ms = clock_deadline(TRY_AGAIN_MS);
        if (!atomic_load(&service->configured))
            try_configuration(service);
        if (atomic_load(&service->configured) && atomic_load(&service->store) == NULL)
            try_store(service);
    }
    pthread_mutex_unlock(&service->lock);
}

struct service *service_start(const char *program, const char *configuration_file, enum store_access access)
{
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return NULL;
    service->program = program;
    service->configuration_file = configuration_file;
    service->access = access;
    service->documents = document_cache_make();
    pthread_mutex_init(&service->lock, NULL);
    pthread_mutex_init(&service->launch_lock, NULL);
    log_open(program, NULL, LOG_LEVEL_INFO, NULL);
    try_again(service);
    return service;
}

void service_stop(struct service *service)
{
    if (service == NULL)
        return;
    store_close(atomic_load(&service->store));
    slots_close(service->slots);
    waiters_close(atomic_load(&service->waiters));
    throttle_close(atomic_load(&service->throttle));
    meter_close(atomic_load(&service->meter));
    document_cache_free(service->documents);
    pthread_mutex_destroy(&service->lock);
    pthread_mutex_destroy(&service->launch_lock);
    free(service);
}

unsigned service_threads(struct service *service)
{
    if (!atomic_load(&service->configured))
        return 1;
    struct configuration *configuration = configuration_current();
    unsigned threads = (unsigned)configuration->threads;
    configuration_release(configuration);
    return threads;
}

bool service_configure(struct service *service, struct exchange *exchange)
{
    if (!atomic_load(&service->configured))
        try_again(service);
    if (!atomic_load(&service->configured)) {
        response_header(&exchange->response, "Retry-After", "10");
        response_fail(
            &exchange->response, 500, "Service not configured",
            "The configuration of this service cannot be loaded; the service's log has the reason.");
        return false;
    }
    exchange->configuration = configuration_current();
    exchange->deadline_ms = clock_deadline(exchange->configuration->store_deadline_ms);
    return true;
}

bool service_attach(struct service *service, struct exchange *exchange)
{
    if (atomic_load(&service->store) == NULL)
        try_again(service);
    exchange->store = atomic_load(&service->store);
    if (exchange->store != NULL) {
        store_configure(exchange->store, exchange->configuration);
        return true;
    }
    response_header(&exchange->response, "Retry-After", "5");
    response_fail(&exchange->response, 503, "Store unavailable",
                  "The job store cannot be opened; the service's log has the reason.");
    return false;
}

/* Under launch_lock. The number of slots follows the configuration. */
static enum outcome open_slots(struct service *service, const struct configuration *configuration,
                               struct error *error)
{
    if (service->slots != NULL) {
        slots_resize(service->slots, (unsigned)configuration->max_workers);
        return OK;
    }
    return slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &service->slots, error);
}

void service_work_is_there(struct service *service, const struct configuration *configuration)
{
    struct error error = {0};
    if (store_ring_work(atomic_load(&service->store)))
        return;
    pthread_mutex_lock(&service->launch_lock);
    enum outcome outcome = open_slots(service, configuration, &error);
    if (outcome == OK)
        outcome = launch_worker(configuration, service->slots, &error);
    pthread_mutex_unlock(&service->launch_lock);
    if (outcome != OK && outcome != NOTFOUND)
        log_event(LOG_LEVEL_ERROR, "launch_failed", "program", configuration->worker_program, "reason",
                  error.text, NULL);
}

struct throttle *service_throttle(struct service *service, const struct configuration *configuration,
                                  struct error *error)
{
    if (atomic_load(&service->throttle) != NULL)
        return atomic_load(&service->throttle);
    pthread_mutex_lock(&service->lock);
    struct throttle *throttle = atomic_load(&service->throttle);
    if (throttle == NULL && throttle_open(configuration->data_dir, &throttle, error) == OK)
        atomic_store(&service->throttle, throttle);
    pthread_mutex_unlock(&service->lock);
    return throttle;
}

struct meter *service_meter(struct service *service, const struct configuration *configuration,
                            struct error *error)
{
    if (atomic_load(&service->meter) != NULL)
        return atomic_load(&service->meter);
    pthread_mutex_lock(&service->lock);
    struct meter *meter = atomic_load(&service->meter);
    if (meter == NULL && meter_open(configuration->data_dir, &meter, error) == OK)
        atomic_store(&service->meter, meter);
    pthread_mutex_unlock(&service->lock);
    return meter;
}

struct document_cache *service_documents(struct service *service)
{
    return service->documents;
}

unsigned service_workers(struct service *service, const struct configuration *configuration)
{
    struct error error = {0};
    unsigned taken = 0;
    pthread_mutex_lock(&service->launch_lock);
    if (open_slots(service, configuration, &error) == OK)
        taken = slots_taken(service->slots);
    pthread_mutex_unlock(&service->launch_lock);
    return taken;
}

bool service_begin_wait(struct service *service, const struct configuration *configuration)
{
    struct error error = {0};
    struct waiters *waiters = atomic_load(&service->waiters);
    if (waiters == NULL) {
        struct waiters *none = NULL;
        if (waiters_open(configuration->data_dir, &waiters, &error) != OK) {
            log_event(LOG_LEVEL_WARNING, "waiters_refused", "reason", error.text, NULL);
            return false;
        }
        if (!atomic_compare_exchange_strong(&service->waiters, &none, waiters)) {
            waiters_close(waiters);
            waiters = none;
        }
    }
    return waiters_enter(waiters);
}

void service_end_wait(struct service *service)
{
    waiters_leave(atomic_load(&service->waiters));
}

/* True for one caller in each period. */
static bool is_time(_Atomic int64_t *next_ms, int64_t period_ms)
{
    int64_t next = atomic_load(next_ms);
    return (next == 0 || clock_left(next) == 0) &&
           atomic_compare_exchange_strong(next_ms, &next, clock_deadline(period_ms));
}

static bool job_is_due(struct store *store, const struct configuration *configuration)
{
    int64_t next_ms = 0, now_ms = clock_wall_ms();
    return store_next_due(store, configuration, now_ms, clock_deadline(configuration->store_deadline_ms),
                          &next_ms, NULL) == OK &&
           next_ms != 0 && next_ms <= now_ms;
}

static bool delivery_is_due(struct store *store, const struct configuration *configuration)
{
    int64_t next_ms = 0;
    return store_next_delivery(store, clock_deadline(configuration->store_deadline_ms), &next_ms, NULL) ==
               OK &&
           next_ms != 0 && next_ms <= clock_wall_ms();
}

static bool runner_is_dead(struct service *service, const struct configuration *configuration,
                           struct slot_identity runner)
{
    pthread_mutex_lock(&service->launch_lock);
    bool dead = open_slots(service, configuration, NULL) == OK && !slots_is_alive(service->slots, runner);
    pthread_mutex_unlock(&service->launch_lock);
    return dead;
}

/* Jobs that a reboot, or a kill of everything, has left: a worker that starts puts them back. */
static bool has_orphan(struct service *service, struct store *store,
                       const struct configuration *configuration)
{
    struct job *jobs = NULL;
    size_t count = 0;
    bool found = false;
    if (store_running(store, clock_deadline(configuration->store_deadline_ms), &jobs, &count, NULL) != OK)
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = runner_is_dead(service, configuration, jobs[i].runner);
    free(jobs);
    return found;
}

void service_nudge(struct service *service)
{
    struct error error = {0};
    struct store *store = atomic_load(&service->store);
    if (store == NULL || !is_time(&service->next_nudge_ms, NUDGE_EVERY_MS))
        return;
    struct configuration *configuration = configuration_current();
    if (job_is_due(store, configuration) || has_orphan(service, store, configuration))
        service_work_is_there(service, configuration);
    if (delivery_is_due(store, configuration) && deliverer_wake(configuration, store, &error) != OK)
        log_event(LOG_LEVEL_ERROR, "deliverer_not_started", "reason", error.text, NULL);
    configuration_release(configuration);
}

void service_look_after(struct service *service, struct slot_identity runner)
{
    if (!is_time(&service->next_nudge_ms, NUDGE_EVERY_MS))
        return;
    struct configuration *configuration = configuration_current();
    if (runner_is_dead(service, configuration, runner))
        service_work_is_there(service, configuration);
    configuration_release(configuration);
}

bool service_wants_restart(struct service *service)
{
    struct store *store = atomic_load(&service->store);
    return store != NULL && store_wants_restart(store);
}

struct store *service_expire_is_due(struct service *service)
{
    return is_time(&service->next_expire_ms, EXPIRE_EVERY_MS) ? atomic_load(&service->store) : NULL;
}

enum outcome service_can_work(struct service *service, const struct configuration *configuration,
                              struct error *error)
{
    if (access(configuration->worker_program, X_OK) != 0)
        return error_set(error, IO, "worker_program %s cannot be executed", configuration->worker_program);
    if (access(configuration->functions_dir, R_OK | X_OK) != 0)
        return error_set(error, IO, "functions_dir %s cannot be read", configuration->functions_dir);
    pthread_mutex_lock(&service->launch_lock);
    enum outcome outcome = open_slots(service, configuration, error);
    pthread_mutex_unlock(&service->launch_lock);
    return outcome;
}
