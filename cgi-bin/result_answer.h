/* result_answer.h - hands out what a function has made, so that no browser takes it for a page
 *
 * A function's output is a stranger's bytes under our origin. JSON and plain text go out as what they are, a
 * few passive types too but as an attachment; everything else loses its type. With nosniff and the sandboxing
 * policy of every answer nothing of it is ever run. */
#ifndef JOBGATE_RESULT_ANSWER_H
#define JOBGATE_RESULT_ANSWER_H

#include "exchange.h"

/* 200 with the job's result as the body; `job` has one. Or the answer to a failed store call. */
void result_answer(struct exchange *exchange, const struct job *job);

/* The media type to send for a result of this type; *attachment says whether it is to be saved rather than
 * shown. */
const char *result_media_type(const char *type, bool *attachment);

#endif
