/* store_fixture.h - a store folder of a test's own, and records to put into it
 *
 * For tests of the gate and the environment: small records in the table of jobs, written and read through
 * environment_run and environment_read. */
#ifndef JOBGATE_STORE_FIXTURE_H
#define JOBGATE_STORE_FIXTURE_H

#include "store_bdb/environment.h"

#define FIXTURE_DEADLINE_MS 10000
#define RECORD_FILL_MAX     8192

struct fixture {
    char *parent; /* folder of the test */
    char data[512];
    struct configuration configuration;
    struct environment *environment; /* NULL when closed */
};

/* cmocka's set-up and tear-down: opens a fresh store for writing. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

struct record {
    struct job_id id;
    uint32_t value;
    uint32_t fill;        /* bytes behind the value */
    enum outcome verdict; /* what a writing body ends with */
};
struct record record_make(uint32_t value);
/* The record of one writer's n-th write: found again without being told. */
struct record record_of(unsigned writer, unsigned life, uint32_t number);

/* Committed and synced when OK. */
enum outcome record_write(struct environment *environment, const struct record *record, struct error *error);
enum outcome record_commit(struct environment *environment, const struct record *record,
                           struct store_ticket *ticket, struct error *error);
/* Sets value. */
enum outcome record_read(struct environment *environment, struct record *record, struct error *error);

/* The same, or the case fails. */
void record_must_write(struct environment *environment, const struct record *record);
void record_must_read(struct environment *environment, struct record *record);

uint64_t fixture_generation(struct fixture *fixture);

#endif
