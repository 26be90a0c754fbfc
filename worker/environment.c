#include "config.h"
#include "environment.h"
#include "buffer.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_DESCRIPTOR 3

/* "NAME=value" texts one behind the other, each with its NUL. */
struct list {
    struct buffer texts;
    size_t count;
};

static void add(struct list *list, const char *entry)
{
    buffer_append(&list->texts, entry, strlen(entry) + 1);
    list->count++;
}

__attribute__((format(printf, 2, 3))) static void add_printf(struct list *list, const char *format, ...)
{
    char *entry;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&entry, format, arguments);
    va_end(arguments);
    if (length < 0) {
        list->texts.failed = true;
        return;
    }
    add(list, entry);
    free(entry);
}

/* True when the configuration's list has an entry for this name. */
static bool is_set(const struct function_settings *settings, const char *name)
{
    size_t length = strlen(name);
    const char *const *entry = settings->environment;
    for (; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return true;
    }
    return false;
}

static bool is_reserved(const char *entry)
{
    return strncmp(entry, "JOBGATE_", 8) == 0 || strncmp(entry, "TRACEPARENT=", 12) == 0;
}

/* A web server seldom has HOME, and a function's tools often want one. */
static const char *own_home(void)
{
    const char *value = getenv("HOME");
    if (value != NULL && value[0] == '/')
        return value;
    static char looked_up[4096]; /* the password file is read once */
    if (looked_up[0] == '\0') {
        const struct passwd *user = getpwuid(geteuid());
        snprintf(looked_up, sizeof looked_up, "%s", user == NULL ? "/" : user->pw_dir);
    }
    return looked_up;
}

static void add_defaults(struct list *list, const struct configuration *configuration,
                         const struct function_settings *settings, const char *folder, const char *home)
{
    const char *language = getenv("LANG"), *zone = getenv("TZ");
    if (!is_set(settings, "PATH"))
        add_printf(list, "PATH=%s", configuration->path);
    if (!is_set(settings, "HOME"))
        add_printf(list, "HOME=%s", home != NULL ? home : own_home());
    if (!is_set(settings, "LANG"))
        add_printf(list, "LANG=%s", language == NULL ? "C.UTF-8" : language);
    if (zone != NULL && !is_set(settings, "TZ"))
        add_printf(list, "TZ=%s", zone);
    if (!is_set(settings, "TMPDIR"))
        add_printf(list, "TMPDIR=%s", folder);
}

static void add_job(struct list *list, const struct job *job, int64_t deadline_ms)
{
    char marker[ENVIRONMENT_MARKER_SIZE];
    add(list, environment_marker(&job->id, marker));
    add_printf(list, "JOBGATE_FUNCTION=%s", job->function);
    add_printf(list, "JOBGATE_ATTEMPT=%" PRIu32, job->attempts);
    if (deadline_ms > 0)
        add_printf(list, "JOBGATE_DEADLINE_MS=%" PRId64, deadline_ms);
    add_printf(list, "JOBGATE_PROGRESS_FD=%d", PROGRESS_DESCRIPTOR);
    if (job->traceparent[0] != '\0')
        add_printf(list, "TRACEPARENT=%s", job->traceparent);
}

char *environment_marker(const struct job_id *id, char text[ENVIRONMENT_MARKER_SIZE])
{
    char id_text[JOB_ID_TEXT_SIZE];
    snprintf(text, ENVIRONMENT_MARKER_SIZE, ENVIRONMENT_MARKER "%s", job_id_format(id, id_text));
    return text;
}

static char **as_vector(const struct list *list)
{
    size_t pointers = (list->count + 1) * sizeof(char *);
    char **vector = list->texts.failed ? NULL : malloc(pointers + list->texts.length);
    if (vector == NULL)
        return NULL;
    char *text = (char *)vector + pointers;
    memcpy(text, list->texts.data, list->texts.length);
    for (size_t i = 0; i < list->count; i++) {
        vector[i] = text;
        text += strlen(text) + 1;
    }
    vector[list->count] = NULL;
    return vector;
}

char **environment_make(const struct job *job, const struct configuration *configuration,
                        const struct function_settings *settings, const char *folder, const char *home,
                        int64_t deadline_ms)
{
    struct list list = {0};
    add_job(&list, job, deadline_ms);
    add_defaults(&list, configuration, settings, folder, home);
    const char *const *entry = settings->environment;
    for (; entry != NULL && *entry != NULL; entry++) {
        if (!is_reserved(*entry))
            add(&list, *entry);
    }
    char **vector = as_vector(&list);
    buffer_free(&list.texts);
    return vector;
}
