#include "boards.h"

#include "mem.h"
#include "past_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_AFTER_S = 10,
    PAST_KEPT = 2,
    BUILDS_MAX = 20, /* past boards that are built for one address, in */
    BUILDS_WINDOW_S = 600,
};

struct boards {
    struct store store;
    uint64_t state;                 /* of the store, that `snapshots` was read from; 0: none */
    struct snapshots snapshots;     /* what is published */
    struct board published;         /* all zeroes while nothing is */
    struct variant mapped;          /* which one it is */
    uint64_t mappings;              /* how many it has been */
    struct leaderboard leaderboard; /* for past boards */
    bool leaderboard_loaded;
    struct past_kept {
        char key[PAST_KEY]; /* past_file_key(), "": none; also its entity tag */
        struct board board;
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
    boards_leaderboard(boards, NULL); /* while it is certainly there */
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

const struct leaderboard *
boards_leaderboard(struct boards *boards, struct error *why)
{
    if (!boards->leaderboard_loaded)
        boards->leaderboard_loaded =
            leaderboard_load(&boards->leaderboard, boards->store.config->leaderboard, why);
    return boards->leaderboard_loaded ? &boards->leaderboard : NULL;
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

    if (status != 0)
        return status;
    uint64_t state = store_state(&boards->store);
    if (state == boards->state)
        return 0;
    boards->state = 0;
    if (!snapshot_load(&boards->snapshots, boards->store.db, &why))
        return store_failed(&boards->store, response, &why);
    boards->state = state;
    return 0;
}

/* Takes one unit of what an address may have built. Returns 0 or the status of an answer. */
static int
build_limit(struct request *request, struct response *response)
{
    const struct rate rate = { BUILDS_MAX, BUILDS_WINDOW_S };
    long retry_s;

    if (request->config->rate_requests == 0 ||
        request_admitted(request, response, "past", NULL, rate, 1, &retry_s))
        return 0;
    return response_detail(response, 429,
                           "at: %d past leaderboards were put together for your address within %d "
                           "minutes: go on in %ld s",
                           BUILDS_MAX, BUILDS_WINDOW_S / 60, retry_s);
}

/* What it means that a past cannot be shown. */
static int
past_refuse(const struct boards *boards, struct response *response, enum past_result result,
            const struct error *why)
{
    if (result == PAST_NONSENSE)
        return response_detail(response, 400, "at: %s", why->text);
    if (result == PAST_ABSENT)
        return response_detail(response, 404, "at: %s", why->text);
    if (result == PAST_UNFIT)
        return response_detail(response, 404,
                               "at: the leaderboard of that time cannot be shown by today's "
                               "settings: %s",
                               why->text);
    return store_failed(&boards->store, response, why);
}

/* The board of a snapshot: one that is kept, or in the place of the one that was used longest ago.
 */
static int
past_take(struct boards *boards, struct request *request, struct response *response,
          const struct history_snapshot *snapshot, bool limited)
{
    const struct config *config = boards->store.config;
    struct past_kept *place = &boards->past[0];
    char key[PAST_KEY];
    struct board board;
    struct error why;
    int status;

    const struct leaderboard *leaderboard = boards_leaderboard(boards, &why);
    if (leaderboard == NULL || !past_file_key(boards->store.db, leaderboard, snapshot, key, &why))
        return store_failed(&boards->store, response, &why);
    for (size_t i = 0; i < PAST_KEPT; i++) {
        if (strcmp(boards->past[i].key, key) == 0) {
            place = &boards->past[i];
            break;
        }
        if (boards->past[i].used_at < place->used_at)
            place = &boards->past[i];
    }
    if (strcmp(place->key, key) != 0) {
        if (!past_file_map(config, key, &board)) {
            if (limited && (status = build_limit(request, response)) != 0)
                return status;
            enum past_result result =
                past_file_build(config, boards->store.db, leaderboard, snapshot, key, &why);
            if (result != PAST_FOUND)
                return past_refuse(boards, response, result, &why);
            if (!past_file_map(config, key, &board)) {
                error_set(&why, "the board that was just built cannot be mapped");
                return store_failed(&boards->store, response, &why);
            }
        }
        board_close(&place->board);
        place->board = board;
        memcpy(place->key, key, sizeof key);
    }
    place->used_at = ++boards->uses;
    boards->last = &place->board;
    boards->last_etag = place->key;
    return 0;
}

/* The board of a moment or a revision. It is for good once a newer snapshot is there: until then
 * another one may still come that the same words mean. */
static int
past_get(struct boards *boards, struct request *request, struct response *response, const char *at)
{
    struct history_snapshot snapshot, newest;
    struct db *db = boards->store.db;
    struct error why;
    size_t count = 0;
    int status;

    if (!db_snapshot_begin(db, &why))
        return store_failed(&boards->store, response, &why);
    enum past_result result = past_find(db, at, &snapshot, &why);
    if (result == PAST_FOUND && !history_list(db, INT64_MAX, &newest, 1, &count, &why))
        result = PAST_UNREADABLE;
    if (result == PAST_FOUND)
        status = past_take(boards, request, response, &snapshot, true);
    else
        status = past_refuse(boards, response, result, &why);
    db_snapshot_end(db);
    boards->last_fixed = status == 0 && count == 1 && newest.id != snapshot.id;
    return status;
}

/* The newest snapshot's board, made here: for the time between an upgrade to another layout of
 * boards, or the loss of a file, and the next pull. */
static int
newest_get(struct boards *boards, struct request *request, struct response *response,
           const struct error *unfit)
{
    struct history_snapshot newest;
    struct error why = *unfit;
    size_t count = 0;
    int status;

    log_event(
        &boards->store.config->log, LEVEL_WARNING, LOG_HTTP,
        "the published board cannot be read: the newest snapshot's serves until the next pull",
        LOG_TEXT("error", unfit->text));
    if (!db_snapshot_begin(boards->store.db, &why))
        return store_failed(&boards->store, response, &why);
    if (history_list(boards->store.db, INT64_MAX, &newest, 1, &count, &why) && count == 1)
        status = past_take(boards, request, response, &newest, false);
    else
        status = store_failed(&boards->store, response, &why);
    db_snapshot_end(boards->store.db);
    return status;
}

/* Maps the file that the database names. What was mapped before goes once the new one is there; it
 * stays when a later version published one that this program cannot read. */
static int
published_get(struct boards *boards, struct request *request, struct response *response)
{
    const struct variant *variant = &boards->snapshots.board;
    char path[PATH_MAX];
    struct board board;
    struct error why;

    boards->last_fixed = false;
    if (variant->file[0] == '\0')
        return response_unavailable(response, RETRY_AFTER_S,
                                    "there is no data yet: the first sync has not ended");
    if (strcmp(variant->file, boards->mapped.file) != 0) {
        snprintf(path, sizeof path, "%s/public/%s", boards->store.config->state_dir, variant->file);
        if (board_map(&board, path, &why)) {
            board_close(&boards->published);
            boards->published = board;
            boards->mapped = *variant;
            boards->mappings++;
        } else if (boards->mapped.file[0] == '\0') {
            return newest_get(boards, request, response, &why);
        }
    }
    boards->last = &boards->published;
    boards->last_etag = boards->mapped.etag;
    return 0;
}

int
boards_get(struct boards *boards, struct request *request, struct response *response,
           const struct board **board)
{
    const char *at = request_query(request, "at");
    int status = boards_refresh(boards, response);

    if (status == 0)
        status = at == NULL ? published_get(boards, request, response)
                            : past_get(boards, request, response, at);
    if (status == 0)
        *board = boards->last;
    return status;
}

uint64_t
boards_state(const struct boards *boards)
{
    return boards->last == &boards->published ? boards->mappings : 0;
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
            ? "public, max-age=86400, immutable"
            : arena_format(&request->arena, "public, max-age=%ld", config->cache_ttl);
    response->type = type;
}
