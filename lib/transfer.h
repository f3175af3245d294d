/* transfer: HTTP exchanges with the Hub, several at a time.
 *
 * The engine below hub.h. A transfer is one request with all that belongs to it: redirects followed
 * by hand (the token goes to the Hub's own origin only), passing failures tried again, a download
 * that goes on where it broke off. Any number of transfers can be under way on one thread; they are
 * paced by the Hub's RateLimit headers. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "buf.h"
#include "config.h"
#include "error.h"
#include "hub.h"
#include "spool.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb { VERB_GET, VERB_POST, VERB_PUT };

struct transfer {
    /* Set by the caller before it starts; what they point to must live until it is done. */
    enum verb verb;
    const char *url;
    const char *what;         /* names it in messages: "dataset acme/contents" */
    const char *content_type; /* of `body` */
    const char *accept;       /* NULL: anything */
    const void *body;         /* VERB_POST, VERB_PUT */
    size_t body_length;
    const struct spool *body_spool; /* instead of `body`: what it has from body_start on */
    uint64_t body_start;
    bool resumable;           /* a GET whose broken body may go on where it ended */
    bool anonymous;           /* without the token, even at the Hub's own origin */
    const char *token;        /* goes along instead of HF_TOKEN, to the Hub's own origin only */
    const char *range;        /* of a GET, like "0-7"; the Hub may send the whole all the same */
    const char *const *extra; /* more header lines, NULL-terminated; NULL for none */
    bool once;                /* not tried again: whether it took effect must be looked up first */
    struct buf *out;          /* where the body of a 2xx answer goes */
    struct spool *spool;      /* or here: of at most spool_max bytes */
    uint64_t spool_max;
    void *context; /* the caller's own */

    /* Set when it is done. */
    enum hub_result result;
    long status;      /* of the last answer, 0 when there was none */
    struct error why; /* unless HUB_OK */
    char *link;       /* rel="next" of the answer, owned by the transfer */
    char *etag;       /* likewise, as sent */

    /* The engine's own. */
    CURL *curl;
    struct curl_slist *headers;
    const struct hub *hub;
    char *location; /* where the last redirect led */
    int hops, attempts;
    int64_t wait_until_ms; /* monotonic; 0: now */
    size_t sent;           /* bytes of body_spool */
    uint64_t resumed;      /* bytes that were there when the request was sent */
    uint64_t range_start;  /* of a 206 answer */
    uint64_t total;        /* of the whole content, 0 when unknown */
    bool too_large;
    bool link_local;    /* it led to such an address */
    bool disk_failed;   /* and `why` says how */
    struct buf message; /* body of an answer that is no 2xx */
    char error_message[200];
    long retry_after, limit_reset, limit_left; /* seconds, seconds, requests; -1 when not given */
    struct transfer *next;
};

/* Gives the next transfer to start, or NULL when there are none left. */
typedef struct transfer *transfer_source(void *context);

/* Is told of each transfer that is done. Returns false to start no more. */
typedef bool transfer_sink(void *context, struct transfer *transfer);

/* Runs transfers until the source is dry and all are done, at most `parallel` at a time. */
void transfer_run(struct hub *hub, transfer_source *source, transfer_sink *sink, void *context,
                  size_t parallel);

/* Runs one transfer and returns its result. */
enum hub_result transfer_one(struct hub *hub, struct transfer *transfer);

/* Frees what a transfer owns (not what the caller gave it). */
void transfer_free(struct transfer *transfer);

/* What the engine knows of the Hub. */
struct hub {
    const struct config *config;
    CURLM *multi;
    CURL *idle[16]; /* handles to use again; connections live in `multi` */
    size_t idles;
    hub_progress *progress;
    void *progress_context;
    unsigned requests;
    int64_t paused_until_ms; /* monotonic; nothing is started before */
    int64_t deadline_ms;     /* monotonic; 0 for none */
};

#endif
