#include "config.h"
#include "store_bdb/backup_list.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD      "jobgate-backup 1"
#define LIST_MOST (16 << 20)

enum outcome backup_list_add(struct backup_list *list, const struct backup_file *file, struct error *error)
{
    struct backup_file *files = reallocarray(list->files, list->count + 1, sizeof *files);
    if (files == NULL)
        return error_set(error, NOMEM, "no memory for the list of the backup");
    list->files = files;
    files[list->count++] = *file;
    list->bytes += file->size;
    return OK;
}

void backup_list_free(struct backup_list *list)
{
    free(list->files);
    *list = (struct backup_list){.count = 0};
}

static bool write_all(int descriptor, const struct buffer *text)
{
    size_t done = 0;
    while (!text->failed && done < text->length) {
        ssize_t wrote = write(descriptor, text->data + done, text->length - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return !text->failed;
}

enum outcome backup_list_write(const struct backup_list *list, int folder, int64_t now_ms,
                               struct error *error)
{
    struct buffer text = {0};
    char created[CLOCK_TEXT_SIZE];
    buffer_printf(&text, HEAD "\ncreated %s\nlibrary %u.%u.%u\n", clock_format(now_ms, created),
                  list->library >> 16, list->library >> 8 & 255, list->library & 255);
    for (size_t i = 0; i < list->count; i++)
        buffer_printf(&text, "file %s %" PRIu64 " %s\n", list->files[i].sum, list->files[i].size,
                      list->files[i].name);
    buffer_append_text(&text, "end\n");
    int descriptor = openat(folder, BACKUP_LIST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written =
        descriptor >= 0 && write_all(descriptor, &text) && fsync(descriptor) == 0 && fsync(folder) == 0;
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    buffer_free(&text);
    return written ? OK
                   : error_set_errno(error, reason == ENOSPC ? FULL : IO, reason,
                                     "writing the list of the backup");
}

/* ---- reading ---- */

static enum outcome damaged(const char *line, struct error *error)
{
    return error_set(error, INVALID, "the list of the backup is damaged: \"%.100s\"", line);
}

/* No name leads out of the folder. */
static bool name_is_valid(const char *name)
{
    return name[0] != '.' && name[0] != '\0' && strchr(name, '/') == NULL;
}

static enum outcome read_line(struct backup_list *list, const char *line, struct error *error)
{
    struct backup_file file = {.size = 0};
    unsigned major, minor, patch;
    if (strncmp(line, "created ", 8) == 0)
        return OK;
    if (sscanf(line, "library %u.%u.%u", &major, &minor, &patch) == 3) {
        list->library = major << 16 | (minor & 255) << 8 | (patch & 255);
        return OK;
    }
    if (sscanf(line, "file %64[0-9a-f] %" SCNu64 " %63s", file.sum, &file.size, file.name) != 3 ||
        !name_is_valid(file.name) || strlen(file.sum) != BACKUP_SUM_SIZE - 1 ||
        list->count == BACKUP_FILES_MOST)
        return damaged(line, error);
    return backup_list_add(list, &file, error);
}

static enum outcome read_text(struct backup_list *list, char *text, struct error *error)
{
    char *line = strsep(&text, "\n");
    if (strcmp(line, HEAD) != 0)
        return error_set(error, INVALID, "this is no backup of Jobgate, or one of a newer version");
    while ((line = strsep(&text, "\n")) != NULL) {
        if (strcmp(line, "end") == 0)
            return OK;
        enum outcome outcome = read_line(list, line, error);
        if (outcome != OK)
            return outcome;
    }
    return error_set(error, INVALID, "the list of the backup ends too early");
}

enum outcome backup_list_read(struct backup_list *list, int folder, struct error *error)
{
    struct buffer text = {.limit = LIST_MOST};
    *list = (struct backup_list){.count = 0};
    int descriptor = openat(folder, BACKUP_LIST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return errno == ENOENT ? error_set(error, INVALID,
                                           "there is no complete backup in this folder: it has no file "
                                           "\"" BACKUP_LIST "\"")
                               : error_set_errno(error, IO, errno, "the file " BACKUP_LIST " of the backup");
    ssize_t got;
    do {
        char *room = buffer_reserve(&text, 65536);
        got = room != NULL ? read(descriptor, room, 65536) : -1;
        if (got > 0)
            buffer_grown(&text, (size_t)got);
    } while (got > 0);
    close(descriptor);
    enum outcome outcome =
        got < 0 || text.length == 0 ? damaged("", error) : read_text(list, text.data, error);
    buffer_free(&text);
    if (outcome != OK)
        backup_list_free(list);
    return outcome;
}
