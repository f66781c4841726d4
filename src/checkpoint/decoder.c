/* decoder.c - the blocks of a checkpoint file, read, checked and decoded. */
#include "config.h"
#include "image.h"

#include "disk.h"
#include "patch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

struct decoder {
  unsigned char *stored, *raw;   /* [BLOCK_MAX], mappings: the kernel writes to them */
  ZSTD_DCtx *context;
};

static unsigned char *
map_buffer(void)
{
  void *buffer = mmap(NULL, BLOCK_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return buffer == MAP_FAILED ? NULL : buffer;
}

struct decoder *
decoder_create(void)
{
  struct decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder)
    return NULL;
  decoder->stored = map_buffer();
  decoder->raw = map_buffer();
  decoder->context = ZSTD_createDCtx();
  if (decoder->stored && decoder->raw && decoder->context)
    return decoder;
  decoder_free(decoder);
  return NULL;
}

void
decoder_free(struct decoder *decoder)
{
  if (!decoder)
    return;
  if (decoder->stored)
    munmap(decoder->stored, BLOCK_MAX);
  if (decoder->raw)
    munmap(decoder->raw, BLOCK_MAX);
  ZSTD_freeDCtx(decoder->context);
  free(decoder);
}

static int
wrong(const struct image *image, const struct file_block *block, const char *how, char problem[PROBLEM])
{
  snprintf(problem, PROBLEM, "block %zu, %u bytes at offset %llu: %s", (size_t)(block - image->block),
           block->stored, (unsigned long long)block->offset, how);
  return -EBADMSG;
}

static bool
are_patches(const unsigned char *bytes, size_t length, size_t units)
{
  size_t at = 0;
  for (; units > 0; units--) {
    size_t patch = patch_length(bytes + at, length - at);
    if (patch == 0)
      return false;
    at += patch;
  }
  return at == length;
}

int
decoder_read(struct decoder *decoder, const struct image *image, int file, const struct file_block *block,
             size_t units, void *into, const unsigned char **bytes, char problem[PROBLEM])
{
  bool raw = block->encoding == ENCODING_RAW;
  unsigned char *stored = raw && into ? into : decoder->stored;
  int error = disk_read(file, stored, block->stored, block->offset);
  if (error == -EBADMSG)
    return wrong(image, block, "the file ends before", problem);
  if (error) {
    wrong(image, block, strerror(-error), problem);
    return error;
  }
  if (!page_hash_equal(page_hash(stored, block->stored), block->sum))
    return wrong(image, block, "its checksum does not fit", problem);
  if (!raw) {
    unsigned char *decoded = into ? into : decoder->raw;
    size_t length = ZSTD_decompressDCtx(decoder->context, decoded, block->raw, stored, block->stored);
    if (ZSTD_isError(length) || length != block->raw)
      return wrong(image, block, "it cannot be unpacked", problem);
    stored = decoded;
  }
  if (block->content == CONTENT_PATCHES && !are_patches(stored, block->raw, units))
    return wrong(image, block, "its patches are none", problem);
  *bytes = stored;
  return 0;
}
