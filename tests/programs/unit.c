/* Tables of inputs and expected results for the library's small parts. Prints what differs; exits 1
 * when anything does. `unit NAME` runs one table, `unit` lists them. */
#include "buf.h"
#include "db.h"
#include "digest.h"
#include "encoding.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "leaderboard.h"
#include "mem.h"
#include "route.h"
#include "rows.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Counts and prints a difference. */
static int
differs(const char *input, const char *expected, const char *got)
{
    if (strcmp(expected, got) == 0)
        return 0;
    printf("%s: expected \"%s\", got \"%s\"\n", input, expected, got);
    return 1;
}

static int
test_reals(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0.0, "0.0" },
        { -0.0, "-0.0" },
        { 1.0, "1.0" },
        { 0.1, "0.1" },
        { 0.3302792147058693, "0.3302792147058693" },
        { 33.02792147058693, "33.02792147058693" },
        { 5.871874999999999, "5.871874999999999" },
        { 100.0, "100.0" },
        { 123456789.125, "123456789.125" },
        { 1e15, "1000000000000000.0" },
        { 9007199254740993.0, "9007199254740992.0" },
        { 1e16, "1e+16" },
        { 1.5e300, "1.5e+300" },
        { 0.0001, "0.0001" },
        { 0.00001, "1e-05" },
        { 1.234e-7, "1.234e-07" },
        { 0x1p-24, "5.960464477539063e-08" },
        { 0x1p-1, "0.5" },
        { 0x1p62, "4.611686018427388e+18" },
        { 5e-324, "5e-324" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { (double)INFINITY, "null" },
        { (double)NAN, "null" },
    };
    char text[JSON_REAL_MAX];
    uint64_t state = 88172645463325252u;
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_format_real(text, cases[i].value);
        failures += differs(cases[i].text, cases[i].text, text);
    }
    /* Whatever the bits, what was written reads back to the same number. */
    for (int i = 0; i < 200000; i++) {
        double value;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(&value, &state, sizeof value);
        if (!isfinite(value))
            continue;
        json_format_real(text, value);
        if (strtod(text, NULL) != value)
            failures += differs("random bits", "the same number", text);
    }
    return failures;
}

static int
test_texts(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "plain", "\"plain\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "tab\tline\nend\r", "\"tab\\tline\\nend\\r\"" },
        { "\x01", "\"\\u0001\"" },
        { "Average ⬆️", "\"Average ⬆️\"" },
        { "bad \xff byte", "\"bad \xef\xbf\xbd byte\"" },
        { "cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\"" },
        { "overlong \xc0\xaf", "\"overlong \xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 1000);
        json_put_text(&out, cases[i].in, strlen(cases[i].in));
        failures += differs(cases[i].in, cases[i].out, buf_string(&out));
        buf_free(&out);
    }
    return failures;
}

static int
test_buffers(void)
{
    struct buf buf;
    int failures = 0;

    buf_init(&buf, 5);
    buf_text(&buf, "abc");
    buf_text(&buf, "def");
    buf_text(&buf, "g");
    failures += differs("a failure is sticky", "failed", buf_ok(&buf) ? "ok" : "failed");
    failures += differs("what fitted stays", "abc", buf_string(&buf));
    buf_reset(&buf);
    buf_text(&buf, "abcde");
    failures += differs("the maximum fits", "abcde", buf_ok(&buf) ? buf_string(&buf) : "failed");
    buf_free(&buf);

    static const char *const base64[][2] = {
        { "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
        { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }
    };
    for (size_t i = 0; i < sizeof base64 / sizeof base64[0]; i++) {
        buf_init(&buf, 100);
        buf_base64(&buf, base64[i][0], strlen(base64[i][0]));
        failures += differs(base64[i][0], base64[i][1], buf_string(&buf));
        buf_reset(&buf);
        bool good = buf_unbase64(&buf, base64[i][1], strlen(base64[i][1]));
        failures += differs(base64[i][1], base64[i][0], good ? buf_string(&buf) : "refused");
        buf_free(&buf);
    }
    static const char *const no_base64[] = {
        "Z", "Zg=", "Zg=a", "Z===", "====", "Zm9v!", "Zg==Zg=="
    };
    for (size_t i = 0; i < sizeof no_base64 / sizeof no_base64[0]; i++) {
        buf_init(&buf, 100);
        bool good = buf_unbase64(&buf, no_base64[i], strlen(no_base64[i]));
        failures += differs(no_base64[i], "refused", good ? buf_string(&buf) : "refused");
        buf_free(&buf);
    }
    return failures;
}

static int
test_encodings(void)
{
    static const struct {
        const char *accept, *chosen;
    } cases[] = {
        { NULL, "identity" },
        { "", "identity" },
        { "gzip", "gzip" },
        { "x-gzip", "gzip" },
        { "GZIP", "gzip" },
        { "gzip, deflate, br", "br" },
        { "gzip, deflate, br, zstd", "br" },
        { "gzip, zstd", "zstd" },
        { "deflate", "identity" },
        { "*", "br" },
        { "br;q=0, *", "zstd" },
        { "gzip;q=1.0, br;q=0.5", "gzip" },
        { "gzip;q=0", "identity" },
        { "gzip;q=0.5, identity;q=1", "identity" },
        { "identity;q=0", "identity" },
        { "br;q=banana", "identity" },
        { "br;q=7", "identity" },
        { " gzip ; q=0.8 , br ; q=0.9 ", "br" },
        { "gzipped", "identity" },
        { ",,,;;;", "identity" },
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        failures += differs(cases[i].accept == NULL ? "no header" : cases[i].accept,
                            cases[i].chosen, encoding_name(encoding_choose(cases[i].accept)));
    return failures;
}

static int
test_etags(void)
{
    static const struct {
        const char *header;
        bool matches;
    } cases[] = {
        { "\"abc\"", true },
        { "W/\"abc\"", true },
        { "\"x\", \"abc\"", true },
        { "\"x\",W/\"y\" , \"abc\"", true },
        { "*", true },
        { "\"ab\"", false },
        { "\"abcd\"", false },
        { "abc", false },
        { "", false },
        { "\"abc", false },
        { NULL, false },
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        failures += differs(cases[i].header == NULL ? "no header" : cases[i].header,
                            cases[i].matches ? "match" : "none",
                            etag_matches(cases[i].header, "abc") ? "match" : "none");
    return failures;
}

static int
test_routes(void)
{
    static const struct route routes[] = {
        { METHOD_GET, "/", NULL, 0 },
        { METHOD_GET, "/api/models/status", NULL, 0 },
        { METHOD_GET, "/api/models/{id}/status", NULL, 0 },
        { METHOD_GET, "/api/votes/model/{provider}/{model}", NULL, 0 },
        { METHOD_POST, "/api/votes/{id*}", NULL, 0 },
        { METHOD_GET, "/files/{rev}/{path*}", NULL, 0 },
    };
    static const struct {
        enum method method;
        const char *path, *pattern, *variables;
    } cases[] = {
        { METHOD_GET, "/", "/", "" },
        { METHOD_GET, "/api/models/status", "/api/models/status", "" },
        { METHOD_GET, "/api/models/status/", "/api/models/status", "" },
        { METHOD_GET, "/api/models//status", "404", "" },
        { METHOD_GET, "/api/model", "404", "" },
        { METHOD_GET, "/api/models/a%2Fb/status", "/api/models/{id}/status", "id=a/b " },
        { METHOD_GET, "/api/models/%2e%2e/status", "/api/models/{id}/status", "id=.. " },
        { METHOD_GET, "/api/votes/model/a/b", "/api/votes/model/{provider}/{model}",
          "provider=a model=b " },
        { METHOD_POST, "/api/votes/a/b", "/api/votes/{id*}", "id=a/b " },
        { METHOD_GET, "/api/votes/a/b", "405", "" },
        { METHOD_GET, "/files/main/x/y%20z.json", "/files/{rev}/{path*}",
          "rev=main path=x/y z.json " },
        { METHOD_GET, "/files/refs%2Fpr%2F1/x", "/files/{rev}/{path*}", "rev=refs/pr/1 path=x " },
        { METHOD_GET, "/files/main", "404", "" },
        { METHOD_GET, "/api/%zz", "400", "" },
        { METHOD_GET, "/api/%2", "400", "" },
        { METHOD_GET, "/api/%00", "400", "" },
        { METHOD_GET, "/api/%ff", "400", "" },
        { METHOD_GET, "no/slash", "400", "" },
        { METHOD_GET, "/%252F", "404", "" },
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct route_match match;
        struct path path;
        struct arena arena;
        struct error why;
        struct buf variables;
        const char *pattern = "400";
        arena_init(&arena, 0);
        buf_init(&variables, 1000);
        if (path_split(&path, cases[i].path, &arena, &why)) {
            route_find(&match, routes, sizeof routes / sizeof routes[0], cases[i].method, &path,
                       &arena);
            pattern = match.route != NULL  ? match.route->pattern
                      : match.allowed != 0 ? "405"
                                           : "404";
            for (size_t v = 0; match.route != NULL && v < match.variables; v++)
                buf_format(&variables, "%.*s=%s ", (int)match.variable[v].name_length,
                           match.variable[v].name, match.variable[v].value);
        }
        failures += differs(cases[i].path, cases[i].pattern, pattern);
        failures += differs(cases[i].path, cases[i].variables, buf_string(&variables));
        buf_free(&variables);
        arena_free(&arena);
    }
    return failures;
}

static int
test_types(void)
{
    static const char *const cases[][2] = {
        { "💬 chat models (RLHF, DPO, IFT, ...)", "chatmodels" },
        { "🔶 fine-tuned on domain-specific datasets", "fine-tunedondomain-specificdatasets" },
        { "🔶 fine-tuned", "fined-tuned-on-domain-specific-dataset" },
        { "Finetuned", "fined-tuned-on-domain-specific-dataset" },
        { "FT", "fined-tuned-on-domain-specific-dataset" },
        { "🟢 pretrained", "pretrained" },
        { "🟩 continuously pretrained", "continuouslypretrained" },
        { "🤝 base merges and moerges", "basemergesandmoerges" },
        { "🌸 multimodal", "multimodal" },
        { "❓other", "❓other" },
        { "", "" },
        { "(all of it)", "" },
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        buf_init(&out, 1000);
        leaderboard_put_type(&out, cases[i][0], strlen(cases[i][0]));
        failures += differs(cases[i][0], cases[i][1], buf_string(&out));
        buf_free(&out);
    }
    return failures;
}

static int
test_digests(void)
{
    char hex[SHA256_HEX];
    int failures = 0;

    /* What `git hash-object` and sha256sum say of "hello\n" and of nothing. */
    digest_git("blob", "hello\n", 6, hex);
    failures += differs("hello", "ce013625030ba8dba906f756967f9e9ca394464a", hex);
    digest_git("blob", "", 0, hex);
    failures += differs("empty", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", hex);
    digest_sha256("hello\n", 6, hex);
    failures +=
        differs("hello", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", hex);
    return failures;
}

/* Rows out of JSON: what the table prints again. */
static int
test_rows(void)
{
    static const struct {
        enum rows_layout layout;
        const char *in, *out;
    } cases[] = {
        { ROWS_JSONL, "{\"a\":1,\"b\":1.0}\n\n{\"b\":null,\"a\":\"x\",\"c\":[1,{\"d\":2}]}\n",
          "{\"a\":1,\"b\":1.0,\"c\":null}\n{\"a\":\"x\",\"b\":null,\"c\":[1,{\"d\":2}]}\n" },
        { ROWS_JSON, "[{\"a\":true},{\"a\":false}]", "{\"a\":true}\n{\"a\":false}\n" },
        { ROWS_JSON, "[]", "" },
        { ROWS_JSONL, "", "" },
        { ROWS_JSONL, "{\"a\":1}\n{\"a\":}\n", "line 2: not valid JSON" },
        { ROWS_JSONL, "{\"a\":1}\n7\n", "line 2: not valid JSON" },
        { ROWS_JSONL, "{\"a\":1,\"a\":2}\n", "line 1: not valid JSON" },
        { ROWS_JSON, "{\"a\":1}", "expected a JSON array" },
        { ROWS_JSON, "[{\"a\":1},[]]", "row 1: expected an object" },
    };
    int failures = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct table table;
        struct error why;
        struct buf out;
        buf_init(&out, 10000);
        if (rows_read(cases[i].layout, cases[i].in, strlen(cases[i].in), &table, &why)) {
            for (size_t row = 0; row < table.rows; row++) {
                table_put_row(&out, &table, row);
                buf_byte(&out, '\n');
            }
            table_free(&table);
        } else {
            /* The texts' ends are jansson's; their beginnings are ours. */
            buf_put(&out, why.text, strlen(cases[i].out));
        }
        failures += differs(cases[i].in, cases[i].out, buf_string(&out));
        buf_free(&out);
    }
    return failures;
}

static int
give_up(void *context)
{
    (void)context;
    return 1;
}

static bool
token_put(struct db *db, const char *owner)
{
    struct error why;

    return db_run(db, SQL_TOKEN_PUT, &why, DB_TEXT(owner), DB_TEXT(owner), DB_INTEGER(1),
                  DB_INTEGER(1));
}

/* Puts four tokens in one transaction, of which the second makes SQLite roll back if told to; 'y'
 * for each step that succeeds. */
static const char *
transaction(struct db *db, bool fails, char steps[7])
{
    struct error why;

    steps[0] = db_begin(db, &why) == DB_OK ? 'y' : 'n';
    for (int i = 1; i <= 4; i++) {
        sqlite3_progress_handler(db->handle, 1, fails && i == 2 ? give_up : NULL, NULL);
        steps[i] = token_put(db, (const char *[]){ "a", "b", "c", "d" }[i - 1]) ? 'y' : 'n';
    }
    steps[5] = db_commit(db, &why) == DB_OK ? 'y' : 'n';
    steps[6] = '\0';
    return steps;
}

static int
test_transactions(void)
{
    char path[PATH_MAX], steps[7];
    struct error why;
    struct db *db;

    snprintf(path, sizeof path, "%s/cache.db", getenv("STATE_DIR"));
    if (db_open(&db, path, SQL_DATABASE_CACHE, DB_WRITER, &why) != DB_OK)
        return differs("the database", "", why.text);
    int failures = differs("given up", "yynnnn", transaction(db, true, steps));
    sqlite3_stmt *row = db_query(db, SQL_TOKEN_FIND, DB_TEXT("c"), DB_INTEGER(0));
    failures += differs("what came after", "none", db_next(db, row, NULL) ? "there" : "none");
    db_done(row);
    failures += differs("the next", "yyyyyy", transaction(db, false, steps));
    row = db_query(db, SQL_TOKEN_FIND, DB_TEXT("c"), DB_INTEGER(0));
    failures += differs("its row", "there", db_next(db, row, NULL) ? "there" : "none");
    db_done(row);
    db_close(db);
    return failures;
}

static const struct {
    const char *name;
    int (*run)(void);
} tests[] = {
    { "reals", test_reals },     { "texts", test_texts },
    { "buffers", test_buffers }, { "encodings", test_encodings },
    { "etags", test_etags },     { "routes", test_routes },
    { "types", test_types },     { "digests", test_digests },
    { "rows", test_rows },       { "transactions", test_transactions },
};

int
main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (argc < 2)
            puts(tests[i].name);
        else if (strcmp(argv[1], tests[i].name) == 0)
            return tests[i].run() == 0 ? 0 : 1;
    }
    return argc < 2 ? 0 : EXIT_USAGE;
}
