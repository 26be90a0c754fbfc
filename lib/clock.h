/* clock.h - the only place that asks what time it is
 *
 * Wall time (milliseconds since 1970-01-01 UTC) is for what people see and what must survive a reboot: created,
 * due, expires. Monotonic time (milliseconds since an arbitrary start) is for every timeout and deadline, so that a
 * clock that jumps does not end a job early. A deadline is always an absolute monotonic time.
 *
 * Thread safety: all calls may run at once; clock_replace is for tests, before threads start. */
#ifndef JOBGATE_CLOCK_H
#define JOBGATE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_TEXT_SIZE 25 /* "2026-11-23T05:09:00.123Z" and its NUL */

int64_t clock_wall_ms(void);
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
/* Now plus `milliseconds`, as a deadline; saturates. */
int64_t clock_deadline(int64_t milliseconds);
/* Milliseconds until the deadline, 0 when it has passed. */
int64_t clock_left(int64_t deadline_ms);
/* The same as a struct timespec, for futex and condition waits that take a relative time. */
struct timespec clock_left_timespec(int64_t deadline_ms);
/* The deadline itself, for condition variables on CLOCK_MONOTONIC. */
struct timespec clock_timespec(int64_t deadline_ms);
/* Sleeps at most that long; a signal ends it early. */
void clock_sleep_us(int64_t microseconds);

/* RFC 3339 in UTC with milliseconds. `text` has CLOCK_TEXT_SIZE bytes. Returns text. */
char *clock_format(int64_t wall_ms, char *text);

struct clock_source {
    int64_t (*wall_ms)(void);
    int64_t (*monotonic_us)(void);
};
/* Tests only: NULL puts the system's clocks back. */
void clock_replace(const struct clock_source *source);

#endif
