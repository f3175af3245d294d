#include "fragment.h"

#include <string.h>

/* The end of a string whose opening quote is at `at`. */
static const char *
skip_text(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

static const char *
skip_value(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = skip_text(at, end);
            if (depth == 0)
                break;
            continue;
        }
        if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
            break;
        depth += *at == '{' || *at == '[';
        if ((*at == '}' || *at == ']') && --depth == 0) {
            at++;
            break;
        }
        at++;
    }
    return at;
}

void
fragment_open(struct fragment *fragment, const char *object, size_t length)
{
    *fragment = (struct fragment){ object, object + length };
}

bool
fragment_next(struct fragment *fragment, struct member *member)
{
    const char *at = fragment->at, *end = fragment->end;

    if (end - at < 2 || (*at != '{' && *at != ',') || at[1] != '"')
        return false;
    member->key = at + 2;
    at = skip_text(at + 1, end);
    if (end - at < 2 || *at != ':')
        return false;
    member->key_length = (size_t)(at - 1 - member->key);
    member->value = ++at;
    fragment->at = skip_value(at, end);
    member->length = (size_t)(fragment->at - at);
    return true;
}

static unsigned
hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 0xf;
}

void
fragment_put_text(struct buf *out, const char *value, size_t length)
{
    const char *at = value + 1, *end = value + length - 1, *from = at;

    if (length < 2)
        return;
    while ((at = memchr(from, '\\', (size_t)(end - from))) != NULL && end - at >= 2) {
        buf_put(out, from, (size_t)(at - from));
        from = at + 2;
        if (at[1] == 'u' && end - at >= 6) {
            /* The writer escapes control characters alone. */
            buf_byte(out, (char)(hex_digit(at[4]) << 4 | hex_digit(at[5])));
            from = at + 6;
            continue;
        }
        buf_byte(out, at[1] == 'n' ? '\n' : at[1] == 't' ? '\t' : at[1] == 'r' ? '\r' : at[1]);
    }
    buf_put(out, from, (size_t)(end - from));
}

/* The members below `prefix`, which is the beginning of a path, up to and with its last dot. */
static size_t
pick(struct buf *out, const char *object, size_t length, const char *const *paths,
     const char *prefix, size_t prefix_length)
{
    struct fragment fragment;
    struct member member;
    size_t picked = 0;
    char before = '{';

    fragment_open(&fragment, object, length);
    while (fragment_next(&fragment, &member)) {
        const char *inner = NULL;
        bool whole = false;
        for (const char *const *path = paths; *path != NULL && !whole; path++) {
            const char *rest = *path + prefix_length;
            if (strncmp(*path, prefix, prefix_length) != 0 ||
                strnlen(rest, member.key_length) != member.key_length ||
                memcmp(rest, member.key, member.key_length) != 0)
                continue;
            whole = rest[member.key_length] == '\0';
            if (rest[member.key_length] == '.' && member.value[0] == '{')
                inner = *path;
        }
        if (!whole && inner == NULL)
            continue;
        buf_byte(out, before);
        before = ',';
        buf_put(out, member.key - 1, member.key_length + 2);
        buf_byte(out, ':');
        if (whole)
            buf_put(out, member.value, member.length);
        picked += whole ? 1
                        : pick(out, member.value, member.length, paths, inner,
                               prefix_length + member.key_length + 1);
    }
    buf_text(out, before == '{' ? "{}" : "}");
    return picked;
}

size_t
fragment_pick(struct buf *out, const char *object, size_t length, const char *const *paths)
{
    return pick(out, object, length, paths, "", 0);
}
