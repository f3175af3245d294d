/* error: the sentence that says why something failed and how to mend it.
 *
 * A function that can fail in ways worth explaining takes a `struct error *` as its last argument
 * and fills it when, and only when, it fails. The enum it returns is for the program; the text is
 * for the person. The text is one line and never holds a secret. */
#ifndef ERROR_H
#define ERROR_H

#include <stdarg.h>

struct error {
    char text[480]; /* NUL-terminated; longer texts are cut at a character's boundary */
};

/* Sets the text. Control characters become '?', so that a text made from outside input stays one
 * line. `why` may be NULL: then nothing happens. */
void error_set(struct error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the text that is there. */
void error_prefix(struct error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
