/* image.h - a checkpoint file as it is read: nothing of it is believed before it is checked. */
#ifndef WW_CHECKPOINT_IMAGE_H
#define WW_CHECKPOINT_IMAGE_H

#include "format.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROBLEM = 200 };

/* Its tables, checked: every number in them lies within its bounds. Blocks are not looked at. */
struct image {
  struct file_header header;
  uint64_t length;           /* of the file */
  dev_t    device;
  ino_t    inode;
  void    *tables;           /* a mapping: what the kernel writes to must not be watched memory */
  size_t   tables_size;
  const struct file_region *region;
  const struct file_block  *block;
  const struct file_span   *span;
  size_t   regions, blocks, spans;
};

/* Buffers for blocks. */
struct decoder;

/* -EBADMSG, -EIO: it is damaged, and `problem' says how; -ENOENT; or another error, of the machine. */
int image_open(int directory, uint64_t generation, struct image **image, char problem[PROBLEM]);
void image_free(struct image *image);
/* A descriptor to read blocks from. -EBADMSG: it is another file by now. */
int image_file(const struct image *image, int directory, char problem[PROBLEM]);
/* Is this damage, and not a want of memory, descriptors, permission? */
bool image_is_damage(int error);

struct decoder *decoder_create(void);
void decoder_free(struct decoder *decoder);
/* The block's decoded bytes, which are whole units, or as many sound patches as it has units. With
 * `into' (block->raw bytes) they may be put there; *bytes is where they are. */
int decoder_read(struct decoder *decoder, const struct image *image, int file, const struct file_block *block,
                 size_t units, void *into, const unsigned char **bytes, char problem[PROBLEM]);

static inline uint64_t
region_units(const struct file_region *region)
{
  return region->length / 4096;
}

#endif
