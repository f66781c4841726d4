/* content.h - what a region holds in a checkpoint: which of its ancestors has the last word on each unit. */
#ifndef WW_CHECKPOINT_CONTENT_H
#define WW_CHECKPOINT_CONTENT_H

#include "shelf.h"
#include "slot.h"

struct content {
  const struct line *line;
  int                directory;
  const struct file_region *region;  /* of the line's last */
  uint64_t           units;
  uint64_t           reach;          /* units that any image so far had, `units' at most */
  unsigned char     *some;           /* [units / CONTENT_STRETCH] not 0: files have something of it */
  uint32_t          *base;           /* [units] 1 + index of the last image that has it whole, or BASE_ZERO */
};

/* Units of a stretch: what files have nothing of is passed over so much at a time. */
enum { CONTENT_STRETCH = 4096 };
bool content_has(const struct content *content, uint64_t unit);

/* -ENOMEM. `region' is one of the line's last image. */
int  content_open(struct content *content, const struct line *line, int directory,
                  const struct file_region *region);
void content_close(struct content *content);

/* Where the units go. */
struct content_target {
  unsigned char *memory;             /* of `first' on, or NULL: all is read and checked, no more */
  bool           fresh;              /* it is zeroed, and nobody looks at it before all has gone well */
  struct slot   *slot;               /* remembers what the units hold, or NULL */
  _Atomic uint64_t *done;            /* counts bytes, or NULL */
  uint64_t       read;               /* bytes of files, added to */
};
/* Units first .. end - 1. -EBADMSG, -EIO: damage, which `problem' tells, and *culprit, index in the line. */
int content_read(const struct content *content, struct decoder *decoder, uint64_t first, uint64_t end,
                 struct content_target *target, size_t *culprit, char problem[PROBLEM]);

#endif
