/* service.h - what the requests of a process stand on: configuration, store, slots
 *
 * One struct service for each process. The configuration is loaded and the store opened before the first
 * request when that is possible, and otherwise again and again (at most once a second) while requests come
 * in, so that a process goes on by itself once the administrator has put right what was wrong; until then
 * each request gets a 500 or 503, and the log has the reason.
 *
 * Thread-safe. */
#ifndef JOBGATE_SERVICE_H
#define JOBGATE_SERVICE_H

#include "document_cache.h"
#include "exchange.h"
#include "outcome.h"
#include "meter.h"
#include "store.h"
#include "throttle.h"

struct service;

/* `program` ("submit") and `configuration_file` are kept, not copied. Tries the configuration and the store
 * once, and logs what fails; NULL only when memory is short. */
struct service *service_start(const char *program, const char *configuration_file, enum store_access access);
/* No request may be under way. NULL is legal. */
void service_stop(struct service *service);

/* The size of the thread pool, 1 when there is no configuration. */
unsigned service_threads(struct service *service);

/* Gives the exchange its configuration, and the store when `with_store`. False when there is none: the
 * exchange has its answer then. */
bool service_configure(struct service *service, struct exchange *exchange);
bool service_attach(struct service *service, struct exchange *exchange);

/* Work was committed: wakes a sleeping worker or starts one. A start that fails is logged; the job waits. */
void service_work_is_there(struct service *service, const struct configuration *configuration);
/* Starts a worker, or the deliverer, when something is due or was left by a worker that died, and nobody seems to
 * care; looks at most once a second. */
void service_nudge(struct service *service);
/* The same for the runner of a RUNNING job that somebody asks for: when worker and supervisor were killed together, a new worker puts
 * it back. */
void service_look_after(struct service *service, struct slot_identity runner);
/* True when the process should end as soon as it is idle, and let the server start a new one. */
bool service_wants_restart(struct service *service);
/* Whether another request may wait, over all processes of this installation (waiters.h). */
bool service_begin_wait(struct service *service, const struct configuration *configuration);
void service_end_wait(struct service *service);
/* Whether a worker could be started: its program is there, and the functions' folder. Words for the log. */
enum outcome service_can_work(struct service *service, const struct configuration *configuration,
                              struct error *error);
/* The table of the limits by caller, opened at its first use. NULL with words when that fails. */
struct throttle *service_throttle(struct service *service, const struct configuration *configuration,
                                  struct error *error);
/* The counters, likewise. */
struct meter *service_meter(struct service *service, const struct configuration *configuration,
                            struct error *error);
/* Documents that were made before. NULL when memory was short. */
struct document_cache *service_documents(struct service *service);
/* How many slots are taken. */
unsigned service_workers(struct service *service, const struct configuration *configuration);
/* Removes some expired jobs, at most every ten seconds; for a time when nobody waits. In a file of its own
 * (service_expire.c), so that the reading program does not link it. */
void service_expire(struct service *service);
/* For that file: the store when ten seconds have passed since the last time, else NULL. */
struct store *service_expire_is_due(struct service *service);

#endif
