#include "hubcard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

json_t *
hubcard_front_matter(const char *text, size_t length)
{
    const char *end = text + length;
    struct span key = { text, 0 };
    json_t *card = NULL;

    while (text < end && strchr(" \t\r\n", *text) != NULL)
        text++;
    while (text < end) {
        size_t size = strcspn(text, "\r\n");
        struct span line = { text, size };
        bool fence = span_is(trim(line), "---");
        if (card == NULL && !fence)
            return NULL;
        if (card != NULL && fence)
            return card;
        if (card == NULL)
            card = json_object();
        else
            card_line(card, line, &key);
        text += size;
        text += *text == '\r' && text[1] == '\n' ? 2 : 1;
    }
    json_decref(card);
    return NULL;
}

json_t *
hubcard_safetensors(const char *header, size_t length)
{
    struct error why;
    json_t *tensors = json_read(header, length, &why);
    json_t *parameters = json_object(), *tensor, *dimension;
    json_int_t total = 0;
    const char *name;
    size_t index;

    json_object_foreach(tensors, name, tensor)
    {
        const char *dtype = json_member_text(tensor, "dtype");
        json_int_t count = 1;
        if (dtype == NULL)
            continue;
        json_array_foreach(json_object_get(tensor, "shape"), index, dimension)
        {
            if (__builtin_mul_overflow(count, json_integer_value(dimension), &count))
                count = 0;
        }
        json_int_t sum = json_integer_value(json_object_get(parameters, dtype));
        if (__builtin_add_overflow(total, count, &total))
            break;
        json_object_set_new(parameters, dtype, json_integer(sum + count));
    }
    bool good = json_is_object(tensors);
    json_decref(tensors);
    if (good)
        return json_pack("{s:o, s:I}", "parameters", parameters, "total", total);
    json_decref(parameters);
    return NULL;
}
