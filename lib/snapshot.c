#include "snapshot.h"

#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEEP_S = 3600, WINDOW = 256 * 1024 };

/* What lasting names begin with. */
#define DIRECT "direct."

static const char *const body_names[BODY_COUNT] = { "leaderboard", "formatted" };
static const char board_name[] = "board"; /* of no profile, in no coding */
static const char parquet_name[] = "parquet";

const char *
body_name(enum body body)
{
    return body_names[body];
}

/* STATE_DIR/public[/file]; false when it does not fit. */
static bool
public_path(char path[PATH_MAX], const char *state_dir, const char *file)
{
    int length = snprintf(path, PATH_MAX, "%s/public%s%s", state_dir, file == NULL ? "" : "/",
                          file == NULL ? "" : file);

    return length > 0 && length < PATH_MAX;
}

static void
stem_of(char stem[64], enum body body, enum profile profile)
{
    snprintf(stem, 64, "%s.%s", body_names[body], profile_name(profile));
}

static bool
draft_begin(struct snapshot_draft *draft, const char *state_dir, const char *stem,
            struct error *why)
{
    char folder[PATH_MAX];

    if (!public_path(folder, state_dir, NULL)) {
        error_set(why, "STATE_DIR is too long");
        return false;
    }
    if (!folder_make(folder, why) || !file_draft_open(&draft->file, folder, stem, why))
        return false;
    draft->digest = digest_begin();
    return true;
}

void
snapshot_put(struct snapshot_draft *draft, const void *bytes, size_t length)
{
    digest_put(draft->digest, bytes, length);
    file_draft_put(&draft->file, bytes, length);
}

void
snapshot_drop(struct snapshot_draft *draft)
{
    digest_end(draft->digest, NULL);
    file_draft_drop(&draft->file);
}

/* True when the file of a variant is there, with its length. */
static bool
variant_there(const struct variant *variant, const char *state_dir)
{
    char path[PATH_MAX];
    struct stat status;

    return variant->file[0] != '\0' && public_path(path, state_dir, variant->file) &&
           stat(path, &status) == 0 && (uint64_t)status.st_size == variant->length;
}

/* Names the file by its content. */
static bool
draft_end(struct snapshot_draft *draft, struct variant *variant, const char *state_dir,
          const char *stem, const char *suffix, struct error *why)
{
    char hex[SHA256_HEX], path[PATH_MAX];

    digest_end(draft->digest, hex);
    snprintf(variant->etag, sizeof variant->etag, "%.*s", ETAG_HEX, hex);
    snprintf(variant->file, sizeof variant->file, "%s.%s.%s", stem, variant->etag, suffix);
    variant->length = draft->file.length;
    variant->published_at = time(NULL);
    /* The name is the content's hash: a file of that name and length is that content. */
    if (draft->file.failed == 0 && variant_there(variant, state_dir)) {
        file_draft_drop(&draft->file);
        return true;
    }
    if (public_path(path, state_dir, variant->file))
        return file_draft_publish(&draft->file, path, why);
    error_set(why, "STATE_DIR is too long");
    file_draft_drop(&draft->file);
    return false;
}

bool
snapshot_begin(struct snapshot_draft *draft, const char *state_dir, enum body body,
               enum profile profile, struct error *why)
{
    char stem[64];

    stem_of(stem, body, profile);
    return draft_begin(draft, state_dir, stem, why);
}

bool
snapshot_end(struct snapshot_draft *draft, struct snapshots *snapshots, const char *state_dir,
             enum body body, enum profile profile, struct error *why)
{
    char stem[64];

    stem_of(stem, body, profile);
    return draft_end(draft, &snapshots->variant[body][profile][ENCODING_IDENTITY], state_dir, stem,
                     "json", why);
}

bool
snapshot_keep(struct snapshots *snapshots, const struct snapshots *before, const char *state_dir,
              enum body body, enum profile profile)
{
    const struct variant *old = before->variant[body][profile];
    struct variant *new = snapshots->variant[body][profile];

    if (strcmp(old[ENCODING_IDENTITY].file, new[ENCODING_IDENTITY].file) != 0)
        return false;
    for (int i = 0; i < ENCODING_COUNT; i++)
        if (!variant_there(&old[i], state_dir))
            return false;
    memcpy(new, old, sizeof before->variant[body][profile]);
    return true;
}

/* Encodes a file into a draft, a window at a time. */
static bool
encode_file(int fd, uint64_t length, struct encoder *encoder, struct snapshot_draft *draft)
{
    char *window = mem_alloc(WINDOW);
    uint64_t left = length;
    struct buf out;
    bool good = true;

    buf_init(&out, UINT32_MAX);
    while (good && left > 0) {
        ssize_t got = read(fd, window, left < WINDOW ? (size_t)left : WINDOW);
        if (got < 0 && errno == EINTR)
            continue;
        good = got > 0 && encoder_put(encoder, window, (size_t)got, left == (uint64_t)got, &out);
        if (good) {
            left -= (uint64_t)got;
            snapshot_put(draft, buf_string(&out), out.length);
            buf_reset(&out);
        }
    }
    buf_free(&out);
    free(window);
    return good;
}

bool
snapshot_encode(struct snapshots *snapshots, const char *state_dir, enum body body,
                enum profile profile, enum encoding encoding, struct error *why)
{
    const struct variant *source = &snapshots->variant[body][profile][ENCODING_IDENTITY];
    struct snapshot_draft draft;
    char stem[64], suffix[16], path[PATH_MAX];

    stem_of(stem, body, profile);
    snprintf(suffix, sizeof suffix, "json%s", encoding_suffix(encoding));
    if (!draft_begin(&draft, state_dir, stem, why))
        return false;
    int fd = public_path(path, state_dir, source->file) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct encoder *encoder = encoder_new(encoding, EFFORT_SMALL, (size_t)source->length);
    bool good = fd >= 0 && encoder != NULL && encode_file(fd, source->length, encoder, &draft);
    encoder_free(encoder);
    if (fd >= 0)
        close(fd);
    if (good)
        return draft_end(&draft, &snapshots->variant[body][profile][encoding], state_dir, stem,
                         suffix, why);
    snapshot_drop(&draft);
    error_set(why, "cannot encode %s as %s: it cannot be read, or there is no memory", source->file,
              encoding_name(encoding));
    return false;
}

static bool
content_write(struct variant *variant, const char *state_dir, const char *stem, const char *suffix,
              const struct buf *content, struct error *why)
{
    struct snapshot_draft draft;

    if (!draft_begin(&draft, state_dir, stem, why))
        return false;
    snapshot_put(&draft, buf_string(content), content->length);
    return draft_end(&draft, variant, state_dir, stem, suffix, why);
}

bool
snapshot_write_board(struct snapshots *snapshots, const char *state_dir, const struct buf *content,
                     struct error *why)
{
    return content_write(&snapshots->board, state_dir, board_name, "bin", content, why);
}

bool
snapshot_write_parquet(struct snapshots *snapshots, const char *state_dir,
                       const struct buf *content, struct error *why)
{
    return content_write(&snapshots->parquet, state_dir, "leaderboard", parquet_name, content, why);
}

static bool
variant_record(const struct variant *variant, struct db *db, const char *name, const char *profile,
               enum encoding encoding, struct error *why)
{
    return db_run(db, SQL_SNAPSHOT_PUT, why, DB_TEXT(name), DB_TEXT(profile),
                  DB_TEXT(encoding_name(encoding)), DB_TEXT(variant->file), DB_TEXT(variant->etag),
                  DB_INTEGER(variant->length), DB_INTEGER(variant->published_at));
}

/* The entity tag that lighttpd gives a body's file, from its inode, length and time (http_etag.c):
 * by it a snapshot is found again. (tests/time.bats fails where lighttpd makes another one.) */
static bool
body_tag(struct variant *variant, const char *state_dir, struct error *why)
{
    char path[PATH_MAX];
    struct stat status;

    if (!public_path(path, state_dir, variant->file) || stat(path, &status) != 0) {
        error_set(why, "cannot look at %s: %s", variant->file, strerror(errno));
        return false;
    }
    const uint64_t of[] = { (uint64_t)status.st_ino, (uint64_t)status.st_size,
                            (uint64_t)status.st_mtim.tv_sec, (uint64_t)status.st_mtim.tv_nsec };
    unsigned char bytes[sizeof of];
    uint32_t hash = sizeof of;
    memcpy(bytes, of, sizeof of);
    for (size_t i = 0; i < sizeof of; i++)
        hash = (hash << 5) ^ (hash >> 27) ^ bytes[i];
    snprintf(variant->etag, sizeof variant->etag, "%" PRIu32, hash);
    return true;
}

bool
snapshot_record(const struct snapshots *snapshots, struct db *db, const char *state_dir,
                struct error *why)
{
    char folder[PATH_MAX];

    if (!public_path(folder, state_dir, NULL) || !folder_sync(folder, why))
        return false;
    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            for (int encoding = 0; encoding < ENCODING_COUNT; encoding++) {
                struct variant variant = snapshots->variant[body][profile][encoding];
                if (!body_tag(&variant, state_dir, why) ||
                    !variant_record(&variant, db, body_names[body],
                                    profile_name((enum profile)profile), (enum encoding)encoding,
                                    why))
                    return false;
            }
    return variant_record(&snapshots->board, db, board_name, "", ENCODING_IDENTITY, why) &&
           (snapshots->parquet.file[0] == '\0'
                ? db_run(db, SQL_SNAPSHOT_DELETE, why, DB_TEXT(parquet_name))
                : variant_record(&snapshots->parquet, db, parquet_name, "", ENCODING_IDENTITY,
                                 why));
}

/* Gives a file of STATE_DIR/public a second name there, which may have been another's. */
static bool
name_take(const char *state_dir, const char *name, const char *file, struct error *why)
{
    char path[PATH_MAX], old[PATH_MAX], fresh[PATH_MAX], temporary[128];
    struct stat now, then;

    snprintf(temporary, sizeof temporary, "%s.new", name);
    if (!public_path(path, state_dir, file) || !public_path(old, state_dir, name) ||
        !public_path(fresh, state_dir, temporary)) {
        error_set(why, "STATE_DIR is too long");
        return false;
    }
    if (stat(path, &now) == 0 && stat(old, &then) == 0 && now.st_ino == then.st_ino)
        return true;
    if ((unlink(fresh) == 0 || errno == ENOENT) && link(path, fresh) == 0 &&
        rename(fresh, old) == 0)
        return true;
    error_set(why, "cannot give %s the name %s: %s", path, name, strerror(errno));
    return false;
}

bool
snapshot_link(const struct snapshots *snapshots, const char *state_dir, struct error *why)
{
    char name[96];

    for (int body = 0; body < BODY_COUNT; body++)
        for (int profile = 0; profile < PROFILE_COUNT; profile++)
            for (int encoding = 0; encoding < ENCODING_COUNT; encoding++) {
                snprintf(name, sizeof name, DIRECT "%s.%s.json%s", body_names[body],
                         profile_name((enum profile)profile),
                         encoding_suffix((enum encoding)encoding));
                if (!name_take(state_dir, name, snapshots->variant[body][profile][encoding].file,
                               why))
                    return false;
            }
    return true;
}

/* Which variant the rows of the database call so; NULL when none. */
static struct variant *
variant_find(struct snapshots *snapshots, const char *name, const char *profile_text,
             const char *encoding_text)
{
    enum encoding encoding = encoding_parse(encoding_text);
    enum profile profile;
    int body = 0;

    if (strcmp(name, board_name) == 0)
        return &snapshots->board;
    if (strcmp(name, parquet_name) == 0)
        return &snapshots->parquet;
    while (body < BODY_COUNT && strcmp(body_names[body], name) != 0)
        body++;
    return body == BODY_COUNT || encoding == ENCODING_COUNT ||
                   !profile_parse(profile_text, &profile)
               ? NULL
               : &snapshots->variant[body][profile][encoding];
}

bool
snapshot_load(struct snapshots *snapshots, struct db *db, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_SNAPSHOT_LIST, DB_NULL);
    struct error failure;

    *snapshots = (struct snapshots){ 0 };
    while (db_next(db, row, &failure)) {
        struct variant *variant = variant_find(snapshots, db_column_text(row, 0),
                                               db_column_text(row, 1), db_column_text(row, 2));
        if (variant == NULL)
            continue;
        snprintf(variant->file, sizeof variant->file, "%s", db_column_text(row, 3));
        snprintf(variant->etag, sizeof variant->etag, "%s", db_column_text(row, 4));
        variant->length = (uint64_t)sqlite3_column_int64(row, 5);
        variant->published_at = sqlite3_column_int64(row, 6);
    }
    if (failure.text[0] != '\0' && why != NULL)
        *why = failure;
    return failure.text[0] == '\0';
}

enum { ENCODED = BODY_COUNT * PROFILE_COUNT * ENCODING_COUNT, VARIANTS = ENCODED + 2 };

/* The i-th of all variants. */
static const struct variant *
variant_at(const struct snapshots *snapshots, size_t index)
{
    return index == ENCODED ? &snapshots->board
           : index == ENCODED + 1
               ? &snapshots->parquet
               : &snapshots
                      ->variant[index / (PROFILE_COUNT * ENCODING_COUNT)]
                               [index / ENCODING_COUNT % PROFILE_COUNT][index % ENCODING_COUNT];
}

bool
snapshot_complete(const struct snapshots *snapshots, const char *state_dir)
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *variant = variant_at(snapshots, i);
        if ((variant != &snapshots->parquet || variant->file[0] != '\0') &&
            !variant_there(variant, state_dir))
            return false;
    }
    return true;
}

static bool
snapshot_names(const struct snapshots *snapshots, const char *file)
{
    for (size_t i = 0; i < VARIANTS; i++)
        if (strcmp(variant_at(snapshots, i)->file, file) == 0)
            return true;
    return false;
}

size_t
snapshot_collect(const struct snapshots *snapshots, const struct snapshots *before,
                 const char *state_dir)
{
    char path[PATH_MAX];
    size_t deleted = 0;
    struct dirent *entry;

    for (size_t i = 0; i < VARIANTS; i++) {
        const char *file = variant_at(before, i)->file;
        if (file[0] != '\0' && !snapshot_names(snapshots, file) &&
            public_path(path, state_dir, file))
            utimensat(AT_FDCWD, path, NULL, 0);
    }
    DIR *folder = public_path(path, state_dir, NULL) ? opendir(path) : NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        struct stat status;
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, DIRECT, strlen(DIRECT)) != 0 &&
            !snapshot_names(snapshots, entry->d_name) &&
            public_path(path, state_dir, entry->d_name) && stat(path, &status) == 0 &&
            time(NULL) - status.st_mtime > KEEP_S && unlink(path) == 0)
            deleted++;
    }
    if (folder != NULL)
        closedir(folder);
    return deleted;
}
