/* document_cache.h - job documents, kept for the next one who asks
 *
 * Clients poll: the same job is asked for again and again before anything about it changes. Its document is kept with the
 * stamp (store_stamp) that was taken before the job was read. As long as the stamp is the same the document is true, and
 * neither the gate nor the database nor the JSON builder is asked again. A kept document is used for a second at most: a
 * store whose folder was taken away shows within two (the gate looks once a second).
 *
 * Not for QUEUED jobs: their place in the queue changes without them.
 *
 * Bounded: 256 documents of up to 4 KiB. Thread-safe, and never waits: what somebody else looks at just now is a miss. */
#ifndef JOBGATE_DOCUMENT_CACHE_H
#define JOBGATE_DOCUMENT_CACHE_H

#include "buffer.h"
#include "job.h"
#include "preference.h"
#include "store.h"

#include <stdbool.h>

struct document_cache;

/* What is known of a kept document beside its text. */
struct document {
    char etag[ETAG_SIZE];
    enum job_status status;
    struct slot_identity runner; /* RUNNING only */
    int64_t expires_ms;          /* of the job, wall clock; 0 = never */
};

/* NULL when memory is short; the other calls take that for a cache that has nothing. */
struct document_cache *document_cache_make(void);
void document_cache_free(struct document_cache *cache);

/* True: *document is filled and the text appended to `body`. `base` is part of the text (its links). */
bool document_cache_find(struct document_cache *cache, const struct job_id *id, const char *base,
                         struct store_stamp stamp, struct document *document, struct buffer *body);
/* Keeps a copy, when it is of a size and state worth keeping. */
void document_cache_keep(struct document_cache *cache, const struct job_id *id, const char *base,
                         struct store_stamp stamp, const struct document *document,
                         const struct buffer *body);

#endif
