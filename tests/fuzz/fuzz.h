/* fuzz.h - what every fuzz target includes
 *
 * A target is one file, fuzz_NAME.c, with the function that libFuzzer calls with bytes of its making, and a folder of its own
 * in corpus/. It aborts when a promise is broken; the sanitizers do the rest. `make fuzz` runs each for a short time, `make
 * fuzz-long MINUTES=40` all of them for so long together. */
#ifndef JOBGATE_FUZZ_H
#define JOBGATE_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define PROMISE(promise)                                                                                     \
    do {                                                                                                     \
        if (!(promise)) {                                                                                    \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);                            \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* A copy with a NUL behind it, so that a read beyond the end is seen. To be freed. */
static inline char *fuzz_text(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    PROMISE(text != NULL);
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

#endif
