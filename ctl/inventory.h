/* inventory.h - functions that are installed or have jobs, with both */
#ifndef JOBGATE_CTL_INVENTORY_H
#define JOBGATE_CTL_INVENTORY_H

#include "command.h"

struct inventory_entry {
    char name[JOB_FUNCTION_SIZE];
    bool installed;
    uint64_t jobs[JOB_STATUS_COUNT];
};

/* Sorted by name. *entries is given back with free(). */
enum outcome inventory_take(struct control *control, struct inventory_entry **entries, size_t *count,
                            struct error *error);

#endif
