/* job_load.c - the reading half of job_rows.h */
#include "config.h"

#include "store_bdb/job_rows.h"

#include "store_bdb/record.h"
#include "store_bdb/table.h"

static enum outcome load_gone(struct transaction *transaction, const struct key *key, int64_t now_ms,
                              struct error *error)
{
    uint8_t bytes[RECORD_GONE_MAX];
    int64_t forget_ms;
    size_t size;
    enum outcome outcome = table_get(transaction, TABLE_GONE, key, bytes, sizeof bytes, &size, error);

    if (outcome != OK)
        return outcome;
    if (record_get_gone(bytes, size, &forget_ms) && now_ms >= forget_ms)
        return NOTFOUND;
    return GONE;
}

int64_t job_rows_forget_ms(const struct job *job)
{
    return job->expires_ms + (job->expires_ms - job->finished_ms);
}

enum outcome job_rows_load(struct transaction *transaction, const struct job_id *id, int64_t now_ms,
                           struct job *job, struct error *error)
{
    uint8_t bytes[RECORD_JOB_MAX];
    char text[JOB_ID_TEXT_SIZE];
    struct key key = key_of_id(id);
    size_t size;
    enum outcome outcome = table_get(transaction, TABLE_JOBS, &key, bytes, sizeof bytes, &size, error);

    if (outcome == NOTFOUND)
        return load_gone(transaction, &key, now_ms, error);
    if (outcome != OK)
        return outcome;
    if (!record_get_job(bytes, size, id, job))
        return error_set(error, IO, "the record of job %s is damaged or of a newer version",
                         job_id_format(id, text));
    if (now_ms <= 0 || job->expires_ms == 0 || now_ms < job->expires_ms)
        return OK;
    return now_ms < job_rows_forget_ms(job) ? GONE : NOTFOUND;
}
