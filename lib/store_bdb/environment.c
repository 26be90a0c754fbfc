#include "config.h"
#include "environment.h"

#include "../clock.h"
#include "../log.h"
#include "combiner.h"
#include "engine.h"
#include "log_spare.h"
#include "../folder.h"
#include "gate.h"
#include "log_sync.h"
#include "recovery.h"
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRIES          5
#define ABANDONS_MAX     8 /* handles let go of; each keeps its memory */
#define CLOSE_MS         2000
#define CHECKPOINT_MS    10000
#define CHECKPOINT_BYTES (16 << 20)
#define SPARE_AFTER      (ENGINE_LOG_FILE_SIZE / 4) /* a store that is hardly used does without */
#define DUTY_MS          60000                      /* what was begun longer ago has died with its process */
#define TRICKLES_MAX     100
#define TRICKLE_PAUSE_US 1000
#define HOLD_LOOK_US     20000

struct environment {
    struct gate *gate;
    struct combiner *combiner;
    struct log_sync *sync;
    struct space space;
    char *data_dir;
    int folder;
    enum store_access access;
    /* inside the gate only */
    struct engine *engine;
    uint64_t generation; /* of the engine */
    _Atomic unsigned abandons;
    /* the duty thread */
    _Atomic int duty; /* enum duty */
    pthread_t duty_thread;
};

enum duty { DUTY_NONE, DUTY_STARTING, DUTY_RUNNING, DUTY_DONE };

struct visit;
typedef enum outcome stay(struct visit *visit, transaction_body *body, void *context, struct error *error);

/* One thing done in the gate. Bodies see its first member. */
struct visit {
    struct transaction transaction;
    struct combiner_piece piece;
    stay *what;
    transaction_body *body;
    void *context;
    int64_t deadline_ms;
    struct error *error;
    enum outcome outcome;
    bool recover; /* libdb is not to be trusted any more */
    bool again;   /* … and the body may be run once more after a recovery */
    bool full;
    uint64_t touched[GATE_JOB_WORDS / 64]; /* bit for each word of gate_page.jobs */
    uint64_t position;
};

/* ---- opening ---- */

static combiner_lead stay_for_all;

static enum outcome start(struct environment *environment, const struct configuration *configuration,
                          struct error *error)
{
    enum outcome outcome = folder_open(configuration->data_dir, &environment->folder, error);
    if (outcome == OK)
        outcome = gate_open(environment->folder, engine_library(), &environment->gate, error);
    if (outcome == OK) {
        environment->combiner = combiner_open(environment->gate, stay_for_all, environment);
        if (environment->combiner == NULL)
            outcome = error_set(error, NOMEM, "no memory for the store");
    }
    if (outcome == OK)
        outcome = log_sync_open(environment->gate, environment->folder, &environment->sync, error);
    space_init(&environment->space, environment->folder, configuration->disk_reserve);
    return outcome;
}

enum outcome environment_open(const struct configuration *configuration, enum store_access access,
                              struct environment **environment, struct error *error)
{
    struct environment *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(error, NOMEM, "no memory for the store");
    made->folder = -1;
    made->access = access;
    made->data_dir = strdup(configuration->data_dir);
    enum outcome outcome = made->data_dir != NULL ? start(made, configuration, error)
                                                  : error_set(error, NOMEM, "no memory for the store");
    if (outcome != OK) {
        environment_close(made);
        return outcome;
    }
    *environment = made;
    return OK;
}

void environment_configure(struct environment *environment, const struct configuration *configuration)
{
    environment->space.reserve = configuration->disk_reserve;
}

static void abandon(struct environment *environment)
{
    if (environment->engine == NULL)
        return;
    engine_abandon(environment->engine);
    environment->engine = NULL;
    environment->abandons++;
}

static bool is_current(const struct environment *environment)
{
    return gate_recovery_due(environment->gate) == NULL &&
           environment->generation == gate_page(environment->gate)->generation;
}

static void end_duty(struct environment *environment);

static void detach(struct environment *environment)
{
    if (environment->engine == NULL || gate_enter(environment->gate, clock_deadline(CLOSE_MS), NULL) != OK)
        return;
    bool sound = gate_recovery_due(environment->gate) == NULL;
    if (is_current(environment) && !engine_panicked(environment->engine)) {
        engine_enter(environment->gate);
        engine_close(environment->engine);
        engine_enter(NULL);
        gate_detach(environment->gate);
        environment->engine = NULL;
    }
    gate_leave(environment->gate, sound);
}

void environment_close(struct environment *environment)
{
    if (environment == NULL)
        return;
    end_duty(environment);
    detach(environment);
    abandon(environment);
    log_sync_close(environment->sync);
    combiner_close(environment->combiner);
    gate_close(environment->gate);
    if (environment->folder >= 0)
        close(environment->folder);
    free(environment->data_dir);
    free(environment);
}

bool environment_wants_restart(const struct environment *environment)
{
    return environment->abandons >= ABANDONS_MAX || gate_is_stale(environment->gate);
}

/* ---- inside the gate ---- */

/* libdb refuses before it has changed anything: no reason for everybody to recover. */
static bool is_own_shortage(int result)
{
    return result == EMFILE || result == ENFILE || result == EACCES;
}

static enum outcome attach(struct environment *environment, bool *sound, struct error *error)
{
    struct gate *gate = environment->gate;
    struct error words;
    abandon(environment);
    gate_attach(gate);
    if (gate_recovery_due(gate) != NULL)
        return OK;
    int result = engine_open(environment->data_dir, false, &environment->engine, &words);
    if (result == 0) {
        environment->generation = gate_page(gate)->generation;
        return OK;
    }
    *sound = is_own_shortage(result);
    if (*sound)
        gate_detach(gate);
    return error_set(error, UNAVAILABLE, "opening the store: %s", words.text);
}

/* A handle of this generation, whatever it takes. The page is dirty meanwhile, so dying in here costs the
 * next one a recovery and nothing else. */
static enum outcome make_ready(struct environment *environment, bool *sound, struct error *error)
{
    struct gate *gate = environment->gate;
    enum outcome outcome = gate_fault(gate, true, error);
    if (outcome == OK && gate_recovery_due(gate) == NULL &&
        (environment->engine == NULL || environment->generation != gate_page(gate)->generation))
        outcome = attach(environment, sound, error);
    if (outcome != OK || gate_recovery_due(gate) == NULL)
        return outcome;
    abandon(environment);
    outcome = recovery_run(gate, environment->data_dir, environment->folder, &environment->space,
                           &environment->engine, error);
    if (outcome == OK)
        environment->generation = gate_page(gate)->generation;
    return outcome;
}

static struct visit *visit_of(struct transaction *transaction)
{
    return (struct visit *)transaction;
}

static enum outcome classify(struct visit *visit, int result)
{
    switch (result) {
    case 0:
        return OK;
    case DB_NOTFOUND:
    case DB_KEYEMPTY:
        return NOTFOUND;
    case DB_KEYEXIST:
        return CONFLICT;
    case DB_LOCK_DEADLOCK:
    case DB_LOCK_NOTGRANTED:
        return RETRY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        visit->full = true;
        return FULL;
    case ENOMEM:
    case EIO:
    case DB_RUNRECOVERY:
        visit->recover = true;
        visit->full = engine_met_full_disk();
        return visit->full ? FULL : UNAVAILABLE;
    default:
        return IO;
    }
}

enum outcome transaction_failed(struct transaction *transaction, int result, struct error *error,
                                const char *what)
{
    struct visit *visit = visit_of(transaction);
    enum outcome outcome = classify(visit, result);
    if (outcome == OK || outcome == NOTFOUND || outcome == CONFLICT || outcome == RETRY)
        return outcome;
    struct engine *engine = transaction->environment->engine;
    const char *words = engine_words(engine);
    error_set(error, outcome, "the store, %s: %s%s%s", what, db_strerror(result), words[0] != '\0' ? " " : "",
              words);
    engine_forget_words(engine);
    return outcome;
}

enum outcome transaction_table(struct transaction *transaction, enum table name, DB **table,
                               struct error *error)
{
    struct environment *environment = transaction->environment;
    bool made;
    int result = engine_table(environment->engine, name, environment->access == STORE_READ, table, &made);
    if (result != 0)
        return transaction_failed(transaction, result, error, engine_table_file(name));
    if (made)
        gate_page(environment->gate)->folder_changes++;
    return OK;
}

static unsigned word_of(const struct job_id *id)
{
    /* The last bytes of a UUIDv7 are random. */
    return (id->bytes[14] << 8 | id->bytes[15]) % GATE_JOB_WORDS;
}

void transaction_touches(struct transaction *transaction, const struct job_id *id)
{
    unsigned word = word_of(id);
    visit_of(transaction)->touched[word / 64] |= UINT64_C(1) << word % 64;
}

struct store_ticket transaction_job_ticket(struct transaction *transaction, const struct job_id *id)
{
    return (struct store_ticket){gate_page(transaction->environment->gate)->jobs[word_of(id)]};
}

struct gate_queue *environment_queue(struct environment *environment)
{
    return &gate_page(environment->gate)->queue;
}

/* The log has grown up to here, and all of it is in the kernel's hands. */
static void note_position(struct environment *environment, uint64_t position)
{
    struct gate_page *page = gate_page(environment->gate);
    if (position >> 32 != page->written >> 32)
        page->folder_changes++; /* before `written`: who syncs up to that sees this */
    gate_raise(&page->written, position);
}

static void note_touched(struct visit *visit)
{
    struct gate_page *page = gate_page(visit->transaction.environment->gate);
    for (unsigned i = 0; i < GATE_JOB_WORDS / 64; i++)
        for (uint64_t bits = visit->touched[i]; bits != 0; bits &= bits - 1)
            page->jobs[i * 64 + (unsigned)__builtin_ctzll(bits)] = visit->position;
}

/* Only a commit that logs something writes libdb's buffer. One that logs nothing leaves in it what others have left
 * there (a table opened, a transaction taken back), and that is not to count as written. */
static enum outcome commit(struct visit *visit, struct error *error)
{
    struct environment *environment = visit->transaction.environment;
    DB_TXN *txn = visit->transaction.txn;
    uint64_t before;
    int result = engine_position(environment->engine, &before);
    if (result == 0)
        result = txn->commit(txn, DB_TXN_WRITE_NOSYNC);
    if (result == 0)
        result = engine_position(environment->engine, &visit->position);
    if (result != 0) {
        enum outcome outcome = transaction_failed(&visit->transaction, result, error, "commit");
        visit->recover = true; /* what a half-written commit is worth, only recovery can tell */
        return outcome == FULL || outcome == IO ? outcome : UNAVAILABLE;
    }
    if (visit->position == before)
        visit->position = gate_page(environment->gate)->written;
    note_position(environment, visit->position);
    note_touched(visit);
    return OK;
}

static enum outcome end_transaction(struct visit *visit, enum outcome outcome, struct error *error)
{
    DB_TXN *txn = visit->transaction.txn;
    if (outcome == OK && !visit->recover)
        return commit(visit, error);
    visit->again = visit->recover;
    if (visit->recover)
        return outcome != OK ? outcome : error_set(error, UNAVAILABLE, "the store has to recover");
    if (txn->abort(txn) != 0)
        visit->recover = true;
    return outcome;
}

static enum outcome transact(struct visit *visit, transaction_body *body, void *context, struct error *error)
{
    DB_ENV *handle = engine_handle(visit->transaction.environment->engine);
    int result = handle->txn_begin(handle, NULL, &visit->transaction.txn, 0);
    if (result != 0) {
        enum outcome outcome = transaction_failed(&visit->transaction, result, error, "begin");
        visit->again = visit->recover;
        return outcome;
    }
    return end_transaction(visit, body(&visit->transaction, context, error), error);
}

static enum outcome look(struct visit *visit, transaction_body *body, void *context, struct error *error)
{
    enum outcome outcome = body(&visit->transaction, context, error);
    visit->again = visit->recover;
    return outcome;
}

/* ---- one stay ---- */

/* Inside. False: nobody else may do anything before the store has recovered. */
static bool carry_out(struct environment *environment, struct visit *visit)
{
    bool sound = false;
    engine_enter(environment->gate);
    visit->outcome = make_ready(environment, &sound, visit->error);
    if (visit->outcome == OK) {
        visit->outcome = visit->what(visit, visit->body, visit->context, visit->error);
        sound = !visit->recover && !engine_panicked(environment->engine);
    }
    engine_enter(NULL);
    if (visit->full)
        space_ran_out(&environment->space);
    return sound;
}

static struct visit *visit_of_piece(struct combiner_piece *piece)
{
    return (struct visit *)((char *)piece - offsetof(struct visit, piece));
}

/* The combiner's: one stay, for this visit and those that wait. */
static void stay_for_all(void *context, struct combiner_piece *piece)
{
    struct environment *environment = context;
    struct visit *visit = visit_of_piece(piece);
    visit->outcome = gate_enter(environment->gate, visit->deadline_ms, visit->error);
    bool sound = visit->outcome == OK;
    bool entered = sound;
    while (sound && piece != NULL) {
        sound = carry_out(environment, visit_of_piece(piece));
        combiner_done(piece);
        gate_pulse(environment->gate); /* the patience of those who watch is for each visit anew */
        piece = sound ? combiner_next(environment->combiner) : NULL;
    }
    if (entered)
        gate_leave(environment->gate, sound);
    else
        combiner_done(piece);
}

static struct visit visit_make(struct environment *environment, stay *what, transaction_body *body,
                               void *context, int64_t deadline_ms, struct error *error)
{
    return (struct visit){.transaction = {.environment = environment},
                          .what = what,
                          .body = body,
                          .context = context,
                          .deadline_ms = deadline_ms,
                          .error = error};
}

/* Together with those of other threads. */
static enum outcome visit_gate(struct environment *environment, struct visit *visit, stay *what,
                               transaction_body *body, void *context, int64_t deadline_ms,
                               struct error *error)
{
    *visit = visit_make(environment, what, body, context, deadline_ms, error);
    enum outcome outcome = gate_usable(environment->gate, error);
    if (outcome == OK)
        outcome = combiner_run(environment->combiner, &visit->piece, deadline_ms, error);
    return outcome == OK ? visit->outcome : outcome;
}

/* What takes long: nobody is to wait for it who is not before the gate. */
static enum outcome visit_alone(struct environment *environment, struct visit *visit, stay *what,
                                void *context, int64_t deadline_ms, struct error *error)
{
    *visit = visit_make(environment, what, NULL, context, deadline_ms, error);
    enum outcome outcome = gate_enter(environment->gate, deadline_ms, error);
    if (outcome != OK)
        return outcome;
    gate_leave(environment->gate, carry_out(environment, visit));
    return visit->outcome;
}

/* Recovers once, and gives up with the store out of service when that did not help: a damaged page would
 * otherwise cost everybody a recovery each time it is asked for. */
static enum outcome visit_bravely(struct environment *environment, struct visit *visit, stay *what,
                                  transaction_body *body, void *context, int64_t deadline_ms,
                                  struct error *error)
{
    struct error words = {.text = ""};
    enum outcome outcome = OK;
    bool recovered = false;
    for (unsigned attempt = 0; attempt < RETRIES; attempt++) {
        outcome = visit_gate(environment, visit, what, body, context, deadline_ms, &words);
        if (visit->again && !visit->full && !recovered)
            recovered = true;
        else if (outcome != RETRY)
            break;
    }
    if (visit->again && recovered && strstr(words.text, "checksum") != NULL) {
        gate_damaged(environment->gate, words.text);
        return gate_fault(environment->gate, true, error);
    }
    if (outcome == RETRY)
        return error_set(error, UNAVAILABLE, "the store is busy");
    if (outcome != OK && error != NULL)
        *error = words;
    return outcome;
}

/* ---- checkpoints ---- */

static uint64_t log_bytes(uint64_t from, uint64_t to)
{
    return ((to >> 32) - (from >> 32)) * ENGINE_LOG_FILE_SIZE + (uint32_t)to - (uint32_t)from;
}

static bool is_taken(const _Atomic int64_t *started_ms)
{
    int64_t started = *started_ms;
    return started != 0 && clock_monotonic_ms() - started < DUTY_MS;
}

/* One process does a duty at a time; one that died with it is replaced after a while. */
static bool elected(_Atomic int64_t *started_ms)
{
    int64_t started = *started_ms;
    int64_t now = clock_monotonic_ms();
    return (started == 0 || now - started >= DUTY_MS) &&
           atomic_compare_exchange_strong(started_ms, &started, now);
}

static bool checkpoint_due(struct environment *environment)
{
    const struct gate_page *page = gate_page(environment->gate);
    uint64_t written = page->written, last = page->checkpoint;
    return written > last && log_bytes(last, written) >= CHECKPOINT_BYTES;
}

static bool spare_due(struct environment *environment)
{
    const struct gate_page *page = gate_page(environment->gate);
    return page->spare_ready == 0 && (uint32_t)page->written >= SPARE_AFTER;
}

static void make_spare(struct environment *environment)
{
    struct gate_page *page = gate_page(environment->gate);
    /* Without room it counts as done: the next log file asks again. */
    page->spare_ready = space_for(&environment->space, ENGINE_LOG_FILE_SIZE, NULL) != OK ||
                        log_spare_exists(environment->folder) ||
                        log_spare_make(environment->folder, ENGINE_LOG_FILE_SIZE, true);
    page->spare_started_ms = 0;
}

static enum outcome trickle(struct visit *visit, transaction_body *body, void *context, struct error *error)
{
    bool *left = context;
    int result = engine_trickle(visit->transaction.environment->engine, left);
    return transaction_failed(&visit->transaction, result, error, "writing pages");
}

static enum outcome checkpoint(struct visit *visit, transaction_body *body, void *context,
                               struct error *error)
{
    struct environment *environment = visit->transaction.environment;
    struct gate_page *page = gate_page(environment->gate);
    int result = engine_checkpoint(environment->engine);
    if (result == 0)
        result = engine_flushed_position(environment->engine, &visit->position);
    if (result != 0)
        return transaction_failed(&visit->transaction, result, error, "checkpoint");
    note_position(environment, visit->position);
    page->checkpoint = visit->position;
    enum outcome outcome = log_sync_folder(environment->sync, error);
    if (outcome != OK)
        return outcome;
    return transaction_failed(&visit->transaction, engine_remove_logs(environment->engine), error,
                              "removing logs");
}

static void open_tables(struct environment *environment, int descriptors[TABLE_COUNT])
{
    for (enum table name = 0; name < TABLE_COUNT; name++)
        descriptors[name] =
            openat(environment->folder, engine_table_file(name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void start_writing(const int descriptors[TABLE_COUNT])
{
    for (enum table name = 0; name < TABLE_COUNT; name++)
        if (descriptors[name] >= 0)
            sync_file_range(descriptors[name], 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* The kernel tells of a page that it could not write once: no checkpoint may follow that takes it for written. */
static enum outcome sync_tables(struct environment *environment, int descriptors[TABLE_COUNT],
                                struct error *error)
{
    for (enum table name = 0; name < TABLE_COUNT; name++) {
        if (descriptors[name] < 0)
            continue;
        if (fdatasync(descriptors[name]) != 0)
            gate_sync_failed(environment->gate, errno);
        close(descriptors[name]);
    }
    return gate_fault(environment->gate, false, error);
}

/* What a checkpoint has to write and sync is written in small portions and synced outside beforehand, so that nobody
 * waits long at the gate: what is left for libdb inside is little. */
static enum outcome write_pages(struct environment *environment, int64_t deadline_ms, struct error *error)
{
    struct visit visit;
    int descriptors[TABLE_COUNT];
    bool left = true;
    enum outcome outcome = OK;
    open_tables(environment, descriptors);
    for (unsigned i = 0; i < TRICKLES_MAX && left && outcome == OK; i++) {
        outcome = visit_alone(environment, &visit, trickle, &left, deadline_ms, error);
        start_writing(descriptors);
        clock_sleep_us(TRICKLE_PAUSE_US);
    }
    enum outcome synced = sync_tables(environment, descriptors, error);
    return outcome != OK ? outcome : synced;
}

static enum outcome checkpoint_now(struct environment *environment, int64_t deadline_ms, struct error *error)
{
    struct visit visit;
    enum outcome outcome = write_pages(environment, deadline_ms, error);
    if (outcome == OK) /* what was made dirty meanwhile */
        outcome = write_pages(environment, deadline_ms, error);
    if (outcome == OK)
        outcome = visit_alone(environment, &visit, checkpoint, NULL, deadline_ms, error);
    return outcome;
}

static void make_checkpoint(struct environment *environment, int64_t deadline_ms)
{
    struct error error = {.text = ""};
    enum outcome outcome = checkpoint_now(environment, deadline_ms, &error);
    gate_page(environment->gate)->checkpoint_started_ms = 0;
    if (outcome != OK)
        log_event(LOG_LEVEL_WARNING, "checkpoint_failed", "reason", error.text, NULL);
}

/* ---- duties: a thread of their own, so that no caller waits for them ---- */

static void *do_duties(void *context)
{
    struct environment *environment = context;
    struct gate_page *page = gate_page(environment->gate);
    if (spare_due(environment) && elected(&page->spare_started_ms))
        make_spare(environment);
    if (checkpoint_due(environment) && elected(&page->checkpoint_started_ms))
        make_checkpoint(environment, clock_deadline(CHECKPOINT_MS));
    environment->duty = DUTY_DONE;
    return NULL;
}

static bool duty_due(struct environment *environment)
{
    const struct gate_page *page = gate_page(environment->gate);
    if (environment->duty == DUTY_STARTING || environment->duty == DUTY_RUNNING)
        return false;
    return (spare_due(environment) && !is_taken(&page->spare_started_ms)) ||
           (checkpoint_due(environment) && !is_taken(&page->checkpoint_started_ms));
}

static void end_duty(struct environment *environment)
{
    if (environment->duty != DUTY_NONE)
        pthread_join(environment->duty_thread, NULL);
    environment->duty = DUTY_NONE;
}

/* All signals stay with the program's own threads. Without a thread to be had the duty waits for the next commit. */
static void start_duty(struct environment *environment)
{
    sigset_t all, before;
    int state = environment->duty;
    if (state == DUTY_STARTING || state == DUTY_RUNNING ||
        !atomic_compare_exchange_strong(&environment->duty, &state, DUTY_STARTING))
        return;
    if (state == DUTY_DONE)
        pthread_join(environment->duty_thread, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&environment->duty_thread, NULL, do_duties, environment);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    int starting = DUTY_STARTING;
    atomic_compare_exchange_strong(&environment->duty, &starting, result == 0 ? DUTY_RUNNING : DUTY_NONE);
}

/* ---- the calls ---- */

enum outcome environment_run(struct environment *environment, transaction_body *body, void *context,
                             int64_t deadline_ms, struct store_ticket *ticket, struct error *error)
{
    struct visit visit;
    enum outcome outcome = gate_fault(environment->gate, false, error);
    if (outcome != OK)
        return outcome;
    outcome = visit_bravely(environment, &visit, transact, body, context, deadline_ms, error);
    if (outcome != OK)
        return outcome;
    if (ticket != NULL)
        ticket->position = visit.position;
    if (duty_due(environment))
        start_duty(environment);
    return OK;
}

struct reading {
    transaction_body *body;
    void *context;
    const struct job_id *id;
};

static enum outcome read_through(struct visit *visit, transaction_body *body, void *context,
                                 struct error *error)
{
    struct reading *reading = context;
    struct gate_page *page = gate_page(visit->transaction.environment->gate);
    visit->position = reading->id != NULL ? page->jobs[word_of(reading->id)] : page->written;
    return look(visit, reading->body, reading->context, error);
}

enum outcome environment_read(struct environment *environment, transaction_body *body, void *context,
                              const struct job_id *id, int64_t deadline_ms, struct error *error)
{
    struct visit visit;
    struct reading reading = {.body = body, .context = context, .id = id};
    enum outcome outcome =
        visit_bravely(environment, &visit, read_through, NULL, &reading, deadline_ms, error);
    if (outcome != OK && outcome != NOTFOUND && outcome != GONE)
        return outcome;
    enum outcome synced = log_sync(environment->sync, visit.position, deadline_ms, error);
    return synced == OK ? outcome : synced;
}

/* The position first: a recovery moves the generation and then puts the words back to 0, so a 0 of a recovery is never
 * told with the generation before it, in which 0 meant something else. */
struct store_stamp environment_stamp(const struct environment *environment, const struct job_id *id)
{
    const struct gate_page *page = gate_page(environment->gate);
    struct store_stamp stamp = {.position = page->jobs[word_of(id)]};
    stamp.generation = page->fault == GATE_SOUND ? page->generation : 0;
    return stamp;
}

enum outcome environment_sync(struct environment *environment, struct store_ticket ticket,
                              int64_t deadline_ms, struct error *error)
{
    return log_sync(environment->sync, ticket.position, deadline_ms, error);
}

bool environment_is_synced(const struct environment *environment, struct store_ticket ticket)
{
    return gate_page(environment->gate)->synced >= ticket.position;
}

enum outcome environment_sync_with_others(struct environment *environment, struct store_ticket ticket,
                                          int64_t deadline_ms, struct error *error)
{
    log_sync_by_others(environment->sync, ticket.position);
    return environment_sync(environment, ticket, deadline_ms, error);
}

enum outcome environment_health(struct environment *environment, int64_t deadline_ms,
                                struct store_health *health, struct error *error)
{
    struct error trouble = {.text = ""};
    *health = (struct store_health){.free_bytes = (uint64_t)space_free(&environment->space)};
    const struct gate_page *page = gate_page(environment->gate);
    health->generation = page->generation;
    health->syncs = page->syncs;
    health->sync_us = page->sync_us;
    health->accepts = gate_fault(environment->gate, false, &trouble);
    if (health->accepts == OK)
        health->accepts = space_for(&environment->space, 0, &trouble);
    memcpy(health->trouble, trouble.text, sizeof health->trouble);
    return OK;
}

enum outcome environment_has_space(struct environment *environment, size_t needed, struct error *error)
{
    space_keep_ballast(&environment->space);
    return space_for(&environment->space, needed, error);
}

/* ---- keeping the files as they are ---- */

int environment_folder(const struct environment *environment)
{
    return environment->folder;
}

enum outcome environment_hold(struct environment *environment, int64_t deadline_ms,
                              struct environment_hold *hold, struct error *error)
{
    struct gate_page *page = gate_page(environment->gate);
    *hold = (struct environment_hold){.generation = page->generation};
    while (!elected(&page->checkpoint_started_ms)) {
        if (clock_left(deadline_ms) == 0)
            return error_set(error, UNAVAILABLE, "somebody else makes a checkpoint or a backup");
        clock_sleep_us(HOLD_LOOK_US);
    }
    hold->renewed_ms = page->checkpoint_started_ms;
    enum outcome outcome = checkpoint_now(environment, deadline_ms, error);
    hold->generation = page->generation;
    if (outcome != OK)
        environment_let_go(environment, hold);
    return outcome;
}

bool environment_still_holds(struct environment *environment, struct environment_hold *hold)
{
    struct gate_page *page = gate_page(environment->gate);
    int64_t before = hold->renewed_ms, now = clock_monotonic_ms();
    if (!atomic_compare_exchange_strong(&page->checkpoint_started_ms, &before, now))
        return false;
    hold->renewed_ms = now;
    return page->generation == hold->generation;
}

void environment_let_go(struct environment *environment, struct environment_hold *hold)
{
    int64_t before = hold->renewed_ms;
    atomic_compare_exchange_strong(&gate_page(environment->gate)->checkpoint_started_ms, &before, 0);
}

enum outcome transaction_log_end(struct transaction *transaction, uint64_t *position, struct error *error)
{
    struct environment *environment = transaction->environment;
    int result = engine_flushed_position(environment->engine, position);
    if (result == 0)
        note_position(environment, *position);
    return transaction_failed(transaction, result, error, "the end of the log");
}

enum outcome transaction_verify(struct transaction *transaction, enum table name, struct error *error)
{
    int result = engine_verify(transaction->environment->engine, name);
    return result == DB_VERIFY_BAD || result == DB_PAGE_NOTFOUND
               ? error_set(error, INVALID, "%s: libdb finds its pages damaged: %s", engine_table_file(name),
                           engine_words(transaction->environment->engine))
               : transaction_failed(transaction, result, error, engine_table_file(name));
}
