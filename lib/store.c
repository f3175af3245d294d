#include "store.h"

#include <stdio.h>
#include <sys/stat.h>

enum { RETRY_AFTER_S = 10 };

void
store_init(struct store *store, const struct config *config, enum db_mode mode)
{
    struct db *db;
    struct error why;

    *store = (struct store){ .config = config, .mode = mode };
    snprintf(store->path, sizeof store->path, "%s/cache.db", config->state_dir);
    enum db_result result = db_open(&db, store->path, SQL_DATABASE_CACHE, DB_READER, &why);
    if (result == DB_OTHER)
        result = db_open(&db, store->path, SQL_DATABASE_CACHE, DB_WRITER, &why);
    if (result == DB_OK)
        db_close(db);
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
    struct stat file = { 0 };
    struct error why;
    time_t now = time(NULL);

    if (store->db != NULL && now == store->looked_at)
        return 0;
    bool same = store->db != NULL && stat(store->path, &file) == 0 && file.st_ino == store->inode &&
                file.st_dev == store->device;
    store->looked_at = now;
    if (same && now - store->opened_at <= store->config->cache_ttl)
        return 0;
    struct db *db;
    enum db_result result = db_open(&db, store->path, SQL_DATABASE_CACHE, store->mode, &why);
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
    store->opened++;
    if (result == DB_OK) {
        store->db = db;
        if (stat(store->path, &file) == 0) {
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
store_ready(struct store *store)
{
    struct response ignored = { 0 };

    buf_init(&ignored.headers, 4096);
    buf_init(&ignored.body, 4096);
    bool open = store_open(store, &ignored) == 0;
    buf_free(&ignored.headers);
    buf_free(&ignored.body);
    return open;
}

uint64_t
store_state(struct store *store)
{
    if (db_unchanged(store->db) && store->version >= 0)
        return store->state;
    int64_t version = db_version(store->db);
    if (version < 0 || version != store->version)
        store->state++;
    store->version = version;
    return store->state;
}

int
store_failed(const struct store *store, struct response *response, const struct error *why)
{
    log_event(&store->config->log, LEVEL_ERROR, LOG_DB, "the database failed",
              LOG_TEXT("error", why->text));
    return response_unavailable(response, RETRY_AFTER_S,
                                store->mode == DB_READER
                                    ? "the server's database cannot be read; try again later"
                                    : "the server's database cannot be written: try again "
                                      "later, and a 409 says that it was kept after all");
}
