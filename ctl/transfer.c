/* transfer.c - export, import: jobs with all that they have, a JSON object on a line
 *
 * For another store, another version of the database library, or a look with other tools. Bytes that are no UTF-8 stand
 * under NAMEBase64 instead of NAME. Times are milliseconds since 1970. One table of fields says what is written and what is
 * read. */
#include "config.h"
#include "command.h"

#include "clock.h"
#include "output.h"
#include "selection.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define LINE_MOST  (512 << 20)
#define LOG_STEP   (1 << 20)
#define SYNC_EVERY 200 /* jobs */

enum field_kind { FIELD_I64 = 1, FIELD_U64, FIELD_U32, FIELD_I32, FIELD_BOOL, FIELD_TEXT };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    size_t size; /* FIELD_TEXT */
};

#define JOB(kind, name, member)                                                                              \
    {                                                                                                        \
        name, kind, offsetof(struct job, member), sizeof(((struct job *)0)->member)                          \
    }
#define ATTEMPT(kind, name, member)                                                                          \
    {                                                                                                        \
        name, kind, offsetof(struct job_attempt, member), sizeof(((struct job_attempt *)0)->member)          \
    }
#define DELIVERY(kind, name, member)                                                                         \
    {                                                                                                        \
        name, kind, offsetof(struct store_delivery, member), sizeof(((struct store_delivery *)0)->member)    \
    }

static const struct field job_fields[] = {JOB(FIELD_U64, "revision", revision),
                                          JOB(FIELD_TEXT, "function", function),
                                          JOB(FIELD_I64, "createdMs", created_ms),
                                          JOB(FIELD_I64, "firstDueMs", first_due_ms),
                                          JOB(FIELD_I64, "dueMs", due_ms),
                                          JOB(FIELD_I64, "startedMs", started_ms),
                                          JOB(FIELD_I64, "finishedMs", finished_ms),
                                          JOB(FIELD_I64, "expiresMs", expires_ms),
                                          JOB(FIELD_U32, "attempts", attempts),
                                          JOB(FIELD_U32, "failures", failures),
                                          JOB(FIELD_U32, "interruptions", interruptions),
                                          JOB(FIELD_I32, "progressPercent", progress_percent),
                                          JOB(FIELD_TEXT, "progressMessage", progress_message),
                                          JOB(FIELD_TEXT, "errorType", error_type),
                                          JOB(FIELD_TEXT, "errorMessage", error_message),
                                          JOB(FIELD_TEXT, "resultType", result_type),
                                          JOB(FIELD_U64, "logSize", log_size),
                                          JOB(FIELD_BOOL, "waitsForRetry", waits_for_retry),
                                          JOB(FIELD_BOOL, "cancelRequested", cancel_requested),
                                          JOB(FIELD_TEXT, "cancelReason", cancel_reason),
                                          JOB(FIELD_TEXT, "cancelledBy", cancelled_by),
                                          JOB(FIELD_TEXT, "caller", caller),
                                          JOB(FIELD_TEXT, "callbackUrl", callback_url),
                                          JOB(FIELD_TEXT, "destination", destination),
                                          JOB(FIELD_TEXT, "traceparent", traceparent),
                                          JOB(FIELD_BOOL, "rawEvent", raw_event),
                                          JOB(FIELD_BOOL, "purged", purged),
                                          {0}};

static const struct field attempt_fields[] = {ATTEMPT(FIELD_U32, "number", number),
                                              ATTEMPT(FIELD_I64, "startedMs", started_ms),
                                              ATTEMPT(FIELD_I64, "finishedMs", finished_ms),
                                              ATTEMPT(FIELD_I32, "exitStatus", exit_status),
                                              ATTEMPT(FIELD_I32, "signal", signal),
                                              ATTEMPT(FIELD_TEXT, "errorType", error_type),
                                              ATTEMPT(FIELD_TEXT, "errorMessage", error_message),
                                              ATTEMPT(FIELD_U64, "cpuUs", cpu_us),
                                              ATTEMPT(FIELD_U64, "peakMemoryKiB", peak_memory_kib),
                                              ATTEMPT(FIELD_U64, "logOffset", log_offset),
                                              {0}};

static const struct field delivery_fields[] = {
    DELIVERY(FIELD_U32, "tries", tries),      DELIVERY(FIELD_I64, "dueMs", due_ms),
    DELIVERY(FIELD_I64, "endedMs", ended_ms), DELIVERY(FIELD_I32, "httpStatus", http_status),
    DELIVERY(FIELD_TEXT, "words", words),     {0}};

/* ---- out ---- */

static void add_fields(struct json_object *object, const struct field *field, const void *record)
{
    for (; field->name != NULL; field++) {
        const char *at = (const char *)record + field->offset;
        switch (field->kind) {
        case FIELD_I64:
            json_add_integer(object, field->name, *(const int64_t *)(const void *)at);
            break;
        case FIELD_U64:
            json_add_integer(object, field->name, (int64_t) * (const uint64_t *)(const void *)at);
            break;
        case FIELD_U32:
            json_add_integer(object, field->name, *(const uint32_t *)(const void *)at);
            break;
        case FIELD_I32:
            json_add_integer(object, field->name, *(const int32_t *)(const void *)at);
            break;
        case FIELD_BOOL:
            json_add_boolean(object, field->name, *(const bool *)(const void *)at);
            break;
        case FIELD_TEXT:
            json_add_text(object, field->name, at);
            break;
        }
    }
}

static void add_bytes(struct json_object *object, const char *name, const char *base64_name,
                      const struct buffer *bytes)
{
    if (json_utf8_is_valid(bytes->data, bytes->length)) {
        json_add(object, name, json_object_new_string_len(bytes->data, (int)bytes->length));
        return;
    }
    struct buffer encoded = {0};
    size_t size = BASE64_ENCODE_RAW_LENGTH(bytes->length);
    char *room = buffer_reserve(&encoded, size);
    if (room != NULL) {
        base64_encode_raw(room, bytes->length, (const uint8_t *)bytes->data);
        json_add(object, base64_name, json_object_new_string_len(room, (int)size));
    }
    buffer_free(&encoded);
}

/* The whole of the kept log; what was dropped before it is told by logSize. */
static enum outcome read_log(struct control *control, const struct job_id *id, struct buffer *log,
                             struct error *error)
{
    uint64_t offset = 0, size = 1;
    enum outcome outcome = OK;
    while (outcome == OK && offset < size) {
        uint64_t start;
        size_t before = log->length;
        outcome =
            store_log(control->store, id, offset, LOG_STEP, control_deadline(), log, &start, &size, error);
        if (outcome == OK && start > offset && before > 0) { /* a gap: only what is behind it is one piece */
            buffer_consume(log, before);
            before = 0;
        }
        offset = start + log->length - before;
    }
    return outcome == NOTFOUND ? OK : outcome;
}

struct content {
    struct buffer event, result, log;
    struct job_attempt *attempts;
    size_t attempt_count;
    struct store_delivery deliveries[STORE_TARGETS];
    size_t delivery_count;
};

static void free_content(struct content *content)
{
    buffer_free(&content->event);
    buffer_free(&content->result);
    buffer_free(&content->log);
    free(content->attempts);
}

static enum outcome read_content(struct control *control, const struct job *job, struct content *content,
                                 struct error *error)
{
    struct store *store = control->store;
    const struct job_id *id = &job->id;
    enum outcome outcome = store_event(store, id, control_deadline(), &content->event, error);
    if (outcome == OK || outcome == NOTFOUND)
        outcome = store_result(store, id, control_deadline(), &content->result, error);
    if (outcome == OK || outcome == NOTFOUND)
        outcome = read_log(control, id, &content->log, error);
    if (outcome == OK)
        outcome =
            store_attempts(store, id, control_deadline(), &content->attempts, &content->attempt_count, error);
    if (outcome == OK)
        outcome = store_deliveries(store, id, control_deadline(), content->deliveries,
                                   &content->delivery_count, error);
    return outcome;
}

static struct json_object *attempts_list(const struct content *content)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < content->attempt_count; i++) {
        struct json_object *entry = json_object_new_object();
        add_fields(entry, attempt_fields, &content->attempts[i]);
        json_object_array_add(list, entry);
    }
    return list;
}

static struct json_object *deliveries_list(const struct content *content)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < content->delivery_count; i++) {
        struct json_object *entry = json_object_new_object();
        json_add_text(entry, "target", store_target_name(content->deliveries[i].target));
        json_add_text(entry, "state", store_delivery_state_name(content->deliveries[i].state));
        add_fields(entry, delivery_fields, &content->deliveries[i]);
        json_object_array_add(list, entry);
    }
    return list;
}

static struct json_object *job_line(const struct job *job, const struct content *content)
{
    struct json_object *line = json_object_new_object();
    char id[JOB_ID_TEXT_SIZE];
    json_add_integer(line, "jobgate", 1);
    json_add_text(line, "jobId", job_id_format(&job->id, id));
    json_add_text(line, "status", job_status_name(job->status));
    if (job->has_retry_of)
        json_add_text(line, "retryOf", job_id_format(&job->retry_of, id));
    add_fields(line, job_fields, job);
    if (content->event.length > 0)
        add_bytes(line, "event", "eventBase64", &content->event);
    if (content->result.length > 0)
        add_bytes(line, "result", "resultBase64", &content->result);
    if (content->log.length > 0)
        add_bytes(line, "log", "logBase64", &content->log);
    json_add(line, "attemptDetails", attempts_list(content));
    json_add(line, "deliveries", deliveries_list(content));
    return line;
}

/* ---- export ---- */

static struct selection exported;

struct exporting {
    struct control *control;
    FILE *file;
    struct progress bar;
    uint64_t done;
};

static bool write_line(FILE *file, struct json_object *line)
{
    struct buffer text = {0};
    json_print(line, &text);
    buffer_append_text(&text, "\n");
    bool written = !text.failed && fwrite(text.data, 1, text.length, file) == text.length;
    buffer_free(&text);
    return written;
}

static int export_job(void *context, const struct job *listed)
{
    struct exporting *exporting = context;
    struct content content = {.delivery_count = 0};
    struct error error = {0};
    struct job job;
    int status = 0;
    enum outcome outcome =
        store_get(exporting->control->store, &listed->id, control_deadline(), &job, &error);
    if (outcome == NOTFOUND || outcome == GONE) /* expired since */
        return 0;
    if (outcome == OK)
        outcome = read_content(exporting->control, &job, &content, &error);
    if (outcome != OK && outcome != NOTFOUND && outcome != GONE)
        status = control_fail(outcome, &error);
    else if (outcome == OK && !write_line(exporting->file, job_line(&job, &content)))
        status = control_refuse(EX_IOERR, "the export could not be written: %s", strerror(errno));
    exporting->done += outcome == OK;
    free_content(&content);
    progress_show(&exporting->bar, exporting->done, 0, "jobs");
    return status;
}

/* Opened with the caller's own rights. */
static FILE *transfer_file;

static int prepare_export(struct control *control)
{
    const char *path = control->count > 0 ? control->arguments[0] : "-";
    transfer_file = stdout;
    if (strcmp(path, "-") != 0) {
        int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        transfer_file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    }
    return transfer_file != NULL ? 0 : control_refuse(EX_CANTCREAT, "%s: %s", path, strerror(errno));
}

static int run_export(struct control *control)
{
    struct exporting exporting = {.control = control, .file = transfer_file, .bar = {.what = "exporting"}};
    int status = selection_each(control, &exported, export_job, &exporting, NULL);
    progress_end(&exporting.bar);
    if (fflush(transfer_file) != 0 || (transfer_file != stdout && fsync(fileno(transfer_file)) != 0))
        status = status != 0
                     ? status
                     : control_refuse(EX_IOERR, "the export could not be written: %s", strerror(errno));
    if (transfer_file != stdout) {
        fclose(transfer_file);
        if (status == 0)
            printf("%" PRIu64 " jobs\n", exporting.done);
    }
    return status;
}

static const struct command_option export_options[] = {
    SELECTION_OPTIONS(exported),
    {"limit", OPTION_NUMBER, "N", "at most so many, the newest; 0 = all (0)", &exported.limit},
    {0}};

const struct command export_command = {
    .name = "export",
    .arguments = "[FILE]",
    .summary = "jobs with all that they have, a JSON object on a line",
    .help = "Writes jobs, newest first, with event, result, log, attempts and deliveries, to a new\n"
            "file or to standard output. Others go on meanwhile.",
    .most = 1,
    .needs = NEEDS_READING,
    .options = export_options,
    .prepare = prepare_export,
    .run = run_export,
};

/* ---- in ---- */

static enum outcome wrong_field(const char *name, struct error *error)
{
    return error_set(error, INVALID, "\"%s\" is not as export writes it", name);
}

static enum outcome take_number(struct json_object *value, const struct field *field, char *at,
                                struct error *error)
{
    int64_t number = json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_int))
        return wrong_field(field->name, error);
    bool fits = field->kind == FIELD_I64 || (field->kind == FIELD_U64 && number >= 0) ||
                (field->kind == FIELD_U32 && number >= 0 && number <= UINT32_MAX) ||
                (field->kind == FIELD_I32 && number >= INT32_MIN && number <= INT32_MAX);
    if (!fits)
        return wrong_field(field->name, error);
    if (field->kind == FIELD_I64 || field->kind == FIELD_U64)
        memcpy(at, &number, sizeof number);
    else {
        uint32_t narrow = (uint32_t)number;
        memcpy(at, &narrow, sizeof narrow);
    }
    return OK;
}

static enum outcome take_field(struct json_object *value, const struct field *field, void *record,
                               struct error *error)
{
    char *at = (char *)record + field->offset;
    if (field->kind == FIELD_BOOL) {
        *(bool *)(void *)at = json_object_get_boolean(value) != 0;
        return json_object_is_type(value, json_type_boolean) ? OK : wrong_field(field->name, error);
    }
    if (field->kind != FIELD_TEXT)
        return take_number(value, field, at, error);
    size_t length = (size_t)json_object_get_string_len(value);
    if (!json_object_is_type(value, json_type_string) || length >= field->size ||
        strlen(json_object_get_string(value)) != length)
        return wrong_field(field->name, error);
    memcpy(at, json_object_get_string(value), length + 1);
    return OK;
}

static enum outcome take_fields(struct json_object *object, const struct field *field, void *record,
                                struct error *error)
{
    enum outcome outcome = OK;
    for (; outcome == OK && field->name != NULL; field++) {
        struct json_object *value;
        if (json_object_object_get_ex(object, field->name, &value))
            outcome = take_field(value, field, record, error);
    }
    return outcome;
}

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static enum outcome take_bytes(struct json_object *object, const char *name, const char *base64_name,
                               struct buffer *bytes, struct error *error)
{
    struct json_object *value;
    struct base64_decode_ctx context;
    if (json_object_object_get_ex(object, name, &value)) {
        buffer_append(bytes, json_object_get_string(value), (size_t)json_object_get_string_len(value));
        return json_object_is_type(value, json_type_string) && !bytes->failed ? OK : wrong_field(name, error);
    }
    const char *text = text_of(object, base64_name);
    if (text == NULL)
        return OK;
    size_t length = strlen(text), size = BASE64_DECODE_LENGTH(length);
    char *room = buffer_reserve(bytes, size);
    base64_decode_init(&context);
    if (room == NULL || !base64_decode_update(&context, &size, (uint8_t *)room, length, text) ||
        !base64_decode_final(&context))
        return wrong_field(base64_name, error);
    buffer_grown(bytes, size);
    return OK;
}

static enum outcome take_attempts(struct json_object *line, struct content *content, struct error *error)
{
    struct json_object *list;
    if (!json_object_object_get_ex(line, "attemptDetails", &list))
        return OK;
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    content->attempts = calloc(count + 1, sizeof *content->attempts);
    enum outcome outcome = content->attempts != NULL ? OK : error_set(error, NOMEM, "no memory");
    for (size_t i = 0; outcome == OK && i < count; i++)
        outcome = take_fields(json_object_array_get_idx(list, i), attempt_fields,
                              &content->attempts[content->attempt_count++], error);
    return outcome;
}

static bool take_names(struct json_object *object, struct store_delivery *delivery)
{
    const char *target = text_of(object, "target"), *state = text_of(object, "state");
    for (int i = TARGET_CALLBACK; target != NULL && i <= STORE_TARGETS; i++)
        if (strcmp(target, store_target_name((enum store_target)i)) == 0)
            delivery->target = (enum store_target)i;
    for (int i = DELIVERY_WAITS; state != NULL && i <= DELIVERY_GIVEN_UP; i++)
        if (strcmp(state, store_delivery_state_name((enum store_delivery_state)i)) == 0)
            delivery->state = (enum store_delivery_state)i;
    return delivery->target != 0 && delivery->state != 0;
}

static enum outcome take_deliveries(struct json_object *line, const struct job *job, struct content *content,
                                    struct error *error)
{
    struct json_object *list;
    if (!json_object_object_get_ex(line, "deliveries", &list) || !json_object_is_type(list, json_type_array))
        return OK;
    enum outcome outcome = OK;
    for (size_t i = 0; outcome == OK && i < json_object_array_length(list) && i < STORE_TARGETS; i++) {
        struct store_delivery *delivery = &content->deliveries[content->delivery_count++];
        *delivery = (struct store_delivery){.job = job->id};
        outcome = take_names(json_object_array_get_idx(list, i), delivery)
                      ? take_fields(json_object_array_get_idx(list, i), delivery_fields, delivery, error)
                      : wrong_field("deliveries", error);
    }
    return outcome;
}

static enum outcome take_head(struct json_object *line, struct job *job, struct error *error)
{
    struct json_object *version;
    const char *id = text_of(line, "jobId"), *status = text_of(line, "status"),
               *retry_of = text_of(line, "retryOf");
    if (!json_object_object_get_ex(line, "jobgate", &version) || json_object_get_int(version) != 1)
        return error_set(error, INVALID,
                         "it has no \"jobgate\": 1, so it is no job of an export of this version");
    if (id == NULL || job_id_parse(id, strlen(id), &job->id) != OK)
        return wrong_field("jobId", error);
    job->status = status != NULL ? job_status_parse(status) : 0;
    if (job->status == 0)
        return wrong_field("status", error);
    job->has_retry_of = retry_of != NULL;
    if (job->has_retry_of && job_id_parse(retry_of, strlen(retry_of), &job->retry_of) != OK)
        return wrong_field("retryOf", error);
    return OK;
}

static enum outcome check_job(struct job *job, const struct content *content, struct error *error)
{
    if (!job_function_name_is_valid(job->function))
        return wrong_field("function", error);
    if (content->log.length > job->log_size)
        return wrong_field("logSize", error);
    if (job_status_is_terminal(job->status) && (job->finished_ms <= 0 || job->expires_ms <= 0))
        return wrong_field("expiresMs", error);
    if (!job->purged && content->event.length == 0)
        return wrong_field("event", error);
    job->event_size = content->event.length;
    job->result_size = content->result.length;
    return OK;
}

static enum outcome take_line(struct json_object *line, struct job *job, struct content *content,
                              struct error *error)
{
    *job = (struct job){.progress_percent = -1};
    if (!json_object_is_type(line, json_type_object))
        return error_set(error, INVALID, "it is no object");
    enum outcome outcome = take_head(line, job, error);
    if (outcome == OK)
        outcome = take_fields(line, job_fields, job, error);
    if (outcome == OK)
        outcome = take_bytes(line, "event", "eventBase64", &content->event, error);
    if (outcome == OK)
        outcome = take_bytes(line, "result", "resultBase64", &content->result, error);
    if (outcome == OK)
        outcome = take_bytes(line, "log", "logBase64", &content->log, error);
    if (outcome == OK)
        outcome = take_attempts(line, content, error);
    if (outcome == OK)
        outcome = take_deliveries(line, job, content, error);
    return outcome == OK ? check_job(job, content, error) : outcome;
}

/* ---- import ---- */

struct importing {
    struct control *control;
    struct store_ticket ticket;
    uint64_t lines, done, skipped, read, total;
    struct progress bar;
};

/* CONFLICT: it is there already. */
static enum outcome import_text(struct importing *importing, const char *text, size_t length,
                                struct error *error)
{
    struct json_object *line = NULL;
    struct content content = {.delivery_count = 0};
    struct job job;
    enum outcome outcome = json_parse(text, length, &line, error);
    if (outcome == OK)
        outcome = take_line(line, &job, &content, error);
    if (outcome == OK) {
        bool has_result = job.result_type[0] != '\0' && !job.purged;
        struct store_import import = {
            .job = job,
            .event = content.event.length > 0 ? content.event.data : NULL,
            .event_size = content.event.length,
            .result = has_result ? (content.result.length > 0 ? content.result.data : "") : NULL,
            .result_size = content.result.length,
            .log = content.log.data,
            .log_size = content.log.length,
            .attempts = content.attempts,
            .attempt_count = content.attempt_count,
            .deliveries = content.deliveries,
            .delivery_count = content.delivery_count,
        };
        outcome =
            store_import(importing->control->store, &import, control_deadline(), &importing->ticket, error);
    }
    json_object_put(line);
    free_content(&content);
    return outcome;
}

static int import_line(struct importing *importing, const char *text, size_t length)
{
    struct error error = {0}, words = {0};
    importing->lines++;
    if (length == 0)
        return 0;
    enum outcome outcome = length <= LINE_MOST ? import_text(importing, text, length, &words)
                                               : error_set(&words, INVALID, "it is too long");
    importing->done += outcome == OK;
    importing->skipped += outcome == CONFLICT;
    if (outcome != OK && outcome != CONFLICT) {
        error_set(&error, outcome, "line %" PRIu64 ": %.400s", importing->lines, words.text);
        return control_fail(outcome, &error);
    }
    if (importing->done % SYNC_EVERY == SYNC_EVERY - 1) {
        outcome = store_sync(importing->control->store, importing->ticket, control_deadline(), &error);
        if (outcome != OK)
            return control_fail(outcome, &error);
    }
    progress_show(&importing->bar, importing->total > 0 ? importing->read : importing->done, importing->total,
                  "jobs");
    return 0;
}

static int prepare_import(struct control *control)
{
    const char *path = control->count > 0 ? control->arguments[0] : "-";
    transfer_file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    return transfer_file != NULL ? 0 : control_refuse(EX_NOINPUT, "%s: %s", path, strerror(errno));
}

static int tell_import(struct importing *importing)
{
    if (importing->control->json) {
        struct json_object *document = json_object_new_object();
        json_add_integer(document, "imported", (int64_t)importing->done);
        json_add_integer(document, "skipped", (int64_t)importing->skipped);
        return output_json(document);
    }
    printf("%" PRIu64 " jobs", importing->done);
    if (importing->skipped > 0)
        printf(", %" PRIu64 " were there already", importing->skipped);
    fputs("\n", stdout);
    return 0;
}

static int run_import(struct control *control)
{
    struct importing importing = {.control = control, .bar = {.what = "importing"}};
    struct stat file;
    struct error error;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int status = 0;
    if (fstat(fileno(transfer_file), &file) == 0 && S_ISREG(file.st_mode))
        importing.total = (uint64_t)file.st_size;
    while (status == 0 && (length = getline(&line, &room, transfer_file)) >= 0) {
        importing.read += (uint64_t)length;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            length--;
        status = import_line(&importing, line, (size_t)length);
    }
    free(line);
    progress_end(&importing.bar);
    if (status == 0 && ferror(transfer_file))
        status = control_refuse(EX_IOERR, "the file could not be read: %s", strerror(errno));
    if (store_sync(control->store, importing.ticket, control_deadline(), &error) != OK)
        return control_fail(UNAVAILABLE, &error);
    if (importing.done > 0)
        control_wake(control);
    int told = tell_import(&importing);
    return status != 0 ? status : told;
}

const struct command import_command = {
    .name = "import",
    .arguments = "[FILE]",
    .summary = "jobs that export has written",
    .help = "Reads jobs from a file or from standard input and puts them into the store, with the\n"
            "ids and the states that they had; one that ran is queued. A job whose id is there is\n"
            "left as it is, so an import can be repeated. Idempotency keys do not travel.",
    .most = 1,
    .needs = NEEDS_WRITING,
    .prepare = prepare_import,
    .run = run_import,
};
