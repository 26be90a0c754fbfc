/* address.h - which network addresses a callback may reach
 *
 * A callback's URL comes from a stranger, and the machine that runs Jobgate can reach what the stranger
 * cannot: its own services, the local network, a cloud's metadata address. So what counts is the address that
 * a connection is about to be opened to, after every name was resolved (no check of the URL's text can see a
 * rebinding name): anything that is not a public unicast address is refused, unless callback_allow names it.
 *
 * Sources: RFC 6890 and the IANA special-purpose registries for IPv4 and IPv6; embedded IPv4 in RFC 4291
 * (mapped, compatible), RFC 6052 (64:ff9b::/96), RFC 3056 (6to4), RFC 4380 (Teredo: refused whole). Thread
 * safety: pure functions. */
#ifndef JOBGATE_ADDRESS_H
#define JOBGATE_ADDRESS_H

#include "outcome.h"

#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE 64

/* True for a public unicast address. */
bool address_is_public(const struct sockaddr *address);

/* True when `allow`, a list of addresses and networks (192.0.2.7, 10.0.0.0/8, fd00::/8) separated by commas
 * or spaces, has it. An IPv4-mapped IPv6 address counts as the IPv4 address in it. */
bool address_is_listed(const struct sockaddr *address, const char *allow);

/* INVALID with words that name the entry that is no address or network. An empty list is OK. */
enum outcome address_list_check(const char *allow, struct error *error);

/* "192.0.2.7", "[2001:db8::1]"; for messages. `text` has ADDRESS_TEXT_SIZE bytes. Returns text. */
char *address_format(const struct sockaddr *address, char *text);

#endif
