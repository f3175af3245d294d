/* Fuzzes headers and what else is read out of one line: lib/transfer.c lib/hub_answer.c
 * lib/encoding.c lib/address.c
 *
 * The first line's first byte is the kind of an answer; the lines up to an empty one are its
 * headers, which the Hub's client reads, and what follows is its body. Each line is also taken for
 * an address, for X-Forwarded-For, for Accept-Encoding, If-None-Match and what limits count by. */
#include "fuzz.h"

/* The client's own functions are static: the file itself stands in for the library's. */
#include "../../lib/transfer.c" // NOLINT(bugprone-suspicious-include)

#include "address.h"
#include "encoding.h"
#include "http.h"

static struct config config;
static struct hub hub = { .config = &config };

static void
target_start(void)
{
    fuzz_config(&config, 0);
}

/* A line as a string of its own. */
static void
take_line(const char *text)
{
    static char local[] = "127.0.0.1", ten[] = "10.0.0.0/8", six[] = "fd00::/8";
    char *trusted[] = { local, ten, six, NULL };
    char client[ADDRESS_TEXT], key[ADDRESS_TEXT];

    promise(encoding_choose(text) < ENCODING_COUNT, "one of our encodings is chosen");
    (void)etag_matches(text, "0123456789abcdef");
    address_client(client, "127.0.0.1", text, trusted);
    promise(client[0] != '\0' && strlen(client) < sizeof client, "a client has an address");
    address_key(key, client);
    promise(key[0] != '\0' && strlen(key) < sizeof key, "an address has a key");
    address_client(client, text, NULL, trusted);
    address_key(key, client);
    if (network_valid(text))
        (void)network_contains(text, client);
    (void)network_contains("10.0.0.0/8", client);
}

static void
target_run(const char *bytes, size_t length)
{
    static const long statuses[] = { 200, 206, 302, 401, 403, 404, 408, 412, 413, 416, 429, 503 };
    struct transfer transfer = { .url = "http://hub.invalid/api/x", .what = "x", .hub = &hub };
    struct error why = { "" };
    bool head = true;

    if (length == 0)
        return;
    unsigned kind = (unsigned char)bytes[0];
    transfer.status = statuses[kind % (sizeof statuses / sizeof statuses[0])];
    transfer.verb = kind >= 128 ? VERB_POST : VERB_GET;
    transfer.retry_after = transfer.limit_reset = transfer.limit_left = -1;
    buf_init(&transfer.message, MESSAGE_MAX);
    for (bytes++, length--; length > 0;) {
        const char *end = memchr(bytes, '\n', length);
        size_t size = end == NULL ? length : (size_t)(end - bytes) + 1;
        char *line = strndup(bytes, size);
        promise(line != NULL, "there is memory");
        line[strcspn(line, "\r\n")] = '\0';
        take_line(line);
        /* curl's lines have no NUL after them. */
        char *copy = malloc(size);
        promise(copy != NULL, "there is memory");
        memcpy(copy, bytes, size);
        head = head && line[0] != '\0';
        if (head)
            promise(on_header(copy, 1, size, &transfer) == size, "a header is taken");
        else
            buf_put(&transfer.message, copy, size);
        (void)same_origin(line, config.hf_endpoint);
        free(copy);
        free(line);
        bytes += size;
        length -= size;
    }
    promise(transfer.retry_after <= TRANSFER_WAIT_MAX_S &&
                transfer.limit_reset <= TRANSFER_WAIT_MAX_S,
            "nobody waits longer than a window");
    if (transfer_judge(&transfer, CURLE_OK, &why) != HUB_OK)
        promise(why.text[0] != '\0', "a failure says why");
    free(transfer.link);
    free(transfer.etag);
    buf_free(&transfer.message);
}

FUZZ_SEEDS(
    "AHTTP/1.1 200 OK\r\nLink: <http://hub.invalid/api/x?cursor=1>; rel=\"next\", <b>; "
    "rel=\"last\"\r\nETag: \"0123456789abcdef\"\r\nContent-Length: 12\r\n\r\n{\"error\":\"x\"}",
    "JRateLimit: \"api\";r=0;t=55\r\nRateLimit-Policy: \"fixed window\";\"api\";q=500;w=300\r\n"
    "Retry-After: 7\r\nX-Error-Message: too much\r\n\r\n{\"error\": \"slow down\"}",
    "CContent-Range: bytes 100-200/1000\r\nX-Linked-Size: 1000\r\nX-Linked-ETag: \"a\"\r\n"
    "Location: /datasets/x\r\nLink: <<>>; rel=\"next\"\r\n\r\nno JSON",
    "Abr;q=1.0, gzip;q=0.8, *;q=0.1\nidentity;q=0, zstd\ngzip;q=0.0001\n"
    "W/\"x\", \"0123456789abcdef\"\n*\n\"a\",\"b",
    "A192.0.2.1, 10.1.2.3\n[2001:db8::1]:80, 10.0.0.1:8080\n::ffff:192.0.2.1\nfd00::1%eth0\n"
    "2001:db8::/32\n10.0.0.0/33\n300.1.1.1\n, ,,\nhttp://hub.invalid@evil\nunknown")
