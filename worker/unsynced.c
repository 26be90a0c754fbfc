#include "config.h"
#include "unsynced.h"

#include "clock.h"
#include "log.h"

void unsynced_free(struct unsynced *unsynced)
{
    buffer_free(&unsynced->first.ends);
    buffer_free(&unsynced->since.ends);
}

void unsynced_add(struct unsynced *unsynced, struct store_ticket ticket)
{
    if (unsynced->first.ticket.position == 0) {
        unsynced->first.ticket = ticket;
        unsynced->by_ms = clock_deadline(UNSYNCED_MS);
    } else {
        unsynced->since.ticket = ticket;
    }
}

struct buffer *unsynced_ends(struct unsynced *unsynced)
{
    return unsynced->since.ticket.position == 0 ? &unsynced->first.ends : &unsynced->since.ends;
}

int64_t unsynced_due_ms(const struct unsynced *unsynced)
{
    return unsynced->first.ticket.position == 0 ? INT64_MAX : unsynced->by_ms;
}

static void is_on_disk(struct unsynced_part *part)
{
    part->ticket = (struct store_ticket){0};
    log_write(&part->ends);
}

enum outcome unsynced_sync(struct unsynced *unsynced, struct store *store, int64_t wait_ms,
                           struct error *error)
{
    const struct unsynced_part *last =
        unsynced->since.ticket.position == 0 ? &unsynced->first : &unsynced->since;
    enum outcome outcome = store_sync(store, last->ticket, clock_deadline(wait_ms), error);
    if (outcome != OK)
        return outcome;
    is_on_disk(&unsynced->first);
    is_on_disk(&unsynced->since);
    return OK;
}

enum outcome unsynced_sync_when_due(struct unsynced *unsynced, struct store *store, int64_t wait_ms,
                                    struct error *error)
{
    if (clock_left(unsynced_due_ms(unsynced)) > 0)
        return OK;
    if (!store_is_synced(store, unsynced->first.ticket))
        return unsynced_sync(unsynced, store, wait_ms, error);
    is_on_disk(&unsynced->first);
    struct unsynced_part emptied = unsynced->first;
    unsynced->first = unsynced->since;
    unsynced->since = emptied;
    unsynced->by_ms = clock_deadline(UNSYNCED_MS);
    return OK;
}
