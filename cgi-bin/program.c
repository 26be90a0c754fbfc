#include "config.h"
#include "program.h"

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

static void print_help(const struct program *program)
{
    printf(
        "Usage: jobgate-%s [CONFIGURATION]\n"
        "       jobgate-%s -t [CONFIGURATION] | --help | --version\n\n"
        "%s\n\n"
        "It is started by a web server, as a FastCGI program (the listening socket is its standard input)\n"
        "or as a CGI program. CONFIGURATION is the file to use; without it, the file that JOBGATE_CONFIG "
        "names,\n"
        "else the one in %s.\n\n"
        "  -t          check the configuration and print it\n"
        "  --help      this text\n"
        "  --version   the version\n",
        program->name, program->name, program->purpose, JOBGATE_SYSCONFDIR);
}

static int check_configuration(const char *file)
{
    struct configuration *configuration = NULL;
    struct error error = {0};
    struct buffer text = {0};
    if (configuration_load(file, &configuration, &error) != OK) {
        fprintf(stderr, "%s\n", error.text);
        return EX_CONFIG;
    }
    configuration_dump(configuration, &text);
    fwrite(text.data, 1, text.length, stdout);
    buffer_free(&text);
    configuration_release(configuration);
    return 0;
}

/* The command line of a person. Returns an exit status, or -1 to go on and serve. */
static int run_options(const struct program *program, int argc, char *argv[])
{
    if (argc < 2)
        return -1;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(program);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("jobgate-%s %s\n", program->name, PACKAGE_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "-t") == 0)
        return check_configuration(configuration_path(argv[2]));
    if (argv[1][0] == '-') {
        fprintf(stderr, "jobgate-%s: unknown option %s; try --help\n", program->name, argv[1]);
        return EX_USAGE;
    }
    return -1;
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
    bool cgi_request = is_cgi_request();
    if (!cgi_request) {
        int status = run_options(program, argc, argv);
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
    const char *argument = argc > 1 ? argv[1] : NULL;
    const char *file = configuration_path(fastcgi || is_interpreter() ? argument : NULL);
    struct service *service = service_start(program->name, file, program->access);
    if (service == NULL)
        return EX_OSERR;
    struct application application = {&program->router, service, program->accepting, program->housekeeping};
    int status = fastcgi ? transport_fastcgi(&application, service_threads(service))
                         : transport_cgi(&application, environ);
    service_stop(service);
    return status;
}
