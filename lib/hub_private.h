/* hub_private: what the parts of the Hub's client share. */
#ifndef HUB_PRIVATE_H
#define HUB_PRIVATE_H

#include "json.h"
#include "transfer.h"

enum {
    TRANSFER_HOPS_MAX = 5,
    TRANSFER_WAIT_MAX_S = 300, /* a rate limit's window */
};

/* Whether a status stands for success. */
bool transfer_status_good(long status);

/* What an exchange that ended with `code` came to, with `why` unless HUB_OK. */
enum hub_result transfer_judge(const struct transfer *transfer, CURLcode code, struct error *why);

/* Runs a transfer whose answer is JSON of at most `max` bytes; its `out` is set here. `lenient`
 * reads it as json_read_lenient() does. *value must be NULL; on HUB_OK it is a new reference. *link
 * (may be NULL) becomes the next page's address, owned by the caller, or NULL. */
enum hub_result hub_get_json(struct hub *hub, struct transfer *transfer, size_t max, bool lenient,
                             json_t **value, char **link, struct error *why);

/* Appends the address of a file at a commit; `kind` is "datasets/", or "" for models. */
void hub_file_url(struct buf *url, const struct hub *hub, const char *kind, const char *repo,
                  const char *sha, const char *path);

#endif
