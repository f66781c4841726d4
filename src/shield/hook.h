/* hook.h - not for handlers. Calls of libc's functions that are led to ours. */
#ifndef WW_SHIELD_HOOK_H
#define WW_SHIELD_HOOK_H

#include <stddef.h>

/* A function of libc's, ours that stands for it, and where libc's is found from then on. */
struct hook { const char *name; void *ours; void **real; };

/* In all objects that are loaded now. What is left as it was works as before: objects that are
 * loaded later, a function that somebody else stands in front of already. */
void hook_install(const struct hook *hooks, size_t count);

#endif
