/* residence.h - the companion's: which pages of new memory hold something. */
#ifndef WW_RECORD_RESIDENCE_H
#define WW_RECORD_RESIDENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Is there anything of the process's own in the page: in core, or swapped out? */
bool residence_of(uintptr_t page);
/* Memory that is watched since a moment ago: what it holds was written since the epoch began. `shared`: it
 * may be a file's or another process's. `rooted`: its first page was made present by us, so it counts only if it
 * is not zero. */
void residence_declare(uintptr_t start, uintptr_t end, bool shared, bool rooted);

#endif
