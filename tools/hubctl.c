/* hubctl: fills and shows the local Hub from the command line, while it runs or before. */

#include "config.h"
#include "file.h"
#include "hubcommit.h"
#include "hubgit.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { EXIT_FAILED = 1, FILE_MAX = 256 << 20, PAGE = 1000 };

static const char usage[] =
    "usage: hubctl [--db FILE] COMMAND\n"
    "\n"
    "  import DIR                        make repos of DIR/{datasets,models}/OWNER/NAME, one "
    "commit\n"
    "                                    each; files that are gone from a folder are deleted\n"
    "  put TYPE/OWNER/NAME PATH FILE     commit one file\n"
    "  rm TYPE/OWNER/NAME PATH           commit the deletion of a file or folder\n"
    "  create TYPE/OWNER/NAME [--private] [--gated]\n"
    "  ls TYPE/OWNER/NAME                list the files of main: oid, size, path\n"
    "  log TYPE/OWNER/NAME               list the commits of main, the newest first\n"
    "  token NAME…                       add users, each with the token hf_local_NAME\n"
    "\n"
    "TYPE is datasets or models. The database is FILE, else HUB_DB, else STATE_DIR/hub.db.\n"
    "Exit: 0 done, 1 refused or not found, 100 wrong use, 111 the machine failed.\n";

/* What a command works with. */
struct job {
    struct hubstore *store;
    struct arena arena;
    struct error why;
    char **arguments; /* NULL-terminated */
};

/* Prints why a command failed; returns the exit code. */
static int
fail(struct job *job, enum hubstore_result result)
{
    fprintf(stderr, "hubctl: %s\n", job->why.text);
    return result == HUBSTORE_FAILED ? EXIT_SYSTEM : EXIT_FAILED;
}

/* Reads "datasets/owner/name". */
static bool
parse_repo(const char *text, enum hubstore_kind *kind, const char **name, struct error *why)
{
    bool dataset = strncmp(text, "datasets/", 9) == 0;

    *kind = dataset ? HUBSTORE_DATASET : HUBSTORE_MODEL;
    *name = text + (dataset ? 9 : 7);
    if ((dataset || strncmp(text, "models/", 7) == 0) && hubgit_repo_valid(*name))
        return true;
    error_set(why, "%s: expected datasets/OWNER/NAME or models/OWNER/NAME", text);
    return false;
}

static enum hubstore_result
find_repo(struct job *job, const char *text, struct hubstore_repo *repo)
{
    enum hubstore_kind kind;
    const char *name;

    if (!parse_repo(text, &kind, &name, &job->why))
        return HUBSTORE_REFUSED;
    enum hubstore_result result =
        hubstore_repo(job->store, kind, name, &job->arena, repo, &job->why);
    if (result == HUBSTORE_MISSING)
        error_set(&job->why, "there is no %s", text);
    return result;
}

/* ---- import ---- */

/* The operations that make a repo like a folder. */
struct plan {
    struct job *job;
    struct hubcommit_operation *operations;
    size_t count, room;
    size_t files, bytes;
};

static void
plan_add(struct plan *plan, const struct hubcommit_operation *operation)
{
    if (plan->count == plan->room) {
        plan->room = plan->room == 0 ? 64 : plan->room * 2;
        plan->operations = mem_resize(plan->operations, plan->room, sizeof *plan->operations);
    }
    plan->operations[plan->count++] = *operation;
}

static bool
plan_file(struct plan *plan, const char *file, const char *path)
{
    struct job *job = plan->job;
    struct buf content;

    buf_init(&content, FILE_MAX);
    bool good = file_read(file, &content, &job->why);
    if (good) {
        struct hubcommit_operation operation = {
            .act = hubgit_is_lfs(path, (int64_t)content.length) ? HUBCOMMIT_LFS : HUBCOMMIT_FILE,
            .path = path,
            .bytes = arena_copy(&job->arena, buf_string(&content), content.length),
            .length = content.length,
        };
        plan->files++;
        plan->bytes += content.length;
        plan_add(plan, &operation);
    }
    buf_free(&content);
    return good;
}

/* Plans all files below `folder`, whose path in the repo begins with `prefix`. */
static bool
plan_folder(struct plan *plan, const char *folder, const char *prefix)
{
    struct job *job = plan->job;
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    bool good = count >= 0;

    if (!good)
        error_set(&job->why, "cannot read %s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        bool skip = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0;
        if (good && !skip) {
            const char *file = arena_format(&job->arena, "%s/%s", folder, name);
            const char *path = arena_format(&job->arena, "%s%s", prefix, name);
            struct stat status;
            if (stat(file, &status) == 0 && S_ISDIR(status.st_mode))
                good = plan_folder(plan, file, arena_format(&job->arena, "%s/", path));
            else
                good = plan_file(plan, file, path);
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return good;
}

static int
compare_operations(const void *a, const void *b)
{
    const struct hubcommit_operation *left = a, *right = b;

    return strcmp(left->path, right->path);
}

/* Plans the deletion of what the repo has and the folder has not. */
static enum hubstore_result
plan_deletions(struct plan *plan, const struct hubstore_repo *repo)
{
    struct job *job = plan->job;
    struct hubstore_list list = { repo->id, repo->head.number, "", true, "", PAGE };
    size_t planned = plan->count, count = PAGE;

    if (planned > 0)
        qsort(plan->operations, planned, sizeof *plan->operations, compare_operations);
    while (count == PAGE) {
        struct hubstore_entry *entries;
        enum hubstore_result result =
            hubstore_tree(job->store, &list, &job->arena, &entries, &count, &job->why);
        if (result != HUBSTORE_OK)
            return result;
        for (size_t i = 0; i < count; i++) {
            struct hubcommit_operation gone = { HUBCOMMIT_DELETE_FILE, entries[i].path, NULL, 0,
                                                NULL };
            list.after = entries[i].path;
            if (!entries[i].folder &&
                (planned == 0 || bsearch(&gone, plan->operations, planned, sizeof gone,
                                         compare_operations) == NULL))
                plan_add(plan, &gone);
        }
    }
    /* Deletions first, so that a file may take the place of a folder. */
    for (size_t i = 0; i < plan->count / 2; i++) {
        struct hubcommit_operation swap = plan->operations[i];
        plan->operations[i] = plan->operations[plan->count - 1 - i];
        plan->operations[plan->count - 1 - i] = swap;
    }
    return HUBSTORE_OK;
}

static enum hubstore_result
import_repo(struct job *job, const char *folder, const char *id)
{
    struct plan plan = { .job = job };
    struct hubstore_repo repo;
    struct timespec start, end;
    enum hubstore_result result = find_repo(job, id, &repo);

    clock_gettime(CLOCK_MONOTONIC, &start);
    if (result == HUBSTORE_MISSING) {
        bool dataset = id[0] == 'd';
        result = hubcommit_create_repo(job->store, dataset ? HUBSTORE_DATASET : HUBSTORE_MODEL,
                                       strchr(id, '/') + 1, false, false, &job->why);
        if (result == HUBSTORE_OK)
            result = find_repo(job, id, &repo);
    }
    if (result != HUBSTORE_OK)
        return result;
    if (!plan_folder(&plan, folder, ""))
        result = HUBSTORE_FAILED;
    else
        result = plan_deletions(&plan, &repo);
    struct hubcommit commit = { .title = "import",
                                .operations = plan.operations,
                                .count = plan.count };
    if (result == HUBSTORE_OK)
        result = hubcommit_make(job->store, &repo, &commit, &job->arena, &job->why);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (result == HUBSTORE_OK || result == HUBSTORE_UNCHANGED)
        printf("%s: %zu files, %zu deleted, %.1f MB, %s at %.10s, %ld ms\n", id, plan.files,
               plan.count - plan.files, (double)plan.bytes / 1e6,
               result == HUBSTORE_OK ? "committed" : "unchanged", repo.head.sha,
               (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
    fflush(stdout);
    free(plan.operations);
    return result == HUBSTORE_UNCHANGED ? HUBSTORE_OK : result;
}

static int
skip_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Calls itself down to the repos' folders: DIR/TYPE, DIR/TYPE/OWNER, DIR/TYPE/OWNER/NAME. */
static enum hubstore_result
import_level(struct job *job, const char *folder, const char *id, int level)
{
    enum hubstore_result result = HUBSTORE_OK;
    struct dirent **names;
    int count = level == 2 ? 0 : scandir(folder, &names, skip_dots, alphasort);

    if (level == 2) {
        struct arena kept = job->arena;
        arena_init(&job->arena, 0);
        result = import_repo(job, folder, id);
        arena_free(&job->arena);
        job->arena = kept;
        return result;
    }
    if (count < 0) {
        error_set(&job->why, "cannot read %s: %s", folder, strerror(errno));
        return HUBSTORE_FAILED;
    }
    for (int i = 0; i < count; i++) {
        const char *path = arena_format(&job->arena, "%s/%s", folder, names[i]->d_name);
        struct stat status;
        if (result == HUBSTORE_OK && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            result = import_level(
                job, path, arena_format(&job->arena, "%s/%s", id, names[i]->d_name), level + 1);
        free(names[i]);
    }
    free(names);
    return result;
}

static int
command_import(struct job *job)
{
    static const char *const kinds[] = { "datasets", "models" };
    bool any = false;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *folder = arena_format(&job->arena, "%s/%s", job->arguments[0], kinds[i]);
        struct stat status;
        if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
            continue;
        any = true;
        enum hubstore_result result = import_level(job, folder, kinds[i], 0);
        if (result != HUBSTORE_OK)
            return fail(job, result);
    }
    if (any)
        return 0;
    error_set(&job->why, "%s has neither a datasets nor a models folder", job->arguments[0]);
    return fail(job, HUBSTORE_REFUSED);
}

/* ---- the other commands ---- */

static int
commit_one(struct job *job, const char *title, const struct hubcommit_operation *operation)
{
    struct hubcommit commit = { .title = title, .operations = operation, .count = 1 };
    struct hubstore_repo repo;
    enum hubstore_result result = find_repo(job, job->arguments[0], &repo);

    if (result == HUBSTORE_OK)
        result = hubcommit_make(job->store, &repo, &commit, &job->arena, &job->why);
    if (result != HUBSTORE_OK && result != HUBSTORE_UNCHANGED)
        return fail(job, result);
    printf("%s\n", repo.head.sha);
    return 0;
}

static int
command_put(struct job *job)
{
    const char *path = job->arguments[1];
    struct plan plan = { .job = job };

    if (!plan_file(&plan, job->arguments[2], path))
        return fail(job, HUBSTORE_FAILED);
    int code = commit_one(job, arena_format(&job->arena, "put %s", path), plan.operations);
    free(plan.operations);
    return code;
}

static int
command_rm(struct job *job)
{
    const char *path = job->arguments[1];
    struct hubcommit_operation operation = { .act = HUBCOMMIT_DELETE, .path = path };

    return commit_one(job, arena_format(&job->arena, "rm %s", path), &operation);
}

static int
command_create(struct job *job)
{
    bool private = false, gated = false;
    enum hubstore_kind kind;
    const char *name;

    for (char **option = job->arguments + 1; *option != NULL; option++) {
        if (strcmp(*option, "--private") == 0)
        private = true;
        else if (strcmp(*option, "--gated") == 0) gated = true;
        else return EXIT_USAGE;
    }
    if (!parse_repo(job->arguments[0], &kind, &name, &job->why))
        return fail(job, HUBSTORE_REFUSED);
    enum hubstore_result result =
        hubcommit_create_repo(job->store, kind, name, private, gated, &job->why);
    return result == HUBSTORE_OK ? 0 : fail(job, result);
}

static int
command_ls(struct job *job)
{
    struct hubstore_repo repo = { 0 };
    enum hubstore_result result = find_repo(job, job->arguments[0], &repo);
    struct hubstore_list list = { repo.id, repo.head.number, "", true, "", PAGE };
    size_t count = PAGE;

    while (result == HUBSTORE_OK && count == PAGE) {
        struct hubstore_entry *entries;
        result = hubstore_tree(job->store, &list, &job->arena, &entries, &count, &job->why);
        for (size_t i = 0; result == HUBSTORE_OK && i < count; i++) {
            list.after = entries[i].path;
            if (!entries[i].folder)
                printf("%s %12" PRId64 " %s\n", entries[i].oid, entries[i].size, entries[i].path);
        }
    }
    return result == HUBSTORE_OK ? 0 : fail(job, result);
}

static int
command_log(struct job *job)
{
    struct hubstore_commit commit;
    struct hubstore_repo repo = { 0 };
    enum hubstore_result result = find_repo(job, job->arguments[0], &repo);

    for (int64_t number = repo.head.number; result == HUBSTORE_OK && number > 0; number--) {
        result = hubstore_commit(job->store, repo.id, number, &job->arena, &commit, &job->why);
        if (result == HUBSTORE_OK) {
            char when[32];
            time_t seconds = commit.when;
            struct tm utc;
            strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
            printf("%s %s %s\n", commit.sha, when, commit.title);
        }
    }
    return result == HUBSTORE_OK ? 0 : fail(job, result);
}

static int
command_token(struct job *job)
{
    for (char **name = job->arguments; *name != NULL; name++) {
        const char *id = arena_format(&job->arena, "%s/x", *name);
        if (!hubgit_repo_valid(id)) {
            error_set(&job->why, "%s: not a name that a user can have", *name);
            return fail(job, HUBSTORE_REFUSED);
        }
        enum hubstore_result result = hubstore_user_add(job->store, *name, &job->why);
        if (result == HUBSTORE_EXISTS)
            error_set(&job->why, "there is a user %s already", *name);
        if (result != HUBSTORE_OK)
            return fail(job, result);
        printf("hf_local_%s\n", *name);
    }
    return 0;
}

static const struct command {
    const char *name;
    int min, max; /* arguments */
    int (*run)(struct job *job);
} commands[] = {
    { "import", 1, 1, command_import },
    { "put", 3, 3, command_put },
    { "rm", 2, 2, command_rm },
    { "create", 1, 3, command_create },
    { "ls", 1, 1, command_ls },
    { "log", 1, 1, command_log },
    { "token", 1, INT_MAX, command_token },
};

/* The database's path: --db, HUB_DB, or hub.db in the state folder, which is made. NULL with `why`
 * when a setting is bad. */
static const char *
database_path(const char *given, struct arena *arena, struct error *why)
{
    struct config config;
    const char *path = given != NULL ? given : getenv("HUB_DB");

    if (path != NULL && path[0] != '\0')
        return path;
    if (!config_load(&config, 0, why))
        return NULL;
    path = folder_make(config.state_dir, why) ? arena_format(arena, "%s/hub.db", config.state_dir)
                                              : NULL;
    config_free(&config);
    return path;
}

static const struct command *
find_command(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[0], commands[i].name) == 0 && argc - 1 >= commands[i].min &&
            argc - 1 <= commands[i].max)
            return &commands[i];
    return NULL;
}

int
main(int argc, char **argv)
{
    struct job job = { 0 };
    const char *database = NULL;
    int code = EXIT_SYSTEM;

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    argc--, argv++;
    if (argc > 1 && strcmp(argv[0], "--db") == 0) {
        database = argv[1];
        argc -= 2, argv += 2;
    }
    const struct command *command = find_command(argc, argv);
    if (command == NULL) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    arena_init(&job.arena, 0);
    job.arguments = argv + 1;
    database = database_path(database, &job.arena, &job.why);
    if (database == NULL) {
        fprintf(stderr, "hubctl: %s\n", job.why.text);
        code = EXIT_USAGE;
    } else if (hubstore_open(&job.store, database, &job.why) != HUBSTORE_OK) {
        fprintf(stderr, "hubctl: %s\n", job.why.text);
    } else {
        code = command->run(&job);
        hubstore_close(job.store);
    }
    arena_free(&job.arena);
    return code;
}
