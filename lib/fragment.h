/* fragment: the members of a JSON object that this project has rendered, read where it lies.
 *
 * It is no validator: of other text it gives members without sense, but never a byte beyond it. */
#ifndef FRAGMENT_H
#define FRAGMENT_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

struct fragment {
    const char *at, *end;
};

struct member {
    const char *key; /* as it is written, without its quotes */
    size_t key_length;
    const char *value; /* its JSON */
    size_t length;
};

/* Begins with the first member of an object; nothing is to be freed. */
void fragment_open(struct fragment *fragment, const char *object, size_t length);

/* The next member; false when there is none. */
bool fragment_next(struct fragment *fragment, struct member *member);

/* Appends the characters of a JSON string, given with its quotes. */
void fragment_put_text(struct buf *out, const char *value, size_t length);

/* Appends the object with only those members that `paths` (NULL-terminated) name: "id", or
 * "model.name" of an object in it, written as keys are. Returns how many were named. */
size_t fragment_pick(struct buf *out, const char *object, size_t length, const char *const *paths);

#endif
