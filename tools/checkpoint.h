/* checkpoint.h - what the parts of `writewatch checkpoint' share. */
#ifndef WW_TOOL_CHECKPOINT_H
#define WW_TOOL_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "writewatch-checkpoint.h"

struct checkpoint_options {
  const char *directory;
  char      **operands;      /* behind it */
  int         count;
  bool        json;
  uint64_t    generation;    /* 0: the newest that is sound */
  unsigned    keep;
  const char *output;
};

enum status checkpoint_list(const struct checkpoint_options *options);
enum status checkpoint_show(const struct checkpoint_options *options);
enum status checkpoint_verify(const struct checkpoint_options *options);
enum status checkpoint_restore(const struct checkpoint_options *options);
enum status checkpoint_extract(const struct checkpoint_options *options);
enum status checkpoint_compact(const struct checkpoint_options *options);
enum status checkpoint_diff(const struct checkpoint_options *options);

/* What the library said; its status. */
enum status checkpoint_complain(int error);
enum status checkpoint_open(const struct checkpoint_options *options, bool write, ww_chain **chain);
/* Standard output. `all' may be NULL: out of memory. Takes it. */
enum status checkpoint_json(json_t *all);
/* A decimal number that is a generation; 0 after a message. */
uint64_t checkpoint_generation(const char *text);

/* A checkpoint in memory of its own. */
struct checkpoint_image {
  struct ww_restore_info info;
  struct checkpoint_piece {
    char     name[64];
    uint64_t id;
    void    *address;        /* where it was */
    size_t   length, page_size;
    unsigned char *memory;
  } *piece;
  size_t count;
};
/* `name': that region alone, or NULL: all. Shows how far it is, where somebody looks. */
enum status checkpoint_load(ww_chain *chain, uint64_t generation, const char *name,
                            struct checkpoint_image *image);
void checkpoint_unload(struct checkpoint_image *image);

/* A bar on standard error, if that is a terminal. `what' and the rest of a line; done of all. */
void checkpoint_bar(const char *what, uint64_t done, uint64_t all);
void checkpoint_bar_end(void);

#endif
