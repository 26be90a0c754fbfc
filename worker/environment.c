#include "config.h"
#include "environment.h"
#include "buffer.h"

#include <inttypes.h>
#include <pwd.h>
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

static void add_value(struct list *list, const char *name, const char *value)
{
    buffer_append_text(&list->texts, name);
    buffer_append(&list->texts, "=", 1);
    add(list, value);
}

static void add_number(struct list *list, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    add_value(list, name, text);
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
        add_value(list, "PATH", configuration->path);
    if (!is_set(settings, "HOME"))
        add_value(list, "HOME", home != NULL ? home : own_home());
    if (!is_set(settings, "LANG"))
        add_value(list, "LANG", language == NULL ? "C.UTF-8" : language);
    if (zone != NULL && !is_set(settings, "TZ"))
        add_value(list, "TZ", zone);
    if (!is_set(settings, "TMPDIR"))
        add_value(list, "TMPDIR", folder);
}

static void add_job(struct list *list, const struct job *job, int64_t deadline_ms)
{
    char marker[ENVIRONMENT_MARKER_SIZE];
    add(list, environment_marker(&job->id, marker));
    add_value(list, "JOBGATE_FUNCTION", job->function);
    add_number(list, "JOBGATE_ATTEMPT", job->attempts);
    if (deadline_ms > 0)
        add_number(list, "JOBGATE_DEADLINE_MS", deadline_ms);
    add_number(list, "JOBGATE_PROGRESS_FD", PROGRESS_DESCRIPTOR);
    if (job->traceparent[0] != '\0')
        add_value(list, "TRACEPARENT", job->traceparent);
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
