/* commands.c - prints the COMMANDS of jobgatectl(1), from the tables that the program reads its command line by
 *
 *     commands <jobgatectl.1.in >jobgatectl.1        the line @COMMANDS@ is replaced */
#include "config.h"

#include "../ctl/command.h"
#include "mdoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_option(const struct command_option *option)
{
    printf(".It Fl Fl %s", option->name);
    if (option->value != NULL)
        printf(" Ar %s", option->value);
    putchar('\n');
    mdoc_text(option->help);
}

static void put_command(const struct command *command)
{
    printf(".Ss %s\n.Bd -literal\njobgatectl %s%s%s%s\n.Ed\n.Pp\n", command->name, command->name,
           command->options != NULL ? " [options]" : "", command->arguments[0] != '\0' ? " " : "",
           command->arguments);
    mdoc_text(command->help);
    if (command->options == NULL)
        return;
    fputs(".Bl -tag -width Ds -compact\n", stdout);
    for (const struct command_option *option = command->options; option->name != NULL; option++)
        put_option(option);
    fputs(".El\n", stdout);
}

int main(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "@COMMANDS@\n") != 0) {
            fputs(line, stdout);
            continue;
        }
        for (size_t i = 0; commands[i] != NULL; i++)
            put_command(commands[i]);
    }
    if (ferror(stdin) || fflush(stdout) != 0) {
        perror("commands");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
