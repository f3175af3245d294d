#include "submission.h"

#include "json.h"
#include "outbox.h"
#include "timestamp.h"
#include "vote.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

enum { FIELD_MAX = 512 };

bool
submission_path(const char *path)
{
    size_t length = strlen(path);
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    return length > 5 && strcmp(path + length - 5, ".json") == 0 && name[0] != '.' &&
           path[0] != '.';
}

/* A member that must be, or may be, a text of sane length. NULL with `why` when it is neither. */
static const char *
member(const json_t *object, const char *key, const char *absent, struct arena *arena,
       struct error *why)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value)) {
        if (absent == NULL)
            error_set(why, "it has no \"%s\"", key);
        return absent;
    }
    if (!json_is_string(value) || json_string_length(value) > FIELD_MAX ||
        strlen(json_string_value(value)) != json_string_length(value) ||
        (absent == NULL && json_string_length(value) == 0)) {
        error_set(why, "its \"%s\" is no text of 1 to %d bytes", key, FIELD_MAX);
        return NULL;
    }
    return arena_copy(arena, json_string_value(value), json_string_length(value));
}

bool
submission_parse(struct submission *submission, const char *content, size_t length,
                 struct arena *arena, struct error *why)
{
    json_t *file = json_read(content, length, why);

    if (file == NULL)
        return false;
    if (!json_is_object(file)) {
        json_decref(file);
        error_set(why, "it is no JSON object");
        return false;
    }
    bool good =
        (submission->model = member(file, "model", NULL, arena, why)) != NULL &&
        (submission->revision = member(file, "revision", NULL, arena, why)) != NULL &&
        (submission->precision = member(file, "precision", NULL, arena, why)) != NULL &&
        (submission->weight_type = member(file, "weight_type", "Original", arena, why)) != NULL &&
        (submission->sender = member(file, "sender", "", arena, why)) != NULL &&
        (submission->submitted_time = member(file, "submitted_time", "", arena, why)) != NULL;
    /* It is only shown: what is no text does not make the file invalid. */
    submission->model_type = member(file, "model_type", "", arena, NULL);
    if (submission->model_type == NULL)
        submission->model_type = "";
    const char *status = good ? member(file, "status", NULL, arena, why) : NULL;
    json_decref(file);
    if (status == NULL)
        return false;
    char *upper = arena_copy(arena, status, strlen(status));
    for (char *c = upper; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    submission->status = upper;
    submission->submitted_at = timestamp_parse(submission->submitted_time);
    return true;
}

bool
submission_put(struct db *db, const char *path, const char *oid,
               const struct submission *submission, const char *content, size_t length,
               struct error *why)
{
    return db_run(db, SQL_REQUEST_PUT, why, DB_TEXT(path), DB_TEXT(oid), DB_TEXT(submission->model),
                  DB_TEXT(submission->revision), DB_TEXT(submission->precision),
                  DB_TEXT(submission->weight_type), DB_TEXT(submission->status),
                  DB_TEXT(submission->sender), DB_INTEGER(submission->submitted_at),
                  DB_TEXT(submission->submitted_time), DB_TEXT(submission->model_type),
                  DB_BYTES(content, length));
}

/* ---- what stands against a submission ---- */

enum submission_verdict
submission_quota(struct db *db, const char *user, struct submission_quota quota, int64_t *retry_s,
                 struct error *why)
{
    int64_t now = time(NULL), since = now - quota.period_s;
    sqlite3_stmt *row = db_query(db, SQL_SUBMISSION_USED, DB_TEXT(user), DB_INTEGER(since));

    if (!db_next(db, row, why))
        return SUBMISSION_FAILED;
    int64_t used = sqlite3_column_int64(row, 0), oldest = sqlite3_column_int64(row, 1);
    db_done(row);
    if (used < quota.count)
        return SUBMISSION_FREE;
    int64_t left = used == 0 ? quota.period_s : oldest - since;
    *retry_s = left < 1 ? 1 : left;
    return SUBMISSION_OVER_QUOTA;
}

/* The path that a query gives, in the arena; `*found` is NULL when it gives none. */
static bool
find_path(struct db *db, sqlite3_stmt *row, struct arena *arena, const char **found,
          struct error *why)
{
    *found = NULL;
    if (!db_next(db, row, why))
        return why->text[0] == '\0';
    const char *path = db_column_text(row, 0);
    *found = arena_copy(arena, path, strlen(path));
    db_done(row);
    return true;
}

enum submission_verdict
submission_judge(struct db *db, const struct submission *submission, const char *path,
                 struct arena *arena, const char **existing, struct error *why)
{
    const char *model = submission->model, *slash = strchr(model, '/');
    const char *provider = slash == NULL ? "" : arena_copy(arena, model, (size_t)(slash - model));

    if (!find_path(db,
                   db_query(db, SQL_REQUEST_SAME, DB_TEXT(model), DB_TEXT(submission->revision),
                            DB_TEXT(submission->precision)),
                   arena, existing, why))
        return SUBMISSION_FAILED;
    if (*existing != NULL)
        return SUBMISSION_TWICE;
    if (!find_path(db, db_query(db, SQL_REQUEST_OCCUPIED, DB_TEXT(path)), arena, existing, why))
        return SUBMISSION_FAILED;
    if (*existing != NULL)
        return SUBMISSION_OCCUPIED;
    if (!find_path(db,
                   db_query(db, SQL_REQUEST_OFFICIAL, DB_TEXT(model),
                            DB_TEXT(submission->precision), DB_TEXT(provider)),
                   arena, existing, why))
        return SUBMISSION_FAILED;
    return *existing != NULL ? SUBMISSION_OFFICIAL : SUBMISSION_FREE;
}

/* ---- taking one ---- */

/* Within the transaction. */
static bool
add_rows(struct db *db, const struct submission *submission, const char *path, const char *content,
         const struct vote *vote, struct submission_quota quota, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_REQUEST_OID, DB_TEXT(path));
    int64_t now = submission->submitted_at;
    struct error failure;
    char base[48] = "";

    if (db_next(db, row, &failure)) {
        snprintf(base, sizeof base, "%s", db_column_text(row, 0));
        db_done(row);
    } else if (failure.text[0] != '\0') {
        *why = failure;
        return false;
    }
    return submission_put(db, path, base, submission, content, strlen(content), why) &&
           db_run(db, SQL_REQUEST_STATE, why, DB_TEXT(path), DB_INTEGER(now),
                  DB_TEXT(submission->status)) &&
           db_run(db, SQL_REQUEST_UNSKIP, why, DB_TEXT(path)) &&
           outbox_add_request(db, path, base, content, why) &&
           db_run(db, SQL_SUBMISSION_FORGET, why, DB_TEXT(submission->sender),
                  DB_INTEGER(now - quota.period_s)) &&
           db_run(db, SQL_SUBMISSION_COUNT, why, DB_TEXT(submission->sender), DB_INTEGER(now),
                  DB_TEXT(path)) &&
           vote_join(db, vote, why) != VOTE_UNSAVED;
}

enum submission_verdict
submission_add(struct db *db, const struct submission *submission, const char *path,
               const char *content, const struct vote *vote, struct submission_quota quota,
               struct error *why)
{
    const char *existing;
    struct arena arena;
    int64_t retry_s;

    if (db_begin(db, why) != DB_OK)
        return SUBMISSION_FAILED;
    arena_init(&arena, 0);
    enum submission_verdict verdict =
        submission_quota(db, submission->sender, quota, &retry_s, why);
    if (verdict == SUBMISSION_FREE)
        verdict = submission_judge(db, submission, path, &arena, &existing, why);
    arena_free(&arena);
    if (verdict == SUBMISSION_FREE && !add_rows(db, submission, path, content, vote, quota, why))
        verdict = SUBMISSION_FAILED;
    if (verdict != SUBMISSION_FREE) {
        db_rollback(db);
        return verdict;
    }
    return db_commit(db, why) == DB_OK ? SUBMISSION_FREE : SUBMISSION_FAILED;
}
