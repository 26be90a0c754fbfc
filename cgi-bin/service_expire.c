#include "config.h"
#include "service.h"

#include "clock.h"

#define EXPIRE_BATCH       64
#define EXPIRE_DEADLINE_MS 2000

void service_expire(struct service *service)
{
    struct store *store = service_expire_is_due(service);
    unsigned removed = EXPIRE_BATCH;
    int64_t deadline = clock_deadline(EXPIRE_DEADLINE_MS);
    /* Small batches: the gate is free for others in between. */
    while (store != NULL && removed == EXPIRE_BATCH && clock_left(deadline) > 0)
        if (store_expire(store, clock_wall_ms(), EXPIRE_BATCH, deadline, &removed, NULL) != OK)
            return;
}
