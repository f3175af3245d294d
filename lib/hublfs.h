/* hublfs: the local Hub's LFS objects, and the signed addresses under which they are fetched and
 * uploaded without a token. */
#ifndef HUBLFS_H
#define HUBLFS_H

#include "hubstore.h"

/* An object's size in bytes, or -1 when it is not stored (or the database failed). */
int64_t hublfs_size(struct hubstore *store, const char *sha256);

/* Stores an object: HUBSTORE_OK, HUBSTORE_REFUSED when `bytes` have another SHA-256, or
 * HUBSTORE_FAILED. */
enum hubstore_result hublfs_put(struct hubstore *store, const char *sha256, const char *bytes,
                                size_t length, struct error *why)
    __attribute__((warn_unused_result));

/* Stores part `number` (from 1) of an upload under way: HUBSTORE_OK or HUBSTORE_FAILED. `etag` gets
 * the part's own SHA-256. */
enum hubstore_result hublfs_put_part(struct hubstore *store, const char *sha256, int64_t number,
                                     const char *bytes, size_t length, char etag[SHA256_HEX],
                                     struct error *why) __attribute__((warn_unused_result));

/* Joins parts 1 to `count`, whose etags must be the given ones, into the object and forgets them:
 * HUBSTORE_OK, HUBSTORE_REFUSED (parts are missing, or they are not that object) or
 * HUBSTORE_FAILED. */
enum hubstore_result hublfs_join_parts(struct hubstore *store, const char *sha256, size_t count,
                                       const char **etags, struct error *why)
    __attribute__((warn_unused_result));

/* Signs what an address allows ("get SHA256", "put SHA256 SIZE"…) until `expires`. False when the
 * secret cannot be read. */
bool hublfs_sign(struct hubstore *store, const char *what, int64_t expires,
                 char signature[SHA256_HEX]) __attribute__((warn_unused_result));

#endif
