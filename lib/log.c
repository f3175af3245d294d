#include "log.h"

#include "json.h"
#include "timestamp.h"

#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192, LOG_LINE_USUAL = 500, WAITING_MAX = 16 * 1024 };

static const struct {
    const char *name, *in_line;
} components[LOG_COMPONENTS] = {
    { "HTTP", "http" }, { "DB", "db" }, { "HUB", "hub" }, { "SYNC", "sync" }, { "AUTH", "auth" },
};
static const char *const level_names[] = { "DEBUG", "INFO", "WARNING", "ERROR" };

const char *
log_component_name(enum log_component component)
{
    return components[component].name;
}

const char *
log_level_name(enum log_level level)
{
    return level_names[level];
}

bool
log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcasecmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* A value stands bare where it is plain, and as a JSON string where it is not. */
static void
log_put_value(struct buf *line, const struct log_field *field, bool json)
{
    const char *end = field->text;

    if (end == NULL) {
        json_put_integer(line, field->integer);
        return;
    }
    while (!json && *end > ' ' && *end < 0x7f && *end != '"' && *end != '=')
        end++;
    if (*end == '\0' && end != field->text)
        buf_put(line, field->text, (size_t)(end - field->text));
    else
        json_put_text(line, field->text, strlen(field->text));
}

/* "2026-11-24T08:00:00.123Z" */
static void
log_put_time(struct buf *line)
{
    static _Thread_local char stamp[TIMESTAMP_TEXT] = "1970-01-01T00:00:00Z";
    static _Thread_local time_t stamped; /* the second that it says */
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != stamped)
        timestamp_format(stamped = now.tv_sec, stamp);
    int ms = (int)(now.tv_nsec / 1000000);
    const char fraction[] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                              (char)('0' + ms % 10), 'Z' };
    buf_put(line, stamp, strlen("2026-11-24T08:00:00"));
    buf_put(line, fraction, sizeof fraction);
}

static void
log_put_line(struct buf *line, bool json, enum log_level level, enum log_component component,
             const char *message, const struct log_field *fields)
{
    buf_text(line, json ? "{\"time\":\"" : "");
    log_put_time(line);
    buf_text(line, json ? "\",\"level\":\"" : " ");
    buf_text(line, level_names[level]);
    buf_text(line, json ? "\",\"component\":\"" : " ");
    buf_text(line, components[component].in_line);
    buf_text(line, json ? "\",\"message\":" : ": ");
    if (json)
        json_put_text(line, message, strlen(message));
    else
        buf_text(line, message);
    for (; fields->name != NULL; fields++) {
        buf_text(line, json ? ",\"" : " ");
        buf_text(line, fields->name);
        buf_text(line, json ? "\":" : "=");
        log_put_value(line, fields, json);
    }
    buf_text(line, json ? "}\n" : "\n");
}

static void
log_write(const struct log *log, const struct buf *lines)
{
    if (lines->length != 0 && write(log->fd, lines->data, lines->length) < 0)
        (void)0; /* a full disk must not stop the program that wants to say so */
}

void
log_flush(const struct log *log)
{
    if (log->waiting == NULL)
        return;
    log_write(log, log->waiting);
    buf_reset(log->waiting);
}

void
log_event_fields(const struct log *log, enum log_level level, enum log_component component,
                 const char *message, const struct log_field *fields)
{
    struct buf own = { 0 }, *lines = log->waiting != NULL ? log->waiting : &own;

    if (level < log->levels[component])
        return;
    size_t end = lines->length + LOG_LINE_MAX;
    lines->max_bytes = end;
    buf_reserve(lines, LOG_LINE_USUAL);
    log_put_line(lines, log->json, level, component, message, fields);
    if (!buf_ok(lines) || lines->length > end) {
        /* Too long for a line: what fits, so that the event itself is never lost. */
        lines->failed = false;
        lines->length = lines->length > end ? end : lines->length;
        lines->max_bytes = end + strlen("...\n");
        buf_text(lines, "...\n");
    }
    if (lines == &own) {
        log_write(log, lines);
        buf_free(&own);
    } else if (level >= LEVEL_WARNING || lines->length > WAITING_MAX) {
        log_flush(log);
    }
}
