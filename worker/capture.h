/* capture.h - what comes out of a function: result, log, progress
 *
 * Three takers of bytes, each bounded whatever the function writes. Pure memory: nothing here reads a
 * descriptor or knows the store. Zero the struct, set `most`, take; give back with the _free of each. */
#ifndef JOBGATE_CAPTURE_H
#define JOBGATE_CAPTURE_H

#include "buffer.h"
#include "job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Standard output: all of it or nothing. */
struct result_capture {
    size_t most;
    struct buffer bytes;
    bool too_large; /* more than `most` came; bytes is empty then and stays so */
    bool no_memory; /* for what came; likewise */
};
void result_capture_take(struct result_capture *capture, const char *bytes, size_t length);
/* Whether it has given up: nothing that still comes can help. */
bool result_capture_failed(const struct result_capture *capture);
/* The result as it is stored: JSON without the white space around it, else text, else bytes. *type is a media
 * type, or NULL when there is no result. The bytes stay the capture's. */
void result_capture_finish(const struct result_capture *capture, const char **bytes, size_t *length,
                           const char **type);
void result_capture_free(struct result_capture *capture);

/* Standard error: what came since the last log_capture_clear. Of a flood the last `most` bytes are kept (up
 * to twice as many), `skipped` counts those lost before them. */
struct log_capture {
    size_t most;
    struct buffer pending;
    uint64_t skipped;
};
void log_capture_take(struct log_capture *capture, const char *bytes, size_t length);
void log_capture_clear(struct log_capture *capture);
void log_capture_free(struct log_capture *capture);

/* Descriptor 3: lines such as "42 resizing page 3 of 7", "42", "42.5% resizing", or only words, which leave
 * the percentage as it was. The latest line counts. What is not UTF-8 becomes U+FFFD, control characters
 * become spaces, a message is cut at a character boundary. A number above 100 is a word. */
struct progress_capture {
    char line[512]; /* the rest of a longer line is dropped */
    size_t length;
    int percent; /* -1 = none told yet: set it before the first line */
    char message[JOB_PROGRESS_SIZE];
    bool changed; /* since the caller last cleared it */
};
void progress_capture_take(struct progress_capture *capture, const char *bytes, size_t length);
/* A last line without its newline counts too. */
void progress_capture_finish(struct progress_capture *capture);

#endif
