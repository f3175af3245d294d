#include "boards.h"

#include "mem.h"
#include "snapshot.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_S = 10, ETAG_HEX = 32 };

struct boards {
    struct store store;
    struct board published;   /* all zeroes while nothing is */
    struct variant variant;   /* the file that it is */
    const struct board *last; /* that boards_get() gave, and the hash of its content */
    const char *last_etag;
    bool last_past;
};

struct boards *
boards_new(const struct config *config)
{
    struct boards *boards = mem_zero(1, sizeof *boards);

    store_init(&boards->store, config, DB_READER);
    return boards;
}

void
boards_close(struct boards *boards)
{
    board_close(&boards->published);
    store_close(&boards->store);
    free(boards);
}

struct db *
boards_db(struct boards *boards)
{
    return boards->store.db;
}

/* Maps the file that the database names. What was mapped before goes once the new one is there. */
static bool
published_map(struct boards *boards, const struct variant *variant, struct error *why)
{
    char path[PATH_MAX];
    struct board board = { 0 };

    if (strcmp(variant->file, boards->variant.file) == 0)
        return true;
    snprintf(path, sizeof path, "%s/public/%s", boards->store.config->state_dir, variant->file);
    if (variant->file[0] != '\0' && !board_map(&board, path, why))
        return false;
    board_close(&boards->published);
    boards->published = board;
    boards->variant = *variant;
    return true;
}

/* Takes the published board, anew when another process has committed since. */
static int
published_get(struct boards *boards, struct response *response)
{
    struct snapshots snapshots;
    struct error why;
    int status = store_open(&boards->store, response);

    if (status != 0)
        return status;
    if (store_changed(&boards->store) && (!snapshot_load(&snapshots, boards->store.db, &why) ||
                                          !published_map(boards, &snapshots.board, &why))) {
        boards->store.version = -1;
        return store_failed(&boards->store, response, &why);
    }
    if (boards->published.bytes == NULL)
        return response_unavailable(response, RETRY_AFTER_S,
                                    "there is no data yet: the first sync has not ended");
    boards->last = &boards->published;
    boards->last_etag = boards->variant.etag;
    boards->last_past = false;
    return 0;
}

/* The board of a moment or a revision. */
static int
past_get(struct boards *boards, struct response *response, const char *at)
{
    (void)boards;
    (void)at;
    return response_detail(response, 400, "at: past leaderboards cannot be asked for yet");
}

int
boards_get(struct boards *boards, struct request *request, struct response *response,
           const struct board **board)
{
    const char *at = request_query(request, "at");
    int status = at == NULL ? published_get(boards, response) : past_get(boards, response, at);

    if (status == 0)
        *board = boards->last;
    return status;
}

void
boards_cacheable(const struct boards *boards, struct request *request, struct response *response,
                 const char *type)
{
    const struct config *config = boards->store.config;
    char hash[SHA256_HEX];
    const char *key = arena_format(&request->arena, "%s %s %s", boards->last_etag,
                                   profile_name(config->profile), request->target);

    digest_sha256(key, strlen(key), hash);
    response->etag = arena_copy(&request->arena, hash, ETAG_HEX);
    response->modified = (time_t)boards->last->published_at;
    response->cache_control =
        boards->last_past ? "public, max-age=31536000, immutable"
                          : arena_format(&request->arena, "public, max-age=%ld", config->cache_ttl);
    response->type = type;
}
