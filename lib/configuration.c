#include "config.h"
#include "configuration.h"
#include "access.h"
#include "configuration_private.h"
#include "ini_file.h"
#include "log.h"
#include "paused.h"
#include "setting.h"
#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the keys ---- */

enum scope {
    HEADING,      /* no key: a line in the template */
    INSTALLATION, /* above the sections only */
    FUNCTION,     /* in a section, or above them for all functions */
};

struct key {
    enum scope scope;
    const char *name;
    enum setting_kind kind;
    size_t offset;        /* in struct configuration or struct function_settings */
    const char *fallback; /* as it would be written; NULL: what another key says, see resolve_retention */
    int64_t least, most;
    const char *help; /* lines of the template */
};

#define MINUTE INT64_C(60000)
#define DAY    INT64_C(86400000)
#define KIB    INT64_C(1024)
#define GIB    (KIB * KIB * KIB)

#define OF_ALL(field)     offsetof(struct configuration, field)
#define OF_ONE(field)     offsetof(struct function_settings, field)
#define RETENTION(status) OF_ONE(policy.retention_ms[status])
#define RETENTION_OF_ALL  RETENTION(0) /* no status has this number: the key `retention` itself */

/* The one table: parser, error texts, dump, template and manual come from it. */
static const struct key keys[] = {
    {HEADING, .help = "Where things are. Relative paths start at the folder of this file."},
    {INSTALLATION, "data_dir", SETTING_PATH, OF_ALL(data_dir), JOBGATE_LOCALSTATEDIR "/lib/jobgate", 0, 0,
     "The store: a folder (0700) of the user that submit, status and worker run as, on a local disk.\n"
     "This and `threads` are read when a program starts; all else is taken over while the programs run."},
    {INSTALLATION, "functions_dir", SETTING_PATH, OF_ALL(functions_dir), "functions", 0, 0,
     "The folder with the functions: executable files, or folders with an executable `bootstrap`."},
    {INSTALLATION, "worker_program", SETTING_PATH, OF_ALL(worker_program),
     JOBGATE_LIBEXECDIR "/jobgate/jobgate-supervisor", 0, 0, "The program that is started in a free slot."},
    {INSTALLATION, "path", SETTING_SEARCH_PATH, OF_ALL(path), "/usr/local/bin:/usr/bin:/bin", 0, 0,
     "PATH of the functions."},
    {INSTALLATION, "log_file", SETTING_OPTIONAL_PATH, OF_ALL(log_file), "", 0, 0,
     "Where the programs log. Empty: standard error, which is the web server's log; workers then log "
     "nothing."},
    {INSTALLATION, "log_level", SETTING_LEVEL, OF_ALL(log_level), "info", 0, LOG_LEVEL_DEBUG,
     "error, warning, info or debug."},

    {HEADING, .help = "HTTP."},
    {INSTALLATION, "default_function", SETTING_FUNCTION, OF_ALL(default_function), "job_handler", 0, 0,
     "The function of a POST that names none."},
    {INSTALLATION, "base_url", SETTING_BASE, OF_ALL(base_url), "", 0, 0,
     "What stands before /job in links: https://host/base or /base. Empty: taken from the request."},
    {INSTALLATION, "accepted_status", SETTING_ACCEPTED, OF_ALL(accepted_status), "202", 0, 202,
     "The status code of an accepted job: 202, or 200 for clients that insist on the AWS sample's."},
    {INSTALLATION, "max_event_size", SETTING_SIZE, OF_ALL(max_event_size), "1MiB", 2, GIB,
     "The largest event; above it 413. The web server has a limit of its own, which must not be lower."},
    {INSTALLATION, "wait_max", SETTING_DURATION, OF_ALL(wait_max_ms), "25s", 0, 60 * MINUTE,
     "The longest ?wait= that is honoured. Apache's mod_fcgid kills a request that is silent for 40 s."},
    {INSTALLATION, "threads", SETTING_NUMBER, OF_ALL(threads), "32", 1, 1024,
     "Threads of a FastCGI process that serves many requests at once."},

    {HEADING, .help = "Workers."},
    {INSTALLATION, "max_workers", SETTING_NUMBER, OF_ALL(max_workers), "4", 1, SLOTS_MAX,
     "Attempts that may run at the same time, of all functions together."},
    {INSTALLATION, "idle_linger", SETTING_DURATION, OF_ALL(idle_linger_ms), "10s", 0, 24 * 60 * MINUTE,
     "How long a worker without work waits for the next job before it ends."},
    {INSTALLATION, "keeper_max", SETTING_DURATION, OF_ALL(keeper_max_ms), "15m", 0, 24 * 60 * MINUTE,
     "One worker stays while a retry or a delayed job is due within this time, so that it runs without any\n"
     "request. What is due later waits for the next request, or for `jobgate-worker --sweep` from cron."},
    {INSTALLATION, "kill_grace", SETTING_DURATION, OF_ALL(kill_grace_ms), "5s", 0, 60 * MINUTE,
     "Time between TERM and KILL for the processes of an attempt that is to end."},
    {INSTALLATION, "max_result_size", SETTING_SIZE, OF_ALL(max_result_size), "6MiB", 1, GIB,
     "The largest standard output of a function; above it the job fails for good."},
    {INSTALLATION, "max_log_size", SETTING_SIZE, OF_ALL(max_log_size), "1MiB", 0, GIB,
     "How much of the end of a job's standard error is kept."},

    {HEADING, .help = "Store."},
    {INSTALLATION, "store_deadline", SETTING_DURATION, OF_ALL(store_deadline_ms), "5s", 10, 5 * MINUTE,
     "How long a request waits for the store before it is answered 503."},
    {INSTALLATION, "queue_max", SETTING_NUMBER, OF_ALL(queue_max), "0", 0, INT64_C(1000000000),
     "Queued jobs of all functions together; above it 429. 0: no limit."},
    {INSTALLATION, "disk_reserve", SETTING_SIZE, OF_ALL(disk_reserve), "64MiB", 0, 1024 * GIB,
     "New jobs are refused (507) while less than this is free on the store's disk."},
    {INSTALLATION, "idempotency_ttl", SETTING_DURATION, OF_ALL(idempotency_ttl_ms), "24h", 1, 3650 * DAY,
     "How long an Idempotency-Key is remembered."},

    {HEADING, .help = "Callers. Keys are made with: jobgatectl key add NAME --allow submit,read"},
    {INSTALLATION, "anonymous", SETTING_SCOPES, OF_ALL(anonymous), "none", 0, SCOPE_ALL,
     "What one without a key may do: none, all, or some of submit, read, list, cancel, metrics, admin."},
    {INSTALLATION, "cors_origins", SETTING_ORIGINS, OF_ALL(cors_origins), "", 0, 0,
     "Origins whose pages may use the service from a browser: https://app.example, or * for all."},
    {INSTALLATION, "rate", SETTING_NUMBER, OF_ALL(rate), "0", 0, 1000000,
     "Requests a second of one caller (key, else address); above it 429. 0: no limit."},
    {INSTALLATION, "burst", SETTING_NUMBER, OF_ALL(burst), "0", 0, 1000000,
     "How many of them may come at once. 0: as many as the rate."},
    {INSTALLATION, "daily_quota", SETTING_NUMBER, OF_ALL(daily_quota), "0", 0, INT64_C(1000000000),
     "Jobs that one caller may submit in a day (UTC). 0: no limit."},
    {INSTALLATION, "active_jobs", SETTING_NUMBER, OF_ALL(active_jobs), "0", 0, INT64_C(1000000000),
     "Jobs of one caller that have not ended; above it 429. 0: no limit."},

    {HEADING,
     .help = "Callbacks (X-Callback-Url, on_success, on_failure), signed by Standard Webhooks; the secret "
             "is in the file\ncallback_secret of data_dir."},
    {INSTALLATION, "callback_allow", SETTING_NETWORKS, OF_ALL(callback_allow), "", 0, 0,
     "Addresses and networks that are not public and may be told all the same: 127.0.0.1, 10.0.0.0/8."},
    {INSTALLATION, "callback_timeout", SETTING_DURATION, OF_ALL(callback_timeout_ms), "15s", 1, 5 * MINUTE,
     "How long one try may take."},
    {INSTALLATION, "callback_retries", SETTING_NUMBER, OF_ALL(callback_retries), "9", 0, 100,
     "How often it is tried again."},
    {INSTALLATION, "callback_backoff", SETTING_DURATION, OF_ALL(callback_backoff_ms), "5s", 0, DAY,
     "Time before the first of these; four times as long before each further one, at most a day."},

    {HEADING,
     .help = "Functions. Up here these hold for every function; below [function NAME] for that one."},
    {FUNCTION, "timeout", SETTING_DURATION, OF_ONE(timeout_ms), "15m", 1, 3650 * DAY,
     "The longest an attempt may run."},
    {FUNCTION, "retries", SETTING_NUMBER, OF_ONE(policy.retries), "2", 0, 1000,
     "How often a failed job is tried again."},
    {FUNCTION, "backoff", SETTING_DURATION, OF_ONE(policy.backoff_ms), "1m", 0, 30 * DAY,
     "Time before the first retry; twice as long before each further one."},
    {FUNCTION, "max_event_age", SETTING_DURATION, OF_ONE(policy.max_event_age_ms), "6h", 0, 3650 * DAY,
     "A job that is older is not tried again but fails. 0: no limit."},
    {FUNCTION, "max_interruptions", SETTING_NUMBER, OF_ONE(policy.max_interruptions), "3", 0, 1000000,
     "How often a job is started again after its worker died (which uses up no retry) before it fails."},
    {FUNCTION, "concurrency", SETTING_LIMIT, OF_ONE(concurrency), "unlimited", -1, 1000000,
     "Attempts of the function that may run at the same time. 0: paused, its jobs wait."},
    {FUNCTION, "on_success", SETTING_TARGET, OF_ONE(policy.on_success), "", 0, 0,
     "Who is sent AWS Lambda's destination record when a job has succeeded: an https URL or a function."},
    {FUNCTION, "on_failure", SETTING_TARGET, OF_ONE(policy.on_failure), "", 0, 0,
     "The same when it has failed for good."},
    {FUNCTION, "memory", SETTING_SIZE, OF_ONE(memory), "0", 0, 1024 * 1024 * GIB,
     "Address space of each of its processes (RLIMIT_AS). 0: no limit."},
    {FUNCTION, "cpu", SETTING_DURATION, OF_ONE(cpu_ms), "0", 0, 3650 * DAY,
     "Processor time of each of its processes (RLIMIT_CPU), in whole seconds. 0: no limit."},
    {FUNCTION, "file_size", SETTING_SIZE, OF_ONE(file_size), "0", 0, 1024 * 1024 * GIB,
     "The largest file it may write (RLIMIT_FSIZE). 0: no limit."},
    {FUNCTION, "processes", SETTING_NUMBER, OF_ONE(processes), "0", 0, 10000000,
     "Processes (RLIMIT_NPROC: all those of the user count). 0: no limit."},
    {FUNCTION, "confined", SETTING_SWITCH, OF_ONE(confined), "yes", 0, 1,
     "Where the kernel has Landlock: it reads the system and its own file, and writes in its TMPDIR only."},
    {FUNCTION, "read", SETTING_PATHS, OF_ONE(read), "", 0, 0,
     "What else it may read: absolute paths with ':' between them."},
    {FUNCTION, "write", SETTING_PATHS, OF_ONE(write), "", 0, 0, "What else it may read and write."},
    {FUNCTION, "network", SETTING_SWITCH, OF_ONE(network), "yes", 0, 1,
     "no: it gets no sockets but local ones (seccomp)."},
    {FUNCTION, "user", SETTING_USER, OF_ONE(user), "", 0, 0,
     "Who it runs as, where the worker runs as root. Empty: as the worker, which any other worker insists "
     "on."},
    {FUNCTION, "retention", SETTING_DURATION, RETENTION_OF_ALL, "7d", 1, 36500 * DAY,
     "How long an ended job is kept; for another such time its id is answered with 410."},
    {FUNCTION, "retention_succeeded", SETTING_DURATION, RETENTION(JOB_SUCCEEDED), NULL, 1, 36500 * DAY,
     "The same by how it ended. Unset: retention."},
    {FUNCTION, "retention_failed", SETTING_DURATION, RETENTION(JOB_FAILED), NULL, 1, 36500 * DAY, ""},
    {FUNCTION, "retention_cancelled", SETTING_DURATION, RETENTION(JOB_CANCELLED), NULL, 1, 36500 * DAY, ""},
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* ---- what was read ---- */

struct variable {
    char *text; /* NAME=value */
    size_t name_length;
    int line;
};

/* The keys above the first section, or those of one function. */
struct section {
    struct function_settings settings;
    int line;                 /* of [function NAME] */
    int key_lines[KEY_COUNT]; /* where a key was set; 0 = not here */
    struct variable *variables;
    size_t variable_count;
    const char **environment; /* what settings.environment points to */
};

/* `shown` is what callers hold; it comes first, so a pointer to one is a pointer to the other. */
struct loaded {
    struct configuration shown;
    struct configuration_sharing sharing;
    struct section defaults;
    struct section **functions; /* sorted by name */
    size_t function_count;
    struct section *current; /* while reading */
    char **texts;            /* all strings, to be freed */
    size_t text_count;
    size_t text_capacity;
};

static const struct loaded *loaded_of(const struct configuration *configuration)
{
    return (const struct loaded *)(const void *)configuration;
}

struct configuration_sharing *configuration_sharing_of(struct configuration *configuration)
{
    return &((struct loaded *)(void *)configuration)->sharing;
}

static void free_section(struct section *section)
{
    free(section->variables);
    free(section->environment);
}

void configuration_free(struct configuration *configuration)
{
    struct loaded *loaded = (struct loaded *)(void *)configuration;
    if (loaded == NULL)
        return;
    free_section(&loaded->defaults);
    for (size_t i = 0; i < loaded->function_count; i++) {
        free_section(loaded->functions[i]);
        free(loaded->functions[i]);
    }
    free(loaded->functions);
    for (size_t i = 0; i < loaded->text_count; i++)
        free(loaded->texts[i]);
    free(loaded->texts);
    free(loaded);
}

/* Takes over `text` (NULL is handed through) until the configuration goes. */
static char *keep(struct loaded *loaded, char *text)
{
    if (text == NULL)
        return NULL;
    if (loaded->text_count == loaded->text_capacity) {
        size_t capacity = loaded->text_capacity == 0 ? 64 : loaded->text_capacity * 2;
        char **texts = realloc(loaded->texts, capacity * sizeof *texts);
        if (texts == NULL) {
            free(text);
            return NULL;
        }
        loaded->texts = texts;
        loaded->text_capacity = capacity;
    }
    loaded->texts[loaded->text_count++] = text;
    return text;
}

static char *keep_copy(struct loaded *loaded, const char *text)
{
    return keep(loaded, strdup(text));
}

static enum outcome no_memory(struct error *error)
{
    return error_set(error, NOMEM, "no memory");
}

/* ---- unknown names ---- */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Changes of one character (another, missing, added, two swapped) that make one word of the other. */
static size_t distance(const char *word, const char *other)
{
    enum { MOST = 32 };
    size_t rows[3][MOST + 1];
    size_t length = strlen(word), width = strlen(other);
    if (length > MOST || width > MOST)
        return MOST;
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least_of(above[j], row[j - 1]) + 1;
            row[j] = least_of(row[j], above[j - 1] + (word[i - 1] != other[j - 1]));
            if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1])
                row[j] = least_of(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[length % 3][width];
}

static enum outcome refuse_unknown(const char *name, bool in_function, struct error *error)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 1;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].scope == HEADING || (in_function && keys[i].scope != FUNCTION))
            continue;
        size_t away = distance(name, keys[i].name);
        if (away <= least && away < strlen(name)) {
            least = away == 0 ? 0 : away - 1;
            nearest = keys[i].name;
        }
    }
    if (nearest == NULL)
        return error_set(error, INVALID, "unknown key \"%s\"", name);
    return error_set(error, INVALID, "unknown key \"%s\"; did you mean \"%s\"?", name, nearest);
}

/* ---- one key ---- */

/* An absolute path for one that is relative to the configuration's folder. */
static char *absolute_path(struct loaded *loaded, const char *path)
{
    const char *file = loaded->shown.file;
    if (path[0] == '/' || path[0] == '\0')
        return keep_copy(loaded, path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    struct buffer absolute = {0};
    buffer_append(&absolute, file, (size_t)(strrchr(file, '/') - file + 1));
    buffer_append_text(&absolute, path);
    if (absolute.failed) {
        buffer_free(&absolute);
        return NULL;
    }
    return keep(loaded, absolute.data);
}

static enum outcome set_text(struct loaded *loaded, const struct key *key, const char *value,
                             const char **target, struct error *error)
{
    enum outcome outcome = setting_check_text(key->kind, value, error);
    if (outcome != OK)
        return outcome;
    bool is_path = key->kind == SETTING_PATH || key->kind == SETTING_OPTIONAL_PATH;
    *target = is_path ? absolute_path(loaded, value) : keep_copy(loaded, value);
    return *target != NULL ? OK : no_memory(error);
}

static void *target_of(struct loaded *loaded, struct section *section, const struct key *key)
{
    char *base = key->scope == FUNCTION ? (char *)&section->settings : (char *)&loaded->shown;
    return base + key->offset;
}

/* The words of an error begin with the key and what was written. */
static enum outcome set_key(struct loaded *loaded, struct section *section, const struct key *key,
                            const char *value, struct error *error)
{
    struct error why = {""};
    void *target = target_of(loaded, section, key);
    enum outcome outcome = setting_is_text(key->kind)
                               ? set_text(loaded, key, value, target, &why)
                               : setting_parse_number(key->kind, value, key->least, key->most, target, &why);
    if (outcome != OK)
        return error_set(error, outcome, "%s = %.100s: %s", key->name, value, why.text);
    return OK;
}

static bool is_reserved_variable(const char *name)
{
    return strncmp(name, "JOBGATE_", 8) == 0 || strcmp(name, "PATH") == 0 || strcmp(name, "TMPDIR") == 0 ||
           strcmp(name, "TRACEPARENT") == 0;
}

static enum outcome check_variable_name(const char *name, struct error *error)
{
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t length = strlen(name);
    if (length == 0 || strspn(name, characters) != length || (name[0] >= '0' && name[0] <= '9'))
        return error_set(error, INVALID,
                         "env.%s: a variable is letters, digits and _, and starts with no digit", name);
    if (strcmp(name, "PATH") == 0)
        return error_set(error, INVALID, "env.PATH: the key is \"path\"");
    if (is_reserved_variable(name))
        return error_set(error, INVALID, "env.%s: the worker sets this one itself", name);
    return OK;
}

static const struct variable *find_variable(const struct section *section, const char *name, size_t length)
{
    for (size_t i = 0; i < section->variable_count; i++) {
        const struct variable *variable = &section->variables[i];
        if (variable->name_length == length && memcmp(variable->text, name, length) == 0)
            return variable;
    }
    return NULL;
}

static enum outcome add_variable(struct loaded *loaded, struct section *section, const char *name,
                                 const char *value, int line, struct error *error)
{
    enum outcome outcome = check_variable_name(name, error);
    if (outcome != OK)
        return outcome;
    const struct variable *before = find_variable(section, name, strlen(name));
    if (before != NULL)
        return error_set(error, INVALID, "env.%s stands in line %d already", name, before->line);
    struct variable *variables =
        realloc(section->variables, (section->variable_count + 1) * sizeof *section->variables);
    if (variables == NULL)
        return no_memory(error);
    section->variables = variables;
    struct buffer text = {0};
    buffer_printf(&text, "%s=%s", name, value);
    char *kept = text.failed ? NULL : keep(loaded, text.data);
    if (kept == NULL)
        return no_memory(error);
    variables[section->variable_count++] =
        (struct variable){.text = kept, .name_length = strlen(name), .line = line};
    return OK;
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].scope != HEADING && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static enum outcome read_key(void *context, const char *name, const char *value, int line,
                             struct error *error)
{
    struct loaded *loaded = context;
    struct section *section = loaded->current;
    bool in_function = section != &loaded->defaults;
    if (strncmp(name, "env.", 4) == 0)
        return add_variable(loaded, section, name + 4, value, line, error);
    const struct key *key = find_key(name);
    if (key == NULL)
        return refuse_unknown(name, in_function, error);
    if (in_function && key->scope != FUNCTION)
        return error_set(error, INVALID, "%s holds for the installation: it belongs above the first section",
                         name);
    if (section->key_lines[key - keys] != 0)
        return error_set(error, INVALID, "%s stands in line %d already", name,
                         section->key_lines[key - keys]);
    section->key_lines[key - keys] = line;
    return set_key(loaded, section, key, value, error);
}

/* ---- sections ---- */

static struct section *find_section(const struct loaded *loaded, const char *name)
{
    for (size_t i = 0; i < loaded->function_count; i++) {
        if (strcmp(loaded->functions[i]->settings.name, name) == 0)
            return loaded->functions[i];
    }
    return NULL;
}

static enum outcome read_section(void *context, const char *title, int line, struct error *error)
{
    static const char word[] = "function ";
    struct loaded *loaded = context;
    const char *name = title + sizeof word - 1;
    if (strncmp(title, word, sizeof word - 1) != 0)
        return error_set(error, INVALID, "[%s] is no section; they are [function NAME]", title);
    name += strspn(name, " ");
    if (!job_function_name_is_valid(name))
        return error_set(error, INVALID, "[%s]: a function's name is up to 64 letters, digits, - and _",
                         title);
    const struct section *before = find_section(loaded, name);
    if (before != NULL)
        return error_set(error, INVALID, "[%s] stands in line %d already", title, before->line);
    struct section **functions =
        realloc(loaded->functions, (loaded->function_count + 1) * sizeof *loaded->functions);
    if (functions == NULL)
        return no_memory(error);
    loaded->functions = functions;
    struct section *section = calloc(1, sizeof *section);
    if (section == NULL)
        return no_memory(error);
    section->line = line;
    memcpy(section->settings.name, name, strlen(name) + 1);
    functions[loaded->function_count++] = section;
    loaded->current = section;
    return OK;
}

/* ---- what was not written ---- */

/* retention_failed and its like: as written here, else the section's `retention`, else as for all functions.
 */
static void resolve_retention(const struct section *defaults, struct section *section)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        int64_t *retention = section->settings.policy.retention_ms;
        if (keys[i].scope != FUNCTION || keys[i].fallback != NULL || section->key_lines[i] != 0)
            continue;
        size_t status = (keys[i].offset - RETENTION_OF_ALL) / sizeof *retention;
        bool own = section == defaults || section->key_lines[find_key("retention") - keys] != 0;
        retention[status] = own ? retention[0] : defaults->settings.policy.retention_ms[status];
    }
}

/* No key of its own: it has to belong to the same user as the store, and to be as private. */
static enum outcome resolve_keys_file(struct loaded *loaded, struct error *error)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/keys", loaded->shown.data_dir);
    loaded->shown.keys_file = path.failed ? NULL : keep(loaded, path.data);
    return loaded->shown.keys_file != NULL ? OK : no_memory(error);
}

static enum outcome resolve_defaults(struct loaded *loaded, struct error *error)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].fallback == NULL || loaded->defaults.key_lines[i] != 0)
            continue;
        enum outcome outcome = set_key(loaded, &loaded->defaults, &keys[i], keys[i].fallback, error);
        if (outcome != OK)
            return outcome;
    }
    resolve_retention(&loaded->defaults, &loaded->defaults);
    return resolve_keys_file(loaded, error);
}

static void resolve_section(struct loaded *loaded, struct section *section)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].scope == FUNCTION && keys[i].fallback != NULL && section->key_lines[i] == 0)
            memcpy(target_of(loaded, section, &keys[i]), target_of(loaded, &loaded->defaults, &keys[i]),
                   setting_is_text(keys[i].kind) ? sizeof(const char *) : sizeof(int64_t));
    }
    resolve_retention(&loaded->defaults, section);
}

/* The section's variables, and those of all functions that it does not set itself. */
static enum outcome resolve_environment(const struct section *defaults, struct section *section,
                                        struct error *error)
{
    size_t count = 0;
    section->environment = calloc(section->variable_count + defaults->variable_count + 1, sizeof(char *));
    if (section->environment == NULL)
        return no_memory(error);
    for (size_t i = 0; section != defaults && i < defaults->variable_count; i++) {
        const struct variable *variable = &defaults->variables[i];
        if (find_variable(section, variable->text, variable->name_length) == NULL)
            section->environment[count++] = variable->text;
    }
    for (size_t i = 0; i < section->variable_count; i++)
        section->environment[count++] = section->variables[i].text;
    section->settings.environment = section->environment;
    return OK;
}

static int compare_sections(const void *a, const void *b)
{
    const struct section *const *left = a, *const *right = b;
    return strcmp((*left)->settings.name, (*right)->settings.name);
}

static enum outcome resolve(struct loaded *loaded, struct error *error)
{
    enum outcome outcome = resolve_defaults(loaded, error);
    if (outcome == OK)
        outcome = resolve_environment(&loaded->defaults, &loaded->defaults, error);
    for (size_t i = 0; i < loaded->function_count && outcome == OK; i++) {
        resolve_section(loaded, loaded->functions[i]);
        outcome = resolve_environment(&loaded->defaults, loaded->functions[i], error);
    }
    if (loaded->function_count > 0)
        qsort(loaded->functions, loaded->function_count, sizeof *loaded->functions, compare_sections);
    return outcome;
}

/* ---- the calls ---- */

enum outcome configuration_parse(const char *file, const char *text, size_t length,
                                 struct configuration **configuration, struct error *error)
{
    static const struct ini_file_reader reader = {.section = read_section, .key = read_key};
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL)
        return no_memory(error);
    loaded->current = &loaded->defaults;
    loaded->sharing.references = 1;
    loaded->shown.file = keep_copy(loaded, file);
    enum outcome outcome = loaded->shown.file != NULL ? OK : no_memory(error);
    if (outcome == OK)
        outcome = ini_file_parse(file, text, length, &reader, loaded, error);
    if (outcome == OK)
        outcome = resolve(loaded, error);
    if (outcome == OK)
        *configuration = &loaded->shown;
    else
        configuration_free(&loaded->shown);
    return outcome;
}

/* `file` with the current folder before it when it is relative. */
static enum outcome make_absolute(const char *file, struct buffer *absolute, struct error *error)
{
    if (file[0] != '/') {
        char *folder = getcwd(NULL, 0);
        if (folder == NULL)
            return error_set_errno(error, IO, errno, "current folder");
        buffer_printf(absolute, "%s/", folder);
        free(folder);
    }
    buffer_append_text(absolute, file);
    return absolute->failed ? no_memory(error) : OK;
}

/* A section of its own for what has none. */
static enum outcome pause_function(struct loaded *loaded, const char *name, struct error *error)
{
    struct section *section = find_section(loaded, name);
    if (section == NULL) {
        struct section **functions =
            realloc(loaded->functions, (loaded->function_count + 1) * sizeof *loaded->functions);
        if (functions != NULL)
            loaded->functions = functions;
        section = functions != NULL ? calloc(1, sizeof *section) : NULL;
        if (section == NULL)
            return no_memory(error);
        section->settings = loaded->defaults.settings;
        memcpy(section->settings.name, name, strlen(name) + 1);
        functions[loaded->function_count++] = section;
        qsort(loaded->functions, loaded->function_count, sizeof *loaded->functions, compare_sections);
    }
    section->settings.concurrency = 0;
    return OK;
}

/* A list that is wrong pauses nothing: that is told, and no reason to be without a configuration. */
static enum outcome pause_functions(struct loaded *loaded, struct ini_file_version *version,
                                    struct error *error)
{
    struct buffer names = {0};
    struct error words;
    enum outcome outcome = OK;
    char name[JOB_FUNCTION_SIZE];
    if (paused_read(loaded->shown.data_dir, &names, version, &words) != OK) {
        log_event(LOG_LEVEL_ERROR, "paused_functions_unknown", "why", words.text, NULL);
        buffer_clear(&names);
    }
    for (const char *line = names.length > 0 ? names.data : ""; outcome == OK && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        memcpy(name, line, length);
        name[length] = '\0';
        outcome = pause_function(loaded, name, error);
        line += length + 1;
    }
    buffer_free(&names);
    return outcome;
}

enum outcome configuration_load_version(const char *file, struct ini_file_version *version,
                                        struct ini_file_version *paused_version,
                                        struct configuration **configuration, struct error *error)
{
    struct buffer absolute = {0}, text = {0};
    enum outcome outcome = make_absolute(file, &absolute, error);
    if (outcome == OK)
        outcome = ini_file_read(absolute.data, &text, version, error);
    if (outcome == OK)
        outcome = configuration_parse(absolute.data, text.length > 0 ? text.data : "", text.length,
                                      configuration, error);
    if (outcome == OK)
        outcome = pause_functions((struct loaded *)(void *)*configuration, paused_version, error);
    buffer_free(&absolute);
    buffer_free(&text);
    return outcome;
}

enum outcome configuration_load(const char *file, struct configuration **configuration, struct error *error)
{
    return configuration_load_version(file, NULL, NULL, configuration, error);
}

const char *configuration_path(const char *argument)
{
    const char *variable = getenv("JOBGATE_CONFIG");
    if (argument != NULL)
        return argument;
    return variable != NULL && variable[0] != '\0' ? variable : JOBGATE_SYSCONFDIR "/jobgate/jobgate.conf";
}

static int compare_name(const void *name, const void *section)
{
    return strcmp(name, (*(const struct section *const *)section)->settings.name);
}

const struct function_settings *configuration_function(const struct configuration *configuration,
                                                       const char *name)
{
    const struct loaded *loaded = loaded_of(configuration);
    struct section *const *found = NULL;
    if (loaded->function_count > 0)
        found =
            bsearch(name, loaded->functions, loaded->function_count, sizeof *loaded->functions, compare_name);
    return found != NULL ? &(*found)->settings : &loaded->defaults.settings;
}

/* ---- as text ---- */

/* " = value" */
static void print_text(const char *value, struct buffer *out)
{
    buffer_append_text(out, value[0] != '\0' ? " = " : " =");
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-+,@%~";
    if (strspn(value, plain) == strlen(value)) {
        buffer_append_text(out, value);
        return;
    }
    buffer_append_text(out, "\"");
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            buffer_append_text(out, "\\");
        buffer_append(out, value, 1);
    }
    buffer_append_text(out, "\"");
}

static void print_value(const struct key *key, const char *base, struct buffer *out)
{
    buffer_append_text(out, key->name);
    if (setting_is_text(key->kind)) {
        print_text(*(const char *const *)(const void *)(base + key->offset), out);
    } else {
        buffer_append_text(out, " = ");
        setting_print_number(key->kind, *(const int64_t *)(const void *)(base + key->offset), out);
    }
    buffer_append_text(out, "\n");
}

static void print_section(const struct section *section, struct buffer *out)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].scope == FUNCTION)
            print_value(&keys[i], (const char *)&section->settings, out);
    }
    for (const char *const *variable = section->settings.environment; *variable != NULL; variable++) {
        const char *value = strchr(*variable, '=') + 1;
        buffer_append_text(out, "env.");
        buffer_append(out, *variable, (size_t)(value - 1 - *variable));
        print_text(value, out);
        buffer_append_text(out, "\n");
    }
}

void configuration_dump(const struct configuration *configuration, struct buffer *out)
{
    const struct loaded *loaded = loaded_of(configuration);
    buffer_printf(out, "# %s\n", configuration->file);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].scope == INSTALLATION)
            print_value(&keys[i], (const char *)&loaded->shown, out);
    }
    print_section(&loaded->defaults, out);
    for (size_t i = 0; i < loaded->function_count; i++) {
        buffer_printf(out, "\n[function %s]\n", loaded->functions[i]->settings.name);
        print_section(loaded->functions[i], out);
    }
}

bool configuration_describe(size_t index, struct configuration_key *key)
{
    if (index >= KEY_COUNT)
        return false;
    const struct key *entry = &keys[index];
    *key = (struct configuration_key){.name = entry->name,
                                      .of_function = entry->scope == FUNCTION,
                                      .kind = entry->kind,
                                      .fallback = entry->fallback,
                                      .least = entry->least,
                                      .most = entry->most,
                                      .help = entry->help};
    return true;
}

static void print_comment(const char *mark, const char *text, struct buffer *out)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        buffer_printf(out, "%s %.*s\n", mark, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void configuration_template(struct buffer *out)
{
    print_comment(
        "#",
        "Jobgate's configuration. What is commented out is the default. Durations: seconds, or 250ms, 90s,\n"
        "15m, 6h, 7d. Sizes: bytes, or KiB, MiB, GiB. An unknown key is an error.",
        out);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        bool is_heading = keys[i].scope == HEADING;
        if (keys[i].help[0] != '\0')
            buffer_append_text(out, "\n");
        print_comment(is_heading ? "##" : "#", keys[i].help, out);
        if (is_heading)
            continue;
        const char *value = keys[i].fallback != NULL ? keys[i].fallback : "7d";
        buffer_printf(out, "#%s =%s%s\n", keys[i].name, value[0] != '\0' ? " " : "", value);
    }
    print_comment("\n#", "A variable that the functions find in their environment, once for each.", out);
    buffer_append_text(out, "#env.GREETING = hello\n");
    print_comment("\n##", "One function: any of the keys since \"Functions\".", out);
    buffer_append_text(out, "#[function report]\n#timeout = 60\n#env.GREETING = good morning\n");
}
