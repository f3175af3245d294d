/* Fuzzes the settings: lib/config.c lib/log.c lib/address.c
 *
 * The input is a .env file. */
#include "fuzz.h"

static char path[PATH_MAX];

static void
target_start(void)
{
    snprintf(path, sizeof path, "%s", fuzz_path("env"));
    setenv("ENV_FILE", path, 1);
}

static void
target_run(const char *bytes, size_t length)
{
    struct error why = { "" };
    struct config config;
    char *text = NULL;
    size_t size = 0;

    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    promise(write(file, bytes, length) == (ssize_t)length && close(file) == 0, path);
    if (!config_load(&config, SECRET_HF_TOKEN | SECRET_HUB_WEBHOOK | SECRET_HF_READ, &why)) {
        promise(why.text[0] != '\0', "a bad setting is named");
        return;
    }
    FILE *out = open_memstream(&text, &size);
    promise(out != NULL, "there is memory");
    config_print(&config, out);
    fclose(out);
    free(text);
    config_free(&config);
}

FUZZ_SEEDS("# a comment\n\nexport HF_TOKEN=hf_x # mine\nHF_ORGANIZATION=\"acme\"\nPORT='8080'\n"
           "CORS_ORIGINS=[\"https://a\",\"*\"]\nTRUSTED_PROXIES=[\"10.0.0.0/8\",\"::1\"]\n",
           "HF_ENDPOINT=https://hub.invalid/\nCONTENTS_REPO=a/b\nLOG_LEVEL=debug\nLOG_FORMAT=json\n"
           "LOG_LEVEL_HTTP=ERROR\nLEADERBOARD_PROFILE=space\nENVIRONMENT=production\nHOST=::\n"
           "HIGHER_QUOTA_USERS=[\"alice\"]\nHUB_WEBHOOK_SECRET=s\nHF_READ_TOKEN=hf_y\n",
           "HUB_TIMEOUT=0\n", "CACHE_TTL=9999999999999999999\r\n", "=x", "HF_TOKEN='x",
           "LEADERBOARD_CONFIG=a\nREQUESTS_REPO=a\nVOTES_REPO=/\nHOST=a b\nPORT=1x\n")
