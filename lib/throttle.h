/* throttle.h - how much one caller may ask for
 *
 * A rate with a burst (GCRA, the "virtual scheduling" form of ITU-T I.371, a leaky bucket in one number) and
 * a quota of submissions a day (UTC). The state of every caller is two words in the mapped file `throttle` of
 * the data folder, changed by compare-and-swap: shared by all processes, no lock that a killed process could
 * leave behind, nothing written by request but memory.
 *
 * The file has room for THROTTLE_CALLERS callers. When the places that a caller may have are all in use, the
 * one that has been quiet longest is forgotten: it starts afresh, which gives it a burst too many, never one
 * too few.
 *
 * Thread safety: all calls may run at once, in any number of processes. */
#ifndef JOBGATE_THROTTLE_H
#define JOBGATE_THROTTLE_H

#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_CALLERS 8192

struct throttle;

/* Maps the file, made when it is not there (mode 0600). */
enum outcome throttle_open(const char *data_dir, struct throttle **throttle, struct error *error);
void throttle_close(struct throttle *throttle); /* NULL is legal */

struct throttle_answer {
    bool allowed;
    int64_t limit;          /* the burst, or the quota when that is what refused */
    int64_t remaining;      /* requests that may come at once now */
    int64_t retry_after_ms; /* 0 when allowed; else when one is allowed again */
    int64_t reset_ms;       /* until all of it is there again */
};

/* One request of `caller` (any bytes: a key's name, an address). `rate` a second and `burst` at once; rate 0
 * = no limit (allowed, limit 0). burst 0 counts as the rate. */
struct throttle_answer throttle_take(struct throttle *throttle, const char *caller, int64_t rate,
                                     int64_t burst, int64_t now_wall_ms);
/* One submission against the day's quota; 0 = no limit. A refused one is not counted. */
struct throttle_answer throttle_take_quota(struct throttle *throttle, const char *caller, int64_t quota,
                                           int64_t now_wall_ms);
/* One that was taken made no job. Nothing happens when the day has passed meanwhile. */
void throttle_return_quota(struct throttle *throttle, const char *caller, int64_t now_wall_ms);

#endif
