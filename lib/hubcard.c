#include "hubcard.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIMENSION_MAX (INT64_C(1) << 32)

/* A part of the text, not terminated. */
struct span {
    const char *at;
    size_t length;
};

static struct span
trim(struct span span)
{
    while (span.length > 0 && strchr(" \t\r", span.at[0]) != NULL)
        span.at++, span.length--;
    while (span.length > 0 && strchr(" \t\r", span.at[span.length - 1]) != NULL)
        span.length--;
    return span;
}

static bool
span_is(struct span span, const char *text)
{
    return strlen(text) == span.length && memcmp(text, span.at, span.length) == 0;
}

static json_t *
scalar(struct span span)
{
    char text[512], *end;

    span = trim(span);
    if (span.length >= 2 && strchr("\"'", span.at[0]) != NULL) {
        const char *close = memchr(span.at + 1, span.at[0], span.length - 1);
        if (close != NULL)
            return json_stringn(span.at + 1, (size_t)(close - span.at - 1));
    }
    for (size_t i = 1; i < span.length; i++)
        if (span.at[i] == '#' && span.at[i - 1] == ' ')
            span = trim((struct span){ span.at, i });
    if (span.length == 0 || span_is(span, "null") || span_is(span, "~"))
        return json_null();
    if (span_is(span, "true") || span_is(span, "false"))
        return json_boolean(span.at[0] == 't');
    if (span.length < sizeof text && strchr("+-.0123456789", span.at[0]) != NULL) {
        memcpy(text, span.at, span.length);
        text[span.length] = '\0';
        errno = 0;
        long long integer = strtoll(text, &end, 10);
        if (errno == 0 && *end == '\0')
            return json_integer(integer);
        double real = strtod(text, &end);
        if (*end == '\0')
            return json_real(real);
    }
    return json_stringn(span.at, span.length);
}

static json_t *
value_of(struct span span)
{
    span = trim(span);
    if (span.length < 2 || span.at[0] != '[' || span.at[span.length - 1] != ']')
        return scalar(span);
    json_t *list = json_array();
    struct span rest = { span.at + 1, span.length - 2 };
    while (trim(rest).length > 0) {
        const char *comma = memchr(rest.at, ',', rest.length);
        size_t length = comma == NULL ? rest.length : (size_t)(comma - rest.at);
        json_array_append_new(list, scalar((struct span){ rest.at, length }));
        length += comma != NULL;
        rest = (struct span){ rest.at + length, rest.length - length };
    }
    return list;
}

/* Takes one line into the card; `key` is the last key at the left margin. */
static void
card_line(json_t *card, struct span line, struct span *key)
{
    struct span inner = trim(line);
    const char *colon = memchr(line.at, ':', line.length);

    if (inner.length == 0 || inner.at[0] == '#')
        return;
    if (inner.at[0] == '-' && (inner.length == 1 || inner.at[1] == ' ')) {
        json_t *list = key->length == 0 ? NULL : json_object_getn(card, key->at, key->length);
        if (json_is_null(list)) {
            list = json_array();
            json_object_setn_new(card, key->at, key->length, list);
        }
        if (json_is_array(list))
            json_array_append_new(list, scalar((struct span){ inner.at + 1, inner.length - 1 }));
        return;
    }
    if (line.at[0] == ' ' || line.at[0] == '\t' || colon == NULL)
        return;
    *key = trim((struct span){ line.at, (size_t)(colon - line.at) });
    struct span value = { colon + 1, line.length - (size_t)(colon + 1 - line.at) };
    if (json_object_setn_new(card, key->at, key->length, value_of(value)) != 0)
        key->length = 0;
}

/* Cuts the line at `text` off: returns it without its end, and where the next one begins in *next.
 */
static struct span
cut_line(const char *text, const char *end, const char **next)
{
    struct span line = { text, 0 };

    while (text + line.length < end && strchr("\r\n", text[line.length]) == NULL)
        line.length++;
    *next = text + line.length;
    if (*next < end)
        *next += **next == '\r' && end - *next > 1 && (*next)[1] == '\n' ? 2 : 1;
    return line;
}

/* Finds the front matter, the lines between two fences, and where the text after it begins. False
 * when there is none. */
static bool
find_front_matter(const char *text, size_t length, struct span *front, const char **after)
{
    const char *end = text + length, *next;

    while (text < end && strchr(" \t\r\n", *text) != NULL)
        text++;
    if (!span_is(trim(cut_line(text, end, &next)), "---"))
        return false;
    *front = (struct span){ next, 0 };
    for (const char *at = next; at < end; at = next) {
        if (span_is(trim(cut_line(at, end, &next)), "---")) {
            front->length = (size_t)(at - front->at);
            *after = next;
            return true;
        }
    }
    return false;
}

json_t *
hubcard_front_matter(const char *text, size_t length)
{
    struct span front, key = { text, 0 };
    const char *after, *next;

    if (!find_front_matter(text, length, &front, &after))
        return NULL;
    json_t *card = json_object();
    const char *end = front.at + front.length;
    for (const char *at = front.at; at < end; at = next)
        card_line(card, cut_line(at, end, &next), &key);
    return card;
}

size_t
hubcard_text(const char *text, size_t length)
{
    struct span front;
    const char *after;

    return find_front_matter(text, length, &front, &after) ? (size_t)(after - text) : 0;
}

/* The product of a tensor's dimensions; false when they make no sense. */
static bool
tensor_size(const json_t *shape, json_int_t *size)
{
    const json_t *dimension;
    size_t index;

    *size = 1;
    json_array_foreach(shape, index, dimension)
    {
        json_int_t length = json_integer_value(dimension);
        if (!json_is_integer(dimension) || length < 0 || length > DIMENSION_MAX ||
            __builtin_mul_overflow(*size, length, size))
            return false;
    }
    return json_is_array(shape);
}

json_t *
hubcard_safetensors(const char *header, size_t length)
{
    struct error why;
    json_t *tensors = json_read(header, length, &why);
    json_t *parameters = json_object(), *tensor;
    json_int_t total = 0, size;
    bool good = json_is_object(tensors);
    const char *name;

    json_object_foreach(tensors, name, tensor)
    {
        const char *dtype = json_member_text(tensor, "dtype");
        if (dtype == NULL || strcmp(name, "__metadata__") == 0)
            continue;
        good = tensor_size(json_object_get(tensor, "shape"), &size) &&
               !__builtin_add_overflow(total, size, &total);
        if (!good)
            break;
        size += json_integer_value(json_object_get(parameters, dtype));
        json_object_set_new(parameters, dtype, json_integer(size));
    }
    json_decref(tensors);
    if (good)
        return json_pack("{s:o, s:I}", "parameters", parameters, "total", total);
    json_decref(parameters);
    return NULL;
}
