/* fixture.h - a store of its own for each case of the contract
 *
 * The contract is what any implementation of lib/store.h must keep, so nothing here knows which one it is. A case
 * starts with fixture_open and ends with fixture_close; the calls below fail the case when the store does not answer
 * as named. All of them use a deadline of PATIENCE. */
#ifndef JOBGATE_CONTRACT_FIXTURE_H
#define JOBGATE_CONTRACT_FIXTURE_H

#include "../unit/test.h"

#include "clock.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE clock_deadline(20000)

struct fixture {
    char *folder;
    struct configuration *configuration;
    struct store *store;
    struct error error; /* of the call that came last */
};

/* A new folder and store; `settings` are lines for the end of the configuration file, may be NULL. */
struct fixture *fixture_open(const char *settings);
void fixture_close(struct fixture *fixture);
/* Another configuration for the same store. */
void fixture_configure(struct fixture *fixture, const char *settings);

/* Wall time stands still at `now_ms` until fixture_close; 0 = the system's again. */
void fixture_clock(int64_t now_ms);

/* A submission of `{"n":1}` to this function, due now, with a fresh id. */
struct store_submission fixture_submission(const char *function);
/* Submits, syncs, and returns the record. */
struct job fixture_submit(struct fixture *fixture, const char *function);
struct job fixture_submit_due(struct fixture *fixture, const char *function, int64_t due_ms);
struct job fixture_get(struct fixture *fixture, const struct job_id *id);
enum outcome fixture_look(struct fixture *fixture, const struct job_id *id); /* store_get's outcome */

/* Claims as worker `slot` at that time. The outcome, and the job. */
enum outcome fixture_try_claim(struct fixture *fixture, uint32_t slot, int64_t now_ms, struct job *job);
struct job fixture_claim(struct fixture *fixture, uint32_t slot); /* now; must be OK */
struct store_attempt fixture_attempt(const struct job *job);
/* Ends the attempt; a policy without retries that keeps everything for 100 s, unless changed before. */
extern struct job_policy fixture_policy;
enum outcome fixture_try_finish(struct fixture *fixture, const struct store_attempt *attempt,
                                enum job_event event, const char *result, struct job *job);
struct job fixture_finish(struct fixture *fixture, const struct job *job, enum job_event event,
                          const char *result);
/* Submit, claim and succeed. */
struct job fixture_run(struct fixture *fixture, const char *function, const char *result);

/* Asserts that a buffer holds exactly this text, and empties it. */
void fixture_assert_text(struct buffer *buffer, const char *text);

#endif
