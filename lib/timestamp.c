#include "timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *
timestamp_format(int64_t when, char text[TIMESTAMP_TEXT])
{
    time_t seconds = (time_t)when;
    struct tm utc;

    strftime(text, TIMESTAMP_TEXT, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    return text;
}

int64_t
timestamp_parse(const char *text)
{
    struct tm parts = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    int hours, minutes;

    if (end == NULL)
        end = strptime(text, "%Y-%m-%d %H:%M:%S", &parts);
    if (end == NULL)
        return 0;
    if (*end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    int64_t seconds = timegm(&parts);
    if (*end == '\0' || strcmp(end, "Z") == 0)
        return seconds;
    if ((*end == '+' || *end == '-') && sscanf(end + 1, "%2d:%2d", &hours, &minutes) == 2)
        return seconds - (*end == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    return 0;
}

int64_t
monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
