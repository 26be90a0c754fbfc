#include "config.h"
#include "program.h"

#include "configuration.h"
#include "transport.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

extern char **environ;

/* The command line of a person, or of a web server that starts a FastCGI program. Returns an exit status, or -1 to go on and
 * serve. */
static int read_arguments(struct command_line *line, int argc, char *argv[])
{
    static const struct option options[] = {COMMAND_LINE_OPTIONS, {0}};
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, COMMAND_LINE_SHORT, options, NULL)) != -1)
        status = command_line_option(line, option);
    if (status < 0 && line->file == NULL && optind < argc)
        line->file = argv[optind++];
    return status >= 0 ? status : command_line_end(line, argc, argv, optind);
}

static bool is_cgi_request(void)
{
    return getenv("REQUEST_METHOD") != NULL;
}

/* True in the shebang form: what was started is a script, and this program only its interpreter. */
static bool is_interpreter(void)
{
    const char *started = (const char *)getauxval(AT_EXECFN);
    struct stat script, program;
    return started != NULL && stat(started, &script) == 0 && stat("/proc/self/exe", &program) == 0 &&
           (script.st_dev != program.st_dev || script.st_ino != program.st_ino);
}

static void explain_start_by_hand(const struct program *program)
{
    fprintf(
        stderr,
        "jobgate-%s is started by a web server: as FastCGI with a listening socket on its standard input,\n"
        "or as CGI with the variables of a request. There is neither here. See jobgate-%s --help.\n",
        program->name, program->name);
}

int program_main(const struct program *program, int argc, char *argv[])
{
    char name[32];
    struct command_line line = {.program = name, .usage = program->usage};
    bool cgi_request = is_cgi_request();
    snprintf(name, sizeof name, "jobgate-%s", program->name);
    if (is_interpreter() && argc > 1) {
        line.file = argv[1];
    } else if (!cgi_request) {
        int status = read_arguments(&line, argc, argv);
        if (status >= 0)
            return status;
    }
    bool fastcgi = transport_is_fastcgi();
    if (!fastcgi && !cgi_request) {
        explain_start_by_hand(program);
        return EX_USAGE;
    }
    /* Many short-lived small blocks on a few threads: an arena for each thread would be memory for nothing.
     */
    mallopt(M_ARENA_MAX, 2);
    struct service *service = service_start(program->name, configuration_path(line.file), program->access);
    if (service == NULL)
        return EX_OSERR;
    struct application application = {&program->router, service, program->accepting, program->housekeeping};
    int status = fastcgi ? transport_fastcgi(&application, service_threads(service))
                         : transport_cgi(&application, environ);
    service_stop(service);
    return status;
}
