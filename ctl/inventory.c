#include "config.h"
#include "inventory.h"

#include "function.h"

#include <stdlib.h>
#include <string.h>

/* Both lists are sorted. */
static size_t merge(const struct function *functions, size_t function_count,
                    const struct store_counts *counts, size_t count, struct inventory_entry *entries)
{
    size_t f = 0, c = 0, made = 0;
    while (f < function_count || c < count) {
        int order = f == function_count ? 1 : c == count ? -1 : strcmp(functions[f].name, counts[c].function);
        struct inventory_entry *entry = &entries[made++];
        *entry = (struct inventory_entry){.installed = order <= 0};
        memcpy(entry->name, order <= 0 ? functions[f].name : counts[c].function, JOB_FUNCTION_SIZE);
        if (order >= 0)
            memcpy(entry->jobs, counts[c].jobs, sizeof entry->jobs);
        f += order <= 0;
        c += order >= 0;
    }
    return made;
}

enum outcome inventory_take(struct control *control, struct inventory_entry **entries, size_t *count,
                            struct error *error)
{
    struct function *functions = NULL;
    struct store_counts *counts = NULL;
    size_t function_count = 0, counted = 0;
    enum outcome outcome = function_list(control->configuration, &functions, &function_count, error);
    if (outcome == OK)
        outcome = store_count(control->store, control_deadline(), &counts, &counted, error);
    if (outcome == OK) {
        *entries = calloc(function_count + counted + 1, sizeof **entries);
        if (*entries == NULL)
            outcome = error_set(error, NOMEM, "no memory");
        else
            *count = merge(functions, function_count, counts, counted, *entries);
    }
    free(functions);
    free(counts);
    return outcome;
}
