/* report.h - summaries of dirty sets, written as text, JSON or CSV.
 *
 * Inside the project only; ww_report() is the public face. A summary copies
 * what it needs: the dirty sets, their regions and their tracker may go before
 * it is written. All through the public header, so that the tool can link this
 * beside the shared library. One thread at a time for each summary. */
#ifndef WW_SUMMARY_H
#define WW_SUMMARY_H

#include "writewatch.h"

typedef struct ww_summary ww_summary;

/* Begin a summary. `title` is copied, and may be NULL.
 * -EINVAL summary is NULL; -ENOMEM */
int ww_summary_create(ww_summary **summary, const char *title);

/* Add an epoch. Costs a few bytes a run, and a bounded amount for the writers:
 * those of the first 65,536 stacks are kept apart, the others counted together.
 * -EINVAL an argument is NULL, or a run lies outside its region
 * -EOVERFLOW more than 2^31 epochs or regions
 * -ENOMEM On failure nothing of the dirty set is counted. */
int ww_summary_add(ww_summary *summary, const ww_dirty *dirty);

/* Remember a fact about the whole, shown in every format; a key that is given
 * again changes its value. Both are copied.
 * -EINVAL an argument is NULL; -ENOMEM */
int ww_summary_note(ww_summary *summary, const char *key, const char *value);

/* Write all of it; may be done any number of times. Symbols are looked up now,
 * in the process that calls. Text suits the terminal that fd is. A descriptor
 * that does not block is waited for. SIGPIPE is the caller's affair: ignore it
 * to get -EPIPE.
 * -EINVAL an argument is NULL or the format is unknown
 * -ENOMEM, or the negative errno of write(2): part may have been written */
int ww_summary_write(ww_summary *summary, int fd, enum ww_format format);

void ww_summary_free(ww_summary *summary);  /* NULL is allowed */

#endif
