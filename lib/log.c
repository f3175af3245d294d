#include "log.h"

#include "json.h"

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
    if (field->text == NULL) {
        json_put_integer(line, field->integer);
        return;
    }
    bool plain = !json && field->text[0] != '\0';
    for (const char *c = field->text; plain && *c != '\0'; c++)
        plain = *c > ' ' && *c < 0x7f && *c != '"' && *c != '=';
    if (plain)
        buf_text(line, field->text);
    else
        json_put_text(line, field->text, strlen(field->text));
}

/* "2026-11-24T08:00:00.123Z" */
static void
log_put_time(struct buf *line, const struct timespec *now)
{
    struct tm utc;
    char stamp[sizeof "2026-11-24T08:00:00.123Z"] = "0000-00-00T00:00:00.000Z";

    gmtime_r(&now->tv_sec, &utc);
    const struct {
        int value, digits;
    } parts[] = { { utc.tm_year + 1900, 4 },
                  { utc.tm_mon + 1, 2 },
                  { utc.tm_mday, 2 },
                  { utc.tm_hour, 2 },
                  { utc.tm_min, 2 },
                  { utc.tm_sec, 2 },
                  { (int)(now->tv_nsec / 1000000), 3 } };
    char *place = stamp;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        place += parts[i].digits;
        for (int digit = 1, rest = parts[i].value; digit <= parts[i].digits; digit++, rest /= 10)
            place[-digit] = (char)('0' + rest % 10);
        place++;
    }
    buf_put(line, stamp, sizeof stamp - 1);
}

static void
log_put_line(struct buf *line, const struct log *log, enum log_level level,
             enum log_component component, const char *message, const struct log_field *fields)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    buf_text(line, log->json ? "{\"time\":\"" : "");
    log_put_time(line, &now);
    buf_text(line, log->json ? "\",\"level\":\"" : " ");
    buf_text(line, level_names[level]);
    buf_text(line, log->json ? "\",\"component\":\"" : " ");
    buf_text(line, components[component].in_line);
    buf_text(line, log->json ? "\",\"message\":" : ": ");
    if (log->json)
        json_put_text(line, message, strlen(message));
    else
        buf_text(line, message);
    for (; fields->name != NULL; fields++) {
        buf_text(line, log->json ? ",\"" : " ");
        buf_text(line, fields->name);
        buf_text(line, log->json ? "\":" : "=");
        log_put_value(line, fields, log->json);
    }
    buf_text(line, log->json ? "}\n" : "\n");
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
    log_put_line(lines, log, level, component, message, fields);
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
