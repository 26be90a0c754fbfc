#include "config.h"
#include "input.h"

#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STEP 65536

static enum outcome too_large(size_t most, struct error *error)
{
    return error_set(error, INVALID, "the event is larger than max_event_size (%zu bytes)", most);
}

static enum outcome read_all(int descriptor, const char *name, size_t most, struct buffer *bytes,
                             struct error *error)
{
    ssize_t got;
    do {
        char *room = buffer_reserve(bytes, STEP);
        if (room == NULL)
            return error_set(error, NOMEM, "no memory for %s", name);
        got = read(descriptor, room, STEP);
        if (got < 0 && errno != EINTR)
            return error_set_errno(error, IO, errno, "%s", name);
        buffer_grown(bytes, got > 0 ? (size_t)got : 0);
        if (bytes->length > most)
            return too_large(most, error);
    } while (got != 0);
    return OK;
}

enum outcome input_read(const char *argument, size_t most, struct buffer *bytes, struct error *error)
{
    if (strcmp(argument, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", most, bytes, error);
    if (argument[0] != '@') {
        buffer_append_text(bytes, argument);
        if (bytes->failed)
            return error_set(error, NOMEM, "no memory for the event");
        return bytes->length <= most ? OK : too_large(most, error);
    }
    int descriptor = open(argument + 1, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_set_errno(error, IO, errno, "%s", argument + 1);
    enum outcome outcome = read_all(descriptor, argument + 1, most, bytes, error);
    close(descriptor);
    return outcome;
}

enum outcome input_event(const char *argument, size_t most, struct buffer *bytes, struct error *error)
{
    struct error words;
    size_t offset;
    enum outcome outcome = input_read(argument, most, bytes, error);
    if (outcome != OK)
        return outcome;
    outcome = json_check(bytes->length > 0 ? bytes->data : "", bytes->length, &offset, &words);
    return outcome == OK ? OK : error_set(error, outcome, "the event is not valid JSON: %s", words.text);
}
