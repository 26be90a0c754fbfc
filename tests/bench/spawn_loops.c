/* spawn_loops.c - the comparison for row 4: how fast this machine can start a program and wait for it
 *
 *     spawn_loops SECONDS LOOPS PROGRAM
 *
 * LOOPS processes, each starting PROGRAM by posix_spawn and waiting for its end, again and again. Prints the
 * runs per second of all loops together. */
#include "config.h"

#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void loop(char *program, double until, uint64_t *runs)
{
    char *arguments[] = {program, NULL};
    while (now_s() < until) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, program, NULL, NULL, arguments, environ) != 0 ||
            waitpid(pid, &status, 0) != pid || status != 0) {
            fprintf(stderr, "spawn_loops: %s cannot be run\n", program);
            _exit(1);
        }
        ++*runs;
    }
}

int main(int argc, char **argv)
{
    double seconds = argc == 4 ? atof(argv[1]) : 0;
    int loops = argc == 4 ? atoi(argv[2]) : 0;
    if (seconds <= 0 || loops < 1 || loops > 64) {
        fprintf(stderr, "usage: spawn_loops SECONDS LOOPS PROGRAM\n");
        return 2;
    }
    /* One cache line each: the loops do not disturb one another. */
    uint64_t(*runs)[8] =
        mmap(NULL, (size_t)loops * sizeof *runs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (runs == MAP_FAILED) {
        return 1;
    }
    double start = now_s();
    for (int i = 0; i < loops; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            loop(argv[3], start + seconds, &runs[i][0]);
            _exit(0);
        }
        if (pid < 0) {
            return 1;
        }
    }
    uint64_t sum = 0;
    for (int i = 0, status; i < loops; i++) {
        if (wait(&status) < 0 || status != 0) {
            return 1;
        }
    }
    double spent = now_s() - start;
    for (int i = 0; i < loops; i++) {
        sum += runs[i][0];
    }
    printf("%.1f\n", (double)sum / spent);
    return 0;
}
