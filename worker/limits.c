#include "config.h"
#include "limits.h"

#include <string.h>

/* Between the soft limit's SIGXCPU, which a function may use to end in order, and the hard one's SIGKILL. */
#define CPU_GRACE_SECONDS 5

static void add(struct spawn_plan *plan, int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0) {
        hard = hard < now.rlim_max ? hard : now.rlim_max;
        soft = soft < hard ? soft : hard;
    }
    plan->limits[plan->limit_count++] = (struct spawn_limit){resource, {.rlim_cur = soft, .rlim_max = hard}};
}

rlim_t limits_mark(const struct job_id *id)
{
    uint64_t random;
    memcpy(&random, id->bytes + JOB_ID_BYTES - sizeof random, sizeof random);
    return (rlim_t)((random >> 3) | (UINT64_C(1) << 61));
}

static void add_mark(struct spawn_plan *plan, const struct job_id *id)
{
    struct rlimit now;
    rlim_t mark = limits_mark(id);
    if (getrlimit(LIMITS_MARK_RESOURCE, &now) == 0 && mark <= now.rlim_max)
        add(plan, LIMITS_MARK_RESOURCE, mark, mark);
}

void limits_plan(const struct function_settings *settings, const struct job_id *id, struct spawn_plan *plan)
{
    plan->limit_count = 0;
    add_mark(plan, id);
    add(plan, RLIMIT_CORE, 0, 0);
    if (settings->memory > 0)
        add(plan, RLIMIT_AS, (rlim_t)settings->memory, (rlim_t)settings->memory);
    if (settings->cpu_ms > 0) {
        rlim_t seconds = ((rlim_t)settings->cpu_ms + 999) / 1000;
        add(plan, RLIMIT_CPU, seconds, seconds + CPU_GRACE_SECONDS);
    }
    if (settings->file_size > 0)
        add(plan, RLIMIT_FSIZE, (rlim_t)settings->file_size, (rlim_t)settings->file_size);
    if (settings->processes > 0)
        add(plan, RLIMIT_NPROC, (rlim_t)settings->processes, (rlim_t)settings->processes);
}
