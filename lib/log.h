/* log: one line an event, to a descriptor of our own.
 *
 * console: 2026-11-24T08:00:00.123Z INFO sync: pulled dataset=acme/contents rows=4576
 * json:    {"time":"…","level":"INFO","component":"sync","message":"pulled","dataset":…}
 *
 * Lines are written whole, so those of several processes in one file do not mix. Tokens and bodies
 * are never passed to it. */
#ifndef LOG_H
#define LOG_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR };

/* Who speaks; LOG_LEVEL_<COMPONENT> sets the level of one. */
enum log_component { LOG_HTTP, LOG_DB, LOG_HUB, LOG_SYNC, LOG_AUTH, LOG_COMPONENTS };

struct log {
    int fd;              /* where lines go; not owned */
    struct buf *waiting; /* NULL: each line is written at once; else it may wait for log_flush() */
    bool json;           /* LOG_FORMAT=json */
    enum log_level levels[LOG_COMPONENTS];
};

struct log_field {
    const char *name; /* NULL ends a list of fields */
    const char *text; /* NULL: `integer` is the value */
    int64_t integer;
};

#define LOG_TEXT(key, value)                                                                       \
    {                                                                                              \
        .name = (key), .text = (value) != NULL ? (value) : ""                                      \
    }
#define LOG_INTEGER(key, value)                                                                    \
    {                                                                                              \
        .name = (key), .integer = (int64_t)(value)                                                 \
    }

/* Writes one line when the component's level admits it, with fields (at least one):
 * log_event(log, LEVEL_INFO, LOG_SYNC, "pulled", LOG_TEXT("dataset", repo), LOG_INTEGER("rows",
 * 3)). */
#define log_event(log, level, component, message, ...)                                             \
    log_event_fields(log, level, component, message,                                               \
                     (const struct log_field[]){ __VA_ARGS__, { 0 } })

void log_event_fields(const struct log *log, enum log_level level, enum log_component component,
                      const char *message, const struct log_field *fields);

/* Writes the lines that wait. An event from LEVEL_WARNING on does not wait, nor do those before it.
 * A program lets lines wait while it has requests to answer, and 2 ms from one write to the next.
 */
void log_flush(const struct log *log);

/* A component's name in upper case ("HTTP"); a level's ("INFO"). */
const char *log_component_name(enum log_component component);
const char *log_level_name(enum log_level level);

/* Reads a level's name (DEBUG, INFO, WARNING, ERROR, any case); false when it is none. */
bool log_level_parse(const char *name, enum log_level *level);

#endif
