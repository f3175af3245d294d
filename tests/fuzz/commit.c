/* Fuzzes what clients of the local Hub send: lib/hubpayload.c lib/hubcommit.c lib/hubcall.c
 * lib/hubupload.c lib/hublfs.c lib/hubtree.c lib/hubinfo.c lib/hubgit.c lib/hubstore.c
 * cgi-bin/hub.c
 *
 * The input is a request. Its Hub has a model and a dataset, and a secret that is no secret, so
 * that addresses can be signed by hand. */
#include "program.h"
#include "state.h"

#include "hubcommit.h"
#include "hublfs.h"

/* Of "test", of which the store has a part. */
#define SHA "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

program_main hub_main;

static struct program programs[] = { { .prefixes = { "" }, .main = hub_main } };

static struct config config;
static struct state state;

static void
fill(struct hubstore *store, enum hubstore_kind kind, const char *name)
{
    static const char card[] = "---\nlicense: mit\ntags: [a]\n---\n# Large\n";
    static const char configuration[] = "{\"architectures\":[\"LlamaForCausalLM\"]}";
    static const char weights[] = "\x21\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F16\",\"shape\":[2]}}";
    const struct hubcommit_operation operations[] = {
        { HUBCOMMIT_FILE, "README.md", card, sizeof card - 1, NULL },
        { HUBCOMMIT_FILE, "data/config.json", configuration, sizeof configuration - 1, NULL },
        { HUBCOMMIT_LFS, "model.safetensors", weights, sizeof weights - 1, NULL },
    };
    const struct hubcommit commit = { .title = "files",
                                      .operations = operations,
                                      .count = sizeof operations / sizeof operations[0] };
    struct error why = { "" };
    struct hubstore_repo repo;
    struct arena arena;

    arena_init(&arena, 0);
    promise(hubcommit_create_repo(store, kind, name, false, false, &why) == HUBSTORE_OK &&
                hubstore_repo(store, kind, name, &arena, &repo, &why) == HUBSTORE_OK &&
                hubcommit_make(store, &repo, &commit, &arena, &why) == HUBSTORE_OK,
            why.text);
    arena_free(&arena);
}

static void
target_start(void)
{
    struct hubstore *store;
    struct error why = { "" };
    char path[PATH_MAX], etag[SHA256_HEX];

    setenv("HUB_RATE_API", "1000000000", 1);
    setenv("HUB_RATE_RESOLVERS", "1000000000", 1);
    setenv("HUB_LFS_PART_BYTES", "16", 1);
    fuzz_config(&config, 0);
    snprintf(path, sizeof path, "%s", fuzz_path("hub.db"));
    promise(hubstore_open(&store, path, &why) == HUBSTORE_OK, why.text);
    sqlite3_exec(store->db->handle, "UPDATE secrets SET secret = zeroblob(32)", NULL, NULL, NULL);
    fill(store, HUBSTORE_MODEL, "acme/large");
    fill(store, HUBSTORE_DATASET, "acme/votes");
    promise(hublfs_put_part(store, SHA, 1, "test", 4, etag, &why) == HUBSTORE_OK, why.text);
    hubstore_close(store);
    state_keep(&state, path);
}

static void
target_run(const char *bytes, size_t length)
{
    program_ask(programs, bytes, length);
    state_restore(&state);
}

#define ASK(request)                                                                               \
    request " HTTP/1.1\nHost: localhost:8081\nAuthorization: Bearer hf_local_server\n"
#define JSON "Content-Type: application/json\n\n"
#define COMMIT                                                                                     \
    ASK("POST /api/datasets/acme/votes/commit/main") "Content-Type: application/x-ndjson\n\n"

FUZZ_SEEDS(
    COMMIT
    "{\"key\":\"header\",\"value\":{\"summary\":\"a\",\"description\":\"b\"}}\n"
    "{\"key\":\"file\",\"value\":{\"path\":\"a/b.txt\",\"content\":\"aGVsbG8=\",\"encoding\":"
    "\"base64\"}}\n{\"key\":\"deletedFile\",\"value\":{\"path\":\"README.md\"}}\n",
    COMMIT
    "{\"key\":\"header\",\"value\":{\"summary\":\"a\"}}\n"
    "{\"key\":\"file\",\"value\":{\"path\":\"data/config.json\",\"content\":\"text\",\"encoding\":"
    "\"utf-8\"}}\n{\"key\":\"deletedFolder\",\"value\":{\"path\":\"data/\"}}\n",
    COMMIT "{\"key\":\"header\",\"value\":{\"summary\":\"a\"}}\n{\"key\":\"lfsFile\",\"value\":{"
           "\"path\":\"x.bin\",\"algo\":\"sha256\",\"oid\":\"" SHA "\",\"size\":4}}\n",
    COMMIT "{\"key\":\"header\",\"value\":{\"summary\":\"a\"}}\n{\"key\":\"lfsFile\",\"value\":{"
           "\"path\":\"model.safetensors\",\"algo\":\"sha256\",\"oid\":"
           "\"abc8666aff0d74af05253d2d2e9b130190f127d4adcb8b4ceed79aa705f01dc6\",\"size\":41}}\n",
    COMMIT
    "{\"key\":\"header\",\"value\":{\"summary\":\"a\"}}\n{\"key\":\"file\",\"value\":{\"path\":"
    "\"b\",\"oldPath\":\"README.md\",\"content\":\"!\"}}\n{\"key\":\"deletedEntry\",\"value\":{"
    "\"path\":\"data\"}}\n",
    ASK("POST /acme/large.git/info/lfs/objects/batch") JSON
    "{\"operation\":\"download\",\"objects\":[{\"oid\":"
    "\"abc8666aff0d74af05253d2d2e9b130190f127d4adcb8b4ceed79aa705f01dc6\",\"size\":41}]}",
    ASK("POST /acme/large.git/info/lfs/objects/verify") JSON
    "{\"oid\":\"abc8666aff0d74af05253d2d2e9b130190f127d4adcb8b4ceed79aa705f01dc6\",\"size\":41}",
    ASK("POST /api/repos/create") JSON
    "{\"type\":\"dataset\",\"name\":\"new\",\"organization\":\"acme\",\"private\":true}",
    ASK("GET /api/whoami-v2") "\n", ASK("GET /api/models/acme/large?blobs=true&expand=sha") "\n",
    ASK("GET /api/datasets/acme/votes/revision/main") "\n",
    ASK("GET /api/models/acme/large/auth-check/write") "\n",
    ASK("GET /api/models/acme/large/tree/main?recursive=true&expand=true&limit=1&cursor=x") "\n",
    ASK("GET /api/datasets/acme/votes/tree/main/data") "\n",
    ASK("POST /api/models/acme/large/paths-info/main") JSON
    "{\"paths\":[\"README.md\",\"data\",\"none\"],\"expand\":true}",
    ASK("POST /api/models/acme/large/paths-info/main") "Content-Type: "
                                                       "application/"
                                                       "x-www-form-urlencoded\n\npaths=README.md&"
                                                       "paths=data%2Fconfig.json&expand=true",
    ASK("POST /api/datasets/acme/votes/preupload/main") JSON
    "{\"files\":[{\"path\":\"a.bin\",\"size\":100,\"sample\":\"AAECAw==\"},{\"path\":\"b.txt\","
    "\"size\":1,\"sample\":\"YQ==\"}],\"gitAttributes\":\"*.bin filter=lfs\"}",
    ASK("POST /datasets/acme/votes.git/info/lfs/objects/batch") JSON
    "{\"operation\":\"upload\",\"transfers\":[\"basic\",\"multipart\"],\"objects\":[{\"oid\":\"" SHA
    "\",\"size\":40},{\"oid\":\"x\",\"size\":-1}],\"hash_algo\":\"sha256\"}",
    ASK("POST /acme/large.git/info/lfs/objects/verify") JSON "{\"oid\":\"" SHA "\",\"size\":4}",
    "PUT /lfs/" SHA "?size=4&expires=4102444800&signature="
    "8e79115f8f6bec5d793b4d6f66f20758d1156dd85215a704711889f313d0952e HTTP/1.1\n\ntest",
    "PUT /lfs/" SHA "/1?size=4&expires=4102444800&signature="
    "df0c5b4a239acab17a3d4f36d322194bb7d40c5f15c06eab5ed3ce0d2ecfa410 HTTP/1.1\n\ntest",
    "POST /lfs/" SHA "/complete?parts=1&expires=4102444800&signature="
    "0a8dec6196afa84d3ae9af3953d9143fd428eb75586b69cd0b916f1178f1f645 HTTP/1.1\n" JSON
    "{\"parts\":[{\"partNumber\":1,\"etag\":\"\\\"" SHA "\\\"\"}]}",
    ASK("GET /acme/large/resolve/main/data/config.json") "Range: bytes=-5\nIf-Range: \"x\"\n\n",
    ASK("GET /datasets/acme/votes/raw/main/model.safetensors") "Range: bytes=3-\n\n",
    ASK("HEAD /acme/large/resolve/main/model.safetensors") "\n")
