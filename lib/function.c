#include "config.h"
#include "function.h"
#include "clock.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOTSTRAP "bootstrap"

/* functions_dir, held open: everything below is looked up from here, so that no other path can get in between. */
struct folder {
    const char *path;
    int descriptor;
    uid_t owner;
};

/* Whoever can change a function runs programs as the worker's user. */
static enum outcome check_writers(const struct folder *folder, const char *name, const struct stat *status,
                                  struct error *error)
{
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(error, INVALID,
                         "%s/%s can be written by others than its owner (mode %04o): chmod go-w",
                         folder->path, name, (unsigned)status->st_mode & 07777);
    if (status->st_uid != 0 && status->st_uid != folder->owner)
        return error_set(error, INVALID,
                         "%s/%s belongs to user %u, neither to root nor to the folder's owner: chown it",
                         folder->path, name, (unsigned)status->st_uid);
    return OK;
}

static enum outcome open_folder(const struct configuration *configuration, struct folder *folder,
                                struct error *error)
{
    struct stat status;
    folder->path = configuration->functions_dir;
    folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->descriptor < 0 || fstat(folder->descriptor, &status) != 0) {
        int saved_errno = errno;
        if (folder->descriptor >= 0)
            close(folder->descriptor);
        return error_set_errno(error, outcome_of_errno(saved_errno, IO), saved_errno, "functions_dir %s",
                               folder->path);
    }
    folder->owner = status.st_uid;
    enum outcome outcome = check_writers(folder, ".", &status, error);
    if (outcome != OK)
        close(folder->descriptor);
    return outcome;
}

/* ---- one entry of the folder ---- */

static enum outcome look(const struct folder *folder, const char *file, struct stat *status,
                         struct error *error)
{
    if (fstatat(folder->descriptor, file, status, AT_SYMLINK_NOFOLLOW) == 0)
        return OK;
    return error_set_errno(error,
                           errno == ENOENT || errno == ENOTDIR ? NOTFOUND : outcome_of_errno(errno, IO),
                           errno, "%s/%s", folder->path, file);
}

/* A file that is to be run. NOTFOUND: it is there, but is no program. */
static enum outcome check_program(const struct folder *folder, const char *file, const struct stat *status,
                                  struct error *error)
{
    if (S_ISLNK(status->st_mode))
        return error_set(error, INVALID, "%s/%s is a symlink: put the program itself there", folder->path,
                         file);
    if (!S_ISREG(status->st_mode))
        return error_set(error, NOTFOUND, "%s/%s is no regular file", folder->path, file);
    if ((status->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
        return error_set(error, NOTFOUND, "%s/%s is not executable: chmod +x", folder->path, file);
    return check_writers(folder, file, status, error);
}

static enum outcome inspect_folder(const struct folder *folder, const char *name, struct function *function,
                                   struct stat *status, struct error *error)
{
    enum outcome outcome = check_writers(folder, name, status, error);
    if (outcome != OK)
        return outcome;
    function->kind = FUNCTION_BOOTSTRAP;
    snprintf(function->file, sizeof function->file, "%s/" BOOTSTRAP, name);
    outcome = look(folder, function->file, status, error);
    return outcome == OK ? check_program(folder, function->file, status, error) : outcome;
}

/* OK when this entry can be run as the function `name` (*status is that of its program), NOTFOUND when it is something
 * else, INVALID when it is refused. */
static enum outcome inspect(const struct folder *folder, const char *entry, const char *name,
                            struct function *function, struct stat *status, struct error *error)
{
    if (strlen(entry) >= sizeof function->file)
        return error_set(error, NOTFOUND, "%s/%s has too long a name", folder->path, entry);
    snprintf(function->name, sizeof function->name, "%s", name);
    snprintf(function->file, sizeof function->file, "%s", entry);
    function->kind = FUNCTION_EXECUTABLE;
    enum outcome outcome = look(folder, entry, status, error);
    if (outcome != OK)
        return outcome;
    if (!S_ISDIR(status->st_mode))
        return check_program(folder, entry, status, error);
    if (strcmp(entry, name) != 0)
        return error_set(error, NOTFOUND, "%s/%s is a folder with an extension", folder->path, entry);
    return inspect_folder(folder, name, function, status, error);
}

/* The function that an entry of this name would be: "wordcount.py" is "wordcount". False when it would be none. */
static bool name_of_entry(const char *entry, char *name)
{
    size_t length = strcspn(entry, ".");
    if (length >= JOB_FUNCTION_SIZE)
        return false;
    const char *extension = entry + length;
    if (extension[0] == '.' && (extension[1] == '\0' || strchr(extension + 1, '.') != NULL))
        return false;
    memcpy(name, entry, length);
    name[length] = '\0';
    return job_function_name_is_valid(name);
}

/* ---- all entries ---- */

struct found {
    struct function function;
    struct stat status; /* of the program */
    enum outcome outcome;
    char *words; /* of what was not OK */
};

struct scan {
    struct found *found;
    size_t count;
    size_t capacity;
};

static void free_scan(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        free(scan->found[i].words);
    free(scan->found);
}

static enum outcome add_entry(const struct folder *folder, struct scan *scan, const char *entry,
                              const char *name, struct error *error)
{
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 32 : scan->capacity * 2;
        struct found *found = realloc(scan->found, capacity * sizeof *found);
        if (found == NULL)
            return error_set(error, NOMEM, "no memory");
        scan->found = found;
        scan->capacity = capacity;
    }
    struct error words = {""};
    struct found *found = &scan->found[scan->count];
    *found = (struct found){.words = NULL};
    found->outcome = inspect(folder, entry, name, &found->function, &found->status, &words);
    if (found->outcome != OK && (found->words = strdup(words.text)) == NULL)
        return error_set(error, NOMEM, "no memory");
    scan->count++;
    return OK;
}

/* All entries that could be functions (`wanted`: that one), as they come. */
static enum outcome scan_folder(const struct folder *folder, const char *wanted, struct scan *scan,
                                struct error *error)
{
    int descriptor = openat(folder->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (stream == NULL) {
        int saved_errno = errno;
        if (descriptor >= 0)
            close(descriptor);
        return error_set_errno(error, outcome_of_errno(saved_errno, IO), saved_errno, "functions_dir %s",
                               folder->path);
    }
    enum outcome outcome = OK;
    struct dirent *entry;
    while (outcome == OK && (entry = readdir(stream)) != NULL) {
        char name[JOB_FUNCTION_SIZE];
        if (name_of_entry(entry->d_name, name) && (wanted == NULL || strcmp(name, wanted) == 0))
            outcome = add_entry(folder, scan, entry->d_name, name, error);
    }
    closedir(stream);
    return outcome;
}

/* By name, then what can be run first, then the entry without an extension, then by file. */
static int compare_found(const void *a, const void *b)
{
    const struct found *left = a, *right = b;
    int order = strcmp(left->function.name, right->function.name);
    if (order == 0)
        order = (left->outcome != OK) - (right->outcome != OK);
    if (order == 0) /* a refused one says more than one that is no program */
        order = (left->outcome == NOTFOUND) - (right->outcome == NOTFOUND);
    return order != 0 ? order : strcmp(left->function.file, right->function.file);
}

static bool has_extension(const struct function *function)
{
    return function->kind == FUNCTION_EXECUTABLE && strchr(function->file, '.') != NULL;
}

/* Of the sorted entries of one name (at least one), the first stands for the function. Two programs that differ in the
 * extension alone are refused: which of them ran would depend on their spelling. */
static enum outcome choose(const struct folder *folder, const struct found *found, size_t count,
                           struct function *function, struct error *error)
{
    if (found[0].outcome != OK)
        return error_set(error, found[0].outcome, "%s", found[0].words);
    if (count > 1 && found[1].outcome == OK && has_extension(&found[0].function))
        return error_set(error, INVALID, "%s: %s and %s are both the function %s: rename one", folder->path,
                         found[0].function.file, found[1].function.file, found[0].function.name);
    *function = found[0].function;
    return OK;
}

/* ---- what was found lately ---- */

/* Every POST asks, and looking takes longer than much else that is done for it. What was found is good for a second while
 * its program is the same file with the same rights; what was not found is looked for each time. */
#define MEMORY_SIZE 64
#define MEMORY_US   1000000

struct memory {
    char path[PATH_MAX]; /* functions_dir/file; empty: nothing here */
    size_t folder_length;
    struct function function;
    struct stat status;
    int64_t good_until_us;
};

static struct memory memories[MEMORY_SIZE];
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;

static struct memory *memory_of(const char *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a: a bad spread costs time only */
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return &memories[(hash ^ hash >> 16) % MEMORY_SIZE];
}

static bool is_same_program(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
           a->st_uid == b->st_uid && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool recall(const char *folder, const char *name, struct function *function)
{
    char path[PATH_MAX];
    struct stat remembered, now;
    size_t length = strlen(folder);
    struct memory *memory = memory_of(name);
    pthread_mutex_lock(&memory_lock);
    bool known = memory->path[0] != '\0' && memory->folder_length == length &&
                 memcmp(memory->path, folder, length) == 0 && strcmp(memory->function.name, name) == 0 &&
                 clock_monotonic_us() < memory->good_until_us;
    if (known) {
        memcpy(path, memory->path, strlen(memory->path) + 1);
        *function = memory->function;
        remembered = memory->status;
    }
    pthread_mutex_unlock(&memory_lock);
    return known && lstat(path, &now) == 0 && is_same_program(&now, &remembered);
}

static void remember(const char *folder, const struct function *function, const struct stat *status)
{
    struct memory *memory = memory_of(function->name);
    pthread_mutex_lock(&memory_lock);
    int length = snprintf(memory->path, sizeof memory->path, "%s/%s", folder, function->file);
    if (length < 0 || (size_t)length >= sizeof memory->path)
        memory->path[0] = '\0';
    memory->folder_length = strlen(folder);
    memory->function = *function;
    memory->status = *status;
    memory->good_until_us = clock_monotonic_us() + MEMORY_US;
    pthread_mutex_unlock(&memory_lock);
}

/* ---- the calls ---- */

static enum outcome find_with_extension(const struct folder *folder, const char *name,
                                        struct function *function, struct stat *status, struct error *error)
{
    struct scan scan = {0};
    enum outcome outcome = scan_folder(folder, name, &scan, error);
    if (outcome == OK && scan.count == 0)
        outcome = error_set(error, NOTFOUND, "no function \"%s\" in %s", name, folder->path);
    else if (outcome == OK) {
        qsort(scan.found, scan.count, sizeof *scan.found, compare_found);
        outcome = choose(folder, scan.found, scan.count, function, error);
        *status = scan.found[0].status;
        if (outcome == NOTFOUND)
            outcome = INVALID; /* it is there, as whoever looks will see: the words say what it lacks */
    }
    free_scan(&scan);
    return outcome;
}

static enum outcome find_in(const struct folder *folder, const char *name, struct function *function,
                            struct stat *status, struct error *error)
{
    struct function found;
    enum outcome outcome = inspect(folder, name, name, &found, status, error);
    if (outcome == NOTFOUND)
        return find_with_extension(folder, name, function, status, error);
    if (outcome == OK)
        *function = found;
    return outcome;
}

enum outcome function_find(const struct configuration *configuration, const char *name,
                           struct function *function, struct error *error)
{
    struct folder folder;
    struct function known;
    struct stat status;
    if (!job_function_name_is_valid(name))
        return error_set(error, NOTFOUND, "no function has such a name");
    if (recall(configuration->functions_dir, name, &known)) {
        *function = known;
        return OK;
    }
    enum outcome outcome = open_folder(configuration, &folder, error);
    if (outcome != OK)
        return outcome;
    outcome = find_in(&folder, name, function, &status, error);
    close(folder.descriptor);
    if (outcome == OK)
        remember(configuration->functions_dir, function, &status);
    return outcome;
}

/* The same words again are not logged again: the list is asked for all the time. */
static void log_refused(struct buffer *refused)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *told;
    bool is_new;
    pthread_mutex_lock(&lock);
    is_new =
        !refused->failed && strcmp(told != NULL ? told : "", refused->length > 0 ? refused->data : "") != 0;
    if (is_new) {
        free(told);
        told = refused->length > 0 ? strdup(refused->data) : NULL;
    }
    pthread_mutex_unlock(&lock);
    char *rest = is_new && refused->length > 0 ? refused->data : NULL;
    for (char *words; (words = strsep(&rest, "\n")) != NULL;) {
        if (words[0] != '\0')
            log_event(LOG_LEVEL_WARNING, "function_refused", "why", words, NULL);
    }
}

static size_t choose_all(const struct folder *folder, const struct scan *scan, struct function *functions,
                         struct buffer *refused)
{
    size_t count = 0, next;
    for (size_t first = 0; first < scan->count; first = next) {
        struct error error = {""};
        const char *name = scan->found[first].function.name;
        for (next = first + 1; next < scan->count && strcmp(scan->found[next].function.name, name) == 0;
             next++)
            continue;
        enum outcome outcome = choose(folder, scan->found + first, next - first, &functions[count], &error);
        if (outcome == OK)
            count++;
        else if (outcome != NOTFOUND)
            buffer_printf(refused, "%s\n", error.text);
    }
    return count;
}

enum outcome function_examine(const struct configuration *configuration, struct function **functions,
                              size_t *count, struct buffer *refused, struct error *error)
{
    struct folder folder;
    struct scan scan = {0};
    enum outcome outcome = open_folder(configuration, &folder, error);
    if (outcome != OK)
        return outcome;
    outcome = scan_folder(&folder, NULL, &scan, error);
    if (outcome == OK) {
        struct function *list = calloc(scan.count + 1, sizeof *list);
        if (list == NULL) {
            outcome = error_set(error, NOMEM, "no memory");
        } else {
            if (scan.count > 0)
                qsort(scan.found, scan.count, sizeof *scan.found, compare_found);
            *count = choose_all(&folder, &scan, list, refused);
            *functions = list;
        }
    }
    close(folder.descriptor);
    free_scan(&scan);
    return outcome;
}

enum outcome function_list(const struct configuration *configuration, struct function **functions,
                           size_t *count, struct error *error)
{
    struct buffer refused = {0};
    enum outcome outcome = function_examine(configuration, functions, count, &refused, error);
    if (outcome == OK)
        log_refused(&refused);
    buffer_free(&refused);
    return outcome;
}
