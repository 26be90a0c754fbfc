/* outcome.h - how a call ended, and the words that go with it
 *
 * Every fallible function of Jobgate returns an enum outcome and takes a struct error * last. The outcome is for
 * the program (each value asks for another reaction), the text is for a person: what happened, to which file or
 * job, what to do. A domain outcome such as NOTFOUND or CONFLICT is an ordinary answer: it is not logged as an
 * error, and its text may be empty.
 *
 * Thread safety: no shared state; a struct error belongs to one caller. */
#ifndef JOBGATE_OUTCOME_H
#define JOBGATE_OUTCOME_H

enum outcome {
    OK = 0,
    NOTFOUND,    /* no such job, function or key; or nothing to claim */
    GONE,        /* it existed and has expired (HTTP 410) */
    CONFLICT,    /* the state it is in does not allow this: already ended, stale attempt, other body */
    RETRY,       /* lost a race inside the store; the same call may succeed at once. Never reaches HTTP */
    UNAVAILABLE, /* deadline passed or the store is out of service: try again later (HTTP 503) */
    FULL,        /* disk space or queue_max (HTTP 507 or 429) */
    INVALID,     /* the input is wrong; trying again cannot help (HTTP 400, sysexits EX_DATAERR) */
    NOMEM,       /* an allocation failed */
    IO,          /* the system refused: see the text */
};

/* ERROR_TEXT_SIZE: bytes with the terminating NUL; longer texts are cut at a character boundary. */
#define ERROR_TEXT_SIZE 512

struct error {
    char text[ERROR_TEXT_SIZE];
};

/* Writes the words into *error (when not NULL) and returns `outcome`, so that a failing path is one line:
 *     return error_set(error, INVALID, "%s:%d: unknown key \"%s\"", file, line, key); */
enum outcome error_set(struct error *error, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and strerror(errno_value) at the end. */
enum outcome error_set_errno(struct error *error, enum outcome outcome, int errno_value, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));

/* What a system call's errno says of trying again: UNAVAILABLE for what the system lacks now and may have again (processes,
 * memory, descriptors, room on the disk; a program that is being replaced), else `otherwise`. */
enum outcome outcome_of_errno(int errno_value, enum outcome otherwise);

/* "OK", "NOTFOUND", … for logs and tests. Never NULL. */
const char *outcome_name(enum outcome outcome);

#endif
