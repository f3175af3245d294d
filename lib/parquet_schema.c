#include "parquet_private.h"

#include "json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum repetition { REQUIRED = 0, OPTIONAL = 1, REPEATED = 2 };

/* The union LogicalType, by its field ids. ConvertedType, its predecessor, is mapped onto it. */
enum logical {
    LOGICAL_NONE = 0,
    LOGICAL_STRING = 1,
    LOGICAL_MAP = 2,
    LOGICAL_LIST = 3,
    LOGICAL_ENUM = 4,
    LOGICAL_DECIMAL = 5,
    LOGICAL_DATE = 6,
    LOGICAL_TIME = 7,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10,
    LOGICAL_NULL = 11,
    LOGICAL_JSON = 12,
    LOGICAL_BSON = 13,
    LOGICAL_UUID = 14,
    LOGICAL_FLOAT16 = 15,
    LOGICAL_VARIANT = 16,
    LOGICAL_GEOMETRY = 17,
    LOGICAL_GEOGRAPHY = 18,
    LOGICAL_INTERVAL = 100, /* a ConvertedType only */
};

static const struct {
    const char *name;
    unsigned types; /* a bit for each physical type that it may annotate; 0: any */
} logical_types[] = {
    [LOGICAL_STRING] = { "string", 1U << TYPE_BYTE_ARRAY },
    [LOGICAL_MAP] = { "map", 0 },
    [LOGICAL_LIST] = { "list", 0 },
    [LOGICAL_ENUM] = { "enum", 1U << TYPE_BYTE_ARRAY },
    [LOGICAL_DECIMAL] = { "decimal", 1U << TYPE_INT32 | 1U << TYPE_INT64 | 1U << TYPE_FIXED |
                                         1U << TYPE_BYTE_ARRAY },
    [LOGICAL_DATE] = { "date", 1U << TYPE_INT32 },
    [LOGICAL_TIME] = { "time", 0 },
    [LOGICAL_TIMESTAMP] = { "timestamp", 1U << TYPE_INT64 },
    [LOGICAL_INTEGER] = { "integer", 1U << TYPE_INT32 | 1U << TYPE_INT64 },
    [LOGICAL_NULL] = { "null", 0 },
    [LOGICAL_JSON] = { "json", 1U << TYPE_BYTE_ARRAY },
    [LOGICAL_BSON] = { "bson", 0 },
    [LOGICAL_UUID] = { "uuid", 0 },
    [LOGICAL_FLOAT16] = { "float16", 1U << TYPE_FIXED },
    [LOGICAL_VARIANT] = { "variant", 0 },
    [LOGICAL_GEOMETRY] = { "geometry", 0 },
    [LOGICAL_GEOGRAPHY] = { "geography", 0 },
    [LOGICAL_INTERVAL] = { "interval", 0 },
};

static const char *
logical_name(int logical)
{
    const size_t count = sizeof logical_types / sizeof logical_types[0];

    return (size_t)logical < count && logical_types[logical].name != NULL
               ? logical_types[logical].name
               : "unknown";
}

static const struct {
    int logical; /* enum logical */
    int digits;
    bool is_unsigned;
} converted_types[] = {
    { .logical = LOGICAL_STRING },
    { .logical = LOGICAL_MAP },
    { .logical = LOGICAL_MAP },
    { .logical = LOGICAL_LIST },
    { .logical = LOGICAL_ENUM },
    { .logical = LOGICAL_DECIMAL },
    { .logical = LOGICAL_DATE },
    { .logical = LOGICAL_TIME },
    { .logical = LOGICAL_TIME },
    { .logical = LOGICAL_TIMESTAMP, .digits = 3 },
    { .logical = LOGICAL_TIMESTAMP, .digits = 6 },
    { .logical = LOGICAL_INTEGER, .is_unsigned = true },
    { .logical = LOGICAL_INTEGER, .is_unsigned = true },
    { .logical = LOGICAL_INTEGER, .is_unsigned = true },
    { .logical = LOGICAL_INTEGER, .is_unsigned = true },
    { .logical = LOGICAL_INTEGER },
    { .logical = LOGICAL_INTEGER },
    { .logical = LOGICAL_INTEGER },
    { .logical = LOGICAL_INTEGER },
    { .logical = LOGICAL_JSON },
    { .logical = LOGICAL_BSON },
    { .logical = LOGICAL_INTERVAL },
};

/* One SchemaElement. Numbers that the file does not give are -1. */
struct element {
    struct thrift_bytes name;
    int64_t type, width, repetition, children, converted;
    int64_t scale, precision;
    int logical, digits;
    bool is_unsigned, is_local;
};

static void
logical_parameters_read(struct thrift *in, uint8_t type, struct element *element)
{
    if (type != THRIFT_STRUCT) {
        thrift_skip(in, 0); /* every member of the union is a structure: no such type */
        return;
    }
    for (struct thrift_field f = { 0 }; thrift_next(in, &f);) {
        if (element->logical == LOGICAL_DECIMAL && f.id == 1)
            element->scale = thrift_integer(in, f.type);
        else if (element->logical == LOGICAL_DECIMAL && f.id == 2)
            element->precision = thrift_integer(in, f.type);
        else if (element->logical == LOGICAL_INTEGER && f.id == 2)
            element->is_unsigned = !thrift_boolean(in, f.type);
        else if (element->logical == LOGICAL_TIMESTAMP && f.id == 1)
            element->is_local = !thrift_boolean(in, f.type);
        else if (element->logical == LOGICAL_TIMESTAMP && f.id == 2 && f.type == THRIFT_STRUCT)
            for (struct thrift_field unit = { 0 }; thrift_next(in, &unit);) {
                element->digits = unit.id >= 1 && unit.id <= 3 ? 3 * unit.id : -1;
                thrift_skip(in, unit.type);
            }
        else
            thrift_skip(in, f.type);
    }
}

static bool
element_read(struct parquet *file, struct thrift *in, struct element *element)
{
    struct thrift logical = { 0 };

    *element = (struct element){ .type = -1,
                                 .width = -1,
                                 .repetition = -1,
                                 .children = -1,
                                 .converted = -1,
                                 .scale = -1,
                                 .precision = -1 };
    for (struct thrift_field f = { 0 }; thrift_next(in, &f);) {
        switch (f.id) {
        case 1:
            element->type = thrift_integer(in, f.type);
            break;
        case 2:
            element->width = thrift_integer(in, f.type);
            break;
        case 3:
            element->repetition = thrift_integer(in, f.type);
            break;
        case 4:
            element->name = thrift_binary(in, f.type);
            break;
        case 5:
            element->children = thrift_integer(in, f.type);
            break;
        case 6:
            element->converted = thrift_integer(in, f.type);
            break;
        case 7:
            element->scale = thrift_integer(in, f.type);
            break;
        case 8:
            element->precision = thrift_integer(in, f.type);
            break;
        case 10:
            if (f.type == THRIFT_STRUCT)
                logical = *in;
            thrift_skip(in, f.type);
            break;
        default:
            thrift_skip(in, f.type);
        }
    }
    if (element->converted >= 0 &&
        (size_t)element->converted < sizeof converted_types / sizeof converted_types[0]) {
        element->logical = converted_types[element->converted].logical;
        element->digits = converted_types[element->converted].digits;
        element->is_unsigned = converted_types[element->converted].is_unsigned;
    }
    /* The newer annotation stands above the older one. */
    if (logical.at != NULL) {
        for (struct thrift_field f = { 0 }; thrift_next(&logical, &f);) {
            element->logical = f.id;
            logical_parameters_read(&logical, f.type, element);
        }
    }
    bool ok = !in->failed && !logical.failed && element->name.bytes != NULL;
    if (!ok)
        parquet_fail(file, PARQUET_BROKEN, "the schema is damaged");
    return ok;
}

static bool
element_is_leaf(const struct element *element)
{
    return element->children <= 0 && element->type >= 0;
}

/* Sets a column's type from the leaf that holds its values. */
static bool
column_set_type(struct parquet *file, struct parquet_column *column, const struct element *leaf)
{
    static const uint8_t widths[] = { 0, 4, 8, 12, 4, 8, 0, 0 };
    int logical = leaf->logical;

    if (leaf->type > TYPE_FIXED)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "physical type %" PRId64 " is not supported",
                            leaf->type);
    column->type = (enum parquet_type)leaf->type;
    column->width = widths[leaf->type];
    if (column->type == TYPE_FIXED) {
        if (leaf->width <= 0)
            return parquet_fail(file, PARQUET_BROKEN, "values of a fixed length of %" PRId64,
                                leaf->width);
        column->width = (size_t)leaf->width;
    }
    switch (logical) {
    case LOGICAL_NONE:
    case LOGICAL_NULL:
    case LOGICAL_STRING:
    case LOGICAL_ENUM:
    case LOGICAL_JSON:
        column->meaning = MEANING_PLAIN;
        break;
    case LOGICAL_INTEGER:
        column->meaning = leaf->is_unsigned ? MEANING_UNSIGNED : MEANING_PLAIN;
        break;
    case LOGICAL_DATE:
        column->meaning = MEANING_DATE;
        break;
    case LOGICAL_FLOAT16:
        column->meaning = MEANING_FLOAT16;
        if (column->width != 2)
            return parquet_fail(file, PARQUET_BROKEN, "float16 values of %zu bytes", column->width);
        break;
    case LOGICAL_TIMESTAMP:
        if (leaf->digits <= 0)
            return parquet_fail(file, PARQUET_UNSUPPORTED, "an unknown unit of time");
        column->meaning = MEANING_TIMESTAMP;
        column->digits = leaf->digits;
        column->utc = !leaf->is_local;
        break;
    case LOGICAL_DECIMAL:
        column->meaning = MEANING_DECIMAL;
        column->digits = leaf->scale < 0 ? 0 : (int)leaf->scale;
        if (leaf->precision > 76)
            return parquet_fail(file, PARQUET_UNSUPPORTED,
                                "decimals of %" PRId64 " digits are not supported",
                                leaf->precision);
        if (leaf->precision < 1 || leaf->scale < -1 || leaf->scale > leaf->precision)
            return parquet_fail(file, PARQUET_BROKEN,
                                "decimals of %" PRId64 " digits, %" PRId64 " after the point",
                                leaf->precision, leaf->scale);
        break;
    default:
        return parquet_fail(file, PARQUET_UNSUPPORTED, "the logical type %s is not supported",
                            logical_name(logical));
    }
    if (logical != LOGICAL_NONE && logical_types[logical].types != 0 &&
        (logical_types[logical].types & 1U << column->type) == 0)
        return parquet_fail(file, PARQUET_BROKEN,
                            "the logical type %s does not go with physical type %" PRId64,
                            logical_name(logical), leaf->type);
    return true;
}

static bool
name_is(const struct element *element, const struct thrift_bytes *head, const char *tail)
{
    size_t head_length = head == NULL ? 0 : head->length, tail_length = strlen(tail);

    return element->name.length == head_length + tail_length &&
           (head_length == 0 || memcmp(element->name.bytes, head->bytes, head_length) == 0) &&
           memcmp(element->name.bytes + head_length, tail, tail_length) == 0;
}

static bool
nested(struct parquet *file, const char *what)
{
    return parquet_fail(file, PARQUET_UNSUPPORTED, "nested data (%s) is not supported", what);
}

/* Reads the element below a group, and counts it. */
static bool
child_read(struct parquet *file, struct thrift *in, size_t *left, struct parquet_column *column,
           struct element *child)
{
    if (*left == 0) {
        parquet_fail(file, PARQUET_BROKEN, "the schema ends early");
        return false;
    }
    --*left;
    if (!element_read(file, in, child))
        return false;
    column->path[column->depth++] = child->name;
    bool ok = child->repetition >= REQUIRED && child->repetition <= REPEATED &&
              (element_is_leaf(child) || child->children > 0);
    if (!ok)
        parquet_fail(file, PARQUET_BROKEN, "a field without type or repetition");
    return ok;
}

/* The list forms of LogicalTypes.md: below the annotated group stands a repeated group with the
 * element in it or, as older writers have it, the repeated element itself. */
static bool
list_read(struct parquet *file, struct thrift *in, size_t *left, struct parquet_column *column,
          const struct element *group)
{
    struct element repeated, leaf;

    if (group->repetition == REPEATED)
        return nested(file, "a list of lists");
    if (group->children != 1)
        return parquet_fail(file, PARQUET_BROKEN, "a list group of %" PRId64 " fields",
                            group->children);
    column->is_list = true;
    column->list_level = group->repetition == OPTIONAL;
    column->max_definition = column->list_level + 1;
    if (!child_read(file, in, left, column, &repeated))
        return false;
    if (repeated.repetition != REPEATED)
        return parquet_fail(file, PARQUET_BROKEN, "a list whose content is not repeated");
    if (element_is_leaf(&repeated))
        return column_set_type(file, column, &repeated);
    if (repeated.children != 1 || name_is(&repeated, NULL, "array") ||
        name_is(&repeated, &group->name, "_tuple"))
        return nested(file, "a list of structs");
    if (!child_read(file, in, left, column, &leaf))
        return false;
    if (!element_is_leaf(&leaf) || leaf.repetition == REPEATED)
        return nested(file, leaf.logical == LOGICAL_LIST || leaf.repetition == REPEATED
                                ? "a list of lists"
                                : "a list of structs");
    column->max_definition += leaf.repetition == OPTIONAL;
    return column_set_type(file, column, &leaf);
}

static bool
column_read(struct parquet *file, struct thrift *in, size_t *left, struct parquet_column *column)
{
    struct element top;

    if (!child_read(file, in, left, column, &top))
        return false;
    if (memchr(top.name.bytes, 0, top.name.length) != NULL ||
        !utf8_valid((const char *)top.name.bytes, top.name.length))
        return parquet_fail(file, PARQUET_BROKEN, "a column's name is not UTF-8 text");
    char *name = parquet_take(file, &file->table->arena, top.name.length + 1, 1);
    if (name == NULL)
        return false;
    memcpy(name, top.name.bytes, top.name.length);
    name[top.name.length] = '\0';
    column->name = name;
    file->at = column;

    if (!element_is_leaf(&top)) {
        if (top.logical == LOGICAL_LIST)
            return list_read(file, in, left, column, &top);
        return nested(file, top.logical == LOGICAL_MAP       ? "a map"
                            : top.logical == LOGICAL_VARIANT ? "a variant"
                            : top.repetition == REPEATED     ? "a list of structs"
                                                             : "a struct");
    }
    column->is_list = top.repetition == REPEATED;
    column->max_definition = top.repetition != REQUIRED;
    return column_set_type(file, column, &top);
}

static int
name_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool
names_differ(struct parquet *file)
{
    size_t count = file->table->columns;
    const char **names = parquet_take(file, &file->file_arena, count, sizeof *names);

    if (names == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        names[i] = file->column[i].name;
    qsort(names, count, sizeof *names, name_compare);
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return parquet_fail(file, PARQUET_BROKEN, "two columns are called \"%s\"", names[i]);
    return true;
}

bool
parquet_schema_read(struct parquet *file, const struct parquet_footer *footer)
{
    struct thrift in = footer->schema;
    size_t left = footer->schema_count;
    struct element root;

    if (left == 0)
        return parquet_fail(file, PARQUET_BROKEN, "the schema is empty");
    left--;
    if (!element_read(file, &in, &root))
        return false;
    if (root.children < 0 || (uint64_t)root.children > left)
        return parquet_fail(file, PARQUET_BROKEN,
                            "the schema has %zu fields and claims %" PRId64 " columns", left,
                            root.children);
    if (root.children == 0)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "a file without columns is not supported");
    size_t count = (size_t)root.children;
    file->column = parquet_take(file, &file->file_arena, count, sizeof *file->column);
    struct column *columns = parquet_take(file, &file->table->arena, count, sizeof *columns);
    if (file->column == NULL || columns == NULL)
        return false;
    memset(file->column, 0, count * sizeof *file->column);
    memset(columns, 0, count * sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        if (!column_read(file, &in, &left, &file->column[i]))
            return false;
        columns[i].name = file->column[i].name;
        columns[i].kind = (uint8_t)parquet_cell_kind(&file->column[i]);
        file->at = NULL;
    }
    if (left != 0)
        return parquet_fail(file, PARQUET_BROKEN, "the schema has %zu fields too many", left);
    file->table->column = columns;
    file->table->columns = count;
    return names_differ(file);
}
