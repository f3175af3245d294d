/* Fuzzes what is read of the requests dataset: lib/submission.c lib/pull_requests.c lib/timestamp.c
 *
 * The input is a list of files with ==== between them; of each the first line is its path. */
#include "fuzz.h"
#include "served.h"
#include "state.h"

#include "pull_private.h"

static struct config config;
static struct pull pull = { .config = &config, .accept_loss = true };
static struct state state;

static void
target_start(void)
{
    fuzz_config(&config, 0);
    served_pull(&pull);
    state_keep(&state, fuzz_path("cache.db"));
}

static void
target_run(const char *bytes, size_t length)
{
    struct error why = { "" };
    struct arena arena;
    const char *part;
    size_t size;

    arena_init(&arena, 0);
    served_count = 0;
    while (fuzz_part(&bytes, &length, &part, &size)) {
        const char *end = memchr(part, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - part);
        const char *content = part + line + (end != NULL);
        served_add(arena_copy(&arena, part, line), content, size - (size_t)(content - part));
    }
    /* What the client refuses (a path of two dots) is no request file; the rest must be taken. */
    if (!pull_requests(&pull, SERVED_SHA, &why))
        promise(why.text[0] != '\0', "a pull says why it failed");
    state_restore(&state);
    arena_free(&arena);
}

FUZZ_SEEDS(
    "acme/large_eval_request_False_bfloat16_Original.json\n"
    "{\"model\": \"acme/large\", \"base_model\": \"\", \"revision\": \"main\", "
    "\"precision\": \"bfloat16\", \"params\": 8.03, \"architectures\": "
    "\"LlamaForCausalLM\", \"weight_type\": \"Original\", \"status\": \"FINISHED\", "
    "\"submitted_time\": \"2024-06-12T10:20:30Z\", \"model_type\": \"pretrained\", "
    "\"job_id\": -1, \"job_start_time\": null, \"use_chat_template\": false, "
    "\"sender\": \"alice\"}",
    "a/b.json\n{\"model\":\"a/b\",\"revision\":\"main\",\"precision\":\"float16\","
    "\"status\":\"pending\",\"submitted_time\":\"2024-06-12T10:20:30.123456+02:00\"}\n====\n"
    "README.md\n# Requests\n====\n.hidden.json\n{}\n====\nbroken.json\n{\"model\": 1}\n====\n"
    "a/c.json\n[]",
    "x.json\n{\"model\":\"a\\u0000b\",\"revision\":\"\",\"precision\":null,\"status\":\"\"}",
    "../x.json\n{}", "x.json")
