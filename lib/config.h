/* config: the settings, read once at start from the environment and from a .env file.
 *
 * The environment wins over the file. The file is the one that ENV_FILE names, else `.env` in the
 * working folder when it is there; its lines are NAME=value, with optional quotes and `#` comments.
 * Settings are one table in config.c: `--help` prints it, and a bad value is one line that names
 * the setting. */
#ifndef CONFIG_H
#define CONFIG_H

#include "error.h"
#include "log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes of all programs. */
enum {
    EXIT_USAGE = 100,  /* wrong arguments or a bad setting */
    EXIT_SYSTEM = 111, /* the machine refused something (files, sockets, memory) */
};

/* The secret settings, as bits. */
enum { SECRET_HF_TOKEN = 1, SECRET_HUB_WEBHOOK = 2, SECRET_HF_READ = 4 };

enum profile { PROFILE_DOCUMENTED, PROFILE_SPACE, PROFILE_COUNT };

struct config {
    bool production;      /* ENVIRONMENT=production */
    char *hf_token;       /* HF_TOKEN, NULL when not set or not asked for */
    char *read_token;     /* HF_READ_TOKEN, likewise */
    char *webhook_secret; /* HUB_WEBHOOK_SECRET, likewise */
    char *hf_endpoint;    /* without a trailing slash */
    char *organization;   /* HF_ORGANIZATION */
    char *contents_repo;  /* CONTENTS_REPO, default {HF_ORGANIZATION}/contents */
    char *requests_repo;  /* REQUESTS_REPO, likewise */
    char *votes_repo;     /* VOTES_REPO, likewise */
    char *providers_repo; /* OFFICIAL_PROVIDERS_REPO, likewise */
    char *host;           /* HOST, PORT: where lighttpd listens */
    long port;
    char *state_dir;      /* STATE_DIR, made absolute */
    char *leaderboard;    /* LEADERBOARD_CONFIG, path of the leaderboard's JSON file */
    enum profile profile; /* LEADERBOARD_PROFILE */
    bool direct;          /* LEADERBOARD_DIRECT=on: lighttpd sends whole bodies by itself */
    char **cors_origins;  /* CORS_ORIGINS, NULL-terminated; "*" admits all */
    long cache_ttl;       /* CACHE_TTL, seconds */
    long hub_timeout;     /* HUB_TIMEOUT, seconds without progress before the Hub counts as gone */
    long hub_retries;     /* HUB_RETRIES, how often a passing failure is tried again */
    long hub_max_mb;      /* HUB_MAX_MB, the largest file taken from the Hub, in 2^20 bytes */
    long hub_deadline;    /* HUB_DEADLINE, seconds that an API request waits for the Hub in all */
    long auth_ttl;        /* AUTH_CACHE_TTL, seconds */
    long model_ttl;       /* MODEL_CACHE_TTL, seconds */
    long rate_requests;   /* RATE_LIMIT_REQUESTS per address and endpoint group, 0: any number */
    long rate_window;     /* RATE_LIMIT_WINDOW, seconds */
    char **trusted_proxies;    /* TRUSTED_PROXIES, NULL-terminated: addresses and networks */
    long quota;                /* RATE_LIMIT_QUOTA, submissions of a user in a period */
    long quota_days;           /* RATE_LIMIT_PERIOD, days */
    char **higher_quota_users; /* HIGHER_QUOTA_USERS, NULL-terminated */
    struct log log;    /* LOG_LEVEL, LOG_LEVEL_<COMPONENT>, LOG_FORMAT; fd is standard error */
    long history;      /* HISTORY_SNAPSHOTS, how many past snapshots are kept */
    long history_days; /* HISTORY_DAYS, how long state changes of requests are kept */
};

/* Reads the settings. `secrets` are the SECRET_ bits that are wanted: a program does not hold what
 * it has no use for. Returns false with `why` naming the setting. The caller owns the result:
 * config_free(). */
bool config_load(struct config *config, unsigned secrets, struct error *why)
    __attribute__((warn_unused_result));

void config_free(struct config *config);

/* Prints the table of settings with their defaults, for --help. */
void config_help(FILE *out);

/* Prints NAME='value' lines, quoted for a shell, of every setting but the secret ones. */
void config_print(const struct config *config, FILE *out);

/* "documented" or "space". */
const char *profile_name(enum profile profile);

/* Reads a profile's name; false when it is none. */
bool profile_parse(const char *name, enum profile *profile);

#endif
