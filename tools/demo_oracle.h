/* demo_oracle.h - a second opinion on which pages were written: the kernel's,
 * which knows nothing of the library. Content alone cannot give it, for a page
 * may be written with the bytes that it already holds. */
#ifndef WW_DEMO_ORACLE_H
#define WW_DEMO_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

struct demo_oracle;

/* A stretch of memory that is watched. */
struct demo_stretch {
  const char    *name;
  unsigned char *address;
  size_t         pages;
  unsigned char *written;  /* [pages], set by demo_oracle_take(): not 0 where written */
};

/* Watch `stretches`, all of whose pages have been touched; they must stay. The
 * best that the kernel permits: PAGEMAP_SCAN with asynchronous write protection
 * (Linux 6.7), soft-dirty bits, or none. `wanted` (may be NULL) names one and no
 * other is tried: "pagemap-scan", "soft-dirty", "content". 0 or a negative errno:
 * -ENOTSUP if the wanted one is not to be had. */
int demo_oracle_create(struct demo_oracle **oracle, const char *wanted, size_t page_size,
                       struct demo_stretch *stretches, size_t count);
/* Fill `written` with what was written since the last call, and begin anew. */
int demo_oracle_take(struct demo_oracle *oracle);
/* "content" means that there is none, and that `written` is never filled. */
const char *demo_oracle_name(const struct demo_oracle *oracle);
bool demo_oracle_knows(const struct demo_oracle *oracle);
void demo_oracle_destroy(struct demo_oracle *oracle);  /* NULL is allowed */

#endif
