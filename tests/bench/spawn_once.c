/* spawn_once.c - the comparison for row 5: posix_spawn to the first instruction, on an idle machine
 *
 *     spawn_once ROUNDS PAUSE_MS PROGRAM
 *
 * PROGRAM is first_instruction: it prints when it began. Prints one line for each round: microseconds between
 * the call of posix_spawn and that moment. Between rounds it sleeps, so that each start is one on an idle
 * machine, as in the other side of the comparison. */
#include "config.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Nanoseconds, or -1. */
static long long measure(char *program)
{
    char *arguments[] = {program, NULL};
    char text[64];
    int ends[2];
    int status;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) != 0) {
        return -1;
    }
    long long start = now_ns();
    int failed = posix_spawn(&pid, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    ssize_t length = failed ? 0 : read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    if (failed || waitpid(pid, &status, 0) != pid || status != 0 || length <= 0) {
        return -1;
    }
    text[length] = '\0';
    return atoll(text) - start;
}

int main(int argc, char **argv)
{
    int rounds = argc == 4 ? atoi(argv[1]) : 0;
    int pause_ms = argc == 4 ? atoi(argv[2]) : -1;
    if (rounds < 1 || pause_ms < 0 || pause_ms > 999) {
        fprintf(stderr, "usage: spawn_once ROUNDS PAUSE_MS PROGRAM\n");
        return 2;
    }
    for (int i = 0; i < rounds; i++) {
        struct timespec pause = {.tv_nsec = pause_ms * 1000000L};
        nanosleep(&pause, NULL);
        long long taken = measure(argv[3]);
        if (taken < 0) {
            fprintf(stderr, "spawn_once: %s cannot be run\n", argv[3]);
            return 1;
        }
        printf("%.1f\n", (double)taken / 1000);
    }
    return 0;
}
