/* change.c - cancel, purge */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "job_document.h"
#include "output.h"
#include "selection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define EXPIRE_BATCH 100

static struct selection chosen;
static bool confirmed, purge_expired;
static const char *reason;

/* One change of one job, and what the jobs have become. */
struct changing {
    struct control *control;
    enum outcome (*change)(struct control *control, const struct job_id *id, struct job *job,
                           struct store_ticket *ticket, struct error *error);
    bool selected;
    struct json_object *list;
    struct progress bar;
    uint64_t done;
    struct store_ticket ticket; /* of the last change: one sync for all of them */
};

static int change_one(struct changing *changing, const struct job_id *id)
{
    struct error error = {0};
    struct job job;
    char text[JOB_ID_TEXT_SIZE];
    job_id_format(id, text);
    enum outcome outcome = changing->change(changing->control, id, &job, &changing->ticket, &error);
    if (changing->selected && (outcome == CONFLICT || outcome == NOTFOUND || outcome == GONE))
        return 0; /* it has ended, or gone, since it was selected */
    if (outcome == NOTFOUND || outcome == GONE)
        error_set(&error, outcome, "%s: %s", text, outcome == GONE ? "has expired" : "no such job");
    if (outcome == CONFLICT)
        error_set(&error, outcome, "%s is %s", text, job_status_name(job.status));
    if (outcome != OK)
        return control_fail(outcome, &error);
    changing->done++;
    progress_show(&changing->bar, changing->done, 0, "jobs");
    if (changing->list != NULL)
        json_object_array_add(changing->list, job_document(&job, NULL));
    else if (!changing->selected)
        printf("%s %s%s\n", text, job_status_name(job.status),
               job.status == JOB_RUNNING ? ", its processes are being ended" : "");
    return 0;
}

static int change_selected(void *context, const struct job *job)
{
    return change_one(context, &job->id);
}

static int change_named(struct control *control, struct changing *changing)
{
    int status = 0;
    for (int i = 0; i < control->count && status == 0; i++) {
        struct job_id id;
        status = control_parse_id(control->arguments[i], &id) ? change_one(changing, &id) : EX_DATAERR;
    }
    return status;
}

static int tell(struct changing *changing)
{
    struct error error;
    progress_end(&changing->bar);
    if (store_sync(changing->control->store, changing->ticket, control_deadline(), &error) != OK)
        return control_fail(UNAVAILABLE, &error);
    if (changing->list != NULL) {
        struct json_object *list = changing->list;
        changing->list = NULL;
        return output_json(list);
    }
    if (changing->selected)
        printf("%" PRIu64 " jobs\n", changing->done);
    return 0;
}

static int run_change(struct control *control, struct changing *changing)
{
    changing->control = control;
    changing->selected = selection_is_given(&chosen);
    if (changing->selected == (control->count > 0))
        return control_misused(control, "it takes ids, or --status, --function or --older-than");
    if (changing->selected && !confirmed)
        return control_misused(control, "many jobs at once want --yes");
    if (control->json)
        changing->list = json_object_new_array();
    int status = changing->selected ? selection_each(control, &chosen, change_selected, changing, NULL)
                                    : change_named(control, changing);
    int told = tell(changing); /* also what was done before it failed */
    json_object_put(changing->list);
    return status != 0 ? status : told;
}

/* ---- cancel ---- */

static enum outcome cancel(struct control *control, const struct job_id *id, struct job *job,
                           struct store_ticket *ticket, struct error *error)
{
    return store_cancel(control->store, control->configuration, id, reason, control->invoker,
                        control_deadline(), job, ticket, error);
}

static int run_cancel(struct control *control)
{
    struct changing changing = {.change = cancel, .bar = {.what = "cancelling"}};
    return run_change(control, &changing);
}

static const struct command_option cancel_options[] = {
    {"reason", OPTION_TEXT, "TEXT", "is kept with the job", &reason},
    SELECTION_OPTIONS(chosen),
    {"yes", OPTION_FLAG, NULL, "all of those selected", &confirmed},
    {0}};

const struct command cancel_command = {
    .name = "cancel",
    .arguments = "[ID...]",
    .summary = "stop jobs, with every process they have started",
    .help = "Cancels jobs: queued ones at once, running ones by TERM and, after kill_grace, KILL to\n"
            "every process of the attempt. Exit status 1 when one had ended otherwise.\n"
            "Many at once: jobgatectl cancel --status queued --function report --yes",
    .most = -1,
    .needs = NEEDS_WRITING,
    .options = cancel_options,
    .run = run_cancel,
};

/* ---- purge ---- */

static enum outcome purge(struct control *control, const struct job_id *id, struct job *job,
                          struct store_ticket *ticket, struct error *error)
{
    return store_purge(control->store, id, control_deadline(), job, ticket, error);
}

/* What whoever passes by does in small portions, all of it now. */
static int expire_all(struct control *control)
{
    struct progress bar = {.what = "removing"};
    struct error error;
    uint64_t sum = 0;
    unsigned removed = 0;
    enum outcome outcome;
    do {
        outcome =
            store_expire(control->store, clock_wall_ms(), EXPIRE_BATCH, control_deadline(), &removed, &error);
        sum += removed;
        progress_show(&bar, sum, 0, "records");
    } while (outcome == OK && removed > 0);
    progress_end(&bar);
    if (outcome != OK)
        return control_fail(outcome, &error);
    if (control->json) {
        struct json_object *document = json_object_new_object();
        json_add_integer(document, "removed", (int64_t)sum);
        return output_json(document);
    }
    printf("%" PRIu64 " expired records removed\n", sum);
    return 0;
}

static int run_purge(struct control *control)
{
    struct changing changing = {.change = purge, .bar = {.what = "erasing"}};
    if (purge_expired && (control->count > 0 || selection_is_given(&chosen)))
        return control_misused(control, "--expired stands alone");
    return purge_expired ? expire_all(control) : run_change(control, &changing);
}

static const struct command_option purge_options[] = {
    {"expired", OPTION_FLAG, NULL, "remove now what has expired, all of it", &purge_expired},
    SELECTION_OPTIONS(chosen),
    {"yes", OPTION_FLAG, NULL, "all of those selected", &confirmed},
    {0}};

const struct command purge_command = {
    .name = "purge",
    .arguments = "[ID...]",
    .summary = "erase event, result and log of jobs that have ended",
    .help = "Erases what jobs that have ended hold: event, result and log. The record itself stays\n"
            "until it expires. Many at once: jobgatectl purge --older-than 30d --yes",
    .most = -1,
    .needs = NEEDS_WRITING,
    .options = purge_options,
    .run = run_purge,
};
