/* snapshot: the published bodies, and the board that queries are answered from.
 *
 * The fetcher renders a body once, as it is into a file, and from that file in every content
 * coding; no body is ever in memory as a whole. They lie in STATE_DIR/public under names that hold
 * the content's hash; the rows that name the files are committed in the same transaction as the
 * data that they show. A name never changes its content, so a server may keep what it has open, and
 * files that no row names any more are deleted late.
 *
 * Each body has a lasting name there besides, "direct.formatted.documented.json.gz", under which
 * lighttpd sends it by itself (lighttpd.conf): a second link to the same file. Those move just
 * after the transaction; a fetcher that died in between is mended by the next one. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "buf.h"
#include "config.h"
#include "db.h"
#include "digest.h"
#include "encoding.h"
#include "error.h"
#include "file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum body { BODY_LEADERBOARD, BODY_FORMATTED, BODY_COUNT };

/* "leaderboard", "formatted". */
const char *body_name(enum body body);

/* One published file. */
struct variant {
    char file[128]; /* name in STATE_DIR/public; "" when there is none */
    char etag[40]; /* without quotes: a hash of the content; of a body that is published, lighttpd's
                    */
    uint64_t length;
    int64_t published_at; /* Unix seconds */
};

struct snapshots {
    struct variant variant[BODY_COUNT][PROFILE_COUNT][ENCODING_COUNT];
    struct variant board;   /* as it is */
    struct variant parquet; /* the dataset's own file; none where that is no single parquet file */
};

/* A body on its way into its file. */
struct snapshot_draft {
    struct file_draft file;
    struct digest *digest;
};

/* Begins to write a body. On true it is to be ended, by either of the two. */
bool snapshot_begin(struct snapshot_draft *draft, const char *state_dir, enum body body,
                    enum profile profile, struct error *why) __attribute__((warn_unused_result));
void snapshot_put(struct snapshot_draft *draft, const void *bytes, size_t length);
bool snapshot_end(struct snapshot_draft *draft, struct snapshots *snapshots, const char *state_dir,
                  enum body body, enum profile profile, struct error *why)
    __attribute__((warn_unused_result));
void snapshot_drop(struct snapshot_draft *draft);

/* True, with the variants of `before`, when a body is what it was and its files are all there. */
bool snapshot_keep(struct snapshots *snapshots, const struct snapshots *before,
                   const char *state_dir, enum body body, enum profile profile);

/* Encodes a body that was written. The transaction comes later: snapshot_record(). */
bool snapshot_encode(struct snapshots *snapshots, const char *state_dir, enum body body,
                     enum profile profile, enum encoding encoding, struct error *why)
    __attribute__((warn_unused_result));

/* Writes the board's file. */
bool snapshot_write_board(struct snapshots *snapshots, const char *state_dir,
                          const struct buf *content, struct error *why)
    __attribute__((warn_unused_result));

/* Writes the dataset's own file. */
bool snapshot_write_parquet(struct snapshots *snapshots, const char *state_dir,
                            const struct buf *content, struct error *why)
    __attribute__((warn_unused_result));

/* Records all variants, inside the caller's transaction. The files' folder is synced first. */
bool snapshot_record(const struct snapshots *snapshots, struct db *db, const char *state_dir,
                     struct error *why) __attribute__((warn_unused_result));

/* Gives the bodies their lasting names, one by one: each is the old or the new one's. To be called
 * after the commit, and costs next to nothing where they are right. */
bool snapshot_link(const struct snapshots *snapshots, const char *state_dir, struct error *why)
    __attribute__((warn_unused_result));

/* Reads what is published. False with `why` when the database cannot be read. */
bool snapshot_load(struct snapshots *snapshots, struct db *db, struct error *why)
    __attribute__((warn_unused_result));

/* True when every variant that must be there is recorded and its file is there with its length. */
bool snapshot_complete(const struct snapshots *snapshots, const char *state_dir);

/* Deletes files that `snapshots` does not name and that have been without a row for an hour, and
 * what a killed fetcher left half-written. `before` is what was published until now: those of its
 * files that are superseded begin their hour. Returns how many were deleted. */
size_t snapshot_collect(const struct snapshots *snapshots, const struct snapshots *before,
                        const char *state_dir);

#endif
