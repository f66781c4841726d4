/* shield.h - system calls of the program that write to watched memory succeed. */
#ifndef WW_SHIELD_H
#define WW_SHIELD_H

#include "shield/call.h"
#include "shield/table.h"
#include "loan.h"

#include <signal.h>

/* Can there be a shield? With a sentence for ww_last_error(). Not for handlers. */
int shield_prepare(void);
/* Watch the calls that may write to the region, or to a file that it shows, from now until the
 * process ends. */
int shield_cover(const struct ww_region *region);
/* The same for any region that there will ever be within [start, end), and for files: for whoever adds
 * regions from where no filter can be added (record/companion.c). Nothing has touched the program's
 * heap if shield_prepare_apart() came first. */
void shield_prepare_apart(void);
int shield_cover_range(uintptr_t start, uintptr_t end, bool files);
bool shield_covers(uintptr_t start, uintptr_t end);
/* System calls that were trapped, and those of them that the table does not know. */
uint64_t shield_calls(void);
uint64_t shield_unknown_calls(void);

/* The rest is async-signal-safe. */

void shield_handler(int signal, siginfo_t *info, void *context);

/* Ranges of one call; more than there are places for are joined. */
enum { SHIELD_RANGES = 32 };
struct ranges { struct range range[SHIELD_RANGES]; size_t count; };
void ranges_add(struct ranges *ranges, uintptr_t start, size_t length);
/* What an `out` of a row means, for these arguments. */
void ranges_add_out(struct ranges *ranges, const struct call *call, const struct out *out);
void ranges_add_vector(struct ranges *ranges, uintptr_t vector, size_t count);

/* The program's own mask, which never has SIGSEGV or SIGSYS in it, from here on. */
void shield_open_signals(const struct call *call);
/* Make the call with the ranges lent, and the program's own signal mask unless it is prompt. */
long shield_lend(struct call *call, const struct ranges *ranges, bool prompt, long (*serve)(struct call *));

#endif
