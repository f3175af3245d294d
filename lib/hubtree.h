/* hubtree: lists of entries, as the local Hub's tree and paths-info calls answer them.
 *
 * Both functions answer a call whose revision has been found, and return its status. */
#ifndef HUBTREE_H
#define HUBTREE_H

#include "hubcall.h"

/* GET …/tree/{rev}[/{path*}]?recursive&expand&limit&cursor: one page, with a Link to the next. */
int hubtree_list(struct hubcall *call);

/* POST …/paths-info/{rev}, as JSON or as a form: those of the paths that there are. */
int hubtree_paths(struct hubcall *call);

#endif
