#include "config.h"
#include "webhook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PREFIX      "whsec_"
#define MADE_LENGTH 32 /* bytes of a secret of our own making */

enum outcome webhook_secret_parse(const char *text, struct webhook_secret *secret, struct error *error)
{
    size_t prefix = strlen(PREFIX);
    size_t length = strlen(text);
    struct base64_decode_ctx context;
    uint8_t bytes[BASE64_DECODE_LENGTH(WEBHOOK_SECRET_TEXT)];
    size_t decoded = sizeof bytes;
    base64_decode_init(&context);
    if (length >= WEBHOOK_SECRET_TEXT || strncmp(text, PREFIX, prefix) != 0 ||
        !base64_decode_update(&context, &decoded, bytes, length - prefix, text + prefix) ||
        !base64_decode_final(&context) || decoded < WEBHOOK_SECRET_LEAST || decoded > WEBHOOK_SECRET_MOST)
        return error_set(error, INVALID, "a webhook secret is \"whsec_\" and base64 of %d to %d bytes",
                         WEBHOOK_SECRET_LEAST, WEBHOOK_SECRET_MOST);
    memcpy(secret->bytes, bytes, decoded);
    secret->length = decoded;
    return OK;
}

static enum outcome make_secret(char *text, struct error *error)
{
    uint8_t bytes[MADE_LENGTH];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set_errno(error, IO, errno, "no random bytes for a webhook secret");
    memcpy(text, PREFIX, strlen(PREFIX));
    base64_encode_raw(text + strlen(PREFIX), sizeof bytes, bytes);
    text[strlen(PREFIX) + BASE64_ENCODE_RAW_LENGTH(sizeof bytes)] = '\0';
    return OK;
}

/* Writes a file of another name first and links it into place: whoever reads `path` sees a whole secret or
 * none, and the first of two makers wins. */
static enum outcome store_secret(const char *path, struct error *error)
{
    char text[WEBHOOK_SECRET_TEXT];
    char draft[PATH_MAX];
    enum outcome outcome = make_secret(text, error);
    if (outcome != OK)
        return outcome;
    if (snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid()) >= (int)sizeof draft)
        return error_set(error, IO, "%s: the name is too long", path);
    int file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return error_set_errno(error, IO, errno, "%s", draft);
    bool written = dprintf(file, "%s\n", text) == (int)strlen(text) + 1 && fsync(file) == 0;
    int reason = errno;
    close(file);
    if (written && (link(draft, path) == 0 || errno == EEXIST)) {
        unlink(draft);
        return OK;
    }
    if (written)
        reason = errno;
    unlink(draft);
    return error_set_errno(error, IO, reason, "%s: cannot keep the webhook secret", path);
}

static enum outcome read_secret(const char *path, char *text, size_t size, struct error *error)
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && errno == ELOOP)
        return error_set(error, INVALID, "%s is a symlink: remove it", path);
    if (file < 0)
        return error_set_errno(error, errno == ENOENT ? NOTFOUND : IO, errno, "%s", path);
    ssize_t length = read(file, text, size - 1);
    int reason = errno;
    close(file);
    if (length < 0)
        return error_set_errno(error, IO, reason, "%s", path);
    text[length] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return OK;
}

enum outcome webhook_secret_load(const char *data_dir, struct webhook_secret *secret, struct error *error)
{
    char path[PATH_MAX];
    char text[WEBHOOK_SECRET_TEXT + 2];
    if (snprintf(path, sizeof path, "%s/callback_secret", data_dir) >= (int)sizeof path)
        return error_set(error, IO, "%s: the name is too long", data_dir);
    enum outcome outcome = read_secret(path, text, sizeof text, error);
    if (outcome == NOTFOUND) {
        outcome = store_secret(path, error);
        if (outcome == OK)
            outcome = read_secret(path, text, sizeof text, error);
    }
    if (outcome != OK)
        return outcome;
    struct error why;
    if (webhook_secret_parse(text, secret, &why) != OK)
        return error_set(error, INVALID, "%s: %s; remove the file to have a new one made", path, why.text);
    return OK;
}

void webhook_sign(const struct webhook_secret *secret, const char *id, int64_t timestamp, const void *body,
                  size_t length, char *signature)
{
    struct hmac_sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char head[128];
    int head_length = snprintf(head, sizeof head, "%s.%" PRId64 ".", id, timestamp);
    hmac_sha256_set_key(&context, secret->length, secret->bytes);
    hmac_sha256_update(&context, (size_t)head_length, (const uint8_t *)head);
    hmac_sha256_update(&context, length, body);
    hmac_sha256_digest(&context, sizeof digest, digest);
    memcpy(signature, "v1,", 3);
    base64_encode_raw(signature + 3, sizeof digest, digest);
    signature[3 + BASE64_ENCODE_RAW_LENGTH(sizeof digest)] = '\0';
}
