/* keep.c - backup, restore, verify, recover */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "output.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* The folder of the backup: opened with the rights that the program was started with, used as the owner of the store. */
static int folder = -1;

static void show(void *context, const char *what, uint64_t done, uint64_t total)
{
    progress_show(context, done, total, what);
}

static int open_folder(const char *path)
{
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0 ? 0 : control_refuse(EX_NOINPUT, "%s: %s", path, strerror(errno));
}

/* ---- backup ---- */

/* A new folder is the store's owner's from the start: he is the one who writes into it. */
static int prepare_backup(struct control *control)
{
    const char *path = control->arguments[0];
    struct stat status;
    uid_t owner;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return control_refuse(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    int opened = open_folder(path);
    if (opened != 0 || geteuid() != 0 || !user_of(control->configuration->data_dir, &owner))
        return opened;
    if (made && fchown(folder, owner, (gid_t)-1) != 0)
        return control_refuse(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    if (!made && owner != 0 && fstat(folder, &status) == 0 && status.st_uid != owner)
        return control_refuse(
            EX_NOPERM, "%s has to belong to %s, who owns the store: name a folder that is not there yet",
            path, user_name(owner));
    return 0;
}

static int run_backup(struct control *control)
{
    struct progress bar = {.what = "copying"};
    struct error error;
    uint64_t bytes = 0;
    int64_t begun = clock_monotonic_ms();
    enum outcome outcome = store_backup(control->store, folder, show, &bar, &bytes, &error);
    progress_end(&bar);
    if (outcome != OK)
        return control_fail(outcome, &error);
    if (control->json) {
        struct json_object *document = json_object_new_object();
        json_add_text(document, "folder", control->arguments[0]);
        json_add_integer(document, "bytes", (int64_t)bytes);
        return output_json(document);
    }
    printf("%s: %s in %s\n", control->arguments[0], output_size(bytes),
           output_span(clock_monotonic_ms() - begun));
    return 0;
}

const struct command backup_command = {
    .name = "backup",
    .arguments = "FOLDER",
    .summary = "a copy of the store, while it is in use",
    .help = "Copies the store, with the keys and the callbacks' secret, into a folder that is made\n"
            "for it or is empty. Nobody waits for it longer than for a megabyte. Every job that was\n"
            "acknowledged before it began is in it. `verify FOLDER` proves that it can be restored.",
    .least = 1,
    .most = 1,
    .needs = NEEDS_WRITING,
    .prepare = prepare_backup,
    .run = run_backup,
};

/* ---- verify ---- */

static bool pages;
static const char *scratch = "/var/tmp";

struct findings {
    struct progress bar;
    struct json_object *list; /* NULL: printed */
};

static void show_check(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct findings *findings = context;
    progress_show(&findings->bar, done, total, what);
}

static void tell_wrong(void *context, const char *words)
{
    struct findings *findings = context;
    progress_end(&findings->bar);
    if (findings->list != NULL) {
        json_object_array_add(findings->list, json_object_new_string(words));
        return;
    }
    fputs("wrong: ", stdout);
    output_text(stdout, words, 0);
    fputs("\n", stdout);
}

static int tell_summary(struct control *control, struct findings *findings,
                        const struct store_summary *summary)
{
    int status = summary->wrong > 0 ? EX_DATAERR : 0;
    if (!control->json) {
        printf("%" PRIu64 " jobs, %" PRIu64 " records: %s\n", summary->jobs, summary->records,
               summary->wrong > 0 ? "not well" : "all is well");
        return status;
    }
    struct json_object *document = json_object_new_object();
    json_add_integer(document, "jobs", (int64_t)summary->jobs);
    json_add_integer(document, "records", (int64_t)summary->records);
    json_add(document, "wrong", findings->list);
    findings->list = NULL;
    int written = output_json(document);
    return written != 0 ? written : status;
}

static int verify(struct control *control, struct store *store, bool with_pages)
{
    struct findings findings = {.bar = {.what = "checking"}};
    struct store_summary summary;
    struct error error;
    if (control->json)
        findings.list = json_object_new_array();
    enum outcome outcome =
        store_verify(store, with_pages, show_check, tell_wrong, &findings, &summary, &error);
    progress_end(&findings.bar);
    int status = outcome == OK ? tell_summary(control, &findings, &summary) : control_fail(outcome, &error);
    json_object_put(findings.list);
    return status;
}

/* ---- verify FOLDER: restored into a place of its own ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    return remove(path);
}

static enum outcome make_configuration(const char *place, struct configuration **configuration,
                                       struct error *error)
{
    struct buffer text = {0};
    char file[PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/jobgate.conf", place);
    buffer_printf(&text, "data_dir = \"%s/store\"\ndisk_reserve = 0\n", place);
    enum outcome outcome = text.failed
                               ? error_set(error, NOMEM, "no memory")
                               : configuration_parse(file, text.data, text.length, configuration, error);
    buffer_free(&text);
    return outcome;
}

static int verify_in(struct control *control, const char *place)
{
    struct configuration *configuration = NULL;
    struct store *store = NULL;
    struct progress bar = {.what = "restoring"};
    struct error error;
    enum outcome outcome = make_configuration(place, &configuration, &error);
    if (outcome == OK)
        outcome = store_restore(folder, configuration, show, &bar, &error);
    progress_end(&bar);
    if (outcome == OK)
        outcome = store_open(configuration, STORE_WRITE, &store, &error);
    int status = outcome == OK ? verify(control, store, true) : control_fail(outcome, &error);
    store_close(store);
    configuration_release(configuration);
    return status;
}

static int verify_backup(struct control *control)
{
    char place[PATH_MAX];
    snprintf(place, sizeof place, "%s/jobgate-verify.XXXXXX", scratch);
    if (mkdtemp(place) == NULL)
        return control_refuse(EX_CANTCREAT, "%s: %s", place, strerror(errno));
    int status = verify_in(control, place);
    nftw(place, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static int prepare_verify(struct control *control)
{
    return control->count > 0 ? open_folder(control->arguments[0]) : 0;
}

static int run_verify(struct control *control)
{
    if (control->count > 0)
        return verify_backup(control);
    int status = control_open_store(control, STORE_READ);
    return status != 0 ? status : verify(control, control->store, pages);
}

static const struct command_option verify_options[] = {
    {"pages", OPTION_FLAG, NULL, "each page as well; others wait for a table at a time", &pages},
    {"scratch", OPTION_TEXT, "FOLDER", "where a backup is restored to (/var/tmp)", &scratch},
    {0}};

const struct command verify_command = {
    .name = "verify",
    .arguments = "[BACKUP]",
    .summary = "read everything, and hold it against everything else",
    .help = "Reads all of the store and holds each job against its rows in the indexes, and each\n"
            "index against its jobs; others go on meanwhile. With a backup's folder: restores that\n"
            "into a place of its own, checks it with every page, and removes it again.\n"
            "Exit status 65 when something is wrong.",
    .most = 1,
    .needs = NEEDS_CONFIGURATION,
    .options = verify_options,
    .prepare = prepare_verify,
    .run = run_verify,
};

/* ---- restore ---- */

static const char *restore_user;

/* Whom a data folder that has to be made is to belong to: as told, else the owner of the backup's files. */
static bool owner_of_new(uid_t *owner)
{
    struct stat status;
    if (restore_user != NULL) {
        const struct passwd *entry = getpwnam(restore_user);
        if (entry != NULL)
            *owner = entry->pw_uid;
        return entry != NULL;
    }
    if (fstatat(folder, "backup", &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *owner = status.st_uid;
    return true;
}

static int prepare_restore(struct control *control)
{
    const char *data_dir = control->configuration->data_dir;
    uid_t owner;
    int status = open_folder(control->arguments[0]);
    if (status != 0 || geteuid() != 0 || user_of(data_dir, &owner))
        return status;
    if (!owner_of_new(&owner))
        return control_refuse(EX_NOUSER, "whom shall %s belong to? There is no such user: --user", data_dir);
    if (mkdir(data_dir, 0700) != 0 || lchown(data_dir, owner, (gid_t)-1) != 0)
        return control_refuse(EX_CANTCREAT, "%s: %s", data_dir, strerror(errno));
    return 0;
}

static int run_restore(struct control *control)
{
    struct progress bar = {.what = "restoring"};
    struct error error;
    enum outcome outcome = store_restore(folder, control->configuration, show, &bar, &error);
    progress_end(&bar);
    if (outcome != OK)
        return control_fail(outcome, &error);
    int status = control_open_store(control, STORE_WRITE);
    if (status == 0)
        status = verify(control, control->store, true);
    if (status == 0)
        control_wake(control);
    return status;
}

static const struct command_option restore_options[] = {
    {"user", OPTION_TEXT, "USER", "whom a new data_dir belongs to, for root", &restore_user}, {0}};

const struct command restore_command = {
    .name = "restore",
    .arguments = "BACKUP",
    .summary = "a backup becomes the store",
    .help = "Copies a backup into data_dir, which has to be empty or not there, checks all of it,\n"
            "and starts a worker. Stop the web server first. What ran when the backup was made is\n"
            "run again.",
    .least = 1,
    .most = 1,
    .needs = NEEDS_CONFIGURATION,
    .options = restore_options,
    .prepare = prepare_restore,
    .run = run_restore,
};

/* ---- recover ---- */

static bool accept_loss;

static int run_recover(struct control *control)
{
    struct store_counts *counts = NULL;
    size_t count = 0;
    struct error error;
    enum outcome outcome = store_clear_fault(control->configuration, accept_loss, &error);
    if (outcome != OK)
        return control_fail(outcome, &error);
    int status = control_open_store(control, STORE_WRITE);
    if (status != 0)
        return status;
    outcome = store_count(control->store, control_deadline(), &counts, &count, &error); /* this recovers it */
    free(counts);
    if (outcome != OK)
        return control_fail(outcome, &error);
    if (!control->json)
        puts("the store is in service");
    return control->json ? output_json(json_object_new_object()) : 0;
}

static const struct command_option recover_options[] = {
    {"accept-loss", OPTION_FLAG, NULL, "also with jobs missing that were acknowledged", &accept_loss}, {0}};

const struct command recover_command = {
    .name = "recover",
    .arguments = "",
    .summary = "back in service after the disk failed or the store was found damaged",
    .help = "After a sync that failed the store refuses new jobs until somebody has looked. This\n"
            "writes every file once more, so that the disk shows whether it is well again, and puts\n"
            "the store back in service. A store whose log was cut lacks jobs: restore a backup, or\n"
            "say that you can do without them. (After a crash nothing has to be done: the next\n"
            "program in recovers by itself.)",
    .needs = NEEDS_CONFIGURATION,
    .options = recover_options,
    .run = run_recover,
};
