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

enum { DRAFTS = LEADERBOARD_FIELDS * 3 + LEADERBOARD_BENCHMARKS * 2 + 1 };

struct build {
    struct buf *out;
    size_t rows, drafts;
    struct draft draft[DRAFTS];
    struct arena arena;
    struct buf text; /* for one text at a time */
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
    buf_reset(&build->text);
    if (value[0] == '"')
        fragment_put_text(&build->text, value, length);
    else
        buf_put(&build->text, value, length);
    char *text = arena_copy(&build->arena, buf_string(&build->text), build->text.length);
    for (char *nul = text; (nul = memchr(nul, '\0', build->text.length - (size_t)(nul - text)));)
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

/* Renders the rows in one way. Returns where each begins, in the arena. */
static const uint64_t *
put_fragments(struct build *build, const struct view *view, enum body body, enum profile profile,
              const struct providers *providers)
{
    uint64_t *starts = arena_zero(&build->arena, build->rows + 1, sizeof *starts);

    for (size_t row = 0; row < build->rows; row++) {
        starts[row] = build->out->length;
        if (body == BODY_FORMATTED)
            view_put_entry(build->out, view, row, profile, providers);
        else
            view_put_raw(build->out, view, row, profile);
        buf_byte(build->out, ',');
    }
    starts[build->rows] = build->out->length;
    return starts;
}

static void
put_block(struct build *build, const struct leaderboard *leaderboard, const struct view *view,
          const struct table *table, const struct providers *providers, struct board_header *header)
{
    const uint64_t *starts[BODY_COUNT][PROFILE_COUNT];

    buf_put(build->out, header, sizeof *header);
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            starts[body][profile] =
                put_fragments(build, view, (enum body)body, (enum profile)profile, providers);
    if (!buf_ok(build->out))
        return;
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            header->fragment[body][profile] =
                put_array(build, starts[body][profile], build->rows + 1, sizeof(uint64_t));
    draft_columns(build, leaderboard);
    for (size_t row = 0; row < build->rows; row++) {
        const uint64_t *start = &starts[BODY_FORMATTED][PROFILE_DOCUMENTED][row];
        take_row(build, row, build->out->data + start[0], (size_t)(start[1] - start[0] - 1));
    }
    take_providers(build);
    header->column = put_columns(build);
    header->columns = build->drafts;
    header->raw = put_raws(build, table);
    header->raws = table->columns;
}

bool
board_build(struct buf *out, const struct leaderboard *leaderboard, const struct view *view,
            const struct table *table, const struct providers *providers, const char *revision,
            int64_t published_at, struct error *why)
{
    struct build build = { .out = out, .rows = table->rows };
    struct board_header header = { .magic = board_magic,
                                   .rows = table->rows,
                                   .published_at = published_at };

    buf_reset(out);
    arena_init(&build.arena, 0);
    buf_init(&build.text, UINT32_MAX);
    put_block(&build, leaderboard, view, table, providers, &header);
    header.revision = put_string(&build, revision);
    header.length = out->length;
    buf_free(&build.text);
    arena_free(&build.arena);
    if (!buf_ok(out) || table->rows >= UINT32_MAX) {
        error_set(why, "the rows make a board of more than %zu bytes", out->max_bytes);
        return false;
    }
    memcpy(out->data, &header, sizeof header);
    return true;
}
