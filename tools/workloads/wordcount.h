/* wordcount.h - what the parts of the wordcount workload share: the text, and
 * what a word is. */
#ifndef WW_WORDCOUNT_H
#define WW_WORDCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workload.h"

/* The input, lower-cased, all files one behind the other. Not tracked. */
struct wordcount_text {
  char  *bytes;
  size_t length;
};

struct wordcount_word {
  const char *bytes;
  size_t      length;
};

/* Read the operands. 0, or a negative errno after workload_fail(). */
int wordcount_read(struct workload_run *run, struct wordcount_text *text);

/* A word is a run of ASCII letters and of bytes above 127 (UTF-8 letters). */
static inline bool
wordcount_in_word(char byte)
{
  return (byte >= 'a' && byte <= 'z') || (unsigned char)byte > 127;
}

/* The next word that begins at *position or later and before `end`; moves
 * *position behind it. */
static inline bool
wordcount_next(const struct wordcount_text *text, size_t *position, size_t end, struct wordcount_word *word)
{
  size_t at = *position, begin;

  while (at < end && !wordcount_in_word(text->bytes[at]))
    at++;
  begin = at;
  while (at < text->length && begin < end && wordcount_in_word(text->bytes[at]))
    at++;
  *position = at;
  *word = (struct wordcount_word){ text->bytes + begin, at - begin };
  return at > begin;
}

/* The count that the index is checked against: by sorting, with no index. */
struct wordcount_total {
  struct wordcount_word word;
  uint64_t              count;
};
struct wordcount_totals {
  struct wordcount_total *totals;  /* by the words' bytes, ascending */
  size_t                  count;
  uint64_t                words;   /* in all */
};
int wordcount_sort(struct workload_run *run, const struct wordcount_text *text,
                   struct wordcount_totals *totals);

#endif
