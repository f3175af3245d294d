#include "hubinfo.h"

#include "hubcard.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { CARD_MAX = 4 << 20, HEADER_MAX = 25000000, SIBLINGS_MAX = 1000000 };

const char *
hubinfo_time(int64_t when, struct arena *arena)
{
    char text[40];
    time_t seconds = (time_t)when;
    struct tm utc;

    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&seconds, &utc));
    return arena_copy(arena, text, strlen(text));
}

/* ---- the repo's files ---- */

/* Appends up to `length` bytes of a file at `offset`; false when there is no such file. */
static bool
file_part(const struct hubinfo *info, const char *path, int64_t offset, int64_t length,
          struct buf *out)
{
    struct hubstore_entry entry;
    struct error why;

    return hubstore_entry(info->store, info->repo->id, info->commit->number, path, info->arena,
                          &entry, &why) == HUBSTORE_OK &&
           !entry.folder &&
           hubstore_read(info->store, &entry, false, offset, length, out, &why) == HUBSTORE_OK &&
           buf_ok(out);
}

static json_t *
file_json(const struct hubinfo *info, const char *path)
{
    json_t *value = NULL;
    struct error why;
    struct buf text;

    buf_init(&text, CARD_MAX);
    if (file_part(info, path, 0, CARD_MAX, &text))
        value = json_read(buf_string(&text), text.length, &why);
    buf_free(&text);
    return value;
}

static json_t *
card(struct hubinfo *info)
{
    struct buf text;

    if (!info->carded) {
        buf_init(&text, CARD_MAX);
        if (file_part(info, "README.md", 0, CARD_MAX, &text))
            info->card = hubcard_front_matter(buf_string(&text), text.length);
        info->carded = true;
        buf_free(&text);
    }
    return info->card;
}

/* ---- the fields ---- */

static json_t *
get_author(struct hubinfo *info)
{
    return json_stringn(info->repo->name, strcspn(info->repo->name, "/"));
}

static json_t *
get_sha(struct hubinfo *info)
{
    return json_string(info->commit->sha);
}

static json_t *
get_private(struct hubinfo *info)
{
    return json_boolean(info->repo->private);
}

static json_t *
get_gated(struct hubinfo *info)
{
    return info->repo->gated ? json_string("manual") : json_false();
}

static json_t *
get_disabled(struct hubinfo *info)
{
    (void)info;
    return json_false();
}

static json_t *
get_likes(struct hubinfo *info)
{
    return json_integer(info->repo->likes);
}

static json_t *
get_downloads(struct hubinfo *info)
{
    return json_integer(info->repo->downloads);
}

static json_t *
get_created(struct hubinfo *info)
{
    return json_string(hubinfo_time(info->repo->created, info->arena));
}

static json_t *
get_modified(struct hubinfo *info)
{
    return json_string(hubinfo_time(info->repo->head.when, info->arena));
}

static json_t *
get_card(struct hubinfo *info)
{
    return json_incref(card(info));
}

static json_t *
get_pipeline(struct hubinfo *info)
{
    return json_incref(json_object_get(card(info), "pipeline_tag"));
}

static json_t *
get_library(struct hubinfo *info)
{
    return json_incref(json_object_get(card(info), "library_name"));
}

static json_t *
get_tags(struct hubinfo *info)
{
    json_t *tags = json_copy(json_object_get(card(info), "tags"));
    const char *license = json_member_text(card(info), "license");

    if (!json_is_array(tags)) {
        json_decref(tags);
        tags = json_array();
    }
    if (license != NULL)
        json_array_append_new(tags, json_sprintf("license:%s", license));
    return tags;
}

/* The Hub's extract of config.json and of the tokenizer's settings. */
static json_t *
get_config(struct hubinfo *info)
{
    static const char *const keys[] = { "architectures", "model_type", "auto_map",
                                        "quantization_config" };
    json_t *file = file_json(info, "config.json");
    json_t *tokenizer = file_json(info, "tokenizer_config.json");
    json_t *template = json_object_get(tokenizer, "chat_template");
    json_t *config = file == NULL ? NULL : json_object();
    struct buf jinja;

    for (size_t i = 0; config != NULL && i < sizeof keys / sizeof keys[0]; i++)
        if (json_object_get(file, keys[i]) != NULL)
            json_object_set(config, keys[i], json_object_get(file, keys[i]));
    if (config != NULL && template != NULL)
        json_object_set_new(config, "tokenizer_config",
                            json_pack("{s:O}", "chat_template", template));
    buf_init(&jinja, CARD_MAX);
    if (config != NULL && file_part(info, "chat_template.jinja", 0, CARD_MAX, &jinja))
        json_object_set_new(config, "chat_template_jinja",
                            json_stringn(buf_string(&jinja), jinja.length));
    buf_free(&jinja);
    json_decref(file);
    json_decref(tokenizer);
    return config;
}

static json_t *
get_safetensors(struct hubinfo *info)
{
    static const char path[] = "model.safetensors";
    json_t *counts = NULL;
    uint64_t length = 0;
    struct buf header;

    buf_init(&header, HEADER_MAX + 8);
    if (file_part(info, path, 0, 8, &header) && header.length == 8) {
        for (size_t i = 8; i > 0; i--)
            length = length << 8 | (unsigned char)header.data[i - 1];
        buf_reset(&header);
        if (length > 0 && length <= HEADER_MAX &&
            file_part(info, path, 8, (int64_t)length, &header))
            counts = hubcard_safetensors(buf_string(&header), header.length);
    }
    buf_free(&header);
    return counts;
}

static json_t *
get_siblings(struct hubinfo *info)
{
    struct hubstore_list list = {
        info->repo->id, info->commit->number, "", true, "", SIBLINGS_MAX
    };
    json_t *siblings = json_array();
    struct hubstore_entry *entries;
    struct error why;
    size_t count;

    if (hubstore_tree(info->store, &list, info->arena, &entries, &count, &why) != HUBSTORE_OK)
        return siblings;
    for (size_t i = 0; i < count; i++) {
        const struct hubstore_entry *entry = &entries[i];
        if (entry->folder)
            continue;
        json_t *sibling = json_pack("{s:s}", "rfilename", entry->path);
        if (info->blobs) {
            json_object_set_new(sibling, "size", json_integer(entry->size));
            json_object_set_new(sibling, "blobId", json_string(entry->oid));
        }
        if (info->blobs && entry->sha256[0] != '\0')
            json_object_set_new(sibling, "lfs",
                                json_pack("{s:s, s:I, s:I}", "sha256", entry->sha256, "size",
                                          (json_int_t)entry->size, "pointerSize",
                                          (json_int_t)hubstore_git_size(entry)));
        json_array_append_new(siblings, sibling);
    }
    return siblings;
}

static const struct field {
    const char *name;
    bool models_only;
    json_t *(*get)(struct hubinfo *info); /* NULL: the repo has no such thing */
} fields[] = {
    { "author", false, get_author },         { "sha", false, get_sha },
    { "lastModified", false, get_modified }, { "createdAt", false, get_created },
    { "private", false, get_private },       { "gated", false, get_gated },
    { "disabled", false, get_disabled },     { "likes", false, get_likes },
    { "downloads", false, get_downloads },   { "tags", false, get_tags },
    { "pipeline_tag", true, get_pipeline },  { "library_name", true, get_library },
    { "config", true, get_config },          { "cardData", false, get_card },
    { "siblings", false, get_siblings },     { "safetensors", true, get_safetensors },
};

static bool
wanted(const struct hubinfo *info, const char *name)
{
    for (size_t i = 0; i < info->expands; i++)
        if (strcmp(info->expand[i], name) == 0)
            return true;
    return info->expands == 0;
}

json_t *
hubinfo_repo(struct hubinfo *info)
{
    const struct hubstore_repo *repo = info->repo;
    json_t *object = json_object();

    json_object_set_new(object, "_id",
                        json_string(arena_format(info->arena, "%024" PRIx64, repo->id)));
    json_object_set_new(object, "id", json_string(repo->name));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if ((fields[i].models_only && repo->kind != HUBSTORE_MODEL) ||
            !wanted(info, fields[i].name))
            continue;
        json_t *value = fields[i].get(info);
        if (value != NULL)
            json_object_set_new(object, fields[i].name, value);
    }
    json_decref(info->card);
    info->card = NULL;
    info->carded = false;
    return object;
}

json_t *
hubinfo_entry(const struct hubinfo *info, const struct hubstore_entry *entry, bool expand)
{
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:s}", "type", entry->folder ? "directory" : "file", "oid",
                  entry->oid, "size", (json_int_t)entry->size, "path", entry->path);
    struct hubstore_commit last;
    struct error why;

    if (entry->sha256[0] != '\0')
        json_object_set_new(object, "lfs",
                            json_pack("{s:s, s:I, s:I}", "oid", entry->sha256, "size",
                                      (json_int_t)entry->size, "pointerSize",
                                      (json_int_t)hubstore_git_size(entry)));
    if (expand && hubstore_commit(info->store, info->repo->id, entry->since, info->arena, &last,
                                  &why) == HUBSTORE_OK)
        json_object_set_new(object, "lastCommit",
                            json_pack("{s:s, s:s, s:s}", "id", last.sha, "title", last.title,
                                      "date", hubinfo_time(last.when, info->arena)));
    return object;
}
