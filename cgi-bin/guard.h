/* guard.h - who asks, what they may do, how much of it
 *
 * Runs before every handler, by the route's scope. Three questions, in this order:
 *
 *   - Is this a browser that a page of another site made ask? A change (POST, DELETE) that carries an Origin or Sec-Fetch-Site
 *     of somewhere else is refused, unless cors_origins names the origin.
 *   - Whose key is it (Authorization: Bearer, or x-api-key), and has it the scope? No key is `anonymous` of the configuration.
 *     401 asks for a key, 403 names the scope that this one lacks.
 *   - Does the caller keep to its rate? 429 tells when to come again. Fields: draft-ietf-httpapi-ratelimit-headers.
 *
 * Thread-safe. */
#ifndef JOBGATE_GUARD_H
#define JOBGATE_GUARD_H

#include "exchange.h"

/* True: exchange->caller is set, the handler may run. False: the answer is there. `scopes` is what the
 * route takes: one of them is needed, the first one is named when none is there; 0 is open to everyone. */
bool guard_admit(struct exchange *exchange, unsigned scopes);

/* For handlers of which a part needs another scope. False: the answer (401 or 403) is there. */
bool guard_may(struct exchange *exchange, unsigned scopes);
/* For handlers that learn the function late. False: the answer (403) is there: a key that names functions sees nothing of
 * the others, but for a job whose id it knows: reading that is what the id is for. */
bool guard_may_use(struct exchange *exchange, const char *function);
/* For what cannot be told apart by function. False: 403 is there: the key names functions. */
bool guard_may_see_all(struct exchange *exchange);
/* One submission against the caller's daily quota. False: 429 is there. */
bool guard_take_quota(struct exchange *exchange);
/* It made no job: refused, or an earlier one's answer once more. */
void guard_return_quota(struct exchange *exchange);

/* How many jobs of this caller may be under way at once; 0 = no limit. */
int64_t guard_active_jobs(const struct exchange *exchange);
/* As whom a job is submitted: the key's name; else, where jobs of a caller are limited, "@" and the address. */
void guard_name_caller(const struct exchange *exchange, char caller[JOB_CALLER_SIZE]);

/* Headers that let pages of cors_origins read the answer; on every answer. */
void guard_share(struct exchange *exchange);

#endif
