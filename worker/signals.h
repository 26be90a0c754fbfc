/* signals.h - signals as something to poll for
 *
 * CHLD, TERM, INT and HUP are blocked and read from a signalfd, so that none interrupts the store or a
 * half-made record; PIPE is ignored. One for the whole process, single-threaded. */
#ifndef JOBGATE_SIGNALS_H
#define JOBGATE_SIGNALS_H

#include "outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct signals {
    int descriptor;      /* readable when something came */
    bool child;          /* a child ended since the caller cleared it */
    bool leave;          /* TERM, INT or HUP came: stays set */
    uint64_t at_default; /* spawn_default_signals() */
};

enum outcome signals_open(struct signals *signals, struct error *error);
/* Takes in what has come, without blocking. */
void signals_read(struct signals *signals);

#endif
