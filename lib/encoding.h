/* encoding: HTTP content codings, chosen by Accept-Encoding. */
#ifndef ENCODING_H
#define ENCODING_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

/* In the order in which they are preferred where a client likes several alike. */
enum encoding { ENCODING_BR, ENCODING_ZSTD, ENCODING_GZIP, ENCODING_IDENTITY, ENCODING_COUNT };

/* "br", "zstd", "gzip", "identity": the token of Content-Encoding. */
const char *encoding_name(enum encoding encoding);

/* What a file's name ends with: ".br", ".zst", ".gz", "". */
const char *encoding_suffix(enum encoding encoding);

/* Reads an encoding's name; ENCODING_COUNT when it is none of ours. */
enum encoding encoding_parse(const char *name);

/* The encoding with the highest q-value in an Accept-Encoding header (RFC 9110, 12.5.3) among ours;
 * identity when the header is NULL or admits none. */
enum encoding encoding_choose(const char *accept_encoding);

/* What is made once and served often is made as small as is sensible; what is made for one request,
 * as quickly. */
enum effort { EFFORT_SMALL, EFFORT_QUICK };

/* Encodes bytes that come in parts, in memory that does not depend on how many they are. */
struct encoder;

/* `total` is how many bytes there will be. NULL when memory was refused. The caller owns it:
 * encoder_free(). */
struct encoder *encoder_new(enum encoding encoding, enum effort effort, size_t total);
void encoder_free(struct encoder *encoder);

/* Takes a part and appends what is ready; with `last` also the rest. False when memory was refused
 * or `out` is too small. */
bool encoder_put(struct encoder *encoder, const void *bytes, size_t length, bool last,
                 struct buf *out) __attribute__((warn_unused_result));

/* Appends `length` bytes, encoded. False when memory was refused or `out` is too small. */
bool encoding_encode(enum encoding encoding, enum effort effort, const char *bytes, size_t length,
                     struct buf *out) __attribute__((warn_unused_result));

#endif
