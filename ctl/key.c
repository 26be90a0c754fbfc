/* key.c - key add, key list, key remove */
#include "config.h"
#include "command.h"

#include "access.h"
#include "folder.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static struct option_texts allowed, functions;
static struct access_limits limits;

/* "submit,read", or once for each. */
static enum outcome take_scopes(unsigned *scopes, struct error *error)
{
    enum outcome outcome = OK;
    *scopes = 0;
    for (size_t i = 0; i < allowed.count && outcome == OK; i++) {
        unsigned one;
        outcome = access_scopes_parse(allowed.list[i], &one, error);
        if (outcome == OK)
            *scopes |= one;
    }
    return outcome;
}

static enum outcome take_functions(struct access_key *key, struct error *error)
{
    for (size_t i = 0; i < functions.count; i++) {
        if (!job_function_name_is_valid(functions.list[i]))
            return error_set(error, INVALID, "\"%s\" is no function name", functions.list[i]);
        snprintf(key->functions[key->function_count++], JOB_FUNCTION_SIZE, "%s", functions.list[i]);
    }
    return OK;
}

static struct json_object *key_object(const struct access_key *key)
{
    struct json_object *object = json_object_new_object();
    struct json_object *list = json_object_new_array();
    char scopes[64];
    json_add_text(object, "name", key->name);
    json_add_text(object, "allow", access_scopes_format(key->scopes, scopes));
    for (size_t i = 0; i < key->function_count; i++)
        json_object_array_add(list, json_object_new_string(key->functions[i]));
    json_add(object, "functions", list);
    json_add_integer(object, "rate", key->limits.rate);
    json_add_integer(object, "burst", key->limits.burst);
    json_add_integer(object, "quota", key->limits.quota);
    json_add_integer(object, "active", key->limits.active);
    return object;
}

static int tell_secret(struct control *control, const struct access_key *key, const char *secret)
{
    if (control->json) {
        struct json_object *object = key_object(key);
        json_add_text(object, "key", secret);
        return output_json(object);
    }
    puts(secret);
    if (isatty(STDERR_FILENO))
        fprintf(stderr,
                "This is the only time that the key of %s is shown; its SHA-256 is kept.\n"
                "Callers send it as \"Authorization: Bearer %.7s…\".\n",
                key->name, secret);
    return 0;
}

static int add(struct control *control, const char *name)
{
    struct access_key key = {.limits = limits};
    char secret[ACCESS_SECRET_SIZE];
    struct error error;
    if (allowed.count == 0)
        return control_misused(
            control, "--allow says what the key may do: submit, read, list, cancel, metrics, admin");
    enum outcome outcome = take_scopes(&key.scopes, &error);
    if (outcome == OK)
        outcome = take_functions(&key, &error);
    if (outcome == OK && strlen(name) >= sizeof key.name)
        outcome = error_set(&error, INVALID, "the name is longer than %zu characters", sizeof key.name - 1);
    if (outcome == OK) {
        snprintf(key.name, sizeof key.name, "%s", name);
        outcome = access_add(control->configuration->keys_file, &key, secret, &error);
    }
    return outcome == OK ? tell_secret(control, &key, secret) : control_fail(outcome, &error);
}

static int remove_key(struct control *control, const char *name)
{
    struct error error;
    enum outcome outcome = access_remove(control->configuration->keys_file, name, &error);
    return outcome == OK ? 0 : control_fail(outcome, &error);
}

static void print_key(const struct access_key *key)
{
    char scopes[64];
    printf("%-20s  %-40s ", key->name, access_scopes_format(key->scopes, scopes));
    if (key->function_count == 0)
        fputs(" all functions", stdout);
    for (size_t i = 0; i < key->function_count; i++)
        printf("%s%s", i == 0 ? " " : ",", key->functions[i]);
    const struct {
        const char *before;
        int64_t value;
        const char *after;
    } shown[] = {{"", key->limits.rate, "/s"},
                 {"burst ", key->limits.burst, ""},
                 {"", key->limits.quota, " a day"},
                 {"", key->limits.active, " active"}};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (shown[i].value > 0)
            printf("  %s%" PRId64 "%s", shown[i].before, shown[i].value, shown[i].after);
    fputs("\n", stdout);
}

static int list(struct control *control)
{
    struct access_keys *keys = NULL;
    struct error error;
    enum outcome outcome = access_load(control->configuration->keys_file, &keys, &error);
    if (outcome != OK)
        return control_fail(outcome, &error);
    struct json_object *objects = control->json ? json_object_new_array() : NULL;
    if (!control->json && access_count(keys) > 0)
        output_title("NAME                  ALLOWED                                   FUNCTIONS  LIMITS");
    for (size_t i = 0; i < access_count(keys); i++) {
        if (control->json)
            json_object_array_add(objects, key_object(access_at(keys, i)));
        else
            print_key(access_at(keys, i));
    }
    access_free(keys);
    return control->json ? output_json(objects) : 0;
}

/* The folder that the file is in: made when it is missing, refused when it is not right. */
static int open_folder(const struct control *control)
{
    struct error error;
    int folder;
    enum outcome outcome = folder_open(control->configuration->data_dir, &folder, &error);
    if (outcome != OK)
        return control_fail(outcome, &error);
    close(folder);
    return 0;
}

static int run_key(struct control *control)
{
    const char *verb = control->arguments[0];
    int status = open_folder(control);
    if (status != 0)
        return status;
    if (strcmp(verb, "list") == 0 && control->count == 1)
        return list(control);
    if (strcmp(verb, "add") == 0 && control->count == 2)
        return add(control, control->arguments[1]);
    if (strcmp(verb, "remove") == 0 && control->count == 2)
        return remove_key(control, control->arguments[1]);
    return control_misused(control, "it is: key add NAME --allow SCOPES, key list, key remove NAME");
}

static const struct command_option options[] = {
    {"allow", OPTION_TEXTS, "SCOPES", "submit, read, list, cancel, metrics, admin, or all", &allowed},
    {"function", OPTION_TEXTS, "NAME", "only this function; may be given more than once", &functions},
    {"rate", OPTION_NUMBER, "N", "requests a second", &limits.rate},
    {"burst", OPTION_NUMBER, "N", "requests at once", &limits.burst},
    {"quota", OPTION_NUMBER, "N", "submissions a day (UTC)", &limits.quota},
    {"active", OPTION_NUMBER, "N", "jobs that have not ended", &limits.active},
    {0}};

const struct command key_command = {
    .name = "key",
    .arguments = "add NAME | list | remove NAME",
    .summary = "the keys of callers",
    .help = "add makes a key and prints it, this once: only its SHA-256 is kept. Callers send it as\n"
            "\"Authorization: Bearer KEY\" or \"x-api-key: KEY\". Changes count at once, without a\n"
            "restart. Limits that are left out are those of the configuration.",
    .least = 1,
    .most = 2,
    .needs = NEEDS_CONFIGURATION,
    .options = options,
    .run = run_key,
};
