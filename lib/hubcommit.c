#include "hubcommit.h"

#include "hubgit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARENT_DIGITS_MIN = 5, TREE_MAX = 1 << 30 };

/* A commit while it is made. */
struct work {
    struct hubstore *store;
    struct arena *arena;
    struct error *why;
    int64_t repo, number;
    const char **touched; /* folders whose trees must be named anew */
    size_t count, room;
};

/* The folder that a path is in; "" at the top. */
static const char *
path_folder(struct work *work, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? "" : arena_copy(work->arena, path, (size_t)(slash - path));
}

static enum hubstore_result
refuse(struct work *work, const char *path, const char *reason)
{
    error_set(work->why, "%s: %s", path, reason);
    return HUBSTORE_REFUSED;
}

static bool
touched_last(const struct work *work, const char *folder)
{
    return work->count > 0 && strcmp(work->touched[work->count - 1], folder) == 0;
}

static void
touch(struct work *work, const char *folder)
{
    if (touched_last(work, folder))
        return;
    if (work->count == work->room) {
        work->room = work->room == 0 ? 64 : work->room * 2;
        work->touched = mem_resize(work->touched, work->room, sizeof *work->touched);
    }
    work->touched[work->count++] = folder;
}

static enum hubstore_result
entry_now(struct work *work, const char *path, struct hubstore_entry *entry)
{
    return hubstore_entry(work->store, work->repo, work->number, path, work->arena, entry,
                          work->why);
}

static bool
entry_end(struct work *work, const char *path)
{
    return db_run(work->store->db, SQL_HUB_ENTRY_DROP, work->why, DB_INTEGER(work->repo),
                  DB_TEXT(path), DB_INTEGER(work->number)) &&
           db_run(work->store->db, SQL_HUB_ENTRY_END, work->why, DB_INTEGER(work->repo),
                  DB_TEXT(path), DB_INTEGER(work->number));
}

/* Makes a path what `entry` says, unless it is that already. */
static enum hubstore_result
entry_set(struct work *work, const struct hubstore_entry *entry)
{
    struct hubstore_entry now;
    enum hubstore_result found = entry_now(work, entry->path, &now);

    if (found == HUBSTORE_FAILED)
        return found;
    if (found == HUBSTORE_OK && strcmp(now.oid, entry->oid) == 0)
        return HUBSTORE_OK;
    if (!entry_end(work, entry->path) ||
        !db_run(work->store->db, SQL_HUB_ENTRY_INSERT, work->why, DB_INTEGER(work->repo),
                DB_TEXT(entry->path), DB_INTEGER(work->number),
                DB_TEXT(path_folder(work, entry->path)),
                DB_TEXT(entry->folder ? "directory" : "file"), DB_TEXT(entry->oid),
                DB_INTEGER(entry->size), DB_TEXT(entry->sha256[0] == '\0' ? NULL : entry->sha256)))
        return HUBSTORE_FAILED;
    return HUBSTORE_OK;
}

/* ---- operations ---- */

/* False for a folder that this commit has emptied, whose own row is still there. */
static bool
folder_has_files(struct work *work, const char *path)
{
    sqlite3_stmt *row = db_query(work->store->db, SQL_HUB_FOLDER_FILE, DB_INTEGER(work->repo),
                                 DB_TEXT(arena_format(work->arena, "%s/", path)),
                                 DB_TEXT(arena_format(work->arena, "%s0", path)));
    bool has = db_next(work->store->db, row, NULL);

    db_done(row);
    return has;
}

/* A file can be neither where a folder is nor below a file. */
static enum hubstore_result
check_place(struct work *work, const char *path)
{
    struct hubstore_entry entry;
    enum hubstore_result found = entry_now(work, path, &entry);

    if (found == HUBSTORE_OK && entry.folder && folder_has_files(work, path))
        return refuse(work, path, "there is a folder of this name");
    const char *folder = path_folder(work, path);
    if (touched_last(work, folder))
        return found == HUBSTORE_FAILED ? found : HUBSTORE_OK;
    for (; found != HUBSTORE_FAILED && folder[0] != '\0'; folder = path_folder(work, folder)) {
        found = entry_now(work, folder, &entry);
        if (found == HUBSTORE_OK && !entry.folder)
            return refuse(work, folder, "this is a file, not a folder");
    }
    return found == HUBSTORE_FAILED ? found : HUBSTORE_OK;
}

/* Stores what the file holds and names it. */
static enum hubstore_result
store_content(struct work *work, const struct hubcommit_operation *operation,
              struct hubstore_entry *entry)
{
    struct db *db = work->store->db;
    char pointer[HUBGIT_POINTER_MAX];

    if (operation->act == HUBCOMMIT_FILE) {
        if (operation->length > HUBGIT_REGULAR_MAX)
            return refuse(work, operation->path, "files larger than 10 MiB must be LFS files");
        entry->size = (int64_t)operation->length;
        digest_git("blob", operation->bytes, operation->length, entry->oid);
        return db_run(db, SQL_HUB_BLOB_INSERT, work->why, DB_TEXT(entry->oid),
                      DB_BLOB(operation->bytes, operation->length))
                   ? HUBSTORE_OK
                   : HUBSTORE_FAILED;
    }
    if (operation->bytes != NULL) {
        digest_sha256(operation->bytes, operation->length, entry->sha256);
        if (!db_run(db, SQL_HUB_OBJECT_INSERT, work->why, DB_TEXT(entry->sha256),
                    DB_BLOB(operation->bytes, operation->length)))
            return HUBSTORE_FAILED;
    } else {
        if (!hubgit_hex_valid(operation->sha256, SHA256_HEX - 1))
            return refuse(work, operation->path, "the LFS oid is no SHA-256");
        memcpy(entry->sha256, operation->sha256, sizeof entry->sha256);
    }
    sqlite3_stmt *row = db_query(db, SQL_HUB_OBJECT_SIZE, DB_TEXT(entry->sha256));
    if (!db_next(db, row, work->why))
        return work->why->text[0] == '\0'
                   ? refuse(work, operation->path, "its LFS object has not been uploaded")
                   : HUBSTORE_FAILED;
    entry->size = sqlite3_column_int64(row, 0);
    db_done(row);
    digest_git("blob", pointer, hubgit_pointer(pointer, entry->sha256, entry->size), entry->oid);
    return HUBSTORE_OK;
}

static enum hubstore_result
add_file(struct work *work, const struct hubcommit_operation *operation)
{
    struct hubstore_entry entry = { .path = operation->path };
    enum hubstore_result result;

    if ((result = check_place(work, entry.path)) != HUBSTORE_OK ||
        (result = store_content(work, operation, &entry)) != HUBSTORE_OK ||
        (result = entry_set(work, &entry)) != HUBSTORE_OK)
        return result;
    touch(work, path_folder(work, entry.path));
    return HUBSTORE_OK;
}

static enum hubstore_result
delete_entry(struct work *work, const char *path, enum hubcommit_act act)
{
    struct db *db = work->store->db;
    struct hubstore_entry entry;
    enum hubstore_result result = entry_now(work, path, &entry);

    if (result == HUBSTORE_MISSING ||
        (result == HUBSTORE_OK &&
         act == (entry.folder ? HUBCOMMIT_DELETE_FILE : HUBCOMMIT_DELETE_FOLDER))) {
        error_set(work->why, "%s: A file with this name doesn't exist", path);
        return HUBSTORE_MISSING;
    }
    if (result != HUBSTORE_OK || !entry_end(work, path))
        return HUBSTORE_FAILED;
    if (entry.folder) {
        const char *first = arena_format(work->arena, "%s/", path);
        const char *last = arena_format(work->arena, "%s0", path); /* '0' follows '/' */
        if (!db_run(db, SQL_HUB_FOLDER_DROP, work->why, DB_INTEGER(work->repo), DB_TEXT(first),
                    DB_TEXT(last), DB_INTEGER(work->number)) ||
            !db_run(db, SQL_HUB_FOLDER_END, work->why, DB_INTEGER(work->repo), DB_TEXT(first),
                    DB_TEXT(last), DB_INTEGER(work->number)))
            return HUBSTORE_FAILED;
    }
    touch(work, path_folder(work, path));
    return HUBSTORE_OK;
}

static enum hubstore_result
apply(struct work *work, const struct hubcommit_operation *operation)
{
    struct hubcommit_operation trimmed = *operation;
    size_t length = strlen(operation->path);

    if (operation->act >= HUBCOMMIT_DELETE_FILE && length > 0 && operation->path[length - 1] == '/')
        trimmed.path = arena_copy(work->arena, operation->path, length - 1);
    if (!hubgit_path_valid(trimmed.path))
        return refuse(work, trimmed.path, "not a path that a repo can have");
    if (operation->act >= HUBCOMMIT_DELETE_FILE)
        return delete_entry(work, trimmed.path, operation->act);
    return add_file(work, &trimmed);
}

/* ---- trees ---- */

/* Puts a folder's tree object together; `children` says how many entries it has. */
static bool
tree_object(struct work *work, const char *folder, struct buf *tree, size_t *children)
{
    struct db *db = work->store->db;
    sqlite3_stmt *row =
        db_query(db, SQL_HUB_TREE_CHILDREN, DB_INTEGER(work->repo), DB_TEXT(folder));
    size_t skip = folder[0] == '\0' ? 0 : strlen(folder) + 1;

    buf_reset(tree);
    for (*children = 0; db_next(db, row, work->why); (*children)++)
        hubgit_tree_entry(tree, strcmp(db_column_text(row, 1), "directory") == 0,
                          db_column_text(row, 0) + skip, db_column_text(row, 2));
    return work->why->text[0] == '\0';
}

/* Ends a folder that holds nothing any more, unless a file has taken its place. */
static enum hubstore_result
end_empty_folder(struct work *work, const char *path)
{
    struct hubstore_entry entry;
    enum hubstore_result found = entry_now(work, path, &entry);

    if (found == HUBSTORE_FAILED ||
        (found == HUBSTORE_OK && entry.folder && !entry_end(work, path)))
        return HUBSTORE_FAILED;
    return HUBSTORE_OK;
}

static int
compare_backwards(const void *a, const void *b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

/* Names the trees of all touched folders and of those above them, the deeper ones first: a folder's
 * path sorts before those of what it holds. */
static enum hubstore_result
name_trees(struct work *work, char top[SHA1_HEX])
{
    enum hubstore_result result = HUBSTORE_OK;
    struct buf tree;
    size_t children;

    for (size_t i = 0, count = work->count; i < count; i++)
        for (const char *above = work->touched[i]; above[0] != '\0';)
            touch(work, above = path_folder(work, above));
    touch(work, "");
    qsort(work->touched, work->count, sizeof *work->touched, compare_backwards);
    buf_init(&tree, TREE_MAX);
    for (size_t i = 0; result == HUBSTORE_OK && i < work->count; i++) {
        struct hubstore_entry entry = { .path = work->touched[i], .folder = true };
        if (i > 0 && strcmp(entry.path, work->touched[i - 1]) == 0)
            continue;
        if (!tree_object(work, entry.path, &tree, &children)) {
            result = HUBSTORE_FAILED;
        } else if (entry.path[0] == '\0') {
            digest_git("tree", buf_string(&tree), tree.length, top);
        } else if (children == 0) {
            result = end_empty_folder(work, entry.path);
        } else {
            digest_git("tree", buf_string(&tree), tree.length, entry.oid);
            result = entry_set(work, &entry);
        }
    }
    buf_free(&tree);
    return result;
}

/* ---- commits ---- */

/* Adds the commit of `work->number` and moves main to it. */
static bool
commit_insert(struct work *work, struct hubstore_commit *made, const char *parent,
              const struct hubcommit *commit)
{
    struct db *db = work->store->db;
    bool described = commit->description != NULL && commit->description[0] != '\0';
    const char *message =
        arena_format(work->arena, "%s%s%s", commit->title, described ? "\n\n" : "",
                     described ? commit->description : "");

    made->number = work->number;
    made->when = time(NULL);
    made->title = commit->title;
    hubgit_commit(made->tree, parent, message, made->when, made->sha);
    return db_run(db, SQL_HUB_COMMIT_INSERT, work->why, DB_INTEGER(work->repo),
                  DB_INTEGER(made->number), DB_TEXT(made->sha), DB_TEXT(made->tree),
                  DB_TEXT(made->title), DB_INTEGER(made->when)) &&
           db_run(db, SQL_HUB_REPO_ADVANCE, work->why, DB_INTEGER(work->repo),
                  DB_INTEGER(made->number));
}

/* Everything between BEGIN and COMMIT. */
static enum hubstore_result
make(struct work *work, struct hubstore_repo *repo, const struct hubcommit *commit,
     struct hubstore_commit *made)
{
    struct hubstore_commit *head = &repo->head;
    enum hubstore_result result =
        hubstore_repo(work->store, repo->kind, repo->name, work->arena, repo, work->why);

    if (result != HUBSTORE_OK)
        return HUBSTORE_FAILED;
    work->repo = repo->id;
    work->number = head->number + 1;
    if (commit->parent != NULL &&
        (strlen(commit->parent) < PARENT_DIGITS_MIN ||
         strncmp(commit->parent, head->sha, strlen(commit->parent)) != 0)) {
        error_set(work->why, "A commit has happened since. Please refresh and try again.");
        return HUBSTORE_CONFLICT;
    }
    for (size_t i = 0; i < commit->count; i++)
        if ((result = apply(work, &commit->operations[i])) != HUBSTORE_OK)
            return result;
    if ((result = name_trees(work, made->tree)) != HUBSTORE_OK)
        return result;
    if (!commit->empty && strcmp(made->tree, head->tree) == 0)
        return HUBSTORE_UNCHANGED;
    return commit_insert(work, made, head->sha, commit) ? HUBSTORE_OK : HUBSTORE_FAILED;
}

enum hubstore_result
hubcommit_make(struct hubstore *store, struct hubstore_repo *repo, const struct hubcommit *commit,
               struct arena *arena, struct error *why)
{
    struct work work = { .store = store, .arena = arena, .why = why };
    struct hubstore_commit made = { 0 };

    if (db_begin(store->db, why) != DB_OK)
        return HUBSTORE_FAILED;
    enum hubstore_result result = make(&work, repo, commit, &made);
    free(work.touched);
    if (result != HUBSTORE_OK) {
        db_rollback(store->db);
        return result;
    }
    if (db_commit(store->db, why) != DB_OK)
        return HUBSTORE_FAILED;
    repo->head = made;
    return HUBSTORE_OK;
}

enum hubstore_result
hubcommit_create_repo(struct hubstore *store, enum hubstore_kind kind, const char *name,
                      bool private, bool gated, struct error *why)
{
    const struct hubcommit first = { .title = "initial commit" };
    struct hubstore_commit made = { 0 };
    struct db *db = store->db;
    struct arena arena;

    if (!hubgit_repo_valid(name)) {
        error_set(why, "%s: not a repo id like namespace/name", name);
        return HUBSTORE_REFUSED;
    }
    if (db_begin(db, why) != DB_OK)
        return HUBSTORE_FAILED;
    if (!db_run(db, SQL_HUB_REPO_INSERT, why, DB_TEXT(hubstore_kind_name(kind)), DB_TEXT(name),
                DB_INTEGER(private), DB_INTEGER(gated), DB_INTEGER(time(NULL)))) {
        db_rollback(db);
        return HUBSTORE_FAILED;
    }
    if (sqlite3_changes(db->handle) == 0) {
        db_rollback(db);
        error_set(why, "%s is there already", name);
        return HUBSTORE_EXISTS;
    }
    arena_init(&arena, 0);
    struct work work = { .store = store, .arena = &arena, .why = why, .number = 1 };
    work.repo = sqlite3_last_insert_rowid(db->handle);
    digest_git("tree", "", 0, made.tree);
    bool inserted = commit_insert(&work, &made, NULL, &first);
    arena_free(&arena);
    if (!inserted) {
        db_rollback(db);
        return HUBSTORE_FAILED;
    }
    return db_commit(db, why) == DB_OK ? HUBSTORE_OK : HUBSTORE_FAILED;
}
