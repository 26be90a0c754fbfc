#include "config.h"
#include "guard.h"

#include "access.h"
#include "clock.h"
#include "log.h"
#include "service.h"
#include "throttle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REALM "Bearer realm=\"jobgate\""

/* ---- other sites ---- */

/* The host and port of an origin ("https://host:8443") are those that the request was sent to. */
static bool is_own_origin(const struct request *request, const char *origin)
{
    const char *host = request_header(request, HEADER_HOST);
    const char *authority = strstr(origin, "://");
    return authority != NULL && *host != '\0' && strcasecmp(authority + 3, host) == 0;
}

static bool is_listed(const char *list, const char *origin)
{
    size_t length = strlen(origin);
    for (const char *at = list + strspn(list, ", "); *at != '\0'; at += strspn(at, ", ")) {
        size_t entry = strcspn(at, ", ");
        if ((entry == 1 && *at == '*') || (entry == length && strncasecmp(at, origin, length) == 0))
            return true;
        at += entry;
    }
    return false;
}

static bool is_change(const struct request *request)
{
    return request->method == HTTP_POST || request->method == HTTP_DELETE;
}

/* A browser sends Origin with every change that a page of another site asks for; Sec-Fetch-Site says the same where the
 * page hides its origin ("null"). Programs send neither. */
static bool is_from_another_site(const struct exchange *exchange)
{
    const struct request *request = &exchange->request;
    const char *origin = request_header(request, HEADER_ORIGIN);
    const char *site = request_header(request, HEADER_FETCH_SITE);
    if (*origin != '\0' &&
        (is_own_origin(request, origin) || is_listed(exchange->configuration->cors_origins, origin)))
        return false;
    return *origin != '\0' || strcmp(site, "cross-site") == 0 || strcmp(site, "same-site") == 0;
}

void guard_share(struct exchange *exchange)
{
    struct response *response = &exchange->response;
    const char *origin = request_header(&exchange->request, HEADER_ORIGIN);
    if (exchange->configuration == NULL || exchange->configuration->cors_origins[0] == '\0')
        return;
    response_header(response, "Vary", "Origin");
    if (*origin == '\0' || !is_listed(exchange->configuration->cors_origins, origin))
        return;
    response_header(response, "Access-Control-Allow-Origin", origin);
    response_header(
        response, "Access-Control-Expose-Headers",
        "Location, Retry-After, ETag, Link, X-Amzn-RequestId, X-Amz-Function-Error, X-Log-Offset, "
        "X-Log-Next, X-Log-Size, X-Job-Status, RateLimit, RateLimit-Policy, Preference-Applied");
    if (exchange->request.method != HTTP_OPTIONS)
        return;
    response_header(response, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
    response_header(
        response, "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, traceparent, x-api-key, "
        "X-Amz-Invocation-Type, X-Amz-Log-Type, X-Callback-Url");
    response_header(response, "Access-Control-Max-Age", "7200");
}

/* ---- keys ---- */

/* The secret that came along, or NULL. Basic and other schemes are the web server's own affair. */
static const char *secret_of(const struct request *request)
{
    const char *authorization = request_header(request, HEADER_AUTHORIZATION);
    const char *key = request_header(request, HEADER_API_KEY);
    if (strncasecmp(authorization, "Bearer ", 7) == 0)
        return authorization + 7 + strspn(authorization + 7, " ");
    return *key != '\0' ? key : NULL;
}

/* Whom the web server has authenticated by means of its own (Basic, a certificate) is named by it. */
static void name_anonymous(const struct exchange *exchange, struct access_key *caller)
{
    const char *user = exchange->request.remote_user;
    *caller = (struct access_key){.scopes = (unsigned)exchange->configuration->anonymous};
    if (user != NULL && strlen(user) < sizeof caller->name && json_utf8_is_valid(user, strlen(user)))
        snprintf(caller->name, sizeof caller->name, "%s", user);
}

static bool identify(struct exchange *exchange)
{
    struct error error = {0};
    const char *secret = secret_of(&exchange->request);
    if (secret == NULL) {
        name_anonymous(exchange, &exchange->caller);
        return true;
    }
    enum outcome outcome =
        access_lookup(exchange->configuration->keys_file, secret, strlen(secret), &exchange->caller, &error);
    if (outcome == OK)
        return true;
    if (outcome == NOTFOUND) {
        response_header(&exchange->response, "WWW-Authenticate", REALM ", error=\"invalid_token\"");
        response_fail(&exchange->response, 401, "Key not known",
                      "This key is none of ours, or it was removed.");
        return false;
    }
    exchange_log_failure(exchange, "keys_unusable", &error);
    response_header(&exchange->response, "Retry-After", "10");
    response_fail(&exchange->response, 503, "Keys unavailable",
                  "The keys of this service cannot be read; the service's log has the reason.");
    return false;
}

bool guard_may(struct exchange *exchange, unsigned scopes)
{
    const char *name = access_scope_name((enum access_scope)(scopes & -scopes));
    if (exchange->caller.scopes & scopes)
        return true;
    if (secret_of(&exchange->request) == NULL) {
        response_header(&exchange->response, "WWW-Authenticate", REALM);
        response_fail(&exchange->response, 401, "Key needed",
                      "Send a key with the scope \"%s\": Authorization: Bearer jg_…", name);
        return false;
    }
    struct json_object *problem = problem_make(403, "Scope missing", "The key \"%s\" lacks the scope \"%s\".",
                                               exchange->caller.name, name);
    json_add_text(problem, "scope", name);
    response_problem(&exchange->response, 403, problem);
    return false;
}

bool guard_may_use(struct exchange *exchange, const char *function)
{
    if (access_may_use(&exchange->caller, function))
        return true;
    struct json_object *problem = problem_make(
        403, "Function not allowed", "The key \"%s\" may not use this function.", exchange->caller.name);
    response_problem(&exchange->response, 403, problem);
    return false;
}

bool guard_may_see_all(struct exchange *exchange)
{
    if (exchange->caller.function_count == 0)
        return true;
    struct json_object *problem =
        problem_make(403, "Function not allowed",
                     "This is about all functions, and the key \"%s\" is for some.", exchange->caller.name);
    response_problem(&exchange->response, 403, problem);
    return false;
}

/* ---- limits ---- */

/* By key, else by user, else by address. The first character keeps the three apart. */
static void account_of(const struct exchange *exchange, char account[ACCESS_ACCOUNT_SIZE])
{
    const char *address = exchange->request.remote_address;
    bool by_key = secret_of(&exchange->request) != NULL;
    if (by_key || exchange->caller.name[0] != '\0')
        snprintf(account, ACCESS_ACCOUNT_SIZE, "%c%s", by_key ? 'k' : 'u', exchange->caller.name);
    else
        snprintf(account, ACCESS_ACCOUNT_SIZE, "@%s", address != NULL ? address : "");
}

static int64_t limit_of(int64_t own, int64_t everyones)
{
    return own > 0 ? own : everyones;
}

static bool refuse(struct exchange *exchange, const struct throttle_answer *answer, const char *what)
{
    response_header_integer(&exchange->response, "Retry-After", (answer->retry_after_ms + 999) / 1000);
    struct json_object *problem = problem_make(429, "Too many requests", "%s", what);
    json_add_integer(problem, "retryAfterMs", answer->retry_after_ms);
    response_problem(&exchange->response, 429, problem);
    return false;
}

/* RateLimit-Policy: what holds; RateLimit: what is left of it, and in how many seconds all of it is back. */
static void tell_limit(struct exchange *exchange, const struct throttle_answer *answer, int64_t rate)
{
    char text[96];
    int64_t window = rate > 0 ? (answer->limit + rate - 1) / rate : 1;
    snprintf(text, sizeof text, "\"rate\";q=%" PRId64 ";w=%" PRId64, answer->limit, window > 0 ? window : 1);
    response_header(&exchange->response, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"rate\";r=%" PRId64 ";t=%" PRId64, answer->remaining,
             (answer->reset_ms + 999) / 1000);
    response_header(&exchange->response, "RateLimit", text);
}

/* Without the table (a full disk at the very start) nobody is held up: limits are there to share, not to guard. */
static struct throttle *table_of(struct exchange *exchange)
{
    struct error error = {0};
    struct throttle *throttle = service_throttle(exchange->service, exchange->configuration, &error);
    if (throttle == NULL)
        exchange_log_failure(exchange, "limits_unavailable", &error);
    return throttle;
}

static bool keep_rate(struct exchange *exchange)
{
    const struct configuration *configuration = exchange->configuration;
    const struct access_limits *own = &exchange->caller.limits;
    int64_t rate = limit_of(own->rate, configuration->rate);
    char account[ACCESS_ACCOUNT_SIZE];
    struct throttle *throttle = rate > 0 ? table_of(exchange) : NULL;
    if (throttle == NULL)
        return true;
    account_of(exchange, account);
    struct throttle_answer answer = throttle_take(
        throttle, account, rate, own->rate > 0 ? own->burst : limit_of(own->burst, configuration->burst),
        clock_wall_ms());
    tell_limit(exchange, &answer, rate);
    return answer.allowed ||
           refuse(exchange, &answer, "This caller sends requests faster than its rate allows.");
}

static int64_t quota_of(const struct exchange *exchange)
{
    return limit_of(exchange->caller.limits.quota, exchange->configuration->daily_quota);
}

bool guard_take_quota(struct exchange *exchange)
{
    int64_t quota = quota_of(exchange);
    char account[ACCESS_ACCOUNT_SIZE];
    struct throttle *throttle = quota > 0 ? table_of(exchange) : NULL;
    if (throttle == NULL)
        return true;
    account_of(exchange, account);
    struct throttle_answer answer = throttle_take_quota(throttle, account, quota, clock_wall_ms());
    return answer.allowed ||
           refuse(exchange, &answer, "This caller has used up its submissions of this day (UTC).");
}

void guard_return_quota(struct exchange *exchange)
{
    char account[ACCESS_ACCOUNT_SIZE];
    struct throttle *throttle = quota_of(exchange) > 0 ? table_of(exchange) : NULL;
    if (throttle == NULL)
        return;
    account_of(exchange, account);
    throttle_return_quota(throttle, account, clock_wall_ms());
}

int64_t guard_active_jobs(const struct exchange *exchange)
{
    return limit_of(exchange->caller.limits.active, exchange->configuration->active_jobs);
}

void guard_name_caller(const struct exchange *exchange, char caller[JOB_CALLER_SIZE])
{
    const char *address = exchange->request.remote_address;
    if (exchange->caller.name[0] != '\0' || address == NULL || guard_active_jobs(exchange) == 0)
        snprintf(caller, JOB_CALLER_SIZE, "%s", exchange->caller.name);
    else
        snprintf(caller, JOB_CALLER_SIZE, "@%.63s", address);
}

bool guard_admit(struct exchange *exchange, unsigned scopes)
{
    if (is_change(&exchange->request) && is_from_another_site(exchange)) {
        response_fail(&exchange->response, 403, "Cross-site request",
                      "A page of another site asked for this change; cors_origins does not name its origin.");
        return false;
    }
    if (scopes == 0) { /* a watchdog with a key of yesterday still learns that the service is alive */
        name_anonymous(exchange, &exchange->caller);
        return true;
    }
    return identify(exchange) && guard_may(exchange, scopes) && keep_rate(exchange);
}
