/* fork.h - the list of all trackers, and what fork() does to them. */
#ifndef WW_FORK_H
#define WW_FORK_H

#include "tracker.h"

/* Add to and take from the list; the first to come installs the signal handler, the
 * last to go restores the action that it found. 0 or -ENOMEM. */
int fork_enlist(struct ww_tracker *tracker);
void fork_delist(struct ww_tracker *tracker);
/* Hold all trackers still: no epoch ends, no region comes or goes. Signals are held off. */
void fork_hold(void);
void fork_release(void);
/* The list of them, by `next`; meanwhile. */
struct ww_tracker *fork_first(void);
/* Around a call that makes a process with a copy of our memory, beside what fork() itself calls:
 * before it, and after it in either process. Of these three two are used each time. For the shield's
 * handler too; not by a thread that holds one of our locks. */
void fork_before(void);
void fork_in_parent(void);
void fork_in_child(void);
/* The same, but for fork_child_hook: a bare clone(2), of which libc knows nothing. */
void fork_in_bare_child(void);
/* Called in the child at the very end, if it is set: with no lock held, and the child's trackers as they
 * are to be. */
extern void (*_Atomic fork_child_hook)(void);
/* See to it that our handler is in front. */
void fork_refront(void);
/* Mappings that the started trackers may still add. Takes the lock of the list: hold no tracker's. */
long fork_mappings_promised(void);

#endif
