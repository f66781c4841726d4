/* trace_words.c - async-signal-safe. What the numbers of a trace are called. */
#include "config.h"
#include "trace.h"

#include <string.h>

struct trace_text
trace_text_of(const char *text)
{
  return (struct trace_text){ text, text ? strlen(text) : 0 };
}

#define NAME(table, number) ((number) < sizeof(table) / sizeof(*(table)) ? (table)[number] : "unknown")

const char *
trace_type_name(unsigned type)
{
  static const char *const names[] = { "damage", "START", "MODULE", "MODULE_END", "REGION", "REGION_END",
                                       "STACK",
                                       "THREAD", "EPOCH", "DIRTY", "COVERAGE", "NOTE", "CHILD", "END" };
  return NAME(names, type);
}

const char *
trace_kind_name(uint64_t kind)
{
  static const char *const names[] = { "unknown", "heap", "anon", "data", "bss", "file", "shared" };
  return NAME(names, kind);
}

const char *
trace_cause_name(uint64_t cause)
{
  static const char *const names[] = { "timer", "marker", "signal", "end" };
  return NAME(names, cause);
}

const char *
trace_origin_name(uint64_t origin)
{
  static const char *const names[] = { "first", "fork", "exec" };
  return NAME(names, origin);
}

const char *
trace_end_name(uint64_t how)
{
  static const char *const names[] = { "exited", "signalled", "replaced", "disk-full", "size-cap", "duration",
                                       "stopped", "failed" };
  return NAME(names, how);
}

const char *
trace_child_name(uint64_t how)
{
  static const char *const names[] = { "fork", "vfork", "clone", "exec", "spawn" };
  return NAME(names, how);
}

const char *
trace_note_name(uint64_t kind)
{
  static const char *const names[] = { "remark", "stretched", "policy", "lost", "warning" };
  return NAME(names, kind);
}

const char *
trace_unwatched_name(unsigned reason)
{
  static const char *const names[] = { "stacks", "tls", "libc", "own", "not-asked", "refused", "other" };
  return NAME(names, reason);
}
