#include "submission.h"

#include "json.h"

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

int64_t
time_parse(const char *text)
{
    struct tm parts = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    int hours, minutes;

    if (end == NULL)
        end = strptime(text, "%Y-%m-%d %H:%M:%S", &parts);
    if (end == NULL)
        return 0;
    if (*end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    int64_t seconds = timegm(&parts);
    if (*end == '\0' || strcmp(end, "Z") == 0)
        return seconds;
    if ((*end == '+' || *end == '-') && sscanf(end + 1, "%2d:%2d", &hours, &minutes) == 2)
        return seconds - (*end == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    return 0;
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
        (submission->model_type = member(file, "model_type", "", arena, why)) != NULL &&
        (submission->submitted_time = member(file, "submitted_time", "", arena, why)) != NULL;
    const char *status = good ? member(file, "status", NULL, arena, why) : NULL;
    json_decref(file);
    if (status == NULL)
        return false;
    char *upper = arena_copy(arena, status, strlen(status));
    for (char *c = upper; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    submission->status = upper;
    submission->submitted_at = time_parse(submission->submitted_time);
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
