#include "config.h"
#include "envelope.h"

#include <stdio.h>

char *envelope_head(const struct job *job, char *head)
{
    char id[JOB_ID_TEXT_SIZE];
    head[0] = '\0';
    if (!job->raw_event)
        snprintf(head, ENVELOPE_HEAD_SIZE, "{\"jobId\":\"%s\",\"body\":", job_id_format(&job->id, id));
    return head;
}

const char *envelope_tail(const struct job *job)
{
    return job->raw_event ? "" : "}";
}
