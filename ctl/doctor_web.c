/* doctor_web.c - the web server, as a client sees it
 *
 * Requests that a sound installation answers in one way only: whom a GET and a POST reach (jobgate-status answers a POST
 * with "Misrouted request"), whether an Authorization header arrives (a key that is none of ours is answered with 401 by
 * whoever sees it), and whether the server lets through what max_event_size allows. They run with a key made for this and
 * removed at once. X-Amz-Invocation-Type: DryRun submits nothing. */
#include "config.h"
#include "doctor.h"

#include "access.h"
#include "clock.h"
#include "output.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS   15000
#define ANSWER_MOST (64 << 10)
#define SEEN_MS     4000 /* running programs look at the keys once a second */
#define CURE_SIZE   (PATH_MAX + 512)

struct web {
    struct doctor *doctor;
    CURL *handle;
    const char *url;
    char key[ACCESS_SECRET_SIZE];
};

struct answer {
    long status; /* 0 = none */
    struct buffer body;
    char words[CURL_ERROR_SIZE];
};

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    if (answer->body.length + count <= ANSWER_MOST)
        buffer_append(&answer->body, bytes, count);
    return count;
}

static bool says(const struct answer *answer, const char *text)
{
    return answer->body.length > 0 && strstr(answer->body.data, text) != NULL;
}

/* `key` NULL = without one; `event` NULL = GET. */
static void ask(struct web *web, const char *path, const char *key, const struct buffer *event,
                struct answer *answer)
{
    char address[2048], authorization[128];
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    size_t length = strlen(web->url);
    while (length > 0 && web->url[length - 1] == '/')
        length--;
    snprintf(address, sizeof address, "%.*s%s", (int)length, web->url, path);
    *answer = (struct answer){.status = 0};
    curl_easy_reset(web->handle);
    curl_easy_setopt(web->handle, CURLOPT_URL, address);
    curl_easy_setopt(web->handle, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(web->handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(web->handle, CURLOPT_USERAGENT, "jobgatectl/" PACKAGE_VERSION);
    curl_easy_setopt(web->handle, CURLOPT_ERRORBUFFER, answer->words);
    curl_easy_setopt(web->handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(web->handle, CURLOPT_WRITEDATA, answer);
    if (key != NULL) {
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", key);
        headers = curl_slist_append(headers, authorization);
    }
    if (event != NULL) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        headers = curl_slist_append(headers, "X-Amz-Invocation-Type: DryRun");
        curl_easy_setopt(web->handle, CURLOPT_POST, 1L);
        curl_easy_setopt(web->handle, CURLOPT_POSTFIELDS, event->data);
        curl_easy_setopt(web->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)event->length);
    }
    curl_easy_setopt(web->handle, CURLOPT_HTTPHEADER, headers);
    if (curl_easy_perform(web->handle) == CURLE_OK)
        curl_easy_getinfo(web->handle, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_slist_free_all(headers);
}

static void forget(struct answer *answer)
{
    buffer_free(&answer->body);
}

/* ---- the checks ---- */

#define ROUTES                                                                                               \
    "the server's configuration: conf/ has it for lighttpd, Apache and nginx (README, Installing it)"

/* False: there is nobody to ask. */
static bool check_reachable(struct web *web)
{
    struct answer answer;
    ask(web, "/healthz", NULL, NULL, &answer);
    bool good = answer.status == 200 && says(&answer, "\"ok\"");
    if (answer.status == 0)
        doctor_tell(web->doctor, VERDICT_BAD, "server", "start the web server, or name the right --url",
                    "%s: %s", web->url, answer.words);
    else if (answer.status == 503 && !says(&answer, "\"error\""))
        doctor_tell(web->doctor, VERDICT_BAD, "server", "read its error log: it cannot start jobgate-status",
                    "GET /healthz gives %ld from the web server itself", answer.status);
    else if (!good)
        doctor_tell(web->doctor, VERDICT_BAD, "server", ROUTES,
                    "GET /healthz gives %ld and is not Jobgate's answer", answer.status);
    else
        doctor_tell(web->doctor, VERDICT_GOOD, "server", NULL, "%s answers", web->url);
    forget(&answer);
    return good;
}

static void check_ready(struct web *web)
{
    struct answer answer;
    ask(web, "/readyz", NULL, NULL, &answer);
    if (answer.status == 200)
        doctor_tell(web->doctor, VERDICT_GOOD, "ready", NULL,
                    "the server's programs open the store and could start a worker");
    else
        doctor_tell(
            web->doctor, VERDICT_BAD, "ready",
            "their log has the reason; do they run as the owner of data_dir, with this configuration?",
            "GET /readyz gives %ld: %.200s", answer.status, answer.body.length > 0 ? answer.body.data : "");
    forget(&answer);
}

static void check_routes(struct web *web)
{
    struct answer answer;
    struct buffer event = {0};
    buffer_append_text(&event, "{}");
    ask(web, "/job", NULL, &event, &answer);
    if (says(&answer, "Misrouted"))
        doctor_tell(web->doctor, VERDICT_BAD, "routes",
                    "send GET, HEAD and OPTIONS to jobgate-status and all else to jobgate-submit: " ROUTES,
                    "POST /job reaches jobgate-status");
    else if (answer.status == 204 || answer.status == 401 || answer.status == 404 ||
             says(&answer, "\"error\""))
        doctor_tell(web->doctor, VERDICT_GOOD, "routes", NULL,
                    "POST reaches jobgate-submit, GET jobgate-status");
    else
        doctor_tell(web->doctor, VERDICT_BAD, "routes", ROUTES,
                    "POST /job gives %ld and is not Jobgate's answer", answer.status);
    forget(&answer);
    buffer_free(&event);
}

/* A key that nobody has: who sees it says "not known"; who does not, asks for one or lets it pass as anonymous. */
static bool check_authorization(struct web *web)
{
    struct answer answer;
    ask(web, "/functions", "jg_none-such-key-asked-by-jobgatectl-doctor", NULL, &answer);
    bool arrives = answer.status == 401 && says(&answer, "not known");
    if (arrives)
        doctor_tell(web->doctor, VERDICT_GOOD, "authorization", NULL, "the header reaches Jobgate");
    else if (answer.status == 503)
        doctor_tell(web->doctor, VERDICT_BAD, "authorization", "see \"keys\" above, and the log",
                    "the server's programs cannot read the keys");
    else
        doctor_tell(web->doctor, VERDICT_BAD, "authorization",
                    "Apache keeps the header from programs: put \"CGIPassAuth On\" into the <Directory> of "
                    "the programs (in "
                    ".htaccess: SetEnvIf Authorization \"(.+)\" HTTP_AUTHORIZATION=$1). Till then callers "
                    "can send x-api-key",
                    "the Authorization header does not reach Jobgate: an unknown key gives %ld",
                    answer.status);
    forget(&answer);
    return arrives;
}

/* Until the programs have seen the key that was made a moment ago. */
static bool check_key(struct web *web)
{
    struct answer answer;
    int64_t deadline = clock_deadline(SEEN_MS);
    do {
        ask(web, "/functions", web->key, NULL, &answer);
        long status = answer.status;
        forget(&answer);
        if (status != 401) {
            doctor_tell(web->doctor, VERDICT_GOOD, "key", NULL, "a new key counts at once");
            return true;
        }
        clock_sleep_us(200000);
    } while (clock_left(deadline) > 0);
    doctor_tell(web->doctor, VERDICT_BAD, "key",
                "does the web server use this configuration (JOBGATE_CONFIG)?",
                "a key made with this configuration is not known there");
    return false;
}

/* A JSON string of so many bytes. */
static bool make_event(struct buffer *event, int64_t size)
{
    char *room = buffer_reserve(event, (size_t)size);
    if (room == NULL)
        return false;
    memset(room, 'x', (size_t)size);
    room[0] = room[size - 1] = '"';
    buffer_grown(event, (size_t)size);
    return true;
}

static void check_sizes(struct web *web)
{
    int64_t most = web->doctor->control->configuration->max_event_size;
    struct buffer event = {0};
    struct answer answer;
    char cure[CURE_SIZE];
    if (!make_event(&event, most)) {
        doctor_tell(web->doctor, VERDICT_WARNING, "size", "try with more memory",
                    "no memory for an event of %s", output_size((uint64_t)most));
        return;
    }
    ask(web, "/job", web->key, &event, &answer);
    snprintf(
        cure, sizeof cure,
        "raise the server's limit above %" PRId64 " bytes (lighttpd server.max-request-size, mod_fcgid "
        "FcgidMaxRequestLen, nginx client_max_body_size, Apache LimitRequestBody), or lower max_event_size",
        most);
    if (answer.status == 204 || (answer.status == 404 && says(&answer, "Function")))
        doctor_tell(web->doctor, VERDICT_GOOD, "size", NULL, "an event of max_event_size (%s) gets through",
                    output_size((uint64_t)most));
    else if (answer.status == 507 || answer.status == 429 || answer.status == 403)
        doctor_tell(web->doctor, VERDICT_WARNING, "size", "mend what is said above first",
                    "not tried to the end: %ld", answer.status);
    else
        doctor_tell(web->doctor, VERDICT_BAD, "size", cure, "an event of max_event_size (%s) gives %ld %s",
                    output_size((uint64_t)most), answer.status, answer.words);
    forget(&answer);
    buffer_free(&event);
}

static void with_key(struct web *web)
{
    const char *file = web->doctor->control->configuration->keys_file;
    struct access_key key = {.scopes = SCOPE_SUBMIT | SCOPE_READ | SCOPE_LIST,
                             .limits = {.rate = 1000, .burst = 1000}};
    struct error error;
    snprintf(key.name, sizeof key.name, "doctor-%ld", (long)getpid());
    if (access_add(file, &key, web->key, &error) != OK) {
        doctor_tell(web->doctor, VERDICT_BAD, "key", "mend what is said of keys", "%s", error.text);
        return;
    }
    if (check_key(web))
        check_sizes(web);
    if (access_remove(file, key.name, &error) != OK)
        doctor_tell(web->doctor, VERDICT_BAD, "key", "jobgatectl key remove it", "%s is left behind: %s",
                    key.name, error.text);
}

void doctor_web(struct doctor *doctor, const char *url)
{
    struct web web = {.doctor = doctor, .url = url};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    web.handle = curl_easy_init();
    if (web.handle != NULL && check_reachable(&web)) {
        check_ready(&web);
        check_routes(&web);
        if (check_authorization(&web))
            with_key(&web);
    }
    curl_easy_cleanup(web.handle);
    curl_global_cleanup();
}
