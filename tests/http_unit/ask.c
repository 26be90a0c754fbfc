#include "config.h"
#include "ask.h"

#include "handlers.h"

#include <stdlib.h>
#include <string.h>

static const struct route routes[] = {
    {HTTP_POST, "/job", job_submit, ROUTE_BODY, SCOPE_SUBMIT},
    {HTTP_DELETE, "/job/{id}", job_cancel, 0, SCOPE_CANCEL | SCOPE_ADMIN},
    {HTTP_POST, "/job/{id}/retry", job_retry, ROUTE_BODY, SCOPE_SUBMIT},
    {HTTP_GET, "/job", job_list, 0, SCOPE_LIST},
    {HTTP_GET, "/job/{id}", job_show, 0, SCOPE_READ},
    {HTTP_GET, "/job/{id}/result", job_result, 0, SCOPE_READ},
    {HTTP_GET, "/job/{id}/log", job_log, 0, SCOPE_READ},
    {HTTP_GET, "/job/{id}/event", job_event_show, 0, SCOPE_READ},
    {HTTP_GET, "/functions", functions_list, 0, SCOPE_LIST},
    {HTTP_GET, "/healthz", health_alive, ROUTE_NO_STORE, 0},
    {HTTP_GET, "/readyz", health_ready, 0, 0},
    {HTTP_GET, "/metrics", NULL, 0, SCOPE_METRICS},
};
static const struct router router = {"test", routes, sizeof routes / sizeof *routes};

bool ask_may_wait, ask_should_stop, ask_without_sync;
void (*ask_in_hand)(bool in_hand);
static struct application application;
static struct exchange exchange;
static struct answer answer;
static struct buffer head;
static char *folder; /* where the waiting processes' locks are */

struct pending {
    const char *at;
    size_t left;
};

static ssize_t read_pending(void *context, void *bytes, size_t most)
{
    struct pending *pending = context;
    size_t count = pending->left < most ? pending->left : most;
    if (count == 0)
        return 0;
    memcpy(bytes, pending->at, count);
    pending->at += count;
    pending->left -= count;
    return (ssize_t)count;
}

static bool begin_wait(void *context)
{
    return ask_may_wait;
}

static void end_wait(void *context)
{
}

static bool should_stop(void *context)
{
    return ask_should_stop;
}

static void forget_answer(void)
{
    json_object_put(answer.json);
    free(answer.body);
    answer = (struct answer){0};
    buffer_clear(&head);
}

static void keep_answer(void)
{
    const struct response *response = &exchange.response;
    response_render(response, &head);
    answer.status = response->status;
    answer.head = head.data;
    answer.body_length = response_has_body(response, exchange.request.method) ? response->body.length : 0;
    answer.body = calloc(1, answer.body_length + 1);
    if (answer.body_length > 0)
        memcpy(answer.body, response->body.data, answer.body_length);
    answer.json = json_tokener_parse(answer.body);
}

const struct answer *ask(const char *method, const char *uri, const char *body, const char *const *more)
{
    static const struct exchange_host host = {begin_wait, end_wait, should_stop};
    char *environment[40];
    size_t count = 0;
    struct buffer lines[3] = {{0}, {0}, {0}};
    struct pending pending = {body, body != NULL ? strlen(body) : 0};
    forget_answer();
    buffer_printf(&lines[0], "REQUEST_METHOD=%s", method);
    buffer_printf(&lines[1], "REQUEST_URI=%s", uri);
    buffer_printf(&lines[2], "CONTENT_LENGTH=%zu", pending.left);
    for (size_t i = 0; i < 3; i++)
        environment[count++] = lines[i].data;
    for (; more != NULL && *more != NULL; more++)
        environment[count++] = (char *)*more;
    environment[count] = NULL;
    exchange.source = (struct body_source){read_pending, &pending, true};
    exchange.host = &host;
    if (ask_in_hand != NULL)
        ask_in_hand(true);
    application_answer(&application, &exchange, environment);
    if (!ask_without_sync)
        exchange_sync(&exchange);
    if (ask_in_hand != NULL)
        ask_in_hand(false);
    keep_answer();
    exchange_reset(&exchange);
    for (size_t i = 0; i < 3; i++)
        buffer_free(&lines[i]);
    return &answer;
}

const struct answer *post(const char *uri, const char *body)
{
    static const char *const json[] = {"CONTENT_TYPE=application/json", NULL};
    return ask("POST", uri, body, json);
}

const struct answer *get(const char *uri)
{
    return ask("GET", uri, NULL, NULL);
}

const char *header(const char *name)
{
    static char value[8192];
    for (const char *line = answer.head; line != NULL && *line != '\r'; line = strstr(line, "\r\n") + 2) {
        size_t length = strlen(name);
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            const char *text = line + length + 2;
            size_t size = strcspn(text, "\r");
            memcpy(value, text, size);
            value[size] = '\0';
            return value;
        }
    }
    return NULL;
}

const char *member(const char *name)
{
    struct json_object *value;
    if (!json_object_object_get_ex(answer.json, name, &value))
        fail_msg("no member %s in %s", name, answer.body);
    bool is_string = json_object_is_type(value, json_type_string);
    return is_string ? json_object_get_string(value)
                     : json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE);
}

void assert_problem(const struct answer *problem, int status)
{
    if (problem->status != status)
        fail_msg("%d instead of %d: %s", problem->status, status, problem->body);
    assert_string_equal(header("Content-Type"), "application/problem+json");
    assert_string_equal(header("X-Content-Type-Options"), "nosniff");
    assert_int_equal(atoi(member("status")), status);
    assert_true(*member("error") != '\0' && *member("title") != '\0' && *member("detail") != '\0');
    assert_string_equal(member("type"), "about:blank");
    assert_null(strstr(problem->body, "secret"));
    assert_null(strstr(problem->body, "/fake"));
}

int ask_setup(void **state)
{
    fake_reset();
    folder = test_folder();
    fake_configuration()->data_dir = folder;
    ask_may_wait = true;
    ask_should_stop = ask_without_sync = false;
    application =
        (struct application){&router, service_start("test", "/fake/jobgate.conf", STORE_WRITE), 1, NULL};
    return application.service == NULL;
}

int ask_teardown(void **state)
{
    service_stop(application.service);
    forget_answer();
    buffer_free(&head);
    exchange_free(&exchange);
    test_folder_remove(folder);
    return 0;
}
