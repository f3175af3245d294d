/* hub: the local Hub, which speaks the Hugging Face Hub's HTTP API over a SQLite file of its own,
 * for development, demonstrations and tests. */

#include "hubcall.h"
#include "hubcommit.h"
#include "hubgit.h"
#include "hubinfo.h"
#include "hublfs.h"
#include "hubpayload.h"
#include "hubtree.h"
#include "hubupload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BODY_SMALL = 4 << 20,
    BODY_COMMIT = 256 << 20,
    BODY_UPLOAD = 256 << 20,
    EXPAND_MAX = 32,
    PART_BYTES = 20 << 20, /* larger objects are uploaded in parts of this size */
    ADDRESS_S = 3600,      /* for how long signed addresses are good */
};

struct hub {
    struct hubstore *store;
    struct hubquota *quota;
    long part_bytes, address_s;
};

static struct hubcall
call_of(void *context, struct request *request, struct response *response)
{
    struct hub *hub = context;

    return (struct hubcall){ .store = hub->store,
                             .quota = hub->quota,
                             .address_s = hub->address_s,
                             .request = request,
                             .response = response };
}

/* Whether the route is about datasets or models: {type}, or how its pattern begins. */
static bool
call_kind(const struct hubcall *call, enum hubstore_kind *kind)
{
    const char *type = request_variable(call->request, "type");

    if (type == NULL)
        type = strncmp(call->request->match.route->pattern, "/datasets/", 10) == 0 ? "datasets"
                                                                                   : "models";
    *kind = type[0] == 'd' ? HUBSTORE_DATASET : HUBSTORE_MODEL;
    return strcmp(type, "datasets") == 0 || strcmp(type, "models") == 0;
}

/* What every call about a repo begins with: limit, token, repo. {name} may end in ".git". */
static int
begin_repo(struct hubcall *call, enum hubquota_bucket bucket)
{
    const char *name = request_variable(call->request, "name");
    size_t length = strlen(name);
    enum hubstore_kind kind;
    int status = hubcall_begin(call, bucket);

    if (status != 0)
        return status;
    if (!call_kind(call, &kind))
        return hubcall_error(call, 404, NULL, "Sorry, we can't find the page you are looking for.");
    if (length > 4 && strcmp(name + length - 4, ".git") == 0)
        name = arena_copy(&call->request->arena, name, length - 4);
    return hubcall_repo(call, kind, request_variable(call->request, "ns"), name);
}

/* What every call about a revision begins with. */
static int
begin_revision(struct hubcall *call, enum hubquota_bucket bucket)
{
    int status = begin_repo(call, bucket);

    return status != 0 ? status : hubcall_revision(call);
}

/* ---- callers and repos ---- */

/* GET /api/whoami-v2 */
static int
whoami_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    const struct hubstore_user *user = &call.user;
    int status;

    if ((status = hubcall_begin(&call, HUBQUOTA_API)) != 0 || (status = hubcall_login(&call)) != 0)
        return status;
    const char *id = arena_format(&request->arena, "%024" PRIx64, user->id);
    const char *created = hubinfo_time(user->created, &request->arena);
    return hubcall_json(
        &call, 200,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:b, s:[], s:{s:s, s:{s:s, s:s, s:s}}}",
                  "type", user->organization ? "org" : "user", "id", id, "name", user->name,
                  "fullname", user->name, "email",
                  arena_format(&request->arena, "%s@localhost", user->name), "emailVerified", 1,
                  "avatarUrl", "/avatars/local.svg", "isPro", 0, "canPay", 0, "orgs", "auth",
                  "type", "access_token", "accessToken", "displayName", "local", "role", "write",
                  "createdAt", created));
}

/* GET /api/{type}/{ns}/{name}[/revision/{rev}] */
static int
info_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    const char *blobs = request_query(request, "blobs");
    const char *expand[EXPAND_MAX];
    struct hubinfo info = { .store = call.store,
                            .repo = &call.repo,
                            .commit = &call.commit,
                            .arena = &request->arena,
                            .blobs = blobs != NULL && strcmp(blobs, "true") == 0,
                            .expand = expand };
    int status = begin_repo(&call, HUBQUOTA_API);

    if (status != 0)
        return status;
    call.commit = call.repo.head;
    if (request_variable(request, "rev") != NULL && (status = hubcall_revision(&call)) != 0)
        return status;
    for (size_t i = 0; i < request->queries && info.expands < EXPAND_MAX; i++)
        if (strcmp(request->query[i].name, "expand") == 0 ||
            strcmp(request->query[i].name, "expand[]") == 0)
            expand[info.expands++] = request->query[i].value;
    return hubcall_json(&call, 200, hubinfo_repo(&info));
}

/* GET /api/{type}/{name}: ids without a namespace; the local Hub has none of them. */
static int
info_bare_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    int status = hubcall_begin(&call, HUBQUOTA_API);

    return status != 0 ? status
                       : hubcall_repo(&call, HUBSTORE_MODEL, "", request_variable(request, "name"));
}

/* GET /api/{type}/{ns}/{name}/auth-check: may the caller read the files? */
static int
auth_check_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    int status;

    if ((status = begin_repo(&call, HUBQUOTA_API)) != 0 || (status = hubcall_gate(&call)) != 0)
        return status;
    return hubcall_json(&call, 200, json_object());
}

/* GET /api/{type}/{ns}/{name}/auth-check/write */
static int
auth_check_write_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    int status;

    if ((status = begin_repo(&call, HUBQUOTA_API)) != 0 || (status = hubcall_write(&call)) != 0)
        return status;
    return hubcall_json(&call, 200, json_object());
}

/* POST /api/repos/create {"type", "name", "organization", "private" or "visibility"} */
static int
repos_create_post(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    struct error why;
    int status;

    if ((status = hubcall_begin(&call, HUBQUOTA_API)) != 0 || (status = hubcall_login(&call)) != 0)
        return status;
    json_t *body = hubcall_body(&call);
    if (body == NULL)
        return 400;
    const char *type = json_member_text(body, "type");
    const char *owner = json_member_text(body, "organization");
    const char *name = json_member_text(body, "name");
    const char *visibility = json_member_text(body, "visibility");
    bool private = json_is_true(json_object_get(body, "private")) ||
                   (visibility != NULL && strcmp(visibility, "private") == 0);
    bool dataset = type != NULL && strcmp(type, "dataset") == 0;
    const char *id = arena_format(&request->arena, "%s/%s", owner == NULL ? call.user.name : owner,
                                  name == NULL ? "" : name);
    bool known = type == NULL || dataset || strcmp(type, "model") == 0;
    json_decref(body);
    if (!known)
        return hubcall_error(&call, 400, NULL, "type: the local Hub has models and datasets only");
    if (!hubcall_owns(&call, id))
        return hubcall_error(&call, 403, NULL,
                             "You don't have the rights to create a repo under this namespace");
    enum hubstore_kind kind = dataset ? HUBSTORE_DATASET : HUBSTORE_MODEL;
    enum hubstore_result result = hubcommit_create_repo(call.store, kind, id, private, false, &why);
    if (result != HUBSTORE_OK)
        return hubcall_failed(&call, result, &why);
    const char *url = arena_format(&request->arena, "%s/%s%s", hubcall_origin(&call, false),
                                   dataset ? "datasets/" : "", id);
    return hubcall_json(&call, 200, json_pack("{s:s, s:s, s:s}", "url", url, "name", id, "id", id));
}

/* ---- trees ---- */

/* GET /api/{type}/{ns}/{name}/tree/{rev}[/{path*}] */
static int
tree_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    int status = begin_revision(&call, HUBQUOTA_API);

    return status != 0 ? status : hubtree_list(&call);
}

/* POST /api/{type}/{ns}/{name}/paths-info/{rev} */
static int
paths_info_post(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    int status = begin_revision(&call, HUBQUOTA_API);

    return status != 0 ? status : hubtree_paths(&call);
}

/* ---- files ---- */

/* Redirects to the signed address of an LFS file's content on the other host. */
static int
redirect_to_content(struct hubcall *call, const struct hubstore_entry *entry)
{
    struct arena *arena = &call->request->arena;
    const char *path = arena_format(arena, "/cdn/%s", entry->sha256);
    const char *location =
        hubcall_signed(call, path, "", arena_format(arena, "get %s", entry->sha256));

    if (location == NULL)
        return hubcall_error(call, 500, NULL, "Internal Error - cannot sign the address");
    response_header(call->response, "Location", location);
    return 302;
}

/* GET /[datasets/]{ns}/{name}/resolve/{rev}/{path*} */
static int
resolve_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    struct hubstore_entry entry;
    int status;

    if ((status = begin_repo(&call, HUBQUOTA_RESOLVERS)) != 0 ||
        (status = hubcall_gate(&call)) != 0 || (status = hubcall_revision(&call)) != 0)
        return status;
    response_header(response, "X-Repo-Commit", call.commit.sha);
    if ((status = hubcall_entry(&call, request_variable(request, "path"), &entry)) != 0)
        return status;
    if (entry.folder)
        return hubcall_error(&call, 404, "EntryNotFound", "Entry not found");
    bool lfs = entry.sha256[0] != '\0';
    const char *etag = lfs ? entry.sha256 : entry.oid;
    const char *quoted = arena_format(&request->arena, "\"%s\"", etag);
    if (lfs) {
        response_header(response, "X-Linked-Size",
                        arena_format(&request->arena, "%" PRId64, entry.size));
        response_header(response, "X-Linked-Etag", quoted);
    }
    if (etag_matches(request_header(request, "If-None-Match"), etag)) {
        response_header(response, "ETag", quoted);
        return 304;
    }
    return lfs ? redirect_to_content(&call, &entry) : hubcall_content(&call, &entry, false, etag);
}

/* GET /[datasets/]{ns}/{name}/raw/{rev}/{path*}: the git blob as it is */
static int
raw_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    struct hubstore_entry entry;
    int status;

    if ((status = begin_repo(&call, HUBQUOTA_RESOLVERS)) != 0 ||
        (status = hubcall_gate(&call)) != 0 || (status = hubcall_revision(&call)) != 0 ||
        (status = hubcall_entry(&call, request_variable(request, "path"), &entry)) != 0)
        return status;
    if (entry.folder)
        return hubcall_error(&call, 404, "EntryNotFound", "Entry not found");
    return hubcall_content(&call, &entry, true, entry.oid);
}

/* GET /cdn/{sha256}: an LFS file's content, at its signed address. Its ETag is not the SHA-256, as
 * on the Hub, where clients must not compare the two. */
static int
cdn_get(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    const char *sha256 = request_variable(request, "sha256");
    const char *what = arena_format(&request->arena, "get %s", sha256);
    struct hubstore_entry entry = { .size = hublfs_size(call.store, sha256) };
    char etag[SHA256_HEX];
    int status = hubcall_signature(&call, what);

    if (status != 0)
        return status;
    if (entry.size < 0 || strlen(sha256) >= sizeof entry.sha256)
        return hubcall_error(&call, 404, NULL, "There is no such object");
    memcpy(entry.sha256, sha256, strlen(sha256) + 1);
    digest_sha256(what, strlen(what), etag);
    return hubcall_content(&call, &entry, false, etag);
}

/* ---- commits ---- */

/* What every call that writes a repo's main begins with. */
static int
begin_write(struct hubcall *call)
{
    int status;

    if ((status = begin_repo(call, HUBQUOTA_API)) != 0 || (status = hubcall_write(call)) != 0 ||
        (status = hubcall_revision(call)) != 0)
        return status;
    if (request_query(call->request, "create_pr") != NULL)
        return hubcall_error(call, 400, NULL, "The local Hub has no pull requests");
    if (strcmp(request_variable(call->request, "rev"), "main") != 0)
        return hubcall_error(call, 400, NULL, "Commits can be made to main only");
    return 0;
}

/* POST /api/{type}/{ns}/{name}/preupload/{rev}: which files are to be LFS files? */
static int
preupload_post(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    struct hubstore_entry entry;
    struct error why;
    json_t *body, *file;
    size_t index;
    int status = begin_write(&call);

    if (status != 0)
        return status;
    if ((body = hubcall_body(&call)) == NULL)
        return 400;
    json_t *files = json_array();
    json_array_foreach(json_object_get(body, "files"), index, file)
    {
        const char *path = json_member_text(file, "path");
        if (path == NULL || !hubgit_path_valid(path)) {
            status = hubcall_error(&call, 400, NULL, "files: not a path that a repo can have");
            json_decref(files);
            json_decref(body);
            return status;
        }
        bool lfs = hubgit_is_lfs(path, json_integer_value(json_object_get(file, "size")));
        json_t *mode = json_pack("{s:s, s:s, s:b}", "path", path, "uploadMode",
                                 lfs ? "lfs" : "regular", "shouldIgnore", 0);
        if (hubstore_entry(call.store, call.repo.id, call.commit.number, path, &request->arena,
                           &entry, &why) == HUBSTORE_OK &&
            !entry.folder)
            json_object_set_new(mode, "oid",
                                json_string(entry.sha256[0] != '\0' ? entry.sha256 : entry.oid));
        json_array_append_new(files, mode);
    }
    json_decref(body);
    return hubcall_json(&call, 200,
                        json_pack("{s:o, s:s}", "files", files, "commitOid", call.commit.sha));
}

/* POST /api/{type}/{ns}/{name}/commit/{rev} */
static int
commit_post(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    struct hubcommit commit;
    struct error why;
    int status = begin_write(&call);

    if (status != 0)
        return status;
    if (!hubpayload_read(&commit, request->body, request->body_length, &request->arena, &why))
        return hubcall_error(&call, 400, NULL, "%s", why.text);
    enum hubstore_result result =
        hubcommit_make(call.store, &call.repo, &commit, &request->arena, &why);
    if (result != HUBSTORE_OK)
        return hubcall_failed(&call, result, &why);
    const char *sha = call.repo.head.sha;
    const char *url =
        arena_format(&request->arena, "%s/%s%s/commit/%s", hubcall_origin(&call, false),
                     call.repo.kind == HUBSTORE_DATASET ? "datasets/" : "", call.repo.name, sha);
    return hubcall_json(&call, 200,
                        json_pack("{s:b, s:s, s:s, s:s}", "success", 1, "commitOid", sha,
                                  "commitUrl", url, "hookOutput", ""));
}

/* ---- LFS ---- */

/* POST /[datasets/]{ns}/{name}.git/info/lfs/objects/batch */
static int
lfs_batch_post(void *context, struct request *request, struct response *response)
{
    const struct hub *hub = context;
    struct hubcall call = call_of(context, request, response);
    int status = begin_repo(&call, HUBQUOTA_API);

    if (status != 0)
        return status;
    json_t *body = hubcall_body(&call);
    if (body == NULL)
        return 400;
    const char *operation = json_member_text(body, "operation");
    bool download = operation != NULL && strcmp(operation, "download") == 0;
    status = download ? hubcall_gate(&call) : hubcall_write(&call);
    if (status == 0)
        status = hubupload_batch(&call, body, hub->part_bytes);
    json_decref(body);
    return status;
}

/* POST /[datasets/]{ns}/{name}.git/info/lfs/objects/verify */
static int
lfs_verify_post(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);
    int status;

    if ((status = begin_repo(&call, HUBQUOTA_API)) != 0 || (status = hubcall_write(&call)) != 0)
        return status;
    json_t *body = hubcall_body(&call);
    if (body == NULL)
        return 400;
    status = hubupload_verify(&call, body);
    json_decref(body);
    return status;
}

static int
lfs_put(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);

    return hubupload_put(&call);
}

static int
lfs_part_put(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);

    return hubupload_put_part(&call);
}

static int
lfs_complete_post(void *context, struct request *request, struct response *response)
{
    struct hubcall call = call_of(context, request, response);

    return hubupload_complete(&call);
}

static const struct route routes[] = {
    { METHOD_GET, "/api/whoami-v2", whoami_get, 0 },
    { METHOD_POST, "/api/repos/create", repos_create_post, BODY_SMALL },
    { METHOD_GET, "/api/{type}/{name}", info_bare_get, 0 },
    { METHOD_GET, "/api/{type}/{ns}/{name}", info_get, 0 },
    { METHOD_GET, "/api/{type}/{ns}/{name}/revision/{rev}", info_get, 0 },
    { METHOD_GET, "/api/{type}/{ns}/{name}/auth-check", auth_check_get, 0 },
    { METHOD_GET, "/api/{type}/{ns}/{name}/auth-check/write", auth_check_write_get, 0 },
    { METHOD_GET, "/api/{type}/{ns}/{name}/tree/{rev}", tree_get, 0 },
    { METHOD_GET, "/api/{type}/{ns}/{name}/tree/{rev}/{path*}", tree_get, 0 },
    { METHOD_POST, "/api/{type}/{ns}/{name}/paths-info/{rev}", paths_info_post, BODY_SMALL },
    { METHOD_POST, "/api/{type}/{ns}/{name}/preupload/{rev}", preupload_post, BODY_SMALL },
    { METHOD_POST, "/api/{type}/{ns}/{name}/commit/{rev}", commit_post, BODY_COMMIT },
    { METHOD_GET, "/cdn/{sha256}", cdn_get, 0 },
    { METHOD_PUT, "/lfs/{sha256}", lfs_put, BODY_UPLOAD },
    { METHOD_PUT, "/lfs/{sha256}/{number}", lfs_part_put, BODY_UPLOAD },
    { METHOD_POST, "/lfs/{sha256}/complete", lfs_complete_post, BODY_SMALL },
    { METHOD_POST, "/datasets/{ns}/{name}/info/lfs/objects/batch", lfs_batch_post, BODY_SMALL },
    { METHOD_POST, "/datasets/{ns}/{name}/info/lfs/objects/verify", lfs_verify_post, BODY_SMALL },
    { METHOD_POST, "/{ns}/{name}/info/lfs/objects/batch", lfs_batch_post, BODY_SMALL },
    { METHOD_POST, "/{ns}/{name}/info/lfs/objects/verify", lfs_verify_post, BODY_SMALL },
    { METHOD_GET, "/datasets/{ns}/{name}/resolve/{rev}/{path*}", resolve_get, 0 },
    { METHOD_GET, "/datasets/{ns}/{name}/raw/{rev}/{path*}", raw_get, 0 },
    { METHOD_GET, "/{ns}/{name}/resolve/{rev}/{path*}", resolve_get, 0 },
    { METHOD_GET, "/{ns}/{name}/raw/{rev}/{path*}", raw_get, 0 },
};

/* The answers that the loop gives by itself (404, 405, 413…), in the Hub's form. */
static void
on_error(struct response *response, int status, const char *detail)
{
    (void)status;
    response_header(response, "X-Local-Hub", "development only");
    response_header(response, "X-Error-Message", detail);
    buf_text(&response->body, "{\"error\":");
    json_put_text(&response->body, detail, strlen(detail));
    buf_text(&response->body, "}");
}

static const char about[] =
    "the local Hub: the Hugging Face Hub's HTTP API over a SQLite file, for development,\n"
    "demonstrations and tests only. It refuses to start when ENVIRONMENT=production.\n"
    "HUB_DB names its file (default STATE_DIR/hub.db); HUB_RATE_API and HUB_RATE_RESOLVERS are\n"
    "calls a caller in five minutes (1000, 5000); HUB_LFS_PART_BYTES splits uploads;\n"
    "HUB_ADDRESS_SECONDS is how long signed addresses are good (3600).";

/* True when this is a production machine, where nobody must take these repos for the Hub's. */
static bool
in_production(void)
{
    struct config config;
    struct error why;

    if (!config_load(&config, 0, &why))
        return false;
    bool production = config.production;
    config_free(&config);
    return production;
}

/* A number of the environment, for tests; what is none counts as not set. */
static long
setting(const char *name, long initial)
{
    const char *text = getenv(name);
    char *end;

    if (text == NULL || text[0] == '\0')
        return initial;
    long value = strtol(text, &end, 10);
    return *end == '\0' && value >= 0 ? value : initial;
}

static int
hub_run(struct hub *hub, struct config *config, const char *path)
{
    struct error why;
    const struct app app = {
        .name = "hub",
        .routes = routes,
        .routes_count = sizeof routes / sizeof routes[0],
        .context = hub,
        .config = config,
        .role = CONFINE_HUB,
        .error = on_error,
        .cors = true,
    };

    if (hubstore_open(&hub->store, path, &why) != HUBSTORE_OK) {
        fprintf(stderr, "hub.fcgi: %s\n", why.text);
        return EXIT_SYSTEM;
    }
    hub->quota = hubquota_open();
    int code = app_run(&app);
    hubquota_close(hub->quota);
    hubstore_close(hub->store);
    return code;
}

int
main(int argc, char **argv)
{
    const char *path = getenv("HUB_DB");
    struct hub hub = { .part_bytes = setting("HUB_LFS_PART_BYTES", PART_BYTES),
                       .address_s = setting("HUB_ADDRESS_SECONDS", ADDRESS_S) };
    struct config config;
    struct buf initial;
    int code;

    if (argc == 1 && in_production()) {
        fprintf(stderr, "hub.fcgi: the local Hub is for development only and does not start with "
                        "ENVIRONMENT=production\n");
        return EXIT_USAGE;
    }
    if (hub.part_bytes == 0)
        hub.part_bytes = PART_BYTES;
    if (!app_start(&config, "hub", about, 0, argc, argv, &code))
        return code;
    buf_init(&initial, 4096);
    buf_format(&initial, "%s/hub.db", config.state_dir);
    code = hub_run(&hub, &config, path == NULL || path[0] == '\0' ? buf_string(&initial) : path);
    buf_free(&initial);
    config_free(&config);
    return code;
}
