/* configuration.c - prints jobgate.conf(5), from the table of keys that the programs read by. Run by `make`. */
#include "config.h"

#include "configuration.h"
#include "mdoc.h"
#include "setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] = ".\\\" Made by man/configuration.c from the table of keys: do not edit.\n"
                           ".Dd $Mdocdate$\n"
                           ".Dt JOBGATE.CONF 5\n"
                           ".Os\n"
                           ".Sh NAME\n"
                           ".Nm jobgate.conf\n"
                           ".Nd configuration of Jobgate\n"
                           ".Sh DESCRIPTION\n"
                           "All programs of Jobgate read this one file.\n"
                           "They find it by the option\n"
                           ".Fl Fl config ,\n"
                           "else by the environment variable\n"
                           ".Ev JOBGATE_CONFIG ,\n"
                           "else at the place that was compiled in.\n"
                           ".Pp\n"
                           "It has lines of the form\n"
                           ".Ql key = value ,\n"
                           "sections that begin with\n"
                           ".Ql [function NAME] ,\n"
                           "and comments behind\n"
                           ".Ql #\n"
                           "or\n"
                           ".Ql \\&; .\n"
                           "A value may stand in double quotes, with\n"
                           ".Ql \\e\\(dq\n"
                           "and\n"
                           ".Ql \\e\\e\n"
                           "inside.\n"
                           "Durations are written in seconds, or with a unit: 250ms, 90s, 15m, 6h, 7d.\n"
                           "Sizes are written in bytes, or with KiB, MiB or GiB.\n"
                           "An unknown key, a value out of its range, or a key that stands twice is an\n"
                           "error, told with file and line.\n"
                           ".Pp\n"
                           "An edit is in force a second later, without a restart; a file that has become\n"
                           "wrong is logged, and what held before stays in force.\n"
                           "The file decides which programs run: it has to belong to root or to the user\n"
                           "of the programs, and nobody else may be able to write it.\n"
                           ".Ql jobgatectl --test\n"
                           "checks it and prints what is in force.\n";

static const char tail[] = ".Sh ENVIRONMENT OF FUNCTIONS\n"
                           "A line\n"
                           ".Ql env.NAME = value\n"
                           "sets a variable that functions find in their environment: all of them above\n"
                           "the sections, that one in a section.\n"
                           ".Sh EXAMPLES\n"
                           ".Bd -literal -offset indent\n"
                           "max_workers = 4\n"
                           "timeout = 15m                 # up here: for every function\n"
                           "\n"
                           "[function thumbnail]\n"
                           "timeout = 1m\n"
                           "memory = 1GiB\n"
                           "concurrency = 2               # 0: paused, its jobs wait\n"
                           "env.QUALITY = 80\n"
                           ".Ed\n"
                           ".Sh SEE ALSO\n"
                           ".Xr jobgatectl 1 ,\n"
                           ".Xr jobgate 7 ,\n"
                           ".Xr jobgate-function 7 ,\n"
                           ".Xr jobgate-worker 8\n";

static const char *argument_of(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_DURATION:
        return "duration";
    case SETTING_SIZE:
        return "size";
    case SETTING_NUMBER:
        return "number";
    case SETTING_LIMIT:
        return "number | unlimited";
    case SETTING_LEVEL:
        return "level";
    case SETTING_SCOPES:
        return "scopes";
    case SETTING_SWITCH:
        return "yes | no";
    case SETTING_ACCEPTED:
        return "202 | 200";
    case SETTING_PATH:
    case SETTING_OPTIONAL_PATH:
        return "path";
    case SETTING_PATHS:
    case SETTING_SEARCH_PATH:
        return "paths";
    case SETTING_FUNCTION:
        return "function";
    case SETTING_USER:
        return "user";
    case SETTING_NETWORKS:
        return "networks";
    case SETTING_TARGET:
        return "url | function";
    case SETTING_ORIGINS:
        return "origins";
    case SETTING_BASE:
        return "url | path";
    }
    return "value";
}

static bool has_range(const struct configuration_key *key)
{
    return (key->kind == SETTING_DURATION || key->kind == SETTING_SIZE || key->kind == SETTING_NUMBER) &&
           key->most > 0;
}

static void put_default(const struct configuration_key *key)
{
    struct buffer least = {0}, most = {0};
    if (key->fallback == NULL)
        fputs("Default: that of\n.Ic retention .\n", stdout);
    else if (key->fallback[0] == '\0')
        fputs("Default: none.\n", stdout);
    else
        printf("Default:\n.Ql %s .\n", key->fallback);
    if (has_range(key)) {
        setting_print_number(key->kind, key->least, &least);
        setting_print_number(key->kind, key->most, &most);
        printf("From %s to %s.\n", least.failed ? "" : least.data, most.failed ? "" : most.data);
    }
    buffer_free(&least);
    buffer_free(&most);
}

/* "HTTP." and "Workers." are titles alone; what follows the first sentence is text. */
static void put_heading(const char *help)
{
    size_t length = strcspn(help, ".:");
    fputs(".Ss ", stdout);
    for (size_t i = 0; i < length && help[i] != '('; i++)
        if (help[i + 1] != '(' || help[i] != ' ')
            putchar(help[i]);
    putchar('\n');
    const char *open = memchr(help, '(', length);
    if (open != NULL)
        mdoc_text(help);
    else if (help[length] != '\0')
        mdoc_text(help + length + 1);
}

static void put_key(const struct configuration_key *key)
{
    printf(".It Ic %s No = Ar %s\n", key->name, argument_of(key->kind));
    mdoc_text(key->help[0] != '\0' ? key->help : "Likewise.");
    put_default(key);
}

int main(void)
{
    struct configuration_key key;
    bool in_list = false;
    fputs(head, stdout);
    fputs(".Sh KEYS\n", stdout);
    for (size_t i = 0; configuration_describe(i, &key); i++) {
        if (key.name == NULL && in_list)
            fputs(".El\n", stdout);
        if (key.name == NULL) {
            put_heading(key.help);
            in_list = false;
            continue;
        }
        if (!in_list)
            fputs(".Bl -tag -width Ds\n", stdout);
        in_list = true;
        put_key(&key);
    }
    if (in_list)
        fputs(".El\n", stdout);
    fputs(tail, stdout);
    if (fflush(stdout) != 0) {
        perror("configuration");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
