#include "answers.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct answer {
    uint64_t state; /* 0: there is none */
    char *target, *etag, *cache_control, *headers;
    const char *type;
    time_t modified;
    struct kept kept;
};

struct answers {
    struct answer places[ANSWERS_PLACES];
};

struct answers *
answers_new(void)
{
    return mem_zero(1, sizeof(struct answers));
}

static void
answer_drop(struct answer *answer)
{
    free(answer->target);
    free(answer->etag);
    free(answer->cache_control);
    free(answer->headers);
    kept_free(&answer->kept);
    *answer = (struct answer){ 0 };
}

void
answers_free(struct answers *answers)
{
    for (size_t i = 0; i < ANSWERS_PLACES; i++)
        answer_drop(&answers->places[i]);
    free(answers);
}

/* FNV-1a. Who makes two addresses share a place has both made anew each time, as without places. */
static struct answer *
place_of(struct answers *answers, const char *target)
{
    uint32_t hash = 2166136261;

    for (; *target != '\0'; target++)
        hash = (hash ^ (unsigned char)*target) * 16777619;
    return &answers->places[hash % ANSWERS_PLACES];
}

bool
answers_give(const struct request *request, struct response *response, uint64_t state)
{
    struct answer *answer = place_of(request->answers, request->target);

    if (answer->state != state || state == 0 || strcmp(answer->target, request->target) != 0)
        return false;
    response->kept = &answer->kept;
    response->type = answer->type;
    response->etag = answer->etag;
    response->modified = answer->modified;
    response->cache_control = answer->cache_control;
    buf_text(&response->headers, answer->headers);
    metrics_count(request->metrics, METRIC_BODY_KEPT);
    return true;
}

int
answers_keep(struct request *request, struct response *response, uint64_t state)
{
    struct buf *body = &response->body;
    char hash[SHA256_HEX];

    metrics_count(request->metrics, METRIC_BODY_MADE);
    if (response->etag == NULL) {
        digest_sha256(buf_string(body), body->length, hash);
        response->etag = arena_copy(&request->arena, hash, ETAG_HEX);
    }
    if (state == 0 || !buf_ok(body) || !buf_ok(&response->headers) || body->length > ANSWERS_MAX)
        return 200;
    struct answer *answer = place_of(request->answers, request->target);
    answer_drop(answer);
    *answer =
        (struct answer){ .state = state,
                         .target = mem_string(request->target),
                         .etag = mem_string(response->etag),
                         .cache_control = mem_string(response->cache_control),
                         .headers = mem_string(buf_string(&response->headers) + response->common),
                         .type = response->type,
                         .modified = response->modified };
    answer->kept.coded[ENCODING_IDENTITY] = *body;
    buf_init(body, body->max_bytes);
    response->kept = &answer->kept;
    return 200;
}
