/* packer.h - units of one region, gathered into blocks. */
#ifndef WW_CHECKPOINT_PACKER_H
#define WW_CHECKPOINT_PACKER_H

#include "writer.h"

struct packer;

struct packer *packer_create(void);   /* NULL: no memory */
void packer_free(struct packer *packer);
/* What is added from here on belongs to this region. */
int packer_begin(struct packer *packer, struct writer *writer, const struct file_region *region);
/* Units by ascending number, each once, of whatever kind. */
int packer_pages(struct packer *packer, uint64_t first, uint64_t count, const unsigned char *bytes);
int packer_patch(struct packer *packer, uint64_t unit, const unsigned char *patch, size_t length);
int packer_zeros(struct packer *packer, uint64_t first, uint64_t count);
int packer_end(struct packer *packer);

#endif
