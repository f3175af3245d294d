#include "route.h"

#include "json.h"

#include <ctype.h>
#include <string.h>

static int
hex_digit(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

const char *
percent_decode(const char *text, size_t length, bool plus, struct arena *arena)
{
    char *out = arena_alloc(arena, length + 1);
    size_t used = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(text[i + 2]);
            if (low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return NULL;
        out[used++] = c;
    }
    out[used] = '\0';
    return utf8_valid(out, used) ? out : NULL;
}

bool
path_split(struct path *path, const char *raw, struct arena *arena, struct error *why)
{
    path->segments = 0;
    if (raw[0] != '/') {
        error_set(why, "the path does not begin with a slash");
        return false;
    }
    while (*raw == '/' && raw[1] != '\0') {
        raw++;
        size_t length = (size_t)(strchrnul(raw, '/') - raw);
        if (path->segments == ROUTE_SEGMENTS) {
            error_set(why, "the path has more than %d segments", ROUTE_SEGMENTS);
            return false;
        }
        const char *segment = percent_decode(raw, length, false, arena);
        if (segment == NULL) {
            error_set(why, "the path is not percent-encoded UTF-8 text without NUL bytes");
            return false;
        }
        path->segment[path->segments++] = segment;
        raw += length;
    }
    return true;
}

static const char *
path_join(const struct path *path, size_t first, struct arena *arena)
{
    size_t length = 0;

    for (size_t i = first; i < path->segments; i++)
        length += strlen(path->segment[i]) + 1;
    char *joined = arena_alloc(arena, length + 1), *out = joined;
    if (joined == NULL)
        return NULL;
    for (size_t i = first; i < path->segments; i++) {
        size_t size = strlen(path->segment[i]);
        if (i > first)
            *out++ = '/';
        memcpy(out, path->segment[i], size);
        out += size;
    }
    *out = '\0';
    return joined;
}

/* Whether a pattern matches, and what its variables stand for: only the rest of a path is copied,
 * into the arena. */
static bool
route_matches(const char *pattern, const struct path *path, struct route_match *match,
              struct arena *arena)
{
    size_t index = 0;

    match->variables = 0;
    while (*pattern == '/' && pattern[1] != '\0') {
        pattern++;
        size_t length = (size_t)(strchrnul(pattern, '/') - pattern);
        if (index == path->segments)
            return false;
        const char *segment = path->segment[index];
        if (pattern[0] != '{') {
            if (strncmp(segment, pattern, length) != 0 || segment[length] != '\0')
                return false;
            index++;
        } else {
            bool rest = pattern[length - 2] == '*';
            struct route_variable *variable = &match->variable[match->variables++];
            variable->name = pattern + 1;
            variable->name_length = length - (rest ? 3 : 2);
            variable->value = rest ? path_join(path, index, arena) : segment;
            if (variable->value == NULL || variable->value[0] == '\0')
                return false;
            index = rest ? path->segments : index + 1;
        }
        pattern += length;
    }
    return index == path->segments;
}

void
route_find(struct route_match *match, const struct route *routes, size_t count, enum method method,
           const struct path *path, struct arena *arena)
{
    struct route_match tried;

    match->allowed = 0;
    match->variables = 0;
    match->route = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!route_matches(routes[i].pattern, path, &tried, arena))
            continue;
        match->allowed |= routes[i].method;
        if (match->route != NULL || routes[i].method != method)
            continue;
        match->route = &routes[i];
        match->variables = tried.variables;
        memcpy(match->variable, tried.variable, tried.variables * sizeof tried.variable[0]);
    }
}
