/* doctor_place.c - configuration, folders, files, programs, functions */
#include "config.h"
#include "doctor.h"

#include "access.h"
#include "clock.h"
#include "folder.h"
#include "function.h"
#include "output.h"
#include "room_support.h"
#include "spawn.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION_MS 5000
#define CURE_SIZE  (2 * PATH_MAX + 256)

/* ---- the configuration ---- */

bool doctor_configuration(struct doctor *doctor)
{
    struct control *control = doctor->control;
    struct error error;
    uid_t owner;
    enum outcome outcome = user_of(control->file, &owner) ? user_become(owner, &error) : OK;
    if (outcome == OK)
        outcome = control_load(control, &error);
    if (outcome == OK) {
        doctor_tell(doctor, VERDICT_GOOD, "configuration", NULL, "%s", control->configuration->file);
        return true;
    }
    doctor_tell(doctor, VERDICT_BAD, "configuration",
                access(control->file, F_OK) != 0
                    ? "name the file with --config or JOBGATE_CONFIG, or run make install"
                    : "edit that line; the file has to belong to root or to the user that runs Jobgate, and "
                      "nobody else may "
                      "write it",
                "%s", error.text);
    return false;
}

/* ---- the data folder ---- */

static bool missing_folder(struct doctor *doctor, const char *folder)
{
    char cure[CURE_SIZE];
    snprintf(cure, sizeof cure,
             "install -d -o USER -m 700 %s (USER: whom the web server runs programs as, often www-data)",
             folder);
    doctor_tell(doctor, VERDICT_BAD, "data_dir", cure, "%s: %s", folder, strerror(errno));
    return false;
}

/* A folder above that anybody can write to lets anybody put another one in this one's place. */
static void check_above(struct doctor *doctor, const char *check, const char *path)
{
    char above[PATH_MAX], cure[CURE_SIZE];
    struct stat status;
    snprintf(above, sizeof above, "%s", path);
    for (char *slash; (slash = strrchr(above, '/')) != NULL && slash != above;) {
        *slash = '\0';
        if (stat(above, &status) != 0 || (status.st_mode & S_IWOTH) == 0 || (status.st_mode & S_ISVTX) != 0)
            continue;
        snprintf(cure, sizeof cure, "chmod o-w %s", above);
        doctor_tell(doctor, VERDICT_BAD, check, cure,
                    "%s: anybody can put another folder there, since %s can be written "
                    "by everybody",
                    path, above);
        return;
    }
}

bool doctor_data_folder(struct doctor *doctor)
{
    const char *folder = doctor->control->configuration->data_dir;
    struct error error;
    uid_t owner;
    int descriptor;
    char cure[CURE_SIZE];
    if (!user_of(folder, &owner))
        return missing_folder(doctor, folder);
    enum outcome outcome = user_become(owner, &error);
    control_open_log(doctor->control);
    if (outcome == OK)
        outcome = folder_open(folder, &descriptor, &error);
    if (outcome == OK) {
        close(descriptor);
        doctor_tell(doctor, VERDICT_GOOD, "data_dir", NULL, "%s, of %s, on a disk of this machine", folder,
                    user_name(geteuid()));
        if (geteuid() == 0)
            doctor_tell(doctor, VERDICT_WARNING, "data_dir",
                        "chown -R USER: the user that the web server runs programs as",
                        "it belongs to root: functions would run as root");
        check_above(doctor, "data_dir", folder);
        return true;
    }
    snprintf(cure, sizeof cure,
             "a folder of the user that runs Jobgate, with mode 700, no symlink, on a local disk: chown -R "
             "USER %s; chmod 700 "
             "%s. As another user than its owner: sudo jobgatectl doctor",
             folder, folder);
    doctor_tell(doctor, VERDICT_BAD, "data_dir", cure, "%s", error.text);
    return false;
}

void doctor_space(struct doctor *doctor)
{
    const struct configuration *configuration = doctor->control->configuration;
    struct statvfs disk;
    char cure[CURE_SIZE];
    if (statvfs(configuration->data_dir, &disk) != 0) {
        doctor_tell(doctor, VERDICT_BAD, "disk", "look at the file system", "%s: %s", configuration->data_dir,
                    strerror(errno));
        return;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    snprintf(cure, sizeof cure,
             "make room on the file system of %s (jobgatectl purge --older-than 7d --yes erases old jobs; "
             "their space is "
             "used again), or lower disk_reserve",
             configuration->data_dir);
    if (left < (uint64_t)configuration->disk_reserve)
        doctor_tell(doctor, VERDICT_BAD, "disk", cure,
                    "full: %s are free and disk_reserve is %s, so new jobs are refused with 507",
                    output_size(left), output_size((uint64_t)configuration->disk_reserve));
    else if (disk.f_files > 0 && disk.f_favail < 64)
        doctor_tell(doctor, VERDICT_BAD, "disk", "remove files: inodes are used up",
                    "%" PRIu64 " inodes are left", (uint64_t)disk.f_favail);
    else if (left < 2 * (uint64_t)configuration->disk_reserve)
        doctor_tell(doctor, VERDICT_WARNING, "disk", cure, "%s free; below %s new jobs are refused",
                    output_size(left), output_size((uint64_t)configuration->disk_reserve));
    else
        doctor_tell(doctor, VERDICT_GOOD, "disk", NULL, "%s free", output_size(left));
}

void doctor_keys(struct doctor *doctor)
{
    const struct configuration *configuration = doctor->control->configuration;
    struct access_keys *keys = NULL;
    struct error error;
    char cure[CURE_SIZE], scopes[64];
    if (access_load(configuration->keys_file, &keys, &error) != OK) {
        snprintf(cure, sizeof cure, "chown to the owner of data_dir, chmod 600, or edit the line: %s",
                 configuration->keys_file);
        doctor_tell(doctor, VERDICT_BAD, "keys", cure, "%s", error.text);
        return;
    }
    size_t count = access_count(keys);
    access_free(keys);
    access_scopes_format((unsigned)configuration->anonymous, scopes);
    if (count == 0 && configuration->anonymous == 0)
        doctor_tell(
            doctor, VERDICT_WARNING, "keys", "jobgatectl key add NAME --allow submit,read,list",
            "there are none, and one without a key may do nothing: every request is answered with 401");
    else if ((configuration->anonymous & (SCOPE_SUBMIT | SCOPE_CANCEL | SCOPE_ADMIN)) != 0)
        doctor_tell(
            doctor, VERDICT_WARNING, "keys",
            "fine where only this machine or a trusted network gets in; else remove anonymous and make keys",
            "%zu keys; anybody without one may: %s", count, scopes);
    else
        doctor_tell(doctor, VERDICT_GOOD, "keys", NULL, "%zu keys; without one: %s", count, scopes);
}

void doctor_log_file(struct doctor *doctor)
{
    const char *file = doctor->control->configuration->log_file;
    char cure[CURE_SIZE];
    if (file[0] == '\0') {
        doctor_tell(doctor, VERDICT_WARNING, "log_file", "set log_file in the configuration",
                    "none: workers log nothing, so nothing tells why one ended");
        return;
    }
    int descriptor = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (descriptor >= 0) {
        close(descriptor);
        doctor_tell(doctor, VERDICT_GOOD, "log_file", NULL, "%s", file);
        return;
    }
    const char *trouble = strerror(errno);
    snprintf(cure, sizeof cure, "chown %s %s, and let that user into its folder", user_name(geteuid()), file);
    doctor_tell(doctor, VERDICT_BAD, "log_file", cure, "%s: %s", file, trouble);
}

/* ---- programs ---- */

/* Reads what the program prints until it closes, or the time is over. */
static void read_words(int descriptor, char *words, size_t size)
{
    size_t length = 0;
    int64_t deadline = clock_deadline(VERSION_MS);
    struct pollfd look = {.fd = descriptor, .events = POLLIN};
    while (length + 1 < size && poll(&look, 1, (int)clock_left(deadline)) > 0) {
        ssize_t got = read(descriptor, words + length, size - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    words[length] = '\0';
    words[strcspn(words, "\n")] = '\0';
}

/* One that does not end is killed. */
static void await(pid_t pid, int *status)
{
    int64_t deadline = clock_deadline(VERSION_MS);
    pid_t ended;
    while ((ended = waitpid(pid, status, WNOHANG)) == 0 && clock_left(deadline) > 0)
        clock_sleep_us(2000);
    if (ended == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, status, 0);
    }
}

/* Starts `path --version`; *status as of waitpid. */
static enum outcome ask_version(const char *path, char *words, size_t size, int *status, struct error *error)
{
    char *arguments[] = {(char *)path, "--version", NULL};
    char *environment[] = {"PATH=/usr/bin:/bin", NULL};
    int pipes[2], reason;
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return error_set_errno(error, IO, errno, "pipe");
    struct spawn_plan plan = {.program = path,
                              .arguments = arguments,
                              .environment = environment,
                              .folder = "/",
                              .descriptors = {-1, pipes[1], pipes[1]},
                              .descriptor_count = 3};
    enum outcome outcome = spawn_start(&plan, &pid, &reason, error);
    close(pipes[1]);
    if (outcome == OK) {
        read_words(pipes[0], words, size);
        await(pid, status);
    }
    close(pipes[0]);
    return outcome;
}

static bool check_program(struct doctor *doctor, const char *path, bool needed)
{
    const char *name = strrchr(path, '/') + 1;
    char words[256] = "", cure[CURE_SIZE], expected[128];
    struct error error;
    int status = 0;
    snprintf(cure, sizeof cure,
             "make install, or point worker_program at the folder where jobgate-supervisor, jobgate-worker "
             "and jobgate-deliver are; %s has to be able to run it",
             user_name(geteuid()));
    if (access(path, X_OK) != 0) {
        if (needed)
            doctor_tell(doctor, VERDICT_BAD, "program", cure, "%s: %s", path,
                        errno == ENOENT ? "is missing" : strerror(errno));
        return !needed;
    }
    if (ask_version(path, words, sizeof words, &status, &error) != OK) {
        doctor_tell(doctor, VERDICT_BAD, "program", cure, "%s", error.text);
        return false;
    }
    snprintf(expected, sizeof expected, "%s " PACKAGE_VERSION, name);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        doctor_tell(doctor, VERDICT_BAD, "program", "install it anew; ldd shows whether a library is missing",
                    "%s --version fails: %s", path, words);
        return false;
    }
    if (strcmp(words, expected) != 0)
        doctor_tell(doctor, VERDICT_WARNING, "program", "install all programs of one version together",
                    "%s is \"%s\", and this is jobgatectl " PACKAGE_VERSION, path, words);
    return true;
}

void doctor_programs(struct doctor *doctor)
{
    static const char *const beside[] = {"jobgate-worker", "jobgate-deliver"};
    static const char *const web[] = {"jobgate-submit", "jobgate-status"};
    const char *supervisor = doctor->control->configuration->worker_program;
    int folder = (int)(strrchr(supervisor, '/') - supervisor);
    char path[PATH_MAX];
    bool good = check_program(doctor, supervisor, true);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        snprintf(path, sizeof path, "%.*s/%s", folder, supervisor, beside[i]);
        good = check_program(doctor, path, true) && good;
    }
    for (size_t i = 0; i < sizeof web / sizeof web[0];
         i++) { /* they may be elsewhere: the web server knows */
        snprintf(path, sizeof path, "%.*s/%s", folder, supervisor, web[i]);
        good = check_program(doctor, path, false) && good;
    }
    doctor->programs_are_there = good;
    if (good)
        doctor_tell(doctor, VERDICT_GOOD, "programs", NULL, "in %.*s", folder, supervisor);
}

/* ---- functions ---- */

static void tell_refused(struct doctor *doctor, char *refused)
{
    char *rest = refused;
    for (char *words; (words = strsep(&rest, "\n")) != NULL;)
        if (words[0] != '\0')
            doctor_tell(doctor, VERDICT_BAD, "function",
                        "as the line says: files and folders of functions belong to root or to the owner of "
                        "functions_dir, "
                        "nobody else may write them (chmod go-w), and none is a symlink",
                        "refused: %s", words);
}

void doctor_functions(struct doctor *doctor)
{
    const struct configuration *configuration = doctor->control->configuration;
    struct function *functions = NULL, found;
    struct buffer refused = {0};
    struct error error;
    char cure[CURE_SIZE];
    size_t count = 0;
    if (function_examine(configuration, &functions, &count, &refused, &error) != OK) {
        snprintf(
            cure, sizeof cure,
            "a folder that %s can read and nobody but its owner can write: chmod go-w %s (and chmod o+rx)",
            user_name(geteuid()), configuration->functions_dir);
        doctor_tell(doctor, VERDICT_BAD, "functions", cure, "%s", error.text);
        return;
    }
    if (refused.length > 0)
        tell_refused(doctor, refused.data);
    check_above(doctor, "functions", configuration->functions_dir);
    if (count == 0)
        doctor_tell(doctor, VERDICT_WARNING, "functions",
                    "put an executable file there (jobgate-function(7))", "%s has none",
                    configuration->functions_dir);
    else
        doctor_tell(doctor, VERDICT_GOOD, "functions", NULL, "%zu in %s", count,
                    configuration->functions_dir);
    if (count > 0 && function_find(configuration, configuration->default_function, &found, &error) != OK)
        doctor_tell(doctor, VERDICT_WARNING, "functions",
                    "install it, or set default_function to one that is there",
                    "a POST that names no function is answered with 404: there is no %s",
                    configuration->default_function);
    free(functions);
    buffer_free(&refused);
}

/* ---- their room ---- */

void doctor_room(struct doctor *doctor)
{
    struct room_support support = room_support();
    char text[64];
    room_support_format(support, text);
    if (support.landlock == 0)
        doctor_tell(doctor, VERDICT_WARNING, "room",
                    "a kernel from 5.13 on with Landlock switched on (lsm=landlock,...)",
                    "%s: functions can read and write what the user %s can", text, user_name(geteuid()));
    else if (!support.seccomp)
        doctor_tell(doctor, VERDICT_WARNING, "room", "a kernel with seccomp filters",
                    "%s: functions with network = no are not started", text);
    else
        doctor_tell(doctor, VERDICT_GOOD, "room", NULL, "%s: functions are kept in theirs", text);
}
