/* A chain in which each process forks the next one and ends, so that none lives long enough to be found
 * alone; and a crowd that sleeps. Bounded by itself as well, for a machine whose limits do not hold for root.
 */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 24; i++) {
        if (fork() == 0) {
            setsid();
            for (;;)
                pause();
        }
    }
    if (fork() != 0)
        for (;;)
            pause();
    for (int i = 0; i < 100000; i++) {
        pid_t next = fork();
        if (next > 0)
            _exit(0);
        if (next < 0)
            usleep(1000);
    }
    return 0;
}
