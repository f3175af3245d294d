#include "store.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { RETRY_AFTER_S = 10 };

void
store_init(struct store *store, const struct config *config, enum db_mode mode)
{
    *store = (struct store){ .config = config, .mode = mode, .version = -1 };
}

void
store_close(struct store *store)
{
    db_close(store->db);
    store->db = NULL;
}

int
store_open(struct store *store, struct response *response)
{
    char path[PATH_MAX];
    struct stat file = { 0 };
    struct error why;
    time_t now = time(NULL);

    snprintf(path, sizeof path, "%s/cache.db", store->config->state_dir);
    bool there = stat(path, &file) == 0;
    if (store->db != NULL && now - store->opened_at <= store->config->cache_ttl && there &&
        file.st_ino == store->inode && file.st_dev == store->device)
        return 0;
    store_close(store);
    store->version = -1;
    enum db_result result = db_open(&store->db, path, SQL_DATABASE_CACHE, store->mode, &why);
    if (result == DB_OTHER && store->mode == DB_READER &&
        db_open(&store->db, path, SQL_DATABASE_CACHE, DB_WRITER, &why) == DB_OK) {
        /* It was an older version's, and is brought up to this one by now. */
        store_close(store);
        result = db_open(&store->db, path, SQL_DATABASE_CACHE, DB_READER, &why);
    }
    if (result == DB_OK) {
        if (stat(path, &file) == 0) {
            store->inode = file.st_ino;
            store->device = file.st_dev;
        }
        store->opened_at = now;
        return 0;
    }
    if (result == DB_ABSENT)
        return response_unavailable(response, RETRY_AFTER_S,
                                    "there is no data yet: the first sync has not ended");
    return store_failed(store, response, &why);
}

bool
store_changed(struct store *store)
{
    int64_t version = db_version(store->db);
    bool changed = version < 0 || version != store->version;

    store->version = version;
    return changed;
}

int
store_failed(const struct store *store, struct response *response, const struct error *why)
{
    log_event(&store->config->log, LEVEL_ERROR, LOG_DB, "the database failed",
              LOG_TEXT("error", why->text));
    return response_unavailable(response, RETRY_AFTER_S,
                                store->mode == DB_READER
                                    ? "the server's database cannot be read; try again later"
                                    : "the server's database cannot be written, and nothing was "
                                      "kept; try again later");
}
