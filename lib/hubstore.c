#include "hubstore.h"

#include "hubgit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *
hubstore_kind_name(enum hubstore_kind kind)
{
    return kind == HUBSTORE_MODEL ? "model" : "dataset";
}

enum hubstore_result
hubstore_open(struct hubstore **opened, const char *path, struct error *why)
{
    struct db *db;

    if (db_open(&db, path, SQL_DATABASE_HUB, DB_WRITER, why) != DB_OK)
        return HUBSTORE_FAILED;
    *opened = mem_zero(1, sizeof **opened);
    (*opened)->db = db;
    return HUBSTORE_OK;
}

void
hubstore_close(struct hubstore *store)
{
    if (store == NULL)
        return;
    db_close(store->db);
    free(store);
}

/* What a query that found no row means. */
static enum hubstore_result
no_row(const struct error *why)
{
    return why->text[0] == '\0' ? HUBSTORE_MISSING : HUBSTORE_FAILED;
}

static void
copy_column(char *out, size_t size, sqlite3_stmt *row, int column)
{
    const char *text = db_column_text(row, column);
    size_t length = strnlen(text, size - 1);

    memcpy(out, text, length);
    out[length] = '\0';
}

static const char *
arena_column(struct arena *arena, sqlite3_stmt *row, int column)
{
    const char *text = db_column_text(row, column);

    return arena_copy(arena, text, strlen(text));
}

/* ---- users ---- */

enum hubstore_result
hubstore_user(struct hubstore *store, const char *token, struct hubstore_user *user,
              struct error *why)
{
    char hash[SHA256_HEX];

    digest_sha256(token, strlen(token), hash);
    sqlite3_stmt *row = db_query(store->db, SQL_HUB_USER_BY_TOKEN, DB_TEXT(hash));
    if (!db_next(store->db, row, why))
        return no_row(why);
    user->id = sqlite3_column_int64(row, 0);
    copy_column(user->name, sizeof user->name, row, 1);
    user->organization = strcmp(db_column_text(row, 2), "org") == 0;
    user->everywhere = sqlite3_column_int(row, 3) != 0;
    user->created = sqlite3_column_int64(row, 4);
    db_done(row);
    return HUBSTORE_OK;
}

enum hubstore_result
hubstore_user_add(struct hubstore *store, const char *name, struct error *why)
{
    char token[sizeof((struct hubstore_user *)NULL)->name + sizeof "hf_local_"], hash[SHA256_HEX];

    snprintf(token, sizeof token, "hf_local_%s", name);
    digest_sha256(token, strlen(token), hash);
    if (db_begin(store->db, why) != DB_OK)
        return HUBSTORE_FAILED;
    if (!db_run(store->db, SQL_HUB_USER_INSERT, why, DB_TEXT(name), DB_TEXT(hash),
                DB_INTEGER(time(NULL)))) {
        db_rollback(store->db);
        return HUBSTORE_FAILED;
    }
    bool added = sqlite3_changes(store->db->handle) > 0;
    if (db_commit(store->db, why) != DB_OK)
        return HUBSTORE_FAILED;
    return added ? HUBSTORE_OK : HUBSTORE_EXISTS;
}

/* ---- repos and their commits ---- */

/* Reads number, sha, tree, title, time from `first` on. */
static void
commit_columns(sqlite3_stmt *row, int first, struct arena *arena, struct hubstore_commit *commit)
{
    commit->number = sqlite3_column_int64(row, first);
    copy_column(commit->sha, sizeof commit->sha, row, first + 1);
    copy_column(commit->tree, sizeof commit->tree, row, first + 2);
    commit->title = arena_column(arena, row, first + 3);
    commit->when = sqlite3_column_int64(row, first + 4);
}

enum hubstore_result
hubstore_repo(struct hubstore *store, enum hubstore_kind kind, const char *name,
              struct arena *arena, struct hubstore_repo *repo, struct error *why)
{
    sqlite3_stmt *row =
        db_query(store->db, SQL_HUB_REPO_FIND, DB_TEXT(hubstore_kind_name(kind)), DB_TEXT(name));

    if (!db_next(store->db, row, why))
        return no_row(why);
    *repo = (struct hubstore_repo){
        .id = sqlite3_column_int64(row, 0),
        .kind = kind,
        .name = name,
        .private = sqlite3_column_int(row, 1) != 0,
        .gated = sqlite3_column_int(row, 2) != 0,
        .likes = sqlite3_column_int64(row, 3),
        .downloads = sqlite3_column_int64(row, 4),
        .created = sqlite3_column_int64(row, 5),
    };
    commit_columns(row, 6, arena, &repo->head);
    db_done(row);
    return HUBSTORE_OK;
}

static enum hubstore_result
commit_row(struct hubstore *store, sqlite3_stmt *row, struct arena *arena,
           struct hubstore_commit *commit, struct error *why)
{
    if (!db_next(store->db, row, why))
        return no_row(why);
    commit_columns(row, 0, arena, commit);
    db_done(row);
    return HUBSTORE_OK;
}

enum hubstore_result
hubstore_commit(struct hubstore *store, int64_t repo, int64_t number, struct arena *arena,
                struct hubstore_commit *commit, struct error *why)
{
    return commit_row(
        store, db_query(store->db, SQL_HUB_COMMIT_BY_NUMBER, DB_INTEGER(repo), DB_INTEGER(number)),
        arena, commit, why);
}

enum hubstore_result
hubstore_revision(struct hubstore *store, const struct hubstore_repo *repo, const char *revision,
                  struct arena *arena, struct hubstore_commit *commit, struct error *why)
{
    if (strcmp(revision, "main") == 0 || strcmp(revision, "HEAD") == 0) {
        *commit = repo->head;
        return HUBSTORE_OK;
    }
    return commit_row(
        store, db_query(store->db, SQL_HUB_COMMIT_BY_SHA, DB_INTEGER(repo->id), DB_TEXT(revision)),
        arena, commit, why);
}

/* ---- entries ---- */

static void
entry_columns(sqlite3_stmt *row, struct arena *arena, struct hubstore_entry *entry)
{
    entry->path = arena_column(arena, row, 0);
    entry->folder = strcmp(db_column_text(row, 1), "directory") == 0;
    copy_column(entry->oid, sizeof entry->oid, row, 2);
    entry->size = sqlite3_column_int64(row, 3);
    copy_column(entry->sha256, sizeof entry->sha256, row, 4);
    entry->since = sqlite3_column_int64(row, 5);
}

enum hubstore_result
hubstore_entry(struct hubstore *store, int64_t repo, int64_t number, const char *path,
               struct arena *arena, struct hubstore_entry *entry, struct error *why)
{
    sqlite3_stmt *row = db_query(store->db, SQL_HUB_ENTRY_FIND, DB_INTEGER(repo), DB_TEXT(path),
                                 DB_INTEGER(number));

    if (!db_next(store->db, row, why))
        return no_row(why);
    entry_columns(row, arena, entry);
    db_done(row);
    return HUBSTORE_OK;
}

enum hubstore_result
hubstore_tree(struct hubstore *store, const struct hubstore_list *list, struct arena *arena,
              struct hubstore_entry **entries, size_t *count, struct error *why)
{
    bool top = list->folder[0] == '\0';
    const char *first = top ? "" : arena_format(arena, "%s/", list->folder);
    /* '0' follows '/', and no path sorts beyond U+10FFFF. */
    const char *last = top ? "\xf4\x8f\xbf\xbf" : arena_format(arena, "%s0", list->folder);
    const char *after = strcmp(list->after, first) > 0 ? list->after : first;
    struct db_value limit = DB_INTEGER(list->limit);
    struct hubstore_entry *page = NULL;
    size_t room = 0;
    sqlite3_stmt *row;

    if (list->recursive)
        row = db_query(store->db, SQL_HUB_TREE_RECURSIVE, DB_INTEGER(list->repo), DB_TEXT(after),
                       DB_TEXT(last), DB_INTEGER(list->number), limit);
    else
        row = db_query(store->db, SQL_HUB_TREE_FOLDER, DB_INTEGER(list->repo),
                       DB_TEXT(list->folder), DB_TEXT(after), DB_INTEGER(list->number), limit);
    for (*count = 0; db_next(store->db, row, why); (*count)++) {
        if (*count == room)
            page = mem_resize(page, room = room == 0 ? 64 : room * 2, sizeof *page);
        entry_columns(row, arena, &page[*count]);
    }
    *entries = arena_zero(arena, *count + 1, sizeof **entries);
    if (page != NULL)
        memcpy(*entries, page, *count * sizeof *page);
    free(page);
    return why->text[0] == '\0' ? HUBSTORE_OK : HUBSTORE_FAILED;
}

int64_t
hubstore_git_size(const struct hubstore_entry *entry)
{
    char pointer[HUBGIT_POINTER_MAX];

    if (entry->sha256[0] == '\0')
        return entry->size;
    return (int64_t)hubgit_pointer(pointer, entry->sha256, entry->size);
}

enum hubstore_result
hubstore_read(struct hubstore *store, const struct hubstore_entry *entry, bool raw, int64_t offset,
              int64_t length, struct buf *out, struct error *why)
{
    bool lfs = entry->sha256[0] != '\0';
    char pointer[HUBGIT_POINTER_MAX];

    if (lfs && raw) {
        size_t size = hubgit_pointer(pointer, entry->sha256, entry->size);
        if ((size_t)offset < size)
            buf_put(out, pointer + offset,
                    (size_t)length < size - (size_t)offset ? (size_t)length
                                                           : size - (size_t)offset);
        return HUBSTORE_OK;
    }
    sqlite3_stmt *row =
        db_query(store->db, lfs ? SQL_HUB_OBJECT_READ : SQL_HUB_BLOB_READ,
                 DB_TEXT(lfs ? entry->sha256 : entry->oid), DB_INTEGER(offset), DB_INTEGER(length));
    if (!db_next(store->db, row, why))
        return no_row(why);
    int size = sqlite3_column_bytes(row, 0);
    if (size > 0)
        buf_put(out, sqlite3_column_blob(row, 0), (size_t)size);
    db_done(row);
    return HUBSTORE_OK;
}
