/* preference.h - how the client wants to be answered: waiting, and only if something is new
 *
 * Prefer (RFC 7240) and ?wait= ask to wait; If-None-Match (RFC 9110, 13.1.2) asks to be told only of news.
 * Pure functions. */
#ifndef JOBGATE_PREFERENCE_H
#define JOBGATE_PREFERENCE_H

#include "outcome.h"
#include "request.h"
#include "response.h"

#include <stdbool.h>
#include <stdint.h>

struct preference {
    bool respond_async;
    bool has_wait;
    bool wait_is_preferred; /* came by the header, so it is to be acknowledged */
    int64_t wait_ms;        /* already cut down to wait_max_ms */
};

/* Reads ?wait= and, when that is not there, Prefer. INVALID when ?wait= is no number of seconds; a Prefer
 * that makes no sense is overlooked, as its standard wants. */
enum outcome preference_read(const struct request *request, int64_t wait_max_ms,
                             struct preference *preference, struct error *error);
/* Preference-Applied, when there is something to acknowledge. */
void preference_acknowledge(const struct preference *preference, struct response *response);

/* "12", "0.5": seconds to milliseconds. INVALID otherwise. */
enum outcome seconds_parse(const char *text, int64_t *milliseconds);

#define ETAG_SIZE 64

/* The ETag of a job's document: its revision, and a number for what moves without the record (0 = nothing does). */
char *etag_format(uint64_t revision, uint64_t moving, char *etag);
/* Whether the If-None-Match names this ETag. Weak comparison; a "-gzip" that Apache has added does not count.
 */
bool etag_matches(const char *if_none_match, const char *etag);
/* Whether it names any ETag of this revision, whatever has moved beside the record. */
bool etag_matches_revision(const char *if_none_match, uint64_t revision);

#endif
