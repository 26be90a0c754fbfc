#include "config.h"
#include "signals.h"

#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum outcome signals_open(struct signals *signals, struct error *error)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGHUP);
    *signals = (struct signals){.descriptor = -1};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigprocmask(SIG_BLOCK, &taken, NULL) < 0)
        return error_set_errno(error, IO, errno, "signals");
    signals->at_default = spawn_default_signals();
    signals->descriptor = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals->descriptor < 0 ? error_set_errno(error, IO, errno, "signalfd") : OK;
}

void signals_read(struct signals *signals)
{
    struct signalfd_siginfo came[8];
    ssize_t length;
    do {
        length = read(signals->descriptor, came, sizeof came);
        for (ssize_t i = 0; i < length / (ssize_t)sizeof came[0]; i++) {
            if (came[i].ssi_signo == SIGCHLD)
                signals->child = true;
            else
                signals->leave = true;
        }
    } while (length == (ssize_t)sizeof came);
}
