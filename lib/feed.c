#include "feed.h"

#include "changes.h"
#include "digest.h"
#include "json.h"
#include "timestamp.h"

#include <stdio.h>
#include <string.h>

enum { NAMED = 12 }; /* entries of each kind that a summary names */

enum kind { NEW, GONE, RESCORED, UPDATED, KINDS };

static const struct {
    const char *count, *list; /* "3 gone", "Gone: a, b, c" */
} kinds[KINDS] = {
    [NEW] = { "new", "New" },
    [GONE] = { "gone", "Gone" },
    [RESCORED] = { "re-scored", "Re-scored" },
    [UPDATED] = { "updated", "Other columns changed" },
};

/* What changed in one snapshot. */
struct changed {
    const struct columns_known *columns;
    size_t count[KINDS];
    struct buf names[KINDS]; /* not escaped */
    struct entry before, after;
};

void
feed_put_text(struct buf *out, const char *text, size_t length)
{
    static const char replacement[] = "\xef\xbf\xbd";

    for (size_t i = 0, size; i < length; i += size) {
        unsigned char c = (unsigned char)text[i];
        size = 1;
        if (c >= 0x80) {
            while (i + size < length && size < 4 && !utf8_valid(text + i, size))
                size++;
            bool valid = utf8_valid(text + i, size);
            bool character = valid && !(size == 3 && memcmp(text + i, "\xef\xbf", 2) == 0 &&
                                        (unsigned char)text[i + 2] >= 0xbe);
            size = valid ? size : 1;
            buf_put(out, character ? text + i : replacement, character ? size : 3);
        } else if (c == '&' || c == '<' || c == '>' || c == '"') {
            buf_format(out, "&#%d;", c);
        } else if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            buf_text(out, replacement);
        } else {
            buf_byte(out, (char)c);
        }
    }
}

static void
put_string(struct buf *out, const char *text)
{
    feed_put_text(out, text, strlen(text));
}

/* <id>: a UUID (version 8) of what is named. */
static void
put_id(struct buf *out, const char *repo, const char *what)
{
    char hash[SHA256_HEX];
    struct buf named;

    buf_init(&named, 4096);
    buf_format(&named, "%s %s", repo, what);
    digest_sha256(buf_string(&named), named.length, hash);
    buf_free(&named);
    buf_format(out, "<id>urn:uuid:%.8s-%.4s-8%.3s-a%.3s-%.12s</id>", hash, hash + 8, hash + 12,
               hash + 15, hash + 18);
}

static void
put_updated(struct buf *out, int64_t when)
{
    char time[TIMESTAMP_TEXT];

    buf_format(out, "<updated>%s</updated>", timestamp_format(when, time));
}

/* ---- what changed ---- */

/* Names an entry, with its score where it has another one. */
static void
name_entry(struct changed *changed, enum kind kind, const struct history_change *change)
{
    struct buf *out = &changed->names[kind];
    const struct entry *entry = kind == GONE ? &changed->before : &changed->after;

    buf_text(out, changed->count[kind] == 0 ? "" : ", ");
    if (!slice_put_text(out, entry_value(entry, &changed->columns->name)))
        buf_put(out, change->after.key, change->after.key_length);
    if (kind != RESCORED)
        return;
    struct slice was = entry_value(&changed->before, &changed->columns->average);
    struct slice now = entry_value(&changed->after, &changed->columns->average);
    if (!slice_equal(was, now))
        buf_format(out, " (%.2f to %.2f)", slice_number(was), slice_number(now));
}

static bool
take_change(void *context, const struct history_change *change)
{
    struct changed *changed = context;
    enum kind kind = change->kind == HISTORY_ADDED ? NEW : GONE;

    if (change->before.raw != NULL)
        entry_read(&changed->before, &change->before);
    if (change->after.raw != NULL)
        entry_read(&changed->after, &change->after);
    if (change->kind == HISTORY_CHANGED)
        kind = changes_rescored(changed->columns, &changed->before, &changed->after) ? RESCORED
                                                                                     : UPDATED;
    if (changed->count[kind] < NAMED)
        name_entry(changed, kind, change);
    changed->count[kind]++;
    return true;
}

/* The counts alone, of a snapshot whose predecessor is not kept. */
static void
take_counts(struct changed *changed, const struct history_snapshot *snapshot)
{
    changed->count[NEW] = (size_t)snapshot->added;
    changed->count[GONE] = (size_t)snapshot->removed;
    changed->count[UPDATED] = (size_t)snapshot->changed;
}

/* ---- an entry of the feed ---- */

static void
put_title(struct buf *out, const struct changed *changed)
{
    bool first = true;

    buf_text(out, "<title>");
    for (int kind = 0; kind < KINDS; kind++) {
        if (changed->count[kind] == 0)
            continue;
        buf_format(out, "%s%zu %s", first ? "" : ", ", changed->count[kind], kinds[kind].count);
        first = false;
    }
    buf_text(out, "</title>");
}

static void
put_summary(struct buf *out, const struct changed *changed, const struct history_snapshot *snapshot)
{
    buf_text(out, "<summary>");
    for (int kind = 0; kind < KINDS; kind++) {
        const struct buf *names = &changed->names[kind];
        if (names->length == 0)
            continue;
        buf_format(out, "%s: ", kinds[kind].list);
        feed_put_text(out, names->data, names->length);
        if (changed->count[kind] > NAMED)
            buf_format(out, " and %zu more", changed->count[kind] - NAMED);
        buf_text(out, ".\n");
    }
    buf_format(out, "%lld entries at revision %s.</summary>", (long long)snapshot->rows,
               snapshot->revision);
}

static bool
put_entry(struct buf *out, struct db *db, const struct feed *feed,
          const struct history_snapshot *snapshot, const struct history_snapshot *before,
          struct error *why)
{
    struct changed changed = { .columns = feed->columns };
    bool good = true;
    char what[128];

    for (int kind = 0; kind < KINDS; kind++)
        buf_init(&changed.names[kind], 1 << 20);
    if (before == NULL)
        take_counts(&changed, snapshot);
    else
        good = history_changes(db, before->id, snapshot->id, take_change, &changed, why) ==
               HISTORY_FOUND;
    snprintf(what, sizeof what, "snapshot %lld %s %lld", (long long)snapshot->id,
             snapshot->revision, (long long)snapshot->pulled_at);
    buf_text(out, "<entry>");
    put_id(out, feed->repo, what);
    put_title(out, &changed);
    put_updated(out, snapshot->pulled_at);
    buf_text(out, "<link rel=\"alternate\" type=\"application/json\" href=\"");
    if (before != NULL)
        buf_format(out, "changes?since=%lld&amp;until=%lld\"/>", (long long)before->id,
                   (long long)snapshot->id);
    else
        buf_format(out, "snapshots?limit=1&amp;before=%lld\"/>", (long long)snapshot->id + 1);
    put_summary(out, &changed, snapshot);
    buf_text(out, "</entry>\n");
    for (int kind = 0; kind < KINDS; kind++)
        buf_free(&changed.names[kind]);
    entry_free(&changed.before);
    entry_free(&changed.after);
    return good;
}

bool
feed_put(struct buf *out, struct db *db, const struct feed *feed, struct error *why)
{
    bool good = true;

    buf_text(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                  "<feed xmlns=\"http://www.w3.org/2005/Atom\">");
    put_id(out, feed->repo, "changes");
    buf_text(out, "<title>");
    put_string(out, feed->title);
    buf_text(out, ": changes</title>");
    put_updated(out, feed->count == 0 ? 0 : feed->snapshots[0].pulled_at);
    buf_text(out, "<author><name>");
    put_string(out, feed->repo);
    buf_text(out, "</name></author><link rel=\"self\" type=\"application/atom+xml\" "
                  "href=\"changes.atom\"/>\n");
    for (size_t i = 0; good && i < feed->count && i < FEED_ENTRIES; i++) {
        const struct history_snapshot *snapshot = &feed->snapshots[i];
        if (snapshot->added + snapshot->removed + snapshot->changed != 0)
            good =
                put_entry(out, db, feed, snapshot, i + 1 < feed->count ? snapshot + 1 : NULL, why);
    }
    buf_text(out, "</feed>\n");
    return good;
}
