#include "config.h"
#include "test.h"

#include "clock.h"
#include "store_bdb/environment.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char *parent;
    char data[512];
    struct configuration configuration;
    struct environment *environment;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->parent = test_folder();
    snprintf(fixture->data, sizeof fixture->data, "%s/data", fixture->parent);
    fixture->configuration.data_dir = fixture->data;
    struct error error = {.text = ""};
    if (environment_open(&fixture->configuration, STORE_WRITE, &fixture->environment, &error) != OK)
        fail_msg("%s", error.text);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    environment_close(fixture->environment);
    test_folder_remove(fixture->parent);
    free(fixture);
    return 0;
}

struct record {
    struct job_id id;
    uint32_t value;
    enum outcome verdict; /* what a writing body ends with */
};

static enum outcome put_record(struct transaction *transaction, void *context, struct error *error)
{
    struct record *record = context;
    DB *table;
    enum outcome outcome = transaction_table(transaction, TABLE_JOBS, &table, error);
    if (outcome != OK)
        return outcome;
    DBT key = {.data = record->id.bytes, .size = JOB_ID_BYTES};
    DBT value = {.data = &record->value, .size = sizeof record->value};
    int result = table->put(table, transaction->txn, &key, &value, 0);
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

static struct record make_record(uint32_t value)
{
    struct record record = {.value = value};
    assert_int_equal(job_id_make(&record.id, NULL), OK);
    return record;
}

static void write_durably(struct environment *environment, struct record *record)
{
    struct error error = {.text = ""};
    struct store_ticket ticket;
    if (environment_run(environment, put_record, record, clock_deadline(5000), &ticket, &error) != OK)
        fail_msg("%s", error.text);
    if (environment_sync(environment, ticket, clock_deadline(5000), &error) != OK)
        fail_msg("%s", error.text);
}

static enum outcome read_record(struct environment *environment, struct record *record)
{
    struct error error = {.text = ""};
    record->value = 0;
    return environment_read(environment, get_record, record, &record->id, clock_deadline(5000), &error);
}

static void what_was_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct record record = make_record(17);
    write_durably(fixture->environment, &record);
    assert_int_equal(read_record(fixture->environment, &record), OK);
    assert_int_equal(record.value, 17);
}

static void what_a_body_refuses_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct record record = make_record(17);
    record.verdict = CONFLICT;
    assert_int_equal(
        environment_run(fixture->environment, put_record, &record, clock_deadline(5000), NULL, NULL),
        CONFLICT);
    assert_int_equal(read_record(fixture->environment, &record), NOTFOUND);
}

static void another_opening_reads_it(void **state)
{
    struct fixture *fixture = *state;
    struct record record = make_record(23);
    write_durably(fixture->environment, &record);
    struct environment *reader;
    assert_int_equal(environment_open(&fixture->configuration, STORE_READ, &reader, NULL), OK);
    assert_int_equal(read_record(reader, &record), OK);
    assert_int_equal(record.value, 23);
    environment_close(reader);
}

static void it_is_there_after_closing_and_opening(void **state)
{
    struct fixture *fixture = *state;
    struct record record = make_record(5);
    write_durably(fixture->environment, &record);
    environment_close(fixture->environment);
    assert_int_equal(environment_open(&fixture->configuration, STORE_WRITE, &fixture->environment, NULL), OK);
    assert_int_equal(read_record(fixture->environment, &record), OK);
    assert_int_equal(record.value, 5);
}

#define THREADS 16
#define EACH    200

static void *write_many(void *context)
{
    for (uint32_t i = 0; i < EACH; i++) {
        struct record record = make_record(i);
        write_durably(context, &record);
        if (read_record(context, &record) != OK || record.value != i)
            return context;
    }
    return NULL;
}

static void threads_share_one_environment(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, fixture->environment), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(what_was_written_is_read), CASE(what_a_body_refuses_is_not_there),
          CASE(another_opening_reads_it), CASE(it_is_there_after_closing_and_opening),
          CASE(threads_share_one_environment))
