/* assets.h - the files of this folder that the page is made of, as the build turned them into text. */
#ifndef WW_HTML_ASSETS_H
#define WW_HTML_ASSETS_H

#include <stddef.h>

/* Each in pieces, ended by NULL: a string of C has an end. */
extern const char *const html_style[];
extern const char *const html_body[];
extern const char *const html_script[];

#endif
