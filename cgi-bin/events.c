/* GET /api/events: what happens, as it happens, as server-sent events.
 *
 * Events are rows that triggers number in the order of the commits; an event's id is its number, so
 * that Last-Event-ID says exactly what a client has seen. Whoever missed more than can be told
 * gets one event `reload`: it is to ask anew. */
#include "json.h"
#include "store.h"
#include "stream.h"
#include "timestamp.h"

#include <stdlib.h>
#include <string.h>

enum {
    RETRY_MS = 5000,
    BATCH = 256,       /* events at once */
    BEHIND_MAX = 1000, /* events that are told one by one */
};

struct events {
    const struct config *config;
    struct store store;
    uint64_t state; /* of the store, up to which all is told; 0: none */
    int64_t told;   /* the last event that all clients know of; -1 before the database was seen */
};

static int64_t
newest(const struct events *events)
{
    return db_number(db_query(events->store.db, SQL_EVENT_NEWEST, DB_NULL), 0);
}

static void
put_reload(struct buf *out, int64_t id)
{
    buf_format(out, "event: reload\nid: %lld\ndata: {}\n\n", (long long)id);
}

/* A row of SQL_EVENT_LIST. A snapshot that is not kept any more is no event. */
static void
put_event(struct buf *out, sqlite3_stmt *row)
{
    static const char *const counts[] = { "rows", "added", "removed", "changed" };
    bool snapshot = sqlite3_column_type(row, 1) != SQLITE_NULL;
    const char *status = db_column_text(row, 5);
    char time[TIMESTAMP_TEXT];

    if (snapshot && sqlite3_column_type(row, 6) == SQLITE_NULL)
        return;
    buf_format(out, "event: %s\nid: %lld\ndata: {", snapshot ? "snapshot" : "submission",
               (long long)sqlite3_column_int64(row, 0));
    if (snapshot) {
        json_put_integer_member(out, "id", sqlite3_column_int64(row, 1));
        json_put_text_member(out, "revision", db_column_text(row, 6));
        json_put_text_member(out, "pulled_at",
                             timestamp_format(sqlite3_column_int64(row, 7), time));
        for (int i = 0; i < 4; i++)
            json_put_integer_member(out, counts[i], sqlite3_column_int64(row, 8 + i));
    } else {
        json_put_text_member(out, "model", db_column_text(row, 2));
        json_put_text_member(out, "revision", db_column_text(row, 3));
        json_put_text_member(out, "precision", db_column_text(row, 4));
        json_put_key(out, "status");
        if (sqlite3_column_type(row, 5) == SQLITE_NULL)
            buf_text(out, "null");
        else if (strcmp(status, "RUNNING") == 0)
            buf_text(out, "\"EVALUATING\""); /* as in the lists of submissions */
        else
            json_put_text(out, status, strlen(status));
    }
    buf_text(out, "}\n\n");
}

/* Appends the events after `after` up to `last`, as many as may be told at once. Returns the last
 * one that it has dealt with, or -1 when the database cannot be read. */
static int64_t
put_events(const struct events *events, int64_t after, int64_t last, struct buf *out)
{
    struct error why;
    sqlite3_stmt *row =
        db_query(events->store.db, SQL_EVENT_LIST, DB_INTEGER(after), DB_INTEGER(BATCH));

    while (db_next(events->store.db, row, &why)) {
        int64_t id = sqlite3_column_int64(row, 0);
        if (id > last || out->length > STREAM_BYTES) {
            db_done(row);
            return after;
        }
        put_event(out, row);
        after = id;
    }
    if (why.text[0] == '\0')
        return after;
    log_event(&events->config->log, LEVEL_ERROR, LOG_DB, "the database failed",
              LOG_TEXT("error", why.text));
    return -1;
}

/* What a client that has seen event `seen` is told: what it missed. Each event carries its id, so
 * that one cut off in the middle goes on from there. */
static void
resume(const struct events *events, int64_t seen, struct buf *out)
{
    int64_t oldest = db_number(db_query(events->store.db, SQL_EVENT_OLDEST, DB_NULL), 0);
    size_t start = out->length;

    if (seen + 1 >= oldest && seen <= events->told &&
        put_events(events, seen, events->told, out) == events->told && buf_ok(out))
        return;
    out->length = start;
    out->failed = false;
    put_reload(out, events->told);
}

static void
greet(void *context, const char *last_event_id, struct buf *out)
{
    struct events *events = context;
    char *end = NULL;
    int64_t seen = last_event_id == NULL ? 0 : strtoll(last_event_id, &end, 10);
    bool known = end != NULL && end != last_event_id && *end == '\0';

    buf_format(out, "retry: %d\n", RETRY_MS);
    if (events->told < 0 || !store_ready(&events->store)) {
        buf_byte(out, '\n');
    } else if (known) {
        buf_byte(out, '\n');
        resume(events, seen, out);
    } else {
        buf_format(out, "id: %lld\n\n", (long long)events->told);
    }
}

static void
tell_news(void *context, struct buf *out)
{
    struct events *events = context;

    if (!store_ready(&events->store)) {
        events->told = events->told < 0 ? 0 : events->told;
        return;
    }
    if (events->told < 0)
        events->told = newest(events);
    uint64_t state = store_state(&events->store);
    if (state == events->state)
        return;
    int64_t last = newest(events), told = last;
    bool few = last >= events->told && last - events->told <= BEHIND_MAX;
    if (few)
        told = put_events(events, events->told, last, out);
    if (!few || !buf_ok(out)) {
        buf_reset(out);
        put_reload(out, told = last);
    }
    if (told >= 0)
        events->told = told;
    events->state = told == last ? state : 0; /* the rest in a second */
}

int
main(int argc, char **argv)
{
    struct events events = { .told = -1 };
    struct config config;
    struct buf none;
    int code;

    if (!app_start(&config, "events", "answers /api/events with a stream of what happens", 0, argc,
                   argv, &code))
        return code;
    events.config = &config;
    store_init(&events.store, &config, DB_READER);
    buf_init(&none, STREAM_BYTES);
    tell_news(&events, &none); /* what was before is no news */
    buf_free(&none);
    const struct stream stream = { .name = "events",
                                   .path = "/api/events",
                                   .config = &config,
                                   .role = CONFINE_READER,
                                   .context = &events,
                                   .greet = greet,
                                   .poll = tell_news };
    code = stream_run(&stream);
    store_close(&events.store);
    config_free(&config);
    return code;
}
