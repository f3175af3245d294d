/* form: what a POST says, in a JSON body or as query parameters.
 *
 * A program's fields are a const table; unknown fields are ignored. What is wrong is answered with
 * a sentence that names the field: 415 for another content type, 400 for what is no JSON object,
 * 422 for a field. */
#ifndef FORM_H
#define FORM_H

#include "http.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct form {
    json_t *body; /* NULL when there is none; form_free() */
    struct request *request;
    struct response *response;
    bool in_query; /* fields may come as query parameters, too */
};

/* True when the request's body is declared as application/json. */
bool form_is_json(const struct request *request);

/* Reads the body. Without one it is the query, where fields may come that way, or 400. Returns 0,
 * or the status of an answer; form_free() in both cases. */
int form_read(struct form *form, struct request *request, struct response *response, bool in_query)
    __attribute__((warn_unused_result));
void form_free(struct form *form);

struct field {
    const char *name;
    const char *initial;             /* where it is absent, null or empty; NULL: it must be there */
    size_t max;                      /* bytes */
    const char *const *choices;      /* NULL-terminated; NULL: any text */
    bool (*valid)(const char *text); /* NULL: any text without control characters */
    const char *hint;                /* what is expected, for the message */
};

/* A field's text, in the request's arena. Returns 0 or the status of an answer. */
int form_text(const struct form *form, const struct field *field, const char **text)
    __attribute__((warn_unused_result));

/* A field that is true or false, false where it is absent or null. Likewise. */
int form_boolean(const struct form *form, const char *name, bool *value)
    __attribute__((warn_unused_result));

#endif
