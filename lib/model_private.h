/* model_private: what the parts of model share. */
#ifndef MODEL_PRIVATE_H
#define MODEL_PRIVATE_H

#include "buf.h"
#include "json.h"
#include "model.h"

#define MODEL_ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Refuses with the sentence that tells the submitter how to mend it. */
#define MODEL_REFUSE(why, ...) (error_set(why, __VA_ARGS__), MODEL_REFUSED)

/* True when a model card's metadata have a license, or license_name with license_link. */
bool model_licensed(const json_t *card);

/* True when an answer says that it is our token that the Hub does not like, not the model. */
bool model_token_refused(const struct error *why);

/* A model whose files are looked at. model->facts is an object of
 *
 *   id, sha        as in struct model
 *   gated          true when its files are not for everybody
 *   files          the files among those that matter, each true
 *   tokenizer      true when a vocabulary is among the files
 *   chat_template  true when there is one
 *   licensed       model_licensed()
 *   total          parameters by the Hub's count; absent when it has none */
struct model_repo {
    struct models *models;
    const struct model *model;
    json_t *facts; /* the same, read */
    struct error *why;
};

/* True when the repo has a file that is among those of `facts`. */
bool model_has_file(const struct model_repo *repo, const char *path);

/* Reads a file, or with `range` a part of it, into an empty buffer whose maximum bounds it. */
enum model_result model_read(const struct model_repo *repo, const char *path, const char *range,
                             struct buf *out) __attribute__((warn_unused_result));

/* Reads a JSON file as Python writes them: NaN, infinities and integers of any size become some
 * number. On MODEL_OK *value is a new reference. */
enum model_result model_read_json(const struct model_repo *repo, const char *path, json_t **value)
    __attribute__((warn_unused_result));

/* How many parameters the model's own weights have, and an adapter's. */
enum model_result model_parameters(const struct model_repo *repo, int64_t *count)
    __attribute__((warn_unused_result));
enum model_result model_adapter_parameters(const struct model_repo *repo, int64_t *count)
    __attribute__((warn_unused_result));

#endif
