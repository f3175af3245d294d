#include "vote.h"

#include "json.h"
#include "outbox.h"

#include <string.h>

enum { FIELD_MAX = 512 };

static const char *
member(const json_t *object, const char *key, struct arena *arena, struct error *why)
{
    const json_t *value = json_object_get(object, key);
    size_t length = json_string_length(value);

    if (!json_is_string(value) || length == 0 || length > FIELD_MAX ||
        strlen(json_string_value(value)) != length) {
        error_set(why, "its \"%s\" is no text of 1 to %d bytes", key, FIELD_MAX);
        return NULL;
    }
    return arena_copy(arena, json_string_value(value), length);
}

bool
vote_parse(struct vote *vote, const char *line, size_t length, struct arena *arena,
           struct error *why)
{
    json_t *object = json_read(line, length, why);

    if (object == NULL)
        return false;
    bool good = (vote->model = member(object, "model", arena, why)) != NULL &&
                (vote->revision = member(object, "revision", arena, why)) != NULL &&
                (vote->username = member(object, "username", arena, why)) != NULL &&
                (vote->timestamp = member(object, "timestamp", arena, why)) != NULL &&
                (vote->vote_type = member(object, "vote_type", arena, why)) != NULL;
    json_decref(object);
    if (good && strcmp(vote->vote_type, "up") != 0 && strcmp(vote->vote_type, "down") != 0) {
        error_set(why, "its \"vote_type\" is neither up nor down");
        good = false;
    }
    return good;
}

void
vote_put(struct buf *out, const struct vote *vote)
{
    const struct {
        const char *key, *value;
    } members[] = { { "model", vote->model },
                    { "revision", vote->revision },
                    { "username", vote->username },
                    { "timestamp", vote->timestamp },
                    { "vote_type", vote->vote_type } };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        buf_format(out, "%s\"%s\": ", i == 0 ? "{" : ", ", members[i].key);
        json_put_text(out, members[i].value, strlen(members[i].value));
    }
    buf_byte(out, '}');
}

enum vote_result
vote_join(struct db *db, const struct vote *vote, struct error *why)
{
    if (!db_run(db, SQL_VOTE_INSERT, why, DB_TEXT(vote->model), DB_TEXT(vote->revision),
                DB_TEXT(vote->username), DB_TEXT(vote->vote_type), DB_TEXT(vote->timestamp)))
        return VOTE_UNSAVED;
    if (sqlite3_changes(db->handle) == 0)
        return VOTE_TWICE;
    return outbox_add_vote(db, vote, why) ? VOTE_COUNTED : VOTE_UNSAVED;
}

void
vote_add(struct db *db, const struct vote *votes, size_t count, enum vote_result *results,
         struct error *why)
{
    bool begun = db_begin(db, why) == DB_OK, good = begun, changed = false;

    for (size_t i = 0; i < count && good; i++) {
        results[i] = vote_join(db, &votes[i], why);
        good = results[i] != VOTE_UNSAVED;
        changed = changed || results[i] == VOTE_COUNTED;
    }
    if (good && changed)
        good = db_commit(db, why) == DB_OK;
    else if (begun)
        db_rollback(db);
    for (size_t i = 0; i < count && !good; i++)
        results[i] = VOTE_UNSAVED;
}
