/* configuration.h - what the administrator has decided
 *
 * One INI file (read with inih). One table in configuration.c, {key, scope, type, default, min, max, help},
 * is the source of the parser, of the error texts, of `jobgate-worker -t`'s dump and of conf/jobgate.conf and
 * the man page.
 *
 *     max_workers = 4                 # keys of the installation stand at the top
 *     timeout = 900                   # a key of a function up here is the default for every function
 *     [function report]
 *     timeout = 60
 *     env.GREETING = hello
 *
 * Durations are written in seconds, or with a unit (250ms, 90s, 15m, 6h, 7d); sizes in bytes or with KiB,
 * MiB, GiB. An unknown key, a value out of range, a key twice or a section that is no function is INVALID
 * with file:line, and changes nothing. A value may stand in double quotes (\" and \\ inside); behind a space,
 * # and ; begin a comment.
 *
 * `env.NAME = value` is handed to the function (above the sections: to all of them; the section's own wins).
 * NAME is [A-Za-z_][A-Za-z0-9_]*; what the worker sets itself (JOBGATE_*, PATH, TMPDIR, TRACEPARENT) is
 * refused. LANG, TZ, HOME are not: the worker leaves its own away when the configuration has one.
 *
 * The file decides which programs run, so a file that group or others can write, or that belongs neither to
 * root nor to the user of the process, is refused.
 *
 * A function that an operator has paused (`jobgatectl pause`, paused.h) has concurrency 0 whatever the file says.
 *
 * A loaded configuration never changes: it is shared between threads by reference count.
 * configuration_current() looks at the file (at most once a second) and loads it again when it was edited; a
 * file that has become wrong is logged once, and the one before stays in force. A data_dir that changed
 * counts as wrong: the store of a running process cannot move. Thread-safe. */
#ifndef JOBGATE_CONFIGURATION_H
#define JOBGATE_CONFIGURATION_H

#include "buffer.h"
#include "job.h"
#include "outcome.h"
#include "setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What holds for one function. Times in ms, sizes in bytes; 0 = no limit unless said otherwise. */
struct function_settings {
    char name[JOB_FUNCTION_SIZE];
    int64_t timeout_ms; /* 900 s */
    struct job_policy policy;
    int64_t concurrency; /* attempts at once; -1 = no limit of its own, 0 = paused */
    int64_t memory;      /* RLIMIT_AS of each process, bytes */
    int64_t cpu_ms;      /* RLIMIT_CPU, rounded up to seconds */
    int64_t file_size;   /* RLIMIT_FSIZE, bytes */
    int64_t processes;   /* RLIMIT_NPROC (counts the user's processes) */
    int64_t confined;    /* 1: kept in its room (room.h) */
    const char *read;    /* absolute paths with ':' between them, beside the system's; may be empty */
    const char *write;   /* likewise, beside TMPDIR */
    int64_t network;     /* 0: no sockets but local ones */
    const char *user;    /* who it runs as, where the worker is root; empty = as the worker */
    const char *const *environment; /* "NAME=value", NULL-terminated; owned by the configuration */
};

struct configuration {
    const char *file; /* where it came from, absolute */
    /* where things are; all absolute, relative ones in the file are relative to the file's folder */
    const char *data_dir;
    const char *functions_dir;
    const char *worker_program; /* jobgate-supervisor's path */
    const char *log_file;       /* empty: standard error */
    int64_t log_level;          /* enum log_level */
    const char *path;           /* PATH of the functions */
    /* HTTP */
    const char *default_function; /* "job_handler" */
    const char *base_url;         /* empty: taken from the request; else "https://host/base" or "/base" */
    int64_t accepted_status;      /* 202 or 200 */
    int64_t max_event_size;       /* 1 MiB */
    int64_t wait_max_ms;          /* 25 s */
    int64_t threads;              /* 32: of a FastCGI process */
    /* workers */
    int64_t max_workers;     /* 4 */
    int64_t idle_linger_ms;  /* 10 s */
    int64_t keeper_max_ms;   /* 15 min: how far ahead one worker waits for what is due */
    int64_t kill_grace_ms;   /* 5 s between TERM and KILL */
    int64_t max_result_size; /* 6 MiB */
    int64_t max_log_size;    /* 1 MiB */
    /* store */
    int64_t store_deadline_ms;  /* how long a request waits for the store: 5 s */
    int64_t queue_max;          /* queued jobs of all functions together; 0 = no limit */
    int64_t disk_reserve;       /* new jobs are refused when less is free: 64 MiB */
    int64_t idempotency_ttl_ms; /* 24 h */
    /* callers */
    int64_t anonymous;        /* enum access_scope: what one without a key may do; nothing */
    const char *keys_file;    /* data_dir/keys; see access.h */
    const char *cors_origins; /* origins whose pages may ask; "" = none, "*" = all */
    int64_t rate;             /* requests a second of a caller; 0 = no limit */
    int64_t burst;
    int64_t daily_quota; /* submissions of a caller */
    int64_t active_jobs; /* jobs of a caller that have not ended */
    /* callbacks */
    const char *callback_allow;  /* addresses that are not public and may be reached; see address.h */
    int64_t callback_timeout_ms; /* 15 s: of one try */
    int64_t callback_retries;    /* 9 */
    int64_t callback_backoff_ms; /* 5 s; four times as long before each further one, at most a day */
};

/* Loads `file`. On OK *configuration is one reference. INVALID or IO with words otherwise. */
enum outcome configuration_load(const char *file, struct configuration **configuration, struct error *error);
/* The same from memory, of a file that would have this absolute name: what the text says, without a look at
 * the disk. */
enum outcome configuration_parse(const char *file, const char *text, size_t length,
                                 struct configuration **configuration, struct error *error);
/* The file a program uses: `argument` when given (not NULL), else $JOBGATE_CONFIG, else the compiled-in path.
 */
const char *configuration_path(const char *argument);

/* The shared one. configuration_start loads it for the process (again: another file takes its place);
 * configuration_current returns a reference that configuration_release gives back. Never NULL once started.
 * An edit of log_file or log_level goes to log_open. */
enum outcome configuration_start(const char *file, struct error *error);
/* The same for a process that launch.h has started: when the file cannot be loaded now because an edit went wrong, the text in
 * the file behind `descriptor` (-1 = none) is in force, which is what holds in the process it comes from. */
enum outcome configuration_start_given(const char *file, int descriptor, struct error *error);
/* The dump of a configuration in a memory file, to be handed on. *descriptor is O_CLOEXEC and the caller's. */
enum outcome configuration_give(const struct configuration *configuration, int *descriptor,
                                struct error *error);
struct configuration *configuration_current(void);
void configuration_release(struct configuration *configuration); /* NULL is legal */

/* The settings of a function: its section, else the defaults. Never NULL; owned by the configuration. The
 * name is copied into the result only for functions with a section, so use your own. Whether the function
 * exists on disk is another question (see function.h). */
const struct function_settings *configuration_function(const struct configuration *configuration,
                                                       const char *name);

/* `-t`: every key with its value in force, as a file that can be loaded again. */
void configuration_dump(const struct configuration *configuration, struct buffer *out);
/* The table itself, for the manual: entry `index`, headings among them. False behind the last one. */
struct configuration_key {
    const char *name; /* NULL: a heading */
    bool of_function; /* may stand in a section */
    enum setting_kind kind;
    const char *fallback; /* the default as it would be written; NULL: what `retention` says */
    int64_t least, most;  /* of a number, duration or size */
    const char *help;     /* lines */
};
bool configuration_describe(size_t index, struct configuration_key *key);
/* conf/jobgate.conf: every key commented with its help and default. */
void configuration_template(struct buffer *out);

#endif
