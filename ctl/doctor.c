/* doctor.c - the command doctor: the checks in their order, and how they are told */
#include "config.h"
#include "doctor.h"

#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static const char *url, *function_name, *event = "{}";

static void print_finding(enum verdict verdict, const char *check, const char *words, const char *cure)
{
    static const struct {
        const char *word;
        enum output_colour colour;
    } shown[] = {[VERDICT_GOOD] = {"ok  ", COLOUR_GREEN},
                 [VERDICT_WARNING] = {"note", COLOUR_YELLOW},
                 [VERDICT_BAD] = {"BAD ", COLOUR_RED}};
    printf("%s%s%s  %-13s  ", output_colour(shown[verdict].colour), shown[verdict].word,
           output_colour(COLOUR_NONE), check);
    output_text(stdout, words, 0);
    fputs("\n", stdout);
    if (cure == NULL)
        return;
    printf("%21smend: ", "");
    output_text(stdout, cure, 0);
    fputs("\n", stdout);
}

void doctor_tell(struct doctor *doctor, enum verdict verdict, const char *check, const char *cure,
                 const char *format, ...)
{
    static const char *const names[] = {
        [VERDICT_GOOD] = "good", [VERDICT_WARNING] = "warning", [VERDICT_BAD] = "bad"};
    char words[2 * ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    doctor->warnings += verdict == VERDICT_WARNING;
    doctor->bad += verdict == VERDICT_BAD;
    if (doctor->findings == NULL) {
        print_finding(verdict, check, words, cure);
        fflush(stdout); /* some checks take a moment */
        return;
    }
    struct json_object *finding = json_object_new_object();
    json_add_text(finding, "check", check);
    json_add_text(finding, "verdict", names[verdict]);
    json_add_text(finding, "found", words);
    json_add_text(finding, "cure", cure);
    json_object_array_add(doctor->findings, finding);
}

static void examine(struct doctor *doctor)
{
    if (!doctor_configuration(doctor))
        return;
    bool has_folder = doctor_data_folder(doctor);
    if (has_folder) {
        doctor_space(doctor);
        doctor_keys(doctor);
    }
    if (has_folder || geteuid() != 0) /* root would begin one that is root's */
        doctor_log_file(doctor);
    doctor_programs(doctor);
    doctor_functions(doctor);
    doctor_room(doctor);
    bool has_store = has_folder && doctor_store(doctor);
    if (has_store && doctor->programs_are_there)
        doctor_worker(doctor);
    if (doctor->programs_are_there)
        doctor_job(doctor);
    if (has_store && function_name != NULL)
        doctor_function(doctor, function_name, event);
    if (url != NULL)
        doctor_web(doctor, url);
}

static int tell_sum(struct doctor *doctor)
{
    int status = doctor->bad > 0 ? EX_CONFIG : 0;
    if (doctor->findings != NULL) {
        struct json_object *document = json_object_new_object();
        json_add_boolean(document, "good", doctor->bad == 0);
        json_add(document, "findings", doctor->findings);
        int written = output_json(document);
        return written != 0 ? written : status;
    }
    if (doctor->bad > 0)
        printf("\n%u to be mended\n", doctor->bad);
    else
        printf("\nall is well%s\n", doctor->warnings > 0 ? ", but for the notes" : "");
    return status;
}

static int run_doctor(struct control *control)
{
    struct doctor doctor = {.control = control};
    if (control->json)
        doctor.findings = json_object_new_array();
    examine(&doctor);
    return tell_sum(&doctor);
}

static const struct command_option options[] = {
    {"url", OPTION_TEXT, "URL", "where it is served: the web server as well", &url},
    {"function", OPTION_TEXT, "NAME", "run a job of this function as well", &function_name},
    {"event", OPTION_TEXT, "EVENT", "its event: JSON, @FILE or - ({})", &event},
    {0}};

const struct command doctor_command = {
    .name = "doctor",
    .arguments = "",
    .summary = "checks the installation from end to end, and says how to mend it",
    .help = "Looks at the configuration, the data folder, the disk, the programs and the functions,\n"
            "opens the store, starts a worker, and runs a job in an installation of its own, made\n"
            "for this and removed afterwards. With --url the web server is tried as well: that\n"
            "requests reach the right program, that keys get through, that large events do.\n"
            "Nothing of yours is changed; --url makes a key named doctor and removes it again.\n"
            "Exit status: 0, or 78 when something is to be mended.",
    .needs = NEEDS_NOTHING,
    .options = options,
    .run = run_doctor,
};
