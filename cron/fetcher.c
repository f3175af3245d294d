/* fetcher: takes the Hub's datasets into the cache. Started by cron, a timer or by hand; one at a
 * time. */
#include "backup.h"
#include "config.h"
#include "confine.h"
#include "db.h"
#include "file.h"
#include "history.h"
#include "hub.h"
#include "json.h"
#include "leaderboard.h"
#include "outbox.h"
#include "pull.h"
#include "push.h"
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_RUNNING = 2,
    PUSHABLE = 1u << DATASET_VOTES | 1u << DATASET_REQUESTS,
    EVERY = (1u << DATASET_COUNT) - 1,
};

struct options {
    bool force, accept_loss, quiet, json, retry, once;
    const struct command *command;
    unsigned wanted;  /* datasets, a bit for each */
    const char *file; /* NULL where the command takes none */
};

/* `datasets` are those it is for, a bit for each; they may be named where `arguments` say so. `run`
 * gives the exit code; `each` is what it does with one dataset, where it asks the Hub. */
struct command {
    const char *name, *arguments, *help;
    unsigned datasets;
    int (*run)(const struct options *options, struct config *config);
    bool (*each)(const struct options *options, const struct pull *pull, enum dataset dataset);
};

static int
fail(int code, const char *text)
{
    fprintf(stderr, "fetcher: %s\n", text);
    return code;
}

/* ---- progress ---- */

/* A line on the terminal that is written over. */
struct line {
    struct timespec start, last;
};

/* True when the line is due again: ten times a second, and at the end. */
static bool
line_due(struct line *line, bool ended)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms =
        (now.tv_sec - line->last.tv_sec) * 1000 + (now.tv_nsec - line->last.tv_nsec) / 1000000;
    if (!ended && ms < 100)
        return false;
    line->last = now;
    return true;
}

static void
line_end(bool ended)
{
    fputs(ended ? "\r\033[K" : "\033[K", stderr);
    fflush(stderr);
}

static void
on_bytes(void *context, uint64_t done, uint64_t total)
{
    bool ended = total != 0 && done >= total;

    if (!line_due(context, ended))
        return;
    if (total == 0)
        fprintf(stderr, "\r  %.1f MB", (double)done / 1e6);
    else
        fprintf(stderr, "\r  %3.0f %% of %.1f MB", 100.0 * (double)done / (double)total,
                (double)total / 1e6);
    line_end(ended);
}

static void
on_files(void *context, size_t done, size_t total)
{
    struct line *line = context;

    if (done == 1)
        clock_gettime(CLOCK_MONOTONIC, &line->start);
    if (!line_due(line, done == total))
        return;
    double seconds = (double)(line->last.tv_sec - line->start.tv_sec) +
                     (double)(line->last.tv_nsec - line->start.tv_nsec) / 1e9;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    fprintf(stderr, "\r  %zu of %zu files, %.0f/s, %.0f s left", done, total, rate,
            rate > 0 ? (double)(total - done) / rate : 0.0);
    line_end(done == total);
}

/* ---- commands ---- */

static double
cpu_seconds(long *peak_kb)
{
    struct rusage usage_now;

    getrusage(RUSAGE_SELF, &usage_now);
    *peak_kb = usage_now.ru_maxrss;
    return (double)(usage_now.ru_utime.tv_sec + usage_now.ru_stime.tv_sec) +
           (double)(usage_now.ru_utime.tv_usec + usage_now.ru_stime.tv_usec) / 1e6;
}

static int64_t
dataset_rows(struct db *db, enum dataset dataset)
{
    sqlite3_stmt *row = db_query(db, SQL_DATASET_FIND, DB_TEXT(dataset_name(dataset)));
    int64_t rows = db_next(db, row, NULL) ? sqlite3_column_int64(row, 3) : 0;

    db_done(row);
    return rows;
}

static bool
pull_one(const struct options *options, const struct pull *pull, enum dataset dataset)
{
    const struct log *log = &pull->config->log;
    unsigned before = hub_requests(pull->hub);
    struct error why;
    long peak_kb;

    (void)options;
    enum pull_result result = pull_dataset(pull, dataset, &why);
    if (result == PULL_FAILED) {
        log_event(log, LEVEL_ERROR, LOG_SYNC, "pull failed; what was there stays",
                  LOG_TEXT("dataset", dataset_name(dataset)), LOG_TEXT("error", why.text));
        return false;
    }
    double seconds = cpu_seconds(&peak_kb);
    log_event(log, LEVEL_INFO, LOG_SYNC, result == PULL_DONE ? "pulled" : "unchanged",
              LOG_TEXT("dataset", dataset_name(dataset)),
              LOG_INTEGER("rows", dataset_rows(pull->db, dataset)),
              LOG_INTEGER("hub_requests", hub_requests(pull->hub) - before),
              LOG_INTEGER("cpu_ms", seconds * 1000), LOG_INTEGER("peak_kb", peak_kb));
    return true;
}

static bool
push_one(const struct options *options, const struct pull *pull, enum dataset dataset)
{
    const struct log *log = &pull->config->log;
    struct pushed pushed;
    struct error why;
    long peak_kb;

    if (options->retry && !outbox_retry(pull->db, dataset_name(dataset), &why)) {
        log_event(log, LEVEL_ERROR, LOG_SYNC, "push failed", LOG_TEXT("error", why.text));
        return false;
    }
    enum push_result result = push_dataset(pull, dataset, &pushed, &why);
    cpu_seconds(&peak_kb);
    if (result == PUSH_FAILED)
        log_event(log, LEVEL_ERROR, LOG_SYNC, "push failed; the outbox keeps what is left",
                  LOG_TEXT("dataset", dataset_name(dataset)),
                  LOG_INTEGER("written", pushed.written), LOG_INTEGER("parked", pushed.parked),
                  LOG_TEXT("error", why.text));
    else if (result == PUSH_DONE)
        log_event(log, pushed.parked != 0 ? LEVEL_WARNING : LEVEL_INFO, LOG_SYNC, "pushed",
                  LOG_TEXT("dataset", dataset_name(dataset)),
                  LOG_INTEGER("written", pushed.written),
                  LOG_INTEGER("there_already", pushed.there_already),
                  LOG_INTEGER("parked", pushed.parked), LOG_INTEGER("commits", pushed.commits),
                  LOG_INTEGER("conflicts", pushed.conflicts), LOG_INTEGER("peak_kb", peak_kb));
    return result != PUSH_FAILED;
}

static bool
sync_one(const struct options *options, const struct pull *pull, enum dataset dataset)
{
    bool good = pull_one(options, pull, dataset);

    return ((PUSHABLE & 1u << dataset) == 0 || push_one(options, pull, dataset)) && good;
}

static bool
verify_one(const struct options *options, const struct pull *pull, enum dataset dataset)
{
    struct error why;
    long differences = verify_dataset(pull, dataset, stdout, &why);

    (void)options;
    if (differences < 0)
        fprintf(stderr, "fetcher: %s\n", why.text);
    else
        printf("%s: %s (%ld difference%s)\n", dataset_name(dataset),
               differences == 0 ? "as on the Hub" : "differs from the Hub", differences,
               differences == 1 ? "" : "s");
    return differences == 0;
}

/* Opens the cache. Returns -1, or an exit code. */
static int
cache_open(struct db **db, const struct config *config, enum db_mode mode)
{
    char path[PATH_MAX];
    struct error why;

    snprintf(path, sizeof path, "%s/cache.db", config->state_dir);
    enum db_result opened = db_open(db, path, SQL_DATABASE_CACHE, mode, &why);
    if (opened != DB_OK)
        return fail(opened == DB_ABSENT ? 1 : EXIT_SYSTEM, why.text);
    log_event(&config->log, LEVEL_DEBUG, LOG_DB, "opened",
              LOG_TEXT("sqlite", sqlite3_libversion()));
    return -1;
}

/* Takes STATE_DIR/fetcher.lock, which is held until the process ends. Returns -1, or an exit code.
 */
static int
take_lock(const struct options *options, const char *state_dir)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/fetcher.lock", state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        fprintf(stderr, "fetcher: cannot open %s: %s\n", path, strerror(errno));
        return EXIT_SYSTEM;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return -1;
    close(fd);
    if (options->quiet)
        return 0;
    return fail(EXIT_RUNNING, "another fetcher is at work; nothing was done");
}

static int
each_dataset(const struct options *options, const struct config *config, struct db *db)
{
    struct leaderboard leaderboard;
    struct line line = { 0 };
    struct error why;
    int code = 0;

    if (!leaderboard_load(&leaderboard, config->leaderboard, &why))
        return fail(EXIT_USAGE, why.text);
    struct hub *hub = hub_open(config, &why);
    if (hub == NULL) {
        leaderboard_free(&leaderboard);
        return fail(EXIT_SYSTEM, why.text);
    }
    bool terminal = isatty(STDERR_FILENO) && !options->quiet;
    struct pull pull = { .config = config,
                         .db = db,
                         .hub = hub,
                         .leaderboard = &leaderboard,
                         .force = options->force,
                         .accept_loss = options->accept_loss,
                         .progress = terminal ? on_files : NULL,
                         .progress_context = &line };
    for (int i = 0; i < DATASET_COUNT; i++) {
        if (terminal)
            hub_watch(hub, i == DATASET_REQUESTS ? NULL : on_bytes, &line);
        if ((options->wanted & 1u << i) != 0 &&
            !options->command->each(options, &pull, (enum dataset)i))
            code = 1;
    }
    if (db_checkpoint(db, &why) != DB_OK)
        log_event(&config->log, LEVEL_WARNING, LOG_DB, "checkpoint failed",
                  LOG_TEXT("error", why.text));
    hub_close(hub);
    leaderboard_free(&leaderboard);
    return code;
}

/* pull, push, sync and verify. */
static int
command_hub(const struct options *options, struct config *config)
{
    struct error why;
    struct db *db;

    if (options->once)
        config->hub_retries = 0;
    if (!folder_make(config->state_dir, &why))
        return fail(EXIT_SYSTEM, why.text);
    int code = take_lock(options, config->state_dir);
    if (code < 0 && (code = cache_open(&db, config, DB_WRITER)) < 0) {
        confine(CONFINE_FETCHER, config);
        code = each_dataset(options, config, db);
        db_close(db);
    }
    return code;
}

/* "3 min", "2 h", or "never". */
static const char *
age_text(char text[32], int64_t when)
{
    int64_t age = time(NULL) - when;

    if (when == 0)
        snprintf(text, 32, "never");
    else if (age < 120)
        snprintf(text, 32, "%lld s", (long long)age);
    else if (age < 7200)
        snprintf(text, 32, "%lld min", (long long)(age / 60));
    else
        snprintf(text, 32, "%lld h", (long long)(age / 3600));
    return text;
}

/* Prints a value as a line, and takes its reference. */
static void
print_json(json_t *value)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    json_put_value(&text, value);
    if (!buf_ok(&text))
        mem_exhausted(text.length);
    printf("%s\n", buf_string(&text));
    buf_free(&text);
    json_decref(value);
}

static json_t *
status_json(sqlite3_stmt *row)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "dataset", db_column_text(row, 0),
                     "repo", db_column_text(row, 1), "revision", db_column_text(row, 2), "rows",
                     (json_int_t)sqlite3_column_int64(row, 3), "pulled_at",
                     (json_int_t)sqlite3_column_int64(row, 4), "checked_at",
                     (json_int_t)sqlite3_column_int64(row, 5), "failed_at",
                     (json_int_t)sqlite3_column_int64(row, 6), "error", db_column_text(row, 7));
}

/* One dataset's outbox, as a line of the table or as JSON. */
static bool
status_outbox(struct db *db, const char *dataset, json_t *list, struct error *why)
{
    struct outbox_depth depth;
    char age[32];

    if (!outbox_depth(db, dataset, &depth, why))
        return false;
    if (list != NULL)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:s}", "dataset", dataset,
                                              "waiting", (json_int_t)depth.waiting, "parked",
                                              (json_int_t)depth.parked, "oldest_at",
                                              (json_int_t)depth.oldest_at, "error", depth.error));
    else
        printf("%-20s %8lld %8lld %-10s %s\n", dataset, (long long)depth.waiting,
               (long long)depth.parked, depth.waiting == 0 ? "-" : age_text(age, depth.oldest_at),
               depth.error);
    return true;
}

static bool
status_datasets(struct db *db, json_t *list, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_DATASET_LIST, DB_NULL);
    char age[2][32];

    while (db_next(db, row, why)) {
        if (list != NULL)
            json_array_append_new(list, status_json(row));
        else
            printf("%-20s %-10.8s %8lld %-10s %-10s %s\n", db_column_text(row, 0),
                   db_column_text(row, 2), (long long)sqlite3_column_int64(row, 3),
                   age_text(age[0], sqlite3_column_int64(row, 4)),
                   age_text(age[1], sqlite3_column_int64(row, 5)), db_column_text(row, 7));
    }
    return why->text[0] == '\0';
}

static int
command_status(const struct options *options, struct config *config)
{
    struct db *db;
    int code = cache_open(&db, config, DB_READER);

    if (code >= 0)
        return code;
    json_t *datasets = options->json ? json_array() : NULL;
    json_t *outbox = options->json ? json_array() : NULL;
    struct error why;
    if (!options->json)
        printf("%-20s %-10s %8s %-10s %-10s %s\n", "dataset", "revision", "rows", "pulled",
               "checked", "last error");
    bool good = status_datasets(db, datasets, &why);
    if (!options->json)
        printf("\n%-20s %8s %8s %-10s %s\n", "outbox", "waiting", "parked", "oldest", "last error");
    good = good && status_outbox(db, "votes", outbox, &why) &&
           status_outbox(db, "requests", outbox, &why);
    if (options->json)
        print_json(json_pack("{s:o, s:o}", "datasets", datasets, "outbox", outbox));
    db_close(db);
    return good ? 0 : fail(EXIT_SYSTEM, why.text);
}

static json_t *
history_json(const struct history_snapshot *snapshot)
{
    return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I}", "id", (json_int_t)snapshot->id,
                     "revision", snapshot->revision, "pulled_at", (json_int_t)snapshot->pulled_at,
                     "rows", (json_int_t)snapshot->rows, "added", (json_int_t)snapshot->added,
                     "removed", (json_int_t)snapshot->removed, "changed",
                     (json_int_t)snapshot->changed);
}

static int
command_history(const struct options *options, struct config *config)
{
    struct history_snapshot page[64];
    int64_t before = INT64_MAX;
    struct error why;
    size_t count;
    char age[32];
    struct db *db;
    int code = cache_open(&db, config, DB_READER);

    if (code >= 0)
        return code;
    code = 0;
    if (!options->json)
        printf("%-6s %-10s %-10s %8s %8s %8s %8s\n", "id", "revision", "pulled", "rows", "added",
               "removed", "changed");
    do {
        if (!history_list(db, before, page, sizeof page / sizeof page[0], &count, &why)) {
            code = fail(EXIT_SYSTEM, why.text);
            break;
        }
        for (size_t i = 0; i < count; i++) {
            const struct history_snapshot *snapshot = &page[i];
            before = snapshot->id;
            if (options->json) {
                print_json(history_json(snapshot));
            } else {
                printf("%-6lld %-10.8s %-10s %8lld %8lld %8lld %8lld\n", (long long)snapshot->id,
                       snapshot->revision, age_text(age, snapshot->pulled_at),
                       (long long)snapshot->rows, (long long)snapshot->added,
                       (long long)snapshot->removed, (long long)snapshot->changed);
            }
        }
    } while (count == sizeof page / sizeof page[0]);
    db_close(db);
    return code;
}

static double
seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int
command_backup(const struct options *options, struct config *config)
{
    char database[PATH_MAX];
    struct timespec start;
    struct error why;
    uint64_t bytes;

    clock_gettime(CLOCK_MONOTONIC, &start);
    snprintf(database, sizeof database, "%s/cache.db", config->state_dir);
    if (!backup_make(database, options->file, &bytes, &why))
        return fail(EXIT_SYSTEM, why.text);
    if (!options->quiet)
        printf("%s: %.1f MB in %.2f s, checked\n", options->file, (double)bytes / 1e6,
               seconds_since(&start));
    return 0;
}

static int
command_restore(const struct options *options, struct config *config)
{
    char database[PATH_MAX], aside[BACKUP_ASIDE];
    struct options loud = *options;
    struct error why;

    if (!folder_make(config->state_dir, &why))
        return fail(EXIT_SYSTEM, why.text);
    loud.quiet = false; /* what was not done must not look done */
    int code = take_lock(&loud, config->state_dir);
    if (code >= 0)
        return code;
    snprintf(database, sizeof database, "%s/cache.db", config->state_dir);
    if (!backup_restore(options->file, database, aside, &why))
        return fail(EXIT_SYSTEM, why.text);
    if (!options->quiet)
        printf("%s is restored from %s%s%s\nNow run: fetcher sync\n", database, options->file,
               aside[0] == '\0' ? "" : "; what was there is ", aside);
    return 0;
}

static int
command_settings(const struct options *options, struct config *config)
{
    (void)options;
    config_print(config, stdout);
    return 0;
}

/* ---- start ---- */

static const char takes_file[] = " FILE";

static const struct command commands[] = {
    { "pull", " [DATASET]...", "take datasets from the Hub", EVERY, command_hub, pull_one },
    { "push", " [votes] [requests]", "write what lies in the outbox to the Hub", PUSHABLE,
      command_hub, push_one },
    { "sync", "", "push and pull everything", EVERY, command_hub, sync_one },
    { "status", "", "print what is known of each dataset, and what lies in the outbox", 0,
      command_status, NULL },
    { "history", "", "list the snapshots of the contents that are kept", 0, command_history, NULL },
    { "verify", " [DATASET]...", "compare the cache with the Hub; exit 1 where they differ", EVERY,
      command_hub, verify_one },
    { "backup", takes_file, "write a backup of what cannot be fetched anew, while all runs", 0,
      command_backup, NULL },
    { "restore", takes_file, "put a backup in the database's place, and keep what was there", 0,
      command_restore, NULL },
    { "settings", "", "print the settings in force, for a shell, without the secret ones", 0,
      command_settings, NULL },
};

static const struct {
    const char *name, *help;
    size_t flag; /* where in struct options it is */
} flags[] = {
    { "--force", "pull even when the Hub has nothing new", offsetof(struct options, force) },
    { "--accept-loss", "pull even when columns, or all rows, that were there are gone",
      offsetof(struct options, accept_loss) },
    { "--retry", "push: try what was parked again", offsetof(struct options, retry) },
    { "--once", "do not try a second time what fails at first", offsetof(struct options, once) },
    { "--quiet", "say nothing but errors; when another fetcher runs, exit 0",
      offsetof(struct options, quiet) },
    { "--json", "status and history as JSON", offsetof(struct options, json) },
};

enum { COMMANDS = sizeof commands / sizeof commands[0], FLAGS = sizeof flags / sizeof flags[0] };

static void
help_line(const char *name, const char *arguments, const char *text)
{
    printf("  %s%-*s%s\n", name, 25 - (int)strlen(name), arguments, text);
}

static void
help(void)
{
    puts("usage: fetcher [options] COMMAND\n\nCommands:");
    for (size_t i = 0; i < COMMANDS; i++)
        help_line(commands[i].name, commands[i].arguments, commands[i].help);
    puts("\nDatasets: official-providers, contents, requests, votes; all where none is named.\n\n"
         "Options:");
    for (size_t i = 0; i < FLAGS; i++)
        help_line(flags[i].name, "", flags[i].help);
    help_line("--help", "", "this text and the settings");
    puts("\n"
         "Exit codes: 0 done, 1 a dataset could not be pulled (what was there stays), 2 another\n"
         "fetcher runs, 100 wrong usage or setting, 111 the machine refused something.\n");
    config_help(stdout);
}

static const struct command *
command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Sets the flag of that name; false when there is none. */
static bool
flag_set(struct options *options, const char *name)
{
    for (size_t i = 0; i < FLAGS; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            memcpy((char *)options + flags[i].flag, &(bool){ true }, sizeof(bool));
            return true;
        }
    }
    return false;
}

/* Reads the arguments. Returns -1 when they are good, else an exit code. */
static int
options_parse(struct options *options, int argc, char **argv)
{
    char text[200];

    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        const struct command *command = options->command;
        unsigned dataset = 1u << dataset_parse(argument);
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            help();
            return 0;
        }
        if (command != NULL && command->arguments[0] != '\0' &&
            (command->datasets & dataset) != 0) {
            options->wanted |= dataset;
        } else if (command == NULL && (command = command_find(argument)) != NULL) {
            options->command = command;
        } else if (command != NULL && options->file == NULL && argument[0] != '-' &&
                   strcmp(command->arguments, takes_file) == 0) {
            options->file = argument;
        } else if (!flag_set(options, argument)) {
            snprintf(text, sizeof text, "'%.100s' is not understood; see fetcher --help", argument);
            return fail(EXIT_USAGE, text);
        }
    }
    if (options->command == NULL)
        return fail(EXIT_USAGE, "no command; see fetcher --help");
    if (options->file == NULL && strcmp(options->command->arguments, takes_file) == 0)
        return fail(EXIT_USAGE, "which FILE? See fetcher --help");
    if (options->wanted == 0)
        options->wanted = options->command->datasets;
    return -1;
}

int
main(int argc, char **argv)
{
    struct options options = { 0 };
    struct config config;
    struct error why;
    int code = options_parse(&options, argc, argv);

    if (code >= 0)
        return code;
    umask(0027);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0); /* what shares the user may not read the token out of /proc */
    if (!config_load(&config, SECRET_HF_TOKEN, &why))
        return fail(EXIT_USAGE, why.text);
    if (options.quiet)
        for (int i = 0; i < LOG_COMPONENTS; i++)
            if (config.log.levels[i] < LEVEL_ERROR)
                config.log.levels[i] = LEVEL_ERROR;
    code = options.command->run(&options, &config);
    config_free(&config);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        code = fail(EXIT_SYSTEM, "what was to be said could not be written in full");
    return code;
}
