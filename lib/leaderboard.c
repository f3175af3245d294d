#include "leaderboard.h"

#include "digest.h"
#include "file.h"
#include "json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, TYPE_MAX = 1024, ID_MAX = 64 * 1024 };

static const struct cell null_cell = { .kind = CELL_NULL };

/* ---- the file ---- */

static const char *
load_text(struct leaderboard *leaderboard, const json_t *object, const char *key, struct error *why)
{
    const char *text = json_member_text(object, key);

    if (text == NULL || text[0] == '\0') {
        error_set(why, "\"%s\" must be a text", key);
        return NULL;
    }
    return arena_copy(&leaderboard->arena, text, strlen(text));
}

/* A text, or a list of up to `max` texts. Returns how many, 0 with `why` when it is neither. */
static size_t
load_columns(struct leaderboard *leaderboard, const json_t *value, const char **columns, size_t max,
             struct error *why)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;

    for (size_t i = 0; i < count && count <= max; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        const char *text = json_string_value(item);
        if (text == NULL)
            count = 0;
        else
            columns[i] = arena_copy(&leaderboard->arena, text, strlen(text));
    }
    if (count != 0 && count <= max)
        return count;
    error_set(why, "a column must be a text or a list of 1 to %zu texts", max);
    return 0;
}

static bool
load_kind(const json_t *object, enum field_kind *kind, struct error *why)
{
    static const char *const kinds[] = {
        [FIELD_TEXT] = "text",
        [FIELD_TYPE] = "type",
        [FIELD_NUMBER] = "number",
        [FIELD_SCORE] = "score",
        [FIELD_FLAG] = "flag",
        [FIELD_NEGATED_FLAG] = "negated_flag",
        [FIELD_OFFICIAL_FLAG] = "official_flag",
    };
    const char *name = json_member_text(object, "kind");

    for (size_t i = 0; name != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(name, kinds[i]) == 0) {
            *kind = (enum field_kind)i;
            return true;
        }
    }
    error_set(why,
              "\"kind\" must be text, type, number, score, flag, negated_flag or official_flag");
    return false;
}

static bool
load_fields(struct leaderboard *leaderboard, const json_t *file, const char *section,
            struct fields *fields, struct error *why)
{
    const json_t *list = json_object_get(file, section);
    size_t index;
    json_t *object;

    if (!json_is_array(list) || json_array_size(list) > LEADERBOARD_FIELDS) {
        error_set(why, "\"%s\" must be a list of at most %d fields", section, LEADERBOARD_FIELDS);
        return false;
    }
    json_array_foreach(list, index, object)
    {
        struct field *field = &fields->field[fields->count++];
        const json_t *unknown = json_object_get(object, "unknown");
        field->key = load_text(leaderboard, object, "key", why);
        if (field->key == NULL || !load_kind(object, &field->kind, why) ||
            load_columns(leaderboard, json_object_get(object, "column"), field->column,
                         LEADERBOARD_COLUMNS, why) == 0) {
            error_prefix(why, "%s[%zu]", section, index);
            return false;
        }
        field->unknown = json_number_value(unknown);
        field->unknown_integer = json_is_integer(unknown);
    }
    return true;
}

static bool
load_benchmarks(struct leaderboard *leaderboard, const json_t *file, struct error *why)
{
    const json_t *list = json_object_get(file, "benchmarks");
    size_t index;
    json_t *object;

    if (json_array_size(list) == 0 || json_array_size(list) > LEADERBOARD_BENCHMARKS) {
        error_set(why, "\"benchmarks\" must be a list of 1 to %d", LEADERBOARD_BENCHMARKS);
        return false;
    }
    json_array_foreach(list, index, object)
    {
        struct benchmark *benchmark = &leaderboard->benchmark[leaderboard->benchmarks++];
        benchmark->score.kind = benchmark->raw.kind = FIELD_SCORE;
        benchmark->key = load_text(leaderboard, object, "key", why);
        if (benchmark->key != NULL)
            benchmark->name = load_text(leaderboard, object, "name", why);
        if (benchmark->name == NULL ||
            load_columns(leaderboard, json_object_get(object, "score"), benchmark->score.column,
                         LEADERBOARD_COLUMNS, why) == 0 ||
            load_columns(leaderboard, json_object_get(object, "raw"), benchmark->raw.column,
                         LEADERBOARD_COLUMNS, why) == 0) {
            error_prefix(why, "benchmarks[%zu]", index);
            return false;
        }
        for (size_t i = 0; i < index; i++) {
            if (strcmp(leaderboard->benchmark[i].key, benchmark->key) == 0) {
                error_set(why, "benchmarks[%zu]: \"%s\" is there twice", index, benchmark->key);
                return false;
            }
        }
    }
    return true;
}

static bool
load_file(struct leaderboard *leaderboard, const json_t *file, struct error *why)
{
    const json_t *id = json_object_get(file, "id");
    const json_t *required = json_object_get(file, "required");

    leaderboard->title = load_text(leaderboard, file, "title", why);
    if (leaderboard->title == NULL ||
        !load_fields(leaderboard, file, "model", &leaderboard->model, why) ||
        !load_fields(leaderboard, file, "features", &leaderboard->features, why) ||
        !load_fields(leaderboard, file, "metadata", &leaderboard->metadata, why) ||
        !load_benchmarks(leaderboard, file, why))
        return false;
    leaderboard->name_column = NULL;
    for (size_t i = 0; i < leaderboard->model.count; i++)
        if (strcmp(leaderboard->model.field[i].key, "name") == 0)
            leaderboard->name_column = leaderboard->model.field[i].column;
    if (leaderboard->name_column == NULL) {
        error_set(why, "\"model\" has no field with the key \"name\"");
        return false;
    }
    for (int i = 0; i < PROFILE_COUNT; i++) {
        if (load_columns(leaderboard, json_object_get(id, profile_name((enum profile)i)),
                         leaderboard->id[i], LEADERBOARD_COLUMNS, why) == 0) {
            error_prefix(why, "id.%s", profile_name((enum profile)i));
            return false;
        }
    }
    if (required == NULL)
        return true;
    leaderboard->required_count =
        load_columns(leaderboard, required, leaderboard->required, LEADERBOARD_FIELDS, why);
    if (leaderboard->required_count == 0)
        error_prefix(why, "required");
    return leaderboard->required_count != 0;
}

bool
leaderboard_load(struct leaderboard *leaderboard, const char *path, struct error *why)
{
    struct buf text;
    json_t *file = NULL;

    *leaderboard = (struct leaderboard){ 0 };
    arena_init(&leaderboard->arena, 0);
    buf_init(&text, FILE_MAX);
    bool good = file_read(path, &text, why);
    if (good) {
        file = json_read(text.data, text.length, why);
        good = file != NULL && load_file(leaderboard, file, why);
        if (!good)
            error_prefix(why, "LEADERBOARD_CONFIG %s", path);
        digest_sha256(buf_string(&text), text.length, leaderboard->fingerprint);
    } else {
        error_prefix(why, "LEADERBOARD_CONFIG");
    }
    json_decref(file);
    buf_free(&text);
    if (!good)
        leaderboard_free(leaderboard);
    return good;
}

void
leaderboard_free(struct leaderboard *leaderboard)
{
    arena_free(&leaderboard->arena);
}

/* ---- a table seen through it ---- */

/* A field and its column in the table; -1 when the table has none of the field's columns. */
struct binding {
    const struct field *field;
    int column;
};

/* A number as it was last printed: the bodies print each several times, and it is the dearest part
 * of them. */
struct printed {
    size_t row; /* SIZE_MAX: none yet */
    size_t length;
    char text[40];
};

struct view {
    const struct leaderboard *leaderboard;
    struct printed *printed; /* one a column */
    const struct table *table;
    int id[PROFILE_COUNT][LEADERBOARD_COLUMNS];
    struct binding model[LEADERBOARD_FIELDS], features[LEADERBOARD_FIELDS],
        metadata[LEADERBOARD_FIELDS];
    struct binding score[LEADERBOARD_BENCHMARKS], value[LEADERBOARD_BENCHMARKS];
    int name; /* the column of model.name */
};

static int
find_first(const struct table *table, const char *const *columns)
{
    int found = -1;

    for (size_t i = 0; i < LEADERBOARD_COLUMNS && columns[i] != NULL && found < 0; i++)
        found = table_find(table, columns[i]);
    return found;
}

static void
bind_fields(const struct table *table, const struct fields *fields, struct binding *bindings)
{
    for (size_t i = 0; i < fields->count; i++)
        bindings[i] =
            (struct binding){ &fields->field[i], find_first(table, fields->field[i].column) };
}

struct view *
view_new(const struct leaderboard *leaderboard, const struct table *table, struct error *why)
{
    size_t scored = 0;

    for (size_t i = 0; i < leaderboard->required_count; i++) {
        if (table_find(table, leaderboard->required[i]) < 0) {
            error_set(why, "the file has no column \"%s\", which the leaderboard requires",
                      leaderboard->required[i]);
            return NULL;
        }
    }
    struct view *view = mem_zero(1, sizeof *view);
    view->leaderboard = leaderboard;
    view->table = table;
    view->printed = mem_zero(table->columns, sizeof *view->printed);
    for (size_t i = 0; i < table->columns; i++)
        view->printed[i].row = SIZE_MAX;
    for (int profile = 0; profile < PROFILE_COUNT; profile++)
        for (size_t i = 0; i < LEADERBOARD_COLUMNS && leaderboard->id[profile][i] != NULL; i++)
            view->id[profile][i] = table_find(table, leaderboard->id[profile][i]);
    bind_fields(table, &leaderboard->model, view->model);
    bind_fields(table, &leaderboard->features, view->features);
    bind_fields(table, &leaderboard->metadata, view->metadata);
    view->name = find_first(table, leaderboard->name_column);
    for (size_t i = 0; i < leaderboard->benchmarks; i++) {
        const struct benchmark *benchmark = &leaderboard->benchmark[i];
        view->score[i] =
            (struct binding){ &benchmark->score, find_first(table, benchmark->score.column) };
        view->value[i] =
            (struct binding){ &benchmark->raw, find_first(table, benchmark->raw.column) };
        scored += view->score[i].column >= 0;
    }
    if (scored != 0 && view->name >= 0)
        return view;
    if (scored == 0)
        error_set(why,
                  "the file has no benchmark's column: neither \"%s\" nor any other of the "
                  "leaderboard's",
                  leaderboard->benchmark[0].score.column[0]);
    else
        error_set(why, "the file has no column for the model's name (\"%s\")",
                  leaderboard->name_column[0]);
    view_free(view);
    return NULL;
}

void
view_free(struct view *view)
{
    if (view != NULL)
        free(view->printed);
    free(view);
}

size_t
view_absent(const struct view *view, const char **names, size_t max)
{
    const struct leaderboard *board = view->leaderboard;
    const struct {
        const struct binding *bindings;
        size_t count;
    } lists[] = { { view->model, board->model.count },
                  { view->features, board->features.count },
                  { view->metadata, board->metadata.count },
                  { view->score, board->benchmarks },
                  { view->value, board->benchmarks } };
    size_t absent = 0;

    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++) {
        for (size_t i = 0; i < lists[list].count; i++) {
            if (lists[list].bindings[i].column >= 0)
                continue;
            const char *const *column = lists[list].bindings[i].field->column;
            for (size_t c = 0; c < LEADERBOARD_COLUMNS && column[c] != NULL; c++) {
                if (absent < max)
                    names[absent] = column[c];
                absent++;
            }
        }
    }
    return absent;
}

static const struct cell *
binding_cell(const struct view *view, const struct binding *binding, size_t row)
{
    return binding->column < 0 ? &null_cell : &view->table->column[binding->column].cells[row];
}

const struct cell *
view_cell(const struct view *view, const char *key, size_t row)
{
    for (size_t i = 0; i < view->leaderboard->model.count; i++)
        if (strcmp(view->model[i].field->key, key) == 0)
            return binding_cell(view, &view->model[i], row);
    for (size_t i = 0; i < view->leaderboard->metadata.count; i++)
        if (strcmp(view->metadata[i].field->key, key) == 0)
            return binding_cell(view, &view->metadata[i], row);
    return &null_cell;
}

const struct cell *
view_score(const struct view *view, size_t benchmark, size_t row)
{
    return binding_cell(view, &view->score[benchmark], row);
}

const struct cell *
view_value(const struct view *view, size_t benchmark, size_t row)
{
    return binding_cell(view, &view->value[benchmark], row);
}

/* ---- rendering ---- */

void
leaderboard_put_type(struct buf *out, const char *type, size_t length)
{
    static const char *const dropped[] = { "🔶", "🟢", "🟩", "💬", "🤝", "🌸", " " };
    static const char *const tuned[] = { "fine-tuned", "finetuned",  "fine_tuned",
                                         "ft",         "finetuning", "fine-tuning" };
    char text[TYPE_MAX];
    size_t used = 0;

    for (size_t i = 0; i < length && type[i] != '(' && used + 1 < sizeof text;) {
        size_t skip = 0;
        for (size_t d = 0; d < sizeof dropped / sizeof dropped[0] && skip == 0; d++) {
            size_t size = strlen(dropped[d]);
            if (size <= length - i && memcmp(type + i, dropped[d], size) == 0)
                skip = size;
        }
        if (skip == 0)
            text[used++] = (char)(type[i] >= 'A' && type[i] <= 'Z' ? type[i] | 0x20 : type[i]);
        i += skip == 0 ? 1 : skip;
    }
    text[used] = '\0';
    for (size_t i = 0; i < sizeof tuned / sizeof tuned[0]; i++) {
        if (strcmp(text, tuned[i]) == 0) {
            buf_text(out, "fined-tuned-on-domain-specific-dataset");
            return;
        }
    }
    buf_put(out, text, used);
}

static void
put_key(struct buf *out, const char *key, bool first)
{
    if (!first)
        buf_byte(out, ',');
    json_put_text(out, key, strlen(key));
    buf_byte(out, ':');
}

/* True when a cell has nothing to say: null, or a number that JSON has no form for. */
static bool
cell_missing(const struct cell *cell)
{
    return cell->kind == CELL_NULL || (cell->kind == CELL_REAL && !isfinite(cell->real));
}

/* Appends a cell of a column as JSON. */
static void
put_cell(struct buf *out, const struct view *view, size_t column, size_t row)
{
    const struct cell *cell = &view->table->column[column].cells[row];
    struct printed *printed = &view->printed[column];
    size_t from = out->length;

    if (cell->kind == CELL_REAL && printed->row == row) {
        buf_put(out, printed->text, printed->length);
        return;
    }
    table_put_cell(out, cell);
    if (cell->kind == CELL_REAL && !out->failed && out->length - from <= sizeof printed->text) {
        printed->row = row;
        printed->length = out->length - from;
        memcpy(printed->text, out->data + from, printed->length);
    }
}

static bool
cell_true(const struct cell *cell)
{
    return cell->kind == CELL_BOOLEAN   ? cell->boolean
           : cell->kind == CELL_INTEGER ? cell->integer != 0
           : cell->kind == CELL_REAL    ? cell->real != 0
                                        : false;
}

static bool
provider_official(const struct view *view, size_t row, const struct providers *providers)
{
    const struct cell *name = &view->table->column[view->name].cells[row];

    if (name->kind != CELL_TEXT)
        return false;
    const char *slash = memchr(name->text, '/', name->length);
    size_t length = slash == NULL ? 0 : (size_t)(slash - name->text);
    size_t low = 0, high = providers->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *other = providers->names[middle];
        int order = strncmp(other, name->text, length);
        if (order == 0 && other[length] == '\0')
            return true;
        if (order >= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static void
put_type(struct buf *out, const struct cell *cell)
{
    struct buf type;

    buf_init(&type, TYPE_MAX * 4);
    leaderboard_put_type(&type, cell->text, cell->length);
    json_put_text(out, buf_string(&type), type.length);
    buf_free(&type);
}

static void
put_missing_number(struct buf *out, const struct binding *binding, enum profile profile)
{
    const struct field *field = binding->field;

    if (field->kind == FIELD_SCORE && (profile == PROFILE_SPACE || binding->column < 0))
        json_put_real(out, 0);
    else if (profile == PROFILE_DOCUMENTED)
        buf_text(out, "null");
    else if (field->unknown_integer)
        json_put_integer(out, (int64_t)field->unknown);
    else
        json_put_real(out, field->unknown);
}

static void
put_field(struct buf *out, const struct view *view, const struct binding *binding, size_t row,
          enum profile profile, const struct providers *providers)
{
    const struct cell *cell = binding_cell(view, binding, row);
    bool missing = cell_missing(cell);

    switch (binding->field->kind) {
    case FIELD_TEXT:
    case FIELD_TYPE:
        if (missing)
            buf_text(out, profile == PROFILE_SPACE ? "\"\"" : "null");
        else if (binding->field->kind == FIELD_TYPE && cell->kind == CELL_TEXT)
            put_type(out, cell);
        else
            put_cell(out, view, (size_t)binding->column, row);
        break;
    case FIELD_NUMBER:
    case FIELD_SCORE:
        if (missing)
            put_missing_number(out, binding, profile);
        else
            put_cell(out, view, (size_t)binding->column, row);
        break;
    case FIELD_FLAG:
        json_put_boolean(out, cell_true(cell));
        break;
    case FIELD_NEGATED_FLAG:
        json_put_boolean(out, missing                         ? false
                              : profile == PROFILE_DOCUMENTED ? !cell_true(cell)
                                                              : cell_true(cell));
        break;
    case FIELD_OFFICIAL_FLAG:
        json_put_boolean(out, missing ? provider_official(view, row, providers) : cell_true(cell));
        break;
    }
}

static void
put_section(struct buf *out, const struct view *view, const char *name,
            const struct binding *bindings, size_t count, size_t row, enum profile profile,
            const struct providers *providers)
{
    put_key(out, name, false);
    buf_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        put_key(out, bindings[i].field->key, i == 0);
        put_field(out, view, &bindings[i], row, profile, providers);
    }
    buf_byte(out, '}');
}

void
view_put_id(struct buf *out, const struct view *view, size_t row, enum profile profile)
{
    for (size_t i = 0; i < LEADERBOARD_COLUMNS && view->leaderboard->id[profile][i] != NULL; i++) {
        int column = view->id[profile][i];
        const struct cell *cell = column < 0 ? &null_cell : &view->table->column[column].cells[row];
        if (i != 0)
            buf_byte(out, '_');
        if (cell->kind == CELL_TEXT)
            buf_put(out, cell->text, cell->length);
        else if (cell->kind == CELL_BOOLEAN)
            buf_text(out, cell->boolean ? "True" : "False");
        else if (cell->kind == CELL_NULL)
            buf_text(out, "None");
        else
            table_put_cell(out, cell);
    }
}

void
view_put_entry(struct buf *out, const struct view *view, size_t row, enum profile profile,
               const struct providers *providers)
{
    const struct leaderboard *board = view->leaderboard;
    struct buf id;

    buf_init(&id, ID_MAX);
    view_put_id(&id, view, row, profile);
    buf_text(out, "{\"id\":");
    json_put_text(out, buf_string(&id), id.length);
    buf_free(&id);
    put_section(out, view, "model", view->model, board->model.count, row, profile, providers);
    buf_text(out, ",\"evaluations\":{");
    for (size_t i = 0; i < board->benchmarks; i++) {
        put_key(out, board->benchmark[i].key, i == 0);
        buf_text(out, "{\"name\":");
        json_put_text(out, board->benchmark[i].name, strlen(board->benchmark[i].name));
        put_key(out, "value", false);
        put_field(out, view, &view->value[i], row, profile, providers);
        put_key(out, "normalized_score", false);
        put_field(out, view, &view->score[i], row, profile, providers);
        buf_byte(out, '}');
    }
    buf_byte(out, '}');
    put_section(out, view, "features", view->features, board->features.count, row, profile,
                providers);
    put_section(out, view, "metadata", view->metadata, board->metadata.count, row, profile,
                providers);
    buf_byte(out, '}');
}

void
view_put_raw(struct buf *out, const struct view *view, size_t row, enum profile profile)
{
    const struct table *table = view->table;

    for (size_t i = 0; i < table->columns; i++) {
        const struct column *column = &table->column[i];
        buf_byte(out, i == 0 ? '{' : ',');
        put_key(out, column->name, true);
        if (profile == PROFILE_SPACE && column->kind == CELL_TEXT &&
            column->cells[row].kind == CELL_NULL)
            buf_text(out, "\"\"");
        else
            put_cell(out, view, i, row);
    }
    buf_byte(out, '}');
}
