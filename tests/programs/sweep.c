/* Fails each call of a program in turn and looks at what becomes of it: see tests/sweep.sh, which
 * makes what this needs. The library that fails the calls is tests/preload/faults.c. */
#include "../preload/faults.h"
#include "buf.h"
#include "digest.h"
#include "file.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    ANSWER_MAX = 1 << 24,
    WAIT_MS = 30000,
    IO = FAULTS_READ | FAULTS_WRITE | FAULTS_SYNC | FAULTS_NAME | FAULTS_NET
};

static const struct mode {
    const char *name;
    uint32_t kinds;
    enum faults_action action;
    int error;
    bool onward;
} modes[] = {
    { "alloc", FAULTS_ALLOC, FAULTS_FAIL, ENOMEM, false },
    { "alloc-onward", FAULTS_ALLOC, FAULTS_FAIL, ENOMEM, true },
    { "read-eio", FAULTS_READ, FAULTS_FAIL, EIO, false },
    { "read-eintr", FAULTS_READ, FAULTS_FAIL, EINTR, false },
    { "read-short", FAULTS_READ, FAULTS_SHORT, 0, false },
    { "write-enospc", FAULTS_WRITE, FAULTS_FAIL, ENOSPC, false },
    { "write-enospc-onward", FAULTS_WRITE, FAULTS_FAIL, ENOSPC, true },
    { "write-eintr", FAULTS_WRITE, FAULTS_FAIL, EINTR, false },
    { "write-short", FAULTS_WRITE, FAULTS_SHORT, 0, false },
    { "sync-eio", FAULTS_SYNC, FAULTS_FAIL, EIO, false },
    { "name-eio", FAULTS_NAME, FAULTS_FAIL, EIO, false },
    { "name-emfile-onward", FAULTS_NAME, FAULTS_FAIL, EMFILE, true },
    { "net-reset", FAULTS_NET, FAULTS_FAIL, ECONNRESET, false },
    { "net-reset-onward", FAULTS_NET, FAULTS_FAIL, ECONNRESET, true },
    { "net-short", FAULTS_NET, FAULTS_SHORT, 0, false },
    { "kill", IO, FAULTS_KILL, 0, false },
};

/* A run of the fetcher, or a request to a program. */
static const struct scene {
    const char *name;
    const char *program;  /* in PROGRAM_DIR */
    const char *words[4]; /* the fetcher's */
    const char *target;   /* of the request */
    const char *body;     /* posted; NULL for a GET */
    bool empty;           /* begins without any state */
    bool synced;          /* begins with what the Hub has */
    bool begins;          /* the program's start is part of it */
    bool varies;          /* the answer tells the time */
} scenes[] = {
    { "sync", "fetcher", .words = { "sync" } },
    { "first-sync", "fetcher", .words = { "sync" }, .empty = true },
    { "pull", "fetcher", .words = { "pull", "--force" } },
    { "push", "fetcher", .words = { "push" } },
    { "verify", "fetcher", .words = { "verify" }, .synced = true },
    { "status", "fetcher", .words = { "status", "--json" } },
    { "history", "fetcher", .words = { "history", "--json" } },
    { "start", "leaderboard.fcgi", .target = "/api/leaderboard", .begins = true },
    { "leaderboard", "leaderboard.fcgi", .target = "/api/leaderboard" },
    { "formatted", "leaderboard.fcgi", .target = "/api/leaderboard/formatted?profile=space" },
    { "query", "leaderboard.fcgi",
      .target = "/api/leaderboard/formatted?search=marble&sort=-math&limit=3&rank=true"
                "&weights=ifeval:2,math:1&fields=model.name" },
    { "rows", "leaderboard.fcgi", .target = "/api/leaderboard?limit=5&offset=2" },
    { "past", "leaderboard.fcgi", .target = "/api/leaderboard/formatted?limit=5&at=1" },
    { "csv", "leaderboard.fcgi", .target = "/api/leaderboard.csv?limit=20" },
    { "jsonl", "leaderboard.fcgi", .target = "/api/leaderboard.jsonl?limit=20" },
    { "parquet", "leaderboard.fcgi", .target = "/api/leaderboard.parquet" },
    { "parquet-query", "leaderboard.fcgi", .target = "/api/leaderboard.parquet?limit=20" },
    { "model", "entries.fcgi", .target = "/api/leaderboard/models/acme/one" },
    { "compare", "entries.fcgi", .target = "/api/leaderboard/compare?models=acme/one,acme/two" },
    { "pareto", "entries.fcgi", .target = "/api/leaderboard/pareto?x=params_billions&y=average" },
    { "stats", "entries.fcgi", .target = "/api/leaderboard/stats" },
    { "about", "entries.fcgi", .target = "/api/leaderboard/about" },
    { "badge", "entries.fcgi", .target = "/api/badge/acme/one.svg?metric=rank" },
    { "snapshots", "changes.fcgi", .target = "/api/leaderboard/snapshots" },
    { "changes", "changes.fcgi", .target = "/api/leaderboard/changes?since=1" },
    { "feed", "changes.fcgi", .target = "/api/leaderboard/changes.atom" },
    { "queue", "models.fcgi", .target = "/api/models/status", .varies = true },
    { "pending", "models.fcgi", .target = "/api/models/pending?sort=votes", .varies = true },
    { "one", "models.fcgi", .target = "/api/models/acme/waits/status", .varies = true },
    { "submit", "models.fcgi", .target = "/api/models/submit",
      .body = "{\"user_id\": \"alice\", \"model_id\": \"sample-fit/chat\", "
              "\"model_type\": \"chat\"}" },
    { "user-votes", "votes.fcgi", .target = "/api/votes/user/alice" },
    { "model-votes", "votes.fcgi", .target = "/api/votes/model/acme/waits" },
    { "vote", "votes.fcgi", .target = "/api/votes/acme/waits",
      .body = "{\"user_id\": \"alice\", \"vote_type\": \"up\"}" },
    { "vote-hub", "votes.fcgi", .target = "/api/votes/sample-fit/base",
      .body = "{\"user_id\": \"alice\", \"vote_type\": \"up\"}" },
    { "health", "system.fcgi", .target = "/api/health?ready=1", .varies = true },
    { "metrics", "system.fcgi", .target = "/metrics", .varies = true },
    { "webhook", "system.fcgi", .target = "/api/webhooks/hub",
      .body = "{\"event\": {\"action\": \"update\", \"scope\": \"repo.content\"}, \"repo\": "
              "{\"type\": \"dataset\", \"name\": \"acme/contents\"}}" },
};

/* What became of a run, or what is wrong with it. */
enum outcome {
    DONE,    /* as if nothing had been */
    REFUSED, /* an error that says why: exit code and line, or 5xx */
    MEMORY,  /* the program ended for want of memory, and said so */
    LIBRARY, /* one of `takers` ended it */
    KILLED,  /* as was asked for */
    CRASHED, /* a signal */
    HUNG,    /* no end within WAIT_MS */
    SILENT,  /* an error without a word */
    WRONG,   /* a wrong answer, a broken or different state, now or after the next run */
    OUTCOMES,
    BAD = CRASHED /* from here on it is a defect */
};

static const char *const outcome_names[] = { "done",    "refused", "memory", "library", "killed",
                                             "crashed", "hung",    "silent", "WRONG" };

/* Libraries that take memory for granted, and cannot be given another allocator. */
static const char *const takers[] = { "libfcgi.so", "libsnappy.so" };

struct sweep {
    const char *programs, *template, *work;
    const char *state; /* the programs', and nobody else's: lighttpd has one of its own */
    const char *hub;   /* the folder of the local Hub's database */
    sqlite3 *held;     /* keeps -wal and -shm of the cache, as votes.fcgi does for readers */
    struct faults *faults;
    unsigned long seed, each, call;
    const char *only_mode;
    bool loud;
    struct buf expected[2]; /* the state after a run without faults, and after the next */
    struct buf answer;      /* to the request */
    bool stable;            /* the answer is the same each time */
    pid_t pid;              /* of the program that serves; 0: none */
    int listener;
    char complaint[400]; /* what is wrong */
    unsigned long runs, bad, taken[COUNT(takers)];
};

static _Noreturn void
broken(const char *what)
{
    fprintf(stderr, "sweep: %s: %s\n", what, strerror(errno));
    exit(111);
}

static enum outcome
wrong(struct sweep *sweep, const char *what)
{
    if (sweep->complaint[0] == '\0')
        snprintf(sweep->complaint, sizeof sweep->complaint, "%s", what);
    return WRONG;
}

/* ---- state ---- */

static char *
path_in(char path[512], const char *folder, const char *name)
{
    if (snprintf(path, 512, "%s/%s", folder, name) >= 512)
        broken(name);
    return path;
}

static void
copy(const char *from, const char *to)
{
    struct error why;
    struct buf bytes;
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    buf_init(&bytes, 1 << 28);
    if (fd < 0 || !file_read(from, &bytes, &why) ||
        write(fd, buf_string(&bytes), bytes.length) != (ssize_t)bytes.length)
        broken(to);
    close(fd);
    buf_free(&bytes);
}

/* Calls `each` for the files of a folder. */
static void
files(const char *folder, void (*each)(const char *path, const char *name))
{
    char path[512];
    DIR *listing = opendir(folder);

    if (listing == NULL)
        return;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        if (entry->d_type == DT_REG)
            each(path_in(path, folder, entry->d_name), entry->d_name);
    closedir(listing);
}

static void
remove_file(const char *path, const char *name)
{
    (void)name;
    unlink(path);
}

static void
remove_cache(const char *path, const char *name)
{
    if (strncmp(name, "cache.db", 8) == 0)
        unlink(path);
}

/* After a failure nobody asks the Hub for some seconds. */
static void
hub_up(const struct sweep *sweep)
{
    char path[512];

    unlink(path_in(path, sweep->state, "run/votes.login.hub-down"));
    unlink(path_in(path, sweep->state, "run/votes.hub-down"));
    unlink(path_in(path, sweep->state, "run/models.login.hub-down"));
    unlink(path_in(path, sweep->state, "run/models.hub-down"));
}

/* What the Hub holds becomes what it was. It is in use: the tables are replaced, not the file. */
static void
hub_reset(const struct sweep *sweep)
{
    char path[512], sql[1200];
    static const char *const tables[] = {
        "repos", "commits", "entries", "blobs", "objects", "parts"
    };
    sqlite3 *db;

    int lock = open(path_in(path, sweep->hub, "hub.db.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock < 0 || flock(lock, LOCK_EX) != 0)
        broken(path);
    if (sqlite3_open(path_in(path, sweep->hub, "hub.db"), &db) != SQLITE_OK)
        broken(path);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    snprintf(sql, sizeof sql,
             "ATTACH '%s/hub.db' AS was; PRAGMA wal_autocheckpoint=0; BEGIN IMMEDIATE;",
             sweep->template);
    bool good = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; good && i < COUNT(tables); i++) {
        snprintf(sql, sizeof sql, "DELETE FROM main.%s; INSERT INTO main.%s SELECT * FROM was.%s;",
                 tables[i], tables[i], tables[i]);
        good = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    }
    if (!good || sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "sweep: %s\n", sqlite3_errmsg(db));
        broken(path);
    }
    sqlite3_close(db);
    close(lock);
}

static void
state_let_go(struct sweep *sweep)
{
    sqlite3_close(sweep->held);
    sweep->held = NULL;
}

/* Makes -wal and -shm where they are not there, and puts right what a killed writer left. */
static void
state_hold(struct sweep *sweep)
{
    char path[512];

    if (sweep->held == NULL) {
        if (sqlite3_open_v2(path_in(path, sweep->state, "cache.db"), &sweep->held,
                            SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
            broken(path);
        sqlite3_db_config(sweep->held, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_busy_timeout(sweep->held, 5000);
    }
    if (sqlite3_exec(sweep->held, "SELECT count(*) FROM datasets", NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "sweep: %s\n", sqlite3_errmsg(sweep->held));
        broken("cache.db");
    }
}

/* No program may be at work. What one left, killed or not, is gone: its log, its index, its lock.
 */
static void
state_reset(struct sweep *sweep, bool empty, bool hub)
{
    char from[512], to[512], folder[512];

    state_let_go(sweep);
    files(sweep->state, remove_cache);
    files(path_in(folder, sweep->state, "public"), remove_file);
    if (hub)
        hub_reset(sweep);
    if (empty)
        return;
    copy(path_in(from, sweep->template, "cache.db"), path_in(to, sweep->state, "cache.db"));
    DIR *listing = opendir(path_in(folder, sweep->template, "public"));
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        char source[800], copied[800];
        snprintf(source, sizeof source, "%s/%s", folder, entry->d_name);
        snprintf(copied, sizeof copied, "%s/public/%s", sweep->state, entry->d_name);
        if (entry->d_type == DT_REG && link(source, copied) != 0)
            broken(copied);
    }
    closedir(listing);
}

static void
put_query(sqlite3 *db, const char *sql, struct buf *out)
{
    sqlite3_stmt *row;

    buf_format(out, "-- %s\n", sql);
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK) {
        buf_format(out, "%s\n", sqlite3_errmsg(db));
        return;
    }
    while (sqlite3_step(row) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(row); i++)
            buf_format(out, "%s\t", (const char *)sqlite3_column_text(row, i));
        buf_byte(out, '\n');
    }
    sqlite3_finalize(row);
}

/* What the state comes to, without what is different each time. */
static void
state_describe(const struct sweep *sweep, struct buf *out)
{
    static const char *const cache[] = {
        "SELECT position, id, raw FROM models ORDER BY position",
        "SELECT * FROM scores ORDER BY position, benchmark",
        "SELECT name FROM official_providers ORDER BY name",
        "SELECT name, repo, rows, revision <> '', error FROM datasets ORDER BY name",
        "SELECT path, oid, status, content FROM requests ORDER BY path",
        "SELECT model, revision, username, vote_type, pull > 0 FROM votes ORDER BY 1, 2, 3",
        "SELECT dataset, model, username, content, parked FROM outbox ORDER BY id",
        "SELECT username, path FROM submissions ORDER BY username, path",
        "SELECT count(*) FROM request_staging",
        "SELECT name, profile, encoding, length FROM snapshots ORDER BY 1, 2, 3",
        "SELECT file FROM snapshots WHERE name <> 'board' ORDER BY file",
    };
    char path[800];
    sqlite3 *db;

    buf_reset(out);
    if (sqlite3_open_v2(path_in(path, sweep->state, "cache.db"), &db, SQLITE_OPEN_READWRITE,
                        NULL) == SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        for (size_t i = 0; i < COUNT(cache); i++)
            put_query(db, cache[i], out);
    }
    sqlite3_close(db);
    if (sqlite3_open_v2(path_in(path, sweep->hub, "hub.db"), &db, SQLITE_OPEN_READWRITE, NULL) ==
        SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        put_query(db,
                  "SELECT r.name, e.path, e.oid FROM entries e JOIN repos r ON r.id = e.repo "
                  "WHERE e.until = 9223372036854775807 ORDER BY r.name, e.path",
                  out);
    }
    sqlite3_close(db);
}

/* What must be so at any moment: the database is whole, and what it says is published is there. */
static bool
state_whole(struct sweep *sweep)
{
    char path[800];
    sqlite3_stmt *row;
    sqlite3 *db;
    bool good = true;
    struct stat file;

    if (stat(path_in(path, sweep->state, "cache.db"), &file) != 0)
        return true;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return wrong(sweep, "the database cannot be opened") == DONE;
    sqlite3_busy_timeout(db, 5000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &row, NULL) != SQLITE_OK ||
        sqlite3_step(row) != SQLITE_ROW)
        good = wrong(sweep, sqlite3_errmsg(db)) == DONE;
    else if (strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0)
        good = wrong(sweep, (const char *)sqlite3_column_text(row, 0)) == DONE;
    sqlite3_finalize(row);
    if (sqlite3_prepare_v2(db, "SELECT file, length FROM snapshots", -1, &row, NULL) == SQLITE_OK) {
        while (sqlite3_step(row) == SQLITE_ROW) {
            snprintf(path, sizeof path, "%s/public/%s", sweep->state,
                     (const char *)sqlite3_column_text(row, 0));
            if (stat(path, &file) != 0 || file.st_size != sqlite3_column_int64(row, 1))
                good = wrong(sweep, "a published file is not there, or is cut") == DONE;
        }
        sqlite3_finalize(row);
    }
    sqlite3_close(db);
    return good;
}

/* ---- programs ---- */

static void
arm(struct sweep *sweep, const struct mode *mode, uint64_t call, bool now, bool on_accept)
{
    struct faults *faults = sweep->faults;

    memset(faults, 0, sizeof *faults);
    faults->kinds = mode == NULL ? 0 : mode->kinds;
    faults->action = mode == NULL ? FAULTS_FAIL : mode->action;
    faults->error = mode == NULL ? 0 : mode->error;
    faults->onward = mode != NULL && mode->onward;
    faults->call = call;
    faults->on_accept = on_accept;
    faults->armed = now;
}

/* Starts a program whose words go into WORK/out and WORK/err. */
static pid_t
begin(const struct sweep *sweep, const char *program, const char *const *words, int input)
{
    char path[512], out[512], err[512], shim[600];
    char *argv[8] = { path_in(path, sweep->programs, program) };

    path_in(out, sweep->work, "out");
    path_in(err, sweep->work, "err");
    snprintf(shim, sizeof shim, "%s/tests/faults.so", sweep->programs);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int stdout_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int stderr_fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (input < 0)
        input = open("/dev/null", O_RDONLY);
    for (int i = 0; words != NULL && i < 4 && words[i] != NULL; i++)
        argv[i + 1] = mem_string(words[i]);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever ends the sweep leaves none behind */
    dup2(input, 0);
    dup2(stdout_fd, 1);
    dup2(stderr_fd, 2);
    closefrom(3);
    setenv("LD_PRELOAD", shim, 1);
    execv(path, argv);
    _exit(126);
}

/* Sends a program the signal (0: none) and waits for its end; false when it has to be killed. */
static bool
ended(pid_t pid, int number, int *status)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd end = { .fd = fd, .events = POLLIN };

    if (fd < 0 || (number != 0 && pidfd_send_signal(fd, number, NULL, 0) != 0))
        broken("pidfd");
    bool good = poll(&end, 1, WAIT_MS) == 1;
    if (!good)
        pidfd_send_signal(fd, SIGKILL, NULL, 0);
    close(fd);
    waitpid(pid, status, 0);
    return good;
}

static void
said(const struct sweep *sweep, const char *name, struct buf *out)
{
    char path[512];
    struct error why;

    buf_reset(out);
    if (!file_read(path_in(path, sweep->work, name), out, &why))
        buf_reset(out);
}

/* Whether it was one of `takers` that crashed, after memory was refused. */
static bool
library_ended(struct sweep *sweep)
{
    const struct faults *faults = sweep->faults;

    for (size_t i = 0; i < COUNT(takers); i++) {
        if (faults->kinds == FAULTS_ALLOC && faults->failed != 0 &&
            strncmp(faults->crashed, takers[i], strlen(takers[i])) == 0) {
            sweep->taken[i]++;
            return true;
        }
    }
    return false;
}

/* What an end by signal or exit code means. */
static enum outcome
judge_end(struct sweep *sweep, int status)
{
    struct buf words;
    enum outcome outcome;

    buf_init(&words, ANSWER_MAX);
    said(sweep, "err", &words);
    const char *text = buf_string(&words);
    bool memory = strstr(text, "out of memory") != NULL;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        outcome = KILLED;
    else if (WIFSIGNALED(status) && library_ended(sweep))
        outcome = LIBRARY;
    else if (WIFSIGNALED(status))
        outcome = CRASHED;
    else if (WEXITSTATUS(status) == 0)
        outcome = DONE;
    else if (memory)
        outcome = MEMORY;
    else
        outcome = words.length != 0 ? REFUSED : SILENT;
    if (outcome >= BAD)
        snprintf(sweep->complaint, sizeof sweep->complaint, "%s %d %s: %.200s",
                 WIFSIGNALED(status) ? "signal" : "exit code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                 sweep->faults->crashed, text);
    buf_free(&words);
    return outcome;
}

/* Runs the fetcher to its end. */
static enum outcome
fetch(struct sweep *sweep, const char *const *words)
{
    int status;

    if (!ended(begin(sweep, "fetcher", words, -1), 0, &status))
        return HUNG;
    return judge_end(sweep, status);
}

/* ---- the fetcher's scenes ---- */

/* Whether the state is what is expected; the first time, it becomes that. */
static bool
state_is(struct sweep *sweep, int when)
{
    struct buf *expected = &sweep->expected[when], now;
    struct error why;
    char path[512];

    buf_init(&now, ANSWER_MAX);
    state_describe(sweep, &now);
    if (expected->length == 0)
        buf_put(expected, buf_string(&now), now.length);
    bool same = strcmp(buf_string(&now), buf_string(expected)) == 0;
    if (!same &&
        (!file_publish(path_in(path, sweep->work, "state"), buf_string(&now), now.length, &why) ||
         !file_publish(path_in(path, sweep->work, "expected"), buf_string(expected),
                       expected->length, &why)))
        broken(path);
    buf_free(&now);
    return same;
}

static enum outcome
fetcher_run(struct sweep *sweep, const struct scene *scene, const struct mode *mode, uint64_t call)
{
    static const char *const sync[4] = { "sync" }, *const verify[4] = { "verify" };
    bool changes = strcmp(scene->words[0], "sync") == 0;
    struct buf now;

    state_reset(sweep, scene->empty, true);
    arm(sweep, NULL, 0, false, false);
    if (scene->synced && fetch(sweep, sync) != DONE)
        return wrong(sweep, "the sync before it fails");
    arm(sweep, mode, call, true, false);
    enum outcome outcome = fetch(sweep, scene->words);
    sweep->faults->armed = false;
    uint64_t reached = sweep->faults->reached;
    if (outcome >= BAD)
        return outcome;
    buf_init(&now, ANSWER_MAX);
    said(sweep, "out", &now);
    if (outcome == DONE && mode == NULL && !changes) {
        buf_reset(&sweep->answer);
        buf_put(&sweep->answer, buf_string(&now), now.length);
    }
    if (outcome == DONE && sweep->stable && !changes &&
        strcmp(buf_string(&now), buf_string(&sweep->answer)) != 0)
        outcome = wrong(sweep, "exit code 0 with other words");
    if (scene->synced && (strstr(buf_string(&now), " alone\n") != NULL ||
                          strstr(buf_string(&now), " another one ") != NULL))
        outcome = wrong(sweep, "tells of a difference where there is none");
    if (!state_whole(sweep))
        outcome = WRONG;
    /* Whoever exits with 0 has done everything. */
    if (outcome == DONE && !state_is(sweep, 0))
        outcome = wrong(sweep, "exit code 0, but not everything was done");
    if (fetch(sweep, sync) != DONE)
        outcome = wrong(sweep, "the next sync fails");
    if (!state_is(sweep, 1))
        outcome = wrong(sweep, "the next sync does not put it right");
    if (!state_whole(sweep))
        outcome = WRONG;
    if (fetch(sweep, verify) != DONE)
        outcome = wrong(sweep, "verify finds a difference after the next sync");
    buf_free(&now);
    sweep->faults->reached = reached;
    return outcome;
}

/* ---- requests ---- */

static void
put_record(struct buf *out, int type, const void *bytes, size_t length)
{
    const char head[8] = { 1, (char)type, 0, 1, (char)(length >> 8), (char)length, 0, 0 };

    buf_put(out, head, sizeof head);
    buf_put(out, bytes, length);
}

static void
put_parameter(struct buf *out, const char *name, const char *value)
{
    size_t lengths[] = { strlen(name), strlen(value) };

    for (int i = 0; i < 2; i++) {
        const char size[4] = { (char)(lengths[i] >> 24 | 0x80), (char)(lengths[i] >> 16),
                               (char)(lengths[i] >> 8), (char)lengths[i] };
        buf_put(out, size, sizeof size);
    }
    buf_text(out, name);
    buf_text(out, value);
}

/* Sends the scene's request to the program and reads what it answers until it hangs up. False when
 * that does not happen. */
static bool
ask(const struct sweep *sweep, const struct scene *scene, struct buf *answer)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct buf parameters, message;
    char length[32], part[65536];
    const char *body = scene->body == NULL ? "" : scene->body;
    const char start[8] = { 0, 1, 0 };

    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", sweep->work);
    snprintf(length, sizeof length, "%zu", strlen(body));
    buf_init(&parameters, 65536);
    buf_init(&message, 1 << 20);
    put_parameter(&parameters, "REQUEST_METHOD", scene->body == NULL ? "GET" : "POST");
    put_parameter(&parameters, "REQUEST_URI", scene->target);
    put_parameter(&parameters, "REMOTE_ADDR", "127.0.0.1");
    put_parameter(&parameters, "CONTENT_TYPE", "application/json");
    put_parameter(&parameters, "CONTENT_LENGTH", length);
    put_parameter(&parameters, "HTTP_X_REQUEST_ID", "sweep");
    put_parameter(&parameters, "HTTP_AUTHORIZATION", "Bearer hf_local_alice");
    put_parameter(&parameters, "HTTP_X_WEBHOOK_SECRET", "sweep");
    put_parameter(&parameters, "HTTP_ACCEPT_ENCODING", "gzip");
    put_record(&message, 1, start, sizeof start);
    put_record(&message, 4, parameters.data, parameters.length);
    put_record(&message, 4, "", 0);
    if (body[0] != '\0')
        put_record(&message, 5, body, strlen(body));
    put_record(&message, 5, "", 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A program that has ended already takes no connection. */
    bool good = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                send(fd, message.data, message.length, MSG_NOSIGNAL) == (ssize_t)message.length;
    buf_reset(&message);
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    ssize_t got = 0;
    bool timely = true;
    while (good && (timely = poll(&readable, 1, WAIT_MS) == 1) &&
           (got = recv(fd, part, sizeof part, 0)) > 0)
        buf_put(&message, part, (size_t)got);
    close(fd);
    /* Only what came in records of standard output, and only if the end was told. */
    buf_reset(answer);
    bool whole = false;
    for (size_t at = 0; at + 8 <= message.length;) {
        const unsigned char *record = (const unsigned char *)message.data + at;
        size_t size = (size_t)record[4] << 8 | record[5];
        if (at + 8 + size > message.length)
            break;
        if (record[1] == 6)
            buf_put(answer, record + 8, size);
        whole = record[1] == 3;
        at += 8 + size + record[6];
    }
    if (!whole)
        buf_reset(answer);
    /* Where the published board cannot be read the newest snapshot's serves: with the same rows,
     * and a tag of its own. */
    char *tag = whole ? strstr(buf_string(answer), "\r\nETag: ") : NULL;
    char *end = tag == NULL ? NULL : strstr(tag + 2, "\r\n");
    if (end != NULL) {
        memmove(tag, end, answer->length - (size_t)(end - answer->data) + 1);
        answer->length -= (size_t)(end - tag);
    }
    buf_free(&parameters);
    buf_free(&message);
    return timely;
}

static int
answer_status(const struct buf *answer)
{
    int status = 0;

    return sscanf(buf_string(answer), "Status: %d", &status) == 1 ? status : 0;
}

/* Has the program running. */
static void
serve(struct sweep *sweep, const struct scene *scene)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (sweep->pid != 0)
        return;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", sweep->work);
    if (sweep->listener >= 0)
        close(sweep->listener);
    unlink(address.sun_path);
    sweep->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sweep->listener < 0 ||
        bind(sweep->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(sweep->listener, 8) != 0)
        broken(address.sun_path);
    sweep->pid = begin(sweep, scene->program, NULL, sweep->listener);
    /* The program alone accepts, so that a connection ends with it. */
    close(sweep->listener);
    sweep->listener = -1;
}

static void
serve_end(struct sweep *sweep, int number, int *status)
{
    *status = 0;
    if (sweep->pid == 0)
        return;
    ended(sweep->pid, number, status);
    sweep->pid = 0;
}

/* Whether the program has ended, and how. */
static bool
serve_ended(struct sweep *sweep, int *status, int wait_ms)
{
    int fd = pidfd_open(sweep->pid, 0);
    struct pollfd end = { .fd = fd, .events = POLLIN };
    bool gone = poll(&end, 1, wait_ms) == 1;

    close(fd);
    if (!gone)
        return false;
    waitpid(sweep->pid, status, 0);
    sweep->pid = 0;
    return true;
}

/* What the database holds of the write that the request asks for. */
static void
written(const struct sweep *sweep, struct buf *out)
{
    char path[512];
    sqlite3 *db;

    buf_reset(out);
    if (sqlite3_open_v2(path_in(path, sweep->state, "cache.db"), &db, SQLITE_OPEN_READWRITE,
                        NULL) == SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        put_query(db, "SELECT count(*) FROM votes", out);
        put_query(db, "SELECT count(*) FROM outbox", out);
        put_query(db, "SELECT count(*) FROM requests", out);
        put_query(db, "SELECT count(*) FROM submissions", out);
    }
    sqlite3_close(db);
}

static enum outcome
request_run(struct sweep *sweep, const struct scene *scene, const struct mode *mode, uint64_t call,
            bool warm)
{
    bool writes = scene->body != NULL;
    struct buf answer, rows;
    enum outcome outcome;
    int status = 0;

    if (writes || !warm)
        serve_end(sweep, SIGTERM, &status);
    if (writes) {
        char path[512];
        state_reset(sweep, false, false);
        unlink(path_in(path, sweep->state, "run/ratelimit"));
    }
    hub_up(sweep);
    buf_init(&answer, ANSWER_MAX);
    buf_init(&rows, ANSWER_MAX);
    if (warm && sweep->pid == 0 && !writes) {
        arm(sweep, NULL, 0, false, false);
        serve(sweep, scene);
        ask(sweep, scene, &answer);
    }
    state_hold(sweep);
    arm(sweep, mode, call, warm || scene->begins, !warm && !scene->begins);
    serve(sweep, scene);
    bool timely = ask(sweep, scene, &answer);
    sweep->faults->armed = false;
    sweep->faults->on_accept = false;
    uint64_t reached = sweep->faults->reached;
    int code = answer_status(&answer);
    bool killed = sweep->faults->action == FAULTS_KILL && sweep->faults->failed != 0;
    bool gone = serve_ended(sweep, &status, code == 0 || killed ? 2000 : 0);
    if (!timely && !gone) {
        outcome = HUNG;
        serve_end(sweep, SIGKILL, &status);
    } else if (gone)
        outcome = judge_end(sweep, status);
    else if (code == 0)
        outcome = REFUSED; /* it hung up and goes on: lighttpd answers 500 or 503 */
    else
        outcome = code >= 500 ? REFUSED : DONE;
    if (outcome == DONE && code == 0)
        outcome = REFUSED; /* it ended as if told to; lighttpd begins another */
    if (mode == NULL) {
        sweep->stable = !scene->varies;
        buf_reset(&sweep->answer);
        buf_put(&sweep->answer, buf_string(&answer), answer.length);
        if (code / 100 != 2) {
            snprintf(sweep->complaint, sizeof sweep->complaint, "without faults: %.300s",
                     buf_string(&answer));
            outcome = WRONG;
        }
    } else if (code != 0 && code < 500 &&
               (code != answer_status(&sweep->answer) ||
                (sweep->stable && (answer.length != sweep->answer.length ||
                                   memcmp(answer.data, sweep->answer.data, answer.length) != 0)))) {
        outcome = WRONG;
        snprintf(sweep->complaint, sizeof sweep->complaint, "another answer: %.300s",
                 buf_string(&answer));
    }
    /* The next request, without a fault, to the same process where it lives. A write that was
     * acknowledged is there, and is refused the second time; another may be there or not. */
    hub_up(sweep);
    state_hold(sweep);
    serve(sweep, scene);
    timely = ask(sweep, scene, &answer);
    int again = answer_status(&answer);
    if (!timely) {
        outcome = HUNG;
        serve_end(sweep, SIGKILL, &status);
    } else if (writes && strcmp(scene->program, "system.fcgi") != 0) {
        bool acknowledged = code == 200;
        if (acknowledged ? again != 409 : again != 200 && again != 409) {
            outcome = WRONG;
            snprintf(sweep->complaint, sizeof sweep->complaint, "answered %d, then %.300s", code,
                     buf_string(&answer));
        }
        written(sweep, &rows);
        if (mode == NULL) {
            buf_reset(&sweep->expected[0]);
            buf_put(&sweep->expected[0], buf_string(&rows), rows.length);
        } else if (strcmp(buf_string(&rows), buf_string(&sweep->expected[0])) != 0) {
            outcome = wrong(sweep, "the write is not there once");
        }
        if (!state_whole(sweep))
            outcome = WRONG;
    } else if (sweep->stable ? (answer.length != sweep->answer.length ||
                                memcmp(answer.data, sweep->answer.data, answer.length) != 0)
                             : again / 100 != 2) {
        outcome = WRONG;
        snprintf(sweep->complaint, sizeof sweep->complaint, "the next answer: %.300s",
                 buf_string(&answer));
    }
    buf_free(&answer);
    buf_free(&rows);
    sweep->faults->reached = reached;
    return outcome;
}

/* ---- sweeps ---- */

static uint64_t
random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static enum outcome
run(struct sweep *sweep, const struct scene *scene, const struct mode *mode, uint64_t call,
    bool warm)
{
    sweep->complaint[0] = '\0';
    if (scene->target == NULL)
        return fetcher_run(sweep, scene, mode, call);
    return request_run(sweep, scene, mode, call, warm);
}

static void
sweep_one(struct sweep *sweep, const struct scene *scene, const struct mode *mode, bool warm)
{
    unsigned long counts[OUTCOMES] = { 0 }, tried = 0, failed = 0;
    uint64_t random = sweep->seed * 2654435761u + 88172645463325252u;

    /* Count. */
    run(sweep, scene, mode, 0, warm);
    uint64_t reached = sweep->faults->reached;
    uint64_t all = reached <= sweep->each ? reached : sweep->each / 2;
    uint64_t points = reached <= sweep->each ? reached : sweep->each;
    for (uint64_t i = 0; i < points; i++) {
        uint64_t call = i < all ? i + 1 : all + 1 + random_next(&random) % (reached - all);
        if (sweep->call != 0) {
            call = sweep->call;
            points = 1;
        }
        enum outcome outcome = run(sweep, scene, mode, call, warm);
        for (char *c = sweep->complaint; *c != '\0'; c++)
            *c = *c == '\n' ? '|' : *c < ' ' ? '?' : *c;
        tried++;
        failed += sweep->faults->failed != 0;
        counts[outcome]++;
        if (outcome >= BAD || sweep->loud)
            printf("%s: %s%s --mode %s --call %llu (%s): %s\n", outcome_names[outcome], scene->name,
                   warm ? " --warm" : "", mode->name, (unsigned long long)call, sweep->faults->what,
                   sweep->complaint);
        sweep->bad += outcome >= BAD;
    }
    sweep->runs += tried;
    printf("%-14s %-5s %-20s %7llu %6lu %6lu ", scene->name,
           scene->target == NULL ? "run"
           : warm                ? "warm"
                                 : "cold",
           mode->name, (unsigned long long)reached, tried, failed);
    for (int i = 0; i < OUTCOMES; i++)
        printf(" %7lu", counts[i]);
    putchar('\n');
    fflush(stdout);
}

/* Whether a list like "alloc,kill" names it; NULL names all. */
static bool
mode_wanted(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; at != NULL && *at != '\0'; at += *at == ',') {
        size_t part = strcspn(at, ",");
        if (part == length && memcmp(at, name, length) == 0)
            return true;
        at += part;
    }
    return list == NULL;
}

static void
sweep_scene(struct sweep *sweep, const struct scene *scene)
{
    int status;

    buf_reset(&sweep->expected[0]);
    buf_reset(&sweep->expected[1]);
    buf_reset(&sweep->answer);
    sweep->stable = false;
    /* Twice without faults: what is expected, and whether it is the same each time. */
    for (int i = 0; i < 2; i++) {
        serve_end(sweep, SIGTERM, &status);
        arm(sweep, NULL, 0, false, false);
        state_reset(sweep, false, true);
        if (run(sweep, scene, NULL, 0, false) != DONE) {
            printf("WRONG: %s without faults: %s\n", scene->name, sweep->complaint);
            sweep->bad++;
            return;
        }
    }
    if (scene->target == NULL)
        sweep->stable =
            strcmp(scene->words[0], "status") != 0 && strcmp(scene->words[0], "history") != 0;
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (!mode_wanted(sweep->only_mode, modes[i].name))
            continue;
        sweep_one(sweep, scene, &modes[i], false);
        if (scene->target != NULL && scene->body == NULL && !scene->begins)
            sweep_one(sweep, scene, &modes[i], true);
    }
    serve_end(sweep, SIGTERM, &status);
}

static int
usage(FILE *out)
{
    fputs(
        "usage: sweep [--seed N] [--each N] [--mode MODE[,MODE…]] [--call N] [--loud] [SCENE…]\n\n"
        "  --each N   at most so many points of a scene and mode: the first half in order, the\n"
        "             other half at random by the seed; all where there are no more (default 200)\n"
        "  --call N   only this one\n"
        "  --loud     a line for each run\n\nModes:",
        out);
    for (size_t i = 0; i < COUNT(modes); i++)
        fprintf(out, " %s", modes[i].name);
    fputs("\nScenes:", out);
    for (size_t i = 0; i < COUNT(scenes); i++)
        fprintf(out, " %s", scenes[i].name);
    fputs("\n\nSTATE_DIR, PROGRAM_DIR, SWEEP_HUB, SWEEP_TEMPLATE and SWEEP_WORK are folders:\n"
          "tests/sweep.sh.\n",
          out);
    return out == stdout ? 0 : 100;
}

int
main(int argc, char **argv)
{
    struct sweep sweep = { .programs = getenv("PROGRAM_DIR"),
                           .state = getenv("STATE_DIR"),
                           .hub = getenv("SWEEP_HUB"),
                           .template = getenv("SWEEP_TEMPLATE"),
                           .work = getenv("SWEEP_WORK"),
                           .seed = 1,
                           .each = 200,
                           .listener = -1 };
    char path[512];
    int named = 1;

    for (; named < argc && strncmp(argv[named], "--", 2) == 0; named++) {
        const char *value = named + 1 < argc ? argv[named + 1] : "0";
        if (strcmp(argv[named], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[named], "--loud") == 0) {
            sweep.loud = true;
            continue;
        }
        if (strcmp(argv[named], "--seed") == 0)
            sweep.seed = strtoul(value, NULL, 10);
        else if (strcmp(argv[named], "--each") == 0)
            sweep.each = strtoul(value, NULL, 10);
        else if (strcmp(argv[named], "--call") == 0)
            sweep.call = strtoul(value, NULL, 10);
        else if (strcmp(argv[named], "--mode") == 0)
            sweep.only_mode = value;
        else
            return usage(stderr);
        named++;
    }
    if (sweep.programs == NULL || sweep.state == NULL || sweep.hub == NULL ||
        sweep.template == NULL || sweep.work == NULL)
        return usage(stderr);
    int fd = open(path_in(path, sweep.work, "faults"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *sweep.faults) != 0)
        broken(path);
    setenv("FAULTS", path, 1);
    sweep.faults = mmap(NULL, sizeof *sweep.faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (sweep.faults == MAP_FAILED)
        broken(path);
    buf_init(&sweep.expected[0], ANSWER_MAX);
    buf_init(&sweep.expected[1], ANSWER_MAX);
    buf_init(&sweep.answer, ANSWER_MAX);
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was found is told, however it ends */
    printf("seed %lu\n%-14s %-5s %-20s %7s %6s %6s ", sweep.seed, "scene", "", "mode", "reached",
           "tried", "failed");
    for (int i = 0; i < OUTCOMES; i++)
        printf(" %7s", outcome_names[i]);
    putchar('\n');
    for (size_t i = 0; i < COUNT(scenes); i++) {
        bool wanted = named == argc;
        for (int j = named; j < argc; j++)
            wanted = wanted || strcmp(argv[j], scenes[i].name) == 0 ||
                     strcmp(argv[j], scenes[i].program) == 0;
        if (wanted)
            sweep_scene(&sweep, &scenes[i]);
    }
    state_let_go(&sweep);
    printf("%lu runs, %lu bad", sweep.runs, sweep.bad);
    for (size_t i = 0; i < COUNT(takers); i++)
        if (sweep.taken[i] != 0)
            printf("; %s ended %lu", takers[i], sweep.taken[i]);
    putchar('\n');
    buf_free(&sweep.expected[0]);
    buf_free(&sweep.expected[1]);
    buf_free(&sweep.answer);
    return sweep.bad != 0;
}
