/* input.h - an event from the command line */
#ifndef JOBGATE_CTL_INPUT_H
#define JOBGATE_CTL_INPUT_H

#include "buffer.h"
#include "outcome.h"

#include <stddef.h>

/* Appends what `argument` means: the text itself, @FILE, or - for standard input; at most `most` bytes. INVALID, IO. */
enum outcome input_read(const char *argument, size_t most, struct buffer *bytes, struct error *error);
/* The same, and it has to be JSON. */
enum outcome input_event(const char *argument, size_t most, struct buffer *bytes, struct error *error);

#endif
