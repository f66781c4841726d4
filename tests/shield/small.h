/* small.h - a shield of signals only: traps the calls that src/shield/mask.h and src/sigchain.h make
 * in the program's stead, for where WW_SHIELD is refused. */
#ifndef WW_SMALL_H
#define WW_SMALL_H

/* From here on, for good. NULL, or what kept it from being. */
const char *small_shield(void);

#endif
