/* checkpoint_list.c - what is in a chain, for a person or a program. */
#include "config.h"
#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "report-figure.h"

struct listing {
  bool     json, verify;
  json_t  *array;
  uint64_t wanted;                   /* this one alone; 0: all */
  uint64_t count, sound, bytes, bytes_done, bytes_all;
  struct ww_chain_entry last;        /* the wanted one, or the newest that is sound */
  bool     found;
};

static void
date_of(uint64_t time, char text[32])
{
  time_t seconds = (time_t)(time / 1000000000u);
  struct tm when;
  if (gmtime_r(&seconds, &when) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &when) == 0)
    strcpy(text, "-");
}

static json_t *
entry_json(const struct ww_chain_entry *entry)
{
  json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
    "generation", (json_int_t)entry->generation, "parent", (json_int_t)entry->parent,
    "label", (json_int_t)entry->label, "time", (json_int_t)entry->time, "bytes", (json_int_t)entry->bytes,
    "regions", (json_int_t)entry->regions, "region_bytes", (json_int_t)entry->region_bytes,
    "whole_pages", (json_int_t)entry->whole_pages, "partial_pages", (json_int_t)entry->partial_pages,
    "zero_pages", (json_int_t)entry->zero_pages, "sound", entry->sound);
  if (object && !entry->sound)
    json_object_set_new(object, "problem", json_string_nocheck(entry->problem));
  return object;
}

static void
print_entry(const struct ww_chain_entry *entry)
{
  char date[32], parent[24] = "full";
  date_of(entry->time, date);
  if (entry->parent)
    snprintf(parent, sizeof parent, "%" PRIu64, entry->parent);
  if (entry->bytes)
    printf("%10" PRIu64 "  %8s  %10" PRIu64 "  %s  %10s  %9s  %9s  %9s  ", entry->generation, parent,
           entry->label,
           date, figure_bytes(entry->bytes).text, figure_count(entry->whole_pages).text,
           figure_count(entry->partial_pages).text, figure_count(entry->zero_pages).text);
  else
    printf("%10" PRIu64 "  %8s  %10s  %20s  %10s  %9s  %9s  %9s  ", entry->generation, "-", "-", "-", "-",
           "-", "-",
           "-");
  puts(entry->sound ? "sound" : entry->problem);
}

static int
count_entry(void *context, const struct ww_chain_entry *entry)
{
  struct listing *listing = context;
  listing->bytes_all += entry->bytes;
  return 0;
}

static int
take_entry(void *context, const struct ww_chain_entry *entry)
{
  struct listing *listing = context;
  listing->count++;
  listing->sound += entry->sound != 0;
  listing->bytes += entry->bytes;
  if (listing->verify) {
    listing->bytes_done += entry->bytes;
    checkpoint_bar("verifying", listing->bytes_done, listing->bytes_all);
  }
  if (listing->json && listing->array)
    json_array_append_new(listing->array, entry_json(entry));
  else if (!listing->json) {
    checkpoint_bar_end();
    print_entry(entry);
  }
  return 0;
}

static enum status
list(const struct checkpoint_options *options, bool verify)
{
  struct listing listing = { .json = options->json, .verify = verify, .array = json_array() };
  ww_chain *chain;
  enum status status = checkpoint_open(options, false, &chain);
  if (status == STATUS_OK && !listing.json)
    printf("%10s  %8s  %10s  %-20s  %10s  %9s  %9s  %9s  %s\n", "generation", "parent", "label", "time",
           "file",
           "whole", "partial", "zero", "state");
  if (status == STATUS_OK) {
    if (verify)
      ww_chain_list(chain, count_entry, &listing);
    int error = verify ? ww_chain_verify(chain, take_entry, &listing)
                       : ww_chain_list(chain, take_entry, &listing);
    if (error)
      status = checkpoint_complain(error);
    ww_chain_close(chain);
  }
  checkpoint_bar_end();
  if (listing.json && (status == STATUS_OK || status == STATUS_CHECK)) {
    enum status written = checkpoint_json(json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:b, s:O}",
      "format", "writewatch-checkpoint", "version", 1, "directory", options->directory,
      "checkpoints", (json_int_t)listing.count, "sound", (json_int_t)listing.sound,
      "bytes", (json_int_t)listing.bytes, "verified", verify, "entries", listing.array));
    if (written != STATUS_OK)
      status = written;
  } else if (status == STATUS_OK || status == STATUS_CHECK) {
    printf("%" PRIu64 " checkpoint%s, %s\n", listing.count, figure_plural(listing.count),
           figure_bytes(listing.bytes).text);
  }
  json_decref(listing.array);
  return status;
}

enum status
checkpoint_list(const struct checkpoint_options *options)
{
  return list(options, false);
}

enum status
checkpoint_verify(const struct checkpoint_options *options)
{
  return list(options, true);
}

/* --------------------------------------------------------------------- show */

static int
pick_entry(void *context, const struct ww_chain_entry *entry)
{
  struct listing *listing = context;
  if (listing->wanted ? entry->generation == listing->wanted : entry->sound) {
    listing->last = *entry;
    listing->found = true;
  }
  return 0;
}

static int
show_region(void *context, const struct ww_chain_region *region)
{
  struct listing *listing = context;
  if (listing->json)
    json_array_append_new(listing->array, json_pack("{s:o, s:I, s:I, s:I, s:I}",
      "name", json_string(region->name) ? json_string(region->name) : json_string("?"), "id",
        (json_int_t)region->id,
      "address", (json_int_t)(uintptr_t)region->address, "length", (json_int_t)region->length,
      "page_size", (json_int_t)region->page_size));
  else
    printf("  %4" PRIu64 "  %#16" PRIxPTR "  %12s  %8s  %s\n", region->id, (uintptr_t)region->address,
           figure_bytes(region->length).text, figure_bytes(region->page_size).text, region->name);
  return 0;
}

static enum status
show_entry(ww_chain *chain, struct listing *listing)
{
  const struct ww_chain_entry *entry = &listing->last;
  char date[32];
  date_of(entry->time, date);
  if (!listing->json) {
    printf("generation  %" PRIu64 "\nparent      ", entry->generation);
    if (entry->parent)
      printf("%" PRIu64 "\n", entry->parent);
    else
      puts("none: a full image");
    printf("label       %" PRIu64 "\ntime        %s\nfile        %s\nmemory      %s in %" PRIu64 " region%s\n"
           "pages       %s whole, %s by their changed bytes, %s of zeros\nstate       %s\n",
           entry->label, date, figure_bytes(entry->bytes).text, figure_bytes(entry->region_bytes).text,
           entry->regions, figure_plural(entry->regions), figure_count(entry->whole_pages).text,
           figure_count(entry->partial_pages).text, figure_count(entry->zero_pages).text,
           entry->sound ? "sound, as far as was looked" : entry->problem);
    printf("\n  %4s  %16s  %12s  %8s  %s\n", "id", "address", "length", "page", "name");
  }
  int error = ww_chain_regions(chain, entry->generation, show_region, listing);
  return error ? checkpoint_complain(error) : entry->sound ? STATUS_OK : STATUS_CHECK;
}

enum status
checkpoint_show(const struct checkpoint_options *options)
{
  struct listing listing = { .json = options->json, .array = json_array(), .wanted = options->generation };
  ww_chain *chain;
  enum status status = checkpoint_open(options, false, &chain);
  if (status != STATUS_OK)
    goto out;
  int error = ww_chain_list(chain, pick_entry, &listing);
  if (error)
    status = checkpoint_complain(error);
  else if (!listing.found) {
    if (listing.wanted)
      complain("%s: there is no checkpoint %" PRIu64, options->directory, listing.wanted);
    else
      complain("%s: there is no checkpoint that is sound", options->directory);
    status = listing.wanted ? STATUS_USAGE : STATUS_INPUT;
  } else {
    status = show_entry(chain, &listing);
  }
  ww_chain_close(chain);
  if (listing.json && listing.found && (status == STATUS_OK || status == STATUS_CHECK)) {
    json_t *object = entry_json(&listing.last);
    if (object)
      json_object_set(object, "region_table", listing.array);
    enum status written = checkpoint_json(object);
    if (written != STATUS_OK)
      status = written;
  }
out:
  json_decref(listing.array);
  return status;
}
