/* verdict.h - what became of a row, told by the child that ran it to its parent. */
#ifndef WW_TEST_VERDICT_H
#define WW_TEST_VERDICT_H

#include <stdbool.h>

enum outcome_kind { CAME_OUT_RIGHT, CAME_OUT_WRONG, CANNOT_BE_HERE };

/* Runs `body` in a child, for at most `seconds`. What it said went wrong, or why it
 * cannot be here, is in *text, which is static. */
enum outcome_kind verdict_of(void (*body)(void *), void *argument, unsigned seconds, const char **text);

#endif
