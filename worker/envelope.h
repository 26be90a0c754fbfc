/* envelope.h - what stands around the posted JSON on a function's standard input
 *
 * {"jobId":"…","body":<as posted>}, as in the AWS sample; nothing around a raw event (Lambda's Invoke). Pure functions. */
#ifndef JOBGATE_ENVELOPE_H
#define JOBGATE_ENVELOPE_H

#include "job.h"

#define ENVELOPE_HEAD_SIZE 80

/* `head` has ENVELOPE_HEAD_SIZE bytes. Returns head. */
char *envelope_head(const struct job *job, char *head);
const char *envelope_tail(const struct job *job);

#endif
