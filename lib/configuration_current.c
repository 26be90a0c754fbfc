#include "config.h"
#include "configuration.h"
#include "clock.h"
#include "configuration_private.h"
#include "log.h"
#include "paused.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US    1000000 /* how often the file is looked at */
#define SETTLED_MS 250     /* an edit younger than this may still be half written; the next look takes it */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct configuration *current;          /* under lock; holds one reference */
static struct ini_file_version version;        /* under lock; of the file last taken or refused */
static struct ini_file_version paused_version; /* under lock; of the list of paused functions, likewise */
static bool missing_was_told;                  /* under lock */
static _Atomic int64_t next_look_us;

static void hold(struct configuration *configuration)
{
    atomic_fetch_add_explicit(&configuration_sharing_of(configuration)->references, 1, memory_order_relaxed);
}

void configuration_release(struct configuration *configuration)
{
    if (configuration == NULL)
        return;
    if (atomic_fetch_sub_explicit(&configuration_sharing_of(configuration)->references, 1,
                                  memory_order_acq_rel) == 1)
        configuration_free(configuration);
}

/* Puts it in the place of the current one and takes over the reference. */
static void replace(struct configuration *configuration, const struct ini_file_version *its_version,
                    const struct ini_file_version *its_paused)
{
    pthread_mutex_lock(&lock);
    struct configuration *before = current;
    current = configuration;
    version = *its_version;
    paused_version = *its_paused;
    missing_was_told = false;
    pthread_mutex_unlock(&lock);
    configuration_release(before);
}

enum outcome configuration_start(const char *file, struct error *error)
{
    struct configuration *configuration;
    struct ini_file_version its_version, its_paused;
    enum outcome outcome = configuration_load_version(file, &its_version, &its_paused, &configuration, error);
    if (outcome == OK) {
        atomic_store(&next_look_us, clock_monotonic_us() + LOOK_US);
        replace(configuration, &its_version, &its_paused);
    }
    return outcome;
}

/* The reader shares the writer's file offset: pread. */
static enum outcome parse_given(const char *file, int descriptor, struct configuration **configuration)
{
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) < 0 || status.st_size <= 0 ||
        status.st_size > INI_FILE_SIZE_MAX)
        return NOTFOUND;
    char *text = malloc((size_t)status.st_size);
    if (text == NULL)
        return NOMEM;
    ssize_t length = pread(descriptor, text, (size_t)status.st_size, 0);
    enum outcome outcome =
        length == status.st_size ? configuration_parse(file, text, (size_t)length, configuration, NULL) : IO;
    free(text);
    return outcome;
}

enum outcome configuration_start_given(const char *file, int descriptor, struct error *error)
{
    struct configuration *configuration;
    struct ini_file_version its_version = {0}, its_paused;
    enum outcome outcome = configuration_start(file, error);
    if ((outcome != INVALID && outcome != IO) || parse_given(file, descriptor, &configuration) != OK)
        return outcome;
    ini_file_look(file, &its_version);
    paused_look(configuration->data_dir, &its_paused);
    atomic_store(&next_look_us, clock_monotonic_us() + LOOK_US);
    replace(configuration, &its_version, &its_paused);
    return OK;
}

enum outcome configuration_give(const struct configuration *configuration, int *descriptor,
                                struct error *error)
{
    struct buffer text = {0};
    configuration_dump(configuration, &text);
    if (text.failed)
        return error_set(error, NOMEM, "handing the configuration on: no memory");
    int file = memfd_create("configuration", MFD_CLOEXEC);
    bool written = file >= 0 && write(file, text.data, text.length) == (ssize_t)text.length;
    int reason = errno;
    buffer_free(&text);
    if (!written) {
        if (file >= 0)
            close(file);
        return error_set_errno(error, IO, reason, "handing the configuration on");
    }
    *descriptor = file;
    return OK;
}

static struct configuration *hold_current(void)
{
    pthread_mutex_lock(&lock);
    struct configuration *configuration = current;
    if (configuration != NULL)
        hold(configuration);
    pthread_mutex_unlock(&lock);
    return configuration;
}

/* True when the file is another one than was last taken or refused, and is not being written right now. */
static bool was_edited(const char *file, struct ini_file_version *seen)
{
    bool exists = ini_file_look(file, seen);
    pthread_mutex_lock(&lock);
    bool edited = exists && !ini_file_same(seen, &version);
    bool tell = !exists && !missing_was_told;
    missing_was_told = !exists;
    pthread_mutex_unlock(&lock);
    if (tell)
        log_event(LOG_LEVEL_ERROR, "configuration_missing", "file", file, NULL);
    if (!edited)
        return false;
    int64_t age_ms =
        clock_wall_ms() - (int64_t)seen->modified.tv_sec * 1000 - seen->modified.tv_nsec / 1000000;
    return age_ms < 0 || age_ms >= SETTLED_MS;
}

/* Written by rename: what is there is whole. */
static bool pause_was_changed(const struct configuration *configuration)
{
    struct ini_file_version seen;
    paused_look(configuration->data_dir, &seen);
    pthread_mutex_lock(&lock);
    bool changed = !ini_file_same(&seen, &paused_version);
    if (changed) /* whatever comes of it: it is not told again each second */
        paused_version = seen;
    pthread_mutex_unlock(&lock);
    return changed;
}

/* Remembers the version, so that the same wrong text is not told again every second. */
static void refuse(const char *file, const struct ini_file_version *its_version, const char *why)
{
    pthread_mutex_lock(&lock);
    version = *its_version;
    pthread_mutex_unlock(&lock);
    log_event(LOG_LEVEL_ERROR, "configuration_refused", "file", file, "why", why, NULL);
}

static void load_again(const struct configuration *before, struct ini_file_version its_version)
{
    struct configuration *edited;
    struct ini_file_version its_paused;
    struct error error;
    if (configuration_load_version(before->file, &its_version, &its_paused, &edited, &error) != OK) {
        refuse(before->file, &its_version, error.text);
        return;
    }
    if (strcmp(edited->data_dir, before->data_dir) != 0) {
        refuse(before->file, &its_version, "data_dir has changed: restart the web server");
        configuration_release(edited);
        return;
    }
    if (strcmp(edited->log_file, before->log_file) != 0 || edited->log_level != before->log_level) {
        if (log_open(NULL, edited->log_file, (enum log_level)edited->log_level, &error) != OK)
            log_event(LOG_LEVEL_ERROR, "log_file_refused", "why", error.text, NULL);
    }
    log_event(LOG_LEVEL_INFO, "configuration_loaded", "file", edited->file, NULL);
    replace(edited, &its_version, &its_paused);
}

struct configuration *configuration_current(void)
{
    struct configuration *configuration = hold_current();
    int64_t now = clock_monotonic_us();
    int64_t due = atomic_load_explicit(&next_look_us, memory_order_relaxed);
    if (configuration == NULL || now < due ||
        !atomic_compare_exchange_strong(&next_look_us, &due, now + LOOK_US))
        return configuration;
    struct ini_file_version seen;
    bool edited = was_edited(configuration->file, &seen);
    if (!pause_was_changed(configuration) && !edited)
        return configuration;
    load_again(configuration, seen);
    configuration_release(configuration);
    return hold_current();
}
