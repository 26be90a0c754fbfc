#include "config.h"
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every address as 16 bytes, an IPv4 one in its mapped form, so that one comparison serves both. */
struct network {
    uint8_t bytes[16];
    unsigned bits;
};

#define MAPPED_BITS 96
static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* What is not public unicast, in IPv4 and in IPv6. */
static const char *const special_networks[] = {
    "0.0.0.0/8",      "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12",  "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15",  "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "64:ff9b:1::/48", "100::/64",        "2001::/23",      "2001:db8::/32",  "3fff::/20",
    "5f00::/16",      "fc00::/7",        "fe80::/10",      "fec0::/10",      "ff00::/8",
};

static void bytes_of_ipv4(const void *ipv4, uint8_t *bytes)
{
    memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(bytes + 12, ipv4, 4);
}

static bool bytes_of(const struct sockaddr *address, uint8_t *bytes)
{
    if (address->sa_family == AF_INET)
        bytes_of_ipv4(&((const struct sockaddr_in *)address)->sin_addr, bytes);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        return false;
    return true;
}

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));
    return ((bytes[whole] ^ prefix[whole]) & mask) == 0;
}

/* "10.0.0.0/8", "::1", … */
static bool network_parse(const char *text, struct network *network)
{
    char address[ADDRESS_TEXT_SIZE];
    size_t length = strcspn(text, "/");
    if (length == 0 || length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    struct in_addr ipv4;
    bool is_ipv4 = inet_pton(AF_INET, address, &ipv4) == 1;
    if (is_ipv4)
        bytes_of_ipv4(&ipv4, network->bytes);
    else if (inet_pton(AF_INET6, address, network->bytes) != 1)
        return false;
    unsigned long most = is_ipv4 ? 32 : 128;
    unsigned long bits = most;
    if (text[length] == '/') {
        char *end;
        bits = strtoul(text + length + 1, &end, 10);
        if (text[length + 1] < '0' || text[length + 1] > '9' || *end != '\0' || bits > most)
            return false;
    }
    network->bits = (unsigned)bits + (is_ipv4 ? MAPPED_BITS : 0);
    return true;
}

/* An IPv6 address that carries an IPv4 one leads to it: then it is that one which counts. */
static void unwrap(uint8_t *bytes)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t sixtofour[2] = {0x20, 0x02};
    static const uint8_t zeros[12] = {0};
    uint8_t ipv4[4];
    if (memcmp(bytes, nat64, sizeof nat64) == 0)
        memcpy(ipv4, bytes + 12, 4);
    else if (memcmp(bytes, sixtofour, sizeof sixtofour) == 0)
        memcpy(ipv4, bytes + 2, 4);
    else if (memcmp(bytes, zeros, sizeof zeros) ==
             0) /* ::, ::1 and the compatible form: inside 0.0.0.0/8 or as it is */
        memcpy(ipv4, bytes + 12, 4);
    else
        return;
    bytes_of_ipv4(ipv4, bytes);
}

bool address_is_public(const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (!bytes_of(address, bytes))
        return false;
    unwrap(bytes);
    for (size_t i = 0; i < sizeof special_networks / sizeof special_networks[0]; i++) {
        struct network network;
        if (!network_parse(special_networks[i], &network) || has_prefix(bytes, network.bytes, network.bits))
            return false;
    }
    /* Global unicast is 2000::/3 (RFC 4291); IPv4 stands in its mapped form here. */
    return memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0 || (bytes[0] & 0xe0) == 0x20;
}

/* Cuts the next entry out of the list. False at its end. */
static bool next_entry(const char **list, char *entry, size_t size)
{
    *list += strspn(*list, ", \t");
    size_t length = strcspn(*list, ", \t");
    if (length == 0)
        return false;
    snprintf(entry, size, "%.*s", (int)length, *list);
    *list += length;
    return true;
}

bool address_is_listed(const struct sockaddr *address, const char *allow)
{
    uint8_t bytes[16];
    char entry[128];
    struct network network;
    if (!bytes_of(address, bytes))
        return false;
    while (next_entry(&allow, entry, sizeof entry))
        if (network_parse(entry, &network) && has_prefix(bytes, network.bytes, network.bits))
            return true;
    return false;
}

enum outcome address_list_check(const char *allow, struct error *error)
{
    char entry[128];
    struct network network;
    while (next_entry(&allow, entry, sizeof entry))
        if (!network_parse(entry, &network))
            return error_set(error, INVALID,
                             "\"%s\" is no address or network (write 192.0.2.7, 10.0.0.0/8 or fd00::/8)",
                             entry);
    return OK;
}

char *address_format(const struct sockaddr *address, char *text)
{
    char plain[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, plain, sizeof plain);
        snprintf(text, ADDRESS_TEXT_SIZE, "%s", plain);
    } else {
        if (address->sa_family == AF_INET6)
            inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, plain, sizeof plain);
        snprintf(text, ADDRESS_TEXT_SIZE, "[%s]", plain);
    }
    return text;
}
