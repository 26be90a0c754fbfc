/* doorbell.h - wakes sleepers in other processes
 *
 * The file `doorbell` in the data folder, mapped by everyone: futex words for "work is there" and for jobs (hashed by
 * id, so a sleeper may be woken for another job's sake). Workers and long-polls sleep on them instead of asking again
 * and again. It is a hint only: nothing is lost with the file, and every sleeper also wakes by itself now and then.
 *
 * The calling sequence that misses nothing: seen, then look at the store, then wait(seen). A ring between the first and
 * the last makes wait return at once.
 *
 * Thread safety: all calls may run at once. None blocks but the two waits. */
#ifndef JOBGATE_DOORBELL_H
#define JOBGATE_DOORBELL_H

#include "job_id.h"
#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct doorbell;

/* Maps the file of this folder, made when it is not there. Descriptors are O_CLOEXEC and closed again. */
enum outcome doorbell_open(const char *data_dir, struct doorbell **doorbell, struct error *error);
void doorbell_close(struct doorbell *doorbell); /* NULL is legal */

uint32_t doorbell_seen(struct doorbell *doorbell);
/* Sleeps until rung since `seen`, or the deadline (clock.h); may return earlier for no reason. */
void doorbell_wait(struct doorbell *doorbell, uint32_t seen, int64_t deadline_ms);
/* Wakes one sleeper; the ring counts for all who have called doorbell_seen before. False when none slept. */
bool doorbell_ring(struct doorbell *doorbell);

uint32_t doorbell_seen_job(struct doorbell *doorbell, const struct job_id *id);
void doorbell_wait_job(struct doorbell *doorbell, const struct job_id *id, uint32_t seen,
                       int64_t deadline_ms);
/* Wakes all sleepers on this job. */
void doorbell_ring_job(struct doorbell *doorbell, const struct job_id *id);

#endif
