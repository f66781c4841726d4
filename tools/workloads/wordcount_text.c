/* wordcount_text.c - the input of the wordcount workload, read and counted the
 * slow and certain way. */
#include "config.h"
#include "wordcount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
grow(struct workload_run *run, struct wordcount_text *text, size_t *capacity, size_t wanted)
{
  size_t larger = *capacity < 65536 ? 65536 : *capacity;
  char *bytes;

  if (wanted <= *capacity)
    return 0;
  while (larger < wanted)
    larger *= 2;
  bytes = realloc(text->bytes, larger);
  if (bytes == NULL)
    return workload_fail(run, -ENOMEM, "out of memory for %zu bytes of text", wanted);
  text->bytes = bytes;
  *capacity = larger;
  return 0;
}

static int
read_file(struct workload_run *run, const char *name, struct wordcount_text *text, size_t *capacity)
{
  FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
  int error = 0;
  size_t got;

  if (file == NULL)
    return workload_fail(run, errno == ENOMEM ? -ENOMEM : -EIO, "cannot read '%s': %s", name,
                         strerror(errno));
  do {
    error = grow(run, text, capacity, text->length + 65536);
    if (error != 0)
      break;
    got = fread(text->bytes + text->length, 1, 65535, file);
    text->length += got;
  } while (got > 0);
  if (error == 0 && ferror(file))
    error = workload_fail(run, -EIO, "cannot read '%s': %s", name, strerror(errno));
  if (file != stdin)
    fclose(file);
  /* The last word of one file and the first of the next are two. */
  if (error == 0)
    text->bytes[text->length++] = '\n';
  return error;
}

int
wordcount_read(struct workload_run *run, struct wordcount_text *text)
{
  size_t capacity = 0;
  int error = 0;

  if (run->argc == 0)
    return workload_fail(run, -EINVAL, "no file named: `writewatch demo wordcount FILE...` ('-' is standard "
                         "input)");
  for (int i = 0; error == 0 && i < run->argc; i++)
    error = read_file(run, run->argv[i], text, &capacity);
  for (size_t i = 0; error == 0 && i < text->length; i++)
    if (text->bytes[i] >= 'A' && text->bytes[i] <= 'Z')
      text->bytes[i] = (char)(text->bytes[i] - 'A' + 'a');
  return error;
}

static int
compare_words(const void *left, const void *right)
{
  const struct wordcount_word *a = left, *b = right;
  size_t shorter = a->length < b->length ? a->length : b->length;
  int order = memcmp(a->bytes, b->bytes, shorter);

  return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

int
wordcount_sort(struct workload_run *run, const struct wordcount_text *text, struct wordcount_totals *totals)
{
  struct wordcount_word word, *words;
  size_t position = 0, count = 0;

  while (wordcount_next(text, &position, text->length, &word))
    count++;
  words = calloc(count + 1, sizeof words[0]);
  totals->totals = calloc(count + 1, sizeof totals->totals[0]);
  if (words == NULL || totals->totals == NULL) {
    free(words);
    free(totals->totals);
    totals->totals = NULL;
    return workload_fail(run, -ENOMEM, "out of memory for %zu words", count);
  }
  position = 0;
  for (size_t i = 0; i < count; i++)
    wordcount_next(text, &position, text->length, &words[i]);
  qsort(words, count, sizeof words[0], compare_words);
  totals->words = count;
  totals->count = 0;
  for (size_t i = 0; i < count; i++)
    if (i > 0 && compare_words(&words[i - 1], &words[i]) == 0)
      totals->totals[totals->count - 1].count++;
    else
      totals->totals[totals->count++] = (struct wordcount_total){ words[i], 1 };
  free(words);
  return 0;
}
