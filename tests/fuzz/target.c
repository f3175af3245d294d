/* Fuzzes addresses, and how the leaderboard is asked by them: lib/route.c lib/query.c
 * lib/query_run.c lib/entries.c lib/frontier.c lib/past.c lib/http.c cgi-bin/leaderboard.c
 * cgi-bin/entries.c cgi-bin/changes.c
 *
 * The input is a request, which the programs answer from a small leaderboard with a past. */
#include "contents.h"
#include "program.h"

program_main leaderboard_main, entries_main, changes_main;

static struct program programs[] = {
    { .prefixes = { "/api/leaderboard/snapshots", "/api/leaderboard/changes" },
      .main = changes_main },
    { .prefixes = { "/api/leaderboard/models", "/api/leaderboard/compare",
                    "/api/leaderboard/pareto", "/api/leaderboard/stats", "/api/leaderboard/about",
                    "/api/badge" },
      .main = entries_main },
    { .prefixes = { "" }, .main = leaderboard_main },
};

static struct config config;

static void
target_start(void)
{
    fuzz_config(&config, 0);
    contents_publish(&config);
}

static void
target_run(const char *bytes, size_t length)
{
    program_ask(programs, bytes, length);
}

#define GET(target) "GET " target " HTTP/1.1\r\nAccept-Encoding: zstd, br;q=0.9\r\n\r\n"

#define EIGHT(text, with) text with text with text with text with text with text with text with text

FUZZ_SEEDS(
    GET("/api/leaderboard"), GET("/api/leaderboard/formatted?profile=space"),
    GET("/api/leaderboard/formatted?search=large;@provider:acme&precision=bfloat16,float16&"
        "official=true&min_params=1.5&max_average=1e3&hide=merged,is_flagged&"
        "submitted_after=2024-06-01&submitted_before=2024-12-31&sort=-ifeval,name&limit=2&offset=1"
        "&fields=id,model.name,evaluations.ifeval.value&rank=true"),
    GET("/api/leaderboard/formatted?weights=ifeval:1,bbh:2.5&sort=weighted_average&rank=true"),
    GET("/api/leaderboard?license=apache-2.0&sort=-average&limit=10&at=1&profile=documented"),
    GET("/api/leaderboard.csv?search=%C3%BCber"), GET("/api/leaderboard.jsonl?limit=1"),
    GET("/api/leaderboard.parquet?hide=flagged"), GET("/api/leaderboard/models/acme/large"),
    GET("/api/leaderboard/models/acme%2Flarg?at=2024-06-12T10:20:30Z"),
    GET("/api/leaderboard/compare?models=acme/large:bfloat16,acme/large:float16@0123,beta/"
        "%C3%9Cber"),
    GET("/api/leaderboard/pareto?x=params&y=ifeval&all=true&has_chat_template=true"),
    GET("/api/leaderboard/stats"), GET("/api/leaderboard/about?at=2"),
    GET("/api/badge/acme/large.svg?metric=ifeval&label=a%26b"),
    GET("/api/badge/acme/large.svg?metric=rank"),
    GET("/api/leaderboard/snapshots?limit=1&before=2"),
    GET("/api/leaderboard/changes?since=1&until=2&limit=5"), GET("/api/leaderboard/changes.atom"),
    "HEAD /api/leaderboard/formatted?search=a+b HTTP/1.1\nIf-None-Match: W/\"x\", *\n"
    "If-Modified-Since: Wed, 12 Jun 2024 10:20:30 GMT\nOrigin: https://a\nX-Request-Id: a-b_c.1\n"
    "X-Forwarded-For: 192.0.2.1, 10.0.0.1\n\n",
    "OPTIONS /api/leaderboard HTTP/1.1\nOrigin: https://a\n\n", "DELETE /a/%2e%2e//b?%zz", "GET *",
    GET("/api/leaderboard?a=1&a=2&=&&b"),
    /* As many of everything as is taken, and one more. */
    GET("/api/"
        "leaderboard/"
        "formatted?search=a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p&sort=name,sha,precision,type,ifeval,"
        "bbh,gpqa,-musr&fields=" EIGHT(EIGHT("id", ","), ",") "&precision=" EIGHT(EIGHT("a", ","),
                                                                                  ",")),
    GET("/api/leaderboard/formatted?search=a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q"),
    GET("/api/leaderboard?sort=name,sha,precision,type,ifeval,bbh,gpqa,-musr,average"),
    GET("/api/leaderboard?fields=" EIGHT(EIGHT("id", ","), ",") ",id"),
    GET("/api/leaderboard?precision=" EIGHT(EIGHT("a", ","), ",") ",b"),
    GET("/api/"
        "leaderboard?name=a&sha=a&precision=a&type=a&weight_type=a&architecture=a&base_model=a&"
        "hub_license=a&provider=a&is_moe=true&is_merged=true&is_flagged=true&has_chat_template="
        "true&"
        "official=true&unavailable=true&min_ifeval=1&min_bbh=1&min_gpqa=1"),
    GET("/api/leaderboard/compare?models=" EIGHT("acme/large",
                                                 ",") ",acme/large,acme/small,acme/large"),
    GET("/" EIGHT(EIGHT("a", "/"), "/") "/a"))
