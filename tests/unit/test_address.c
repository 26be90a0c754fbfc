#include "config.h"
#include "test.h"

#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1)
        storage.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) == 1)
        storage.ss_family = AF_INET6;
    else
        fail_msg("%s is no address", text);
    return storage;
}

static bool is_public(const char *text)
{
    struct sockaddr_storage address = address_of(text);
    return address_is_public((struct sockaddr *)&address);
}

static bool is_listed(const char *text, const char *allow)
{
    struct sockaddr_storage address = address_of(text);
    return address_is_listed((struct sockaddr *)&address, allow);
}

static void public_addresses_are_public(void **state)
{
    static const char *const list[] = {
        "1.1.1.1",      "8.8.8.8",     "172.15.255.255", "172.32.0.1",       "100.63.0.1",     "100.128.0.1",
        "2606:4700::1", "2a00:1450::", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (!is_public(list[i]))
            fail_msg("%s", list[i]);
}

/* Hazard 31. */
static void private_and_special_addresses_are_not(void **state)
{
    static const char *const list[] = {"0.0.0.0",
                                       "10.0.0.1",
                                       "100.64.0.1",
                                       "127.0.0.1",
                                       "127.255.255.255",
                                       "169.254.169.254",
                                       "172.16.0.1",
                                       "172.31.255.255",
                                       "192.168.1.1",
                                       "192.0.2.1",
                                       "198.18.0.1",
                                       "224.0.0.1",
                                       "255.255.255.255",
                                       "::",
                                       "::1",
                                       "::ffff:127.0.0.1",
                                       "::ffff:10.0.0.1",
                                       "::127.0.0.1",
                                       "64:ff9b::10.0.0.1",
                                       "64:ff9b:1::1",
                                       "2002:7f00:1::1",
                                       "2002:a00:1::1",
                                       "2001:db8::1",
                                       "2001::1",
                                       "fc00::1",
                                       "fd12::1",
                                       "fe80::1",
                                       "ff02::1",
                                       "4000::1",
                                       "100::1"};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (is_public(list[i]))
            fail_msg("%s", list[i]);
}

static void other_families_are_refused(void **state)
{
    struct sockaddr address = {.sa_family = AF_UNIX};
    assert_false(address_is_public(&address));
    assert_false(address_is_listed(&address, "0.0.0.0/0, ::/0"));
}

static void the_list_names_addresses_and_networks(void **state)
{
    assert_true(is_listed("127.0.0.1", "127.0.0.1"));
    assert_true(is_listed("::ffff:127.0.0.1", "127.0.0.1"));
    assert_true(is_listed("10.200.3.4", "192.168.0.0/16, 10.0.0.0/8"));
    assert_true(is_listed("fd00::5", "fd00::/8"));
    assert_true(is_listed("10.0.0.127", "10.0.0.0/25"));
    assert_false(is_listed("10.0.0.128", "10.0.0.0/25"));
    assert_false(is_listed("127.0.0.2", "127.0.0.1"));
    assert_false(is_listed("127.0.0.1", ""));
    assert_false(is_listed("::1", "0.0.0.0/0"));
}

static void a_wrong_entry_is_named(void **state)
{
    struct error error;
    assert_int_equal(address_list_check("", &error), OK);
    assert_int_equal(address_list_check("127.0.0.1, fd00::/8 10.0.0.0/8", &error), OK);
    static const char *const wrong[] = {"localhost",   "10.0.0.0/33", "10.0.0.0/",
                                        "10.0.0.0/-1", "::/129",      "10.0.0/8"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(address_list_check(wrong[i], &error), INVALID);
        assert_non_null(strstr(error.text, wrong[i]));
    }
}

static void addresses_print_as_in_a_url(void **state)
{
    char text[ADDRESS_TEXT_SIZE];
    struct sockaddr_storage address = address_of("10.0.0.1");
    assert_string_equal(address_format((struct sockaddr *)&address, text), "10.0.0.1");
    address = address_of("fd00::1");
    assert_string_equal(address_format((struct sockaddr *)&address, text), "[fd00::1]");
}

TEST_MAIN(cmocka_unit_test(public_addresses_are_public),
          cmocka_unit_test(private_and_special_addresses_are_not),
          cmocka_unit_test(other_families_are_refused),
          cmocka_unit_test(the_list_names_addresses_and_networks), cmocka_unit_test(a_wrong_entry_is_named),
          cmocka_unit_test(addresses_print_as_in_a_url))
