#include "hublfs.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum { OBJECT_MAX = 1 << 30, SIGNED_MAX = 256 };

int64_t
hublfs_size(struct hubstore *store, const char *sha256)
{
    sqlite3_stmt *row = db_query(store->db, SQL_HUB_OBJECT_SIZE, DB_TEXT(sha256));
    int64_t size = -1;

    if (!db_next(store->db, row, NULL))
        return -1;
    size = sqlite3_column_int64(row, 0);
    db_done(row);
    return size;
}

/* Ends the transaction as `good` says. */
static enum hubstore_result
finish(struct hubstore *store, bool good, struct error *why)
{
    if (!good)
        db_rollback(store->db);
    return good && db_commit(store->db, why) == DB_OK ? HUBSTORE_OK : HUBSTORE_FAILED;
}

static bool
object_insert(struct hubstore *store, const char *sha256, const char *bytes, size_t length,
              struct error *why)
{
    return db_run(store->db, SQL_HUB_OBJECT_INSERT, why, DB_TEXT(sha256), DB_BLOB(bytes, length));
}

enum hubstore_result
hublfs_put(struct hubstore *store, const char *sha256, const char *bytes, size_t length,
           struct error *why)
{
    char hash[SHA256_HEX];

    digest_sha256(bytes, length, hash);
    if (strcmp(hash, sha256) != 0) {
        error_set(why, "the content has the SHA-256 %s, not %s", hash, sha256);
        return HUBSTORE_REFUSED;
    }
    if (db_begin(store->db, why) != DB_OK)
        return HUBSTORE_FAILED;
    return finish(store, object_insert(store, sha256, bytes, length, why), why);
}

enum hubstore_result
hublfs_put_part(struct hubstore *store, const char *sha256, int64_t number, const char *bytes,
                size_t length, char etag[SHA256_HEX], struct error *why)
{
    digest_sha256(bytes, length, etag);
    if (db_begin(store->db, why) != DB_OK)
        return HUBSTORE_FAILED;
    return finish(store,
                  db_run(store->db, SQL_HUB_PART_INSERT, why, DB_TEXT(sha256), DB_INTEGER(number),
                         DB_BLOB(bytes, length)),
                  why);
}

/* Appends parts 1 to `count` to `whole`; false with `why` when one is missing or another. */
static bool
parts_read(struct hubstore *store, const char *sha256, size_t count, const char **etags,
           struct buf *whole, struct error *why)
{
    sqlite3_stmt *row = db_query(store->db, SQL_HUB_PART_LIST, DB_TEXT(sha256));
    char hash[SHA256_HEX];
    size_t have = 0;

    for (; have < count && db_next(store->db, row, why); have++) {
        const void *bytes = sqlite3_column_blob(row, 1);
        size_t length = (size_t)sqlite3_column_bytes(row, 1);
        digest_sha256(bytes, length, hash);
        if (sqlite3_column_int64(row, 0) != (int64_t)have + 1 || strcmp(hash, etags[have]) != 0)
            break;
        buf_put(whole, bytes, length);
    }
    db_done(row);
    if (have == count && buf_ok(whole))
        return true;
    error_set(why, "part %zu of %zu is missing or has another ETag", have + 1, count);
    return false;
}

enum hubstore_result
hublfs_join_parts(struct hubstore *store, const char *sha256, size_t count, const char **etags,
                  struct error *why)
{
    enum hubstore_result result = HUBSTORE_REFUSED;
    char hash[SHA256_HEX];
    struct buf whole;

    buf_init(&whole, OBJECT_MAX);
    if (parts_read(store, sha256, count, etags, &whole, why)) {
        digest_sha256(buf_string(&whole), whole.length, hash);
        if (strcmp(hash, sha256) != 0)
            error_set(why, "the parts together have the SHA-256 %s, not %s", hash, sha256);
        else if (db_begin(store->db, why) != DB_OK)
            result = HUBSTORE_FAILED;
        else
            result = finish(store,
                            object_insert(store, sha256, whole.data, whole.length, why) &&
                                db_run(store->db, SQL_HUB_PART_DELETE, why, DB_TEXT(sha256)),
                            why);
    }
    buf_free(&whole);
    return result;
}

bool
hublfs_sign(struct hubstore *store, const char *what, int64_t expires, char signature[SHA256_HEX])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char text[SIGNED_MAX];
    unsigned size = 0;
    int length = snprintf(text, sizeof text, "%s %" PRId64, what, expires);
    sqlite3_stmt *row = db_query(store->db, SQL_HUB_SECRET, DB_NULL);

    if (length < 0 || (size_t)length >= sizeof text || !db_next(store->db, row, NULL))
        return false;
    bool good = HMAC(EVP_sha256(), sqlite3_column_blob(row, 0), sqlite3_column_bytes(row, 0),
                     (const unsigned char *)text, (size_t)length, hash, &size) != NULL;
    db_done(row);
    for (size_t i = 0; good && i < size; i++)
        snprintf(signature + 2 * i, 3, "%02x", hash[i]);
    return good;
}
