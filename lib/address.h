/* address: who a request comes from.
 *
 * The client is the peer of the connection, unless that is one of TRUSTED_PROXIES: then it is the
 * last address of X-Forwarded-For that is not a trusted proxy itself. What a client writes into
 * that header is believed nowhere else. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_TEXT = 48 }; /* bytes of any address, with the NUL */

/* True when text is "192.0.2.1", "2001:db8::1" or a network of either, like "10.0.0.0/8". Bits
 * beyond the prefix do not count: "10.1.2.3/8" is the same network. */
bool network_valid(const char *text);

/* True when the address lies in the network (both as network_valid() takes them). An IPv4 address
 * mapped into IPv6 (::ffff:192.0.2.1) is the IPv4 address, and so it lies in no IPv6 network. */
bool network_contains(const char *network, const char *address);

/* The client's address in its shortest form, from the peer's and X-Forwarded-For (may be NULL),
 * whose addresses may carry ports ("192.0.2.1:80", "[2001:db8::1]:80"). `trusted` is
 * NULL-terminated. Where the header is not a list of addresses, the last good one counts: what
 * stands before it may have been made up by anybody. "unknown" when the peer itself is no address
 * (or NULL). */
void address_client(char client[ADDRESS_TEXT], const char *peer, const char *forwarded,
                    char *const *trusted);

/* What limits count by: an IPv4 address as it is, an IPv6 address cut to its /64
 * ("2001:db8:1:2::/64"), which is what one customer has at the least. "unknown" stays that. */
void address_key(char key[ADDRESS_TEXT], const char *client);

#endif
