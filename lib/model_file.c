/* What is read from a model's files. Whoever made the model wrote them: sizes are bounded before
 * anything is parsed. */
#include "hubcard.h"
#include "model_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    JSON_FILE_MAX = 16 << 20,
    JSON_VALUES_MAX = 500000, /* a value takes up to some 250 bytes of memory */
    HEADER_MAX = 25000000,    /* of a safetensors file, as in the Hub's own clients */
    SHARDS_MAX = 32,          /* two exchanges each, within one deadline */
};

static const char save_again[] =
    "save the weights again with save_pretrained(), which writes safetensors";

bool
model_has_file(const struct model_repo *repo, const char *path)
{
    return json_is_true(json_object_get(json_object_get(repo->facts, "files"), path));
}

enum model_result
model_read(const struct model_repo *repo, const char *path, const char *range, struct buf *out)
{
    const char *id = repo->model->id;
    struct error *why = repo->why;
    struct gate *gate = repo->models->gate;

    if (!gate_enter(gate, why))
        return MODEL_UNAVAILABLE;
    enum hub_result result = hub_model_file(gate->hub, id, repo->model->sha, path, range, out, why);
    if (result == HUB_OK)
        return MODEL_OK;
    if (result == HUB_MISSING)
        return MODEL_REFUSE(why, "%s has no %s at commit %s: add it, or upload it again", id, path,
                            repo->model->sha);
    if (result == HUB_DENIED && !model_token_refused(why))
        return MODEL_REFUSE(
            why,
            "%s is %s, so its %s cannot be read: open the model's files to "
            "everyone on the Hub, then submit it again",
            id, json_is_true(json_object_get(repo->facts, "gated")) ? "gated" : "not public", path);
    if (result == HUB_TOO_LARGE && range == NULL)
        return MODEL_REFUSE(why, "%s of %s is larger than %zu MiB: put a smaller one in its place",
                            path, id, out->max_bytes >> 20);
    if (result == HUB_TOO_LARGE)
        error_set(why, "%s of model %s: the Hub sends more than the part that was asked for", path,
                  id);
    return MODEL_UNAVAILABLE;
}

/* ---- JSON ---- */

/* Makes a number of Python's NaN and Infinity, and counts the values (a few too many). */
static size_t
from_python(char *text, size_t length)
{
    static const char *const words[] = { "NaN", "Infinity" };
    bool quoted = false;
    size_t values = 1;

    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == ',' || text[i] == '[' || text[i] == '{'))
            values++;
        else if (!quoted && (text[i] == 'N' || text[i] == 'I')) {
            size_t size = strlen(words[text[i] == 'I']);
            if (strncmp(text + i, words[text[i] == 'I'], size) == 0) {
                memset(text + i, ' ', size);
                text[i] = '0';
            }
        }
    }
    return values;
}

enum model_result
model_read_json(const struct model_repo *repo, const char *path, json_t **value)
{
    const char *id = repo->model->id;
    json_error_t error;
    struct buf text;

    buf_init(&text, JSON_FILE_MAX);
    enum model_result result = model_read(repo, path, NULL, &text);
    if (result == MODEL_OK && text.length > 0 &&
        from_python(text.data, text.length) > JSON_VALUES_MAX)
        result = MODEL_REFUSE(repo->why,
                              "%s of %s holds more than %d values: put a smaller one in "
                              "its place",
                              path, id, JSON_VALUES_MAX);
    if (result == MODEL_OK) {
        *value = json_loadb(buf_string(&text), text.length, JSON_DECODE_INT_AS_REAL, &error);
        if (*value == NULL)
            result =
                MODEL_REFUSE(repo->why, "%s of %s is not valid JSON (%.100s, line %d): correct it",
                             path, id, error.text, error.line);
    }
    buf_free(&text);
    return result;
}

/* ---- weights ---- */

static enum model_result
no_safetensors(const struct model_repo *repo, const char *path, const char *what)
{
    return MODEL_REFUSE(repo->why, "%s of %s is no safetensors file (%s): %s", path,
                        repo->model->id, what, save_again);
}

/* Reads the header of `length` bytes and adds up the shapes in it. */
static enum model_result
header_sum(const struct model_repo *repo, const char *path, size_t length, int64_t *count)
{
    char range[64];
    struct buf header;

    snprintf(range, sizeof range, "8-%zu", length + 7);
    buf_init(&header, length);
    enum model_result result = model_read(repo, path, range, &header);
    if (result == MODEL_OK && header.length != length)
        result = no_safetensors(repo, path, "it ends within its header");
    if (result == MODEL_OK && from_python(header.data, length) > JSON_VALUES_MAX)
        result = no_safetensors(repo, path, "its header names too many tensors");
    if (result == MODEL_OK) {
        json_t *sums = hubcard_safetensors(buf_string(&header), length);
        *count = json_integer_value(json_object_get(sums, "total"));
        json_decref(sums);
        if (*count <= 0)
            result = no_safetensors(repo, path, "its header tells no shapes");
    }
    buf_free(&header);
    return result;
}

/* The parameters of one safetensors file: eight bytes say how long the header is. */
static enum model_result
file_parameters(const struct model_repo *repo, const char *path, int64_t *count)
{
    uint64_t length = 0;
    struct buf start;

    buf_init(&start, 8);
    enum model_result result = model_read(repo, path, "0-7", &start);
    for (size_t i = start.length; i > 0; i--)
        length = length << 8 | (unsigned char)start.data[i - 1];
    bool sane = start.length == 8 && length > 0 && length <= HEADER_MAX;
    buf_free(&start);
    if (result == MODEL_OK && !sane)
        result = no_safetensors(repo, path, "it does not begin with the length of a header");
    return result == MODEL_OK ? header_sum(repo, path, (size_t)length, count) : result;
}

/* A count that the index tells by itself, as a number or a string; 0 when it does not. */
static int64_t
index_total(const json_t *index)
{
    const json_t *total = json_object_get(json_object_get(index, "metadata"), "total_parameters");
    double value =
        json_is_string(total) ? strtod(json_string_value(total), NULL) : json_number_value(total);

    return value >= 1 && value < 0x1p62 ? (int64_t)value : 0;
}

/* A file beside the index. */
static bool
shard_valid(const char *name)
{
    static const char ending[] = ".safetensors";
    size_t length = name == NULL ? 0 : strlen(name);

    return length >= sizeof ending && length < 256 && strpbrk(name, "/\\") == NULL &&
           strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

/* The distinct files that an index names: on MODEL_OK the keys of *shards, a new reference. */
static enum model_result
index_shards(const struct model_repo *repo, const char *path, json_t *index, json_t **shards)
{
    json_t *map = json_object_get(index, "weight_map"), *value;
    const char *tensor;
    bool good = json_object_size(map) > 0;

    *shards = json_object();
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!shard_valid(name) || json_object_size(*shards) > SHARDS_MAX) {
            good = false;
            break;
        }
        json_object_set_new(*shards, name, json_true());
    }
    if (good && json_object_size(*shards) <= SHARDS_MAX)
        return MODEL_OK;
    json_decref(*shards);
    return MODEL_REFUSE(repo->why,
                        "%s of %s does not name 1 to %d safetensors files beside it in its "
                        "weight_map: %s",
                        path, repo->model->id, SHARDS_MAX, save_again);
}

static enum model_result
index_parameters(const struct model_repo *repo, const char *path, int64_t *count)
{
    json_t *index, *shards = NULL, *present;
    const char *name;
    int64_t sum = 0, part;
    enum model_result result = model_read_json(repo, path, &index);

    if (result != MODEL_OK)
        return result;
    *count = index_total(index);
    result = *count > 0 ? MODEL_OK : index_shards(repo, path, index, &shards);
    json_decref(index);
    if (result != MODEL_OK || *count > 0)
        return result;
    json_object_foreach(shards, name, present)
    {
        if ((result = file_parameters(repo, name, &part)) != MODEL_OK)
            break;
        if (__builtin_add_overflow(sum, part, &sum)) {
            result = no_safetensors(repo, name, "its shapes are beyond all measure");
            break;
        }
    }
    json_decref(shards);
    *count = sum;
    return result;
}

enum model_result
model_parameters(const struct model_repo *repo, int64_t *count)
{
    static const char single[] = "model.safetensors", index[] = "model.safetensors.index.json";

    *count = json_integer_value(json_object_get(repo->facts, "total"));
    if (*count > 0)
        return MODEL_OK;
    if (model_has_file(repo, single))
        return file_parameters(repo, single, count);
    if (model_has_file(repo, index))
        return index_parameters(repo, index, count);
    return MODEL_REFUSE(
        repo->why,
        "%s has no safetensors weights (%s, or the shards of %s), which its size is "
        "told by: %s",
        repo->model->id, single, index, save_again);
}

enum model_result
model_adapter_parameters(const struct model_repo *repo, int64_t *count)
{
    static const char path[] = "adapter_model.safetensors";

    if (model_has_file(repo, path))
        return file_parameters(repo, path, count);
    return MODEL_REFUSE(repo->why,
                        "%s has no safetensors weights (%s), which its size is told by: %s",
                        repo->model->id, path, save_again);
}
