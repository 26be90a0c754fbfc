/* doctor.h - what doctor has found
 *
 * Each check says one line, and how to mend what is wrong. The checks stand in the order in which things depend on each
 * other; one that has no ground to stand on is left out. */
#ifndef JOBGATE_CTL_DOCTOR_H
#define JOBGATE_CTL_DOCTOR_H

#include "command.h"
#include "json.h"

enum verdict { VERDICT_GOOD = 1, VERDICT_WARNING, VERDICT_BAD };

struct doctor {
    struct control *control;
    struct json_object *findings; /* with --json */
    unsigned warnings, bad;
    bool programs_are_there;
};

/* `check` is a literal word for what was looked at. `cure` says what to do, NULL when all is well. */
void doctor_tell(struct doctor *doctor, enum verdict verdict, const char *check, const char *cure,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* doctor_place.c: what is on the disk. False: there is no ground for what comes next. */
bool doctor_configuration(struct doctor *doctor);
bool doctor_data_folder(struct doctor *doctor);
void doctor_space(struct doctor *doctor);
void doctor_keys(struct doctor *doctor);
void doctor_log_file(struct doctor *doctor);
void doctor_programs(struct doctor *doctor);
void doctor_functions(struct doctor *doctor);
void doctor_room(struct doctor *doctor);
/* doctor_work.c: does it work? */
bool doctor_store(struct doctor *doctor);
void doctor_worker(struct doctor *doctor);
void doctor_job(struct doctor *doctor);
/* One job of the installation's own. */
void doctor_function(struct doctor *doctor, const char *function, const char *event);
/* doctor_web.c: is it reached? */
void doctor_web(struct doctor *doctor, const char *url);

#endif
