/* verify: compares the cache with what the Hub has at this moment. */
#ifndef VERIFY_H
#define VERIFY_H

#include "pull.h"

#include <stdio.h>

/* Compares one dataset, printing a line for each difference to `out`. Returns how many differences
 * there are, or -1 with `why` when the Hub or the database could not be read. What lies in the
 * outbox is no difference. */
long verify_dataset(const struct pull *pull, enum dataset dataset, FILE *out, struct error *why);

#endif
