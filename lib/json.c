#include "json.h"

#include "mem.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For want of memory a good text would look like one that is no JSON, and a member like one that is
 * not there: jansson has memory, or the program ends. */
__attribute__((constructor)) static void
json_begin(void)
{
    json_set_alloc_funcs(mem_alloc, free);
}

static json_t *
read_with(const char *text, size_t length, size_t flags, struct error *why)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, flags, &error);

    if (value != NULL)
        return value;
    /* What it quotes may end within a character. */
    if (!utf8_valid(error.text, strlen(error.text)))
        for (char *c = error.text; *c != '\0'; c++)
            *c = (unsigned char)*c < 0x80 ? *c : '?';
    error_set(why, "not valid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
    return NULL;
}

json_t *
json_read(const char *text, size_t length, struct error *why)
{
    return read_with(text, length, JSON_REJECT_DUPLICATES, why);
}

json_t *
json_read_lenient(const char *text, size_t length, struct error *why)
{
    return read_with(text, length, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, why);
}

size_t
json_values(const char *text, size_t length)
{
    size_t count = 1;

    for (size_t i = 0; i < length; i++)
        count += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return count;
}

const char *
json_member_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The length of the well-formed sequence at the start of `bytes`, or 0. */
static size_t
utf8_sequence(const unsigned char *bytes, size_t length)
{
    unsigned char lead = bytes[0];
    size_t size = lead < 0x80   ? 1
                  : lead < 0xc2 ? 0
                  : lead < 0xe0 ? 2
                  : lead < 0xf0 ? 3
                  : lead < 0xf5 ? 4
                                : 0;

    if (size == 0 || size > length)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && bytes[1] < 0xa0) || (lead == 0xed && bytes[1] > 0x9f) ||
        (lead == 0xf0 && bytes[1] < 0x90) || (lead == 0xf4 && bytes[1] > 0x8f))
        return 0;
    return size;
}

bool
utf8_valid(const char *bytes, size_t length)
{
    const unsigned char *in = (const unsigned char *)bytes;

    for (size_t i = 0; i < length;) {
        size_t size = in[i] < 0x80 ? 1 : utf8_sequence(in + i, length - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

void
json_put_text(struct buf *out, const char *utf8, size_t length)
{
    const unsigned char *in = (const unsigned char *)utf8;
    size_t start = 0, i = 0;

    buf_byte(out, '"');
    while (i < length) {
        unsigned char c = in[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t size = c < 0x80 ? 0 : utf8_sequence(in + i, length - i);
        if (size != 0) {
            i += size;
            continue;
        }
        buf_put(out, utf8 + start, i - start);
        if (c >= 0x80)
            buf_text(out, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            buf_put(out, (char[]){ '\\', (char)c }, 2);
        else if (c == '\n' || c == '\t' || c == '\r')
            buf_put(out, (char[]){ '\\', c == '\n' ? 'n' : c == '\t' ? 't' : 'r' }, 2);
        else
            buf_format(out, "\\u%04x", c);
        start = ++i;
    }
    buf_put(out, utf8 + start, length - start);
    buf_byte(out, '"');
}

/* Adds one to the last digit of "d.ddde[+-]dd"; false when that would carry into the first. */
static bool
json_digit_up(char *text)
{
    char *digit = strchr(text, 'e') - 1;

    for (; *digit == '9'; digit--)
        *digit = '0';
    if (*digit == '.')
        return false;
    ++*digit;
    return true;
}

/* Finds the fewest significant digits that read back to `value`, as "d.ddde[+-]dd". Fifteen always
 * survive the way through a normal double, so only subnormals start with fewer. Below a power of
 * two doubles lie closer than above it: there the neighbour above may read back where the nearest
 * digits do not. */
static void
json_shortest(char text[JSON_REAL_MAX], double value)
{
    int exponent, digits = fabs(value) < DBL_MIN ? 1 : 15;
    bool power = fabs(frexp(value, &exponent)) == 0.5;

    for (; digits < 17; digits++) {
        snprintf(text, JSON_REAL_MAX, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            return;
        if (power && digits > 1 && json_digit_up(text) && strtod(text, NULL) == value)
            return;
    }
    snprintf(text, JSON_REAL_MAX, "%.16e", value);
}

size_t
json_format_real(char text[JSON_REAL_MAX], double value)
{
    char scientific[JSON_REAL_MAX], digits[20] = "";
    size_t count = 0, length = 0;

    if (!isfinite(value))
        return (size_t)snprintf(text, JSON_REAL_MAX, "null");
    json_shortest(scientific, value);
    const char *in = scientific;
    if (*in == '-')
        text[length++] = *in++;
    for (; *in != 'e'; in++)
        if (*in != '.')
            digits[count++] = *in;
    int exponent = (int)strtol(in + 1, NULL, 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;

    if (exponent < -4 || exponent >= 16) {
        text[length++] = digits[0];
        if (count > 1)
            text[length++] = '.';
        memcpy(text + length, digits + 1, count - 1);
        length += count - 1;
        length += (size_t)snprintf(text + length, JSON_REAL_MAX - length, "e%c%02d",
                                   exponent < 0 ? '-' : '+', abs(exponent));
        return length;
    }
    int point = exponent + 1; /* how many digits stand before the decimal point */
    if (point <= 0) {
        text[length++] = '0';
        text[length++] = '.';
        for (int i = point; i < 0; i++)
            text[length++] = '0';
        memcpy(text + length, digits, count);
        length += count;
    } else {
        for (int i = 0; i < point; i++)
            text[length++] = (size_t)i < count ? digits[i] : '0';
        text[length++] = '.';
        if ((size_t)point >= count)
            text[length++] = '0';
        for (size_t i = (size_t)point; i < count; i++)
            text[length++] = digits[i];
    }
    text[length] = '\0';
    return length;
}

void
json_put_real(struct buf *out, double value)
{
    char text[JSON_REAL_MAX];

    buf_put(out, text, json_format_real(text, value));
}

void
json_put_integer(struct buf *out, int64_t value)
{
    char text[20], *digit = text + sizeof text;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        *--digit = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0)
        *--digit = '-';
    buf_put(out, digit, (size_t)(text + sizeof text - digit));
}

void
json_put_boolean(struct buf *out, bool value)
{
    buf_text(out, value ? "true" : "false");
}

void
json_put_value(struct buf *out, const json_t *value)
{
    const char *key;
    json_t *member;
    size_t index;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buf_byte(out, '{');
        index = 0;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            if (index++ != 0)
                buf_byte(out, ',');
            json_put_text(out, key, strlen(key));
            buf_byte(out, ':');
            json_put_value(out, member);
        }
        buf_byte(out, '}');
        break;
    case JSON_ARRAY:
        buf_byte(out, '[');
        json_array_foreach(value, index, member)
        {
            if (index != 0)
                buf_byte(out, ',');
            json_put_value(out, member);
        }
        buf_byte(out, ']');
        break;
    case JSON_STRING:
        json_put_text(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        json_put_integer(out, json_integer_value(value));
        break;
    case JSON_REAL:
        json_put_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        json_put_boolean(out, json_is_true(value));
        break;
    case JSON_NULL:
        buf_text(out, "null");
        break;
    }
}

void
json_put_key(struct buf *out, const char *key)
{
    if (out->length != 0 && out->data[out->length - 1] != '{')
        buf_byte(out, ',');
    json_put_text(out, key, strlen(key));
    buf_byte(out, ':');
}

void
json_put_text_member(struct buf *out, const char *key, const char *value)
{
    json_put_key(out, key);
    json_put_text(out, value, strlen(value));
}

void
json_put_integer_member(struct buf *out, const char *key, int64_t value)
{
    json_put_key(out, key);
    json_put_integer(out, value);
}
