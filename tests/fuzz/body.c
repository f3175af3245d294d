/* Fuzzes what clients post: lib/form.c lib/json.c lib/auth.c lib/vote.c lib/submission.c
 * cgi-bin/votes.c cgi-bin/models.c cgi-bin/system.c
 *
 * The input is a request, which the programs answer; the Hub has every user, and one model. */
#include "program.h"
#include "served.h"
#include "state.h"

#include "db.h"

program_main votes_main, models_main, system_main;

static struct program programs[] = {
    { .prefixes = { "/api/votes" }, .main = votes_main },
    { .prefixes = { "/api/models" }, .main = models_main },
    { .prefixes = { "" }, .main = system_main },
};

#define POST(target, token)                                                                        \
    "POST " target " HTTP/1.1\r\nAuthorization: Bearer " token                                     \
    "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
#define HOOK                                                                                       \
    "POST /api/webhooks/hub HTTP/1.1\nX-Webhook-Secret: webhook-secret\n"                          \
    "Content-Type: application/json\n\n"

#define SUBMISSION(user, precision)                                                                \
    "{\"user_id\":\"" user                                                                         \
    "\",\"model_id\":\"acme/large\",\"revision\":\"main\",\"precision\":\"" precision              \
    "\",\"weight_type\":\"Original\",\"model_type\":\"chat\",\"use_chat_template\":true}"

static struct config config;
static struct state state;

static void
target_start(void)
{
    static const char model[] =
        "{\"id\":\"acme/large\",\"sha\":\"" SERVED_SHA "\",\"cardData\":{\"license\":\"mit\"},"
        "\"safetensors\":{\"total\":8030261248},\"siblings\":[{\"rfilename\":\"config.json\"},{"
        "\"rfilename\":\"README.md\"},{\"rfilename\":\"tokenizer.json\"},{\"rfilename\":"
        "\"chat_template.jinja\"},{\"rfilename\":\"adapter_config.json\"},{\"rfilename\":"
        "\"adapter_model.safetensors\"}]}";
    static const char configuration[] = "{\"architectures\":[\"LlamaForCausalLM\"]}";
    static const char weights[] = "\x2e\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F16\",\"shape\":[8,16],"
                                  "\"more\":12}}";
    static const char submission[] = POST("/api/models/submit", "hf_bob") SUBMISSION("bob", "8bit");
    static char card[300];
    struct error why = { "" };
    struct db *db;

    fuzz_config(&config, SECRET_HUB_WEBHOOK);
    promise(db_open(&db, fuzz_path("cache.db"), SQL_DATABASE_CACHE, DB_WRITER, &why) == DB_OK,
            why.text);
    db_close(db);
    served_model = (struct served){ "", model, sizeof model - 1 };
    memset(card, 'x', sizeof card);
    served_add("README.md", card, sizeof card);
    served_add("config.json", configuration, sizeof configuration - 1);
    served_add("adapter_config.json", configuration, sizeof configuration - 1);
    served_add("adapter_model.safetensors", weights, sizeof weights - 1);
    program_ask(programs, submission, sizeof submission - 1);
    promise(strncmp(buf_string(&programs[1].head), "Status: 200", 11) == 0, "a submission");
    state_keep(&state, fuzz_path("cache.db"));
}

static void
target_run(const char *bytes, size_t length)
{
    program_ask(programs, bytes, length);
    state_restore(&state);
}

FUZZ_SEEDS(POST("/api/votes/acme/large", "hf_alice") "{\"vote_type\":\"up\",\"user_id\":\"alice\"}",
           POST("/api/votes/acme%2Flarge?vote_type=down&user_id=Alice", "hf_alice"),
           POST("/api/votes/acme/large", "hf_acme") "{\"vote_type\":\"up\",\"user_id\":\"acme\"}",
           POST("/api/votes/other/model", "nobody") "{\"vote_type\":null,\"user_id\":\"bob\"}",
           POST("/api/models/submit", "hf_alice") "{\"user_id\":\"alice\",\"model_id\":\"acme/"
                                                  "large\",\"revision\":\"main\",\"precision\":"
                                                  "\"bfloat16\",\"weight_type\":\"Original\","
                                                  "\"model_type\":\"chat\",\"base_model\":\"\","
                                                  "\"use_chat_template\":true}",
           POST("/api/models/submit", "hf_alice") "{\"user_id\":\"alice\",\"model_id\":\"acme/"
                                                  "large\",\"revision\":null,\"precision\":"
                                                  "\"float16\",\"weight_type\":\"Adapter\",\"model_"
                                                  "type\":\"fine-tuned\",\"base_model\":"
                                                  "\"acme/"
                                                  "large\",\"use_chat_template\":null,\"more\":[1,"
                                                  "2.5,{\"a\":\"\\ud83d\\ude00\"}]}",
           "GET /api/models/status HTTP/1.1\n\n", "GET /api/models/pending?sort=votes HTTP/1.1\n\n",
           "GET /api/models/acme/large/status?precision=float16&revision=main HTTP/1.1\n\n",
           "GET /api/votes/model/acme/large HTTP/1.1\n\n", "GET /api/votes/user/alice HTTP/1.1\n\n",
           HOOK "{\"event\":{\"action\":\"update\",\"scope\":\"repo.content\"},\"repo\":{\"type\":"
                "\"dataset\",\"name\":\"acme/contents\"},\"updatedRefs\":[{\"ref\":"
                "\"refs/heads/main\"}]}",
           HOOK
           "{\"event\":{\"scope\":\"discussion\"},\"repo\":{\"type\":\"model\",\"name\":\"a\"}}",
           "GET /api/health HTTP/1.1\n\n", "GET /metrics HTTP/1.1\n\n",
           POST("/api/models/submit", "hf_alice") SUBMISSION("alice", "8bit"),
           POST("/api/models/submit", "hf_bob") "[]", POST("/api/models/submit", "hf_bob") "{\"x\"",
           POST("/api/votes/acme/large", "hf_bob") "{\"vote_type\":\"up\",\"user_id\":\"bob\"}",
           "POST /api/votes/a/b HTTP/1.1\nContent-Length: 99\nContent-Type: text/plain\n\n{}")
