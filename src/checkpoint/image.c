/* image.c - a checkpoint file as it is read: nothing of it is believed before it is checked. */
#include "config.h"
#include "image.h"

#include "disk.h"
#include "slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRONG(...) (snprintf(problem, PROBLEM, __VA_ARGS__), -EBADMSG)

bool
image_is_damage(int error)
{
  return error == -EBADMSG || error == -EIO || error == -ENOENT;
}

static int
read_error(int error, char problem[PROBLEM])
{
  if (error == -EBADMSG)
    return WRONG("the file is shorter than it was");
  snprintf(problem, PROBLEM, "cannot be read: %s", strerror(-error));
  return error;
}

/* ------------------------------------------------------------------- tables */

static bool
all_zero(const uint64_t *words, size_t count)
{
  while (count > 0)
    if (words[--count] != 0)
      return false;
  return true;
}

static int
check_ends(const struct image *image, uint64_t generation, const struct file_trailer *trailer,
           char problem[PROBLEM])
{
  const struct file_header *header = &image->header;
  unsigned char ends[sizeof *header + offsetof(struct file_trailer, sum)];

  if (memcmp(header->magic, FORMAT_MAGIC, sizeof header->magic) != 0)
    return WRONG("it does not begin like a checkpoint");
  if (header->order == __builtin_bswap32(FORMAT_ORDER))
    return WRONG("it was made on a machine of the other byte order");
  if (header->version != FORMAT_VERSION && header->order == FORMAT_ORDER)
    return WRONG("it is of format version %u, and this library knows %d", header->version, FORMAT_VERSION);
  if (memcmp(trailer->magic, FORMAT_END_MAGIC, sizeof trailer->magic) != 0)
    return WRONG("it does not end like a checkpoint: torn, or cut off");
  memcpy(ends, header, sizeof *header);
  memcpy(ends + sizeof *header, trailer, offsetof(struct file_trailer, sum));
  if (!page_hash_equal(page_hash(ends, sizeof ends), trailer->sum))
    return WRONG("the checksum of its header does not fit");
  if (header->order != FORMAT_ORDER || trailer->length != image->length)
    return WRONG("it is %llu bytes long, and says %llu", (unsigned long long)image->length,
                 (unsigned long long)trailer->length);
  if (header->generation != generation)
    return WRONG("it is generation %llu under a wrong name", (unsigned long long)header->generation);
  if (header->parent >= generation || !all_zero(header->reserved, 5))
    return WRONG("its header is not one: parent %llu", (unsigned long long)header->parent);
  return 0;
}

/* Whether the tables' sizes add up; no product or sum may wrap. */
static int
check_sizes(const struct image *image, const struct file_trailer *trailer, char problem[PROBLEM])
{
  uint64_t end = image->length - sizeof *trailer, room = end - trailer->tables;
  if (trailer->tables < sizeof image->header || trailer->tables > end
      || trailer->regions > room / sizeof *image->region || trailer->blocks > room / sizeof *image->block
      || trailer->spans > room / sizeof *image->span || trailer->regions > UINT32_MAX
      || trailer->regions * sizeof *image->region + trailer->blocks * sizeof *image->block
         + trailer->spans * sizeof *image->span != room)
    return WRONG("its tables do not fill their place");
  return 0;
}

static int
check_region(const struct image *image, size_t index, char problem[PROBLEM])
{
  const struct file_region *region = &image->region[index];
  uint64_t size = region->page_size;
  if (size < UNIT || size & (size - 1) || region->length == 0 || region->length % size
      || region->address % size || region->address + region->length < region->address
      || region->length / UNIT > UINT32_MAX || !all_zero(region->reserved, 4)
      || memchr(region->name, '\0', sizeof region->name) == NULL
      || (index > 0 && region->id <= region[-1].id) || region->id >= image->header.next_id)
    return WRONG("region %zu of its table is none", index);
  return 0;
}

/* What has been seen of a region's blocks. */
struct seen { uint64_t next[CONTENT_ZEROS + 1]; };

static int
check_block(const struct image *image, size_t index, uint64_t *offset, size_t *spans, struct seen *seen,
            char problem[PROBLEM])
{
  const struct file_block *block = &image->block[index];
  uint64_t units = 0;
  if (block->region >= image->regions || block->spans == 0 || block->spans > image->spans - *spans
      || block->reserved || block->content < CONTENT_PAGES || block->content > CONTENT_ZEROS
      || block->encoding > ENCODING_ZSTD || (index > 0 && block->region < block[-1].region))
    return WRONG("block %zu of its table is none", index);
  if (index == 0 || block->region != block[-1].region)
    memset(seen, 0, sizeof *seen);
  for (uint32_t i = 0; i < block->spans; i++) {
    const struct file_span *span = &image->span[*spans + i];
    uint64_t *next = &seen->next[block->content];
    if (span->count == 0 || span->first < *next
        || (uint64_t)span->first + span->count > region_units(&image->region[block->region]))
      return WRONG("block %zu has pages that are not in its region, or not in order", index);
    *next = (uint64_t)span->first + span->count;
    units += span->count;
  }
  *spans += block->spans;
  if (block->content == CONTENT_ZEROS)
    return block->raw || block->stored || block->offset || block->encoding
      ? WRONG("block %zu is not empty", index) : 0;
  if (block->raw == 0 || block->raw > BLOCK_MAX || block->stored == 0 || block->stored > block->raw
      || (block->encoding == ENCODING_RAW) != (block->stored == block->raw) || block->offset != *offset
      || block->stored > image->length - *offset
      || (block->content == CONTENT_PAGES && units * UNIT != block->raw)
      || (block->content == CONTENT_PATCHES && units > block->raw))
    return WRONG("block %zu is not as long as it says, or not where", index);
  *offset += block->stored;
  return 0;
}

static int
check_tables(struct image *image, const struct file_trailer *trailer, char problem[PROBLEM])
{
  uint64_t offset = sizeof image->header;
  size_t spans = 0;
  struct seen seen = { { 0 } };
  int error = 0;
  image->regions = trailer->regions;
  image->blocks = trailer->blocks;
  image->spans = trailer->spans;
  image->region = image->tables;
  image->block = (const void *)(image->region + image->regions);
  image->span = (const void *)(image->block + image->blocks);
  if (!page_hash_equal(page_hash(image->tables, image->tables_size), trailer->tables_sum))
    return WRONG("the checksum of its tables does not fit");
  for (size_t i = 0; i < image->regions && !error; i++)
    error = check_region(image, i, problem);
  for (size_t i = 0; i < image->blocks && !error; i++)
    error = check_block(image, i, &offset, &spans, &seen, problem);
  if (!error && (offset != trailer->tables || spans != image->spans))
    return WRONG("its blocks do not fill their place");
  return error;
}

static int
read_image(struct image *image, int file, uint64_t generation, char problem[PROBLEM])
{
  /* The kernel writes to the stack and to mappings of ours alone: what malloc() gives may be watched. */
  struct file_trailer trailer;
  struct file_header header;
  if (image->length < sizeof header + sizeof trailer)
    return WRONG("it is cut off: %llu bytes are no checkpoint", (unsigned long long)image->length);
  int error = disk_read(file, &header, sizeof header, 0);
  image->header = header;
  if (!error)
    error = disk_read(file, &trailer, sizeof trailer, image->length - sizeof trailer);
  if (error)
    return read_error(error, problem);
  if ((error = check_ends(image, generation, &trailer, problem)) != 0
      || (error = check_sizes(image, &trailer, problem)) != 0)
    return error;
  image->tables_size = image->length - sizeof trailer - trailer.tables;
  if (image->tables_size) {
    void *tables = mmap(NULL, image->tables_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (tables == MAP_FAILED)
      return -ENOMEM;
    image->tables = tables;
    error = disk_read(file, tables, image->tables_size, trailer.tables);
    if (error)
      return read_error(error, problem);
  }
  return check_tables(image, &trailer, problem);
}

/* --------------------------------------------------------------------- file */

int
image_open(int directory, uint64_t generation, struct image **result, char problem[PROBLEM])
{
  char name[DISK_NAME];
  struct stat status;
  struct image *image = calloc(1, sizeof *image);
  if (!image)
    return -ENOMEM;
  disk_name(generation, name);
  uint64_t length;
  int file = disk_open(directory, name, &length), error = file < 0 ? file : 0;
  if (error == -EBADMSG)
    snprintf(problem, PROBLEM, "it is no file");
  else if (error)
    snprintf(problem, PROBLEM, "cannot be opened: %s", strerror(-error));
  if (!error && fstat(file, &status) != 0)
    error = read_error(-errno, problem);
  if (!error) {
    image->length = length;
    image->device = status.st_dev;
    image->inode = status.st_ino;
    error = read_image(image, file, generation, problem);
  }
  if (file >= 0)
    close(file);
  if (error)
    image_free(image);
  else
    *result = image;
  return error;
}

void
image_free(struct image *image)
{
  if (image && image->tables)
    munmap(image->tables, image->tables_size);
  free(image);
}

int
image_file(const struct image *image, int directory, char problem[PROBLEM])
{
  char name[DISK_NAME];
  struct stat status;
  uint64_t length;
  disk_name(image->header.generation, name);
  int file = disk_open(directory, name, &length);
  if (file < 0) {
    snprintf(problem, PROBLEM, "cannot be opened: %s", strerror(-file));
    return file;
  }
  if (fstat(file, &status) == 0 && status.st_dev == image->device && status.st_ino == image->inode
      && length == image->length)
    return file;
  close(file);
  return WRONG("it was changed meanwhile");
}
