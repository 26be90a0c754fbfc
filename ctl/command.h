/* command.h - what a command of jobgatectl is
 *
 * Each command is one constant table: name, arguments, words for --help, options with the places their values
 * go to, and a function. main.c reads the command line by it, prints --help from it, opens what it needs and
 * calls it; bash's completion asks for the same tables. So an option that is written down works, and is
 * explained.
 *
 * The program runs one command and ends: options' places are static variables of the command's file. */
#ifndef JOBGATE_CTL_COMMAND_H
#define JOBGATE_CTL_COMMAND_H

#include "configuration.h"
#include "outcome.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_TEXTS_MAX 32
#define COMMAND_STORE_MS  30000 /* how long a command waits for the store */

enum option_kind {
    OPTION_FLAG = 1, /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_TEXTS,    /* struct option_texts: may stand more than once */
    OPTION_NUMBER,   /* int64_t, not negative */
    OPTION_DURATION, /* int64_t: milliseconds; 90s, 15m, 7d */
};

struct option_texts {
    const char *list[COMMAND_TEXTS_MAX];
    size_t count;
};

struct command_option {
    const char *name; /* without its dashes; NULL ends the table */
    enum option_kind kind;
    const char *value; /* "N", "FUNCTION": as --help calls it; NULL for a flag */
    const char *help;
    void *target;
};

enum command_needs {
    NEEDS_NOTHING = 1,
    NEEDS_CONFIGURATION, /* loaded; run as the user of the data folder */
    NEEDS_READING,       /* and the store */
    NEEDS_WRITING,
};

struct control;

struct command {
    const char *name;
    const char *arguments; /* "ID..." as --help shows them */
    const char *summary;   /* one line */
    const char *help;      /* more of it, lines of at most 78 characters */
    int least, most;       /* how many arguments; most -1 = no bound */
    enum command_needs needs;
    const struct command_option *options; /* NULL = none of its own */
    /* Before the user is changed: with the rights the program was started with. May be NULL. 0 = go on. */
    int (*prepare)(struct control *control);
    /* Returns the exit status. */
    int (*run)(struct control *control);
};

/* What a running command has. */
struct control {
    const struct command *command;
    const char *file;    /* the configuration's */
    const char *invoker; /* who has called, also when the user was changed since */
    bool json;
    char **arguments;
    int count;
    struct configuration *configuration;
    struct store *store;
};

/* Prints the words, "jobgatectl: …", and gives the exit status (sysexits.h) that belongs to the outcome. */
int control_fail(enum outcome outcome, const struct error *error);
/* The same for a wrong command line: names the way to --help. EX_USAGE. */
int control_misused(const struct control *control, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* An exit status with words of its own. */
int control_refuse(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens the store of the configuration. 0, or the exit status after words were printed. */
int control_open_store(struct control *control, enum store_access access);
/* Loads the configuration into control->configuration. */
enum outcome control_load(struct control *control, struct error *error);
/* The installation's log has what the store says from now on; without one only what is wrong is for the terminal. Called as
 * the user of the data folder: a log that root had begun, nobody else could write. */
void control_open_log(const struct control *control);

/* The deadline of the next call to the store. */
int64_t control_deadline(void);
/* False after words: the text is no id. */
bool control_parse_id(const char *text, struct job_id *id);
/* Something was submitted or may go on: wakes a worker or starts one. A worker that cannot be started is told
 * of, and is no failure: the job waits for the next one. */
void control_wake(struct control *control);

/* All of them, ended by NULL. */
extern const struct command *const commands[];
/* By their files: */
extern const struct command list_command, show_command;              /* look.c */
extern const struct command submit_command, retry_command;           /* submit.c */
extern const struct command cancel_command, purge_command;           /* change.c */
extern const struct command log_command, tail_command, wait_command; /* follow.c */
extern const struct command functions_command;                       /* functions.c */
extern const struct command pause_command, resume_command;           /* pause.c */
extern const struct command stats_command;                           /* stats.c */
extern const struct command key_command;                             /* key.c */
extern const struct command doctor_command;                          /* doctor.c */
extern const struct command backup_command, restore_command, verify_command, recover_command; /* keep.c */
extern const struct command export_command, import_command;                                   /* transfer.c */

#endif
