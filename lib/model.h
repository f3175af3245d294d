/* model: what a vote or a submission needs to know of a model on the Hub.
 *
 * Answers of the Hub are kept in the database for MODEL_CACHE_TTL seconds. Where the
 * Hub must be asked, that is done through the gate, within its deadline. */
#ifndef MODEL_H
#define MODEL_H

#include "config.h"
#include "db.h"
#include "error.h"
#include "gate.h"
#include "mem.h"
#include "metrics.h"

#include <stdbool.h>

/* True for "name" and "provider/name" as the Hub allows them: 1 to 96 of A-Z a-z 0-9 _ . - each, no
 * part that begins or ends with - or ., no -- or .., not ending in .git. */
bool model_id_valid(const char *id);

/* True for what can be a branch, tag or commit: 1 to 128 of A-Z a-z 0-9 _ . / -, no "..", not
 * beginning or ending with / - or . */
bool revision_valid(const char *revision);

struct models {
    const struct config *config;
    struct db *db;           /* a writer, for what is kept */
    struct gate *gate;       /* entered when the Hub must be asked; the caller leaves it */
    struct metrics *metrics; /* may be NULL */
    bool fresh; /* ask anew where a revision is a branch or tag, which may have moved */
};

enum model_result {
    MODEL_OK,
    MODEL_MISSING,     /* not on the Hub, or not at that revision, or not for our eyes */
    MODEL_REFUSED,     /* it is there, but it cannot be submitted like this */
    MODEL_UNAVAILABLE, /* the Hub did not answer in time, or not sensibly; `why` is for the log */
};

/* A model at a revision. The texts live in the arena, which has no limit. */
struct model {
    const char *id;  /* as the Hub spells it; another one than was asked for when it was renamed */
    const char *sha; /* the commit */
    const char *facts; /* what the Hub said, as JSON, for model_check() */
};

/* Finds a model at a revision: one request, or none where it is known. MODEL_MISSING and
 * MODEL_REFUSED (it is disabled): `why` is a sentence for the user. */
enum model_result model_find(struct models *models, const char *id, const char *revision,
                             struct arena *arena, struct model *model, struct error *why)
    __attribute__((warn_unused_result));

/* How a model is to be evaluated. */
struct model_wish {
    const char *precision;   /* one of the precisions */
    const char *weight_type; /* "Original", "Delta", "Adapter" */
    const char *base_model;  /* "" for none; Delta and Adapter have one */
    bool chat_template;      /* use_chat_template */
};

/* What the request file says of it. The texts live in the arena. */
struct model_profile {
    const char *architectures; /* joined with ';' */
    double params;             /* billions, rounded to 3 decimals, quantised ones times 8 */
};

/* Checks what a submission must satisfy, in this order: its files can be read (it is not gated from
 * us); config.json is there, names an architecture, and needs no code of the repo's own (auto_map);
 * tokenizer files; the model card has a license, or license_name with license_link, and at least
 * 200 characters of text; the size can be told from safetensors metadata and is at most 100 billion
 * for float16 and bfloat16; a chat template where one is to be used. A delta or an adapter needs
 * its base model at main, too; an adapter's configuration, tokenizer and most of its size are that
 * one's. MODEL_REFUSED and MODEL_MISSING: `why` is the sentence that tells the submitter how to
 * mend it.
 *
 * It asks for two or three files; where the Hub has not counted the parameters, for two ranges of
 * each safetensors file more. */
enum model_result model_check(struct models *models, const struct model *model,
                              const struct model_wish *wish, struct arena *arena,
                              struct model_profile *profile, struct error *why)
    __attribute__((warn_unused_result));

#endif
