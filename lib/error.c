#include "error.h"

#include <stdio.h>
#include <string.h>

/* Cuts an UTF-8 sequence that the end of the buffer broke, and blanks control characters. */
static void
error_clean(struct error *why)
{
    size_t length = strlen(why->text);

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)why->text[i] < 0x20 || why->text[i] == 0x7f)
            why->text[i] = '?';
    if (length + 1 < sizeof why->text)
        return;
    size_t start = length;
    while (start > 0 && ((unsigned char)why->text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)why->text[start - 1] >= 0xc0)
        why->text[start - 1] = '\0';
}

void
error_set(struct error *why, const char *format, ...)
{
    va_list arguments;

    if (why == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    error_clean(why);
}

void
error_prefix(struct error *why, const char *format, ...)
{
    char text[sizeof why->text];
    va_list arguments;

    if (why == NULL)
        return;
    memcpy(text, why->text, sizeof text);
    va_start(arguments, format);
    int used = vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used + 2 < sizeof why->text) {
        size_t room = sizeof why->text - (size_t)used - 3;
        memcpy(why->text + used, ": ", 2);
        memcpy(why->text + used + 2, text, room);
        why->text[sizeof why->text - 1] = '\0';
    }
    error_clean(why);
}
