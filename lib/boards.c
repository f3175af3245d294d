#include "boards.h"

#include "mem.h"
#include "past.h"
#include "past_file.h"
#include "timestamp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_AFTER_S = 10, ETAG_HEX = 32, PAST_KEPT = 2 };

struct boards {
    struct store store;
    struct snapshots snapshots;                      /* what is published, as far as `store` says */
    struct board published;                          /* all zeroes while nothing is */
    char file[sizeof((struct variant *)NULL)->file]; /* which one is mapped */
    struct leaderboard leaderboard; /* for past boards; loaded when one is asked for */
    bool leaderboard_loaded;
    struct past_kept {
        int64_t id; /* of the snapshot, 0: none */
        struct board board;
        char etag[64];
        unsigned used_at; /* the last to be used has the highest */
    } past[PAST_KEPT];
    unsigned uses;
    const struct board *last; /* that boards_get() gave, and the hash of its content */
    const char *last_etag;
    bool last_fixed; /* it can never be another one */
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
    for (size_t i = 0; i < PAST_KEPT; i++)
        board_close(&boards->past[i].board);
    if (boards->leaderboard_loaded)
        leaderboard_free(&boards->leaderboard);
    board_close(&boards->published);
    store_close(&boards->store);
    free(boards);
}

const struct snapshots *
boards_snapshots(const struct boards *boards)
{
    return &boards->snapshots;
}

struct db *
boards_db(struct boards *boards)
{
    return boards->store.db;
}

int
boards_refresh(struct boards *boards, struct response *response)
{
    struct error why;
    int status = store_open(&boards->store, response);

    if (status != 0 || !store_changed(&boards->store))
        return status;
    if (snapshot_load(&boards->snapshots, boards->store.db, &why))
        return 0;
    boards->store.version = -1;
    return store_failed(&boards->store, response, &why);
}

/* Maps the file that the database names. What was mapped before goes once the new one is there. */
static int
published_get(struct boards *boards, struct response *response)
{
    const struct variant *variant = &boards->snapshots.board;
    char path[PATH_MAX];
    struct board board;
    struct error why;

    if (variant->file[0] == '\0')
        return response_unavailable(response, RETRY_AFTER_S,
                                    "there is no data yet: the first sync has not ended");
    if (strcmp(variant->file, boards->file) != 0) {
        snprintf(path, sizeof path, "%s/public/%s", boards->store.config->state_dir, variant->file);
        if (!board_map(&board, path, &why))
            return store_failed(&boards->store, response, &why);
        board_close(&boards->published);
        boards->published = board;
        memcpy(boards->file, variant->file, sizeof boards->file);
    }
    boards->last = &boards->published;
    boards->last_etag = variant->etag;
    boards->last_fixed = false;
    return 0;
}

/* True when the text will always mean the snapshot that it means now: a revision or an id, or a
 * day or time that is over. */
static bool
fixed(const char *at)
{
    int64_t when = timestamp_parse(at);
    char midnight[64];

    snprintf(midnight, sizeof midnight, "%.10sT23:59:59Z", at);
    if (when == 0)
        when = timestamp_parse(midnight);
    return when == 0 || when < time(NULL);
}

/* The board of a snapshot: one that is kept, or in the place of the one that was used longest ago.
 */
static bool
past_take(struct boards *boards, const struct history_snapshot *snapshot, struct error *why)
{
    const struct config *config = boards->store.config;
    struct past_kept *place = &boards->past[0];

    for (size_t i = 0; i < PAST_KEPT; i++) {
        if (boards->past[i].id == snapshot->id) {
            place = &boards->past[i];
            break;
        }
        if (boards->past[i].used_at < place->used_at)
            place = &boards->past[i];
    }
    if (place->id != snapshot->id) {
        struct board board;
        if (!boards->leaderboard_loaded &&
            !leaderboard_load(&boards->leaderboard, config->leaderboard, why))
            return false;
        boards->leaderboard_loaded = true;
        if (!past_file_map(config, boards->store.db, &boards->leaderboard, snapshot, &board, why))
            return false;
        board_close(&place->board);
        place->board = board;
        place->id = snapshot->id;
        snprintf(place->etag, sizeof place->etag, "past-%lld-%.16s", (long long)snapshot->id,
                 boards->leaderboard.fingerprint);
    }
    place->used_at = ++boards->uses;
    boards->last = &place->board;
    boards->last_etag = place->etag;
    return true;
}

/* The board of a moment or a revision. */
static int
past_get(struct boards *boards, struct response *response, const char *at)
{
    struct history_snapshot snapshot;
    struct error why;

    if (!db_snapshot_begin(boards->store.db, &why))
        return store_failed(&boards->store, response, &why);
    enum past_result result = past_find(boards->store.db, at, &snapshot, &why);
    bool taken = result == PAST_FOUND && past_take(boards, &snapshot, &why);
    db_snapshot_end(boards->store.db);
    boards->last_fixed = fixed(at);
    if (taken)
        return 0;
    switch (result) {
    case PAST_NONSENSE:
        return response_detail(response, 400, "at: %s", why.text);
    case PAST_ABSENT:
        return response_detail(response, 404, "at: %s", why.text);
    case PAST_FOUND:
        log_event(&boards->store.config->log, LEVEL_ERROR, LOG_DB, "cannot build a past board",
                  LOG_INTEGER("snapshot", snapshot.id), LOG_TEXT("error", why.text));
        return response_unavailable(response, RETRY_AFTER_S,
                                    "the leaderboard of that time cannot be shown now; try again "
                                    "later");
    case PAST_UNREADABLE:
        break;
    }
    return store_failed(&boards->store, response, &why);
}

int
boards_get(struct boards *boards, struct request *request, struct response *response,
           const struct board **board)
{
    const char *at = request_query(request, "at");
    int status = boards_refresh(boards, response);

    if (status == 0)
        status = at == NULL ? published_get(boards, response) : past_get(boards, response, at);
    if (status == 0)
        *board = boards->last;
    return status;
}

void
boards_cacheable(const struct boards *boards, struct request *request, struct response *response,
                 const char *type, const char *tag)
{
    const struct config *config = boards->store.config;
    char hash[SHA256_HEX];

    if (tag == NULL) {
        const char *key =
            arena_format(&request->arena, "%s %s", profile_name(config->profile), request->target);
        digest_sha256(key, strlen(key), hash);
        hash[ETAG_HEX] = '\0';
        tag = hash;
    }
    response->etag = arena_format(&request->arena, "%s-%s", boards->last_etag, tag);
    response->modified = (time_t)boards->last->published_at;
    response->cache_control =
        boards->last_fixed
            ? "public, max-age=31536000, immutable"
            : arena_format(&request->arena, "public, max-age=%ld", config->cache_ttl);
    response->type = type;
}
