/* callback_allow, and addresses. No list makes one that is not in it reachable. */
#include "config.h"
#include "fuzz.h"

#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* The first 17 bytes are an address and its family, the rest is a list. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char shown[ADDRESS_TEXT_SIZE], list[4 * ADDRESS_TEXT_SIZE];
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    if (size < 17)
        return 0;
    bool is_six = (bytes[0] & 1) != 0;
    memcpy(&six.sin6_addr, bytes + 1, 16);
    memcpy(&four.sin_addr, bytes + 1, 4);
    const struct sockaddr *address = is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    char *text = fuzz_text(bytes + 17, size - 17);
    address_is_public(address);
    address_is_listed(address, text);
    address_list_check(text, NULL);
    PROMISE(!address_is_listed(address, ""));
    /* An address that is written down is found again, and no other is. */
    address_format(address, shown);
    snprintf(list, sizeof list, "%s", shown[0] == '[' ? shown + 1 : shown);
    list[strcspn(list, "]")] = '\0';
    PROMISE(address_list_check(list, NULL) == OK);
    PROMISE(address_is_listed(address, list));
    four.sin_addr.s_addr ^= htonl(1);
    PROMISE(is_six || !address_is_listed((const struct sockaddr *)&four, list));
    free(text);
    return 0;
}
