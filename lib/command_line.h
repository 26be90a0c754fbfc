/* command_line.h - the options that every program of Jobgate takes, in one way
 *
 *     -c, --config FILE   -t, --test   -h, --help   -V, --version
 *
 * A program with more of its own puts COMMAND_LINE_SHORT and COMMAND_LINE_OPTIONS among them, hands what it does not know
 * to command_line_option, and calls command_line_end behind the last one. Exit statuses are those of sysexits.h: 64 for a
 * wrong command line, 78 for a configuration that cannot be used, with its words on standard error. */
#ifndef JOBGATE_COMMAND_LINE_H
#define JOBGATE_COMMAND_LINE_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

struct command_line {
    const char *program; /* "jobgate-worker" */
    const char *usage;   /* what --help says before it comes to these options */
    const char *file;    /* of --config, as given; NULL = not given */
    bool test;
};

#define COMMAND_LINE_SHORT "c:thV"
#define COMMAND_LINE_OPTIONS                                                                                 \
    {"config", required_argument, NULL, 'c'}, {"test", no_argument, NULL, 't'},                              \
        {"help", no_argument, NULL, 'h'},                                                                    \
    {                                                                                                        \
        "version", no_argument, NULL, 'V'                                                                    \
    }
/* Their lines in --help. */
extern const char command_line_help[];

/* `option` as getopt_long gave it. -1: go on; else the exit status to end with: help and version were printed, or the option
 * is unknown. */
int command_line_option(struct command_line *line, int option);
/* `first` of the arguments that are no options. -1: go on; else the exit status: there is one, which nobody takes, or --test was given
 * and the configuration is printed, or told to be wrong. */
int command_line_end(const struct command_line *line, int count, char **arguments, int first);
void command_line_usage(const struct command_line *line, FILE *stream);
/* What --test does with the file. Returns the exit status. */
int command_line_test(const char *program, const char *file);

#endif
