/* db: one SQLite database, its schema and its prepared statements.
 *
 * Statements live in sql/NAME.sql under `-- name: x` and are called by SQL_X; values are always
 * bound. A database is opened after fork, by one thread, and every statement that was stepped is
 * reset before the function that stepped it returns.
 *
 * Writing: SQLite 3.7.0 to 3.51.2 can lose a commit that races a checkpoint (the WAL-reset bug), so
 * every writer holds one lock file (flock) round BEGIN IMMEDIATE … COMMIT and the checkpoint that
 * may follow it; SQLite's own (wal_autocheckpoint) come outside of it and are off. The lock also
 * queues writers fairly, which busy_timeout does not. */
#ifndef DB_H
#define DB_H

#include "error.h"
#include "sql.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum db_result {
    DB_OK,
    DB_ABSENT, /* there is no database file (a reader does not make one) */
    DB_OTHER,  /* its schema is newer or older than this program's, or it is another program's */
    DB_FAILED, /* SQLite or the file system refused; `why` says what */
};

enum db_mode {
    DB_READER, /* reads only; the file must exist and have this program's schema */
    DB_WRITER, /* creates the file and migrates the schema where needed */
};

/* What begins and ends transactions. It is prepared beforehand: a transaction must end even where
 * there is no memory left. */
enum { DB_BEGIN, DB_BEGIN_WRITING, DB_COMMIT, DB_ROLLBACK, DB_CONTROLS };

/* For as long a database that another program holds is waited for. */
enum { DB_PATIENCE_MS = 5000 };

/* Bytes of the header of the WAL's index, with its copy (SQLite's walformat.html, 2.1). */
enum { DB_INDEX_HEADER = 96 };

struct db {
    sqlite3 *handle;
    sqlite3_stmt *controls[DB_CONTROLS];
    int lock;                            /* descriptor of PATH.lock, -1 for a reader */
    int wal_pages;                       /* length of the WAL after the last commit */
    bool unsynced;                       /* something was committed and is not durable yet */
    bool writing;                        /* between db_begin() and its end */
    unsigned char seen[DB_INDEX_HEADER]; /* by db_unchanged() */
    sqlite3_stmt *statements[SQL_COUNT]; /* NULL for those of another database */
};

/* Whose file a database is, in SQLite's application_id. */
int db_application_id(enum sql_database database);

/* Opens the database at `path` and prepares every statement of `database`. On DB_OK the caller owns
 * *db: db_close(). */
enum db_result db_open(struct db **db, const char *path, enum sql_database database,
                       enum db_mode mode, struct error *why) __attribute__((warn_unused_result));

/* Closes and frees; NULL is allowed. */
void db_close(struct db *db);

/* A value to bind. */
struct db_value {
    enum { DB_VALUE_NULL, DB_VALUE_INTEGER, DB_VALUE_REAL, DB_VALUE_TEXT, DB_VALUE_BLOB } kind;
    size_t length;
    union {
        int64_t integer;
        double real;
        const void *bytes;
    };
};

#define DB_NULL       ((struct db_value){ .kind = DB_VALUE_NULL })
#define DB_INTEGER(x) ((struct db_value){ .kind = DB_VALUE_INTEGER, .integer = (int64_t)(x) })
#define DB_REAL(x)    ((struct db_value){ .kind = DB_VALUE_REAL, .real = (x) })
/* A NUL-terminated string; NULL binds NULL. It must live until the statement is reset. */
#define DB_TEXT(x)     db_text(x)
#define DB_BYTES(x, n) ((struct db_value){ .kind = DB_VALUE_TEXT, .bytes = (x), .length = (n) })
#define DB_BLOB(x, n)  ((struct db_value){ .kind = DB_VALUE_BLOB, .bytes = (x), .length = (n) })

struct db_value db_text(const char *text);

#define DB_ARGUMENTS(...)                                                                          \
    (const struct db_value[]){ __VA_ARGS__ },                                                      \
        sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)

/* Binds values (at least one; DB_NULL where a statement has none) and runs a statement that gives
 * no rows. False with `why` when it failed, and also where SQLite has given up the write
 * transaction that it belongs to, as it does when any statement, even a query, has no memory or
 * cannot read. */
#define db_run(db, id, why, ...) db_run_values(db, id, why, DB_ARGUMENTS(__VA_ARGS__))
bool db_run_values(struct db *db, enum sql_id id, struct error *why, const struct db_value *values,
                   size_t count) __attribute__((warn_unused_result));

/* Binds values and returns the statement, to be stepped by db_next() until it gives false, or ended
 * early by db_done(). */
#define db_query(db, id, ...) db_query_values(db, id, DB_ARGUMENTS(__VA_ARGS__))
sqlite3_stmt *db_query_values(struct db *db, enum sql_id id, const struct db_value *values,
                              size_t count);

/* Steps to the next row: true when there is one. At the end, or on an error (`why` is set then and
 * why->text empty otherwise), the statement is reset and it gives false. */
bool db_next(struct db *db, sqlite3_stmt *statement, struct error *why);

/* The number in the first column of a query's first row, or `absent` when there is no row; ends the
 * query: db_number(db_query(db, SQL_VOTE_COUNT, DB_NULL), 0). */
int64_t db_number(sqlite3_stmt *statement, int64_t absent);

/* Resets a statement. */
void db_done(sqlite3_stmt *statement);

/* Column `index` of the current row as a string, "" for NULL; valid until the next step. */
const char *db_column_text(sqlite3_stmt *statement, int index);

/* A write transaction: takes the lock file and begins at once. DB_FAILED when it could not, also
 * when another file has taken the database's place: what is written then would be lost. Ends with
 * db_commit(), or db_rollback(). What db_commit() calls DB_OK is durable. A commit that failed is
 * rolled back, except where it was the disk that failed to make it durable: others see it then,
 * and it may or may not be there after a power cut. Where the WAL has become long, db_commit()
 * copies back what no reader needs of it, and waits for nobody. */
enum db_result db_begin(struct db *db, struct error *why) __attribute__((warn_unused_result));
enum db_result db_commit(struct db *db, struct error *why) __attribute__((warn_unused_result));
void db_rollback(struct db *db);

/* A read transaction, so that several queries see one state of the database. False with `why` when
 * the database could not be read. */
bool db_snapshot_begin(struct db *db, struct error *why) __attribute__((warn_unused_result));
void db_snapshot_end(struct db *db);

/* Copies the WAL back into the database under the lock, and empties its file where its readers end
 * within a moment. */
enum db_result db_checkpoint(struct db *db, struct error *why) __attribute__((warn_unused_result));

/* A number that changes when another connection has committed; -1 when it cannot be read. A
 * writer's own commits do not move it. For the cache database only. */
int64_t db_version(struct db *db);

/* True when certainly nobody has committed since the last call: the header of the WAL's index,
 * which each commit writes, is what it was. That costs no system call, where db_version() begins a
 * read transaction. False says nothing: ask db_version() then. */
bool db_unchanged(struct db *db);

#endif
