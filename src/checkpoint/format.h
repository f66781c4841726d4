/* format.h - a checkpoint file, as writewatch-chain(5) has it byte by byte.
 *
 * header | blocks, back to back | regions | block entries | spans | trailer
 *
 * Every byte is covered: blocks by the sums in their entries, the three tables by one in the trailer, header
 * and trailer by the trailer's last 16 bytes. */
#ifndef WW_CHECKPOINT_FORMAT_H
#define WW_CHECKPOINT_FORMAT_H

#include "pagehash.h"

#include <stdint.h>

#define FORMAT_MAGIC     "WWCHAIN\n"
#define FORMAT_END_MAGIC "WWCHEND\n"

enum {
  FORMAT_VERSION = 1,
  FORMAT_ORDER = 0x01020304,
  BLOCK_MAX = 1 << 20,       /* bytes of a block, decoded or stored */
  BLOCK_USUAL = 1 << 18,     /* of those that are written: they stay in the second cache */
};
#define GENERATION_MAX 999999999999u   /* twelve digits: the files' names */

struct file_header {
  char     magic[8];
  uint32_t version;
  uint32_t order;            /* FORMAT_ORDER, as the host stores it */
  uint64_t generation;
  uint64_t parent;           /* 0: a full image */
  struct page_hash identity;  /* random, kept when the file is made a full image */
  struct page_hash parent_identity;
  uint64_t time;             /* nanoseconds since 1970 */
  uint64_t label;
  uint64_t next_id;          /* no region has had this id or a higher one */
  uint64_t reserved[5];      /* 0 */
};

struct file_region {
  uint64_t id;               /* ascending */
  uint64_t address, length, page_size;
  char     name[64];         /* ended by a NUL, and NULs behind it */
  uint64_t reserved[4];
};

enum { CONTENT_PAGES = 1, CONTENT_PATCHES = 2, CONTENT_ZEROS = 3 };
enum { ENCODING_RAW = 0, ENCODING_ZSTD = 1 };

struct file_block {
  uint32_t region;           /* index of its region in the table */
  uint16_t content, encoding;
  uint32_t spans;            /* of the span table, following those of the block before */
  uint32_t raw, stored;      /* bytes, decoded and in the file */
  uint32_t reserved;
  uint64_t offset;           /* of the stored bytes; 0 if there are none */
  struct page_hash sum;       /* of the stored bytes */
};

struct file_span { uint32_t first, count; };   /* units of 4,096 bytes of the region */

struct file_trailer {
  uint64_t tables;           /* offset */
  uint64_t regions, blocks, spans;
  struct page_hash tables_sum;
  uint64_t length;           /* of the file */
  char     magic[8];
  struct page_hash sum;       /* of the header, and this up to here */
};

_Static_assert(sizeof(struct file_header) == 128, "format");
_Static_assert(sizeof(struct file_region) == 128, "format");
_Static_assert(sizeof(struct file_block) == 48, "format");
_Static_assert(sizeof(struct file_span) == 8, "format");
_Static_assert(sizeof(struct file_trailer) == 80, "format");

#endif
