/* model: what the library says of a model on the Hub, for tests.
 *
 *   model DB find ID REVISION
 *   model DB check ID REVISION PRECISION WEIGHT_TYPE BASE CHAT(yes|no)
 *   model DB safetensors FILE COUNT    writes a file whose header claims COUNT parameters
 *
 * Prints the result's name with the facts, the profile or the sentence. Exit codes: 0 OK, 1 not,
 * 100, 111. */
#include "model.h"
#include "file.h"
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
print_result(enum model_result result, const char *good, const struct error *why)
{
    static const char *const names[] = { [MODEL_OK] = "OK",
                                         [MODEL_MISSING] = "MISSING",
                                         [MODEL_REFUSED] = "REFUSED",
                                         [MODEL_UNAVAILABLE] = "UNAVAILABLE" };

    printf("%s %s\n", names[result], result == MODEL_OK ? good : why->text);
    return result == MODEL_OK ? 0 : 1;
}

static int
find_or_check(struct models *models, char **arguments, bool check)
{
    struct model_wish wish = { 0 };
    struct model_profile profile;
    char params[JSON_REAL_MAX];
    struct arena arena;
    struct model model;
    struct error why;

    arena_init(&arena, 0);
    enum model_result result = model_find(models, arguments[0], arguments[1], &arena, &model, &why);
    const char *good = result == MODEL_OK ? model.facts : "";
    if (result == MODEL_OK && check) {
        wish = (struct model_wish){ arguments[2], arguments[3], arguments[4],
                                    strcmp(arguments[5], "yes") == 0 };
        result = model_check(models, &model, &wish, &arena, &profile, &why);
    }
    if (result == MODEL_OK && check) {
        json_format_real(params, profile.params);
        good = arena_format(&arena, "%s %s", profile.architectures, params);
    }
    int code = print_result(result, good, &why);
    arena_free(&arena);
    return code;
}

static int
write_safetensors(const char *file, const char *count)
{
    char header[256] = { 0 };
    struct error why;

    int length =
        snprintf(header + 8, sizeof header - 8,
                 "{\"w\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[0,0]}}", count);
    header[0] = (char)length;
    if (file_publish(file, header, (size_t)length + 8, &why))
        return 0;
    fprintf(stderr, "model: %s\n", why.text);
    return EXIT_SYSTEM;
}

int
main(int argc, char **argv)
{
    struct config config;
    struct gate gate;
    struct models models = { .config = &config, .gate = &gate };
    struct error why;
    bool check = argc == 9 && strcmp(argv[2], "check") == 0;

    if (argc == 5 && strcmp(argv[2], "safetensors") == 0)
        return write_safetensors(argv[3], argv[4]);
    if (!check && (argc != 5 || strcmp(argv[2], "find") != 0)) {
        fputs("usage: model DB find ID REVISION | check ID REVISION PRECISION WEIGHT_TYPE BASE "
              "yes|no | safetensors FILE COUNT\n",
              stderr);
        return EXIT_USAGE;
    }
    if (!config_load(&config, SECRET_HF_READ, &why)) {
        fprintf(stderr, "model: %s\n", why.text);
        return EXIT_USAGE;
    }
    if (db_open(&models.db, argv[1], SQL_DATABASE_CACHE, DB_WRITER, &why) != DB_OK) {
        fprintf(stderr, "model: %s\n", why.text);
        return EXIT_SYSTEM;
    }
    gate_init(&gate, &config, "model", 1);
    int code = find_or_check(&models, argv + 3, check);
    gate_close(&gate);
    db_close(models.db);
    config_free(&config);
    return code;
}
