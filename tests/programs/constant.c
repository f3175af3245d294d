/* constant: a FastCGI program that answers GET /constant?bytes=N with N bytes, always the same. It
 * is what the answers of queries are measured against. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 };

static int
get_constant(void *context, struct request *request, struct response *response)
{
    const struct buf *body = context;
    long bytes = BYTES_MAX;
    int status = request_integer(request, response, "bytes", 0, BYTES_MAX, &bytes);

    if (status != 0)
        return status;
    buf_put(&response->body, body->data, (size_t)bytes);
    response->etag = "constant";
    response->type = "application/json";
    response->cache_control = "public, max-age=300";
    return 200;
}

int
main(int argc, char **argv)
{
    static const struct route routes[] = { { METHOD_GET, "/constant", get_constant, 0 } };
    struct config config;
    struct buf body;
    int code;

    if (!app_start(&config, "constant", "answers GET /constant with a constant body", 0, argc, argv,
                   &code))
        return code;
    buf_init(&body, BYTES_MAX);
    char *place = buf_reserve(&body, BYTES_MAX);
    if (place == NULL)
        return EXIT_SYSTEM;
    memset(place, 'x', BYTES_MAX);
    body.length = BYTES_MAX;
    struct app app = { .name = "constant",
                       .routes = routes,
                       .routes_count = 1,
                       .context = &body,
                       .config = &config,
                       .cors = true,
                       .api = true };
    code = app_run(&app);
    buf_free(&body);
    config_free(&config);
    return code;
}
