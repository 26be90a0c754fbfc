#include "config.h"
#include "log.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE       8192
#define VALUE_BYTES_MAX 1024 /* of one value; the rest is cut, shown by "..." */
#define CUT_MARK        " cut=true"
#define ROTATION_US     1000000 /* how often a renamed file is looked for */

/* Writers only read the atomics. The descriptor keeps its number for good: another file is put under it by
 * dup3, so that a thread in the middle of write(2) needs no lock. */
static _Atomic(const char *) program_name = "jobgate";
static _Atomic int threshold = LOG_LEVEL_INFO;
static _Atomic int descriptor = STDERR_FILENO;
static _Atomic int64_t next_look_us;

static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static char *file_path;          /* NULL: standard error */
static int file_descriptor = -1; /* kept once it was opened */

static enum outcome open_file(const char *path, int *opened, struct error *error)
{
    *opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (*opened < 0)
        return error_set_errno(error, IO, errno, "log file %s", path);
    return OK;
}

/* Under file_lock. Takes over `opened`. */
static enum outcome put_in_place(int opened, struct error *error)
{
    if (file_descriptor < 0) {
        file_descriptor = opened;
        return OK;
    }
    int result = dup3(opened, file_descriptor, O_CLOEXEC);
    int saved_errno = errno;
    close(opened);
    return result < 0 ? error_set_errno(error, IO, saved_errno, "log file") : OK;
}

static enum outcome use_file(const char *file, struct error *error)
{
    char *path = strdup(file);
    if (path == NULL)
        return error_set(error, NOMEM, "log file %s: no memory", file);
    int opened;
    enum outcome outcome = open_file(file, &opened, error);
    if (outcome == OK)
        outcome = put_in_place(opened, error);
    if (outcome != OK) {
        free(path);
        return outcome;
    }
    free(file_path);
    file_path = path;
    atomic_store(&descriptor, file_descriptor);
    return OK;
}

enum outcome log_open(const char *program, const char *file, enum log_level level, struct error *error)
{
    enum outcome outcome = OK;
    if (program != NULL)
        atomic_store(&program_name, program);
    atomic_store(&threshold, (int)level);
    pthread_mutex_lock(&file_lock);
    if (file != NULL && file[0] != '\0') {
        outcome = use_file(file, error);
    } else {
        atomic_store(&descriptor, STDERR_FILENO);
        free(file_path);
        file_path = NULL;
    }
    pthread_mutex_unlock(&file_lock);
    return outcome;
}

/* logrotate renames the file: go on in a new one of the old name. */
static void follow_rotation(void)
{
    int64_t now = clock_monotonic_us();
    int64_t due = atomic_load_explicit(&next_look_us, memory_order_relaxed);
    if (now < due || !atomic_compare_exchange_strong(&next_look_us, &due, now + ROTATION_US))
        return;
    pthread_mutex_lock(&file_lock);
    struct stat named, held;
    bool same = file_path == NULL || (stat(file_path, &named) == 0 && fstat(file_descriptor, &held) == 0 &&
                                      named.st_ino == held.st_ino && named.st_dev == held.st_dev);
    int opened;
    if (!same && open_file(file_path, &opened, NULL) == OK)
        put_in_place(opened, NULL);
    pthread_mutex_unlock(&file_lock);
}

struct line {
    char text[LINE_SIZE];
    size_t length;
    size_t room; /* up to here; the rest is kept for the end of the line */
    bool cut;
};

static void put(struct line *line, const char *bytes, size_t length)
{
    if (length > line->room - line->length) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static bool is_plain(char c)
{
    return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
}

static void put_escaped(struct line *line, char c)
{
    char text[5] = {'\\', c};
    size_t length = 2;
    if (c == '\n') {
        text[1] = 'n';
    } else if (is_plain(c) || c == ' ' || c == '=') {
        text[0] = c;
        length = 1;
    } else if (c != '"' && c != '\\') {
        length = (size_t)snprintf(text, sizeof text, "\\x%02X", (unsigned char)c);
    }
    put(line, text, length);
}

static void put_value(struct line *line, const char *value)
{
    size_t length = strnlen(value, VALUE_BYTES_MAX + 1);
    bool too_long = length > VALUE_BYTES_MAX;
    if (too_long)
        length = VALUE_BYTES_MAX;
    size_t plain = 0;
    while (plain < length && is_plain(value[plain]))
        plain++;
    if (plain == length && length > 0) {
        put(line, value, length);
    } else {
        put(line, "\"", 1);
        for (size_t i = 0; i < length; i++)
            put_escaped(line, value[i]);
        put(line, "\"", 1);
    }
    if (too_long)
        put(line, "...", 3);
}

/* A pair that does not fit is left out whole: half an escape could be read as something else. */
static void put_pair(struct line *line, const char *key, const char *value)
{
    bool was_cut = line->cut;
    size_t start = line->length;
    line->cut = false;
    put(line, " ", 1);
    put(line, key, strlen(key));
    put(line, "=", 1);
    put_value(line, value);
    if (line->cut)
        line->length = start;
    line->cut = line->cut || was_cut;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return names[level];
}

/* Lines that others write as well must not come in between: one write for each. */
static void write_line(const char *text, size_t length)
{
    int target = atomic_load_explicit(&descriptor, memory_order_acquire);
    if (target != STDERR_FILENO)
        follow_rotation();
    while (write(target, text, length) < 0 && errno == EINTR)
        continue;
}

static bool is_wanted(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

static void make_line(struct line *line, enum log_level level, const char *event, va_list pairs)
{
    line->length = CLOCK_TEXT_SIZE - 1;
    line->room = sizeof line->text - sizeof CUT_MARK;
    line->cut = false;
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    clock_format(clock_wall_ms(), line->text);
    put_pair(line, "level", level_name(level));
    put_pair(line, "program", atomic_load_explicit(&program_name, memory_order_relaxed));
    put_pair(line, "pid", pid);
    put_pair(line, "event", event);

    const char *key;
    while ((key = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL)
            put_pair(line, key, value);
    }

    line->room = sizeof line->text;
    if (line->cut)
        put(line, CUT_MARK, sizeof CUT_MARK - 1);
    put(line, "\n", 1);
}

void log_event(enum log_level level, const char *event, ...)
{
    if (!is_wanted(level))
        return;
    int saved_errno = errno;
    struct line line;
    va_list pairs;
    va_start(pairs, event);
    make_line(&line, level, event, pairs);
    va_end(pairs);
    write_line(line.text, line.length);
    errno = saved_errno;
}

void log_event_later(struct buffer *lines, enum log_level level, const char *event, ...)
{
    if (!is_wanted(level))
        return;
    int saved_errno = errno;
    struct line line;
    va_list pairs;
    va_start(pairs, event);
    make_line(&line, level, event, pairs);
    va_end(pairs);
    buffer_append(lines, line.text, line.length);
    if (lines->failed) {
        lines->failed = false;
        write_line(line.text, line.length);
    }
    errno = saved_errno;
}

void log_write(struct buffer *lines)
{
    int saved_errno = errno;
    const char *text = lines->data, *end = text + lines->length;
    while (text < end) {
        const char *next = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1;
        write_line(text, (size_t)(next - text));
        text = next;
    }
    buffer_clear(lines);
    errno = saved_errno;
}
