/* store_verify.c - everything held against everything else
 *
 * Each job's record says which rows it has elsewhere: they are looked for. Each row elsewhere names a job: it is looked for,
 * and has to say the same. In portions, each inside the gate for a moment: what one portion sees fits together, and what
 * changes between two is whole on both sides. */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/delivery_rows.h"
#include "store_bdb/engine.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PORTION_RECORDS 256
#define PORTION_BYTES   (4 << 20)
#define STAY_MS         30000
#define VALUE_MOST      (STORE_LOG_PIECE + 1)

struct portion {
    enum table name;
    bool begun;
    struct key last; /* the last one that was looked at */
    struct key next; /* as far as this portion got */
    bool end;
    uint64_t records;
    size_t bytes;
    struct buffer wrong; /* words, each ended by a NUL */
    struct buffer content;
    char value[VALUE_MOST];
};

static void note(struct portion *portion, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct portion *portion, const char *format, ...)
{
    char words[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof words)
        length = sizeof words - 1;
    buffer_append(&portion->wrong, words, (size_t)length + 1);
}

/* ---- from the jobs to their rows ---- */

static enum outcome expect_row(struct transaction *transaction, struct portion *portion,
                               const struct job *job, enum table name, const struct key *key,
                               struct error *error)
{
    char id[JOB_ID_TEXT_SIZE];
    size_t size;
    if (key->size == 0)
        return OK;
    enum outcome outcome = table_get(transaction, name, key, portion->value, VALUE_MOST, &size, error);
    if (outcome == NOTFOUND)
        note(portion, "job %s is not in %s", job_id_format(&job->id, id), engine_table_file(name));
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome expect_content(struct transaction *transaction, struct portion *portion,
                                   const struct job *job, enum table name, uint64_t size, struct error *error)
{
    char id[JOB_ID_TEXT_SIZE];
    struct key key = key_of_id(&job->id);
    buffer_clear(&portion->content);
    enum outcome outcome = table_append(transaction, name, &key, (size_t)size, &portion->content, error);
    portion->bytes += portion->content.length;
    if (outcome == NOTFOUND)
        note(portion, "job %s is not in %s", job_id_format(&job->id, id), engine_table_file(name));
    else if (outcome == OK && portion->content.length != size)
        note(portion, "job %s has %zu bytes in %s, and its record says %llu", job_id_format(&job->id, id),
             portion->content.length, engine_table_file(name), (unsigned long long)size);
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome expect_delivery(struct transaction *transaction, struct portion *portion,
                                    const struct job *job, enum store_target target, struct error *error)
{
    struct store_delivery delivery;
    char id[JOB_ID_TEXT_SIZE];
    enum outcome outcome = delivery_rows_load(transaction, &job->id, target, &delivery, error);
    if (outcome == NOTFOUND)
        note(portion, "job %s lacks its %s", job_id_format(&job->id, id), store_target_name(target));
    if (outcome != OK || delivery.state != DELIVERY_WAITS)
        return outcome == NOTFOUND ? OK : outcome;
    struct key key = key_of_delivery_due(delivery.due_ms, &job->id, target);
    return expect_row(transaction, portion, job, TABLE_DELIVERY_DUE, &key, error);
}

static enum outcome expect_rows(struct transaction *transaction, struct portion *portion,
                                const struct job *job, struct error *error)
{
    struct job_rows rows = job_rows_of(job);
    enum outcome outcome = expect_row(transaction, portion, job, TABLE_LISTING, &rows.listing, error);
    if (outcome == OK)
        outcome = expect_row(transaction, portion, job, TABLE_DUE, &rows.due, error);
    if (outcome == OK)
        outcome = expect_row(transaction, portion, job, TABLE_RUNNING, &rows.running, error);
    if (outcome == OK)
        outcome = expect_row(transaction, portion, job, TABLE_EXPIRY, &rows.expiry, error);
    if (outcome == OK)
        outcome = expect_row(transaction, portion, job, TABLE_ACTIVE, &rows.active, error);
    if (outcome == OK && job->attempts > 0) {
        struct key key = key_of_attempt(&job->id, job->attempts);
        outcome = expect_row(transaction, portion, job, TABLE_ATTEMPTS, &key, error);
    }
    return outcome;
}

static enum outcome expect_all(struct transaction *transaction, struct portion *portion,
                               const struct job *job, struct error *error)
{
    bool ended = job_status_is_terminal(job->status);
    enum outcome outcome = expect_rows(transaction, portion, job, error);
    if (outcome == OK && !job->purged)
        outcome = expect_content(transaction, portion, job, TABLE_EVENTS, job->event_size, error);
    if (outcome == OK && !job->purged && job->result_type[0] != '\0')
        outcome = expect_content(transaction, portion, job, TABLE_RESULTS, job->result_size, error);
    if (outcome == OK && ended && job->callback_url[0] != '\0')
        outcome = expect_delivery(transaction, portion, job, TARGET_CALLBACK, error);
    if (outcome == OK && ended && job->destination[0] != '\0')
        outcome = expect_delivery(transaction, portion, job, TARGET_DESTINATION, error);
    return outcome;
}

static enum outcome check_job(struct transaction *transaction, struct portion *portion, const struct key *key,
                              size_t size, struct error *error)
{
    struct job_id id;
    struct job job;
    char text[JOB_ID_TEXT_SIZE];
    if (key->size != JOB_ID_BYTES) {
        note(portion, "jobs.db has a key of %zu bytes", key->size);
        return OK;
    }
    memcpy(id.bytes, key->bytes, JOB_ID_BYTES);
    if (record_get_job((const uint8_t *)portion->value, size, &id, &job))
        return expect_all(transaction, portion, &job, error);
    note(portion, "the record of job %s is damaged or of a newer version", job_id_format(&id, text));
    return OK;
}

/* ---- from the rows to the jobs ---- */

/* Where in a key the id stands: at its begin, its end, or before the last byte. */
static bool id_of_key(enum table name, const struct key *key, struct job_id *id)
{
    size_t at = 0, behind = 0;
    if (name == TABLE_DUE || name == TABLE_RUNNING || name == TABLE_LISTING || name == TABLE_ACTIVE ||
        name == TABLE_EXPIRY)
        at = key->size >= JOB_ID_BYTES ? key->size - JOB_ID_BYTES : 0;
    if (name == TABLE_DELIVERY_DUE) {
        at = 8;
        behind = 1;
    }
    if (key->size < at + JOB_ID_BYTES + behind)
        return false;
    memcpy(id->bytes, key->bytes + at, JOB_ID_BYTES);
    return true;
}

/* The row that this job's record asks for in that index; NULL: not an index of jobs. */
static const struct key *row_in(const struct job_rows *rows, enum table name)
{
    switch ((int)name) {
    case TABLE_DUE:
        return &rows->due;
    case TABLE_RUNNING:
        return &rows->running;
    case TABLE_LISTING:
        return &rows->listing;
    case TABLE_EXPIRY:
        return &rows->expiry;
    case TABLE_ACTIVE:
        return &rows->active;
    default:
        return NULL;
    }
}

static enum outcome check_row_of_job(struct transaction *transaction, struct portion *portion,
                                     const struct key *key, struct error *error)
{
    struct job_id id;
    struct job job;
    uint8_t bytes[RECORD_JOB_MAX];
    char text[JOB_ID_TEXT_SIZE];
    size_t size;
    if (!id_of_key(portion->name, key, &id)) {
        note(portion, "%s has a key of %zu bytes", engine_table_file(portion->name), key->size);
        return OK;
    }
    struct key job_key = key_of_id(&id);
    enum outcome outcome = table_get(transaction, TABLE_JOBS, &job_key, bytes, sizeof bytes, &size, error);
    if (outcome == NOTFOUND) {
        note(portion, "%s has a row of job %s, which is not there", engine_table_file(portion->name),
             job_id_format(&id, text));
        return OK;
    }
    if (outcome != OK || !record_get_job(bytes, size, &id, &job))
        return outcome; /* a damaged record was told of already */
    struct job_rows rows = job_rows_of(&job);
    const struct key *expected = row_in(&rows, portion->name);
    if (expected != NULL &&
        (expected->size != key->size || memcmp(expected->bytes, key->bytes, key->size) != 0))
        note(portion, "%s has another row of job %s than its record asks for",
             engine_table_file(portion->name), job_id_format(&id, text));
    return OK;
}

static enum outcome check_expiry(struct transaction *transaction, struct portion *portion,
                                 const struct key *key, struct error *error)
{
    int64_t at_ms;
    enum expiry_kind kind;
    const uint8_t *name;
    struct key wanted = {.size = 0};
    size_t size;
    if (!key_split_expiry(key, &at_ms, &kind, &name)) {
        note(portion, "expiry.db has a damaged row");
        return OK;
    }
    if (kind == EXPIRY_JOB)
        return check_row_of_job(transaction, portion, key, error);
    wanted.size = kind == EXPIRY_GONE ? JOB_ID_BYTES : KEY_HASH_BYTES;
    memcpy(wanted.bytes, name, wanted.size);
    enum table table = kind == EXPIRY_GONE ? TABLE_GONE : TABLE_IDEMPOTENCY;
    enum outcome outcome = table_get(transaction, table, &wanted, portion->value, VALUE_MOST, &size, error);
    if (outcome == NOTFOUND)
        note(portion, "expiry.db has a row of something that is not in %s", engine_table_file(table));
    return outcome == NOTFOUND ? OK : outcome;
}

static enum outcome check_row(struct transaction *transaction, struct portion *portion, const struct key *key,
                              size_t size, struct error *error)
{
    struct record_idempotency idempotency;
    int64_t forget_ms;
    const uint8_t *value = (const uint8_t *)portion->value;
    switch (portion->name) {
    case TABLE_JOBS:
        return check_job(transaction, portion, key, size, error);
    case TABLE_EXPIRY:
        return check_expiry(transaction, portion, key, error);
    case TABLE_IDEMPOTENCY:
        if (!record_get_idempotency(value, size, &idempotency))
            note(portion, "the record of an idempotency key is damaged or of a newer version");
        return OK;
    case TABLE_GONE:
        if (!record_get_gone(value, size, &forget_ms))
            note(portion, "the record of an expired job is damaged or of a newer version");
        return OK;
    case TABLE_EVENTS:
    case TABLE_RESULTS:
    case TABLE_LOGS:
    case TABLE_ATTEMPTS:
    case TABLE_DUE:
    case TABLE_RUNNING:
    case TABLE_LISTING:
    case TABLE_DELIVERIES:
    case TABLE_DELIVERY_DUE:
    case TABLE_ACTIVE:
    case TABLE_COUNT:
        break;
    }
    return check_row_of_job(transaction, portion, key, error);
}

/* ---- portions ---- */

/* Events and results are read with their jobs: here only their keys. */
static bool wants_values(enum table name)
{
    return name != TABLE_EVENTS && name != TABLE_RESULTS;
}

/* To the first key that was not looked at yet. */
static enum outcome begin_walk(struct walk *walk, const struct portion *portion, struct key *key,
                               struct error *error)
{
    static const struct key first;
    enum outcome outcome = walk_seek(walk, portion->begun ? &portion->last : &first, key, error);
    if (outcome == OK && portion->begun && key->size == portion->last.size &&
        memcmp(key->bytes, portion->last.bytes, key->size) == 0)
        outcome = walk_next(walk, key, error);
    return outcome;
}

static enum outcome check_portion(struct transaction *transaction, void *context, struct error *error)
{
    struct portion *portion = context;
    struct walk walk;
    struct key key;
    buffer_clear(&portion->wrong);
    portion->records = 0;
    portion->bytes = 0;
    portion->next = portion->last;
    enum outcome outcome = walk_open(&walk, transaction, portion->name, error);
    if (wants_values(portion->name)) {
        walk.value = portion->value;
        walk.capacity = sizeof portion->value;
    }
    if (outcome == OK)
        outcome = begin_walk(&walk, portion, &key, error);
    while (outcome == OK && portion->records < PORTION_RECORDS && portion->bytes < PORTION_BYTES) {
        portion->records++;
        portion->next = key;
        outcome = check_row(transaction, portion, &key, walk.size, error);
        if (outcome == OK)
            outcome = walk_next(&walk, &key, error);
    }
    walk_close(&walk);
    portion->end = outcome == NOTFOUND;
    return outcome == NOTFOUND ? OK : outcome;
}

struct verification {
    struct store *store;
    store_tell *tell;
    store_found *found;
    void *context;
    struct store_summary *summary;
};

static void hand_on(struct verification *call, const struct buffer *wrong)
{
    for (size_t at = 0; at < wrong->length; at += strlen(wrong->data + at) + 1) {
        call->summary->wrong++;
        call->found(call->context, wrong->data + at);
    }
}

static enum outcome verify_table(struct verification *call, enum table name, struct portion *portion,
                                 struct error *error)
{
    uint64_t done = 0;
    enum outcome outcome = OK;
    portion->name = name;
    portion->begun = portion->end = false;
    portion->last = (struct key){.size = 0};
    while (outcome == OK && !portion->end) {
        outcome = environment_read(call->store->environment, check_portion, portion, NULL,
                                   clock_deadline(STAY_MS), error);
        portion->last = portion->next;
        portion->begun = true;
        if (outcome == OK && portion->wrong.failed)
            outcome = error_set(error, NOMEM, "no memory for what is wrong");
        if (outcome != OK)
            break;
        hand_on(call, &portion->wrong);
        done += portion->records;
        call->summary->records += portion->records;
        call->summary->jobs += name == TABLE_JOBS ? portion->records : 0;
        call->tell(call->context, engine_table_file(name), done, 0);
    }
    return outcome;
}

static enum outcome verify_pages(struct transaction *transaction, void *context, struct error *error)
{
    const enum table *name = context;
    return transaction_verify(transaction, *name, error);
}

static enum outcome verify_all_pages(struct verification *call, struct error *error)
{
    enum outcome outcome = OK;
    for (enum table name = 0; outcome == OK && name < TABLE_COUNT; name++) {
        struct error words = {.text = ""};
        call->tell(call->context, "pages", name, TABLE_COUNT);
        outcome = environment_read(call->store->environment, verify_pages, &name, NULL,
                                   clock_deadline(STAY_MS), &words);
        if (outcome == INVALID) {
            call->summary->wrong++;
            call->found(call->context, words.text);
            outcome = OK;
        } else if (outcome != OK) {
            *error = words;
        }
    }
    return outcome;
}

enum outcome store_verify(struct store *store, bool pages, store_tell *tell, store_found *found,
                          void *context, struct store_summary *summary, struct error *error)
{
    static struct portion portion; /* large, and one verification at a time is enough for a program */
    struct verification call = {
        .store = store, .tell = tell, .found = found, .context = context, .summary = summary};
    enum outcome outcome = OK;
    *summary = (struct store_summary){.jobs = 0};
    for (enum table name = 0; outcome == OK && name < TABLE_COUNT; name++)
        outcome = verify_table(&call, name, &portion, error);
    if (outcome == OK && pages)
        outcome = verify_all_pages(&call, error);
    buffer_free(&portion.wrong);
    buffer_free(&portion.content);
    return outcome;
}
