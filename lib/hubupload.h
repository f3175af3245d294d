/* hubupload: how a client of the local Hub uploads LFS files: it asks for signed addresses (git-lfs
 * batch API), puts the bytes there, whole or in parts, and commits their SHA-256 afterwards.
 *
 * Each function answers a call and returns its status. */
#ifndef HUBUPLOAD_H
#define HUBUPLOAD_H

#include "hubcall.h"

/* POST ….git/info/lfs/objects/batch, by a caller who may do what the body asks. Objects of more
 * than `part_bytes` are uploaded in parts of that size, if the client can. */
int hubupload_batch(struct hubcall *call, const json_t *body, int64_t part_bytes);

/* POST ….git/info/lfs/objects/verify: is the object there? */
int hubupload_verify(struct hubcall *call, const json_t *body);

/* PUT /lfs/{sha256}?size=…: the whole object. */
int hubupload_put(struct hubcall *call);

/* PUT /lfs/{sha256}/{number}?size=…: one part. */
int hubupload_put_part(struct hubcall *call);

/* POST /lfs/{sha256}/complete?parts=…: joins the parts that the body lists. */
int hubupload_complete(struct hubcall *call);

#endif
