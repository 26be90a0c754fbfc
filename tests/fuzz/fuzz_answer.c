/* The whole HTTP side, from CGI variables and body to the answer, on the world in memory: router, guard, handlers. Whatever is
 * asked, the answer is well-formed, tells nothing of the inside, and there is a job exactly when it says so. */
#include "config.h"
#include "../http_unit/ask.h"
#include "fuzz.h"

#include "access.h"

#define LINES_MAX 24

static char *folder; /* in TMPDIR, which tests/fuzz/run removes */
static char keys_file[4096];

static void begin(void)
{
    static bool begun;
    char secret[ACCESS_SECRET_SIZE];
    if (!begun) {
        folder = test_folder();
        snprintf(keys_file, sizeof keys_file, "%s/keys", folder);
        struct access_key key = {.name = "one", .scopes = SCOPE_READ, .limits = {.rate = 1000000}};
        PROMISE(access_add(keys_file, &key, secret, NULL) == OK);
        PROMISE(ask_setup(NULL) == 0);
        ask_may_wait = false;
        begun = true;
    }
    fake_reset();
    fake_configuration()->data_dir = folder;
    fake_configuration()->keys_file = keys_file;
    fake_configuration()->cors_origins = "https://app.example";
}

/* Line by line, CR LF at the end of each, nothing else of control in it: no value has split a header. */
static void check_head(const char *head)
{
    for (const char *line = head; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        PROMISE(end != NULL);
        for (const char *at = line; at < end; at++)
            PROMISE((unsigned char)*at >= 0x20 && *at != 0x7f);
        PROMISE(end == line || memchr(line, ':', (size_t)(end - line)) != NULL);
        line = end + 2;
    }
}

/* What the world in memory says of its failures. Whoever writes the words himself may read them again. */
static bool tells_of_the_inside(const char *input, const char *body)
{
    return strstr(body, "secret words of") != NULL && strstr(input, "secret") == NULL &&
           strchr(input, '%') == NULL;
}

static void check(const struct answer *answer, bool is_submission, size_t before)
{
    const char *type = header("Content-Type");
    PROMISE(answer->status >= 200 && answer->status < 600 && answer->status != 500);
    check_head(answer->head);
    PROMISE(strcmp(header("X-Content-Type-Options"), "nosniff") == 0);
    PROMISE(answer->body_length == 0 || type != NULL);
    PROMISE(type == NULL || strstr(type, "json") == NULL || answer->body_length == 0 ||
            answer->json != NULL || strcmp(answer->body, "null") == 0);
    PROMISE(is_submission || fake_job_count() == before);
    if (answer->status >= 400 && answer->status != 504)
        PROMISE(fake_job_count() == before);
    if (answer->status == 202 && is_submission)
        PROMISE(fake_job_count() >= before && header("Location") != NULL);
}

/* The first line is method and URI, the next ones are CGI variables up to an empty one; the rest is the body. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size), *rest = text, id[JOB_ID_TEXT_SIZE];
    char *input = fuzz_text(bytes, size);
    const char *more[LINES_MAX + 1] = {NULL};
    size_t count = 0;
    begin();
    snprintf(id, sizeof id, "%s", fake_job(JOB_SUCCEEDED, "{\"a\":1}", "application/json"));
    fake_log(id, "words");
    char *first = strsep(&rest, "\n"), *uri = first;
    const char *method = strsep(&uri, " ");
    for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL && *line != '\0';)
        if (count < LINES_MAX && strchr(line, '=') != NULL)
            more[count++] = line;
    /* {id} in the URI is a job that there is. */
    char path[4096];
    char *place = uri != NULL ? strstr(uri, "{id}") : NULL;
    if (place != NULL)
        snprintf(path, sizeof path, "%.*s%s%s", (int)(place - uri), uri, id, place + 4);
    else
        snprintf(path, sizeof path, "%s", uri != NULL ? uri : "/job");
    size_t before = fake_job_count();
    const struct answer *answer = ask(method, path, rest, more);
    check(answer, strcmp(method, "POST") == 0, before);
    PROMISE(!tells_of_the_inside(input, answer->body));
    free(input);
    free(text);
    return 0;
}
