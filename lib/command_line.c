#include "config.h"
#include "command_line.h"

#include "buffer.h"
#include "configuration.h"

#include <sysexits.h>

const char command_line_help[] =
    "  -c, --config FILE  the configuration; else $JOBGATE_CONFIG, else " JOBGATE_SYSCONFDIR
    "/jobgate/jobgate.conf\n"
    "  -t, --test         check the configuration and print what is in force\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n";

void command_line_usage(const struct command_line *line, FILE *stream)
{
    fputs(line->usage, stream);
    fputs(command_line_help, stream);
}

/* What was printed has arrived, or the exit status says that it has not. */
static int end_output(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? EX_OK : EX_IOERR;
}

int command_line_option(struct command_line *line, int option)
{
    switch (option) {
    case 'c':
        line->file = optarg;
        return -1;
    case 't':
        line->test = true;
        return -1;
    case 'h':
        command_line_usage(line, stdout);
        return end_output();
    case 'V':
        printf("%s %s\n", line->program, PACKAGE_VERSION);
        return end_output();
    default:
        fprintf(stderr, "%s: see %s --help\n", line->program, line->program);
        return EX_USAGE;
    }
}

int command_line_end(const struct command_line *line, int count, char **arguments, int first)
{
    if (first < count) {
        fprintf(stderr, "%s: what is \"%s\"? The configuration is given by --config FILE; see %s --help\n",
                line->program, arguments[first], line->program);
        return EX_USAGE;
    }
    return line->test ? command_line_test(line->program, configuration_path(line->file)) : -1;
}

int command_line_test(const char *program, const char *file)
{
    struct configuration *configuration;
    struct buffer text = {0};
    struct error error;
    if (configuration_load(file, &configuration, &error) != OK) {
        fprintf(stderr, "%s: %s\n", program, error.text);
        return EX_CONFIG;
    }
    configuration_dump(configuration, &text);
    configuration_release(configuration);
    bool written = !text.failed && fwrite(text.data, 1, text.length, stdout) == text.length;
    buffer_free(&text);
    return written ? end_output() : EX_IOERR;
}
