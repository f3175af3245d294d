#include "past_file.h"

#include "file.h"
#include "past.h"
#include "providers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 5000, BOARD_MAX = 1 << 30, FINGERPRINT = 16 };

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

static bool
build(struct db *db, const struct leaderboard *leaderboard, const struct history_snapshot *snapshot,
      const char *folder, const char *path, struct error *why)
{
    struct providers providers;
    struct board board;
    struct arena arena;
    struct buf block;

    arena_init(&arena, 0);
    buf_init(&block, BOARD_MAX);
    bool good = providers_load(db, &providers, &arena, why) &&
                past_board(db, leaderboard, snapshot, &providers, &block, &board, why);
    if (good) {
        board_close(&board);
        make_room(folder);
        good = file_publish(path, buf_string(&block), block.length, why);
    }
    buf_free(&block);
    arena_free(&arena);
    return good;
}

bool
past_file_map(const struct config *config, struct db *db, const struct leaderboard *leaderboard,
              const struct history_snapshot *snapshot, struct board *board, struct error *why)
{
    char folder[PATH_MAX - 128], path[PATH_MAX], lock[PATH_MAX];

    snprintf(folder, sizeof folder, "%s/past", config->state_dir);
    snprintf(path, sizeof path, "%s/%" PRId64 "-%.*s.board", folder, snapshot->id, FINGERPRINT,
             leaderboard->fingerprint);
    if (access(path, R_OK) == 0 && board_map(board, path, NULL))
        return true;
    if (!folder_make(folder, why))
        return false;
    snprintf(lock, sizeof lock, "%s/.lock", folder);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0 || !file_lock(fd, WAIT_MS)) {
        error_set(why, fd < 0 ? "cannot open %s: %s" : "%s is locked for too long: %s", lock,
                  strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    /* Somebody may have built it meanwhile. */
    bool good =
        (access(path, R_OK) == 0 && board_map(board, path, NULL)) ||
        (build(db, leaderboard, snapshot, folder, path, why) && board_map(board, path, why));
    close(fd);
    return good;
}
