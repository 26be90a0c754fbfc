/* output.h - what people and scripts read
 *
 * Texts that come from functions and clients are shown on a terminal without their control characters: a job's log
 * shall not move the cursor or set the title of the administrator's window. To a file or pipe bytes go as they are. */
#ifndef JOBGATE_CTL_OUTPUT_H
#define JOBGATE_CTL_OUTPUT_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Prints the value on a line and gives it back. EX_IOERR when it could not be written, else 0. */
int output_json(struct json_object *value);
/* All of the bytes: as they are, or on a terminal without what it would obey to. False: not written. */
bool output_bytes(FILE *stream, const char *bytes, size_t length);
/* A text of one line, always without control characters, at most `most` characters (0 = all of it). */
void output_text(FILE *stream, const char *text, size_t most);
/* A title of a table, dimmed on a terminal. */
void output_title(const char *text);
/* Flushes standard output. `status`, or EX_IOERR when something got lost on the way. */
int output_end(int status);

/* "3s", "12m", "4h", "9d"; static memory of 4 texts in turn. */
const char *output_span(int64_t milliseconds);
/* "1.5 MiB"; the same. */
const char *output_size(uint64_t bytes);

/* Colours of standard output: "" when it is no terminal or NO_COLOR is set. */
enum output_colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_DIM, COLOUR_BOLD };
const char *output_colour(enum output_colour colour);

/* A bar on standard error while something takes long; nothing when that is no terminal. `total` 0 = not known. */
struct progress {
    const char *what;
    int64_t shown_ms;
    bool shown;
};
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *words);
void progress_end(struct progress *progress);

#endif
