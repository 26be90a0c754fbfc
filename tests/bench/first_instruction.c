/* first_instruction.c - a function whose result is the moment it began
 *
 * Prints CLOCK_MONOTONIC in nanoseconds, read as the first thing in main, as a JSON number. The monotonic
 * clock is the same for all processes, so the client can subtract the moment it sent the POST. */
#include "config.h"

#include <stdio.h>
#include <time.h>

int main(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%lld\n", (long long)now.tv_sec * 1000000000LL + now.tv_nsec);
    return 0;
}
