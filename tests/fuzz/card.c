/* Fuzzes what is read of a model, which a stranger made: lib/hubcard.c lib/model.c
 * lib/model_check.c lib/model_file.c lib/hub_model.c
 *
 * The input is what the Hub says of the model, and files, with ==== between them; of each file the
 * first line is its path. A safetensors file is its header, whose length is put before it. */
#include "fuzz.h"
#include "served.h"

#include "hubcard.h"
#include "model_private.h"

static struct config config;
static struct gate gate;
static struct db *db;

static void
target_start(void)
{
    struct error why = { "" };

    fuzz_config(&config, SECRET_HF_READ);
    promise(db_open(&db, fuzz_path("cache.db"), SQL_DATABASE_CACHE, DB_WRITER, &why) == DB_OK,
            why.text);
    gate_init(&gate, &config, "fuzz", 1);
}

/* A file as the Hub has it, in the arena. */
static void
add_file(const char *part, size_t size, struct arena *arena)
{
    const char *end = memchr(part, '\n', size);
    size_t line = end == NULL ? size : (size_t)(end - part), length = size - line - (end != NULL);
    const char *path = arena_copy(arena, part, line), *content = end == NULL ? "" : end + 1;
    static const char ending[] = ".safetensors";

    if (line < sizeof ending - 1 || strcmp(path + line - (sizeof ending - 1), ending) != 0) {
        served_add(path, content, length);
        return;
    }
    unsigned char *file = arena_alloc(arena, length + 8);
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(file + 8, content, length);
    served_add(path, file, length + 8);
}

static void
check(const struct model *model, struct models *models, struct arena *arena)
{
    static const struct model_wish wishes[] = {
        { "bfloat16", "Original", "", true },
        { "GPTQ", "Original", "", false },
        { "float16", "Adapter", "acme/base", true },
    };

    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        struct model_profile profile = { 0 };
        struct error why = { "" };
        enum model_result result = model_check(models, model, &wishes[i], arena, &profile, &why);
        promise(result == MODEL_OK ? profile.architectures != NULL && profile.params >= 0
                                   : why.text[0] != '\0',
                "a check tells the size, or why not");
    }
}

/* What the local Hub reads out of the same files. */
static void
read_files(void)
{
    for (size_t i = 0; i < served_count; i++) {
        const char *text = served[i].bytes;
        size_t length = served[i].length;
        promise(hubcard_text(text, length) <= length, "a card's text is part of it");
        json_decref(hubcard_front_matter(text, length));
        json_decref(hubcard_safetensors(text, length));
    }
}

static void
target_run(const char *bytes, size_t length)
{
    struct models models = { .config = &config, .db = db, .gate = &gate };
    struct error why = { "" };
    struct arena arena;
    struct model model;
    const char *part;
    size_t size;

    arena_init(&arena, 0);
    served_count = 0;
    served_model = (struct served){ 0 };
    for (bool first = true; fuzz_part(&bytes, &length, &part, &size); first = false) {
        if (first)
            served_model = (struct served){ "", part, size };
        else
            add_file(part, size, &arena);
    }
    enum model_result result = model_find(&models, "acme/large", "main", &arena, &model, &why);
    if (result == MODEL_OK)
        check(&model, &models, &arena);
    else
        promise(why.text[0] != '\0', "a model that is not found says why");
    gate_leave(&gate);
    read_files();
    arena_free(&arena);
}

#define INFO(more, files)                                                                          \
    "{\"id\":\"acme/large\",\"sha\":\"" SERVED_SHA "\"" more ",\"siblings\":[" files "]}\n====\n"
#define SIBLING(path) "{\"rfilename\":\"" path "\"}"
#define USUAL                                                                                      \
    SIBLING("config.json")                                                                         \
    "," SIBLING("README.md") "," SIBLING("tokenizer.json") "," SIBLING("tokenizer_config.json")
#define WORDS                                                                                      \
    "It is a large model that was made to be read by a fuzzer, which does not care about what it " \
    "says, as long as it is long enough: two hundred characters of text, of which these are "      \
    "the last, and these are the ones behind them.\n"

FUZZ_SEEDS(
    INFO("", USUAL
         "," SIBLING("model.safetensors")) "config.json\n{\"architectures\":[\"LlamaForCausalLM\"],"
                                           "\"eps\":NaN,\"x\":Infinity}\n====\n"
                                           "README.md\n---\nlicense: mit\ntags:\n- one\n- "
                                           "\"two\"\nlist: [a, 'b', 1]\n---\n" WORDS
                                           "\n====\ntokenizer_config.json\n{\"chat_template\":\"{{ "
                                           "x }}\"}\n====\n"
                                           "model.safetensors\n{\"__metadata__\":{\"format\":"
                                           "\"pt\"},\"w\":{\"dtype\":\"BF16\","
                                           "\"shape\":[4096,4096],\"data_offsets\":[0,33554432]},"
                                           "\"b\":{\"dtype\":\"F32\","
                                           "\"shape\":[],\"data_offsets\":[0,4]}}",
    INFO(",\"gated\":\"auto\",\"cardData\":{\"license\":[\"mit\"]},\"safetensors\":{"
         "\"total\":8030261248},\"config\":{\"tokenizer_config\":{\"chat_template\":[1]}}",
         USUAL) "config.json\n{\"architectures\":[\"A\",\"B\"],\"auto_map\":null}\n====\nREADME."
                "md\n" WORDS,
    INFO(",\"disabled\":false",
         USUAL "," SIBLING(
             "model.safetensors.index.json")) "config.json\n{\"architectures\":[\"A\"]}\n=="
                                              "==\nREADME.md\n---\nlicense_name: x\n"
                                              "license_link: https://a\nmore: |\n  b\nother: >-\n  "
                                              "b # c\n---\n" WORDS "\n====\n"
                                              "model.safetensors.index.json\n{\"metadata\":"
                                              "{\"total_size\":16},\"weight_map\":{"
                                              "\"w\":\"model-1-of-2.safetensors\",\"b\":"
                                              "\"model-2-of-2.safetensors\"}}\n====\n"
                                              "model-1-of-2.safetensors\n{\"w\":{\"dtype\":"
                                              "\"I4\",\"shape\":[2,3]}}\n====\n"
                                              "model-2-of-2.safetensors\n{\"b\":{\"dtype\":"
                                              "\"F8_E4M3\",\"shape\":[9223372036854775807]}}",
    INFO(",\"safetensors\":{\"total\":8030261248}",
         SIBLING("adapter_config.json") "," SIBLING(
             "adapter_model.safetensors") "," USUAL) "adapter_config.json\n{\"base_model_name_or_"
                                                     "path\":\"acme/base\"}\n====\n"
                                                     "config.json\n{\"architectures\":[\"A\"]}\n==="
                                                     "=\nREADME.md\n---\nlicense: mit\n---\n" WORDS
                                                     "\n====\nadapter_model.safetensors\n{\"lora."
                                                     "w\":{\"dtype\":\"F16\",\"shape\":[8,16]}}",
    "{\"id\":\"acme/other\",\"private\":true}", "{\"disabled\":true}")
