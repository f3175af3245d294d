/* json: reading JSON strictly, and writing it as the API promises.
 *
 * jansson reads; the writers here exist because it prints 0.1 as 0.10000000000000001 and drops
 * values that it cannot express. */
#ifndef JSON_H
#define JSON_H

#include "buf.h"
#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_REAL_MAX = 32 }; /* bytes that any double needs, with the NUL */

/* Parses one JSON text (objects and arrays; duplicate keys and trailing text are refused; integers
 * beyond 64 bits too). Returns a new reference (json_decref) or NULL with `why` naming line and
 * column. */
json_t *json_read(const char *text, size_t length, struct error *why);

/* The same of what strangers wrote, who may use more of JSON: integers become reals, NUL bytes may
 * stand in texts (which end there), and of duplicate keys the last counts. */
json_t *json_read_lenient(const char *text, size_t length, struct error *why);

/* At least how many values a JSON text holds: a parsed value takes some hundred bytes, however
 * short its text is. */
size_t json_values(const char *text, size_t length);

/* The string at `key`, or NULL when it is absent or no string. Owned by `object`. */
const char *json_member_text(const json_t *object, const char *key);

/* Appends a quoted string. What is no valid UTF-8 becomes U+FFFD, one for each bad byte. */
void json_put_text(struct buf *out, const char *utf8, size_t length);

/* Appends the shortest digits that read back to the same double, in the notation of Python's repr
 * (`0.1`, `5.0`, `1e-05`, `1e+16`); NaN and infinities become null. */
void json_put_real(struct buf *out, double value);
void json_put_integer(struct buf *out, int64_t value);
void json_put_boolean(struct buf *out, bool value);

/* Appends any jansson value compactly, members in their order, numbers as above. */
void json_put_value(struct buf *out, const json_t *value);

/* Appends `"key":`, after a comma unless it is the first in its object; and whole members. */
void json_put_key(struct buf *out, const char *key);
void json_put_text_member(struct buf *out, const char *key, const char *value);
void json_put_integer_member(struct buf *out, const char *key, int64_t value);

/* What json_put_real appends, as a string in `text`. Returns its length. */
size_t json_format_real(char text[JSON_REAL_MAX], double value);

/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool utf8_valid(const char *bytes, size_t length);

#endif
