/* digest: the hashes that name things: SHA-256 for published bodies and LFS files, and the SHA-1 of
 * a git blob object for regular files on the Hub. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>

enum { SHA1_HEX = 41, SHA256_HEX = 65 }; /* bytes, with the NUL */

/* SHA-256 in lower-case hexadecimal. */
void digest_sha256(const void *bytes, size_t length, char hex[SHA256_HEX]);

/* The oid that git gives a file of this content: SHA-1 of "blob LENGTH NUL CONTENT". */
void digest_git_blob(const void *bytes, size_t length, char hex[SHA1_HEX]);

#endif
