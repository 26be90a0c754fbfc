/* Leaves a daemon: two forks, a session of its own, everything closed, its environment cleared, deaf to TERM.
 * With STAYS in the environment the first process stays too, as deaf. Prints the daemon's pid. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void daemon_life(int report)
{
    pid_t own = getpid();
    if (write(report, &own, sizeof own) != sizeof own)
        _exit(1);
    for (int descriptor = 0; descriptor < 64; descriptor++)
        close(descriptor);
    if (chdir("/") == 0)
        for (;;)
            pause();
    _exit(1);
}

int main(int count, char **arguments)
{
    int stays = getenv("STAYS") != NULL;
    int report[2];
    pid_t daemon_pid = 0;
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (count == 2)
        daemon_life(atoi(arguments[1]));
    if (pipe(report) < 0)
        return 1;
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        if (fork() == 0) {
            setsid();
            if (count == 1) { /* again, so that its environment in /proc is another one */
                char number[16];
                snprintf(number, sizeof number, "%d", report[1]);
                char *again[] = {arguments[0], number, NULL}, *none[] = {NULL};
                execve("/proc/self/exe", again, none);
            }
            _exit(1);
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    if (read(report[0], &daemon_pid, sizeof daemon_pid) != sizeof daemon_pid)
        return 1;
    printf("%d\n", (int)daemon_pid);
    fflush(stdout);
    fprintf(stderr, "daemon %d\n", (int)daemon_pid);
    while (stays)
        pause();
    return 0;
}
