#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address is a network of 128 bits. IPv4 lives in ::ffff:0:0/96, as in RFC 4291. */
struct network {
    unsigned char bytes[16];
    unsigned bits;
    bool v4;
};

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool
network_parse(const char *text, struct network *network)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    bool dotted;

    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    memcpy(network->bytes, mapped, sizeof mapped);
    dotted = inet_pton(AF_INET, address, network->bytes + sizeof mapped) == 1;
    if (!dotted && inet_pton(AF_INET6, address, network->bytes) != 1)
        return false;
    network->bits = 128;
    if (slash != NULL) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
            return false;
        network->bits = (unsigned)strtoul(slash + 1, NULL, 10) + (dotted ? 96 : 0);
    }
    network->v4 = network->bits >= 96 && memcmp(network->bytes, mapped, sizeof mapped) == 0;
    return network->bits <= 128;
}

static bool
network_holds(const struct network *network, const struct network *address)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;

    return network->v4 == address->v4 && network->bits <= address->bits &&
           memcmp(network->bytes, address->bytes, whole) == 0 &&
           (rest == 0 || (network->bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0);
}

bool
network_valid(const char *text)
{
    struct network network;

    return network_parse(text, &network);
}

bool
network_contains(const char *network, const char *address)
{
    struct network outer, inner;

    return network_parse(network, &outer) && network_parse(address, &inner) &&
           network_holds(&outer, &inner);
}

static bool
address_parse(const char *text, struct network *address)
{
    return strchr(text, '/') == NULL && network_parse(text, address);
}

static void
address_put(char text[ADDRESS_TEXT], const struct network *address)
{
    if (address->v4) {
        for (size_t i = sizeof mapped; i < sizeof address->bytes; i++) {
            unsigned byte = address->bytes[i];
            if (byte >= 100)
                *text++ = (char)('0' + byte / 100);
            if (byte >= 10)
                *text++ = (char)('0' + byte / 10 % 10);
            *text++ = (char)('0' + byte % 10);
            *text++ = '.';
        }
        text[-1] = '\0';
    } else {
        inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT);
    }
}

/* Reads one element of X-Forwarded-For, which ends at `end`: an address, maybe with a port. */
static bool
forwarded_parse(const char *start, const char *end, struct network *address)
{
    char element[INET6_ADDRSTRLEN + sizeof "[]:65535"], *text = element, *port = NULL;
    size_t length = (size_t)(end - start);

    if (length >= sizeof element)
        return false;
    memcpy(element, start, length);
    element[length] = '\0';
    if (element[0] == '[' && (port = strchr(element, ']')) != NULL) {
        text++;
        *port++ = '\0';
    } else if (strchr(element, ':') == strrchr(element, ':')) {
        port = strchr(element, ':');
    }
    if (port != NULL && *port == ':') {
        *port++ = '\0';
        if (*port == '\0')
            return false;
        port += strspn(port, "0123456789");
    }
    return (port == NULL || *port == '\0') && address_parse(text, address);
}

static bool
is_trusted(const struct network *address, char *const *trusted)
{
    struct network network;

    for (; *trusted != NULL; trusted++)
        if (network_parse(*trusted, &network) && network_holds(&network, address))
            return true;
    return false;
}

void
address_client(char client[ADDRESS_TEXT], const char *peer, const char *forwarded,
               char *const *trusted)
{
    struct network hop, next;

    if (peer == NULL || !address_parse(peer, &hop)) {
        snprintf(client, ADDRESS_TEXT, "unknown");
        return;
    }
    /* From the last element to the first: each was written by the hop that follows it. */
    const char *end = forwarded != NULL ? forwarded + strlen(forwarded) : NULL;
    while (end != NULL && is_trusted(&hop, trusted)) {
        const char *start = end, *stop = end;
        while (start > forwarded && start[-1] != ',')
            start--;
        end = start > forwarded ? start - 1 : NULL;
        start += strspn(start, " \t");
        while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (start >= stop)
            continue; /* a list may have empty elements (RFC 9110, 5.6.1) */
        if (!forwarded_parse(start, stop, &next))
            break;
        hop = next;
    }
    address_put(client, &hop);
}

void
address_key(char key[ADDRESS_TEXT], const char *client)
{
    struct network address;

    /* An IPv4 address has one spelling alone. */
    if (strchr(client, ':') == NULL || !address_parse(client, &address)) {
        memcpy(key, client, strnlen(client, ADDRESS_TEXT - 1) + 1);
        key[ADDRESS_TEXT - 1] = '\0';
        return;
    }
    if (!address.v4)
        memset(address.bytes + 8, 0, 8);
    address_put(key, &address);
    if (!address.v4)
        snprintf(key + strlen(key), ADDRESS_TEXT - strlen(key), "/64");
}
