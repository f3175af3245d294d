#include "config.h"

#include "address.h"
#include "buf.h"
#include "file.h"
#include "json.h"
#include "mem.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENV_BYTES_MAX = 1 << 20 };

enum kind { TEXT, SECRET, URL, REPO, PATH, NUMBER, CHOICE, LIST };

struct setting {
    const char *name;
    enum kind kind;
    size_t offset;              /* of the member in struct config */
    const char *initial;        /* the default, as it would be written in the environment */
    long min, max;              /* NUMBER; SECRET: min is its SECRET_ bit */
    const char *const *choices; /* CHOICE: NULL-terminated; the member gets the index */
    const char *help;
};

static const char *const environments[] = { "development", "production", NULL };
static const char *const profiles[] = { "documented", "space", NULL };
static const char *const switches[] = { "off", "on", NULL };
static const char *const formats[] = { "console", "json", NULL };

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
    { "ENVIRONMENT", CHOICE, AT(production), "development", 0, 0, environments,
      "development or production (the local Hub refuses to run there)" },
    { "HF_ENDPOINT", URL, AT(hf_endpoint), "https://huggingface.co", 0, 0, NULL, "the Hub" },
    { "HF_TOKEN", SECRET, AT(hf_token), "", SECRET_HF_TOKEN, 0, NULL,
      "the server's own token for the Hub; only the fetcher reads it" },
    { "HF_READ_TOKEN", SECRET, AT(read_token), "", SECRET_HF_READ, 0, NULL,
      "a read-only token with which models.fcgi and votes.fcgi look models up, gated ones "
      "included" },
    { "HUB_WEBHOOK_SECRET", SECRET, AT(webhook_secret), "", SECRET_HUB_WEBHOOK, 0, NULL,
      "what the Hub's webhooks must carry to start a sync; without it there is no webhook" },
    { "HF_ORGANIZATION", TEXT, AT(organization), "open-llm-leaderboard", 0, 0, NULL,
      "who owns the datasets" },
    { "CONTENTS_REPO", REPO, AT(contents_repo), "contents", 0, 0, NULL,
      "dataset of the leaderboard's rows; a bare name belongs to HF_ORGANIZATION" },
    { "OFFICIAL_PROVIDERS_REPO", REPO, AT(providers_repo), "official-providers", 0, 0, NULL,
      "dataset of the official providers, likewise" },
    { "REQUESTS_REPO", REPO, AT(requests_repo), "requests", 0, 0, NULL,
      "dataset of the request files, likewise" },
    { "VOTES_REPO", REPO, AT(votes_repo), "votes", 0, 0, NULL, "dataset of the votes, likewise" },
    { "HOST", TEXT, AT(host), "0.0.0.0", 0, 0, NULL, "address that lighttpd listens on" },
    { "PORT", NUMBER, AT(port), "7860", 1, 65535, NULL, "port that lighttpd listens on" },
    { "STATE_DIR", PATH, AT(state_dir), "state", 0, 0, NULL,
      "folder of the database, published bodies, sockets and logs" },
    { "LEADERBOARD_CONFIG", PATH, AT(leaderboard), "leaderboards/open-llm.json", 0, 0, NULL,
      "file that names the benchmarks and columns" },
    { "LEADERBOARD_PROFILE", CHOICE, AT(profile), "documented", 0, 0, profiles,
      "shape of the leaderboard's answers: documented or space" },
    { "LEADERBOARD_DIRECT", CHOICE, AT(direct), "on", 0, 0, switches,
      "on: lighttpd sends the whole bodies by itself, and neither RATE_LIMIT_REQUESTS nor /metrics "
      "counts them; off: it asks the program each time" },
    { "CORS_ORIGINS", LIST, AT(cors_origins), "[\"*\"]", 0, 0, NULL,
      "JSON list of origins that browsers may read from, or [\"*\"]" },
    { "CACHE_TTL", NUMBER, AT(cache_ttl), "300", 0, 86400, NULL,
      "seconds that clients may keep an answer" },
    { "HUB_TIMEOUT", NUMBER, AT(hub_timeout), "30", 1, 3600, NULL,
      "seconds without progress (512 bytes/s) after which the Hub counts as gone" },
    { "HUB_RETRIES", NUMBER, AT(hub_retries), "4", 0, 20, NULL,
      "how often a passing failure of the Hub is tried again" },
    { "HUB_MAX_MB", NUMBER, AT(hub_max_mb), "256", 1, 4096, NULL,
      "largest file that is taken from the Hub, in MiB" },
    { "HUB_DEADLINE", NUMBER, AT(hub_deadline), "10", 1, 300, NULL,
      "seconds that one request of the API waits for the Hub in all" },
    { "AUTH_CACHE_TTL", NUMBER, AT(auth_ttl), "300", 1, 86400, NULL,
      "seconds for which it is remembered whose a token is" },
    { "MODEL_CACHE_TTL", NUMBER, AT(model_ttl), "300", 0, 86400, NULL,
      "seconds for which it is remembered what the Hub knows of a model" },
    { "RATE_LIMIT_REQUESTS", NUMBER, AT(rate_requests), "1000", 0, 1000000, NULL,
      "requests that one client address may make of each endpoint group in a window; 0: any" },
    { "RATE_LIMIT_WINDOW", NUMBER, AT(rate_window), "60", 1, 86400, NULL,
      "seconds of that window" },
    { "TRUSTED_PROXIES", LIST, AT(trusted_proxies), "[]", 0, 0, NULL,
      "JSON list of addresses or networks whose X-Forwarded-For is believed" },
    { "RATE_LIMIT_QUOTA", NUMBER, AT(quota), "5", 0, 100000, NULL,
      "submissions that one user may make in RATE_LIMIT_PERIOD" },
    { "RATE_LIMIT_PERIOD", NUMBER, AT(quota_days), "7", 1, 3650, NULL, "days of that period" },
    { "HIGHER_QUOTA_USERS", LIST, AT(higher_quota_users), "[]", 0, 0, NULL,
      "JSON list of users with twice that quota" },
    { "HISTORY_SNAPSHOTS", NUMBER, AT(history), "365", 0, 100000, NULL,
      "how many past snapshots of the contents are kept, as differences" },
    { "HISTORY_DAYS", NUMBER, AT(history_days), "730", 0, 36500, NULL,
      "how many days the state changes of requests are kept" },
    { "LOG_FORMAT", CHOICE, AT(log.json), "console", 0, 0, formats, "console or json" },
};

enum { SETTINGS = sizeof settings / sizeof settings[0] };

/* ---- the .env file ---- */

/* Variables of the .env file, as NAME=value strings. */
struct variables {
    char **lines;
    size_t count;
};

/* Takes one line apart: NAME=value, `export` before it, quotes around the value, a comment. */
static bool
variables_line(struct variables *variables, char *line, struct error *why)
{
    line += strspn(line, " \t");
    if (strncmp(line, "export ", 7) == 0)
        line += 7;
    line[strcspn(line, "\r\n")] = '\0';
    if (*line == '\0' || *line == '#')
        return true;
    char *value = strchr(line, '=');
    if (value == NULL || value == line) {
        error_set(why, "expected NAME=value");
        return false;
    }
    value++;
    if (*value == '"' || *value == '\'') {
        char *end = strchr(value + 1, *value);
        if (end == NULL) {
            error_set(why, "a quote is not closed");
            return false;
        }
        *end = '\0';
        memmove(value, value + 1, strlen(value));
    } else {
        char *comment = strstr(value, " #");
        if (comment != NULL)
            *comment = '\0';
        for (size_t n = strlen(value); n > 0 && strchr(" \t", value[n - 1]) != NULL; n--)
            value[n - 1] = '\0';
    }
    variables->lines = mem_resize(variables->lines, variables->count + 1, sizeof(char *));
    variables->lines[variables->count++] = mem_string(line);
    return true;
}

static void
variables_free(struct variables *variables)
{
    for (size_t i = 0; i < variables->count; i++)
        free(variables->lines[i]);
    free(variables->lines);
}

static bool
variables_read(struct variables *variables, struct error *why)
{
    const char *named = getenv("ENV_FILE");
    const char *path = named != NULL && named[0] != '\0' ? named : ".env";
    struct buf text;
    int number = 0;

    if (path != named && access(path, R_OK) != 0)
        return true;
    buf_init(&text, ENV_BYTES_MAX);
    bool good = file_read(path, &text, why);
    if (good && strlen(buf_string(&text)) != text.length) {
        error_set(why, "%s holds a NUL byte", path);
        good = false;
    }
    if (!good)
        error_prefix(why, "ENV_FILE");
    char *rest = text.data, *line;
    while (good && (line = strsep(&rest, "\n")) != NULL) {
        number++;
        good = variables_line(variables, line, why);
        if (!good)
            error_prefix(why, "%s, line %d", path, number);
    }
    buf_free(&text);
    return good;
}

/* The environment's value, else the file's, else NULL. An empty value counts as not set. */
static const char *
variables_get(const struct variables *variables, const char *name)
{
    const char *value = getenv(name);
    size_t length = strlen(name);

    for (size_t i = variables->count; value == NULL && i > 0; i--) {
        const char *line = variables->lines[i - 1];
        if (strncmp(line, name, length) == 0 && line[length] == '=')
            value = line + length + 1;
    }
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* ---- values ---- */

static bool
read_number(const struct setting *setting, const char *value, long *number, struct error *why)
{
    char *end;

    errno = 0;
    *number = strtol(value, &end, 10);
    if (errno == 0 && *end == '\0' && *number >= setting->min && *number <= setting->max)
        return true;
    error_set(why, "%s: '%s' is no whole number from %ld to %ld", setting->name, value,
              setting->min, setting->max);
    return false;
}

static bool
read_list(const struct setting *setting, const char *value, char ***items, struct error *why)
{
    json_t *list = json_read(value, strlen(value), NULL);
    size_t count = json_array_size(list), index;
    json_t *item;

    *items = mem_zero(count + 1, sizeof(char *));
    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);
        if (text == NULL || text[0] == '\0' || strpbrk(text, "\r\n") != NULL)
            goto bad;
        if (setting->offset == AT(trusted_proxies) && !network_valid(text)) {
            error_set(why, "%s: '%s' is no address or network, like 10.0.0.0/8", setting->name,
                      text);
            json_decref(list);
            return false;
        }
        (*items)[index] = mem_string(text);
    }
    if (!json_is_array(list))
        goto bad;
    json_decref(list);
    return true;
bad:
    json_decref(list);
    error_set(why, "%s: '%s' is no JSON list of texts, like [\"one\", \"two\"]", setting->name,
              value);
    return false;
}

static char *
read_path(const char *value)
{
    char folder[PATH_MAX];
    struct buf path;

    if (value[0] == '/' || getcwd(folder, sizeof folder) == NULL)
        return mem_string(value);
    buf_init(&path, PATH_MAX * 2);
    buf_format(&path, "%s/%s", folder, value);
    return buf_ok(&path) ? path.data : mem_string(value);
}

/* "name" or "organization/name", of the characters that the Hub allows in an id. */
static bool
read_repo(const struct config *config, const struct setting *setting, const char *value,
          char **repo, struct error *why)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-_./";
    const char *slash = strchr(value, '/');
    struct buf id;

    buf_init(&id, 256);
    if (slash == NULL)
        buf_format(&id, "%s/", config->organization);
    buf_text(&id, value);
    const char *text = buf_string(&id);
    if (!buf_ok(&id) || text[strspn(text, allowed)] != '\0' || strstr(text, "..") != NULL ||
        strchr(text, '/') != strrchr(text, '/') || text[0] == '/' ||
        text[strlen(text) - 1] == '/') {
        error_set(why, "%s: '%s' is no dataset id, like organization/name", setting->name, value);
        buf_free(&id);
        return false;
    }
    *repo = id.data;
    return true;
}

static bool
setting_read(struct config *config, const struct setting *setting, const char *value,
             struct error *why)
{
    char *member = (char *)config + setting->offset;
    void *place = member;
    int choice = 0;

    switch (setting->kind) {
    case TEXT:
        *(char **)place = mem_string(value);
        return true;
    case SECRET:
        if (strpbrk(value, "\r\n") != NULL) {
            error_set(why, "%s: holds a line break", setting->name);
            return false;
        }
        *(char **)place = value[0] == '\0' ? NULL : mem_string(value);
        return true;
    case URL:
        if (strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0) {
            error_set(why, "%s: '%s' is no http:// or https:// address", setting->name, value);
            return false;
        }
        *(char **)place = mem_string(value);
        for (size_t n = strlen(value); n > 0 && value[n - 1] == '/'; n--)
            (*(char **)place)[n - 1] = '\0';
        return true;
    case REPO:
        return read_repo(config, setting, value, place, why);
    case PATH:
        if (setting->offset == AT(state_dir) && strchr(value, '%') != NULL) {
            error_set(why, "%s: '%s' has a %%, which lighttpd would decode", setting->name, value);
            return false;
        }
        *(char **)place = read_path(value);
        return true;
    case NUMBER:
        return read_number(setting, value, place, why);
    case LIST:
        return read_list(setting, value, place, why);
    case CHOICE:
        break;
    }
    while (setting->choices[choice] != NULL && strcmp(setting->choices[choice], value) != 0)
        choice++;
    if (setting->choices[choice] == NULL) {
        error_set(why, "%s: '%s' is not %s", setting->name, value, setting->help);
        return false;
    }
    if (setting->offset == AT(profile))
        config->profile = (enum profile)choice;
    else
        *(bool *)place = choice == 1;
    return true;
}

static bool
levels_read(struct config *config, const struct variables *variables, struct error *why)
{
    char name[64] = "LOG_LEVEL";
    const char *value = variables_get(variables, name);
    enum log_level common = LEVEL_INFO;

    if (value != NULL && !log_level_parse(value, &common))
        goto bad;
    for (int i = 0; i < LOG_COMPONENTS; i++) {
        snprintf(name, sizeof name, "LOG_LEVEL_%s", log_component_name((enum log_component)i));
        config->log.levels[i] = common;
        value = variables_get(variables, name);
        if (value != NULL && !log_level_parse(value, &config->log.levels[i]))
            goto bad;
    }
    return true;
bad:
    error_set(why, "%s: '%s' is not DEBUG, INFO, WARNING or ERROR", name, value);
    return false;
}

bool
config_load(struct config *config, unsigned secrets, struct error *why)
{
    struct variables variables = { 0 };
    bool good;

    *config = (struct config){ .log.fd = STDERR_FILENO };
    good = variables_read(&variables, why) && levels_read(config, &variables, why);
    for (size_t i = 0; good && i < SETTINGS; i++) {
        const char *value = variables_get(&variables, settings[i].name);
        if (settings[i].kind == SECRET && ((unsigned)settings[i].min & secrets) == 0)
            value = NULL;
        good = setting_read(config, &settings[i], value == NULL ? settings[i].initial : value, why);
    }
    variables_free(&variables);
    if (!good)
        config_free(config);
    return good;
}

void
config_free(struct config *config)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        void *place = (char *)config + settings[i].offset;
        if (settings[i].kind == LIST)
            for (char **item = *(char ***)place; item != NULL && *item != NULL; item++)
                free(*item);
        if (settings[i].kind != NUMBER && settings[i].kind != CHOICE) {
            free(*(void **)place);
            *(void **)place = NULL;
        }
    }
}

void
config_help(FILE *out)
{
    fprintf(out, "Settings (environment, or a .env file; the environment wins):\n");
    for (size_t i = 0; i < SETTINGS; i++)
        fprintf(out, "  %-24s %s\n  %-24s   default: %s\n", settings[i].name, settings[i].help, "",
                settings[i].initial[0] == '\0' ? "(none)" : settings[i].initial);
    fprintf(out, "  %-24s %s\n  %-24s   default: INFO\n", "LOG_LEVEL[_COMPONENT]",
            "DEBUG, INFO, WARNING or ERROR; components HTTP, DB, HUB, SYNC, AUTH", "");
    fprintf(out, "  %-24s %s\n", "ENV_FILE", "the .env file, when it is not ./.env");
}

static void
print_quoted(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s='", name);
    for (; *value != '\0'; value++)
        fprintf(out, *value == '\'' ? "'\\''" : "%c", *value);
    fprintf(out, "'\n");
}

void
config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        const void *place = (const char *)config + setting->offset;
        struct buf list;

        switch (setting->kind) {
        case SECRET:
            break;
        case NUMBER:
            fprintf(out, "%s='%ld'\n", setting->name, *(const long *)place);
            break;
        case CHOICE:
            print_quoted(out, setting->name,
                         setting->choices[setting->offset == AT(profile) ? (int)config->profile
                                                                         : *(const bool *)place]);
            break;
        case LIST:
            buf_init(&list, 1 << 20);
            for (char *const *item = *(char *const *const *)place; *item != NULL; item++) {
                buf_byte(&list, list.length == 0 ? '[' : ',');
                json_put_text(&list, *item, strlen(*item));
            }
            buf_text(&list, list.length == 0 ? "[]" : "]");
            print_quoted(out, setting->name, buf_string(&list));
            buf_free(&list);
            break;
        default:
            print_quoted(out, setting->name, *(char *const *)place);
        }
    }
}

const char *
profile_name(enum profile profile)
{
    return profiles[profile];
}

bool
profile_parse(const char *name, enum profile *profile)
{
    for (int i = 0; i < PROFILE_COUNT; i++) {
        if (strcmp(name, profiles[i]) == 0) {
            *profile = (enum profile)i;
            return true;
        }
    }
    return false;
}
