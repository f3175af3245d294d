/* The rules of a submission that are about the model itself. */
#include "hubcard.h"
#include "model_private.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum {
    CARD_MAX = 4 << 20,
    FRONT_MATTER_MAX = 1 << 20,
    CARD_CHARACTERS = 200,
    ARCHITECTURES = 16, /* that a config may name */
    ARCHITECTURE_MAX = 128,
    PARAMS_MAX = 100, /* billions, in 16 bits */
    QUANTISED_FACTOR = 8,
};

struct check {
    struct model_repo own, base;
    struct model base_model;
    bool adapter;
    bool based; /* an adapter or a delta: base is that of another model */
    const struct model_wish *wish;
    struct arena *arena;
    struct model_profile *profile;
    struct error *why;
};

/* Whose configuration and tokenizer it is evaluated with. */
static const struct model_repo *
foundation(const struct check *check)
{
    return check->adapter ? &check->base : &check->own;
}

static enum model_result
repo_open(struct model_repo *repo, struct models *models, const struct model *model,
          struct error *why)
{
    *repo = (struct model_repo){ models, model, json_read(model->facts, strlen(model->facts), why),
                                 why };
    return repo->facts != NULL ? MODEL_OK : MODEL_UNAVAILABLE;
}

static enum model_result
require_json(const struct model_repo *repo, const char *path, json_t **value)
{
    if (model_has_file(repo, path))
        return model_read_json(repo, path, value);
    return MODEL_REFUSE(repo->why, "%s has no %s: add it, as save_pretrained() writes it",
                        repo->model->id, path);
}

static enum model_result
refuse_code(const struct model_repo *repo, const json_t *settings, const char *path)
{
    const json_t *map = json_object_get(settings, "auto_map");

    if (map == NULL || json_is_null(map))
        return MODEL_OK;
    return MODEL_REFUSE(
        repo->why,
        "%s needs trust_remote_code (auto_map in its %s), and no code of a model is "
        "run here: wait until a release of transformers has its classes, then take "
        "auto_map out",
        repo->model->id, path);
}

/* ---- config.json ---- */

static enum model_result
base_find(struct check *check)
{
    struct models *models = check->own.models;
    enum model_result result = model_find(models, check->wish->base_model, "main", check->arena,
                                          &check->base_model, check->why);

    if (result == MODEL_OK)
        return repo_open(&check->base, models, &check->base_model, check->why);
    error_prefix(check->why, "base_model");
    return result;
}

/* Joins what a config names; NULL when that is nothing sensible. */
static const char *
architectures_join(const json_t *config, struct arena *arena)
{
    const json_t *list = json_object_get(config, "architectures"), *item;
    struct buf joined;
    size_t index;

    buf_init(&joined, ARCHITECTURES * (ARCHITECTURE_MAX + 1));
    bool good = json_array_size(list) > 0 && json_array_size(list) <= ARCHITECTURES;
    json_array_foreach(list, index, item)
    {
        const char *name = json_string_value(item);
        size_t length = name == NULL ? 0 : strlen(name);
        good = good && length > 0 && length <= ARCHITECTURE_MAX &&
               strspn(name, MODEL_ALPHANUMERIC "_.-") == length;
        if (!good)
            break;
        buf_text(&joined, index == 0 ? "" : ";");
        buf_text(&joined, name);
    }
    const char *text = good ? arena_copy(arena, buf_string(&joined), joined.length) : NULL;
    buf_free(&joined);
    return text;
}

static enum model_result
check_config(struct check *check)
{
    static const char path[] = "config.json";
    json_t *config;
    enum model_result result;

    if (check->adapter) {
        if ((result = require_json(&check->own, "adapter_config.json", &config)) != MODEL_OK)
            return result;
        json_decref(config);
    }
    if (check->based && (result = base_find(check)) != MODEL_OK)
        return result;
    const struct model_repo *repo = foundation(check);
    if ((result = require_json(repo, path, &config)) != MODEL_OK)
        return result;
    check->profile->architectures = architectures_join(config, check->arena);
    if (check->profile->architectures != NULL)
        result = refuse_code(repo, config, path);
    else
        result = MODEL_REFUSE(check->why,
                              "%s of %s names no architecture: add \"architectures\" with the name "
                              "of its class, as save_pretrained() does",
                              path, repo->model->id);
    json_decref(config);
    return result;
}

static enum model_result
check_tokenizer(struct check *check)
{
    const struct model_repo *repo = foundation(check);

    if (json_is_true(json_object_get(repo->facts, "tokenizer")))
        return MODEL_OK;
    return MODEL_REFUSE(
        check->why,
        "%s has no tokenizer (tokenizer.json, tokenizer.model, vocab.json…): add its "
        "files, as tokenizer.save_pretrained() writes them",
        repo->model->id);
}

/* ---- the model card ---- */

/* The characters of UTF-8 text without white space at its ends. */
static size_t
characters(const char *text, size_t length)
{
    size_t count = 0;

    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    while (length > 0 && strchr(" \t\r\n", text[0]) != NULL)
        text++, length--;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Whether the card itself names a license, where the Hub did not read it out. */
static bool
card_licensed(const struct buf *card)
{
    json_t *front = hubcard_front_matter(
        buf_string(card), card->length < FRONT_MATTER_MAX ? card->length : FRONT_MATTER_MAX);
    bool licensed = model_licensed(front);

    json_decref(front);
    return licensed;
}

static enum model_result
check_card(struct check *check)
{
    const struct model_repo *repo = &check->own;
    static const char path[] = "README.md";
    struct buf card;

    if (!model_has_file(repo, path))
        return MODEL_REFUSE(check->why,
                            "%s has no model card: add a %s with a license and a text of at least "
                            "%d characters",
                            repo->model->id, path, CARD_CHARACTERS);
    buf_init(&card, CARD_MAX);
    enum model_result result = model_read(repo, path, NULL, &card);
    if (result == MODEL_OK) {
        size_t start = hubcard_text(buf_string(&card), card.length);
        size_t count = characters(buf_string(&card) + start, card.length - start);
        if (!json_is_true(json_object_get(repo->facts, "licensed")) && !card_licensed(&card))
            result =
                MODEL_REFUSE(check->why,
                             "%s of %s names no license: put \"license:\", or \"license_name:\" "
                             "and \"license_link:\", between the --- lines at its top",
                             path, repo->model->id);
        else if (count < CARD_CHARACTERS)
            result = MODEL_REFUSE(check->why,
                                  "%s of %s has %zu characters of text: describe the model in at "
                                  "least %d",
                                  path, repo->model->id, count, CARD_CHARACTERS);
    }
    buf_free(&card);
    return result;
}

/* ---- size and chat template ---- */

static enum model_result
check_size(struct check *check)
{
    const char *precision = check->wish->precision, *id = check->own.model->id;
    int64_t count, more = 0;
    enum model_result result;

    if (check->adapter && (result = model_adapter_parameters(&check->own, &more)) != MODEL_OK)
        return result;
    if ((result = model_parameters(foundation(check), &count)) != MODEL_OK)
        return result;
    double params = round(((double)count + (double)more) / 1e6) / 1e3;
    if (strcmp(precision, "GPTQ") == 0 || strcasestr(id, "gptq") != NULL)
        params *= QUANTISED_FACTOR;
    check->profile->params = params;
    if (params > PARAMS_MAX &&
        (strcmp(precision, "float16") == 0 || strcmp(precision, "bfloat16") == 0))
        return MODEL_REFUSE(check->why,
                            "%s has %.3f billion parameters, and at most %d are evaluated in "
                            "%s: choose 8bit or 4bit, or a smaller model",
                            id, params, PARAMS_MAX, precision);
    return MODEL_OK;
}

/* Whether a repo has a chat template; its tokenizer's settings are read only where that is not
 * known yet. */
static enum model_result
template_find(const struct model_repo *repo, bool *found)
{
    static const char path[] = "tokenizer_config.json";
    json_t *settings;

    *found = json_is_true(json_object_get(repo->facts, "chat_template"));
    if (*found || !model_has_file(repo, path))
        return MODEL_OK;
    enum model_result result = model_read_json(repo, path, &settings);
    if (result != MODEL_OK)
        return result;
    const json_t *template = json_object_get(settings, "chat_template");
    *found =
        json_is_array(template) ? json_array_size(template) > 0 : json_string_length(template) > 0;
    result = refuse_code(repo, settings, path);
    json_decref(settings);
    return result;
}

static enum model_result
check_template(struct check *check)
{
    enum model_result result;
    bool found;

    if (!check->wish->chat_template)
        return MODEL_OK;
    if ((result = template_find(&check->own, &found)) != MODEL_OK)
        return result;
    if (!found && check->adapter && (result = template_find(&check->base, &found)) != MODEL_OK)
        return result;
    if (found)
        return MODEL_OK;
    return MODEL_REFUSE(check->why,
                        "%s has no chat template: add chat_template.jinja, or chat_template to its "
                        "tokenizer_config.json, or submit it without use_chat_template",
                        check->own.model->id);
}

enum model_result
model_check(struct models *models, const struct model *model, const struct model_wish *wish,
            struct arena *arena, struct model_profile *profile, struct error *why)
{
    static enum model_result (*const rules[])(
        struct check *) = { check_config, check_tokenizer, check_card, check_size, check_template };
    struct check check = { .wish = wish, .arena = arena, .profile = profile, .why = why };

    check.adapter = strcmp(wish->weight_type, "Adapter") == 0;
    check.based = check.adapter || strcmp(wish->weight_type, "Delta") == 0;
    enum model_result result = repo_open(&check.own, models, model, why);

    for (size_t i = 0; result == MODEL_OK && i < sizeof rules / sizeof rules[0]; i++)
        result = rules[i](&check);
    json_decref(check.own.facts);
    json_decref(check.base.facts);
    return result;
}
