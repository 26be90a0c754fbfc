#include "config.h"
#include "ini_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Debian's inih takes its limits at run time; elsewhere a line is what it was built for (its own default:
 * 200). */
#if HAVE_DECL_INI_MAX_LINE
#define LINE_SIZE    4096
#define LINE_LONGEST 2000
#else
#define LINE_SIZE    INI_MAX_LINE
#define LINE_LONGEST (INI_MAX_LINE - 3)
#endif
#define LINE_FITS (LINE_SIZE - 3) /* with its end, in what inih is given */

/* ---- reading ---- */

static struct ini_file_version version_of(const struct stat *status)
{
    return (struct ini_file_version){.device = status->st_dev,
                                     .inode = status->st_ino,
                                     .size = status->st_size,
                                     .modified = status->st_mtim};
}

bool ini_file_look(const char *file, struct ini_file_version *version)
{
    struct stat status;
    if (stat(file, &status) != 0)
        return false;
    *version = version_of(&status);
    return true;
}

bool ini_file_same(const struct ini_file_version *a, const struct ini_file_version *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

/* The file says which programs run and where the jobs lie: who can write it is the administrator. */
static enum outcome check_file(const char *file, const struct stat *status, struct error *error)
{
    if (!S_ISREG(status->st_mode))
        return error_set(error, INVALID, "%s: is no regular file: remove it", file);
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return error_set(error, INVALID,
                         "%s: belongs to user %u, neither to root nor to user %u who reads it: chown it",
                         file, (unsigned)status->st_uid, (unsigned)geteuid());
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error_set(error, INVALID,
                         "%s: can be written by others than its owner (mode %04o): chmod go-w %s", file,
                         (unsigned)status->st_mode & 07777, file);
    if (status->st_size > INI_FILE_SIZE_MAX)
        return error_set(error, INVALID, "%s: is larger than %d bytes", file, INI_FILE_SIZE_MAX);
    return OK;
}

static enum outcome read_all(const char *file, int descriptor, struct buffer *text, struct error *error)
{
    for (;;) {
        char *room = buffer_reserve(text, 4096);
        if (room == NULL)
            return error_set(error, NOMEM, "%s: no memory, or it grows while it is read", file);
        ssize_t got = read(descriptor, room, 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, IO, errno, "%s", file);
        if (got == 0)
            return OK;
        buffer_grown(text, (size_t)got);
    }
}

enum outcome ini_file_read(const char *file, struct buffer *text, struct ini_file_version *version,
                           struct error *error)
{
    struct stat status;
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return error_set_errno(error, IO, errno, "%s", file);
    enum outcome outcome = OK;
    if (fstat(descriptor, &status) != 0) {
        outcome = error_set_errno(error, IO, errno, "%s", file);
    } else {
        if (version != NULL)
            *version = version_of(&status);
        text->limit = text->length + INI_FILE_SIZE_MAX + 8192;
        outcome = check_file(file, &status, error);
        if (outcome == OK)
            outcome = read_all(file, descriptor, text, error);
    }
    close(descriptor);
    return outcome;
}

/* ---- lines ---- */

struct lines {
    const char *at;
    const char *end;
    int line;
    const struct ini_file_reader *reader;
    void *context;
    enum outcome outcome;
    struct error words;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
    return c == '#' || c == ';';
}

static void refuse(struct lines *lines, const char *words)
{
    lines->outcome = error_set(&lines->words, INVALID, "%s", words);
}

/* Behind the closing quote, or NULL when there is none. `at` is at the opening one. */
static const char *skip_quoted(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end)
            at++;
    }
    return at < end ? at + 1 : NULL;
}

/* Where the value (or what stands behind it) gives way to a comment or to the spaces at the end. */
static const char *end_of_value(const char *value, const char *end)
{
    const char *at = value;
    if (at < end && *at == '"') {
        const char *behind = skip_quoted(at, end);
        at = behind != NULL ? behind : end;
    }
    while (at < end && !(is_comment(*at) && (at == value || is_space(at[-1]))))
        at++;
    while (at > value && is_space(at[-1]))
        at--;
    return at;
}

static void take_section(struct lines *lines, const char *start, const char *end)
{
    char name[LINE_SIZE];
    const char *close = memchr(start, ']', (size_t)(end - start));
    if (close == NULL) {
        refuse(lines, "a section ends with ']'");
        return;
    }
    if (end_of_value(close + 1, end) != close + 1) {
        refuse(lines, "something stands behind the section");
        return;
    }
    memcpy(name, start + 1, (size_t)(close - start - 1));
    name[close - start - 1] = '\0';
    lines->outcome = lines->reader->section(lines->context, name, lines->line, &lines->words);
}

/* Copies the line without its comment for inih to split, when it has the form that inih splits as we mean it.
 */
static void take_key(struct lines *lines, const char *start, const char *end, char *text)
{
    static const char key_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const char *at = start;
    while (at < end && strchr(key_characters, *at) != NULL)
        at++;
    bool has_key = at > start;
    while (at < end && is_space(*at))
        at++;
    if (!has_key || at == end || *at != '=') {
        refuse(lines, "\"key = value\" or \"[function NAME]\" is expected");
        return;
    }
    for (at++; at < end && is_space(*at); at++)
        continue;
    end = end_of_value(at, end);
    memcpy(text, start, (size_t)(end - start));
    text[end - start] = '\n';
    text[end - start + 1] = '\0';
}

static bool has_control_character(const char *start, const char *end)
{
    for (; start < end; start++) {
        if (((unsigned char)*start < ' ' && *start != '\t') || *start == 0x7F)
            return true;
    }
    return false;
}

static void take_line(struct lines *lines, const char *start, const char *end, char *text)
{
    if (end > start && end[-1] == '\r')
        end--;
    while (start < end && is_space(*start))
        start++;
    if (start == end || is_comment(*start))
        return;
    if (has_control_character(start, end))
        refuse(lines, "control character");
    else if (end - start > LINE_FITS)
        refuse(lines, "the line is too long");
    else if (*start == '[')
        take_section(lines, start, end);
    else
        take_key(lines, start, end, text);
}

/* inih's ini_reader. A line that it need not see is handed over empty. */
static char *next_line(char *text, int size, void *stream)
{
    struct lines *lines = stream;
    if (lines->outcome != OK || lines->at == lines->end)
        return NULL;
    const char *start = lines->at;
    const char *newline = memchr(start, '\n', (size_t)(lines->end - start));
    lines->at = newline != NULL ? newline + 1 : lines->end;
    lines->line++;
    text[0] = '\n';
    text[1] = '\0';
    take_line(lines, start, newline != NULL ? newline : lines->end, text);
    return lines->outcome == OK ? text : NULL;
}

/* Takes the quotes off, in place. */
static bool unquote(char *value)
{
    char *to = value;
    const char *from = value + 1;
    for (; *from != '\0' && *from != '"'; from++) {
        if (*from == '\\' && *++from != '"' && *from != '\\')
            return false;
        *to++ = *from;
    }
    bool closed = from[0] == '"' && from[1] == '\0';
    *to = '\0';
    return closed;
}

/* As key = "value", with what is between the quotes escaped. */
static size_t printed_length(const char *key, const char *value)
{
    size_t length = strlen(key) + strlen(" = \"\"") + strlen(value);
    for (; *value != '\0'; value++)
        length += *value == '"' || *value == '\\';
    return length;
}

/* inih's ini_handler. How long a line is allowed to be is asked of it as configuration_dump() prints it: whatever was accepted
 * is accepted again. */
static int take_pair(void *user, const char *section, const char *key, const char *value)
{
    struct lines *lines = user;
    char text[LINE_SIZE];
    size_t length = strlen(value);
    if (lines->outcome != OK)
        return 0;
    memcpy(text, value, length + 1);
    if (text[0] == '"' && !unquote(text))
        refuse(lines, "a value in quotes ends with '\"' and has only \\\" and \\\\ inside");
    else if (printed_length(key, text) > LINE_LONGEST)
        refuse(lines, "the line is too long");
    else
        lines->outcome = lines->reader->key(lines->context, key, text, lines->line, &lines->words);
    return lines->outcome == OK;
}

#if HAVE_DECL_INI_MAX_LINE
/* Before the first use, once: they are variables of the library. */
static void set_up_inih(void)
{
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_initial_alloc = LINE_SIZE;
    ini_max_line = LINE_SIZE;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; /* they are taken off above, where quotes are known */
}
static pthread_once_t inih_once = PTHREAD_ONCE_INIT;
#endif

enum outcome ini_file_parse(const char *file, const char *text, size_t length,
                            const struct ini_file_reader *reader, void *context, struct error *error)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct lines lines = {.at = text, .end = text + length, .reader = reader, .context = context};
    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        lines.at += 3;
#if HAVE_DECL_INI_MAX_LINE
    pthread_once(&inih_once, set_up_inih);
#endif
    int result = ini_parse_stream(next_line, &lines, take_pair, &lines);
    if (lines.outcome != OK)
        return error_set(error, lines.outcome, "%s:%d: %s", file, lines.line, lines.words.text);
    if (result == -2)
        return error_set(error, NOMEM, "%s: no memory", file);
    if (result != 0)
        return error_set(error, INVALID, "%s:%d: cannot be read", file, result);
    return OK;
}
