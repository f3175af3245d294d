#include "db.h"

#include "file.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHECKPOINT_WAIT_MS = 250, /* for readers, while all writers wait */
    WAL_PAGES_USUAL = 1000,   /* after which what can be copied back is */
    READ_TRIES = 100,
    INDEX_REGION = 32 * 1024, /* what SQLite maps of the WAL's index at once */
};

/* "leader" and "localhub" in hexadecimal: whose file it is, in SQLite's application_id. */
static const int application_ids[] = {
    [SQL_DATABASE_CACHE] = 0x4c42434d, [SQL_DATABASE_HUB] = 0x4c424855
};

int
db_application_id(enum sql_database database)
{
    return application_ids[database];
}

static sqlite3_mem_methods usual;

/* For want of memory a query would look like one that finds nothing, and a text like an empty one:
 * SQLite has memory, or the program ends, and with it its transaction. */
static void *
db_alloc(int size)
{
    void *memory = usual.xMalloc(size);

    if (memory == NULL)
        mem_exhausted((size_t)size);
    return memory;
}

static void *
db_resize(void *memory, int size)
{
    memory = usual.xRealloc(memory, size);
    if (memory == NULL)
        mem_exhausted((size_t)size);
    return memory;
}

/* Before SQLite's first use. Without its sums of memory no allocation takes a lock. */
__attribute__((constructor)) static void
db_configure(void)
{
    sqlite3_mem_methods ours;

    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual);
    ours = usual;
    ours.xMalloc = db_alloc;
    ours.xRealloc = db_resize;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}

static void
db_explain(struct db *db, const char *what, struct error *why)
{
    error_set(why, "database: %s: %s", what, sqlite3_errmsg(db->handle));
}

static bool
db_execute(struct db *db, const char *sql, struct error *why)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    error_set(why, "database: %s", sqlite3_errmsg(db->handle));
    return false;
}

/* Begins or ends a transaction. */
static bool
db_control(struct db *db, int control, struct error *why)
{
    int code = sqlite3_step(db->controls[control]);

    if (code != SQLITE_DONE)
        error_set(why, "database: %s", sqlite3_errmsg(db->handle));
    sqlite3_reset(db->controls[control]);
    return code == SQLITE_DONE;
}

/* True when a reader that has no right to the index (-shm) is to try once more. It cannot wait for
 * whoever is just changing it, as SQLite does otherwise, and fails. */
static bool
db_again(int code, int *tries)
{
    return (code == SQLITE_READONLY_CANTINIT || code == SQLITE_READONLY_RECOVERY) &&
           ++*tries < READ_TRIES;
}

static int
db_step(sqlite3_stmt *statement)
{
    int tries = 0, code;

    while (db_again(code = sqlite3_step(statement), &tries))
        sqlite3_reset(statement);
    return code;
}

static int
db_pragma(struct db *db, const char *sql)
{
    sqlite3_stmt *statement;
    int value = -1;

    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    if (db_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int
schema_version(enum sql_database database)
{
    int version = 0;

    for (int i = 0; i < sql_migrations_count; i++)
        if (sql_migrations[i].database == database && sql_migrations[i].version > version)
            version = sql_migrations[i].version;
    return version;
}

static void
db_unlock(struct db *db)
{
    flock(db->lock, LOCK_UN);
}

static bool
db_lock(struct db *db, struct error *why)
{
    if (file_lock(db->lock, DB_PATIENCE_MS))
        return true;
    error_set(why, "database: another program holds its lock for more than %d s",
              DB_PATIENCE_MS / 1000);
    return false;
}

/* Runs the migrations that the file has not seen, in one transaction. */
static enum db_result
db_migrate(struct db *db, enum sql_database database, struct error *why)
{
    char pragma[64];
    int newest = schema_version(database);

    if (db_begin(db, why) != DB_OK)
        return DB_FAILED;
    int version = db_pragma(db, "PRAGMA user_version");
    int owner = db_pragma(db, "PRAGMA application_id");
    bool empty = db_pragma(db, "SELECT count(*) FROM sqlite_master") == 0;
    if (version > newest ||
        (version == 0 ? !empty || owner != 0 : owner != application_ids[database])) {
        db_rollback(db);
        return DB_OTHER;
    }
    if (version == newest) {
        db_rollback(db);
        return DB_OK;
    }
    while (version < newest) {
        for (int i = 0; i < sql_migrations_count; i++) {
            if (sql_migrations[i].database != database || sql_migrations[i].version != version + 1)
                continue;
            if (!db_execute(db, sql_migrations[i].text, why)) {
                error_prefix(why, "migration %d", version + 1);
                db_rollback(db);
                return DB_FAILED;
            }
        }
        version++;
    }
    snprintf(pragma, sizeof pragma, "PRAGMA user_version=%d", newest);
    if (!db_execute(db, pragma, why))
        goto failed;
    snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d", application_ids[database]);
    if (!db_execute(db, pragma, why))
        goto failed;
    return db_commit(db, why);
failed:
    db_rollback(db);
    return DB_FAILED;
}

static bool
db_prepare(struct db *db, enum sql_database database, struct error *why)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        if (sql_statements[i].database != database)
            continue;
        int tries = 0, code;
        do
            code = sqlite3_prepare_v3(db->handle, sql_statements[i].text, -1,
                                      SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL);
        while (db_again(code, &tries));
        if (code != SQLITE_OK) {
            db_explain(db, sql_statements[i].name, why);
            return false;
        }
    }
    return true;
}

static bool
db_prepare_controls(struct db *db, struct error *why)
{
    static const char *const texts[DB_CONTROLS] = {
        [DB_BEGIN] = "BEGIN",
        [DB_BEGIN_WRITING] = "BEGIN IMMEDIATE",
        [DB_COMMIT] = "COMMIT",
        [DB_ROLLBACK] = "ROLLBACK",
    };

    for (int i = 0; i < DB_CONTROLS; i++) {
        if (sqlite3_prepare_v3(db->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->controls[i], NULL) != SQLITE_OK) {
            db_explain(db, texts[i], why);
            return false;
        }
    }
    return true;
}

static int
on_wal(void *context, sqlite3 *handle, const char *schema, int pages)
{
    struct db *db = context;

    (void)handle;
    (void)schema;
    db->wal_pages = pages;
    db->unsynced = true;
    return SQLITE_OK;
}

/* Everything after the handle exists; the caller closes on failure. */
static enum db_result
db_set_up(struct db *db, const char *path, enum sql_database database, enum db_mode mode,
          struct error *why)
{
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, DB_PATIENCE_MS);
    if (!db_execute(db, "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY", why) ||
        !db_prepare_controls(db, why))
        return DB_FAILED;
    /* Before anything is written: a later version's is not this one's to touch. */
    if (mode == DB_WRITER && db_pragma(db, "PRAGMA user_version") > schema_version(database))
        goto other;
    if (mode == DB_WRITER) {
        /* SQLite opens for reading alone what it fails to open for writing. */
        if (sqlite3_db_readonly(db->handle, "main") != 0) {
            error_set(why, "database: cannot open %s for writing", path);
            return DB_FAILED;
        }
        size_t size = strlen(path) + sizeof ".lock";
        char *name = mem_alloc(size);
        snprintf(name, size, "%s.lock", path);
        db->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (db->lock < 0)
            error_set(why, "cannot open %s: %s", name, strerror(errno));
        free(name);
        if (db->lock < 0)
            return DB_FAILED;
        /* Two that turn a new file into a WAL database at once would find it locked: no timeout
         * helps there. */
        if (!db_lock(db, why))
            return DB_FAILED;
        bool set = db_execute(db,
                              "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                              "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=4194304",
                              why);
        db_unlock(db);
        if (!set)
            return DB_FAILED;
        sqlite3_wal_hook(db->handle, on_wal, db);
        enum db_result result = db_migrate(db, database, why);
        if (result == DB_OTHER)
            goto other;
        if (result != DB_OK)
            return result;
    } else {
        int version = db_pragma(db, "PRAGMA user_version");
        int owner = db_pragma(db, "PRAGMA application_id");
        if (sqlite3_errcode(db->handle) != SQLITE_OK) {
            error_set(why, "database: cannot read %s: %s", path, sqlite3_errmsg(db->handle));
            return DB_FAILED;
        }
        if (version == 0 && owner == 0) {
            error_set(why, "the database at %s is only just being made", path);
            return DB_ABSENT;
        }
        if (version != schema_version(database) || owner != application_ids[database])
            goto other;
    }
    return db_prepare(db, database, why) ? DB_OK : DB_FAILED;
other:;
    int version = db_pragma(db, "PRAGMA user_version");
    int owner = db_pragma(db, "PRAGMA application_id");
    if (owner != application_ids[database])
        error_set(why, "%s is another application's (%#x): it stays as it is", path,
                  (unsigned)owner);
    else
        error_set(why, "%s has schema %d, this program knows schema %d: %s", path, version,
                  schema_version(database),
                  version > schema_version(database)
                      ? "it is a later version's and stays as it is; run that version again, or "
                        "restore a backup"
                      : "the fetcher has to bring it up to date");
    return DB_OTHER;
}

enum db_result
db_open(struct db **opened, const char *path, enum sql_database database, enum db_mode mode,
        struct error *why)
{
    struct stat status;
    int flags = SQLITE_OPEN_NOMUTEX;

    if (mode == DB_WRITER)
        flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    else if (stat(path, &status) != 0 && errno == ENOENT) {
        error_set(why, "there is no database at %s yet", path);
        return DB_ABSENT;
    } else {
        flags |= SQLITE_OPEN_READONLY;
    }
    struct db *db = mem_zero(1, sizeof *db);
    db->lock = -1;
    enum db_result result = DB_FAILED;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK)
        result = db_set_up(db, path, database, mode, why);
    else
        error_set(why, "cannot open %s: %s", path, sqlite3_errmsg(db->handle));
    if (result == DB_OK)
        *opened = db;
    else
        db_close(db);
    return result;
}

void
db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    for (int i = 0; i < DB_CONTROLS; i++)
        sqlite3_finalize(db->controls[i]);
    if (db->handle == NULL) { /* there was no memory for one */
        free(db);
        return;
    }
    /* Closing the last connection would checkpoint without the lock, and delete -wal and -shm,
     * which confined readers need. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db->handle);
    if (db->lock >= 0)
        close(db->lock);
    free(db);
}

struct db_value
db_text(const char *text)
{
    if (text == NULL)
        return DB_NULL;
    return DB_BYTES(text, strlen(text));
}

sqlite3_stmt *
db_query_values(struct db *db, enum sql_id id, const struct db_value *values, size_t count)
{
    sqlite3_stmt *statement = db->statements[id];
    int wanted = sqlite3_bind_parameter_count(statement);

    sqlite3_clear_bindings(statement);
    for (int i = 0; i < wanted && (size_t)i < count; i++) {
        const struct db_value *value = &values[i];
        switch (value->kind) {
        case DB_VALUE_NULL:
            break;
        case DB_VALUE_INTEGER:
            sqlite3_bind_int64(statement, i + 1, value->integer);
            break;
        case DB_VALUE_REAL:
            sqlite3_bind_double(statement, i + 1, value->real);
            break;
        case DB_VALUE_TEXT:
            sqlite3_bind_text64(statement, i + 1, value->bytes, value->length, SQLITE_STATIC,
                                SQLITE_UTF8);
            break;
        case DB_VALUE_BLOB:
            sqlite3_bind_blob64(statement, i + 1, value->bytes, value->length, SQLITE_STATIC);
            break;
        }
    }
    return statement;
}

bool
db_next(struct db *db, sqlite3_stmt *statement, struct error *why)
{
    int code = db_step(statement);

    if (code == SQLITE_ROW)
        return true;
    if (why != NULL)
        why->text[0] = '\0';
    if (code != SQLITE_DONE)
        db_explain(db, "query", why);
    sqlite3_reset(statement);
    return false;
}

int64_t
db_number(sqlite3_stmt *statement, int64_t absent)
{
    int64_t value = db_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : absent;

    sqlite3_reset(statement);
    return value;
}

void
db_done(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
}

bool
db_run_values(struct db *db, enum sql_id id, struct error *why, const struct db_value *values,
              size_t count)
{
    sqlite3_stmt *statement = db_query_values(db, id, values, count);

    /* Alone, it would be committed at once, without what it belongs to. */
    if (db->writing && sqlite3_get_autocommit(db->handle)) {
        error_set(why, "database: %s: the transaction had to be given up before",
                  sql_statements[id].name);
        return false;
    }
    int code = sqlite3_step(statement);
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        db_explain(db, sql_statements[id].name, why);
    sqlite3_reset(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW;
}

const char *
db_column_text(sqlite3_stmt *statement, int index)
{
    const unsigned char *text = sqlite3_column_text(statement, index);

    return text == NULL ? "" : (const char *)text;
}

enum db_result
db_begin(struct db *db, struct error *why)
{
    int moved = 0;

    if (!db_lock(db, why))
        return DB_FAILED;
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved != 0)
        error_set(why, "database: another file has taken its place");
    else if (db_control(db, DB_BEGIN_WRITING, why)) {
        db->writing = true;
        return DB_OK;
    }
    db_unlock(db);
    return DB_FAILED;
}

/* Makes durable what was committed, with all that came before it. That is done after the lock is
 * given back: while one waits for the disk others commit, and the disk may take them together. */
static enum db_result
db_sync(struct db *db, struct error *why)
{
    sqlite3_file *log = NULL;
    struct error nothing;

    if (!db->unsynced)
        return DB_OK;
    db->unsynced = false;
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log == NULL || log->pMethods == NULL ||
        log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK)
        return DB_OK;
    error_set(why, "database: the disk failed to keep what was committed: it may be lost");
    /* The system says so once, and from then on takes for written what is not. It still has it: the
     * database's file gets it. */
    if (db_checkpoint(db, &nothing) != DB_OK)
        db->unsynced = true;
    return DB_FAILED;
}

enum db_result
db_commit(struct db *db, struct error *why)
{
    if (!db_control(db, DB_COMMIT, why)) {
        db_rollback(db);
        return DB_FAILED;
    }
    db->writing = false;
    /* A log that is copied back begins again at its start: it stays short, and a commit need not
     * make its file longer, which costs as much as the rest of it. What fails here is lost to
     * nobody, and is tried again after the next commit. */
    if (db->wal_pages > WAL_PAGES_USUAL)
        sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    db_unlock(db);
    return db_sync(db, why);
}

void
db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        db_control(db, DB_ROLLBACK, NULL);
    db->writing = false;
    db_unlock(db);
}

bool
db_snapshot_begin(struct db *db, struct error *why)
{
    return db_control(db, DB_BEGIN, why);
}

void
db_snapshot_end(struct db *db)
{
    db_control(db, DB_COMMIT, NULL);
}

enum db_result
db_checkpoint(struct db *db, struct error *why)
{
    if (!db_lock(db, why))
        return DB_FAILED;
    sqlite3_busy_timeout(db->handle, CHECKPOINT_WAIT_MS);
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(db->handle, DB_PATIENCE_MS);
    db_unlock(db);
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
        return DB_OK;
    db_explain(db, "checkpoint", why);
    return DB_FAILED;
}

bool
db_unchanged(struct db *db)
{
    sqlite3_file *file = NULL;
    void volatile *index = NULL;
    unsigned char now[DB_INDEX_HEADER];

    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (file == NULL || file->pMethods == NULL || file->pMethods->iVersion < 2)
        return false;
    int code = file->pMethods->xShmMap(file, 0, INDEX_REGION, 0, &index);
    if ((code != SQLITE_OK && code != SQLITE_READONLY) || index == NULL)
        return false;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    memcpy(now, (const void *)(uintptr_t)index, sizeof now);
    bool same = memcmp(now, db->seen, sizeof now) == 0;
    memcpy(db->seen, now, sizeof now);
    return same;
}

int64_t
db_version(struct db *db)
{
    sqlite3_stmt *statement = db->statements[SQL_DATA_VERSION];
    int64_t version = -1;

    if (db_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return version;
}
