/* slots.h - the right of a worker to exist
 *
 * The file `slots` in the data folder. Worker n and its supervisor together hold an OFD lock on byte n for
 * their whole life, on one descriptor that no function inherits: the kernel gives the byte back when both are
 * gone, whatever ended them. No pid files. A slot that is free therefore says that every process of its last
 * attempt has ended too (the supervisor outlives them), unless supervisor and worker were killed at once. A
 * random `life`, written behind the locks when a slot is taken, tells one holder from the next.
 *
 * A second range of the file (SLOTS_STARTING_MS) keeps a wish to start from being carried out a hundred
 * times: launch marks the slot with the time, and nobody else starts a worker for it while the mark is young.
 *
 * Descriptors are O_CLOEXEC. Thread-safe between different struct slots; of one struct, slots_take,
 * _give_back, _resize and _close belong to one thread, all others may run at once. */
#ifndef JOBGATE_SLOTS_H
#define JOBGATE_SLOTS_H

#include "job.h"
#include "outcome.h"

#include <stdbool.h>

#define SLOTS_MAX         256
#define SLOTS_STARTING_MS 2000

struct slots;

enum outcome slots_open(const char *data_dir, unsigned max_workers, struct slots **slots,
                        struct error *error);
void slots_close(struct slots *slots); /* NULL is legal; the slot goes with the last process that shares it */

/* Takes slot `wanted`, or any free one when that is taken, with a new life; the one held before is given
 * back. OK: *identity; held until slots_give_back or the end of all processes that share the descriptor.
 * UNAVAILABLE: all taken. */
enum outcome slots_take(struct slots *slots, unsigned wanted, struct slot_identity *identity,
                        struct error *error);
/* Gives the slot back at once, also for the other process that shares the descriptor. A worker does it before
 * its last look at the queue. Legal without a slot. */
void slots_give_back(struct slots *slots);
/* The descriptor to hand to the worker program (clear CLOEXEC in the child), and the other side of it: */
int slots_descriptor(const struct slots *slots);
enum outcome slots_inherit(const char *data_dir, unsigned max_workers, int descriptor,
                           struct slot_identity identity, struct slots **slots, struct error *error);

/* True when that very life still holds its slot. */
bool slots_is_alive(struct slots *slots, struct slot_identity identity);
/* Marks a free slot as starting and names it. False when all are taken or being started. */
bool slots_reserve(struct slots *slots, unsigned *slot);
/* Takes the mark back: the start failed. */
void slots_unreserve(struct slots *slots, unsigned slot);
/* True when slots_reserve would find one: for a look that costs little. */
bool slots_any_free(struct slots *slots);
/* True when some process holds the slot now (also this one). */
bool slots_is_taken(struct slots *slots, unsigned slot);
/* The configuration was edited. A slot that is held stays held. */
void slots_resize(struct slots *slots, unsigned max_workers);
/* How many are taken now. */
unsigned slots_taken(struct slots *slots);

#endif
