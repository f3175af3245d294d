#include "hubtree.h"

#include "hubinfo.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 1000 };

/* Adds the Link to the page after `last`: the same address with a cursor. */
static void
tree_link(struct hubcall *call, const char *last, bool recursive, bool expand, size_t limit)
{
    const char *target = call->request->target;
    struct buf link;

    buf_init(&link, 16 * 1024);
    buf_format(&link,
               "<%s%.*s?recursive=%s&expand=%s&limit=%zu&cursor=", hubcall_origin(call, false),
               (int)strcspn(target, "?"), target, recursive ? "true" : "false",
               expand ? "true" : "false", limit);
    buf_percent(&link, last, strlen(last));
    buf_text(&link, ">; rel=\"next\"");
    response_header(call->response, "Link", buf_string(&link));
    buf_free(&link);
}

static bool
query_true(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);

    return value != NULL && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

int
hubtree_list(struct hubcall *call)
{
    struct request *request = call->request;
    struct hubinfo info = { .store = call->store, .repo = &call->repo, .arena = &request->arena };
    const char *path = request_variable(request, "path");
    const char *cursor = request_query(request, "cursor");
    const char *text = request_query(request, "limit");
    bool expand = query_true(request, "expand");
    long limit = text == NULL ? PAGE_MAX : strtol(text, NULL, 10);
    struct hubstore_entry entry, *entries;
    struct error why;
    size_t count;
    int status;

    if (path != NULL && (status = hubcall_entry(call, path, &entry)) != 0)
        return status;
    if (path != NULL && !entry.folder)
        return hubcall_error(call, 404, "EntryNotFound", "%s is no folder", path);
    if (limit < 1 || limit > PAGE_MAX)
        return hubcall_error(call, 400, NULL, "limit: expected a number from 1 to %d", PAGE_MAX);
    struct hubstore_list list = { call->repo.id,
                                  call->commit.number,
                                  path == NULL ? "" : path,
                                  query_true(request, "recursive"),
                                  cursor == NULL ? "" : cursor,
                                  (size_t)limit + 1 };
    enum hubstore_result result =
        hubstore_tree(call->store, &list, &request->arena, &entries, &count, &why);
    if (result != HUBSTORE_OK)
        return hubcall_failed(call, result, &why);
    if (count > (size_t)limit)
        tree_link(call, entries[--count - 1].path, list.recursive, expand, (size_t)limit);
    json_t *page = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(page, hubinfo_entry(&info, &entries[i], expand));
    return hubcall_json(call, 200, page);
}

/* Appends the entry at a path, if there is one. */
static void
append_entry(struct hubcall *call, json_t *page, const char *path, bool expand)
{
    struct arena *arena = &call->request->arena;
    struct hubinfo info = { .store = call->store, .repo = &call->repo, .arena = arena };
    struct hubstore_entry entry;
    struct error why;

    if (hubstore_entry(call->store, call->repo.id, call->commit.number, path, arena, &entry,
                       &why) == HUBSTORE_OK)
        json_array_append_new(page, hubinfo_entry(&info, &entry, expand));
}

/* Reads paths=a&paths=b&expand=True, as a form. */
static void
paths_form(struct hubcall *call, json_t *page)
{
    const char *body = call->request->body;
    bool expand = strstr(body, "expand=True") != NULL || strstr(body, "expand=true") != NULL;

    for (size_t length; *body != '\0'; body += length, body += *body == '&') {
        length = strcspn(body, "&");
        if (strncmp(body, "paths=", 6) != 0)
            continue;
        const char *path = percent_decode(body + 6, length - 6, true, &call->request->arena);
        if (path != NULL)
            append_entry(call, page, path, expand);
    }
}

int
hubtree_paths(struct hubcall *call)
{
    const char *type = request_parameter(call->request, "CONTENT_TYPE");
    json_t *body, *path;
    size_t index;

    json_t *page = json_array();
    if (type != NULL && strncmp(type, "application/x-www-form-urlencoded", 33) == 0) {
        paths_form(call, page);
        return hubcall_json(call, 200, page);
    }
    if ((body = hubcall_body(call)) == NULL) {
        json_decref(page);
        return 400;
    }
    json_array_foreach(json_object_get(body, "paths"), index, path)
    {
        if (json_is_string(path))
            append_entry(call, page, json_string_value(path),
                         json_is_true(json_object_get(body, "expand")));
    }
    json_decref(body);
    return hubcall_json(call, 200, page);
}
