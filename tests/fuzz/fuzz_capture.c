/* What a function writes: progress lines, log, result, in pieces of any size. Bounds hold, and texts are UTF-8. */
#include "config.h"
#include "fuzz.h"

#include "capture.h"
#include "json.h"

#define LOG_MOST    100
#define RESULT_MOST 400

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct progress_capture progress = {.percent = -1};
    struct log_capture log = {.most = LOG_MOST};
    struct result_capture result = {.most = RESULT_MOST};
    const char *at = (const char *)bytes, *kept, *type;
    size_t left = size, length;
    while (left > 0) {
        size_t piece = 1 + (unsigned char)*at % 61;
        piece = piece < left ? piece : left;
        progress_capture_take(&progress, at, piece);
        log_capture_take(&log, at, piece);
        result_capture_take(&result, at, piece);
        PROMISE(progress.percent >= -1 && progress.percent <= 100);
        PROMISE(json_utf8_is_valid(progress.message, strlen(progress.message)));
        PROMISE(log.pending.length <= 2 * LOG_MOST);
        at += piece;
        left -= piece;
    }
    progress_capture_finish(&progress);
    PROMISE(json_utf8_is_valid(progress.message, strlen(progress.message)));
    PROMISE(log.skipped + log.pending.length == size);
    PROMISE(result.too_large == (size > RESULT_MOST));
    result_capture_finish(&result, &kept, &length, &type);
    PROMISE(type != NULL || length == 0);
    if (type != NULL && strcmp(type, "application/json") == 0) {
        size_t offset;
        PROMISE(json_check(kept, length, &offset, NULL) == OK);
    }
    result_capture_free(&result);
    log_capture_free(&log);
    return 0;
}
