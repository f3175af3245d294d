#include "model_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAME_MAX_BYTES = 96, REVISION_MAX_BYTES = 128, FACTS_MAX = 64 * 1024 };

static bool
name_valid(const char *name, size_t length)
{
    return length > 0 && length <= NAME_MAX_BYTES && strchr("-.", name[0]) == NULL &&
           strchr("-.", name[length - 1]) == NULL &&
           strspn(name, MODEL_ALPHANUMERIC "_.-") >= length;
}

bool
model_id_valid(const char *id)
{
    size_t length = strlen(id), first = strcspn(id, "/");

    if (strstr(id, "--") != NULL || strstr(id, "..") != NULL ||
        (length >= 4 && strcmp(id + length - 4, ".git") == 0))
        return false;
    return name_valid(id, first) &&
           (first == length || name_valid(id + first + 1, length - first - 1));
}

bool
revision_valid(const char *revision)
{
    size_t length = strlen(revision);

    return length > 0 && length <= REVISION_MAX_BYTES &&
           strspn(revision, MODEL_ALPHANUMERIC "_./-") == length &&
           strstr(revision, "..") == NULL && strchr("/-.", revision[0]) == NULL &&
           strchr("/-.", revision[length - 1]) == NULL;
}

bool
model_token_refused(const struct error *why)
{
    return strstr(why->text, "Invalid credentials") != NULL;
}

/* ---- what the Hub says of a model, as far as it matters ---- */

/* The files that are read or must be there. */
static const char *const files[] = {
    "README.md",
    "config.json",
    "tokenizer_config.json",
    "adapter_config.json",
    "adapter_model.safetensors",
    "model.safetensors",
    "model.safetensors.index.json",
};

/* A tokenizer has one of these. */
static const char *const vocabularies[] = {
    "tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
    "vocab.json",     "vocab.txt",       "tekken.json",
};

static const char *const templates[] = { "chat_template.jinja", "chat_template.json" };

#define LISTED(list, name) listed(list, sizeof(list) / sizeof(list)[0], name)

static bool
listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static bool
is_more_template(const char *path)
{
    static const char folder[] = "additional_chat_templates/";
    size_t length = strlen(path);

    return strncmp(path, folder, sizeof folder - 1) == 0 && length > sizeof folder + 5 &&
           strcmp(path + length - 6, ".jinja") == 0;
}

/* A string, or a list of them, that says something. */
static bool
says_something(const json_t *value)
{
    const char *text = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);

    return text != NULL && text[strspn(text, " \t\r\n")] != '\0';
}

bool
model_licensed(const json_t *card)
{
    return says_something(json_object_get(card, "license")) ||
           (says_something(json_object_get(card, "license_name")) &&
            says_something(json_object_get(card, "license_link")));
}

static void
set_flag(json_t *object, const char *key)
{
    json_object_set_new(object, key, json_true());
}

/* Picks the facts out of the Hub's answer: a new reference, or NULL with `why`. */
static json_t *
facts_pick(const json_t *info, struct error *why)
{
    const char *id = json_member_text(info, "id"), *sha = json_member_text(info, "sha"), *path;
    const json_t *siblings = json_object_get(info, "siblings"), *sibling;
    const json_t *gated = json_object_get(info, "gated");
    const json_t *tokenizer = json_object_get(json_object_get(info, "config"), "tokenizer_config");
    const json_t *template = json_object_get(tokenizer, "chat_template");
    const json_t *total = json_object_get(json_object_get(info, "safetensors"), "total");
    size_t index;

    if (id == NULL || !model_id_valid(id) ||
        json_string_length(json_object_get(info, "id")) != strlen(id) || sha == NULL ||
        strlen(sha) != SHA1_HEX - 1 || sha[strspn(sha, "0123456789abcdef")] != '\0' ||
        !json_is_array(siblings)) {
        error_set(why, "what the Hub says of the model lacks an id, a commit (\"sha\") or the list "
                       "of its files (\"siblings\"): check HF_ENDPOINT");
        return NULL;
    }
    json_t *facts = json_pack("{s:s, s:s, s:{}}", "id", id, "sha", sha, "files");
    json_t *present = json_object_get(facts, "files");
    if (json_is_string(gated) || json_is_true(gated))
        set_flag(facts, "gated");
    if (model_licensed(json_object_get(info, "cardData")))
        set_flag(facts, "licensed");
    if (json_is_array(template) ? json_array_size(template) > 0 : says_something(template))
        set_flag(facts, "chat_template");
    if (json_number_value(total) >= 1 && json_number_value(total) < 0x1p53)
        json_object_set_new(facts, "total", json_integer((json_int_t)json_number_value(total)));
    json_array_foreach(siblings, index, sibling)
    {
        if ((path = json_member_text(sibling, "rfilename")) == NULL)
            continue;
        if (LISTED(files, path))
            set_flag(present, path);
        else if (LISTED(vocabularies, path))
            set_flag(facts, "tokenizer");
        else if (LISTED(templates, path) || is_more_template(path))
            set_flag(facts, "chat_template");
    }
    return facts;
}

/* Fills the model from its facts. */
static void
model_fill(struct model *model, const json_t *facts, struct arena *arena)
{
    const char *id = json_member_text(facts, "id"), *sha = json_member_text(facts, "sha");
    struct buf text;

    buf_init(&text, FACTS_MAX);
    json_put_value(&text, facts);
    model->id = arena_copy(arena, id, strlen(id));
    model->sha = arena_copy(arena, sha, strlen(sha));
    model->facts = arena_copy(arena, buf_string(&text), text.length);
    buf_free(&text);
}

/* ---- what is kept ---- */

static void
log_failure(const struct models *models, const char *message, const char *id,
            const struct error *why)
{
    log_event(&models->config->log, LEVEL_ERROR, LOG_DB, message, LOG_TEXT("model", id),
              LOG_TEXT("error", why->text));
}

/* True when it is known. Where that cannot be told, the Hub is asked. */
static bool
facts_known(const struct models *models, const char *id, const char *revision, struct arena *arena,
            struct model *model)
{
    struct error why;
    sqlite3_stmt *row = db_query(models->db, SQL_MODEL_FACTS_FIND, DB_TEXT(id), DB_TEXT(revision),
                                 DB_INTEGER(time(NULL)));

    if (!db_next(models->db, row, &why)) {
        if (why.text[0] != '\0')
            log_failure(models, "cannot tell what is known of a model", id, &why);
        return false;
    }
    const char *text = db_column_text(row, 0);
    json_t *facts = json_read(text, strlen(text), NULL);
    bool known = json_member_text(facts, "id") != NULL && json_member_text(facts, "sha") != NULL;
    db_done(row);
    if (known)
        model_fill(model, facts, arena);
    json_decref(facts);
    return known;
}

/* Where that fails, the next one asks the Hub again. */
static void
facts_keep(const struct models *models, const char *id, const char *revision, const char *facts)
{
    int64_t now = time(NULL);
    struct db *db = models->db;
    struct error why;

    bool good = db_begin(db, &why) == DB_OK;
    if (good) {
        good = db_run(db, SQL_MODEL_FACTS_EXPIRE, &why, DB_INTEGER(now)) &&
               db_run(db, SQL_MODEL_FACTS_PUT, &why, DB_TEXT(id), DB_TEXT(revision), DB_TEXT(facts),
                      DB_INTEGER(now + models->config->model_ttl));
        if (good)
            good = db_commit(db, &why) == DB_OK;
        else
            db_rollback(db);
    }
    if (!good)
        log_failure(models, "cannot keep what the Hub says of a model", id, &why);
}

/* What it means when the Hub does not tell of a model. */
static enum model_result
not_told(enum hub_result result, const char *id, const char *revision, struct error *why)
{
    if (result == HUB_MISSING) {
        error_set(
            why,
            "%s is not on the Hub at revision '%s': check the name and the revision, and that "
            "the model is public",
            id, revision);
        return MODEL_MISSING;
    }
    if (result == HUB_DENIED && !model_token_refused(why)) {
        error_set(why,
                  "%s is not on the Hub at revision '%s', or it is not open to everyone: check the "
                  "name, and that the model is neither private nor disabled",
                  id, revision);
        return MODEL_MISSING;
    }
    return MODEL_UNAVAILABLE;
}

enum model_result
model_find(struct models *models, const char *id, const char *revision, struct arena *arena,
           struct model *model, struct error *why)
{
    bool keep = models->config->model_ttl > 0;
    json_t *info = NULL;

    if (!model_id_valid(id) || !revision_valid(revision)) {
        error_set(why,
                  "'%.200s' at revision '%.150s' is no name that a model of the Hub can have: "
                  "expected provider/name, and a branch, tag or commit",
                  id, revision);
        return MODEL_MISSING;
    }
    bool fixed =
        strlen(revision) == SHA1_HEX - 1 && revision[strspn(revision, "0123456789abcdef")] == '\0';
    if (keep && (fixed || !models->fresh) && facts_known(models, id, revision, arena, model)) {
        metrics_count(models->metrics, METRIC_MODEL_CACHED);
        return MODEL_OK;
    }
    if (!gate_enter(models->gate, why))
        return MODEL_UNAVAILABLE;
    enum hub_result told = hub_model(models->gate->hub, id, revision, &info, why);
    if (told != HUB_OK)
        return not_told(told, id, revision, why);
    metrics_count(models->metrics, METRIC_MODEL_ASKED);
    if (json_is_true(json_object_get(info, "private"))) {
        /* HF_READ_TOKEN may read it, but nobody is to learn of it through us. */
        json_decref(info);
        return not_told(HUB_MISSING, id, revision, why);
    }
    json_t *facts = facts_pick(info, why);
    bool disabled = json_is_true(json_object_get(info, "disabled"));
    json_decref(info);
    if (facts == NULL) {
        error_prefix(why, "model %s at %s", id, revision);
        return MODEL_UNAVAILABLE;
    }
    model_fill(model, facts, arena);
    json_decref(facts);
    if (disabled)
        return MODEL_REFUSE(why,
                            "%s is disabled on the Hub: its owners must settle that with the "
                            "Hub before it can be used here",
                            model->id);
    if (keep)
        facts_keep(models, id, revision, model->facts);
    return MODEL_OK;
}
