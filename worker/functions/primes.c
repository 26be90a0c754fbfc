/* primes - counts the primes below a number by a segmented sieve, telling its progress
 *
 * Event: {"below": 1000000}, up to 10^11. Result: {"below", "count", "largest"} (largest is null below 3). */
#include "config.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define BELOW_MAX 100000000000
#define SEGMENT                                                                                              \
    (256 * 1024) /* odd numbers in a segment: a byte for each, so that it stays in the second-level cache */

static void refuse(const char *words)
{
    fprintf(stderr, "primes: %s\n", words);
    exit(EX_DATAERR);
}

static void fail(const char *words)
{
    perror(words);
    exit(EXIT_FAILURE);
}

static char *read_all(FILE *file)
{
    size_t size = 0, room = 4096;
    char *text = malloc(room);
    while (text != NULL) {
        size += fread(text + size, 1, room - size - 1, file);
        if (size < room - 1)
            break;
        char *larger = realloc(text, room *= 2);
        if (larger == NULL)
            free(text);
        text = larger;
    }
    if (text == NULL || ferror(file))
        fail("primes: standard input");
    text[size] = '\0';
    return text;
}

static int64_t read_event(void)
{
    char *text = read_all(stdin);
    struct json_object *envelope = json_tokener_parse(text), *body, *below;
    free(text);
    if (!json_object_is_type(envelope, json_type_object) ||
        !json_object_object_get_ex(envelope, "body", &body))
        refuse("standard input is no {\"jobId\":\"...\",\"body\":...}");
    if (!json_object_is_type(body, json_type_object) || !json_object_object_get_ex(body, "below", &below) ||
        !json_object_is_type(below, json_type_int))
        refuse("the event is {\"below\": 1000000}");
    int64_t limit = json_object_get_int64(below);
    json_object_put(envelope);
    if (limit < 0 || limit > BELOW_MAX)
        refuse("\"below\" is a number from 0 to 100000000000");
    return limit;
}

/* -1 when nobody listens, as in a run by hand. */
static int progress_descriptor(void)
{
    const char *number = getenv("JOBGATE_PROGRESS_FD");
    return number == NULL ? -1 : atoi(number);
}

static void tell_progress(int descriptor, int percent, int64_t count)
{
    char line[80];
    int length = snprintf(line, sizeof line, "%d %" PRId64 " primes so far\n", percent, count);
    if (descriptor >= 0 && write(descriptor, line, (size_t)length) < 0)
        perror("primes: progress"); /* worth a line in the log, not the job */
}

/* The odd primes up to the root of `below`, and for each the next odd multiple, counted in odd numbers (1 is
 * 0). */
struct base {
    size_t count;
    uint32_t *primes;
    uint64_t *next;
};

static void base_find(struct base *base, int64_t below)
{
    size_t root = 1;
    while ((int64_t)(root * root) < below)
        root++;
    bool *composite = calloc(root + 1, 1);
    base->primes = malloc((root + 1) * sizeof *base->primes);
    base->next = malloc((root + 1) * sizeof *base->next);
    if (composite == NULL || base->primes == NULL || base->next == NULL)
        fail("primes");
    base->count = 0;
    for (size_t number = 3; number <= root; number += 2) {
        if (composite[number])
            continue;
        for (size_t multiple = number * number; multiple <= root; multiple += 2 * number)
            composite[multiple] = true;
        base->primes[base->count] = (uint32_t)number;
        base->next[base->count++] = ((uint64_t)number * number - 1) / 2;
    }
    free(composite);
}

/* Marks the composites among the odd numbers start .. start + length - 1. */
static void mark_segment(struct base *base, uint8_t *composite, uint64_t start, size_t length)
{
    memset(composite, 0, length);
    for (size_t i = 0; i < base->count; i++) {
        uint64_t index = base->next[i] - start;
        for (; index < length; index += base->primes[i])
            composite[index] = 1;
        base->next[i] = index + start;
    }
}

static int64_t count_primes(int64_t below, int64_t *largest)
{
    static uint8_t composite[SEGMENT];
    struct base base;
    base_find(&base, below);
    int descriptor = progress_descriptor(), told = 0;
    int64_t count = below > 2;
    *largest = below > 2 ? 2 : 0;
    uint64_t odds = (uint64_t)below / 2; /* 1, 3, 5, … below `below` */
    for (uint64_t start = 0; start < odds; start += SEGMENT) {
        size_t length = odds - start < SEGMENT ? (size_t)(odds - start) : SEGMENT;
        mark_segment(&base, composite, start, length);
        for (size_t i = start == 0; i < length; i++) { /* 1 is no prime */
            if (composite[i])
                continue;
            count++;
            *largest = (int64_t)(2 * (start + i) + 1);
        }
        int percent = (int)((start + length) * 100 / odds);
        if (percent != told)
            tell_progress(descriptor, told = percent, count);
    }
    free(base.primes);
    free(base.next);
    return count;
}

int main(void)
{
    int64_t below = read_event(), largest, count = count_primes(below, &largest);
    printf("{\"below\":%" PRId64 ",\"count\":%" PRId64 ",\"largest\":", below, count);
    if (largest == 0)
        printf("null}\n");
    else
        printf("%" PRId64 "}\n", largest);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
