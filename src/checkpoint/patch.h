/* patch.h - what changed in a unit: runs of bytes and where they go. */
#ifndef WW_CHECKPOINT_PATCH_H
#define WW_CHECKPOINT_PATCH_H

#include <stddef.h>

/* A patch that would be longer is not worth it: the unit is saved as a whole. */
enum { PATCH_MAX = 3072 };

/* Bytes written to `patch', of PATCH_MAX at most; 0: it would be longer. `old' and `new' differ. */
size_t patch_make(const unsigned char *old, const unsigned char *new, unsigned char *patch);
/* Bytes of the patch at `patch', of which `room' are there; 0: it is none, or cut off. */
size_t patch_length(const unsigned char *patch, size_t room);
/* Apply a patch that patch_length() has accepted. */
void patch_apply(const unsigned char *patch, unsigned char *unit);

#endif
