#include "config.h"
#include "room.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers that are built with: the numbers are the kernel's, for good. */
#define FS_TRUNCATE            (UINT64_C(1) << 14) /* Landlock 3 */
#define FS_IOCTL_DEV           (UINT64_C(1) << 15) /* Landlock 5 */
#define SCOPE_ABSTRACT_SOCKETS (UINT64_C(1) << 0)  /* Landlock 6 */
#define SCOPE_SIGNALS          (UINT64_C(1) << 1)  /* Landlock 6 */

struct ruleset_attributes { /* struct landlock_ruleset_attr of version 6 */
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

#define READ (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                                                \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |        \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |              \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |           \
     LANDLOCK_ACCESS_FS_MAKE_SYM)
#define OF_FILES                                                                                             \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |             \
     FS_TRUNCATE | FS_IOCTL_DEV)

/* What every program may need of the system. Not /home, /root, /srv, /var, /run, /tmp: what of those a function needs, its
 * configuration names. */
static const char *const system_folders[] = {"/usr",
                                             "/bin",
                                             "/sbin",
                                             "/lib",
                                             "/lib32",
                                             "/lib64",
                                             "/libx32",
                                             "/etc",
                                             "/opt",
                                             "/proc",
                                             "/sys",
                                             "/dev",
                                             "/var/cache/fontconfig"};
static const char *const devices[] = {"/dev/null", "/dev/zero",    "/dev/full", "/dev/random",
                                      "/dev/tty",  "/dev/urandom", "/dev/ptmx", "/dev/pts"};

/* ---- Landlock ---- */

static uint64_t handled(int version)
{
    return READ | WRITE | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
           (version >= 5 ? FS_IOCTL_DEV : 0);
}

static int make_ruleset(int version)
{
    struct ruleset_attributes attributes = {.handled_access_fs = handled(version)};
    size_t size = offsetof(struct ruleset_attributes, handled_access_net);
    if (version >= 6) {
        attributes.scoped = SCOPE_SIGNALS | SCOPE_ABSTRACT_SOCKETS;
        size = sizeof attributes;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
}

/* 0 or errno. */
static int allow(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    struct stat status;
    if (rule.parent_fd < 0)
        return errno;
    bool is_folder = fstat(rule.parent_fd, &status) == 0 && S_ISDIR(status.st_mode);
    rule.allowed_access = access & (is_folder ? ~UINT64_C(0) : OF_FILES);
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int reason = result == 0 ? 0 : errno;
    close(rule.parent_fd);
    return reason;
}

static enum outcome allow_system(int ruleset, uint64_t all, struct error *error)
{
    int reason = 0;
    for (size_t i = 0; i < sizeof system_folders / sizeof *system_folders && reason == 0; i++) {
        reason = allow(ruleset, system_folders[i], READ);
        reason = reason == ENOENT ? 0 : reason;
    }
    for (size_t i = 0; i < sizeof devices / sizeof *devices && reason == 0; i++) {
        reason = allow(ruleset, devices[i],
                       (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV) & all);
        reason = reason == ENOENT || reason == ENXIO || reason == EACCES ? 0 : reason;
    }
    return reason == 0 ? OK : error_set_errno(error, outcome_of_errno(reason, IO), reason, "landlock");
}

/* Absolute paths with ':' between them. */
static enum outcome allow_listed(int ruleset, const char *list, uint64_t access, const char *key,
                                 struct error *error)
{
    char path[PATH_MAX];
    for (const char *at = list; at != NULL && *at != '\0'; at += strspn(at, ":")) {
        size_t length = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s", (int)length, at);
        int reason = allow(ruleset, path, access);
        if (reason != 0)
            return error_set_errno(error, outcome_of_errno(reason, INVALID), reason, "%s = %s", key, path);
        at += length;
    }
    return OK;
}

static enum outcome allow_own(int ruleset, const struct configuration *configuration,
                              const struct function *function, const char *scratch, uint64_t all,
                              struct error *error)
{
    char path[PATH_MAX];
    const char *file = function->kind == FUNCTION_BOOTSTRAP ? function->name : function->file;
    if (snprintf(path, sizeof path, "%s/%s", configuration->functions_dir, file) >= (int)sizeof path)
        return error_set(error, INVALID, "functions_dir %s: too long", configuration->functions_dir);
    int reason = allow(ruleset, path, READ);
    if (reason == 0)
        reason = allow(ruleset, scratch, all);
    return reason == 0 ? OK
                       : error_set_errno(error, outcome_of_errno(reason, IO), reason, "landlock: %s", path);
}

static enum outcome fill_ruleset(int ruleset, const struct configuration *configuration,
                                 const struct function_settings *settings, const struct function *function,
                                 const char *scratch, uint64_t all, struct error *error)
{
    enum outcome outcome = allow_system(ruleset, all, error);
    if (outcome == OK)
        outcome = allow_own(ruleset, configuration, function, scratch, all, error);
    if (outcome == OK)
        outcome = allow_listed(ruleset, settings->read, READ, "read", error);
    if (outcome == OK)
        outcome = allow_listed(ruleset, settings->write, all, "write", error);
    return outcome;
}

/* ---- rulesets are kept: making one is a hundred system calls, and the next job is mostly of the same function ---- */

#define KEPT_MAX 8
#define KEPT_MS  10000 /* how long a system folder that was put in another's place goes unnoticed */

static struct {
    struct buffer
        paths; /* what it allows beside the system, each path with its NUL: functions_dir, file, scratch, read, write */
    uint64_t objects;
    int64_t made_ms;
    int ruleset;
} kept[KEPT_MAX];
static unsigned kept_next;

/* A rule belongs to a file, not to its name: whatever was put in the place of one of these paths makes another number.
 * (FNV-1a, 64 bits.) */
static void mix_object(uint64_t *objects, const char *path)
{
    struct stat status;
    uint64_t parts[2] = {0, 0};
    if (stat(path, &status) == 0) {
        parts[0] = (uint64_t)status.st_dev;
        parts[1] = (uint64_t)status.st_ino;
    }
    for (size_t i = 0; i < 2; i++)
        *objects = (*objects ^ parts[i]) * UINT64_C(0x100000001b3);
}

static void mix_listed(uint64_t *objects, const char *list)
{
    char path[PATH_MAX];
    for (const char *at = list; at != NULL && *at != '\0'; at += strspn(at, ":")) {
        size_t length = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s", (int)length, at);
        mix_object(objects, path);
        at += length;
    }
}

static uint64_t objects_of(const struct configuration *configuration,
                           const struct function_settings *settings, const struct function *function,
                           const char *scratch)
{
    uint64_t objects = UINT64_C(0xcbf29ce484222325);
    char path[PATH_MAX];
    const char *file = function->kind == FUNCTION_BOOTSTRAP ? function->name : function->file;
    snprintf(path, sizeof path, "%s/%s", configuration->functions_dir, file);
    mix_object(&objects, path);
    mix_object(&objects, scratch);
    mix_listed(&objects, settings->read);
    mix_listed(&objects, settings->write);
    return objects;
}

static void append_path(struct buffer *paths, const char *text)
{
    buffer_append(paths, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static int find_kept(const struct buffer *paths, uint64_t objects)
{
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (kept[i].ruleset != 0 && kept[i].objects == objects && kept[i].paths.length == paths->length &&
            memcmp(kept[i].paths.data, paths->data, paths->length) == 0)
            return clock_monotonic_ms() - kept[i].made_ms < KEPT_MS ? kept[i].ruleset : 0;
    return 0;
}

/* Takes over the ruleset, and the bytes of `paths`. */
static void keep(struct buffer *paths, uint64_t objects, int ruleset)
{
    size_t place = kept_next++ % KEPT_MAX;
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (kept[i].paths.length == paths->length &&
            memcmp(kept[i].paths.data, paths->data, paths->length) == 0)
            place = i;
    if (kept[place].ruleset != 0)
        close(kept[place].ruleset);
    buffer_free(&kept[place].paths);
    kept[place].paths = *paths;
    kept[place].objects = objects;
    kept[place].made_ms = clock_monotonic_ms();
    kept[place].ruleset = ruleset;
    *paths = (struct buffer){0};
}

static enum outcome plan_landlock(const struct configuration *configuration,
                                  const struct function_settings *settings, const struct function *function,
                                  const char *scratch, struct spawn_plan *plan, struct error *error)
{
    int version = room_support().landlock;
    if (version == 0)
        return OK; /* said by room_support, in /readyz and by jobgatectl doctor */
    struct buffer paths = {0};
    append_path(&paths, configuration->functions_dir);
    append_path(&paths, function->kind == FUNCTION_BOOTSTRAP ? function->name : function->file);
    append_path(&paths, scratch);
    append_path(&paths, settings->read);
    append_path(&paths, settings->write);
    if (paths.failed) {
        buffer_free(&paths);
        return error_set(error, NOMEM, "landlock: no memory");
    }
    /* Looked at before the rules are made: what changes in between is noticed next time. */
    uint64_t objects = objects_of(configuration, settings, function, scratch);
    enum outcome outcome = OK;
    int ruleset = find_kept(&paths, objects);
    if (ruleset == 0) {
        ruleset = make_ruleset(version);
        if (ruleset < 0)
            outcome = error_set_errno(error, UNAVAILABLE, errno, "landlock");
        else
            outcome =
                fill_ruleset(ruleset, configuration, settings, function, scratch, handled(version), error);
        if (outcome == OK)
            keep(&paths, objects, ruleset);
        else if (ruleset >= 0)
            close(ruleset);
    }
    if (outcome == OK)
        plan->ruleset = ruleset;
    buffer_free(&paths);
    return outcome;
}

/* ---- seccomp: no sockets but local ones ---- */

#if defined __x86_64__
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define LOAD(field)             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define EQUAL(value, hit, miss) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), hit, miss)
#define RETURN(value)           BPF_STMT(BPF_RET | BPF_K, value)

#ifdef OWN_ARCHITECTURE
#define OTHER_NUMBERS 0x40000000 /* x32: the same architecture by name, with numbers of its own */
/* System calls of another architecture (32 bits) have other numbers: none of them. io_uring can make sockets without
 * socket(2), so it goes as well. */
static struct sock_filter local_sockets_only[] = {
    LOAD(arch),
    EQUAL(OWN_ARCHITECTURE, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_NUMBERS, 5, 0),
    EQUAL(SYS_io_uring_setup, 4, 0),
    EQUAL(SYS_socket, 0, 2),
    LOAD(args[0]),
    EQUAL(AF_UNIX, 0, 1),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_ERRNO | EACCES),
};
#endif

static enum outcome plan_network(const struct function_settings *settings, struct spawn_plan *plan,
                                 struct error *error)
{
    if (settings->network)
        return OK;
#ifdef OWN_ARCHITECTURE
    static const struct sock_fprog program = {
        .len = sizeof local_sockets_only / sizeof *local_sockets_only,
        .filter = local_sockets_only,
    };
    if (room_support().seccomp) {
        plan->filter = &program;
        return OK;
    }
#endif
    return error_set(error, INVALID,
                     "network = no: this kernel has no seccomp to take the network away with");
}

enum outcome room_plan(const struct configuration *configuration, const struct function_settings *settings,
                       const struct function *function, const char *scratch, struct spawn_plan *plan,
                       struct error *error)
{
    plan->ruleset = 0;
    plan->no_new_privs = true;
    enum outcome outcome = plan_network(settings, plan, error);
    if (outcome == OK && settings->confined)
        outcome = plan_landlock(configuration, settings, function, scratch, plan, error);
    return outcome;
}
