/* samples: invents the data that fills the local Hub: the four datasets of a leaderboard and a few
 * model repositories.
 *
 * The same options give the same bytes on any machine: the random numbers are its own, no clock is
 * read, and arithmetic is limited to what IEEE 754 rounds exactly (no libm). Every provider and
 * user is called sample-something, so that no row can be taken for a real model's. */
#include "buf.h"
#include "config.h"
#include "error.h"
#include "mem.h"
#include "parquet_write.h"
#include "table.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* a fused multiply-add rounds once instead of twice */
#endif

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { FILE_BYTES_MAX = 1 << 30, PROVIDERS = 200, USERS = 1500, DAY = 86400 };
static const int64_t first_day = 1717200000; /* 2024-06-01 */
static const int64_t last_day = 1741824000;  /* 2025-03-13: the last submissions */

/* The distributions. Every row begins with its weight: pick() draws by it. */
struct word {
    unsigned weight;
    const char *text; /* may be NULL: absent */
};

static const struct word licenses[] = { { 320, "apache-2.0" }, { 65, "other" },
                                        { 62, "mit" },         { 39, "llama3.1" },
                                        { 27, "gemma" },       { 27, "cc-by-nc-4.0" },
                                        { 26, "llama3.2" },    { 26, "llama3" },
                                        { 5, "llama2" },       { 400, NULL } };
static const struct word precisions[] = { { 740, "bfloat16" }, { 250, "float16" }, { 10, "4bit" } };
static const struct word lines[] = { { 5, "Lumen" },  { 4, "Cobalt" }, { 3, "Tundra" },
                                     { 3, "Marble" }, { 2, "Fjord" },  { 1, "Quill" } };
static const struct word architectures[] = {
    { 404, "LlamaForCausalLM" }, { 286, "Qwen2ForCausalLM" }, { 134, "MistralForCausalLM" },
    { 54, "Gemma2ForCausalLM" }, { 15, "Phi3ForCausalLM" },   { 7, "GemmaForCausalLM" },
    { 5, "GPTNeoXForCausalLM" }, { 4, "GPT2LMHeadModel" },    { 11, "?" }
};
static const char mixture[] = "MixtralForCausalLM";

enum { PENDING, RUNNING, FINISHED, FAILED, RERUN };
static const struct word states[] = { { 60, "PENDING" },         { 12, "RUNNING" },
                                      { 780, "FINISHED" },       { 100, "FAILED" },
                                      { 14, "RERUN" },           { 20, "CANCELLED" },
                                      { 14, "PENDING_NEW_EVAL" } };

enum { PRETRAINED = 0, MERGE = 4 };
static const struct kind {
    unsigned weight, chat_percent;   /* chat_percent: how many have a chat template */
    const char *type, *emoji, *word; /* word: part of the model's name */
    double bonus;                    /* to its ability */
} kinds[] = { { 60, 5, "🟢 pretrained", "🟢", "base", -0.15 },
              { 15, 10, "🟩 continuously pretrained", "🟩", "cpt", -0.08 },
              { 390, 55, "🔶 fine-tuned on domain-specific datasets", "🔶", "tuned", 0 },
              { 160, 90, "💬 chat models (RLHF, DPO, IFT, ...)", "💬", "chat", 0.06 },
              { 375, 50, "🤝 base merges and moerges", "🤝", "merge", 0.05 },
              { 4, 60, "🌸 multimodal", "🌸", "vision", 0 },
              { 4, 20, "❓ other", "❓", "misc", -0.05 } };

static const struct size {
    unsigned weight;
    const char *label;
    double billions, ability;
} sizes[] = { { 60, "0.5B", 0.494, 0.12 },  { 70, "1B", 1.236, 0.18 },
              { 60, "1.5B", 1.544, 0.25 },  { 110, "3B", 3.213, 0.36 },
              { 240, "7B", 7.616, 0.48 },   { 300, "8B", 8.03, 0.5 },
              { 60, "9B", 9.242, 0.56 },    { 80, "12B", 12.248, 0.52 },
              { 120, "14B", 14.766, 0.66 }, { 30, "32B", 32.764, 0.74 },
              { 25, "70B", 70.554, 0.78 },  { 15, "8x7B", 46.703, 0.55 } };

/* Raw scores are right answers out of `questions`; guessing reaches `guess`, the weakest model
 * `low` and the best `high`. */
enum { IFEVAL, BBH, MATH, GPQA, MUSR, MMLU_PRO, BENCHMARKS };
static const struct benchmark {
    double questions, guess, low, high;
} benchmarks[BENCHMARKS] = {
    [IFEVAL] = { 541, 0, 0.08, 0.9 },  [BBH] = { 5761, 0.285, 0.28, 0.8 },
    [MATH] = { 1324, 0, 0, 0.65 },     [GPQA] = { 1192, 0.25, 0.23, 0.45 },
    [MUSR] = { 756, 0.33, 0.3, 0.56 }, [MMLU_PRO] = { 12032, 0.1, 0.1, 0.7 }
};

static const char *const provider_names[] = {
    "aurora",  "basalt",  "cedar",  "delta",  "ember",  "fern",   "glacier", "harbor",  "indigo",
    "juniper", "kestrel", "lagoon", "meadow", "nimbus", "orchid", "pebble",  "quartz",  "raven",
    "sierra",  "thistle", "umber",  "velvet", "willow", "yonder", "zephyr",  "atelier", "foundry"
};

enum { COLUMNS = 36, BEFORE_SCORES = 18 }; /* the scores stand in the middle */
static const char column_names[] =
    "eval_name|Precision|Type|T|Weight type|Architecture|Model|fullname|Model sha|Average ⬆️|"
    "Hub License|Hub ❤️|#Params (B)|Available on the hub|MoE|Flagged|Chat Template|"
    "CO₂ cost (kg)|IFEval Raw|IFEval|BBH Raw|BBH|MATH Lvl 5 Raw|MATH Lvl 5|GPQA Raw|GPQA|"
    "MUSR Raw|MUSR|MMLU-PRO Raw|MMLU-PRO|Merged|Official Providers|Upload To Hub Date|"
    "Submission Date|Generation|Base Model";

enum { ROWS, REQUESTS, VOTES, SEED, NUMBERS };
static const struct {
    const char *name;
    uint64_t preset, min, max;
} numbers[NUMBERS] = { [ROWS] = { "rows", 4576, 1, 1000000 },
                       [REQUESTS] = { "requests", 2000, 1, 1000000 },
                       [VOTES] = { "votes", 20000, 0, 10000000 },
                       [SEED] = { "seed", 1, 0, UINT64_MAX } };

struct model {
    char name[64], sha[41]; /* name: provider/name */
    const struct kind *kind;
    const struct size *size;
    const char *architecture, *license, *precision, *weight_type, *upload_day;
    const char *base;  /* another model's name, or NULL */
    int64_t submitted; /* seconds since 1970 */
    double ability;
    bool chat_template, official;
    bool twin; /* the model before it, in another precision */
};

struct request {
    struct model model;
    size_t state;
    int64_t submitted;
};

/* What all generators share. */
struct world {
    const char *folder, *owner;
    uint64_t number[NUMBERS];
    bool force;
    struct arena arena;
    struct model *models; /* one a row of contents */
    struct request *requests;
    size_t serial;   /* models named so far */
    struct buf text; /* the file being put together */
};

/* Splitmix64. Every generator has a stream of its own: more votes do not change the models. */
struct random {
    uint64_t state;
};

static uint64_t
draw(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static struct random
stream(const struct world *world, uint64_t number)
{
    struct random random = { world->number[SEED] * 1000003 + number };

    random.state = draw(&random);
    return random;
}

static double /* 0 <= x < 1 */
uniform(struct random *random)
{
    return (double)(draw(random) >> 11) * 0x1p-53;
}

static size_t
below(struct random *random, size_t limit)
{
    return (size_t)(uniform(random) * (double)limit);
}

/* Below `limit`, small numbers far more often. */
static size_t
below_skewed(struct random *random, size_t limit)
{
    double x = uniform(random);

    return (size_t)(x * x * (double)limit);
}

static bool
chance(struct random *random, unsigned percent)
{
    return below(random, 100) < percent;
}

static double /* nearly normal, mean 0, deviation 1 */
bell(struct random *random)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += uniform(random);
    return sum - 6;
}

static size_t
weight_of(const char *row)
{
    unsigned weight;

    memcpy(&weight, row, sizeof weight);
    return weight;
}

/* The index of a row of a table whose rows begin with their weight. */
static size_t
pick(struct random *random, const void *table, size_t rows, size_t row_bytes)
{
    const char *row = table;
    size_t total = 0, at, i = 0;

    for (size_t k = 0; k < rows; k++)
        total += weight_of(row + k * row_bytes);
    for (at = below(random, total); at >= weight_of(row); row += row_bytes, i++)
        at -= weight_of(row);
    return i;
}
#define PICK(random, table) (&(table)[pick(random, table, LENGTH(table), sizeof *(table))])

/* "YYYY-MM-DD" or "YYYY-MM-DDTHH:MM:SSZ". */
static const char *
date(struct world *world, int64_t seconds, bool with_time)
{
    char text[32];
    time_t time = (time_t)seconds;
    struct tm tm;
    size_t length = strftime(text, sizeof text, with_time ? "%FT%TZ" : "%F", gmtime_r(&time, &tm));

    return arena_copy(&world->arena, text, length);
}

/* Writes world->text to a file in the world's folder, making the folders, and empties it. */
static void __attribute__((format(printf, 2, 3))) save(struct world *world, const char *format, ...)
{
    char path[4096];
    va_list arguments;
    int root = snprintf(path, sizeof path / 2, "%s/", world->folder);

    va_start(arguments, format);
    vsnprintf(path + root, sizeof path / 2, format, arguments);
    va_end(arguments);
    if (!buf_ok(&world->text))
        errx(EXIT_SYSTEM, "%s: too large", path);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            err(EXIT_SYSTEM, "cannot make the folder %s", path);
        *slash = '/';
    }
    FILE *file = fopen(path, "wb");
    size_t put = file == NULL ? 0 : fwrite(buf_string(&world->text), 1, world->text.length, file);
    if (file == NULL || fclose(file) != 0 || put != world->text.length)
        err(EXIT_SYSTEM, "cannot write %s", path);
    buf_reset(&world->text);
}

/* The dataset's card, and the line that says what was made. */
static void
save_card(struct world *world, const char *dataset, uint64_t count, const char *what)
{
    buf_format(&world->text,
               "---\ntags:\n- sample-data\n---\n# %s\n\nGenerated sample data: %" PRIu64 " %s.\n\n"
               "Every model, provider, user and score in here is invented; their names begin with\n"
               "\"sample-\". Made by the program `samples` (seed %" PRIu64 ") for a local Hub.\n",
               dataset, count, what, world->number[SEED]);
    save(world, "datasets/%s/%s/README.md", world->owner, dataset);
    printf("datasets/%s/%s: %" PRIu64 " %s\n", world->owner, dataset, count, what);
}

static void
save_table(struct world *world, const struct table *table, const char *dataset)
{
    struct error why;

    if (parquet_write(table, &world->text, &why) != PARQUET_WRITE_OK)
        errx(EXIT_SYSTEM, "%s: %s", dataset, why.text);
    save(world, "datasets/%s/%s/data/train-00000-of-00001.parquet", world->owner, dataset);
}

static const char *
provider_name(char name[static 32], size_t provider)
{
    if (provider < LENGTH(provider_names))
        snprintf(name, 32, "sample-%s", provider_names[provider]);
    else
        snprintf(name, 32, "sample-lab-%zu", provider);
    return name;
}

static bool
provider_official(size_t provider)
{
    return provider % 9 == 4;
}

static void
make_model(struct world *world, struct random *random, struct model *model)
{
    char provider[32];
    size_t owner = below_skewed(random, PROVIDERS), serial = world->serial++;
    size_t elders = serial < world->number[ROWS] ? serial : (size_t)world->number[ROWS];

    *model = (struct model){ .weight_type = "Original", .official = provider_official(owner) };
    model->kind = serial < LENGTH(kinds) ? &kinds[serial] : PICK(random, kinds);
    model->size = PICK(random, sizes);
    model->architecture = PICK(random, architectures)->text;
    if (strchr(model->size->label, 'x') != NULL)
        model->architecture = mixture;
    model->license = PICK(random, licenses)->text;
    model->precision = PICK(random, precisions)->text;
    snprintf(model->name, sizeof model->name, "%s/%s-%s-%s-%04zu", provider_name(provider, owner),
             PICK(random, lines)->text, model->size->label, model->kind->word, serial);
    for (size_t i = 0; i < sizeof model->sha - 1; i++)
        model->sha[i] = "0123456789abcdef"[below(random, 16)];
    model->chat_template = chance(random, model->kind->chat_percent);
    model->ability = model->size->ability + model->kind->bonus + 0.1 * bell(random);
    model->submitted = first_day + (int64_t)below(random, (size_t)(last_day - first_day) + DAY);
    int64_t upload = model->submitted - (int64_t)below_skewed(random, 90) * DAY;
    if (!chance(random, 10))
        model->upload_day = date(world, upload < first_day ? first_day : upload, false);
    if (model->kind != &kinds[PRETRAINED] && elders != 0) {
        model->base = world->models[below(random, elders)].name;
        if (chance(random, 2))
            model->weight_type = "Adapter";
    }
}

static void
make_models(struct world *world)
{
    struct random random = stream(world, 1);

    world->models = arena_zero(&world->arena, world->number[ROWS], sizeof *world->models);
    for (size_t i = 0; i < world->number[ROWS]; i++) {
        struct model *model = &world->models[i];
        if (i < LENGTH(kinds) || model[-1].twin || !chance(&random, 2)) {
            make_model(world, &random, model);
            continue;
        }
        *model = model[-1];
        model->twin = true;
        model->submitted += DAY;
        model->precision = strcmp(model->precision, "float16") == 0 ? "bfloat16" : "float16";
    }
}

static struct cell
text(const char *text)
{
    if (text == NULL)
        return (struct cell){ .kind = CELL_NULL };
    return (struct cell){ .kind = CELL_TEXT, .length = (uint32_t)strlen(text), .text = text };
}

static struct cell
real(double value)
{
    return (struct cell){ .kind = CELL_REAL, .real = value };
}

static struct cell
integer(int64_t value)
{
    return (struct cell){ .kind = CELL_INTEGER, .integer = value };
}

static struct cell
boolean(bool value)
{
    return (struct cell){ .kind = CELL_BOOLEAN, .boolean = value };
}

static double
make_score(struct random *random, size_t benchmark, const struct model *model)
{
    const struct benchmark *b = &benchmarks[benchmark];
    double skill = model->ability + 0.05 * bell(random);

    if (benchmark == IFEVAL)
        skill += model->chat_template ? 0.12 : -0.12;
    skill = skill < 0 ? 0 : skill > 1 ? 1 : skill;
    if (benchmark == MATH)
        skill *= skill;
    double right = (b->low + (b->high - b->low) * skill) * b->questions;
    return (double)(int64_t)(right + 0.5) / b->questions;
}

static void
make_row(struct world *world, struct random *random, const struct model *model,
         struct cell row[static COLUMNS])
{
#define LINK_STYLE                                                                                 \
    "style=\"color: var(--link-text-color); text-decoration: underline;text-decoration-style: "    \
    "dotted;\""
    static const char anchor[] =
        "<a target=\"_blank\" href=\"https://huggingface.co/%s\" " LINK_STYLE ">%s</a>  "
        "<a target=\"_blank\" "
        "href=\"https://huggingface.co/datasets/%s/%.*s__%s-details\" " LINK_STYLE ">📑</a>";
    const char *slash = strchr(model->name, '/'), *base = model->base;
    const int provider = (int)(slash - model->name);
    const char *submitted = date(world, model->submitted, false);
    struct arena *arena = &world->arena;
    double sum = 0;

    const char *name =
        arena_format(arena, "%.*s_%s_%s", provider, model->name, slash + 1, model->precision);
    const char *link = arena_format(arena, anchor, model->name, model->name, world->owner, provider,
                                    model->name, slash + 1);

    for (size_t i = 0; i < BENCHMARKS; i++) {
        double guess = benchmarks[i].guess, raw = make_score(random, i, model);
        double normalized = raw <= guess ? 0 : (raw - guess) / (1 - guess) * 100;
        row[BEFORE_SCORES + 2 * i] = real(raw);
        row[BEFORE_SCORES + 2 * i + 1] = real(normalized);
        sum += normalized;
    }
    /* Drawn one by one, because the order in which a list is evaluated is open. */
    double hearts = 0.6 / (uniform(random) + 0.0001); /* most have none or one, a few many */
    double co2 = 0.05 + model->size->billions * (0.1 + 0.3 * uniform(random));
    bool co2_known = !chance(random, 2), sized = !chance(random, 1), on_hub = chance(random, 70);
    bool flagged = below(random, 500) == 0;
    bool merged = model->kind == &kinds[MERGE] && chance(random, 45);
    int64_t generation = base == NULL ? 0 : 1 + (int64_t)(1.4 * uniform(random));
    if (base == NULL)
        base = model->name;
    else if (chance(random, 15))
        base = chance(random, 70) ? "Removed" : NULL;

    const struct cell before[BEFORE_SCORES] = { text(name),
                                                text(model->precision),
                                                text(model->kind->type),
                                                text(model->kind->emoji),
                                                text(model->weight_type),
                                                text(model->architecture),
                                                text(link),
                                                text(model->name),
                                                text(model->sha),
                                                real(sum / BENCHMARKS),
                                                text(model->license),
                                                integer((int64_t)hearts),
                                                real(sized ? model->size->billions : -1),
                                                boolean(on_hub),
                                                boolean(strcmp(model->architecture, mixture) == 0),
                                                boolean(flagged),
                                                boolean(model->chat_template),
                                                co2_known ? real(co2) : text(NULL) };
    const struct cell after[COLUMNS - BEFORE_SCORES - 2 * BENCHMARKS] = {
        boolean(merged), boolean(model->official), text(model->upload_day),
        text(submitted), integer(generation),      text(base)
    };
    memcpy(row, before, sizeof before);
    memcpy(row + BEFORE_SCORES + 2 * BENCHMARKS, after, sizeof after);
}

static void
save_contents(struct world *world)
{
    struct random random = stream(world, 2);
    struct table table = { .columns = COLUMNS, .rows = world->number[ROWS] };
    struct cell row[COLUMNS];

    char *names = arena_copy(&world->arena, column_names, sizeof column_names - 1);
    table.column = arena_zero(&world->arena, COLUMNS, sizeof *table.column);
    for (size_t i = 0; i < COLUMNS; i++) {
        table.column[i].name = strsep(&names, "|");
        table.column[i].cells = arena_zero(&world->arena, table.rows, sizeof(struct cell));
    }
    for (size_t r = 0; r < table.rows; r++) {
        make_row(world, &random, &world->models[r], row);
        for (size_t i = 0; i < COLUMNS; i++)
            table.column[i].cells[r] = row[i];
    }
    save_table(world, &table, "contents");
    save_card(world, "contents", table.rows, "rows");
}

static void
save_official_providers(struct world *world)
{
    struct buf list;
    char name[32];
    size_t count = 0;

    buf_init(&list, PROVIDERS * sizeof name);
    for (size_t i = 0; i < PROVIDERS; i++)
        if (provider_official(i))
            buf_format(&list, "%s\"%s\"", count++ == 0 ? "[" : ",", provider_name(name, i));
    buf_byte(&list, ']');
    struct cell cell = text(buf_string(&list));
    cell.kind = CELL_JSON;
    struct column column = { "CURATED_SET", CELL_JSON, &cell };
    save_table(world, &(struct table){ .columns = 1, .rows = 1, .column = &column },
               "official-providers");
    buf_free(&list);
    save_card(world, "official-providers", count, "providers in one row");
}

static void
save_request(struct world *world, struct random *random, const struct request *request)
{
    const struct model *model = &request->model;
    const bool started = request->state >= RUNNING && request->state <= RERUN;
    int64_t job = started ? 5000000 + (int64_t)below(random, 4000000) : -1;
    int64_t start = request->submitted + 600 + (int64_t)below(random, 2 * DAY);

    buf_format(&world->text,
               "{\"model\": \"%s\", \"base_model\": \"%s\", \"revision\": \"%s\", "
               "\"precision\": \"%s\", \"params\": %.6g, \"architectures\": \"%s\", "
               "\"weight_type\": \"%s\", \"status\": \"%s\", \"submitted_time\": \"%s\", "
               "\"model_type\": \"%s\", \"job_id\": %" PRId64 ", \"job_start_time\": ",
               model->name, strcmp(model->weight_type, "Adapter") == 0 ? model->base : "",
               model->sha, model->precision, model->size->billions, model->architecture,
               model->weight_type, states[request->state].text,
               date(world, request->submitted, true), model->kind->type, job);
    buf_format(&world->text, started ? "\"%s\"" : "null", date(world, start, true));
    buf_format(&world->text, ", \"use_chat_template\": %s, \"sender\": \"sample-user-%05zu\"}",
               model->chat_template ? "true" : "false", below_skewed(random, USERS));
    save(world, "datasets/%s/requests/%s_eval_request_False_%s_%s.json", world->owner, model->name,
         model->precision, model->weight_type);
}

/* Most finished requests are those of rows; the others ask for models that have no row. */
static void
save_requests(struct world *world)
{
    struct random random = stream(world, 3);
    const size_t count = world->number[REQUESTS], rows = world->number[ROWS];
    size_t step = rows > count ? rows / count : 1, row = 0;

    world->requests = arena_zero(&world->arena, count, sizeof *world->requests);
    for (size_t i = 0; i < count; i++) {
        struct request *request = &world->requests[i];
        request->state = i;
        if (i >= LENGTH(states)) /* the first ones are one of each */
            request->state = pick(&random, states, LENGTH(states), sizeof *states);
        if (request->state == FINISHED && row < rows && !chance(&random, 3)) {
            request->model = world->models[row];
            row += step;
        } else {
            make_model(world, &random, &request->model);
        }
        request->submitted = request->model.submitted;
        if (request->state <= RUNNING) /* these have waited for ten days at most */
            request->submitted = last_day - (int64_t)below(&random, 10 * DAY);
        save_request(world, &random, request);
    }
    save_card(world, "requests", count, "request files");
}

struct vote {
    int64_t time;
    size_t number, user;
    const struct model *model;
};

static int
compare_votes(const void *left, const void *right)
{
    const struct vote *a = left, *b = right;

    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* One user after the other votes, on no model twice; then all is put in order of time. Waiting
 * models come first among the choices, so that they get more votes. */
static void
save_votes(struct world *world)
{
    struct random random = stream(world, 4);
    const size_t count = world->number[VOTES], requests = world->number[REQUESTS];
    size_t *choices = arena_zero(&world->arena, requests, sizeof *choices);
    size_t *voted = arena_zero(&world->arena, requests, sizeof *voted); /* 1 + the last user */
    struct vote *votes = arena_zero(&world->arena, count, sizeof *votes);
    size_t choice_count = 0, number = 0;

    for (size_t state = PENDING; state <= FINISHED; state++)
        for (size_t i = 0; i < requests; i++)
            if (world->requests[i].state == state && !world->requests[i].model.twin)
                choices[choice_count++] = i;
    for (size_t user = 0; number < count; user++) {
        size_t wanted = 1 + (size_t)(3 / (uniform(&random) + 0.005)); /* a few vote very often */
        for (size_t i = 0; i < wanted && i < choice_count && number < count; i++) {
            size_t at = below_skewed(&random, choice_count);
            while (voted[at] == user + 1)
                at = (at + 1) % choice_count;
            voted[at] = user + 1;
            const struct request *request = &world->requests[choices[at]];
            int64_t time = request->submitted + (int64_t)below_skewed(&random, 30 * DAY);
            votes[number] = (struct vote){ time, number, user, &request->model };
            number++;
        }
    }
    qsort(votes, count, sizeof *votes, compare_votes);
    for (size_t i = 0; i < count; i++)
        buf_format(&world->text,
                   "{\"model\": \"%s\", \"revision\": \"%s\", \"username\": \"sample-user-%05zu\", "
                   "\"timestamp\": \"%s\", \"vote_type\": \"%s\"}\n",
                   votes[i].model->name, votes[i].model->sha, votes[i].user,
                   date(world, votes[i].time, true), chance(&random, 88) ? "up" : "down");
    save(world, "datasets/%s/votes/votes_data.jsonl", world->owner);
    save_card(world, "votes", count, "votes");
}

/* The files of the model repositories. */
#define ARCHITECTURE "\"architectures\": [\"LlamaForCausalLM\"], "
#define CONFIG(more) "{" more "\"model_type\": \"llama\", \"hidden_size\": 32}\n"
#define TOKENIZER    "{\"tokenizer_class\": \"PreTrainedTokenizerFast\""
#define TEMPLATE     "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
static const char apache[] = "license: apache-2.0\n", config[] = CONFIG(ARCHITECTURE);
static const char plain[] = TOKENIZER "}\n";
static const char chat[] = TOKENIZER ", \"chat_template\": \"" TEMPLATE "\"}\n";
static const char tokenizer[] =
    "{\"version\": \"1.0\", \"added_tokens\": [], \"model\": {\"type\": \"WordLevel\", "
    "\"vocab\": {\"<unk>\": 0, \"sample\": 1}, \"unk_token\": \"<unk>\"}}\n";
static const char prose[] =
    "\nThis is no model: its weights are zeros, and nothing can be learnt from them. It is here\n"
    "so that a local Hub has something to submit, to vote on and to look at while the\n"
    "leaderboard is developed and tested. Its files have the form of a real model's, so that\n"
    "every check of a submission can be tried.\n";

struct extra {
    const char *file, *content;
};
static const struct extra template_file = { "chat_template.jinja", TEMPLATE };
static const struct extra adapter = {
    "adapter_config.json",
    "{\"peft_type\": \"LORA\", \"base_model_name_or_path\": \"sample-fit/base\"}\n"
};

static const struct repo {
    const char *name, *license, *prose;    /* license: lines of the card's front matter */
    const char *config, *tokenizer_config; /* NULL: there is no such file */
    size_t parameters;                     /* 0: no weights */
    const struct extra *extra;             /* one more file, or NULL */
} repos[] = {
    { "sample-fit/base", apache, prose, config, plain, 65536, NULL },
    { "sample-fit/chat", apache, prose, config, chat, 65536, NULL },
    { "sample-fit/chat-template-file", apache, prose, config, plain, 65536, &template_file },
    { "sample-fit/adapter", apache, prose, config, plain, 1024, &adapter },
    { "sample-fit/million-parameters", apache, prose, config, plain, 1000000, NULL },
    { "sample-fit/named-license", "license_name: sample\nlicense_link: https://example.org/l\n",
      prose, config, plain, 65536, NULL },
    { "sample-unfit/no-license", "", prose, config, plain, 65536, NULL },
    { "sample-unfit/short-card", apache, "", config, plain, 65536, NULL },
    { "sample-unfit/no-config", apache, prose, NULL, plain, 65536, NULL },
    { "sample-unfit/no-architecture", apache, prose, CONFIG(), plain, 65536, NULL },
    { "sample-unfit/no-tokenizer", apache, prose, config, NULL, 65536, NULL },
    { "sample-unfit/no-weights", apache, prose, config, plain, 0, NULL },
    { "sample-unfit/remote-code", apache, prose,
      CONFIG(ARCHITECTURE "\"auto_map\": {\"AutoModelForCausalLM\": \"modeling.Sample\"}, "), plain,
      65536, NULL }
};

static void
save_text(struct world *world, const struct repo *repo, const char *file, const char *content)
{
    buf_text(&world->text, content);
    save(world, "models/%s/%s", repo->name, file);
}

/* A safetensors file is the header's length, the header and the tensors: two here, all zeros. */
static void
save_weights(struct world *world, const struct repo *repo)
{
    const size_t half = repo->parameters; /* bytes of one: two a parameter */
    char header[512];                     /* padded, so that the tensors are aligned */

    int length = snprintf(header, sizeof header,
                          "{\"__metadata__\": {\"format\": \"pt\"}, "
                          "\"sample.0.weight\": {\"dtype\": \"BF16\", \"shape\": [%zu, 8], "
                          "\"data_offsets\": [0, %zu]}, "
                          "\"sample.1.weight\": {\"dtype\": \"BF16\", \"shape\": [%zu], "
                          "\"data_offsets\": [%zu, %zu]}}",
                          half / 16, half, half / 2, half, half * 2);
    memset(header + length, ' ', 7);
    length = (length + 7) / 8 * 8;
    for (int i = 0; i < 8; i++)
        buf_byte(&world->text, (char)((uint64_t)length >> 8 * i));
    buf_put(&world->text, header, (size_t)length);
    char *zeros = buf_reserve(&world->text, half * 2);
    if (zeros != NULL) {
        memset(zeros, 0, half * 2);
        world->text.length += half * 2;
    }
    save(world, "models/%s/%s.safetensors", repo->name,
         repo->extra == &adapter ? "adapter_model" : "model");
}

static void
save_repo(struct world *world, const struct repo *repo)
{
    buf_format(&world->text, "---\n%stags:\n- sample-data\n---\n# %s\n\nGenerated sample data.\n%s",
               repo->license, repo->name, repo->prose);
    save(world, "models/%s/README.md", repo->name);
    if (repo->config != NULL)
        save_text(world, repo, "config.json", repo->config);
    if (repo->tokenizer_config != NULL) {
        save_text(world, repo, "tokenizer_config.json", repo->tokenizer_config);
        save_text(world, repo, "tokenizer.json", tokenizer);
    }
    if (repo->extra != NULL)
        save_text(world, repo, repo->extra->file, repo->extra->content);
    if (repo->parameters != 0)
        save_weights(world, repo);
}

/* Ten models that wait, eight that are finished, and those that try the checks. */
static void
save_repos(struct world *world)
{
    size_t room[] = { [PENDING] = 10, [RUNNING] = 0, [FINISHED] = 8 }, made = LENGTH(repos);

    for (size_t i = 0; i < LENGTH(repos); i++)
        save_repo(world, &repos[i]);
    for (size_t i = 0; i < world->number[REQUESTS]; i++) {
        const struct request *request = &world->requests[i];
        struct repo repo = repos[0];
        if (request->state > FINISHED || request->model.twin || room[request->state] == 0)
            continue;
        room[request->state]--;
        repo.name = request->model.name;
        repo.tokenizer_config = request->model.chat_template ? chat : plain;
        save_repo(world, &repo);
        made++;
    }
    printf("models: %zu repositories\n", made);
}

static const char usage[] =
    "usage: samples DIR [option...]\n"
    "\n"
    "Invents sample data for a local Hub: DIR/datasets/OWNER/{contents,requests,votes,\n"
    "official-providers} and DIR/models/*/*. The same options give the same bytes.\n"
    "\n"
    "  --rows N       rows of contents (4576)\n"
    "  --requests N   request files (2000)\n"
    "  --votes N      votes (20000)\n"
    "  --seed N       another number, other data (1)\n"
    "  --owner NAME   who owns the datasets (open-llm-leaderboard)\n"
    "  --force        write into DIR even when it is not empty\n"
    "  --help         print this\n"
    "\n"
    "Exit: 0 done, 100 wrong use, 111 a file cannot be written.\n";

static uint64_t
parse_number(size_t which, const char *digits)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0 ||
        value < numbers[which].min || value > numbers[which].max)
        errx(EXIT_USAGE, "--%s must be a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"",
             numbers[which].name, numbers[which].min, numbers[which].max, digits);
    return value;
}

static void
parse_options(struct world *world, int argc, char **argv)
{
    enum { OWNER = NUMBERS, FORCE, HELP };
    struct option names[HELP + 2] = { [OWNER] = { "owner", required_argument, NULL, OWNER },
                                      [FORCE] = { "force", no_argument, NULL, FORCE },
                                      [HELP] = { "help", no_argument, NULL, HELP } };
    int option;

    for (int i = 0; i < NUMBERS; i++) {
        names[i] = (struct option){ numbers[i].name, required_argument, NULL, i };
        world->number[i] = numbers[i].preset;
    }
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == HELP) {
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        }
        if (option == OWNER)
            world->owner = optarg;
        else if (option == FORCE)
            world->force = true;
        else if (option < NUMBERS)
            world->number[option] = parse_number((size_t)option, optarg);
        else
            exit(EXIT_USAGE); /* getopt has said why */
    }
    if (optind + 1 != argc || strlen(argv[optind]) > 1024)
        errx(EXIT_USAGE, "give one folder; see --help");
    world->folder = argv[optind];
    size_t fit = strspn(world->owner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_.-");
    if (fit == 0 || fit > 96 || world->owner[fit] != '\0' || world->owner[0] == '.')
        errx(EXIT_USAGE, "--owner must be a user or organisation, not \"%s\"", world->owner);
}

static bool
folder_empty(const char *path)
{
    DIR *folder = opendir(path);
    size_t entries = 0;

    if (folder == NULL && errno == ENOENT)
        return true;
    if (folder == NULL)
        err(EXIT_SYSTEM, "cannot read the folder %s", path);
    while (readdir(folder) != NULL)
        entries++;
    closedir(folder);
    return entries <= 2; /* "." and ".." */
}

int
main(int argc, char **argv)
{
    struct world world = { .owner = "open-llm-leaderboard" };

    parse_options(&world, argc, argv);
    if (!world.force && !folder_empty(world.folder))
        errx(EXIT_USAGE, "%s is not empty; choose another folder or give --force", world.folder);
    arena_init(&world.arena, 0);
    buf_init(&world.text, FILE_BYTES_MAX);
    make_models(&world);
    save_contents(&world);
    save_requests(&world);
    save_votes(&world);
    save_official_providers(&world);
    save_repos(&world);
    buf_free(&world.text);
    arena_free(&world.arena);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_SYSTEM;
}
