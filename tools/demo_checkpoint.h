/* demo_checkpoint.h - a workload that saves itself into a chain, and goes on from there. */
#ifndef WW_DEMO_CHECKPOINT_H
#define WW_DEMO_CHECKPOINT_H

#include "demo_options.h"
#include "demo_verify.h"
#include "status.h"

/* NULL: neither --checkpoint nor --resume was given; then all of these do nothing. */
struct demo_checkpoint;

/* Opens the chain. With --resume the run gets what it had been started with. */
enum status demo_checkpoint_open(struct demo_checkpoint **checkpoint, const struct demo_options *options,
                                 struct workload_run *run);
/* Memory for the next region, where it was if it is resumed; NULL after a message. */
void *demo_checkpoint_memory(struct demo_checkpoint *checkpoint, const char *name, size_t length);
/* A region more: what of the workload's state lies outside of its memory. After setup. */
enum status demo_checkpoint_prepare(struct demo_checkpoint *checkpoint, struct demo_part *part);
/* With --resume: memory and state as they were. Before tracking starts. */
enum status demo_checkpoint_restore(struct demo_checkpoint *checkpoint, const struct demo_part *parts,
                                    size_t count);
/* The epochs that had been done. */
unsigned demo_checkpoint_done(const struct demo_checkpoint *checkpoint);
/* Before the collect of an epoch, */
void demo_checkpoint_note(struct demo_checkpoint *checkpoint, unsigned epoch);
/* and behind it. */
enum status demo_checkpoint_epoch(struct demo_checkpoint *checkpoint, ww_tracker *tracker,
                                  const ww_dirty *dirty,
                                  unsigned epoch);
/* What all memory and state is, in 128 bits, for who compares two runs; and how the chain fared. */
void demo_checkpoint_describe(struct demo_checkpoint *checkpoint, const struct demo_part *parts, size_t count,
                              char *text, size_t size);
void demo_checkpoint_close(struct demo_checkpoint *checkpoint);

#endif
