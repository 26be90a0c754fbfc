/* function.h - functions as they are on disk
 *
 * A function is an executable file in functions_dir, or a folder there with an executable `bootstrap`. A request
 * names it, never a path: the name matches [A-Za-z0-9_-]{1,64}, a file may have any one extension after it
 * (`wordcount.py` is the function "wordcount"), it is looked up with openat and without following a symlink, and a file
 * or folder that group or others can write (or that belongs neither to root nor to the folder's owner) is refused.
 *
 * A file that is not executable is no function (a README, a source beside its program). When several files differ in the
 * extension alone, the one without any is it; without such a one they are refused, since nobody could tell which ran.
 * Thread-safe. */
#ifndef JOBGATE_FUNCTION_H
#define JOBGATE_FUNCTION_H

#include "configuration.h"

enum function_kind { FUNCTION_EXECUTABLE = 1, FUNCTION_BOOTSTRAP };

struct function {
    char name[JOB_FUNCTION_SIZE];
    enum function_kind kind;
    char file[256]; /* name inside functions_dir: "report", "wordcount.py", "thumb/bootstrap" */
};

/* OK; NOTFOUND (also for a malformed name); INVALID with words when it is there but refused (mode, owner, symlink, two of
 * that name, not executable), or functions_dir itself can be written by group or others; IO. */
enum outcome function_find(const struct configuration *configuration, const char *name,
                           struct function *function, struct error *error);
/* All of them, sorted by name. *functions is to be given back with free(). Refused ones are left out and logged,
 * the same ones once. */
enum outcome function_list(const struct configuration *configuration, struct function **functions,
                           size_t *count, struct error *error);
/* The same for somebody who wants to know: why each of the refused ones is, a line for each, is appended to `refused`, and
 * nothing is logged. */
enum outcome function_examine(const struct configuration *configuration, struct function **functions,
                              size_t *count, struct buffer *refused, struct error *error);

#endif
