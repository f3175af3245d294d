/* What an answer of the Hub means, and the words that tell a person what to do about it. */
#include "hub_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool
transfer_status_good(long status)
{
    return status >= 200 && status < 300;
}

/* The Hub's own words about an error: its header, else the body's "error". */
static void
explain(const struct transfer *transfer, char text[220])
{
    json_t *body = json_read(buf_string(&transfer->message), transfer->message.length, NULL);
    const char *words = transfer->error_message[0] != '\0' ? transfer->error_message
                                                           : json_member_text(body, "error");

    text[0] = '\0';
    if (words != NULL && words[0] != '\0')
        snprintf(text, 220, " (\"%.200s\")", words);
    json_decref(body);
}

/* An answer that is no success: what it means, and what to do about it. */
static enum hub_result
judge_status(const struct transfer *transfer, struct error *why)
{
    const char *endpoint = transfer->hub->config->hf_endpoint, *what = transfer->what;
    bool token = transfer->hub->config->hf_token != NULL;
    const char *access = transfer->verb == VERB_GET ? "read" : "write";
    long wait = transfer->limit_reset >= 0   ? transfer->limit_reset
                : transfer->retry_after >= 0 ? transfer->retry_after
                                             : TRANSFER_WAIT_MAX_S;
    char words[220];

    explain(transfer, words);
    switch (transfer->status) {
    case 401:
        error_set(why, "%s: %s answered 401%s: %s", what, endpoint, words,
                  token ? "HF_TOKEN is not valid for this; set another one"
                        : "it needs a token, or is not there; set HF_TOKEN, or check the name");
        return HUB_DENIED;
    case 403:
        error_set(why, "%s: %s answered 403%s: %s %s this", what, endpoint, words,
                  token ? "the owner of HF_TOKEN may not" : "set HF_TOKEN to a token that may",
                  access);
        return HUB_DENIED;
    case 404:
        error_set(why, "%s: not on %s (404)%s: check the name in the settings%s", what, endpoint,
                  words, token ? "" : ", or set HF_TOKEN if it is private");
        return HUB_MISSING;
    case 412:
        error_set(why, "%s: somebody else has committed meanwhile (412)%s: read again and retry",
                  what, words);
        return HUB_CONFLICT;
    case 429:
        error_set(why, "%s: the rate limit of %s is used up (429): run again in %ld s%s", what,
                  endpoint, wait, token ? "" : ", or set HF_TOKEN for a higher limit");
        return HUB_LIMITED;
    case 413:
        error_set(why, "%s: %s answered 413%s: it is too large", what, endpoint, words);
        return HUB_REFUSED;
    default:
        break;
    }
    if (transfer->status >= 500 || transfer->status == 408) {
        error_set(why, "%s: %s answered %ld%s: a failure on its side; run again later", what,
                  endpoint, transfer->status, words);
        return HUB_UNAVAILABLE;
    }
    if (transfer->verb != VERB_GET && transfer->status >= 400) {
        error_set(why, "%s: %s refused it with %ld%s", what, endpoint, transfer->status, words);
        return HUB_REFUSED;
    }
    error_set(why, "%s: %s answered %ld%s, which is not expected: check HF_ENDPOINT", what,
              endpoint, transfer->status, words);
    return HUB_BROKEN;
}

enum hub_result
transfer_judge(const struct transfer *transfer, CURLcode code, struct error *why)
{
    const struct config *config = transfer->hub->config;

    if (transfer->disk_failed) {
        error_prefix(why, "%s", transfer->what);
        return HUB_DISK;
    }
    if (transfer->too_large && transfer->spool != NULL) {
        error_set(why, "%s: %s sends more than the %" PRIu64 " bytes that it lists: run again",
                  transfer->what, config->hf_endpoint, transfer->spool_max);
        return HUB_BROKEN;
    }
    if (transfer->too_large) {
        bool setting = transfer->out->max_bytes == (size_t)config->hub_max_mb << 20;
        bool whole = transfer->out->max_bytes % (1 << 20) == 0;
        error_set(why, "%s is larger than %zu %s%s", transfer->what,
                  transfer->out->max_bytes >> (whole ? 20 : 10), whole ? "MiB" : "KiB",
                  setting ? ": raise HUB_MAX_MB if that is right" : "");
        return HUB_TOO_LARGE;
    }
    if (code == CURLE_TOO_MANY_REDIRECTS ||
        (code == CURLE_UNSUPPORTED_PROTOCOL && transfer->hops > 0)) {
        error_set(why,
                  "%s: %s redirects to where we do not follow (more than %d times, or not to %s)",
                  transfer->what, config->hf_endpoint, TRANSFER_HOPS_MAX,
                  strncmp(config->hf_endpoint, "https:", 6) == 0 ? "https" : "http");
        return HUB_BROKEN;
    }
    if (transfer->link_local) {
        error_set(why, "%s: %s leads to a link-local address, where no Hub is: check HF_ENDPOINT",
                  transfer->what, config->hf_endpoint);
        return HUB_BROKEN;
    }
    if (code != CURLE_OK) {
        error_set(why,
                  "%s: no complete answer from %s: %s; check HF_ENDPOINT and the network, or run "
                  "again later",
                  transfer->what, config->hf_endpoint, curl_easy_strerror(code));
        return HUB_UNAVAILABLE;
    }
    return transfer_status_good(transfer->status) ? HUB_OK : judge_status(transfer, why);
}
