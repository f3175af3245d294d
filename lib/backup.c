#include "backup.h"

#include "db.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool
refused(struct error *why, const char *what, const char *path)
{
    error_set(why, "%s %s: %s", what, path, strerror(errno));
    return false;
}

static bool
sqlite_refused(struct error *why, const char *path, sqlite3 *handle)
{
    error_set(why, "%s: %s", path, sqlite3_errmsg(handle));
    return false;
}

static bool
name_with(char name[PATH_MAX], const char *path, const char *suffix, struct error *why)
{
    if ((size_t)snprintf(name, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
        return true;
    error_set(why, "the path is too long: %s", path);
    return false;
}

/* Syncs the folder that holds the file. */
static bool
folder_of_sync(const char *path, struct error *why)
{
    char folder[PATH_MAX];

    file_folder(folder, path);
    return folder_sync(folder, why);
}

static void
unlink_with(const char *path, const char *suffix)
{
    char name[PATH_MAX];

    if (name_with(name, path, suffix, NULL))
        unlink(name);
}

/* Removes a database that is nobody's yet. */
static void
database_remove(const char *path)
{
    unlink_with(path, "-wal");
    unlink_with(path, "-shm");
    unlink_with(path, "-journal");
    unlink_with(path, ".lock");
    unlink(path);
}

/* ---- from one file to another ---- */

/* True when SQLite finds the file whole. */
static bool
sound(sqlite3 *handle, const char *path, struct error *why)
{
    sqlite3_stmt *check;
    bool good = false;

    if (sqlite3_prepare_v2(handle, "PRAGMA integrity_check(1)", -1, &check, NULL) != SQLITE_OK)
        return sqlite_refused(why, path, handle);
    if (sqlite3_step(check) != SQLITE_ROW)
        sqlite_refused(why, path, handle);
    else if (strcmp(db_column_text(check, 0), "ok") != 0)
        error_set(why, "%s is damaged: %s", path, db_column_text(check, 0));
    else
        good = true;
    sqlite3_finalize(check);
    return good;
}

static bool
copy_all(sqlite3 *from, const char *database, sqlite3 *to, const char *path, struct error *why)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    if (backup == NULL)
        return sqlite_refused(why, path, to);
    /* At once: a backup in steps begins anew whenever somebody commits in between. */
    sqlite3_backup_step(backup, -1);
    if (sqlite3_backup_finish(backup) != SQLITE_OK) {
        error_set(why, "copying %s to %s: %s", database, path, sqlite3_errmsg(to));
        return false;
    }
    /* One file, which nobody needs the right to write beside in order to read it. */
    if (sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_refused(why, path, to);
    return sound(to, path, why);
}

/* Copies a database into the new file `path`, which is whole, on disk and mode 0600 then. */
static bool
copy(const char *database, const char *path, struct error *why)
{
    sqlite3 *from = NULL, *to = NULL;

    database_remove(path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return refused(why, "cannot write", path);
    bool good = true;
    if (sqlite3_open_v2(database, &from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        good = sqlite_refused(why, database, from);
    if (good && sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        good = sqlite_refused(why, path, to);
    if (good) {
        /* Closing the last connection would checkpoint without the writers' lock (db.h). */
        sqlite3_db_config(from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_busy_timeout(from, DB_PATIENCE_MS);
        /* The whole file is synced below, and is nothing before that. */
        sqlite3_exec(to, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
        good = copy_all(from, database, to, path, why);
    }
    sqlite3_close(to);
    sqlite3_close(from);
    if (good && fsync(file) != 0)
        good = refused(why, "cannot write", path);
    close(file);
    if (!good)
        database_remove(path);
    return good;
}

/* ---- a backup ---- */

/* True when the file begins as a leaderboard's database does. */
static bool
is_ours(const char *path)
{
    static const char magic[16] = "SQLite format 3";
    enum { HEADER = 100, APPLICATION_ID = 68 };
    unsigned char header[HEADER];
    unsigned id = 0;

    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool ours = file >= 0 && read(file, header, HEADER) == HEADER &&
                memcmp(header, magic, sizeof magic) == 0;
    if (file >= 0)
        close(file);
    for (int i = 0; ours && i < 4; i++)
        id = id << 8 | header[APPLICATION_ID + i];
    return ours && id == (unsigned)db_application_id(SQL_DATABASE_CACHE);
}

static bool
same_file(const char *path, const char *other)
{
    struct stat one, two;

    return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

/* True when nothing is at `path`, or a backup. The database itself must not be opened and closed
 * here: SQLite's locks on it would go. */
static bool
replaceable(const char *database, const char *path, struct error *why)
{
    struct stat there;

    if (lstat(path, &there) != 0)
        return errno == ENOENT || refused(why, "cannot read", path);
    if (S_ISREG(there.st_mode) && !same_file(path, database) && is_ours(path))
        return true;
    error_set(why, "%s is there and is no backup of a leaderboard; it stays", path);
    return false;
}

bool
backup_make(const char *database, const char *path, uint64_t *bytes, struct error *why)
{
    char temporary[PATH_MAX];
    struct stat status;

    if (!replaceable(database, path, why) || !name_with(temporary, path, ".tmp", why) ||
        !copy(database, temporary, why))
        return false;
    bool good = stat(temporary, &status) == 0 && rename(temporary, path) == 0;
    if (!good)
        refused(why, "cannot write", path);
    good = good && folder_of_sync(path, why);
    if (!good)
        unlink(temporary);
    else
        *bytes = (uint64_t)status.st_size;
    return good;
}

/* ---- back ---- */

/* Makes `path` a database as the programs keep theirs: of today's schema, a WAL database without a
 * WAL. */
static bool
prepare(const char *path, struct error *why)
{
    struct db *db;

    if (db_open(&db, path, SQL_DATABASE_CACHE, DB_WRITER, why) != DB_OK)
        return false;
    bool good = db_checkpoint(db, why) == DB_OK;
    db_close(db);
    unlink_with(path, "-wal");
    unlink_with(path, "-shm");
    unlink_with(path, ".lock");
    return good && (chmod(path, 0640) == 0 || refused(why, "cannot write", path));
}

/* Moves what belongs to the file `path` along with it; what is not there is not missed. */
static bool
move_with(const char *path, const char *aside, const char *suffix, struct error *why)
{
    char from[PATH_MAX], to[PATH_MAX];

    if (!name_with(from, path, suffix, why) || !name_with(to, aside, suffix, why))
        return false;
    return rename(from, to) == 0 || errno == ENOENT || refused(why, "cannot keep", path);
}

/* Empties the old database's WAL, where that can be: then it does not matter at which point of what
 * follows one is killed. Otherwise the WAL is moved as it is. */
static void
settle(const char *database)
{
    sqlite3 *handle;

    if (sqlite3_open_v2(database, &handle, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    sqlite3_close(handle);
}

/* Makes -wal and -shm, which readers that run may not make and would have to wait for (confine.h).
 */
static void
make_readable(const char *database)
{
    struct db *db;

    if (db_open(&db, database, SQL_DATABASE_CACHE, DB_READER, NULL) == DB_OK)
        db_close(db);
}

/* Puts `fresh` in the place of the database, under the writers' lock. The old database has two
 * names until the new one takes the first: there is one at any point. Its WAL moves before that,
 * for the new database must never meet it. */
static bool
swap(const char *fresh, const char *database, char aside[BACKUP_ASIDE], struct error *why)
{
    long long when = time(NULL);
    bool there;

    do
        snprintf(aside, BACKUP_ASIDE, "%s.before-%lld", database, when++);
    while (!(there = link(database, aside) == 0) && errno == EEXIST);
    if (!there && errno != ENOENT)
        return refused(why, "cannot keep the old database as", aside);
    if (there)
        settle(database);
    else
        unlink_with(database, "-wal");
    bool good = !there || move_with(database, aside, "-wal", why);
    if (good) {
        unlink_with(database, "-shm");
        good = rename(fresh, database) == 0 || refused(why, "cannot write", database);
        if (!good && there && !move_with(aside, database, "-wal", NULL))
            error_prefix(why, "the old database's WAL is %s-wal and", aside);
    }
    if (!good && there)
        unlink(aside);
    else if (!there)
        aside[0] = '\0';
    if (good)
        make_readable(database);
    return good && folder_of_sync(database, why);
}

bool
backup_restore(const char *path, const char *database, char aside[BACKUP_ASIDE], struct error *why)
{
    char fresh[PATH_MAX], lock[PATH_MAX], suffix[64];
    bool good = false;

    snprintf(suffix, sizeof suffix, ".before-%lld", (long long)time(NULL));
    if (!name_with(fresh, database, ".restored", why) || !name_with(lock, database, ".lock", why) ||
        !name_with(aside, database, suffix, why))
        return false;
    if (access(path, R_OK) != 0)
        return refused(why, "cannot read", path);
    if (same_file(path, database) || !is_ours(path)) {
        error_set(why, "%s is no backup of a leaderboard", path);
        return false;
    }
    if (!copy(path, fresh, why))
        return false;
    int file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (!prepare(fresh, why))
        error_prefix(why, "backup %s", path);
    else if (file < 0)
        refused(why, "cannot open", lock);
    else if (!file_lock(file, DB_PATIENCE_MS))
        error_set(why, "another program holds %s", lock);
    else
        good = swap(fresh, database, aside, why);
    if (file >= 0)
        close(file);
    if (!good)
        database_remove(fresh);
    return good;
}
