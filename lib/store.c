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

/* Opens the database, and brings that of an older version up to this one. */
static enum db_result
open_any(struct db **db, const char *path, enum db_mode mode, struct error *why)
{
    enum db_result result = db_open(db, path, SQL_DATABASE_CACHE, mode, why);

    if (result == DB_OTHER && mode == DB_READER &&
        db_open(db, path, SQL_DATABASE_CACHE, DB_WRITER, why) == DB_OK) {
        db_close(*db);
        result = db_open(db, path, SQL_DATABASE_CACHE, mode, why);
    }
    return result;
}

int
store_open(struct store *store, struct response *response)
{
    char path[PATH_MAX];
    struct stat file = { 0 };
    struct error why;
    time_t now = time(NULL);

    snprintf(path, sizeof path, "%s/cache.db", store->config->state_dir);
    bool same = store->db != NULL && stat(path, &file) == 0 && file.st_ino == store->inode &&
                file.st_dev == store->device;
    if (same && now - store->opened_at <= store->config->cache_ttl)
        return 0;
    struct db *db;
    enum db_result result = open_any(&db, path, store->mode, &why);
    if (result == DB_OTHER && same) {
        /* A later version is at work already, and this program about to be replaced: what it has
         * open serves until then. */
        log_event(&store->config->log, LEVEL_WARNING, LOG_DB, "the database is another version's",
                  LOG_TEXT("error", why.text));
        store->opened_at = now;
        return 0;
    }
    store_close(store);
    store->version = -1;
    if (result == DB_OK) {
        store->db = db;
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
    int status = store_failed(store, response, &why);
    return result == DB_OTHER ? response_detail(response, status,
                                                "the server's database is of another version than "
                                                "the server: its operator has to look at the log")
                              : status;
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
