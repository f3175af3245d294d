#include "board_private.h"

#include "fragment.h"
#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A column while it is put together: what each row has. */
struct draft {
    const char *key, *name;
    enum board_group group;
    enum board_kind kind;
    const char **texts; /* NULL where it is missing */
    double *numbers;
    uint8_t *flags;
};

enum {
    DRAFTS = LEADERBOARD_FIELDS * 3 + LEADERBOARD_BENCHMARKS * 2 + 1,
    WINDOW = 256 * 1024,
    ROW_GUESS = 640
};

/* A body while it is put together. */
struct text {
    enum body body;
    enum profile profile;
    struct buf *to;   /* the block, or a window of what goes to the shelf */
    uint64_t begin;   /* where in the block it begins */
    uint64_t shelved; /* bytes that left the window */
    uint64_t *starts; /* of each row */
    struct buf window;
};

struct build {
    struct buf *out;
    const struct view *view;
    const struct providers *providers;
    const struct board_shelf *shelf; /* NULL: the bodies go into the block */
    struct text text[BODY_COUNT * PROFILE_COUNT];
    size_t rows, drafts;
    struct draft draft[DRAFTS];
    struct arena arena;
    struct buf word; /* for one text at a time */
};

/* ---- what each row has ---- */

static void
draft_add(struct build *build, const char *key, const char *name, enum board_group group,
          enum board_kind kind)
{
    struct draft *draft = &build->draft[build->drafts++];

    *draft = (struct draft){ .key = key, .name = name, .group = group, .kind = kind };
    if (kind == BOARD_TEXT)
        draft->texts = arena_zero(&build->arena, build->rows, sizeof *draft->texts);
    else if (kind == BOARD_NUMBER)
        draft->numbers = arena_zero(&build->arena, build->rows, sizeof *draft->numbers);
    else
        draft->flags = arena_zero(&build->arena, build->rows, sizeof *draft->flags);
}

static void
draft_fields(struct build *build, const struct fields *fields, enum board_group group)
{
    static const enum board_kind kinds[] = {
        [FIELD_TEXT] = BOARD_TEXT,          [FIELD_TYPE] = BOARD_TEXT,
        [FIELD_NUMBER] = BOARD_NUMBER,      [FIELD_SCORE] = BOARD_NUMBER,
        [FIELD_FLAG] = BOARD_FLAG,          [FIELD_NEGATED_FLAG] = BOARD_FLAG,
        [FIELD_OFFICIAL_FLAG] = BOARD_FLAG,
    };

    for (size_t i = 0; i < fields->count; i++)
        draft_add(build, fields->field[i].key, fields->field[i].key, group,
                  kinds[fields->field[i].kind]);
}

/* In the order in which an entry shows its members. */
static void
draft_columns(struct build *build, const struct leaderboard *leaderboard)
{
    draft_fields(build, &leaderboard->model, BOARD_MODEL);
    for (size_t i = 0; i < leaderboard->benchmarks; i++) {
        const struct benchmark *benchmark = &leaderboard->benchmark[i];
        draft_add(build, arena_format(&build->arena, "%s.value", benchmark->key), benchmark->name,
                  BOARD_VALUE, BOARD_NUMBER);
        draft_add(build, benchmark->key, benchmark->name, BOARD_EVALUATION, BOARD_NUMBER);
    }
    draft_fields(build, &leaderboard->features, BOARD_FEATURE);
    draft_fields(build, &leaderboard->metadata, BOARD_METADATA);
}

static const char *
take_text(struct build *build, const char *value, size_t length)
{
    if (value[0] == 'n')
        return NULL;
    buf_reset(&build->word);
    if (value[0] == '"')
        fragment_put_text(&build->word, value, length);
    else
        buf_put(&build->word, value, length);
    char *text = arena_copy(&build->arena, buf_string(&build->word), build->word.length);
    for (char *nul = text; (nul = memchr(nul, '\0', build->word.length - (size_t)(nul - text)));)
        *nul = ' ';
    return text;
}

/* Takes the values of the members that are left into the drafts from `draft` on. Returns the draft
 * after them. */
static struct draft *
take_members(struct build *build, struct draft *draft, struct fragment *members, size_t row)
{
    struct member member;

    for (; fragment_next(members, &member); draft++) {
        char first = member.value[0];
        if (draft->kind == BOARD_TEXT)
            draft->texts[row] = take_text(build, member.value, member.length);
        else if (draft->kind == BOARD_NUMBER)
            draft->numbers[row] = first == '-' || (first >= '0' && first <= '9')
                                      ? strtod(member.value, NULL)
                                      : (double)NAN;
        else
            draft->flags[row] = first == 't';
    }
    return draft;
}

/* Takes an entry of the API apart: {id, model, evaluations, features, metadata}. */
static void
take_row(struct build *build, size_t row, const char *text, size_t length)
{
    struct draft *draft = build->draft;
    struct fragment entry, inner, score;
    struct member member, evaluation;

    fragment_open(&entry, text, length);
    fragment_next(&entry, &member);
    fragment_next(&entry, &member);
    fragment_open(&inner, member.value, member.length);
    draft = take_members(build, draft, &inner, row);
    fragment_next(&entry, &member);
    fragment_open(&inner, member.value, member.length);
    while (fragment_next(&inner, &evaluation)) {
        fragment_open(&score, evaluation.value, evaluation.length);
        fragment_next(&score, &evaluation); /* its name */
        draft = take_members(build, draft, &score, row);
    }
    while (fragment_next(&entry, &member)) {
        fragment_open(&inner, member.value, member.length);
        draft = take_members(build, draft, &inner, row);
    }
}

/* The part of the name before the slash. */
static void
take_providers(struct build *build)
{
    const struct draft *name = build->draft;

    while (strcmp(name->key, "name") != 0)
        name++;
    for (size_t i = 0; i < build->drafts; i++)
        if (strcmp(build->draft[i].key, "provider") == 0)
            return;
    draft_add(build, "provider", "provider", BOARD_DERIVED, BOARD_TEXT);
    const char **providers = build->draft[build->drafts - 1].texts;
    for (size_t row = 0; name->kind == BOARD_TEXT && row < build->rows; row++) {
        const char *slash = name->texts[row] == NULL ? NULL : strchr(name->texts[row], '/');
        if (slash != NULL)
            providers[row] =
                arena_copy(&build->arena, name->texts[row], (size_t)(slash - name->texts[row]));
    }
}

/* ---- the block ---- */

/* Pads to a multiple of eight and returns the place. */
static uint64_t
place(struct build *build)
{
    buf_put(build->out, "\0\0\0\0\0\0\0", -build->out->length % 8);
    return build->out->length;
}

static uint64_t
put_array(struct build *build, const void *array, size_t count, size_t size)
{
    uint64_t at = place(build);

    buf_put(build->out, array, count * size);
    return at;
}

static uint64_t
put_string(struct build *build, const char *text)
{
    uint64_t at = build->out->length;

    buf_put(build->out, text, strlen(text) + 1);
    return at;
}

struct word {
    const char *text;
    size_t row;
};

static int
word_compare(const void *a, const void *b)
{
    return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static void
put_texts(struct build *build, const struct draft *draft, struct board_stored *stored)
{
    struct word *words = mem_zero(build->rows + 1, sizeof *words);
    uint32_t *codes = mem_zero(build->rows, sizeof *codes);
    uint32_t *starts = mem_zero(build->rows + 2, sizeof *starts);
    uint64_t length = 0;

    /* The empty word goes first, whether or not a row has it. */
    words[0] = (struct word){ "", SIZE_MAX };
    for (size_t row = 0; row < build->rows; row++)
        words[row + 1] = (struct word){ draft->texts[row] == NULL ? "" : draft->texts[row], row };
    qsort(words, build->rows + 1, sizeof *words, word_compare);
    for (size_t i = 0; i <= build->rows; i++) {
        bool first = i == 0 || strcmp(words[i].text, words[i - 1].text) != 0;
        if (first) {
            starts[stored->words++] = (uint32_t)length;
            length += strlen(words[i].text) + 1;
        }
        if (words[i].row != SIZE_MAX)
            codes[words[i].row] = stored->words - 1;
    }
    uint64_t head = ((uint64_t)stored->words + 1) * sizeof *starts;
    if (head + length > UINT32_MAX)
        build->out->failed = true;
    starts[stored->words] = (uint32_t)length;
    for (uint32_t i = 0; i <= stored->words; i++)
        starts[i] += (uint32_t)head;
    stored->pool = put_array(build, starts, (size_t)stored->words + 1, sizeof *starts);
    size_t from = build->out->length;
    for (size_t i = 0; i <= build->rows; i++)
        if (i == 0 || strcmp(words[i].text, words[i - 1].text) != 0)
            put_string(build, words[i].text);
    char *folded = buf_reserve(build->out, (size_t)length);
    if (folded != NULL) {
        memcpy(folded, build->out->data + from, (size_t)length);
        board_fold(folded, (size_t)length);
        build->out->length += (size_t)length;
    }
    stored->codes = put_array(build, codes, build->rows, sizeof *codes);
    free(words);
    free(codes);
    free(starts);
}

struct place {
    double number;
    uint32_t row;
};

/* The highest first, missing ones last, rows with the same number in their order. */
static int
place_compare(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (isnan(left->number) != isnan(right->number))
        return isnan(left->number) ? 1 : -1;
    if (left->number != right->number && !isnan(left->number))
        return left->number > right->number ? -1 : 1;
    return left->row < right->row ? -1 : 1;
}

static void
put_numbers(struct build *build, const struct draft *draft, struct board_stored *stored)
{
    struct place *places = mem_zero(build->rows, sizeof *places);
    uint32_t *order = mem_zero(build->rows, sizeof *order);

    for (size_t row = 0; row < build->rows; row++)
        places[row] = (struct place){ draft->numbers[row], (uint32_t)row };
    qsort(places, build->rows, sizeof *places, place_compare);
    for (size_t i = 0; i < build->rows; i++)
        order[i] = places[i].row;
    stored->numbers = put_array(build, draft->numbers, build->rows, sizeof *draft->numbers);
    stored->order = put_array(build, order, build->rows, sizeof *order);
    free(places);
    free(order);
}

static uint64_t
put_columns(struct build *build)
{
    struct board_stored *stored = arena_zero(&build->arena, build->drafts, sizeof *stored);

    for (size_t i = 0; i < build->drafts; i++) {
        const struct draft *draft = &build->draft[i];
        stored[i].key = put_string(build, draft->key);
        stored[i].name = put_string(build, draft->name);
        stored[i].group = draft->group;
        stored[i].kind = draft->kind;
        if (draft->kind == BOARD_TEXT)
            put_texts(build, draft, &stored[i]);
        else if (draft->kind == BOARD_NUMBER)
            put_numbers(build, draft, &stored[i]);
        else
            stored[i].flags = put_array(build, draft->flags, build->rows, 1);
    }
    return put_array(build, stored, build->drafts, sizeof *stored);
}

static enum cell_kind
raw_kind(const struct column *column, size_t rows)
{
    bool seen[CELL_JSON + 1] = { false };
    int kinds = 0;

    for (size_t row = 0; row < rows; row++)
        seen[column->cells[row].kind] = true;
    for (int kind = CELL_NULL + 1; kind <= CELL_JSON; kind++)
        kinds += seen[kind];
    if (kinds == 2 && seen[CELL_INTEGER] && seen[CELL_REAL])
        return CELL_REAL;
    for (int kind = CELL_NULL + 1; kinds == 1 && kind <= CELL_JSON; kind++)
        if (seen[kind])
            return (enum cell_kind)kind;
    return kinds == 0 ? (enum cell_kind)column->kind : CELL_TEXT;
}

static uint64_t
put_raws(struct build *build, const struct table *table)
{
    struct board_stored_raw *raws = arena_zero(&build->arena, table->columns, sizeof *raws);

    for (size_t i = 0; i < table->columns; i++)
        raws[i] = (struct board_stored_raw){ put_string(build, table->column[i].name),
                                             raw_kind(&table->column[i], build->rows) };
    return put_array(build, raws, table->columns, sizeof *raws);
}

/* ---- the bodies ---- */

static uint64_t
text_length(const struct text *text)
{
    return text->shelved + text->to->length - text->begin;
}

/* Gives what is in the window to the shelf, if it is as much as `least` bytes. */
static void
text_shelve(struct build *build, struct text *text, size_t least)
{
    if (build->shelf == NULL || text->window.length < least || !buf_ok(&text->window))
        return;
    build->shelf->put(build->shelf->context, text->body, text->profile, text->window.data,
                      text->window.length);
    text->shelved += text->window.length;
    buf_reset(&text->window);
}

/* In profile space a body is a bare array, else {"models": […]}. */
static void
text_begin(struct build *build, struct text *text)
{
    text->starts = arena_zero(&build->arena, build->rows + 1, sizeof *text->starts);
    buf_init(&text->window, UINT32_MAX);
    text->to = build->shelf == NULL ? build->out : &text->window;
    text->begin = build->shelf == NULL ? place(build) : 0;
    buf_text(text->to, text->profile == PROFILE_SPACE ? "[" : "{\"models\":[");
}

static void
text_row(struct build *build, struct text *text, size_t row)
{
    size_t from = text->to->length;

    text->starts[row] = text_length(text);
    if (text->body == BODY_FORMATTED)
        view_put_entry(text->to, build->view, row, text->profile, build->providers);
    else
        view_put_raw(text->to, build->view, row, text->profile);
    if (text->body == BODY_FORMATTED && text->profile == PROFILE_DOCUMENTED && buf_ok(text->to))
        take_row(build, row, text->to->data + from, text->to->length - from);
    if (row + 1 < build->rows)
        buf_byte(text->to, ',');
    text_shelve(build, text, WINDOW);
}

static bool
text_end(struct build *build, struct text *text, struct board_stored_body *stored,
         struct error *why)
{
    buf_text(text->to, text->profile == PROFILE_SPACE ? "]" : "]}");
    *stored = (struct board_stored_body){ .text = text->begin, .length = text_length(text) };
    text->starts[build->rows] = stored->length - (text->profile == PROFILE_SPACE ? 0 : 1);
    if (build->shelf != NULL) {
        text_shelve(build, text, 1);
        const char *file = build->shelf->end(build->shelf->context, text->body, text->profile, why);
        if (file == NULL)
            return false;
        stored->file = put_string(build, file);
        build->out->failed |= text->window.failed;
    }
    stored->starts = put_array(build, text->starts, build->rows + 1, sizeof *text->starts);
    return true;
}

/* Renders the rows: into the block one body after the other, for the shelf all bodies row by row.
 */
static bool
put_bodies(struct build *build, struct board_header *header, struct error *why)
{
    const size_t texts = sizeof build->text / sizeof build->text[0];
    const size_t together = build->shelf == NULL ? 1 : texts;
    bool good = true;

    for (size_t first = 0; good && first < texts; first += together) {
        struct text *group = &build->text[first];
        for (size_t i = 0; i < together; i++) {
            group[i].body = (enum body)((first + i) / PROFILE_COUNT);
            group[i].profile = (enum profile)((first + i) % PROFILE_COUNT);
            text_begin(build, &group[i]);
        }
        for (size_t row = 0; row < build->rows; row++)
            for (size_t i = 0; i < together; i++)
                text_row(build, &group[i], row);
        for (size_t i = 0; i < together; i++) {
            good = good &&
                   text_end(build, &group[i], &header->body[group[i].body][group[i].profile], why);
            buf_free(&group[i].window);
        }
    }
    return good;
}

static bool
put_block(struct build *build, const struct leaderboard *leaderboard, const struct table *table,
          const char *revision, struct board_header *header, struct error *why)
{
    /* Room for what the columns of a row take, so that the block need not be copied as it grows. */
    if (build->rows < SIZE_MAX / ROW_GUESS)
        buf_reserve(build->out, build->rows * ROW_GUESS);
    buf_reset(build->out);
    buf_put(build->out, header, sizeof *header);
    draft_columns(build, leaderboard);
    if (!put_bodies(build, header, why))
        return false;
    if (buf_ok(build->out)) {
        take_providers(build);
        header->column = put_columns(build);
        header->columns = build->drafts;
        header->raw = put_raws(build, table);
        header->raws = table->columns;
        header->revision = put_string(build, revision);
        header->length = build->out->length;
    }
    if (buf_ok(build->out) && build->rows < UINT32_MAX) {
        memcpy(build->out->data, header, sizeof *header);
        return true;
    }
    error_set(why, "the rows make a board of more than %zu bytes", build->out->max_bytes);
    return false;
}

bool
board_build_apart(struct buf *out, const struct leaderboard *leaderboard, const struct view *view,
                  const struct table *table, const struct providers *providers,
                  const char *revision, int64_t published_at, const struct board_shelf *shelf,
                  struct error *why)
{
    struct build build = {
        .out = out, .view = view, .providers = providers, .shelf = shelf, .rows = table->rows
    };
    struct board_header header = { .magic = board_magic,
                                   .rows = table->rows,
                                   .published_at = published_at };

    buf_reset(out);
    arena_init(&build.arena, 0);
    buf_init(&build.word, UINT32_MAX);
    bool good = put_block(&build, leaderboard, table, revision, &header, why);
    buf_free(&build.word);
    arena_free(&build.arena);
    return good;
}

bool
board_build(struct buf *out, const struct leaderboard *leaderboard, const struct view *view,
            const struct table *table, const struct providers *providers, const char *revision,
            int64_t published_at, struct error *why)
{
    return board_build_apart(out, leaderboard, view, table, providers, revision, published_at, NULL,
                             why);
}
