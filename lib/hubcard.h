/* hubcard: what the Hub reads out of a repo's files: the front matter of README.md and the counts
 * in a safetensors header. */
#ifndef HUBCARD_H
#define HUBCARD_H

#include "json.h"

#include <stddef.h>

/* The front matter of a README.md as an object: keys at the left margin with a scalar, an inline
 * list or a list of `- item` lines; what is nested deeper is passed over. A new reference, or NULL
 * when there is no front matter. */
json_t *hubcard_front_matter(const char *text, size_t length);

/* Where the card's own text begins: behind the front matter, or at 0 when there is none. */
size_t hubcard_text(const char *text, size_t length);

/* {"parameters": {dtype: count}, "total": count} of a safetensors header, which is the JSON after
 * the length. A new reference, or NULL when the header makes no sense. */
json_t *hubcard_safetensors(const char *header, size_t length);

#endif
