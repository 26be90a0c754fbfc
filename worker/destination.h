/* destination.h - what a callback or destination is told of an ended job
 *
 * AWS Lambda's destination record (version "1.0"), so that receivers written for Lambda understand it:
 * condition is Success, RetriesExhausted or EventAgeExceeded, and Cancelled, which Lambda does not have.
 * requestPayload is the event as the function got it, responsePayload the result, or
 * {"errorType","errorMessage"}. Thread-safe. */
#ifndef JOBGATE_DESTINATION_H
#define JOBGATE_DESTINATION_H

#include "buffer.h"
#include "job.h"

/* Appends the record. `event` is what the function had on its standard input; `result` is empty when there is
 * none. record->failed when memory is short. `now_ms`: wall time of the record. */
void destination_record(const struct job *job, const struct buffer *event, const struct buffer *result,
                        int64_t now_ms, struct buffer *record);

#endif
