/* Fuzzes answers of the Hub, which may be any server that HF_ENDPOINT names: lib/hub.c
 * lib/hub_answer.c lib/hub_model.c lib/hub_commit.c lib/json.c
 *
 * The first byte chooses a question; the rest are the answers, as served.h has them. */
#include "served.h"

#include "hub.h"

static struct config config;
static struct hub *hub;
static struct spool spool;

static void
target_start(void)
{
    struct error why = { "" };

    fuzz_config(&config, 0);
    promise((hub = hub_open(&config, &why)) != NULL, why.text);
    promise(spool_open(&spool, config.state_dir, &why), why.text);
    promise(spool_put(&spool, "forty bytes that go to the Hub in pieces", 40, &why), why.text);
}

static enum hub_result
list(struct error *why)
{
    struct hub_tree tree;
    struct buf content;
    enum hub_result result = hub_list(hub, "acme/votes", SERVED_SHA, &tree, why);

    if (result != HUB_OK)
        return result;
    promise(tree.count == 0 || hub_tree_find(&tree, tree.files[0].path) != NULL, "a file is found");
    buf_init(&content, 1 << 20);
    if (tree.count != 0)
        result = hub_download(hub, "acme/votes", SERVED_SHA, &tree.files[0], &content, why);
    buf_free(&content);
    hub_tree_free(&tree);
    return result;
}

static enum hub_result
commit(struct error *why)
{
    const struct hub_upload uploads[] = {
        { "a.json", "{}", 2, NULL },
        { "votes_data.jsonl", NULL, (size_t)spool.length, &spool },
    };
    char sha[SHA1_HEX];
    enum hub_result result =
        hub_commit(hub, "acme/votes", SERVED_SHA, "votes", uploads, 2, sha, why);

    promise(result != HUB_OK || sha[strspn(sha, "0123456789abcdef")] == '\0',
            "a commit has a name");
    return result;
}

static enum hub_result
owner(struct error *why)
{
    struct hub_user user;
    enum hub_result result = hub_whoami(hub, "hf_x", &user, why);

    promise(result != HUB_OK || user.name[0] != '\0', "an owner has a name");
    return result;
}

static enum hub_result
model(struct error *why)
{
    json_t *info = NULL;
    enum hub_result result = hub_model(hub, "acme/large", "main", &info, why);

    promise((result == HUB_OK) == (info != NULL), "a model is told of");
    json_decref(info);
    return result;
}

static enum hub_result
revision(struct error *why)
{
    char sha[SHA1_HEX];

    return hub_revision(hub, "acme/votes", sha, why);
}

static void
target_run(const char *bytes, size_t length)
{
    static enum hub_result (*const questions[])(struct error *) = { list, commit, owner, model,
                                                                    revision };
    struct error why = { "" };

    if (length == 0)
        return;
    served_by_script = true;
    served_script = bytes + 1;
    served_script_left = length - 1;
    unsigned question = (unsigned char)bytes[0] % (sizeof questions / sizeof questions[0]);
    promise(questions[question](&why) == HUB_OK || why.text[0] != '\0', "a failure says why");
}

#define FORTY "aaa01e5ce27c029a646b68539debbf7750289a926d4389ac354dc134cc0754d3"
#define ENTRY(path, more)                                                                          \
    "{\"type\":\"file\",\"path\":\"" path "\",\"size\":2,\"oid\":\"" SERVED_SHA "\"" more "}"
#define PREUPLOAD                                                                                  \
    "200\n{\"files\":[{\"path\":\"a.json\",\"uploadMode\":\"regular\",\"shouldIgnore\":false},{"   \
    "\"path\":"                                                                                    \
    "\"votes_data.jsonl\",\"uploadMode\":\"lfs\"}]}\n====\n"
#define COMMITTED "200\n{\"commitOid\":\"" SERVED_SHA "\"}"

/* The questions by their first bytes: d, e, f, g, h. */
FUZZ_SEEDS(
    "d200 http://hub.invalid/next\n[" ENTRY(
        "a/b.json",
        "") ",{\"type\":\"directory\"}]\n====\n200\n[" ENTRY("c",
                                                             ",\"lfs\":{\"oid\":\"" FORTY
                                                             "\",\"size\":2}") "]\n====\n200\n{}",
    "d200\n[" ENTRY("../x", "") "]", "d429\n{\"error\":\"slow down\"}",
    "e" PREUPLOAD "200\n{\"objects\":[{\"oid\":\"" FORTY "\",\"actions\":{\"upload\":{\"href\":"
    "\"http://s/x\",\"header\":{\"a\":\"b\",\"a\\r\\nb\":\"c\"}},\"verify\":{\"href\":\"http://s/"
    "v\"}}}]}\n====\n200\n\n"
    "====\n200\n\n====\n" COMMITTED,
    "e" PREUPLOAD "200\n{\"objects\":[{\"oid\":\"" FORTY "\",\"actions\":{\"upload\":{\"href\":"
    "\"http://s/x\",\"header\":{\"chunk_size\":\"16\",\"00001\":\"http://s/1\",\"00002\":"
    "\"http://s/2\",\"00003\":\"http://s/3\"}}}}]}\n====\n200\n\n====\n200\n\n====\n200\n\n====\n"
    "200\n\n====\n" COMMITTED,
    "e" PREUPLOAD "200\n{\"objects\":[{\"oid\":\"" FORTY "\",\"error\":{\"code\":422,\"message\":"
    "\"no\"}}]}",
    "e200\n{}\n====\n412\n{}", "f200\n{\"name\":\"alice\",\"type\":\"user\"}",
    "f401\n{\"error\":\"Invalid credentials\"}",
    "g200\n{\"id\":\"a\\u0000b\",\"n\":123456789012345678901234567890,\"n\":1}",
    "h200\n{\"sha\":\"" SERVED_SHA "\"}", "h404\n", "h503\nno JSON")
