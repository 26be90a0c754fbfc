#include "config.h"
#include "store_fixture.h"
#include "test.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fixture_open(struct fixture *fixture)
{
    struct error error = {.text = ""};
    if (environment_open(&fixture->configuration, STORE_WRITE, &fixture->environment, &error) != OK)
        fail_msg("%s", error.text);
}

void fixture_close(struct fixture *fixture)
{
    environment_close(fixture->environment);
    fixture->environment = NULL;
}

int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->parent = test_folder();
    snprintf(fixture->data, sizeof fixture->data, "%s/data", fixture->parent);
    fixture->configuration.data_dir = fixture->data;
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    test_folder_remove(fixture->parent);
    free(fixture);
    return 0;
}

struct record record_make(uint32_t value)
{
    struct record record = {.value = value};
    assert_int_equal(job_id_make(&record.id, NULL), OK);
    return record;
}

struct record record_of(unsigned writer, unsigned life, uint32_t number)
{
    struct record record = {.value = number,
                            .fill = number * 2654435761u % 64 == 0 ? RECORD_FILL_MAX : number % 512};
    uint32_t parts[4] = {writer, life, number, number * 40503u};
    memcpy(record.id.bytes, parts, sizeof record.id.bytes);
    return record;
}

static enum outcome put_record(struct transaction *transaction, void *context, struct error *error)
{
    const struct record *record = context;
    unsigned char bytes[sizeof record->value + RECORD_FILL_MAX] = {0};
    DB *table;
    enum outcome outcome = transaction_table(transaction, TABLE_JOBS, &table, error);
    if (outcome != OK)
        return outcome;
    memcpy(bytes, &record->value, sizeof record->value);
    DBT key = {.data = (void *)record->id.bytes, .size = JOB_ID_BYTES};
    DBT value = {.data = bytes, .size = (u_int32_t)sizeof record->value + record->fill};
    int result = table->put(table, transaction->txn, &key, &value, 0);
    if (result == 0) {
        DB *other;
        outcome = transaction_table(transaction, TABLE_DUE, &other, error);
        if (outcome != OK)
            return outcome;
        value.size = sizeof record->value;
        result = other->put(other, transaction->txn, &key, &value, 0);
    }
    if (result != 0)
        return transaction_failed(transaction, result, error, "put");
    transaction_touches(transaction, &record->id);
    return record->verdict;
}

static enum outcome get_record(struct transaction *transaction, void *context, struct error *error)
{
    struct record *record = context;
    DB *table;
    enum outcome outcome = transaction_table(transaction, TABLE_JOBS, &table, error);
    if (outcome != OK)
        return outcome;
    if (table == NULL)
        return NOTFOUND;
    DBT key = {.data = record->id.bytes, .size = JOB_ID_BYTES};
    DBT value = {0};
    int result = table->get(table, NULL, &key, &value, 0);
    if (result != 0)
        return transaction_failed(transaction, result, error, "get");
    memcpy(&record->value, value.data, sizeof record->value);
    return OK;
}

enum outcome record_commit(struct environment *environment, const struct record *record,
                           struct store_ticket *ticket, struct error *error)
{
    return environment_run(environment, put_record, (void *)record, clock_deadline(FIXTURE_DEADLINE_MS),
                           ticket, error);
}

enum outcome record_write(struct environment *environment, const struct record *record, struct error *error)
{
    struct store_ticket ticket;
    enum outcome outcome = record_commit(environment, record, &ticket, error);
    if (outcome == OK)
        outcome = environment_sync(environment, ticket, clock_deadline(FIXTURE_DEADLINE_MS), error);
    return outcome;
}

enum outcome record_read(struct environment *environment, struct record *record, struct error *error)
{
    record->value = UINT32_MAX;
    return environment_read(environment, get_record, record, &record->id, clock_deadline(FIXTURE_DEADLINE_MS),
                            error);
}

void record_must_write(struct environment *environment, const struct record *record)
{
    struct error error = {.text = ""};
    enum outcome outcome = record_write(environment, record, &error);
    if (outcome != OK)
        fail_msg("%s: %s", outcome_name(outcome), error.text);
}

void record_must_read(struct environment *environment, struct record *record)
{
    struct error error = {.text = ""};
    uint32_t expected = record->value;
    enum outcome outcome = record_read(environment, record, &error);
    if (outcome != OK)
        fail_msg("%s: %s", outcome_name(outcome), error.text);
    assert_int_equal(record->value, expected);
}

uint64_t fixture_generation(struct fixture *fixture)
{
    struct store_health health;
    assert_int_equal(environment_health(fixture->environment, clock_deadline(1000), &health, NULL), OK);
    return health.generation;
}
