#include "form.h"

#include "json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool
form_is_json(const struct request *request)
{
    static const char json[] = "application/json";
    const char *type = request_parameter(request, "CONTENT_TYPE");
    size_t length = type == NULL ? 0 : strcspn(type, "; \t");

    return length == sizeof json - 1 && strncasecmp(type, json, length) == 0;
}

int
form_read(struct form *form, struct request *request, struct response *response, bool in_query)
{
    struct error why;

    *form = (struct form){ .request = request, .response = response, .in_query = in_query };
    if (request->body_length == 0)
        return in_query ? 0
                        : response_detail(response, 400,
                                          "there is no body: send a JSON object as "
                                          "application/json");
    if (!form_is_json(request))
        return response_detail(response, 415, "send the body as Content-Type: application/json");
    form->body = json_read(request->body, request->body_length, &why);
    if (form->body == NULL)
        return response_detail(response, 400, "the body is not JSON: %s", why.text);
    if (!json_is_object(form->body))
        return response_detail(response, 422, "the body is JSON, but no object: expected {…}");
    return 0;
}

void
form_free(struct form *form)
{
    json_decref(form->body);
    form->body = NULL;
}

static bool
plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (iscntrl((unsigned char)*text))
            return false;
    return true;
}

static bool
chosen(const char *const *choices, const char *text)
{
    while (*choices != NULL && strcmp(*choices, text) != 0)
        choices++;
    return *choices != NULL;
}

int
form_text(const struct form *form, const struct field *field, const char **text)
{
    const json_t *member = json_object_get(form->body, field->name);
    const char *value = NULL;

    if (member != NULL && !json_is_null(member)) {
        if (!json_is_string(member))
            return response_detail(form->response, 422, "%s: expected a text: %s", field->name,
                                   field->hint);
        value = json_string_value(member);
    } else if (form->in_query) {
        value = request_query(form->request, field->name);
    }
    if ((value == NULL || value[0] == '\0') && field->initial != NULL) {
        *text = field->initial;
        return 0;
    }
    if (value == NULL)
        return response_detail(form->response, 422, "%s is missing: expected %s", field->name,
                               field->hint);
    if (strlen(value) > field->max)
        return response_detail(form->response, 422, "%s: at most %zu bytes are taken, expected %s",
                               field->name, field->max, field->hint);
    if (!plain(value) || value[0] == '\0' ||
        (field->choices != NULL && !chosen(field->choices, value)) ||
        (field->valid != NULL && !field->valid(value)))
        return response_detail(form->response, 422, "%s: '%s' is not what is expected: %s",
                               field->name, value, field->hint);
    *text = arena_copy(&form->request->arena, value, strlen(value));
    return 0;
}

int
form_boolean(const struct form *form, const char *name, bool *value)
{
    const json_t *member = json_object_get(form->body, name);

    if (member != NULL && !json_is_boolean(member) && !json_is_null(member))
        return response_detail(form->response, 422, "%s: expected true or false", name);
    *value = json_is_true(member);
    return 0;
}
