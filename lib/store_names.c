/* store_names.c - the names of what store.h speaks of, the same for whatever implements it */
#include "config.h"
#include "store.h"

#include <stdio.h>

const char *store_wait_reason_name(enum store_wait_reason reason)
{
    static const char *const names[] = {
        [WAITS_NEXT] = "next",     [WAITS_DELAY] = "delay",
        [WAITS_RETRY] = "retry",   [WAITS_CONCURRENCY] = "concurrency",
        [WAITS_PAUSED] = "paused", [WAITS_BUSY] = "busy",
    };

    return (unsigned)reason < sizeof names / sizeof names[0] ? names[reason] : NULL;
}

char *store_delivery_name(const struct store_delivery *delivery, char *name)
{
    char id[JOB_ID_TEXT_SIZE];

    snprintf(name, STORE_DELIVERY_NAME_SIZE, "%s-%s", job_id_format(&delivery->job, id),
             store_target_name(delivery->target));
    return name;
}

const char *store_target_name(enum store_target target)
{
    return target == TARGET_CALLBACK ? "callback" : "destination";
}

const char *store_delivery_state_name(enum store_delivery_state state)
{
    return state == DELIVERY_WAITS ? "WAITING" : state == DELIVERY_DONE ? "DELIVERED" : "GIVEN_UP";
}
