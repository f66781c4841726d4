/* remarks.c - what the page says in words: notes, children, marked epochs, and what is wrong. */
#include "config.h"
#include "page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

static void
begin_list(struct json *json, const char *key)
{
  json_key(json, key);
  json_begin(json, '[');
}

static void
end_list(struct json *json, const char *left_key, size_t count)
{
  json_end(json, ']');
  json_key(json, left_key);
  json_number(json, count > PAGE_REMARKS ? count - PAGE_REMARKS : 0);
}

static void
write_notes(struct json *json, const struct trace_index *index)
{
  begin_list(json, "notes");
  for (size_t i = 0; i < index->notes_count && i < PAGE_REMARKS; i++) {
    json_begin(json, '[');
    json_seconds(json, index->notes[i].time);
    json_name(json, trace_note_name(index->notes[i].kind));
    json_text(json, index->notes[i].text ? index->notes[i].text : "");
    json_end(json, ']');
  }
  end_list(json, "notesLeft", index->notes_count);
}

static void
write_children(struct json *json, const struct trace_index *index)
{
  begin_list(json, "children");
  for (size_t i = 0; i < index->children_count && i < PAGE_REMARKS; i++) {
    const struct index_child *child = &index->children[i];

    json_begin(json, '[');
    json_seconds(json, child->time);
    json_number(json, child->pid);
    json_name(json, trace_child_name(child->how));
    json_number(json, child->recorded);
    json_text(json, child->file ? child->file : "");
    json_text(json, child->reason && *child->reason ? child->reason : NULL);
    json_end(json, ']');
  }
  end_list(json, "childrenLeft", index->children_count);
}

static void
write_labels(struct json *json, const struct trace_summary *summary)
{
  size_t count = 0;

  begin_list(json, "labels");
  for (size_t i = 0; i < summary->epochs_count; i++) {
    const struct index_epoch *epoch = summary->epochs[i].epoch;

    if (!epoch->label || !*epoch->label || count++ >= PAGE_REMARKS)
      continue;
    json_begin(json, '[');
    json_seconds(json, epoch->end);
    json_number(json, epoch->number);
    json_text(json, epoch->label);
    json_end(json, ']');
  }
  end_list(json, "labelsLeft", count);
}

__attribute__((format(printf, 2, 3))) static void
warn(struct json *json, const char *format, ...)
{
  char words[512];
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  json_text(json, words);
}

static void
write_warnings(struct json *json, const struct trace_summary *summary)
{
  const struct trace_index *index = &summary->index;
  uint64_t partial = 0;
  size_t unrecorded = 0;

  for (size_t i = 0; i < summary->epochs_count; i++)
    partial += !summary->epochs[i].whole;
  for (size_t i = 0; i < index->children_count; i++)
    unrecorded += !index->children[i].recorded && index->children[i].how != TRACE_EXEC;
  json_key(json, "warnings");
  json_begin(json, '[');
  if (index->damages_count)
    warn(json, "The trace is damaged in %" PRIu64 " place%s, %" PRIu64 " bytes in all; the first at byte "
         "%" PRIu64 ": %s. All the rest is shown.", index->damages_count,
         index->damages_count == 1 ? "" : "s", index->damaged, index->damages[0].offset, index->damages[0].reason);
  if (index->tail)
    warn(json, "The trace ends in the midst of a block, at byte %" PRIu64 ". It is shown up to there.",
         index->tail_at);
  if (partial)
    warn(json, "%" PRIu64 " epoch%s of fewer dirty pages than the trace says: they show less than there was.",
         partial, partial == 1 ? " is" : "s are");
  if (summary->unplaced)
    warn(json, "%" PRIu64 " dirty pages lie in regions that the trace does not name, and are left out.",
         summary->unplaced);
  if (unrecorded)
    warn(json, "%zu child process%s not recorded: what %s is not in this report.", unrecorded,
         unrecorded == 1 ? " was" : "es were", unrecorded == 1 ? "it wrote" : "they wrote");
  json_end(json, ']');
}

void
page_remarks(struct json *json, const struct trace_summary *summary)
{
  write_notes(json, &summary->index);
  write_children(json, &summary->index);
  write_labels(json, summary);
  write_warnings(json, summary);
}
