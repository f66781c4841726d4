/* checkpoint_work.c - regions taken out of a chain, compared, and the chain made shorter. */
#include "config.h"
#include "checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "output.h"
#include "report-figure.h"

static enum status
write_all(int fd, const char *name, const unsigned char *bytes, size_t length)
{
  while (length > 0) {
    ssize_t put = write(fd, bytes, length < (1 << 30) ? length : (1 << 30));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0) {
      complain("cannot write %s: %s", name, strerror(errno));
      return STATUS_OUTPUT;
    }
    bytes += put;
    length -= (size_t)put;
  }
  return STATUS_OK;
}

/* ------------------------------------------------------------------ extract */

enum status
checkpoint_extract(const struct checkpoint_options *options)
{
  struct checkpoint_image image = { .count = 0 };
  struct output output;
  ww_chain *chain;
  enum status status = output_open(&output, options->output);
  if (status != STATUS_OK)
    return status;
  status = checkpoint_open(options, false, &chain);
  if (status == STATUS_OK) {
    status = checkpoint_load(chain, options->generation, options->operands[0], &image);
    ww_chain_close(chain);
  }
  if (status == STATUS_OK && image.count != 1) {
    complain("%s: checkpoint %" PRIu64 " has %s region '%s': `writewatch checkpoint show' lists them",
             options->directory, image.info.generation, image.count ? "more than one" : "no",
               options->operands[0]);
    status = STATUS_USAGE;
  }
  if (status == STATUS_OK)
    status = write_all(output.fd, output.name, image.piece[0].memory, image.piece[0].length);
  if (status == STATUS_OK)
    status = output_finish(&output);
  output_drop(&output);
  checkpoint_unload(&image);
  return status;
}

/* ------------------------------------------------------------------ restore */

/* A file's name from a region's, which may be anything: no way leads out of the directory. */
static void
file_name(const struct checkpoint_piece *piece, char name[128])
{
  int length = snprintf(name, 128, "%04" PRIu64 "-", piece->id);
  for (const char *at = piece->name; *at && length < 100; at++)
    name[length++] = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9')
                     || *at == '-' || *at == '_' ? *at : '_';
  name[length] = '\0';
}

static enum status
write_piece(int directory, const char *where, const struct checkpoint_piece *piece, const char *name)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", where, name);
  int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) {
    complain("cannot write %s: %s", path, strerror(errno));
    return STATUS_OUTPUT;
  }
  enum status status = write_all(file, path, piece->memory, piece->length);
  if (close(file) != 0 && status == STATUS_OK) {
    complain("cannot write %s: %s", path, strerror(errno));
    status = STATUS_OUTPUT;
  }
  return status;
}

static enum status
write_pieces(const struct checkpoint_options *options, const struct checkpoint_image *image, json_t *table)
{
  int directory = mkdir(options->output, 0777) == 0 ? open(options->output,
                                                           O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  uint64_t done = 0;
  enum status status = STATUS_OK;
  if (directory < 0) {
    complain("cannot make %s: %s", options->output, strerror(errno));
    return STATUS_OUTPUT;
  }
  for (size_t i = 0; i < image->count && status == STATUS_OK; i++) {
    const struct checkpoint_piece *piece = &image->piece[i];
    char name[128];
    file_name(piece, name);
    status = write_piece(directory, options->output, piece, name);
    done += piece->length;
    checkpoint_bar("writing", done, image->info.bytes);
    json_t *text = json_string(piece->name);
    json_array_append_new(table, json_pack("{s:s, s:o, s:I, s:I}", "file", name, "name",
                                           text ? text : json_string("?"), "address",
                                           (json_int_t)(uintptr_t)piece->address, "length",
                                           (json_int_t)piece->length));
    if (!options->json && status == STATUS_OK) {
      checkpoint_bar_end();
      printf("%s/%s  %s, was at %p\n", options->output, name, figure_bytes(piece->length).text,
             piece->address);
    }
  }
  close(directory);
  checkpoint_bar_end();
  return status;
}

enum status
checkpoint_restore(const struct checkpoint_options *options)
{
  struct checkpoint_image image = { .count = 0 };
  ww_chain *chain;
  if (!options->output) {
    complain("checkpoint restore: --output OUT is wanted: a directory that is not there yet");
    return STATUS_USAGE;
  }
  enum status status = checkpoint_open(options, false, &chain);
  if (status != STATUS_OK)
    return status;
  status = checkpoint_load(chain, options->generation, NULL, &image);
  ww_chain_close(chain);
  json_t *table = json_array();
  if (status == STATUS_OK)
    status = write_pieces(options, &image, table);
  if (status == STATUS_OK && options->json)
    status = checkpoint_json(json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:O}", "format",
                                       "writewatch-checkpoint-restore",
      "version", 1, "generation", (json_int_t)image.info.generation, "label", (json_int_t)image.info.label,
      "time", (json_int_t)image.info.time, "skipped", (json_int_t)image.info.skipped, "regions", table));
  else if (status == STATUS_OK)
    printf("checkpoint %" PRIu64 ": %zu region%s, %s\n", image.info.generation, image.count,
           figure_plural(image.count), figure_bytes(image.info.bytes).text);
  json_decref(table);
  checkpoint_unload(&image);
  return status;
}

/* --------------------------------------------------------------------- diff */

static const struct checkpoint_piece *
find_piece(const struct checkpoint_image *image, const struct checkpoint_piece *like)
{
  for (size_t i = 0; i < image->count; i++)
    if (image->piece[i].id == like->id && strcmp(image->piece[i].name, like->name) == 0)
      return &image->piece[i];
  return NULL;
}

static void
add_run(json_t *runs, bool json, size_t page, size_t count)
{
  if (json)
    json_array_append_new(runs, json_pack("[I, I]", (json_int_t)page, (json_int_t)count));
  else if (count == 1)
    printf("    page %zu\n", page);
  else
    printf("    pages %zu to %zu\n", page, page + count - 1);
}

/* Pages of both that differ; what only one of them has counts as different. */
static size_t
compare_pieces(const struct checkpoint_piece *a, const struct checkpoint_piece *b, json_t *runs, bool json)
{
  size_t size = a->page_size, both = (a->length < b->length ? a->length : b->length) / size;
  size_t all = (a->length > b->length ? a->length : b->length) / size, differ = 0, begun = 0;
  for (size_t page = 0; page <= all; page++) {
    bool same = page == all || (page < both && memcmp(a->memory + page * size, b->memory + page * size,
                                                      size) == 0);
    if (same && begun < page && differ)
      add_run(runs, json, begun, page - begun);
    if (same)
      begun = page + 1;
    else
      differ++;
  }
  return differ;
}

static size_t
diff_piece(const struct checkpoint_piece *piece, const struct checkpoint_piece *other, const char *alone,
           json_t *table, bool json)
{
  json_t *runs = json_array(), *name = json_string(piece->name);
  size_t pages = piece->length / piece->page_size;
  if (!json)
    printf("region %s%s%s\n", piece->name, other ? "" : ": only in ", other ? "" : alone);
  if (other && other->page_size == piece->page_size)
    pages = compare_pieces(piece, other, runs, json);
  if (!json)
    printf("    %zu page%s of %zu differ%s\n", pages, figure_plural(pages), piece->length / piece->page_size,
           pages == 1 ? "s" : "");
  json_array_append_new(table, json_pack("{s:o, s:I, s:I, s:o?, s:O}", "name", name ? name : json_string("?"),
                                         "pages", (json_int_t)(piece->length / piece->page_size), "differ",
                                         (json_int_t)pages, "only_in", other ? NULL : json_string(alone),
                                           "runs",
                                         runs));
  json_decref(runs);
  return pages;
}

enum status
checkpoint_diff(const struct checkpoint_options *options)
{
  struct checkpoint_image image[2] = { { .count = 0 }, { .count = 0 } };
  uint64_t generation[2] = { 0, 0 };
  size_t differ = 0;
  ww_chain *chain;
  for (int i = 0; i < 2; i++)
    if ((generation[i] = checkpoint_generation(options->operands[i])) == 0)
      return STATUS_USAGE;
  enum status status = checkpoint_open(options, false, &chain);
  if (status != STATUS_OK)
    return status;
  for (int i = 0; i < 2 && status == STATUS_OK; i++)
    status = checkpoint_load(chain, generation[i], NULL, &image[i]);
  ww_chain_close(chain);
  json_t *table = json_array();
  if (status == STATUS_OK) {
    for (size_t i = 0; i < image[0].count; i++)
      differ += diff_piece(&image[0].piece[i], find_piece(&image[1], &image[0].piece[i]),
                           options->operands[0], table,
                           options->json);
    for (size_t i = 0; i < image[1].count; i++)
      if (!find_piece(&image[0], &image[1].piece[i]))
        differ += diff_piece(&image[1].piece[i], NULL, options->operands[1], table, options->json);
    if (options->json)
      status = checkpoint_json(json_pack("{s:s, s:i, s:I, s:I, s:I, s:O}", "format",
                                         "writewatch-checkpoint-diff",
        "version", 1, "a", (json_int_t)generation[0], "b", (json_int_t)generation[1], "differ",
        (json_int_t)differ, "regions", table));
  }
  json_decref(table);
  checkpoint_unload(&image[0]);
  checkpoint_unload(&image[1]);
  return status == STATUS_OK && differ ? STATUS_CHECK : status;
}

/* ------------------------------------------------------------------ compact */

struct size { uint64_t files, bytes; };

static int
add_size(void *context, const struct ww_chain_entry *entry)
{
  struct size *size = context;
  size->files++;
  size->bytes += entry->bytes;
  return 0;
}

enum status
checkpoint_compact(const struct checkpoint_options *options)
{
  struct size before = { 0, 0 }, after = { 0, 0 };
  ww_chain *chain;
  enum status status = checkpoint_open(options, true, &chain);
  if (status != STATUS_OK)
    return status;
  int error = ww_chain_list(chain, add_size, &before);
  if (!error)
    error = ww_chain_compact(chain, options->keep);
  if (!error)
    error = ww_chain_list(chain, add_size, &after);
  if (error)
    status = checkpoint_complain(error);
  ww_chain_close(chain);
  if (status == STATUS_OK && options->json)
    status = checkpoint_json(json_pack("{s:s, s:i, s:{s:I, s:I}, s:{s:I, s:I}}", "format",
      "writewatch-checkpoint-compact", "version", 1, "before", "checkpoints", (json_int_t)before.files,
        "bytes",
      (json_int_t)before.bytes, "after", "checkpoints", (json_int_t)after.files, "bytes",
        (json_int_t)after.bytes));
  else if (status == STATUS_OK)
    printf("%" PRIu64 " checkpoint%s, %s -> %" PRIu64 ", %s\n", before.files, figure_plural(before.files),
           figure_bytes(before.bytes).text, after.files, figure_bytes(after.bytes).text);
  return status;
}
