#include "config.h"
#include "output.h"

#include "clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define TEXTS      4
#define TEXT_SIZE  32
#define SHOW_EVERY 100 /* ms */
#define BAR_WIDTH  30

int output_json(struct json_object *value)
{
    struct buffer text = {0};
    json_print(value, &text);
    buffer_append_text(&text, "\n");
    bool written = !text.failed && fwrite(text.data, 1, text.length, stdout) == text.length;
    buffer_free(&text);
    if (!written)
        fputs("jobgatectl: the output could not be written\n", stderr);
    return written ? 0 : EX_IOERR;
}

static bool is_obeyed(unsigned char byte)
{
    return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
}

/* C1 controls (U+0080 to U+009F) are two bytes of UTF-8, and obeyed by some terminals. */
static size_t shown_length(const char *at, const char *end)
{
    size_t size = json_character_size(at, end);
    if (size == 0 || is_obeyed((unsigned char)*at))
        return 0;
    return size == 2 && (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] < 0xa0 ? 0 : size;
}

bool output_bytes(FILE *stream, const char *bytes, size_t length)
{
    if (length == 0)
        return true;
    if (!isatty(fileno(stream)))
        return fwrite(bytes, 1, length, stream) == length;
    for (const char *at = bytes, *end = bytes + length; at < end;) {
        size_t size = shown_length(at, end);
        if (size > 0)
            fwrite(at, 1, size, stream);
        else
            fputs("\xef\xbf\xbd", stream);
        at += size > 0 ? size : 1;
    }
    return ferror(stream) == 0;
}

void output_text(FILE *stream, const char *text, size_t most)
{
    const char *end = text + strlen(text);
    for (size_t count = 0; text < end && (most == 0 || count < most); count++) {
        size_t size = *text == '\n' || *text == '\t' ? 0 : shown_length(text, end);
        if (size > 0)
            fwrite(text, 1, size, stream);
        else
            fputc(' ', stream);
        text += size > 0 ? size : 1;
    }
}

void output_title(const char *text)
{
    printf("%s%s%s\n", output_colour(COLOUR_DIM), text, output_colour(COLOUR_NONE));
}

int output_end(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    return status != 0 ? status : EX_IOERR;
}

static char *next_text(void)
{
    static char texts[TEXTS][TEXT_SIZE];
    static unsigned turn;
    return texts[turn++ % TEXTS];
}

const char *output_span(int64_t milliseconds)
{
    char *text = next_text();
    int64_t seconds = milliseconds / 1000;
    if (milliseconds < 0)
        snprintf(text, TEXT_SIZE, "0s");
    else if (milliseconds < 1000)
        snprintf(text, TEXT_SIZE, "%" PRId64 "ms", milliseconds);
    else if (seconds < 120)
        snprintf(text, TEXT_SIZE, "%" PRId64 "s", seconds);
    else if (seconds < 2 * 3600)
        snprintf(text, TEXT_SIZE, "%" PRId64 "m", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(text, TEXT_SIZE, "%" PRId64 "h", seconds / 3600);
    else
        snprintf(text, TEXT_SIZE, "%" PRId64 "d", seconds / 86400);
    return text;
}

const char *output_size(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    char *text = next_text();
    double size = (double)bytes;
    unsigned unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        size /= 1024;
    snprintf(text, TEXT_SIZE, "%.*f %s", unit == 0 || size >= 100 ? 0 : 1, size, units[unit]);
    return text;
}

const char *output_colour(enum output_colour colour)
{
    static const char *const codes[] = {"\033[0m", "\033[31m", "\033[32m", "\033[33m", "\033[2m", "\033[1m"};
    const char *terminal = getenv("TERM"), *plain = getenv("NO_COLOR");
    bool wanted = isatty(STDOUT_FILENO) && (plain == NULL || *plain == '\0') && terminal != NULL &&
                  strcmp(terminal, "dumb") != 0;
    return wanted ? codes[colour] : "";
}

/* ---- bars ---- */

void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *words)
{
    char bar[BAR_WIDTH + 1];
    int64_t now = clock_monotonic_ms();
    if (!isatty(STDERR_FILENO) || (progress->shown && done != total && now - progress->shown_ms < SHOW_EVERY))
        return;
    progress->shown_ms = now;
    progress->shown = true;
    if (total == 0) {
        fprintf(stderr, "\r\033[K%s  %" PRIu64 " %s", progress->what, done, words != NULL ? words : "");
        return;
    }
    uint64_t filled = done >= total ? BAR_WIDTH : done * BAR_WIDTH / total;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r\033[K%s  [%s] %3" PRIu64 " %%  ", progress->what, bar,
            done >= total ? 100 : done * 100 / total);
    output_text(stderr, words != NULL ? words : "", 60);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
