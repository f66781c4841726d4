/* demangle.h - names as their language has them. */
#ifndef WW_NAMES_DEMANGLE_H
#define WW_NAMES_DEMANGLE_H

/* C++, Rust (both ways), D, or what a linker added; else a copy. To be freed; NULL: no memory. */
char *demangle(const char *name);

#endif
