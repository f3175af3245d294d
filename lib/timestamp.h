/* timestamp: points in time as the datasets and the API write them. */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdint.h>

enum { TIMESTAMP_TEXT = 32 }; /* bytes of one, with the NUL */

/* Writes Unix seconds as "2024-06-12T10:20:30Z" into `text`, and returns it. */
const char *timestamp_format(int64_t when, char text[TIMESTAMP_TEXT]);

/* Reads "2024-06-12T10:20:30Z", also with a fraction, an offset or without "Z" (then UTC), as Unix
 * seconds; 0 when it is no such time. */
int64_t timestamp_parse(const char *text);

/* The clock that nobody sets, in milliseconds from some time in the past. */
int64_t monotonic_ms(void);

#endif
