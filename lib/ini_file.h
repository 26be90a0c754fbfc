/* ini_file.h - an INI file as lines that can be trusted and blamed
 *
 * inih splits the lines; what it would do silently (cut long lines and section names, take ':' for '=', join
 * indented lines, ignore what stands behind a ']') is refused here with file:line instead.
 *
 *     # comment          ; comment
 *     key = value        # comment behind a space
 *     key = "a # b \" \\"
 *     [section]
 *
 * Lines, written as key = "value" without a comment, go up to 2000 bytes with an inih that takes its limits at run time
 * (Debian's); with another one up to what it was built for (197), and " ;" inside of quotes is refused. Thread-safe. */
#ifndef JOBGATE_INI_FILE_H
#define JOBGATE_INI_FILE_H

#include "buffer.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define INI_FILE_SIZE_MAX (1 << 20) /* bytes of a file */

/* What tells one version of a file from the next. */
struct ini_file_version {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};
/* False when there is no such file. */
bool ini_file_look(const char *file, struct ini_file_version *version);
bool ini_file_same(const struct ini_file_version *a, const struct ini_file_version *b);

/* Appends the bytes. *version (may be NULL) is that of the bytes read, also with INVALID. INVALID with words
 * when it is no regular file, too large, can be written by group or others, or belongs neither to root nor to
 * this process's user. */
enum outcome ini_file_read(const char *file, struct buffer *text, struct ini_file_version *version,
                           struct error *error);

/* Both are called in the order of the lines and end the reading with anything but OK; the words they leave
 * are put behind "file:line: ". */
struct ini_file_reader {
    enum outcome (*section)(void *context, const char *name, int line, struct error *error);
    enum outcome (*key)(void *context, const char *key, const char *value, int line, struct error *error);
};
enum outcome ini_file_parse(const char *file, const char *text, size_t length,
                            const struct ini_file_reader *reader, void *context, struct error *error);

#endif
