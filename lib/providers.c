#include "providers.h"

#include <string.h>

bool
providers_load(struct db *db, struct providers *providers, struct arena *arena, struct error *why)
{
    sqlite3_stmt *row = db_query(db, SQL_PROVIDER_LIST, DB_NULL);
    struct error failure;
    size_t capacity = 0;

    *providers = (struct providers){ 0 };
    while (db_next(db, row, &failure)) {
        if (providers->count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            const char **names = arena_zero(arena, capacity, sizeof *names);
            if (providers->count != 0)
                memcpy(names, providers->names, providers->count * sizeof *names);
            providers->names = names;
        }
        const char *name = db_column_text(row, 0);
        providers->names[providers->count++] = arena_copy(arena, name, strlen(name));
    }
    if (failure.text[0] != '\0')
        *why = failure;
    return failure.text[0] == '\0';
}
