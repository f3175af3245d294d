#include "log.h"

#include "buf.h"
#include "json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192 };

static const char *const component_names[LOG_COMPONENTS] = { "HTTP", "DB", "HUB", "SYNC", "AUTH" };
static const char *const level_names[] = { "DEBUG", "INFO", "WARNING", "ERROR" };

const char *
log_component_name(enum log_component component)
{
    return component_names[component];
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
        plain = isgraph((unsigned char)*c) && *c != '"' && *c != '=';
    if (plain)
        buf_text(line, field->text);
    else
        json_put_text(line, field->text, strlen(field->text));
}

void
log_event_fields(const struct log *log, enum log_level level, enum log_component component,
                 const char *message, const struct log_field *fields)
{
    char name[16] = { 0 };
    struct timespec now;
    struct tm utc;
    char stamp[32];
    struct buf line;

    if (level < log->levels[component])
        return;
    for (size_t i = 0; component_names[component][i] != '\0'; i++)
        name[i] = (char)tolower((unsigned char)component_names[component][i]);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);

    buf_init(&line, LOG_LINE_MAX);
    if (log->json) {
        buf_format(&line,
                   "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"component\":\"%s\",\"message\":",
                   stamp, now.tv_nsec / 1000000, level_names[level], name);
        json_put_text(&line, message, strlen(message));
    } else {
        buf_format(&line, "%s.%03ldZ %s %s: %s", stamp, now.tv_nsec / 1000000, level_names[level],
                   name, message);
    }
    for (; fields->name != NULL; fields++) {
        buf_text(&line, log->json ? ",\"" : " ");
        buf_text(&line, fields->name);
        buf_text(&line, log->json ? "\":" : "=");
        log_put_value(&line, fields, log->json);
    }
    buf_text(&line, log->json ? "}\n" : "\n");
    if (!buf_ok(&line)) {
        /* Too long for a line: what fits, so that the event itself is never lost. */
        line.failed = false;
        line.max_bytes = LOG_LINE_MAX + 8;
        buf_text(&line, "...\n");
    }
    if (write(log->fd, line.data, line.length) < 0)
        (void)0; /* a full disk must not stop the program that wants to say so */
    buf_free(&line);
}
