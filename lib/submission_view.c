#include "submission_view.h"

#include "json.h"
#include "mem.h"
#include "timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A request's state under the name that the API has for it. */
static const char *
status_name(const char *status)
{
    return strcmp(status, "RUNNING") == 0 ? "EVALUATING" : status;
}

/* ---- the lists ---- */

/* The rows of SQL_REQUEST_LISTED and SQL_REQUEST_PENDING as a list. */
static bool
put_list(struct db *db, sqlite3_stmt *row, const char *status, bool votes, time_t as_of,
         struct buf *out, struct error *why)
{
    char wait[40];

    buf_byte(out, '[');
    for (bool first = true; db_next(db, row, why); first = false) {
        int64_t since = sqlite3_column_int64(row, 7);
        snprintf(wait, sizeof wait, "%lld.0s",
                 since > 0 && since <= as_of ? (long long)(as_of - since) : 0LL);
        buf_text(out, first ? "{" : ",{");
        json_put_text_member(out, "name", db_column_text(row, 0));
        json_put_text_member(out, "submitter", db_column_text(row, 1));
        json_put_text_member(out, "revision", db_column_text(row, 2));
        json_put_text_member(out, "wait_time", wait);
        json_put_text_member(out, "submission_time", db_column_text(row, 6));
        json_put_text_member(out, "status", status);
        json_put_text_member(out, "precision", db_column_text(row, 3));
        json_put_text_member(out, "weight_type", db_column_text(row, 4));
        json_put_text_member(out, "model_type", db_column_text(row, 5));
        if (votes)
            json_put_integer_member(out, "votes", sqlite3_column_int64(row, 8));
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    return why->text[0] == '\0';
}

bool
submission_put_lists(struct db *db, time_t as_of, struct buf *out, struct error *why)
{
    static const struct {
        const char *key, *status, *name;
    } lists[] = { { "pending", "PENDING", "PENDING" },
                  { "evaluating", "RUNNING", "EVALUATING" },
                  { "finished", "FINISHED", "FINISHED" } };
    bool good = true;

    buf_byte(out, '{');
    for (size_t i = 0; good && i < sizeof lists / sizeof lists[0]; i++) {
        buf_format(out, "%s\"%s\":", i == 0 ? "" : ",", lists[i].key);
        good = put_list(db, db_query(db, SQL_REQUEST_LISTED, DB_TEXT(lists[i].status)),
                        lists[i].name, false, as_of, out, why);
    }
    buf_byte(out, '}');
    return good;
}

bool
submission_put_pending(struct db *db, bool by_votes, time_t as_of, struct buf *out,
                       struct error *why)
{
    return put_list(db, db_query(db, SQL_REQUEST_PENDING, DB_TEXT(by_votes ? "votes" : "")),
                    "PENDING", true, as_of, out, why);
}

/* ---- one submission ---- */

/* What a request file says beyond the columns: the job, and why it failed where it says so. */
static void
put_content(struct buf *out, const char *content)
{
    static const char *const reasons[] = { "error",  "error_message",  "error_msg",
                                           "reason", "failure_reason", "message" };
    json_t *file = json_read(content, strlen(content), NULL);
    const json_t *job = json_object_get(file, "job_id");

    buf_text(out, ",\"job_id\":");
    if (job != NULL)
        json_put_value(out, job);
    else
        buf_text(out, "-1");
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        const char *reason = json_member_text(file, reasons[i]);
        if (reason == NULL || reason[0] == '\0')
            continue;
        json_put_text_member(out, "reason", reason);
        break;
    }
    json_decref(file);
}

/* The states that were seen, and when. */
static bool
put_history(struct db *db, const char *path, struct buf *out, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_REQUEST_HISTORY, DB_TEXT(path));
    char text[TIMESTAMP_TEXT];

    buf_text(out, ",\"history\":[");
    for (bool first = true; db_next(db, row, why); first = false) {
        const char *status = db_column_text(row, 1);
        buf_text(out, first ? "{" : ",{");
        json_put_text_member(out, "status", status[0] == '\0' ? "WITHDRAWN" : status_name(status));
        json_put_text_member(out, "seen_at", timestamp_format(sqlite3_column_int64(row, 0), text));
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    return why->text[0] == '\0';
}

bool
submission_put_one(struct db *db, sqlite3_stmt *row, struct buf *out, bool *found,
                   struct error *why)
{
    *found = db_next(db, row, why);
    if (!*found)
        return why->text[0] == '\0';
    char *path = mem_string(db_column_text(row, 0));
    bool pending = strcmp(db_column_text(row, 1), "PENDING") == 0;
    int64_t submitted_at = sqlite3_column_int64(row, 8);

    buf_byte(out, '{');
    json_put_text_member(out, "status", status_name(db_column_text(row, 1)));
    json_put_text_member(out, "model", db_column_text(row, 2));
    json_put_text_member(out, "revision", db_column_text(row, 3));
    json_put_text_member(out, "precision", db_column_text(row, 4));
    json_put_text_member(out, "weight_type", db_column_text(row, 5));
    json_put_text_member(out, "model_type", db_column_text(row, 6));
    json_put_text_member(out, "submitted_time", db_column_text(row, 7));
    json_put_text_member(out, "submitter", db_column_text(row, 9));
    put_content(out, db_column_text(row, 10));
    db_done(row);
    if (pending)
        json_put_integer_member(
            out, "queue_position",
            db_number(db_query(db, SQL_REQUEST_PLACE, DB_INTEGER(submitted_at), DB_TEXT(path)), 0));
    bool good = put_history(db, path, out, why);
    buf_byte(out, '}');
    free(path);
    return good;
}
