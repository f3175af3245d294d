#include "entry.h"

#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- splitting ---- */

/* The end of a JSON string that begins at `at`. */
static const char *
skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

/* The end of the value that begins at `at`: the comma or brace after it. */
static const char *
skip_value(const char *at, const char *end)
{
    for (size_t depth = 0; at < end; at++) {
        if (*at == '"') {
            at = skip_string(at, end) - 1;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == ',' || *at == '}' || *at == ']') {
            if (depth == 0)
                return at;
            depth -= *at != ',';
        }
    }
    return end;
}

void
entry_read(struct entry *entry, const struct history_row *row)
{
    const char *at = row->raw, *end = row->raw + row->raw_length;

    entry->count = 0;
    while (at < end && (*at == '{' || *at == ',')) {
        const char *key = at + 1;
        const char *colon = key < end && *key == '"' ? skip_string(key, end) : end;
        if (colon == end || *colon != ':')
            return;
        if (entry->count == entry->capacity) {
            entry->capacity = entry->capacity * 2 + 64;
            entry->member = mem_resize(entry->member, entry->capacity, sizeof *entry->member);
        }
        at = skip_value(colon + 1, end);
        entry->member[entry->count++] = (struct member){ { key, (size_t)(colon - key) },
                                                         { colon + 1, (size_t)(at - colon - 1) } };
    }
}

void
entry_free(struct entry *entry)
{
    free(entry->member);
    *entry = (struct entry){ 0 };
}

/* ---- columns ---- */

static void
take_columns(struct columns_known *known, struct columns *columns, const char *const *names)
{
    struct buf quoted;

    buf_init(&quoted, 1 << 20);
    for (size_t i = 0; i < LEADERBOARD_COLUMNS && names[i] != NULL; i++) {
        buf_reset(&quoted);
        json_put_text(&quoted, names[i], strlen(names[i]));
        columns->name[i].text = arena_copy(&known->arena, buf_string(&quoted), quoted.length);
        columns->name[i].length = quoted.length;
    }
    buf_free(&quoted);
}

static void
take_field(struct columns_known *known, struct columns *columns, const struct fields *fields,
           const char *key)
{
    for (size_t i = 0; i < fields->count; i++)
        if (strcmp(fields->field[i].key, key) == 0)
            take_columns(known, columns, fields->field[i].column);
}

void
columns_init(struct columns_known *known, const struct leaderboard *leaderboard)
{
    *known = (struct columns_known){ 0 };
    arena_init(&known->arena, 0);
    take_columns(known, &known->name, leaderboard->name_column);
    take_field(known, &known->precision, &leaderboard->model, "precision");
    take_field(known, &known->revision, &leaderboard->model, "sha");
    take_field(known, &known->average, &leaderboard->model, "average_score");
    for (size_t i = 0; i < leaderboard->benchmarks; i++) {
        const struct benchmark *benchmark = &leaderboard->benchmark[i];
        known->score[known->scores].key = benchmark->key;
        take_columns(known, &known->score[known->scores++].columns, benchmark->score.column);
        known->score[known->scores].key = arena_format(&known->arena, "%s.value", benchmark->key);
        take_columns(known, &known->score[known->scores++].columns, benchmark->raw.column);
    }
}

void
columns_free(struct columns_known *known)
{
    arena_free(&known->arena);
}

static bool
columns_hold(const struct columns *columns, struct slice key)
{
    for (size_t i = 0; i < LEADERBOARD_COLUMNS && columns->name[i].text != NULL; i++)
        if (slice_equal(columns->name[i], key))
            return true;
    return false;
}

bool
columns_scored(const struct columns_known *known, struct slice key)
{
    bool scored = columns_hold(&known->average, key);

    for (size_t i = 0; i < known->scores && !scored; i++)
        scored = columns_hold(&known->score[i].columns, key);
    return scored;
}

/* ---- values ---- */

bool
slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

const struct slice *
entry_member(const struct entry *entry, struct slice key, size_t expected)
{
    if (expected < entry->count && slice_equal(entry->member[expected].key, key))
        return &entry->member[expected].value;
    for (size_t i = 0; i < entry->count; i++)
        if (slice_equal(entry->member[i].key, key))
            return &entry->member[i].value;
    return NULL;
}

struct slice
entry_value(const struct entry *entry, const struct columns *columns)
{
    for (size_t i = 0; i < LEADERBOARD_COLUMNS && columns->name[i].text != NULL; i++) {
        const struct slice *value = entry_member(entry, columns->name[i], entry->count);
        if (value != NULL)
            return *value;
    }
    return (struct slice){ "null", 4 };
}

double
slice_number(struct slice value)
{
    /* A number ends at the comma or brace that follows it in its row. */
    bool number = value.length != 0 && strchr("-0123456789", value.text[0]) != NULL;

    return number ? strtod(value.text, NULL) : (double)NAN;
}

bool
slice_put_text(struct buf *out, struct slice value)
{
    struct buf list;

    buf_init(&list, value.length + 2);
    buf_byte(&list, '[');
    buf_put(&list, value.text, value.length);
    buf_byte(&list, ']');
    json_t *json = json_read(buf_string(&list), list.length, NULL);
    const char *text = json_string_value(json_array_get(json, 0));
    if (text != NULL)
        buf_text(out, text);
    json_decref(json);
    buf_free(&list);
    return text != NULL;
}
