#include "hubpayload.h"

#include "json.h"

#include <string.h>

enum { CONTENT_MAX = 1 << 30, LINES_MAX = 100000 };

/* A commit while it is read. `operations` has room for two a line: a rename is two. */
struct payload {
    struct hubcommit *commit;
    struct hubcommit_operation *operations;
    struct arena *arena;
};

/* A copy of a member's string in the arena, or NULL. */
static const char *
text_of(struct payload *payload, const json_t *value, const char *key)
{
    const char *text = json_member_text(value, key);

    return text == NULL ? NULL : arena_copy(payload->arena, text, strlen(text));
}

static void
add(struct payload *payload, struct hubcommit_operation operation)
{
    payload->operations[payload->commit->count++] = operation;
}

static const char *
read_header(struct payload *payload, const json_t *value)
{
    payload->commit->title = text_of(payload, value, "summary");
    payload->commit->description = text_of(payload, value, "description");
    payload->commit->parent = text_of(payload, value, "parentCommit");
    if (payload->commit->title == NULL || payload->commit->title[0] == '\0')
        return "the header needs a summary";
    return NULL;
}

static const char *
read_file(struct payload *payload, const json_t *value)
{
    const char *encoding = json_member_text(value, "encoding");
    const char *old_path = text_of(payload, value, "oldPath");
    const json_t *content = json_object_get(value, "content");
    struct hubcommit_operation file = { .act = HUBCOMMIT_FILE,
                                        .path = text_of(payload, value, "path") };
    const char *text = json_string_value(content);
    struct buf bytes;

    if (file.path == NULL || text == NULL)
        return "a file needs a path and content";
    if (encoding != NULL && strcmp(encoding, "utf-8") != 0 && strcmp(encoding, "base64") != 0)
        return "encoding is neither utf-8 nor base64";
    buf_init(&bytes, CONTENT_MAX);
    bool good = true;
    if (encoding == NULL || encoding[0] == 'u')
        buf_put(&bytes, text, json_string_length(content));
    else
        good = buf_unbase64(&bytes, text, json_string_length(content));
    file.bytes = arena_copy(payload->arena, buf_string(&bytes), bytes.length);
    file.length = bytes.length;
    good = good && buf_ok(&bytes);
    buf_free(&bytes);
    if (!good)
        return "content is not base64";
    if (old_path != NULL && strcmp(old_path, file.path) != 0)
        add(payload,
            (struct hubcommit_operation){ .act = HUBCOMMIT_DELETE_FILE, .path = old_path });
    add(payload, file);
    return NULL;
}

static const char *
read_lfs(struct payload *payload, const json_t *value)
{
    const char *algorithm = json_member_text(value, "algo");
    struct hubcommit_operation file = { .act = HUBCOMMIT_LFS,
                                        .path = text_of(payload, value, "path"),
                                        .sha256 = text_of(payload, value, "oid") };

    if (file.path == NULL || file.sha256 == NULL || algorithm == NULL ||
        strcmp(algorithm, "sha256") != 0)
        return "an lfsFile needs a path, algo sha256 and an oid";
    add(payload, file);
    return NULL;
}

static const char *
read_deletion(struct payload *payload, const json_t *value, enum hubcommit_act act)
{
    struct hubcommit_operation gone = { .act = act, .path = text_of(payload, value, "path") };

    if (gone.path == NULL)
        return "a deletion needs a path";
    add(payload, gone);
    return NULL;
}

/* Takes one line; returns what is wrong with it, or NULL. */
static const char *
read_line(struct payload *payload, const json_t *line)
{
    const char *key = json_member_text(line, "key");
    const json_t *value = json_object_get(line, "value");

    if (key == NULL || !json_is_object(value))
        return "expected {\"key\": …, \"value\": {…}}";
    if (strcmp(key, "header") == 0)
        return payload->commit->title == NULL ? read_header(payload, value) : "a second header";
    if (payload->commit->title == NULL)
        return "the header must come first";
    if (strcmp(key, "file") == 0)
        return read_file(payload, value);
    if (strcmp(key, "lfsFile") == 0)
        return read_lfs(payload, value);
    if (strcmp(key, "deletedFile") == 0)
        return read_deletion(payload, value, HUBCOMMIT_DELETE_FILE);
    if (strcmp(key, "deletedFolder") == 0)
        return read_deletion(payload, value, HUBCOMMIT_DELETE_FOLDER);
    if (strcmp(key, "deletedEntry") == 0)
        return read_deletion(payload, value, HUBCOMMIT_DELETE);
    return "unknown key";
}

bool
hubpayload_read(struct hubcommit *commit, const char *text, size_t length, struct arena *arena,
                struct error *why)
{
    struct payload payload = { .commit = commit, .arena = arena };
    const char *end = text + length;
    size_t lines = 1, number = 0;

    for (const char *in = text; (in = memchr(in, '\n', (size_t)(end - in))) != NULL; in++)
        lines++;
    if (lines > LINES_MAX) {
        error_set(why, "the commit has %zu lines, at most %d are taken", lines, LINES_MAX);
        return false;
    }
    *commit = (struct hubcommit){ .empty = true };
    payload.operations = arena_zero(arena, lines * 2, sizeof *payload.operations);
    commit->operations = payload.operations;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((newline == NULL ? end : newline) - text);
        number++;
        if (size > 0) {
            json_t *line = json_read(text, size, why);
            const char *wrong = line == NULL ? why->text : read_line(&payload, line);
            if (wrong != NULL) {
                struct error reason;
                error_set(&reason, "line %zu: %s", number, wrong);
                *why = reason;
            }
            json_decref(line);
            if (wrong != NULL)
                return false;
        }
        text += size + 1;
    }
    if (commit->title == NULL)
        error_set(why, "the header must come first");
    return commit->title != NULL;
}
