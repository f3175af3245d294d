/* leaderboard: what a dataset's columns mean, and how a row becomes an entry of the API.
 *
 * A leaderboard is one JSON file (LEADERBOARD_CONFIG; leaderboards/open-llm.json is the default and
 * the worked example). Nothing in the code names a benchmark.
 *
 *   title       text
 *   required    columns without which a file is refused
 *   id          per profile, the columns that make up an entry's id, joined with '_'
 *   model       fields of the entry's "model"; `name` must be among them
 *   benchmarks  {key, name, score, raw}: "evaluations".key = {name, value: raw, normalized_score:
 * score} features    fields of "features" metadata    fields of "metadata"
 *
 * A field is {key, column, kind}; `column` may be a list, of which the first that the file has
 * counts. In profile `space` nothing is null: missing text is "", a missing number is the field's
 * `unknown` (0 where there is none). Kinds:
 *
 *   text           a missing value is null
 *   type           text in lower case, cut at the first '(', without the leaderboard's emojis and
 *                  spaces; the old names of fine-tuned become
 * fined-tuned-on-domain-specific-dataset number         a missing value is null score          a
 * missing value is null, an absent column 0.0 flag           true or false; a missing value is
 * false negated_flag   a flag that profile `documented` negates and profile `space` does not
 *   official_flag  a flag; where there is no value, whether the model's provider is official */
#ifndef LEADERBOARD_H
#define LEADERBOARD_H

#include "buf.h"
#include "config.h"
#include "error.h"
#include "table.h"

#include <stdbool.h>
#include <stddef.h>

enum { LEADERBOARD_COLUMNS = 4, LEADERBOARD_FIELDS = 32, LEADERBOARD_BENCHMARKS = 64 };

enum field_kind {
    FIELD_TEXT,
    FIELD_TYPE,
    FIELD_NUMBER,
    FIELD_SCORE,
    FIELD_FLAG,
    FIELD_NEGATED_FLAG,
    FIELD_OFFICIAL_FLAG,
};

struct field {
    const char *key;
    const char *column[LEADERBOARD_COLUMNS]; /* NULL-terminated unless full */
    enum field_kind kind;
    double unknown; /* what profile space prints for a missing number */
    bool unknown_integer;
};

struct fields {
    size_t count;
    struct field field[LEADERBOARD_FIELDS];
};

struct benchmark {
    const char *key, *name;
    struct field score, raw; /* FIELD_SCORE */
};

struct leaderboard {
    const char *title;
    size_t required_count;
    const char *required[LEADERBOARD_FIELDS];
    const char *id[PROFILE_COUNT][LEADERBOARD_COLUMNS];
    struct fields model, features, metadata;
    const char *const *name_column; /* of model.name, in the model's fields */
    size_t benchmarks;
    struct benchmark benchmark[LEADERBOARD_BENCHMARKS];
    char fingerprint[65]; /* SHA-256 of the file: entries made with another one are out of date */
    struct arena arena;   /* owns the texts */
};

/* Reads a leaderboard's file; the struct may not be copied afterwards. False with `why` naming file
 * and member. On true the caller owns it: leaderboard_free(). */
bool leaderboard_load(struct leaderboard *leaderboard, const char *path, struct error *why)
    __attribute__((warn_unused_result));

void leaderboard_free(struct leaderboard *leaderboard);

/* The names of official providers, sorted by strcmp. */
struct providers {
    size_t count;
    const char **names;
};

/* A table seen through a leaderboard: which column feeds which field. */
struct view;

/* Binds a table. Fails (NULL, `why`) when a required column is absent, or every benchmark's score
 * column. `table` and `leaderboard` must outlive the view; free it with view_free(). */
struct view *view_new(const struct leaderboard *leaderboard, const struct table *table,
                      struct error *why);

void view_free(struct view *view);

/* How many columns that the leaderboard names the table lacks (a field with several columns lacks
 * one when it has none of them); up to `max` of their names go into `names`. */
size_t view_absent(const struct view *view, const char **names, size_t max);

/* Appends the formatted entry of a row. */
void view_put_entry(struct buf *out, const struct view *view, size_t row, enum profile profile,
                    const struct providers *providers);

/* Appends an entry's id: the parts joined with '_', as Python prints them (True, False, None). */
void view_put_id(struct buf *out, const struct view *view, size_t row, enum profile profile);

/* Appends the raw row: every column under its own name. In profile space missing text is "". */
void view_put_raw(struct buf *out, const struct view *view, size_t row, enum profile profile);

/* The cell that feeds model.KEY or metadata.KEY; a null cell when there is none. */
const struct cell *view_cell(const struct view *view, const char *key, size_t row);

/* A benchmark's normalized score and raw value; null cells when there are none. */
const struct cell *view_score(const struct view *view, size_t benchmark, size_t row);
const struct cell *view_value(const struct view *view, size_t benchmark, size_t row);

/* Appends a type cleaned as kind `type` says. */
void leaderboard_put_type(struct buf *out, const char *type, size_t length);

#endif
