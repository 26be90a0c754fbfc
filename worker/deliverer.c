/* deliverer.c - the program jobgate-deliver: tells others how jobs ended
 *
 * Started when a delivery is due (deliverer.h). A few threads take deliveries from the store, one each, carry them (courier.h)
 * or submit them to another function, and write down what came of it. A try is claimed for the length of a lease: a
 * deliverer that is killed is followed by another one that tries again, so a receiver may be told twice (with the same
 * webhook-id) but never not at all. */
#include "config.h"

#include "configuration.h"
#include "clock.h"
#include "command_line.h"
#include "courier.h"
#include "deliverer.h"
#include "destination.h"
#include "envelope.h"
#include "launch.h"
#include "log.h"
#include "store.h"
#include "webhook.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define THREADS      8
#define STORE_MS     10000
#define LEASE_EXTRA  15000    /* ms beyond the time-out of a try before another one may have it */
#define BACKOFF_MOST 86400000 /* ms; no two tries are further apart */
#define TROUBLE_US   1000000  /* between two rounds when something stood in the way: a full disk, say */

struct deliverer {
    struct store *store;
    _Atomic bool trouble;
    struct webhook_secret secret;
};

/* callback_backoff, then four times the one before: with 5 s the nine tries after the first lie within about two days. */
static int64_t next_try_after(const struct configuration *configuration,
                              const struct store_delivery *delivery, int64_t asked_ms)
{
    int64_t wait = configuration->callback_backoff_ms;
    for (uint32_t i = 1; i < delivery->tries && wait < BACKOFF_MOST; i++)
        wait *= 4;
    if (wait < asked_ms)
        wait = asked_ms;
    return wait < BACKOFF_MOST ? wait : BACKOFF_MOST;
}

static void note(struct store_delivery *delivery, const struct configuration *configuration,
                 const struct courier_receipt *receipt)
{
    int64_t now = clock_wall_ms();
    delivery->http_status = receipt->http_status;
    snprintf(delivery->words, sizeof delivery->words, "%s", receipt->words);
    if (receipt->delivered)
        delivery->state = DELIVERY_DONE;
    else if (receipt->give_up || delivery->tries > configuration->callback_retries)
        delivery->state = DELIVERY_GIVEN_UP;
    else
        delivery->due_ms = now + next_try_after(configuration, delivery, receipt->retry_after_ms);
    if (delivery->state != DELIVERY_WAITS)
        delivery->ended_ms = now;
}

static void log_delivery(const struct job *job, const struct store_delivery *delivery, const char *target)
{
    char id[JOB_ID_TEXT_SIZE];
    char tries[16], status[16];
    snprintf(tries, sizeof tries, "%" PRIu32, delivery->tries);
    snprintf(status, sizeof status, "%" PRId32, delivery->http_status);
    log_event(delivery->state == DELIVERY_DONE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "delivery", "job",
              job_id_format(&job->id, id), "target", target, "state",
              store_delivery_state_name(delivery->state), "try", tries, "http", status, "reason",
              delivery->words[0] != '\0' ? delivery->words : NULL, NULL);
}

/* What the receiver gets. A job whose content was erased, or has expired, in the meantime is told without it. */
static enum outcome make_record(struct deliverer *deliverer, const struct job *job, struct buffer *record,
                                struct error *error)
{
    struct buffer event = {0}, result = {0};
    char head[ENVELOPE_HEAD_SIZE];
    buffer_append_text(&event, envelope_head(job, head));
    enum outcome outcome = store_event(deliverer->store, &job->id, clock_deadline(STORE_MS), &event, error);
    buffer_append_text(&event, envelope_tail(job));
    if (outcome == NOTFOUND || outcome == GONE)
        buffer_clear(&event);
    if (outcome == OK || outcome == NOTFOUND || outcome == GONE)
        outcome = store_result(deliverer->store, &job->id, clock_deadline(STORE_MS), &result, error);
    if (outcome == OK || outcome == NOTFOUND || outcome == GONE) {
        outcome = OK;
        destination_record(job, &event, &result, clock_wall_ms(), record);
        if (record->failed || event.failed)
            outcome = error_set(error, NOMEM, "no memory for a callback");
    }
    buffer_free(&event);
    buffer_free(&result);
    return outcome;
}

static bool is_url(const char *target)
{
    return strstr(target, "://") != NULL;
}

/* Another function as the target: an ordinary submission. Its idempotency key is the delivery's name, so a second try
 * makes no second job. */
static enum outcome submit_to(struct deliverer *deliverer, const struct configuration *configuration,
                              const struct job *job, const char *function, const char *name,
                              const struct buffer *record, struct error *error)
{
    struct store_submission submission = {.event = record->data,
                                          .event_size = record->length,
                                          .idempotency_key = name,
                                          .idempotency_ttl_ms = configuration->idempotency_ttl_ms};
    struct sha256_ctx context;
    struct store_ticket ticket;
    struct job made;
    bool replayed, queue_full;
    enum outcome outcome = job_id_make(&submission.job.id, error);
    if (outcome != OK)
        return outcome;
    job_text_copy(submission.job.function, sizeof submission.job.function, function);
    job_text_copy(submission.job.caller, sizeof submission.job.caller, job->caller);
    job_text_copy(submission.job.traceparent, sizeof submission.job.traceparent, job->traceparent);
    submission.job.created_ms = clock_wall_ms();
    submission.job.first_due_ms = submission.job.created_ms;
    submission.job.due_ms = submission.job.created_ms;
    /* Of the name, not of the record: that has the time of its making in it. */
    sha256_init(&context);
    sha256_update(&context, strlen(name), (const uint8_t *)name);
    sha256_digest(&context, sizeof submission.fingerprint, submission.fingerprint);
    outcome = store_submit(deliverer->store, &submission, clock_deadline(STORE_MS), &made, &replayed,
                           &queue_full, &ticket, error);
    return outcome == OK ? store_sync(deliverer->store, ticket, clock_deadline(STORE_MS), error) : outcome;
}

static void deliver_to_function(struct deliverer *deliverer, const struct configuration *configuration,
                                const struct job *job, const char *function, const char *name,
                                const struct buffer *record, struct courier_receipt *receipt)
{
    struct error error;
    enum outcome outcome = submit_to(deliverer, configuration, job, function, name, record, &error);
    *receipt = (struct courier_receipt){.delivered = outcome == OK};
    if (outcome != OK) {
        snprintf(receipt->words, sizeof receipt->words, "%.255s", error.text);
        return;
    }
    struct slots *slots;
    if (store_ring_work(deliverer->store) ||
        slots_open(configuration->data_dir, (unsigned)configuration->max_workers, &slots, &error) != OK)
        return;
    launch_worker(configuration, slots,
                  &error); /* none free or no fork: the job waits in the queue like any other */
    slots_close(slots);
}

static enum outcome deliver(struct deliverer *deliverer, struct courier *courier,
                            const struct configuration *configuration, const struct job *job,
                            struct store_delivery *delivery, struct error *error)
{
    char name[STORE_DELIVERY_NAME_SIZE];
    struct buffer record = {0};
    struct courier_receipt receipt;
    const char *target = delivery->target == TARGET_CALLBACK ? job->callback_url : job->destination;
    enum outcome outcome = make_record(deliverer, job, &record, error);
    store_delivery_name(delivery, name);
    if (outcome == OK && is_url(target)) {
        struct courier_parcel parcel = {.url = target,
                                        .id = name,
                                        .body = record.data,
                                        .length = record.length,
                                        .timestamp = clock_wall_ms() / 1000,
                                        .allow = configuration->callback_allow,
                                        .timeout_ms = configuration->callback_timeout_ms};
        outcome = courier_carry(courier, &parcel, &receipt, error);
    } else if (outcome == OK) {
        deliver_to_function(deliverer, configuration, job, target, name, &record, &receipt);
    }
    buffer_free(&record);
    if (outcome != OK)
        return outcome;
    note(delivery, configuration, &receipt);
    log_delivery(job, delivery, target);
    return OK;
}

/* Takes one and delivers it. NOTFOUND: none is due. */
static enum outcome deliver_next(struct deliverer *deliverer, struct courier *courier, struct error *error)
{
    struct configuration *configuration = configuration_current();
    struct store_delivery delivery;
    struct store_ticket ticket;
    struct job job;
    int64_t next_ms;
    enum outcome outcome = store_claim_delivery(
        deliverer->store, clock_wall_ms(), configuration->callback_timeout_ms + LEASE_EXTRA,
        clock_deadline(STORE_MS), &job, &delivery, &next_ms, &ticket, error);
    if (outcome == OK)
        outcome = store_sync(deliverer->store, ticket, clock_deadline(STORE_MS), error);
    if (outcome == OK)
        outcome = deliver(deliverer, courier, configuration, &job, &delivery, error);
    if (outcome == OK)
        outcome =
            store_finish_delivery(deliverer->store, &delivery, clock_deadline(STORE_MS), &ticket, error);
    if (outcome == OK)
        outcome = store_sync(deliverer->store, ticket, clock_deadline(STORE_MS), error);
    configuration_release(configuration);
    return outcome == CONFLICT ? OK : outcome; /* purged meanwhile, or the lease ran out: nothing to note */
}

static void *deliver_all(void *context)
{
    struct deliverer *deliverer = context;
    struct courier *courier;
    struct error error;
    enum outcome outcome = courier_open(&deliverer->secret, &courier, &error);
    if (outcome == OK) {
        while ((outcome = deliver_next(deliverer, courier, &error)) == OK)
            ;
        courier_close(courier);
    }
    if (outcome != NOTFOUND) {
        deliverer->trouble = true;
        log_event(LOG_LEVEL_ERROR, "delivery_failed", "detail", error.text, NULL);
    }
    return NULL;
}

/* Until nothing is due, or nothing can be done about it now. A thread that cannot be started is missed by nobody: the
 * others do its work. */
static void run_threads(struct deliverer *deliverer)
{
    pthread_t threads[THREADS];
    unsigned count = 0;
    while (count < THREADS - 1 && pthread_create(&threads[count], NULL, deliver_all, deliverer) == 0)
        count++;
    deliver_all(deliverer);
    while (count > 0)
        pthread_join(threads[--count], NULL);
    if (atomic_exchange(&deliverer->trouble, false))
        clock_sleep_us(TROUBLE_US);
}

/* Sleeps until something is due. False when that is too far away to wait for: whoever comes next starts another one. */
static bool wait_for_more(struct deliverer *deliverer)
{
    struct configuration *configuration = configuration_current();
    int64_t deadline = clock_deadline(configuration->idle_linger_ms);
    struct error error;
    configuration_release(configuration);
    for (;;) {
        uint32_t seen = store_delivery_seen(deliverer->store);
        int64_t next_ms;
        if (store_next_delivery(deliverer->store, clock_deadline(STORE_MS), &next_ms, &error) != OK)
            return false;
        int64_t left = next_ms - clock_wall_ms();
        if (next_ms != 0 && left <= 0)
            return true;
        if (clock_left(deadline) == 0)
            return false;
        int64_t until = next_ms != 0 && left < clock_left(deadline) ? clock_deadline(left) : deadline;
        store_wait_delivery(deliverer->store, seen, until);
    }
}

static enum outcome open_all(struct deliverer *deliverer, const struct configuration *configuration,
                             struct error *error)
{
    enum outcome outcome = webhook_secret_load(configuration->data_dir, &deliverer->secret, error);
    if (outcome == OK)
        outcome = courier_start(error);
    return outcome == OK ? store_open(configuration, STORE_WRITE, &deliverer->store, error) : outcome;
}

static enum outcome run(const struct configuration *configuration, struct error *error)
{
    struct deliverer deliverer = {0};
    int lock;
    enum outcome outcome = deliverer_lock(configuration->data_dir, &lock, error);
    if (outcome != OK)
        return outcome == UNAVAILABLE ? OK : outcome;
    outcome = open_all(&deliverer, configuration, error);
    while (outcome == OK) {
        run_threads(&deliverer);
        if (wait_for_more(&deliverer))
            continue;
        /* What is rung from now on starts another one; what was rung just before would wait for nobody, so look once
         * more after the lock is gone. */
        close(lock);
        lock = -1;
        int64_t next_ms;
        if (store_next_delivery(deliverer.store, clock_deadline(STORE_MS), &next_ms, error) != OK ||
            next_ms == 0 || next_ms > clock_wall_ms() ||
            deliverer_lock(configuration->data_dir, &lock, error) != OK)
            break;
    }
    store_close(deliverer.store);
    if (lock >= 0)
        close(lock);
    return outcome;
}

/* ---- the program ---- */

static const char usage[] =
    "Usage: jobgate-deliver [--config FILE]\n"
    "       jobgate-deliver [--config FILE] --test | --help | --version\n"
    "Tells receivers how jobs ended (callbacks, on_success, on_failure), and ends when nothing is due soon.\n"
    "Jobgate starts it by itself; starting it by hand does no harm.\n\n";

static int start(const char *file)
{
    struct error error;
    if (configuration_start(file, &error) != OK) {
        fprintf(stderr, "jobgate-deliver: %s\n", error.text); /* where the log is, nobody has said */
        return EX_CONFIG;
    }
    struct configuration *configuration = configuration_current();
    enum outcome outcome =
        log_open("deliver", configuration->log_file, (enum log_level)configuration->log_level, &error);
    if (outcome == OK)
        outcome = run(configuration, &error);
    configuration_release(configuration);
    if (outcome == OK)
        return EX_OK;
    log_event(LOG_LEVEL_ERROR, "failed", "detail", error.text, NULL);
    return outcome == INVALID ? EX_CONFIG : EX_TEMPFAIL;
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {COMMAND_LINE_OPTIONS, {0}};
    struct command_line line = {.program = "jobgate-deliver", .usage = usage};
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, COMMAND_LINE_SHORT, options, NULL)) != -1)
        status = command_line_option(&line, option);
    if (status < 0)
        status = command_line_end(&line, argc, argv, optind);
    return status >= 0 ? status : start(configuration_path(line.file));
}
