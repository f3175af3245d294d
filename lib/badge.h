/* badge: a small picture of two texts, for a README, as SVG.
 *
 * It has no style sheet, no script and no ids, so that it shows under the strictest content policy
 * and several may stand in one page. Texts come from strangers: they are escaped, control
 * characters become spaces, and what is longer than BADGE_TEXT characters ends in "…". */
#ifndef BADGE_H
#define BADGE_H

#include "buf.h"

enum { BADGE_TEXT = 64 };

struct badge {
    const char *title; /* what is read out in its place */
    const char *label; /* left, on grey */
    const char *value; /* right, on the colour */
    const char *colour;
};

/* The colour of a percentile: from green (90 and more) by steps to orange (below 25); grey for NaN.
 * White text on each has a contrast of 4.5 or more. */
const char *badge_colour(double percentile);

/* Appends the picture. All texts are valid UTF-8. */
void badge_put(struct buf *out, const struct badge *badge);

#endif
