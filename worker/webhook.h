/* webhook.h - the signature of a callback
 *
 * Standard Webhooks (the open specification of that name, version 1): the headers webhook-id,
 * webhook-timestamp and webhook-signature; HMAC-SHA-256 over "id.timestamp.body"; a secret is "whsec_" and
 * base64 of 24 to 64 random bytes. Thread-safe. */
#ifndef JOBGATE_WEBHOOK_H
#define JOBGATE_WEBHOOK_H

#include "outcome.h"

#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_SECRET_MOST    64           /* bytes, by the specification */
#define WEBHOOK_SECRET_LEAST   24           /* bytes, by the specification */
#define WEBHOOK_SECRET_TEXT    (6 + 88 + 1) /* "whsec_", base64 of 64 bytes, NUL */
#define WEBHOOK_SIGNATURE_SIZE (3 + 44 + 1) /* "v1,", base64 of 32 bytes, NUL */

struct webhook_secret {
    uint8_t bytes[WEBHOOK_SECRET_MOST];
    size_t length;
};

/* INVALID with words when the text is not a whsec_ secret. */
enum outcome webhook_secret_parse(const char *text, struct webhook_secret *secret, struct error *error);

/* The installation's own secret: data_dir/callback_secret (mode 0600, one line). Made on first use; two
 * processes that make it at once get the same one. IO, or INVALID when the file holds something else. */
enum outcome webhook_secret_load(const char *data_dir, struct webhook_secret *secret, struct error *error);

/* `signature` has WEBHOOK_SIGNATURE_SIZE bytes: "v1,…". The timestamp is in seconds since 1970 UTC. */
void webhook_sign(const struct webhook_secret *secret, const char *id, int64_t timestamp, const void *body,
                  size_t length, char *signature);

#endif
