/* selection.h - many jobs at once: by status, function and age */
#ifndef JOBGATE_CTL_SELECTION_H
#define JOBGATE_CTL_SELECTION_H

#include "command.h"

struct selection {
    const char *status; /* as written; NULL = any */
    struct option_texts functions;
    const char *id;              /* its beginning; NULL = any */
    int64_t older_than_ms;       /* created longer ago; 0 = any */
    int64_t limit;               /* 0 = all */
    const struct job_id *before; /* NULL = from the newest */
};

/* The options of a command that selects: `selected` is a static struct selection. */
#define SELECTION_OPTIONS(selected)                                                                          \
    {"status", OPTION_TEXT, "STATUS", "QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED", &selected.status},  \
        {"function", OPTION_TEXTS, "NAME", "only of this function; may be given more than once",             \
         &selected.functions},                                                                               \
    {                                                                                                        \
        "older-than", OPTION_DURATION, "TIME", "submitted so long ago: 90s, 15m, 6h, 7d",                    \
            &selected.older_than_ms                                                                          \
    }

/* Calls `each` for every job selected, newest first; one that returns an exit status other than 0 ends it. *more (may be
 * NULL): the limit cut some off. Returns 0 or an exit status, words were printed. */
int selection_each(struct control *control, const struct selection *selection,
                   int (*each)(void *context, const struct job *job), void *context, bool *more);
/* Whether any of status, function or age was given. */
bool selection_is_given(const struct selection *selection);

#endif
