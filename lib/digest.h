/* digest: the hashes that name things: SHA-256 for published bodies and LFS files, and the SHA-1 of
 * a git object for what the Hub keeps in git. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_HEX = 41, SHA256_HEX = 65 }; /* bytes, with the NUL */
enum { ETAG_HEX = 32 };                  /* digits of a SHA-256 that our entity tags begin with */

/* SHA-256 in lower-case hexadecimal. */
void digest_sha256(const void *bytes, size_t length, char hex[SHA256_HEX]);

/* The same of bytes that come in parts. digest_end() frees what digest_begin() gave; without `hex`
 * (NULL) it does nothing else. */
struct digest *digest_begin(void) __attribute__((returns_nonnull));
void digest_put(struct digest *digest, const void *bytes, size_t length);
void digest_end(struct digest *digest, char *hex);

/* The oid that git gives an object of the kind "blob" (a file), "tree" or "commit": SHA-1 of
 * "KIND LENGTH NUL CONTENT". */
void digest_git(const char *kind, const void *bytes, size_t length, char hex[SHA1_HEX]);

/* The same of a content that comes in parts, `length` bytes in all: digest_put(), digest_end(). */
struct digest *digest_git_begin(const char *kind, uint64_t length) __attribute__((returns_nonnull));

#endif
