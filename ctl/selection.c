#include "config.h"
#include "selection.h"

#include "clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PAGE 100

bool selection_is_given(const struct selection *selection)
{
    return selection->status != NULL || selection->functions.count > 0 || selection->older_than_ms > 0;
}

/* In any case, as people write it. */
static bool parse_status(const char *text, enum job_status *status)
{
    char upper[16];
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < sizeof upper; i++)
        upper[i] = (char)toupper((unsigned char)text[i]);
    upper[i] = '\0';
    *status = text[i] == '\0' ? job_status_parse(upper) : 0;
    return *status != 0;
}

static void add_function(struct store_filter *filter, char (*functions)[JOB_FUNCTION_SIZE], const char *name)
{
    for (size_t i = 0; i < filter->function_count; i++)
        if (strcmp(functions[i], name) == 0)
            return;
    snprintf(functions[filter->function_count++], JOB_FUNCTION_SIZE, "%s", name);
}

static int make_filter(const struct control *control, const struct selection *selection,
                       struct store_filter *filter, char (*functions)[JOB_FUNCTION_SIZE])
{
    *filter = (struct store_filter){.function_count = 0};
    if (selection->status != NULL && !parse_status(selection->status, &filter->status))
        return control_misused(control, "--status %s is none", selection->status);
    for (size_t i = 0; i < selection->functions.count; i++) {
        if (!job_function_name_is_valid(selection->functions.list[i]))
            return control_misused(control, "--function %s: no function has such a name",
                                   selection->functions.list[i]);
        add_function(filter, functions, selection->functions.list[i]);
    }
    if (filter->function_count == 1)
        filter->function = functions[0];
    else
        filter->functions = (const char(*)[JOB_FUNCTION_SIZE])functions;
    return 0;
}

/* Ids begin with the millisecond they were made in: the first id that is too young. */
static struct job_id id_of_time(int64_t wall_ms)
{
    struct job_id id = {{0}};
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(wall_ms >> (8 * (5 - i)));
    return id;
}

struct page {
    struct job *jobs;
    size_t count;
    bool more;
};

/* From where to where: the ids that begin as was asked for, before `before`, old enough. */
struct range {
    struct job_id from, before;
    bool has_from, has_before;
};

static void end_before(struct range *range, const struct job_id *id)
{
    if (!range->has_before || memcmp(id->bytes, range->before.bytes, JOB_ID_BYTES) < 0)
        range->before = *id;
    range->has_before = true;
}

static int make_range(const struct control *control, const struct selection *selection, struct range *range)
{
    struct job_id behind;
    *range = (struct range){.has_from = selection->id != NULL};
    if (selection->before != NULL)
        end_before(range, selection->before);
    if (selection->older_than_ms > 0) {
        behind = id_of_time(clock_wall_ms() - selection->older_than_ms);
        end_before(range, &behind);
    }
    if (!range->has_from)
        return 0;
    if (job_id_range(selection->id, &range->from, &behind) != OK)
        return control_misused(control, "--id %s is no beginning of a job id", selection->id);
    end_before(range, &behind);
    return 0;
}

static int walk(struct control *control, const struct store_filter *filter, struct range *range,
                const struct selection *selection, int (*each)(void *, const struct job *), void *context,
                bool *more)
{
    int64_t left = selection->limit > 0 ? selection->limit : INT64_MAX;
    struct page page = {.more = true};
    int status = 0;
    while (status == 0 && page.more && left > 0) {
        struct error error;
        size_t limit = left < PAGE ? (size_t)left : PAGE;
        enum outcome outcome =
            store_list(control->store, filter, range->has_before ? &range->before : NULL, limit,
                       control_deadline(), &page.jobs, &page.count, &page.more, &error);
        if (outcome != OK)
            return control_fail(outcome, &error);
        for (size_t i = 0; i < page.count && status == 0; i++)
            status = each(context, &page.jobs[i]);
        if (page.count > 0)
            end_before(range, &page.jobs[page.count - 1].id);
        left -= (int64_t)page.count;
        free(page.jobs);
    }
    if (more != NULL)
        *more = page.more;
    return status;
}

int selection_each(struct control *control, const struct selection *selection,
                   int (*each)(void *context, const struct job *job), void *context, bool *more)
{
    char functions[COMMAND_TEXTS_MAX][JOB_FUNCTION_SIZE];
    struct store_filter filter;
    struct range range;
    int status = make_filter(control, selection, &filter, functions);
    if (status == 0)
        status = make_range(control, selection, &range);
    if (status != 0)
        return status;
    if (range.has_from)
        filter.from = &range.from;
    return walk(control, &filter, &range, selection, each, context, more);
}
