/* courier.h - carries one callback to its URL over HTTP (libcurl)
 *
 * POST with Content-Type: application/json and the Standard Webhooks headers. What is delivered: a 2xx
 * answer. What is not followed: redirects, proxies of the environment. What is refused: any scheme but https
 * (http only to addresses that `allow` names), any address that is not public and not allowed, looked at when
 * the connection is opened, so after every name was resolved. Certificates are verified. The body of the
 * answer is thrown away.
 *
 * Thread safety: a struct courier belongs to one thread; any number of them may be at work at once.
 * courier_start once for the process before, as libcurl asks. */
#ifndef JOBGATE_COURIER_H
#define JOBGATE_COURIER_H

#include "outcome.h"
#include "webhook.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COURIER_WORDS_SIZE 256

struct courier;

struct courier_parcel {
    const char *url;
    const char *id; /* webhook-id: the same at every try */
    const void *body;
    size_t length;
    int64_t timestamp; /* of this try, seconds since 1970 UTC */
    const char *allow; /* callback_allow; see address.h */
    int64_t timeout_ms;
};

struct courier_receipt {
    bool delivered;
    bool give_up;                   /* 410, a refused address or scheme: trying again cannot help */
    int http_status;                /* 0 = no answer came */
    int64_t retry_after_ms;         /* what the answer asked for, 0 = nothing */
    char words[COURIER_WORDS_SIZE]; /* why it was not delivered; empty when it was */
};

enum outcome courier_start(struct error *error);
enum outcome courier_open(const struct webhook_secret *secret, struct courier **courier, struct error *error);
void courier_close(struct courier *courier); /* NULL is legal */

/* OK whenever the try came to an end, whatever the end was: see *receipt. NOMEM. */
enum outcome courier_carry(struct courier *courier, const struct courier_parcel *parcel,
                           struct courier_receipt *receipt, struct error *error);

#endif
