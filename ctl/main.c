/* main.c - the program jobgatectl: reads the command line by the tables of the commands
 *
 *     jobgatectl [--config FILE] [--json] COMMAND [options] [arguments]
 *     jobgatectl [--config FILE] --test | --help | --version
 *
 * It works on the store itself, through its gate like everybody; no web server is needed, and none is asked (but by
 * `doctor --url`). Started by root it becomes the user of the data folder first (user.h).
 * Exit status: 0; 1 the job ended otherwise, or is in a state that does not allow it; else of sysexits.h. */
#include "config.h"
#include "command.h"

#include "command_line.h"
#include "log.h"
#include "output.h"
#include "setting.h"
#include "user.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define OPTIONS_MAX 32

/* ---- words ---- */

static int print_usage(FILE *stream, int status)
{
    fputs("Usage: jobgatectl [--config FILE] [--json] COMMAND [options] [arguments]\n"
          "       jobgatectl [--config FILE] --test | --help | --version\n\n",
          stream);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(stream, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\njobgatectl COMMAND --help tells what a command takes.\n\n"
          "      --json         for programs\n",
          stream);
    fputs(command_line_help, stream);
    return status;
}

static void print_option(const struct command_option *option)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    printf("  %-22s %s\n", left, option->help);
}

static int print_help(const struct command *command)
{
    printf("Usage: jobgatectl %s%s%s%s\n\n%s\n", command->name, command->options != NULL ? " [options]" : "",
           command->arguments[0] != '\0' ? " " : "", command->arguments, command->help);
    if (command->options != NULL)
        fputs("\n", stdout);
    for (const struct command_option *option = command->options; option != NULL && option->name != NULL;
         option++)
        print_option(option);
    return output_end(0);
}

/* For the completion of shells: a word on a line. */
static int print_words(const struct command *command)
{
    for (size_t i = 0; command == NULL && commands[i] != NULL; i++)
        puts(commands[i]->name);
    for (const struct command_option *option = command != NULL ? command->options : NULL;
         option != NULL && option->name != NULL; option++)
        printf("--%s\n", option->name);
    puts("--config\n--json\n--help");
    if (command == NULL)
        puts("--test\n--version");
    return output_end(0);
}

/* ---- the command line ---- */

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

enum { GLOBAL_JSON = 1, GLOBAL_WORDS, FIRST_OWN = 256 };

static size_t make_options(const struct command *command, struct option options[OPTIONS_MAX])
{
    static const struct option global[] = {COMMAND_LINE_OPTIONS,
                                           {"json", no_argument, NULL, GLOBAL_JSON},
                                           {"words", no_argument, NULL, GLOBAL_WORDS}};
    size_t count = sizeof global / sizeof global[0];
    memcpy(options, global, sizeof global);
    for (size_t i = 0; command != NULL && command->options != NULL && command->options[i].name != NULL; i++) {
        const struct command_option *own = &command->options[i];
        options[count++] = (struct option){
            own->name, own->kind == OPTION_FLAG ? no_argument : required_argument, NULL, FIRST_OWN + (int)i};
    }
    options[count] = (struct option){0};
    return count;
}

static int take_option(const struct control *control, const struct command_option *option, const char *text)
{
    struct error error;
    enum outcome outcome = OK;
    struct option_texts *texts = option->target;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->target = true;
        break;
    case OPTION_TEXT:
        *(const char **)option->target = text;
        break;
    case OPTION_TEXTS:
        if (texts->count == COMMAND_TEXTS_MAX)
            return control_misused(control, "--%s: %d of them at the most", option->name, COMMAND_TEXTS_MAX);
        texts->list[texts->count++] = text;
        break;
    case OPTION_NUMBER:
        outcome = setting_parse_number(SETTING_NUMBER, text, 0, INT64_MAX / 2, option->target, &error);
        break;
    case OPTION_DURATION:
        outcome = setting_parse_number(SETTING_DURATION, text, 0, INT64_MAX / 2, option->target, &error);
        break;
    }
    return outcome == OK ? 0 : control_misused(control, "--%s %s", option->name, error.text);
}

/* -1: go on; else the exit status. Called before the command's name is known, and once more behind it. */
static int read_options(struct control *control, int count, char **words)
{
    struct option options[OPTIONS_MAX + 8];
    struct command_line line = {.program = "jobgatectl"};
    const struct command *command = control->command;
    int letter, status = -1;
    make_options(command, options);
    while (status < 0 &&
           (letter = getopt_long(count, words, command == NULL ? "+" COMMAND_LINE_SHORT : COMMAND_LINE_SHORT,
                                 options, NULL)) != -1) {
        if (letter == GLOBAL_JSON)
            control->json = true;
        else if (letter == 'h')
            status = command != NULL ? print_help(command) : print_usage(stdout, 0);
        else if (letter == GLOBAL_WORDS)
            status = print_words(command);
        else if (letter < FIRST_OWN)
            status = command_line_option(&line, letter);
        else if (take_option(control, &command->options[letter - FIRST_OWN], optarg) != 0)
            status = EX_USAGE;
    }
    if (line.file != NULL)
        control->file = line.file;
    if (status < 0 && line.test)
        return command_line_test(line.program, configuration_path(control->file));
    return status;
}

static int read_command(struct control *control, int count, char **words)
{
    int status = read_options(control, count, words);
    if (status >= 0)
        return status;
    if (optind == count)
        return print_usage(stderr, EX_USAGE);
    const char *name = words[optind];
    if (strcmp(name, "help") == 0 && optind + 1 < count && find_command(words[optind + 1]) != NULL)
        return print_help(find_command(words[optind + 1]));
    if (strcmp(name, "help") == 0)
        return print_usage(stdout, 0);
    control->command = find_command(name);
    if (control->command == NULL)
        return control_refuse(EX_USAGE, "no command \"%s\"; jobgatectl --help shows them all", name);
    char **rest = words + optind;
    static char program[] = "jobgatectl"; /* what getopt's complaints begin with */
    rest[0] = program;
    count -= optind;
    optind = 0; /* from the start, with another table */
    status = read_options(control, count, rest);
    control->arguments = rest + optind;
    control->count = count - optind;
    return status;
}

static int check_count(const struct control *control)
{
    const struct command *command = control->command;
    if (control->count < command->least)
        return control_misused(control, "%s is missing", command->arguments);
    if (command->most >= 0 && control->count > command->most)
        return control_misused(control, "\"%s\" is one too many", control->arguments[command->most]);
    return 0;
}

/* ---- what a command needs ---- */

/* The configuration's owner is the one who may say what is run: what he wrote is read with his rights. */
static int load(struct control *control)
{
    struct error error;
    uid_t owner;
    enum outcome outcome = user_of(control->file, &owner) ? user_become(owner, &error) : OK;
    if (outcome == OK)
        outcome = control_load(control, &error);
    if (outcome == OK)
        return 0;
    control_fail(outcome, &error);
    return EX_CONFIG;
}

static int become_user(const struct control *control)
{
    struct error error;
    uid_t owner;
    const char *folder = control->configuration->data_dir;
    if (!user_of(folder, &owner)) {
        if (geteuid() != 0 || errno != ENOENT)
            return 0;
        return control_refuse(
            EX_CONFIG,
            "data_dir %s is not there. It has to belong to the user that the web server runs Jobgate "
            "as: install -d -o USER -m 700 %s",
            folder, folder);
    }
    return user_become(owner, &error) == OK ? 0 : control_fail(IO, &error);
}

static int prepare(struct control *control)
{
    enum command_needs needs = control->command->needs;
    int status = needs >= NEEDS_CONFIGURATION ? load(control) : 0;
    if (status == 0 && control->command->prepare != NULL)
        status = control->command->prepare(control);
    if (status == 0 && needs >= NEEDS_CONFIGURATION)
        status = become_user(control);
    if (status == 0 && needs >= NEEDS_CONFIGURATION)
        control_open_log(control);
    if (status == 0 && needs >= NEEDS_READING)
        status = control_open_store(control, needs == NEEDS_WRITING ? STORE_WRITE : STORE_READ);
    return status;
}

static const char *name_invoker(void)
{
    static char name[JOB_CALLER_SIZE];
    const char *sudo = getenv("SUDO_USER");
    job_text_copy(name, sizeof name, sudo != NULL && sudo[0] != '\0' ? sudo : user_name(getuid()));
    return name;
}

int main(int count, char **words)
{
    struct control control = {.invoker = name_invoker()};
    int status = read_command(&control, count, words);
    if (status >= 0)
        return status;
    status = check_count(&control);
    control.file = configuration_path(control.file);
    umask(077);
    log_open("jobgatectl", NULL, LOG_LEVEL_WARNING, NULL);
    if (status == 0)
        status = prepare(&control);
    if (status == 0)
        status = control.command->run(&control);
    store_close(control.store);
    configuration_release(control.configuration);
    return output_end(status);
}
