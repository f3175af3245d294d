#include "frontier.h"

#include "entries.h"
#include "json.h"

#include <math.h>

/* Takes the rows that count in the order of x. The board has it with the highest first, so that
 * rows of one x come in their order when each such run is taken from its beginning. */
static void
points_take(struct frontier *frontier, const struct board *board, const uint8_t *wanted,
            uint32_t *point)
{
    const double *x = frontier->x->numbers, *y = frontier->y->numbers;
    const uint32_t *order = frontier->x->order;
    size_t end = entries_counted(board, frontier->x);

    while (end > 0) {
        size_t first = end - 1;
        while (first > 0 && x[order[first - 1]] == x[order[end - 1]])
            first--;
        for (size_t i = first; i < end; i++)
            if (wanted[order[i]] && x[order[i]] > 0 && !isnan(y[order[i]]))
                point[frontier->points++] = order[i];
        end = first;
    }
}

void
frontier_find(struct frontier *frontier, const struct board *board, const uint32_t *rows,
              size_t count, struct arena *arena)
{
    uint8_t *wanted = arena_zero(arena, board->rows, 1);
    uint32_t *point = arena_zero(arena, count, sizeof *point);
    uint32_t *row = arena_zero(arena, count, sizeof *row);
    const double *x = frontier->x->numbers, *y = frontier->y->numbers;
    double reached = (double)-INFINITY;

    *frontier = (struct frontier){ .x = frontier->x, .y = frontier->y, .point = point, .row = row };
    for (size_t i = 0; i < count; i++)
        wanted[rows[i]] = 1;
    points_take(frontier, board, wanted, point);
    frontier->left_out = count - frontier->points;
    for (size_t first = 0, end; first < frontier->points; first = end) {
        double highest = y[point[first]];
        for (end = first; end < frontier->points && x[point[end]] == x[point[first]]; end++)
            highest = fmax(highest, y[point[end]]);
        for (size_t i = first; i < end && highest > reached; i++)
            if (y[point[i]] == highest)
                row[frontier->count++] = point[i];
        reached = fmax(reached, highest);
    }
}

static void
put_list(struct buf *out, const char *key, const struct board_column *column,
         const struct frontier *frontier)
{
    json_put_key(out, key);
    buf_byte(out, '[');
    for (size_t i = 0; i < frontier->points; i++) {
        if (i != 0)
            buf_byte(out, ',');
        entries_put_value(out, column, frontier->point[i]);
    }
    buf_byte(out, ']');
}

void
frontier_put(struct buf *out, const struct board *board, const struct frontier *frontier, bool all)
{
    const struct board_column *name = entries_texts(board, "name");

    json_put_text_member(out, "x", frontier->x->key);
    json_put_text_member(out, "y", frontier->y->key);
    json_put_key(out, "frontier");
    buf_byte(out, '[');
    for (size_t i = 0; i < frontier->count; i++) {
        size_t row = frontier->row[i];
        buf_text(out, i == 0 ? "{" : ",{");
        entries_put_member(out, "name", name, row);
        entries_put_member(out, "precision", entries_texts(board, "precision"), row);
        entries_put_member(out, "x", frontier->x, row);
        entries_put_member(out, "y", frontier->y, row);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    json_put_integer_member(out, "points", (int64_t)frontier->points);
    json_put_integer_member(out, "left_out", (int64_t)frontier->left_out);
    if (!all)
        return;
    json_put_key(out, "all");
    buf_byte(out, '{');
    put_list(out, "x", frontier->x, frontier);
    put_list(out, "y", frontier->y, frontier);
    put_list(out, "name", name, frontier);
    buf_byte(out, '}');
}
