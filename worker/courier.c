#include "config.h"
#include "courier.h"

#include "address.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ANSWER_MOST 65536 /* bytes of an answer that are read before the connection is closed */

struct courier {
    CURL *handle;
    struct webhook_secret secret;
    char error_text[CURL_ERROR_SIZE];
    /* of the try under way */
    const struct courier_parcel *parcel;
    size_t answer_length;
    char refused[ADDRESS_TEXT_SIZE + 64]; /* words, when an address was refused */
};

enum outcome courier_start(struct error *error)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    return code == CURLE_OK ? OK : error_set(error, NOMEM, "libcurl: %s", curl_easy_strerror(code));
}

static bool is_https(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0;
}

/* libcurl asks for a socket to this very address: the last moment to say no, and the only one that a name
 * which resolves differently each time cannot get round. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct courier *courier = context;
    char text[ADDRESS_TEXT_SIZE];
    bool listed = address_is_listed(&address->addr, courier->parcel->allow);
    address_format(&address->addr, text);
    if (!listed && !address_is_public(&address->addr)) {
        snprintf(courier->refused, sizeof courier->refused,
                 "%s is no public address and callback_allow does not name it", text);
        return CURL_SOCKET_BAD;
    }
    if (!listed && !is_https(courier->parcel->url)) {
        snprintf(courier->refused, sizeof courier->refused,
                 "http is only for addresses in callback_allow, not for %s", text);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct courier *courier = context;
    courier->answer_length += size * count;
    return courier->answer_length <= ANSWER_MOST ? size * count : CURL_WRITEFUNC_ERROR;
}

static void set_up(struct courier *courier)
{
    CURL *handle = courier->handle;
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, courier->error_text);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, courier);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, courier);
}

enum outcome courier_open(const struct webhook_secret *secret, struct courier **courier, struct error *error)
{
    struct courier *made = calloc(1, sizeof *made);
    if (made == NULL || (made->handle = curl_easy_init()) == NULL) {
        free(made);
        return error_set(error, NOMEM, "no memory for a callback");
    }
    made->secret = *secret;
    set_up(made);
    *courier = made;
    return OK;
}

void courier_close(struct courier *courier)
{
    if (courier == NULL)
        return;
    curl_easy_cleanup(courier->handle);
    explicit_bzero(&courier->secret, sizeof courier->secret);
    free(courier);
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[256];
    snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

/* NULL when memory is short. */
static struct curl_slist *headers_of(const struct courier *courier, const struct courier_parcel *parcel)
{
    char timestamp[24];
    char signature[WEBHOOK_SIGNATURE_SIZE];
    struct curl_slist *list = NULL;
    snprintf(timestamp, sizeof timestamp, "%" PRId64, parcel->timestamp);
    webhook_sign(&courier->secret, parcel->id, parcel->timestamp, parcel->body, parcel->length, signature);
    if (add_header(&list, "Content-Type", "application/json") &&
        add_header(&list, "webhook-id", parcel->id) && add_header(&list, "webhook-timestamp", timestamp) &&
        add_header(&list, "webhook-signature", signature) &&
        add_header(&list, "Expect", "")) /* else a large body waits a second for 100 Continue */
        return list;
    curl_slist_free_all(list);
    return NULL;
}

static void no_answer(const struct courier *courier, CURLcode code, struct courier_receipt *receipt)
{
    if (courier->refused[0] != '\0') {
        receipt->give_up = true;
        snprintf(receipt->words, sizeof receipt->words, "refused: %s", courier->refused);
        return;
    }
    receipt->give_up = code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT;
    snprintf(receipt->words, sizeof receipt->words, "%s",
             courier->error_text[0] != '\0' ? courier->error_text : curl_easy_strerror(code));
}

static void judge(struct courier *courier, CURLcode code, struct courier_receipt *receipt)
{
    long status = 0;
    curl_off_t retry_after = 0;
    *receipt = (struct courier_receipt){0};
    curl_easy_getinfo(courier->handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(courier->handle, CURLINFO_RETRY_AFTER, &retry_after);
    bool cut =
        code == CURLE_WRITE_ERROR && courier->answer_length > ANSWER_MOST; /* a chatty answer is one, too */
    if (code != CURLE_OK && !cut) {
        no_answer(courier, code, receipt);
        return;
    }
    receipt->http_status = (int)status;
    receipt->delivered = status >= 200 && status < 300;
    receipt->give_up = status == 410; /* Standard Webhooks: the receiver wants no more of it */
    receipt->retry_after_ms =
        retry_after > 0 && retry_after < INT64_MAX / 1000 ? (int64_t)retry_after * 1000 : 0;
    if (status >= 300 && status < 400)
        snprintf(receipt->words, sizeof receipt->words, "HTTP %ld: redirects are not followed", status);
    else if (!receipt->delivered)
        snprintf(receipt->words, sizeof receipt->words, "HTTP %ld", status);
}

enum outcome courier_carry(struct courier *courier, const struct courier_parcel *parcel,
                           struct courier_receipt *receipt, struct error *error)
{
    struct curl_slist *headers = headers_of(courier, parcel);
    if (headers == NULL)
        return error_set(error, NOMEM, "no memory for a callback");
    courier->parcel = parcel;
    courier->answer_length = 0;
    courier->refused[0] = '\0';
    courier->error_text[0] = '\0';
    curl_easy_setopt(courier->handle, CURLOPT_URL, parcel->url);
    curl_easy_setopt(courier->handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(courier->handle, CURLOPT_POSTFIELDS, parcel->body);
    curl_easy_setopt(courier->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)parcel->length);
    curl_easy_setopt(courier->handle, CURLOPT_TIMEOUT_MS, (long)parcel->timeout_ms);
    CURLcode code = curl_easy_perform(courier->handle);
    judge(courier, code, receipt);
    curl_easy_setopt(courier->handle, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    courier->parcel = NULL;
    return OK;
}
