/* meter.h - what has happened, counted
 *
 * The mapped file `meter` of the data folder: counters since it was made, by function, and what happened in each
 * minute of the last day. Whoever changes a job counts it here, in a few atomic additions to shared memory: nothing is
 * locked, nothing is written to disk for it, and reading costs the same whatever the store holds. The figures are for
 * people and for graphs, not for decisions: a process killed between a commit and its count is missing from them, and
 * a power cut sets them back to what the kernel had written.
 *
 * Jobs that wait or run are not counted here: the store knows them exactly (store_count), and what there were in an
 * earlier minute follows from what has come and gone since.
 *
 * Thread safety: all calls may run at once, in any number of processes. */
#ifndef JOBGATE_METER_H
#define JOBGATE_METER_H

#include "job.h"
#include "outcome.h"

#include <stddef.h>
#include <stdint.h>

#define METER_FUNCTIONS 64   /* further ones share the last place, named "(others)" */
#define METER_MINUTES   1440 /* a day */
#define METER_BUCKETS   13

struct meter;

/* Upper bounds of the buckets in milliseconds; the last one has none (INT64_MAX). */
extern const int64_t meter_bounds_ms[METER_BUCKETS];

struct meter_histogram {
    uint64_t buckets[METER_BUCKETS]; /* not cumulative */
    uint64_t sum_ms;
};

/* Since the file was made. */
struct meter_function {
    char function[JOB_FUNCTION_SIZE];
    uint64_t submitted;
    uint64_t ended[JOB_STATUS_COUNT]; /* by terminal status */
    uint64_t attempts;                /* started */
    uint64_t retried;                 /* attempts that were followed by another one */
    struct meter_histogram duration;  /* of attempts */
    struct meter_histogram wait;      /* from due to started */
};

/* One minute, or several together. */
struct meter_period {
    int64_t start_ms; /* wall clock */
    uint32_t submitted;
    uint32_t ended[JOB_STATUS_COUNT];
    uint32_t started; /* attempts */
    uint32_t stopped; /* attempts that ended, whichever way */
    uint32_t durations[METER_BUCKETS];
};

/* Maps the file, made when it is not there (mode 0600). */
enum outcome meter_open(const char *data_dir, struct meter **meter, struct error *error);
void meter_close(struct meter *meter); /* NULL is legal */

/* Counting; a NULL meter counts nothing. */
void meter_submitted(struct meter *meter, const char *function, int64_t now_ms);
void meter_started(struct meter *meter, const char *function, int64_t waited_ms, int64_t now_ms);
/* An attempt is over; `job` as it stands after it. */
void meter_stopped(struct meter *meter, const struct job *job, int64_t duration_ms, int64_t now_ms);
/* A job that ended without an attempt (cancelled in the queue, too old). */
void meter_ended(struct meter *meter, const char *function, enum job_status status, int64_t now_ms);

/* Up to METER_FUNCTIONS entries are written; returns how many. */
size_t meter_functions(const struct meter *meter, struct meter_function *functions);
/* The last `count` minutes, oldest first, in periods of `step` minutes: count / step entries are written. The current
 * minute is the last one. */
void meter_periods(const struct meter *meter, int64_t now_ms, unsigned count, unsigned step,
                   struct meter_period *periods);

/* The value below which `permille` of the histogram lie, in ms, interpolated inside its bucket; 0 when it is empty. */
int64_t meter_quantile_ms(const uint32_t buckets[METER_BUCKETS], unsigned permille);

#endif
