/* content.c - what a region holds in a checkpoint: which of its ancestors has the last word on each unit. */
#include "config.h"
#include "content.h"

#include "chain.h"
#include "patch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* In `base': from the image of this number on it is zeros, until another has it. */
#define BASE_ZERO ((uint32_t)1 << 31)

static const struct file_region *
find_region(const struct image *image, uint64_t id, size_t *index)
{
  size_t low = 0, high = image->regions;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (image->region[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  *index = low;
  return low < image->regions && image->region[low].id == id ? &image->region[low] : NULL;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

bool
content_has(const struct content *content, uint64_t unit)
{
  return content->some[unit / CONTENT_STRETCH] != 0;
}

static void
note_some(struct content *content, const struct file_span *span)
{
  uint64_t end = least((uint64_t)span->first + span->count, content->units);
  for (uint64_t unit = span->first; unit < end; unit = (unit / CONTENT_STRETCH + 1) * CONTENT_STRETCH)
    content->some[unit / CONTENT_STRETCH] = 1;
}

/* What image `number' - 1 says of the units. */
static void
overlay(struct content *content, uint32_t number)
{
  const struct image *image = content->line->image[number - 1];
  size_t index;
  const struct file_region *region = find_region(image, content->region->id, &index);
  const struct file_span *span = image->span;

  /* What the region did not have then is zeros, whatever it held before. */
  uint64_t reach = content->reach, had = region ? least(region_units(region), content->units) : 0;
  for (uint64_t unit = had; unit < reach; unit++)
    content->base[unit] = number | BASE_ZERO;
  if (had > reach)
    content->reach = had;
  if (!region)
    return;
  for (size_t i = 0; i < image->blocks; span += image->block[i++].spans)
    for (uint32_t j = 0; j < image->block[i].spans; j++) {
      const struct file_block *block = &image->block[i];
      if (block->region != index)
        continue;
      if (block->content != CONTENT_ZEROS)
        note_some(content, &span[j]);
      if (block->content == CONTENT_PATCHES)
        continue;
      /* Zeros where nothing was are what is there anyway, however many they are said to be. */
      uint64_t most = block->content == CONTENT_ZEROS ? reach : content->units;
      uint32_t word = block->content == CONTENT_ZEROS ? number | BASE_ZERO : number;
      for (uint64_t unit = span[j].first, end = least(unit + span[j].count, most); unit < end; unit++)
        content->base[unit] = word;
    }
}

int
content_open(struct content *content, const struct line *line, int directory,
             const struct file_region *region)
{
  *content = (struct content){ line, directory, region, region_units(region), 0, NULL, NULL };
  if (line->count >= BASE_ZERO)
    return chain_error(-ENOMEM, "a chain of %zu checkpoints", line->count);
  void *base = mmap(NULL, content->units * sizeof *content->base, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED)
    return chain_error(-ENOMEM, "no memory to look up %llu pages of region \"%s\"",
                       (unsigned long long)content->units, region->name);
  content->base = base;
  content->some = calloc(1, content->units / CONTENT_STRETCH + 1);
  if (!content->some)
    return chain_error(-ENOMEM, "no memory to look up region \"%s\"", region->name);
  for (uint32_t number = 1; number <= line->count; number++)
    overlay(content, number);
  return 0;
}

void
content_close(struct content *content)
{
  if (content->base)
    munmap(content->base, content->units * sizeof *content->base);
  content->base = NULL;
  free(content->some);
  content->some = NULL;
}

/* ------------------------------------------------------------------ delivery */

struct delivery {
  const struct content  *content;
  struct content_target *target;
  uint64_t first, end;
  uint32_t number;           /* of the image, from 1 */
};

/* Does this image's word on the unit count? */
static bool
is_live(const struct delivery *delivery, unsigned what, uint64_t unit)
{
  uint32_t base = delivery->content->base[unit];
  return what == CONTENT_PAGES ? base == delivery->number : delivery->number > (base & ~BASE_ZERO);
}

/* `bytes' NULL: zeros. */
static void
remember(struct slot *slot, uint64_t unit, const void *bytes)
{
  struct page_hash sum = { 0, 0 };
  if (!slot)
    return;
  if (bytes && unit_is_zero(bytes))
    bytes = NULL;
  if (bytes && slot->sum)
    sum = page_hash(bytes, UNIT);
  slot_know(slot, unit, bytes, sum);
}

static unsigned char *
place_of(const struct delivery *delivery, uint64_t unit)
{
  return delivery->target->memory + (unit - delivery->first) * UNIT;
}

static void
deliver_pages(const struct delivery *delivery, const struct file_span *span, const unsigned char *bytes)
{
  uint64_t end = least((uint64_t)span->first + span->count, delivery->end);
  for (uint64_t unit = span->first, from; unit < end; ) {
    if (unit < delivery->first || !is_live(delivery, CONTENT_PAGES, unit)) {
      unit++;
      continue;
    }
    for (from = unit; unit < end && is_live(delivery, CONTENT_PAGES, unit); unit++)
      remember(delivery->target->slot, unit, bytes + (unit - span->first) * UNIT);
    const unsigned char *source = bytes + (from - span->first) * UNIT;
    if (place_of(delivery, from) != source)
      memcpy(place_of(delivery, from), source, (unit - from) * UNIT);
  }
}

/* Returns what is behind the span's patches. */
static const unsigned char *
deliver_patches(const struct delivery *delivery, const struct file_span *span, const unsigned char *patch)
{
  for (uint64_t unit = span->first; unit < (uint64_t)span->first + span->count; unit++) {
    if (unit >= delivery->first && unit < delivery->end && is_live(delivery, CONTENT_PATCHES, unit)) {
      unsigned char *place = place_of(delivery, unit);
      patch_apply(patch, place);
      remember(delivery->target->slot, unit, place);
    }
    patch += patch_length(patch, BLOCK_MAX);
  }
  return patch;
}

static bool
is_needed(const struct delivery *delivery, const struct file_block *block, const struct file_span *span)
{
  for (uint32_t i = 0; i < block->spans; i++) {
    uint64_t unit = span[i].first > delivery->first ? span[i].first : delivery->first;
    for (uint64_t end = least((uint64_t)span[i].first + span[i].count, delivery->end); unit < end; unit++)
      if (is_live(delivery, block->content, unit))
        return true;
  }
  return false;
}

/* The memory that a block can be read to as it is: nothing but live pages in one run, and nobody looks. */
static unsigned char *
own_place(const struct delivery *delivery, const struct file_block *block, const struct file_span *span)
{
  if (!delivery->target->memory || !delivery->target->fresh || block->content != CONTENT_PAGES
      || block->spans != 1 || span->first < delivery->first
      || (uint64_t)span->first + span->count > delivery->end)
    return NULL;
  for (uint64_t unit = span->first; unit < (uint64_t)span->first + span->count; unit++)
    if (!is_live(delivery, CONTENT_PAGES, unit))
      return NULL;
  return place_of(delivery, span->first);
}

static int
deliver_block(const struct delivery *delivery, struct decoder *decoder, int file,
              const struct file_block *block, const struct file_span *span, char problem[PROBLEM])
{
  const unsigned char *bytes;
  uint64_t units = 0;
  for (uint32_t i = 0; i < block->spans; i++)
    units += span[i].count;
  int error = decoder_read(decoder, delivery->content->line->image[delivery->number - 1], file, block, units,
                           own_place(delivery, block, span), &bytes, problem);
  if (error)
    return error;
  delivery->target->read += block->stored;
  for (uint32_t i = 0; i < block->spans && delivery->target->memory; i++) {
    if (block->content == CONTENT_PAGES) {
      deliver_pages(delivery, &span[i], bytes);
      bytes += (size_t)span[i].count * UNIT;
    } else {
      bytes = deliver_patches(delivery, &span[i], bytes);
    }
  }
  if (delivery->target->done)
    atomic_fetch_add(delivery->target->done, block->raw);
  return 0;
}

static int
deliver_image(const struct delivery *delivery, struct decoder *decoder, char problem[PROBLEM])
{
  const struct content *content = delivery->content;
  const struct image *image = content->line->image[delivery->number - 1];
  const struct file_span *span = image->span;
  size_t index;
  int file = -1, error = 0;
  if (!find_region(image, content->region->id, &index))
    return 0;
  for (size_t i = 0; i < image->blocks && !error; span += image->block[i++].spans) {
    const struct file_block *block = &image->block[i];
    if (block->region > index)
      break;
    if (block->region != index || block->content == CONTENT_ZEROS || !is_needed(delivery, block, span))
      continue;
    if (file < 0 && (file = image_file(image, content->directory, problem)) < 0)
      return file;
    error = deliver_block(delivery, decoder, file, block, span, problem);
  }
  if (file >= 0)
    close(file);
  return error;
}

static void
deliver_zeros(const struct delivery *delivery)
{
  const struct content_target *target = delivery->target;
  if (!target->memory || (target->fresh && !target->slot))
    return;
  for (uint64_t unit = delivery->first; unit < delivery->end; unit++) {
    if (target->fresh && !content_has(delivery->content, unit)) {
      uint64_t next = least((unit / CONTENT_STRETCH + 1) * CONTENT_STRETCH, delivery->end);
      if (target->slot->sum || target->slot->shadow)
        unit_set(target->slot->known, unit, next);
      unit = next - 1;
      continue;
    }
    uint32_t base = delivery->content->base[unit];
    if (base != 0 && !(base & BASE_ZERO))
      continue;
    /* Only looked at: memory that was never written to stays without a page. */
    if (!target->fresh && !unit_is_zero(place_of(delivery, unit)))
      memset(place_of(delivery, unit), 0, UNIT);
    remember(target->slot, unit, NULL);
  }
}

int
content_read(const struct content *content, struct decoder *decoder, uint64_t first, uint64_t end,
             struct content_target *target, size_t *culprit, char problem[PROBLEM])
{
  struct delivery delivery = { content, target, first, end, 1 };
  deliver_zeros(&delivery);
  for (; delivery.number <= content->line->count; delivery.number++) {
    int error = deliver_image(&delivery, decoder, problem);
    if (error) {
      *culprit = delivery.number - 1;
      return error;
    }
  }
  return 0;
}
