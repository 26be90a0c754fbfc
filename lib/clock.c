#include "config.h"
#include "clock.h"

#include <stdatomic.h>
#include <stdbool.h>

static _Atomic(const struct clock_source *) replacement;

static int64_t microseconds_of(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    const struct clock_source *source = atomic_load_explicit(&replacement, memory_order_acquire);
    return source != NULL ? source->wall_ms() : microseconds_of(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_us(void)
{
    const struct clock_source *source = atomic_load_explicit(&replacement, memory_order_acquire);
    return source != NULL ? source->monotonic_us() : microseconds_of(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_deadline(int64_t milliseconds)
{
    int64_t deadline;
    if (__builtin_add_overflow(clock_monotonic_ms(), milliseconds, &deadline))
        return milliseconds > 0 ? INT64_MAX : INT64_MIN;
    return deadline;
}

int64_t clock_left(int64_t deadline_ms)
{
    int64_t now = clock_monotonic_ms();
    int64_t left;
    if (deadline_ms <= now)
        return 0;
    return __builtin_sub_overflow(deadline_ms, now, &left) ? INT64_MAX : left;
}

struct timespec clock_left_timespec(int64_t deadline_ms)
{
    int64_t left = clock_left(deadline_ms);
    return (struct timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
}

struct timespec clock_timespec(int64_t deadline_ms)
{
    return (struct timespec){.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
}

void clock_sleep_us(int64_t microseconds)
{
    if (microseconds <= 0)
        return;
    struct timespec time = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000};
    nanosleep(&time, NULL);
}

/* Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar. Counted in years that
 * start in March, so that the leap day is the last one. Not gmtime_r: the C library takes a lock in it that
 * all threads share. */
static void date_of_days(int64_t days, int *year, int *month, int *day)
{
    const int64_t days_of_400_years = 146097;
    days += 719468; /* from 0000-03-01 to 1970-01-01 */
    int64_t cycle = (days >= 0 ? days : days - (days_of_400_years - 1)) / days_of_400_years;
    int64_t in_cycle = days - cycle * days_of_400_years;
    int64_t year_of_cycle = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int64_t in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    int64_t month_from_march = (5 * in_year + 2) / 153;
    *day = (int)(in_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = (int)(year_of_cycle + cycle * 400 + (*month <= 2 ? 1 : 0));
}

static char *put_digits(char *at, int value, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = behind;
    return at + digits + 1;
}

char *clock_format(int64_t wall_ms, char *text)
{
    const int64_t first = -62167219200000; /* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: */
    const int64_t last = 253402300799999;  /* what four digits of a year can say (RFC 3339, section 1) */
    const int64_t day_ms = 86400000;
    if (wall_ms < first)
        wall_ms = first;
    if (wall_ms > last)
        wall_ms = last;
    int64_t days = (wall_ms >= 0 ? wall_ms : wall_ms - (day_ms - 1)) / day_ms;
    int in_day = (int)(wall_ms - days * day_ms);
    int year, month, day;
    date_of_days(days, &year, &month, &day);
    char *at = put_digits(text, year, 4, '-');
    at = put_digits(at, month, 2, '-');
    at = put_digits(at, day, 2, 'T');
    at = put_digits(at, in_day / 3600000, 2, ':');
    at = put_digits(at, in_day / 60000 % 60, 2, ':');
    at = put_digits(at, in_day / 1000 % 60, 2, '.');
    at = put_digits(at, in_day % 1000, 3, 'Z');
    *at = '\0';
    return text;
}

void clock_replace(const struct clock_source *source)
{
    atomic_store_explicit(&replacement, source, memory_order_release);
}
