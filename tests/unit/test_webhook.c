#include "config.h"
#include "test.h"

#include "../../worker/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The example of the Standard Webhooks specification. */
static void signs_as_the_specification_shows(void **state)
{
    const char *body = "{\"test\": 2432232314}";
    struct webhook_secret secret;
    struct error error;
    char signature[WEBHOOK_SIGNATURE_SIZE];
    assert_int_equal(webhook_secret_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret, &error), OK);
    webhook_sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body), signature);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void what_is_no_secret_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_c2hvcnQ=",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!",
        ("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")};
    struct webhook_secret secret;
    struct error error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(webhook_secret_parse(wrong[i], &secret, &error), INVALID);
}

static void the_secret_is_made_once_and_for_its_owner_only(void **state)
{
    char *folder = test_folder();
    struct webhook_secret first, second;
    struct error error;
    assert_int_equal(webhook_secret_load(folder, &first, &error), OK);
    assert_int_equal(webhook_secret_load(folder, &second, &error), OK);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.bytes, second.bytes, first.length);
    char path[4096];
    struct stat status;
    snprintf(path, sizeof path, "%s/callback_secret", folder);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    test_folder_remove(folder);
}

static void a_damaged_secret_file_says_what_to_do(void **state)
{
    char *folder = test_folder();
    free(test_file(folder, "callback_secret", "hello\n"));
    struct webhook_secret secret;
    struct error error;
    assert_int_equal(webhook_secret_load(folder, &secret, &error), INVALID);
    assert_non_null(strstr(error.text, "callback_secret"));
    assert_non_null(strstr(error.text, "remove the file"));
    test_folder_remove(folder);
}

TEST_MAIN(cmocka_unit_test(signs_as_the_specification_shows), cmocka_unit_test(what_is_no_secret_is_refused),
          cmocka_unit_test(the_secret_is_made_once_and_for_its_owner_only),
          cmocka_unit_test(a_damaged_secret_file_says_what_to_do))
