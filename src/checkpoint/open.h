/* open.h - a chain that is open: whose it is, what the next checkpoint is based on. */
#ifndef WW_CHECKPOINT_OPEN_H
#define WW_CHECKPOINT_OPEN_H

#include "chain.h"
#include "format.h"

/* Another process has it, or a checkpoint is under way: -EPERM, -EALREADY. With the lock held. */
int chain_may_read(const ww_chain *chain);
struct slot_keeping chain_keeping(const ww_chain *chain);
/* The next checkpoint is a delta to this one. Takes what is in `slots'. */
void chain_goes_on(ww_chain *chain, const struct file_header *header, struct slots *slots);

int restore(ww_chain *chain, const struct ww_restore_options *options, struct ww_restore_info *info);
/* -EBADMSG: one at least is not sound, if `blocks' are looked at. */
int inventory(ww_chain *chain, bool blocks, ww_chain_each *each, void *context);
int inventory_regions(ww_chain *chain, uint64_t generation, ww_chain_each_region *each, void *context);
/* To the last `keep' of the line that ends with `newest' (0: with the newest that is sound). Takes
 * files_lock. */
int compact(ww_chain *chain, uint64_t newest, unsigned keep);

/* The program's signals are none of the thread's; those of a fault stay open, or a fault on watched memory
 * would kill. 0 or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

/* What follows a commit. */
void hook_run(ww_chain *chain, const struct ww_checkpoint_info *info);
void tend(ww_chain *chain);
void tend_end(ww_chain *chain);

#endif
