#include "past_file.h"

#include "digest.h"
#include "file.h"
#include "providers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 5000, BOARD_MAX = 1 << 30 };

/* Deletes the oldest files until there is room for one more. */
static void
make_room(const char *folder)
{
    for (;;) {
        char path[PATH_MAX], oldest[PATH_MAX] = "";
        DIR *entries = opendir(folder);
        time_t oldest_at = 0;
        struct dirent *entry;
        struct stat file;
        int count = 0;

        while (entries != NULL && (entry = readdir(entries)) != NULL) {
            int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            if (entry->d_name[0] == '.' || (size_t)length >= sizeof path || stat(path, &file) != 0)
                continue;
            if (count++ == 0 || file.st_mtime < oldest_at) {
                oldest_at = file.st_mtime;
                memcpy(oldest, path, (size_t)length + 1);
            }
        }
        if (entries != NULL)
            closedir(entries);
        if (count < PAST_FILES || unlink(oldest) != 0)
            return;
    }
}

bool
past_file_key(struct db *db, const struct leaderboard *leaderboard,
              const struct history_snapshot *snapshot, char key[PAST_KEY], struct error *why)
{
    struct providers providers;
    struct arena arena;
    struct buf text;
    char hash[SHA256_HEX];

    arena_init(&arena, 0);
    buf_init(&text, 1 << 24);
    bool good = providers_load(db, &providers, &arena, why);
    buf_format(&text, "%d %s %" PRId64 " %" PRId64 " %s", BOARD_RENDERER, snapshot->revision,
               snapshot->pulled_at, snapshot->rows, leaderboard->fingerprint);
    for (size_t i = 0; good && i < providers.count; i++)
        buf_format(&text, "\n%s", providers.names[i]);
    digest_sha256(buf_string(&text), text.length, hash);
    memcpy(key, hash, PAST_KEY - 1);
    key[PAST_KEY - 1] = '\0';
    buf_free(&text);
    arena_free(&arena);
    return good;
}

static void
path_of(const struct config *config, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/past/%s", config->state_dir, name);
}

bool
past_file_map(const struct config *config, const char *key, struct board *board)
{
    char path[PATH_MAX], name[PAST_KEY + 8];

    snprintf(name, sizeof name, "%s.board", key);
    path_of(config, name, path);
    if (access(path, R_OK) != 0 || !board_map(board, path, NULL))
        return false;
    utimensat(AT_FDCWD, path, NULL, 0); /* it is in use: others go first */
    return true;
}

static enum past_result
build(struct db *db, const struct leaderboard *leaderboard, const struct history_snapshot *snapshot,
      const char *folder, const char *path, struct error *why)
{
    enum past_result result = PAST_UNREADABLE;
    struct providers providers;
    struct board board;
    struct arena arena;
    struct buf block;

    arena_init(&arena, 0);
    buf_init(&block, BOARD_MAX);
    if (providers_load(db, &providers, &arena, why))
        result = past_board(db, leaderboard, snapshot, &providers, &block, &board, why);
    if (result == PAST_FOUND) {
        board_close(&board);
        make_room(folder);
        if (!file_publish(path, buf_string(&block), block.length, why))
            result = PAST_UNREADABLE;
    }
    buf_free(&block);
    arena_free(&arena);
    return result;
}

enum past_result
past_file_build(const struct config *config, struct db *db, const struct leaderboard *leaderboard,
                const struct history_snapshot *snapshot, const char *key, struct error *why)
{
    char folder[PATH_MAX], path[PATH_MAX], lock[PATH_MAX], name[PAST_KEY + 8];
    enum past_result result = PAST_UNREADABLE;
    struct board there;

    snprintf(name, sizeof name, "%s.board", key);
    path_of(config, "", folder);
    path_of(config, name, path);
    path_of(config, ".lock", lock);
    if (!folder_make(folder, why))
        return result;
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        error_set(why, "cannot open %s: %s", lock, strerror(errno));
    else if (!file_lock(fd, WAIT_MS))
        error_set(why, "other past leaderboards are being built");
    else if (past_file_map(config, key, &there)) {
        board_close(&there);
        result = PAST_FOUND;
    } else /* or it is one of another layout */
        result = build(db, leaderboard, snapshot, folder, path, why);
    if (fd >= 0)
        close(fd);
    return result;
}
