/* job_document.h - a job as people and programs see it: one JSON object
 *
 * The same document for GET /job/{id}, for lists, for DELETE's answer and for jobgatectl. Members that have
 * nothing to say are left out. The first three are the sample's: jobId, status, createdAt.
 *
 * Thread-safe; nothing is kept. */
#ifndef JOBGATE_JOB_DOCUMENT_H
#define JOBGATE_JOB_DOCUMENT_H

#include "job.h"
#include "json.h"
#include "store.h"

#include <stddef.h>

/* A larger result is not in the document: links.result has it. */
#define JOB_DOCUMENT_RESULT_MAX (64 * 1024)

/* What may be told beside the record. */
struct job_document_parts {
    const char *base;                   /* before "/job/<id>" in links; NULL = no links */
    const struct job_attempt *attempts; /* oldest first */
    size_t attempt_count;
    const struct store_queue_place *place;   /* NULL = not told; QUEUED only */
    const struct buffer *result;             /* NULL = not in the document */
    const struct store_delivery *deliveries; /* who is told of the end, and what came of it */
    size_t delivery_count;
};

/* `parts` may be NULL. The caller owns the object; NULL when memory is short. */
struct json_object *job_document(const struct job *job, const struct job_document_parts *parts);

/* What the 202 says of a job that has just been accepted: jobId, "QUEUED", createdAt. */
struct json_object *job_document_accepted(const struct job *job);
/* The same as text, appended; takes no memory but the buffer's. */
void job_document_print_accepted(const struct job *job, struct buffer *text);

/* Whether a media type is JSON ("application/json", "application/problem+json; charset=utf-8"). */
bool job_type_is_json(const char *type);
/* Whether it is text/plain. */
bool job_type_is_text(const char *type);

#endif
