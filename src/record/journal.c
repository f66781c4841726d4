/* journal.c - the companion's: what is written into the trace. */
#include "config.h"
#include "record/journal.h"
#include "record/companion.h"
#include "record/discover.h"
#include "record/modules.h"
#include "arena.h"
#include "dirtyset.h"
#include "os.h"
#include "raw.h"
#include "threads.h"
#include "writers.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

enum { BUFFER = 1 << 20, TEXT = 1 << 16, THREADS = 1 << 22 /* PID_MAX_LIMIT */ };

static struct {
  struct trace_writer writer;
  struct ww_tracker *tracker;
  unsigned char *buffer;
  char *text;
  uint64_t *thread;            /* a bit an id: it is in the trace */
  uint32_t *stack;             /* [limit + 1] the trace's number of a stack; 0: not told yet */
  uint32_t stacks;
  uint64_t epochs, pages, code;
  struct trace_coverage coverage;   /* as it was told last */
} journal;

static uint64_t
time_now(void)
{
  return os_now() - journal.tracker->start_time;
}

/* A file of the program's process in /proc; its length. */
static size_t
read_process(const char *file, char *text, size_t room)
{
  size_t length = 0;
  char path[64] = "/proc/", digits[12];
  size_t at = 6;
  for (int32_t n = companion_of(); n; n /= 10)
    digits[length++] = (char)('0' + n % 10);
  while (length)
    path[at++] = digits[--length];
  path[at++] = '/';
  strcpy(path + at, file);
  if (!strcmp(file, "exe")) {
    long got = RAW_CALL(SYS_readlink, path, text, room);
    return got > 0 ? (size_t)got : 0;
  }
  int fd = os_open(path);
  long got = 0;
  while (fd >= 0 && length < room && (got = os_read(fd, text + length, room - length)) > 0)
    length += (size_t)got;
  if (fd >= 0)
    os_close(fd);
  return length;
}

int
journal_begin(int fd, const struct settings *settings, struct ww_tracker *tracker)
{
  struct utsname machine;
  struct timespec real;
  size_t limit = tracker->writers ? tracker->writers->limit : 0;
  memset(&machine, 0, sizeof machine);
  RAW_CALL(SYS_uname, &machine);
  clock_gettime(CLOCK_REALTIME, &real);
  journal.tracker = tracker;
  /* A child's are copies of its parent's. */
  if (!journal.buffer) {
    journal.buffer = arena_map(NULL, BUFFER);
    journal.text = arena_map(NULL, TEXT);
    journal.thread = arena_map(NULL, THREADS / 8);
    journal.stack = arena_map(NULL, (limit + 1) * sizeof *journal.stack);
  } else {
    memset(journal.thread, 0, THREADS / 8);
    memset(journal.stack, 0, (limit + 1) * sizeof *journal.stack);
  }
  journal.stacks = 0;
  journal.epochs = journal.pages = journal.code = 0;
  memset(&journal.coverage, 0, sizeof journal.coverage);
  modules_forget();
  if (!journal.buffer || !journal.text || !journal.thread || !journal.stack)
    return -ENOMEM;
  int error = trace_writer_open(&journal.writer, fd, journal.buffer, BUFFER, 0, settings->limit);
  if (error)
    return error;
  uint64_t passed = os_now() - tracker->start_time;
  size_t executable = read_process("exe", journal.text, TEXT / 2);
  size_t arguments = read_process("cmdline", journal.text + TEXT / 2, TEXT / 2);
  struct trace_start start = {
    .page_size = os_page_size(), .pid = (uint64_t)companion_of(),
    .realtime = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec - passed,
    .monotonic = tracker->start_time, .interval = settings->interval, .stack_depth = tracker->stack_depth,
    .engine = tracker->engine, .overhead = settings->overhead,
    .policy = atomic_load(&tracker->trapping) ? WW_POLICY_TRAP : tracker->policy,
    .origin = settings->origin, .origin_pid = (uint64_t)(uint32_t)settings->origin_pid,
    .executable = { journal.text, executable }, .arguments = { journal.text + TEXT / 2, arguments },
    .machine = trace_text_of(machine.machine), .kernel = trace_text_of(machine.release),
    .writer = trace_text_of(PACKAGE_VERSION)
  };
  start.parent = (uint64_t)(uint32_t)(settings->control >= 0 ? settings->command : settings->origin_pid);
  trace_put_start(&journal.writer, &start);
  return trace_commit(&journal.writer);
}

/* ------------------------------------------------------------------- what is named */

static void
tell_thread(int32_t thread)
{
  char name[64];
  uint32_t id = (uint32_t)thread;
  if (!thread || id >= THREADS || journal.thread[id / 64] >> (id % 64) & 1)
    return;
  journal.thread[id / 64] |= (uint64_t)1 << (id % 64);
  size_t length = threads_read(thread, "comm", name, sizeof name);
  while (length && name[length - 1] == '\n')
    length--;
  trace_put_thread(&journal.writer, &(struct trace_thread){ id, time_now(), { name, length } });
}

static void
tell_stack(uint32_t number)
{
  unsigned depth;
  uint64_t frames[WW_STACK_MAX];
  if (!number || journal.stack[number])
    return;
  void *const *found = writers_frames(journal.tracker->writers, number, &depth);
  for (unsigned i = 0; i < depth && i < WW_STACK_MAX; i++)
    frames[i] = (uint64_t)(uintptr_t)found[i];
  journal.stack[number] = ++journal.stacks;
  trace_put_stack(&journal.writer, &(struct trace_stack){ journal.stacks, depth, frames });
}

static void
tell_regions(const struct ww_dirty *dirty)
{
  static uint64_t last_id;
  if (!journal.epochs)
    last_id = 0;
  for (size_t i = 0; i < dirty->regions; i++) {
    struct ww_region *region = dirty->region[i];
    struct watched *entry = discover_entry(region);
    if (!entry)
      continue;
    entry->epoch = dirty->epoch;
    if (entry->id)
      continue;
    entry->id = ++last_id;
    trace_put_region(&journal.writer, &(struct trace_region){
      entry->id, entry->kind, region->start, region->end - region->start, (uint64_t)1 << region->shift,
      dirty->epoch, trace_text_of(region->name) });
  }
  for (size_t i = 0; i < discovered.places; i++) {
    struct watched *entry = &discovered.watched[i];
    if (!entry->region || !entry->id || entry->epoch == dirty->epoch)
      continue;
    trace_put_region_end(&journal.writer, &(struct trace_region_end){
      entry->id, entry->epoch, TRACE_UNMAPPED, 0 });
    discover_drop(entry);
  }
}

static void
tell_coverage(void)
{
  struct trace_coverage now = discovered.coverage;
  struct threads_reader reader;
  /* Of one that has ended there is nothing more to be told than was. */
  if (companion_is_alone() && journal.coverage.threads)
    return;
  if (!threads_open(&reader)) {
    while (threads_next(&reader) > 0)
      now.threads++;
    threads_close(&reader);
  }
  now.threads += !now.threads;
  now.unshielded = journal.tracker->flags & WW_SHIELD ? 0 : now.threads;
  now.epoch = journal.coverage.epoch;
  if (!memcmp(&now, &journal.coverage, sizeof now))
    return;
  now.epoch = journal.epochs;
  journal.coverage = now;
  trace_put_coverage(&journal.writer, &now);
}

/* ------------------------------------------------------------------------ epochs */

static void
put_run(const struct ww_dirty *dirty, const struct ww_run *run, uint64_t id)
{
  const struct ww_region *region = run->region;
  uint64_t page = ((uintptr_t)run->address - region->start) >> region->shift;
  uint64_t pages = run->length >> region->shift;
  struct trace_run record = { .page = page, .pages = pages, .evidence = run->evidence };
  if (run->evidence != WW_TRAPPED || !dirty->log.count) {
    trace_put_run(&journal.writer, dirty->epoch, id, &record);
    return;
  }
  record.pages = 1;
  for (uint64_t i = 0; i < pages; i++) {
    struct ww_writer writer;
    record.page = page + i;
    record.written = !ww_dirty_writer(dirty, (const void *)region_page_address(region, page + i), &writer);
    record.tid = record.written ? (uint32_t)writer.thread : 0;
    record.stack = record.written ? journal.stack[writer.stack] : 0;
    record.time = record.written && writer.time > dirty->begin ? writer.time - dirty->begin : 0;
    trace_put_run(&journal.writer, dirty->epoch, id, &record);
  }
}

int
journal_epoch(struct ww_dirty *dirty, enum trace_cause cause, const char *label, uint64_t collect)
{
  struct ww_writer writer;
  struct trace_epoch epoch = {
    .number = dirty->epoch, .begin = dirty->begin, .end = dirty->end, .cause = cause, .collect = collect,
    .faults = ww_dirty_writers(dirty), .pages = dirty->pages, .label = trace_text_of(label)
  };
  if (discovered.code != journal.code)
    modules_tell(&journal.writer, dirty->epoch);
  journal.code = discovered.code;
  tell_regions(dirty);
  for (size_t i = 0; i < epoch.faults; i++)
    if (!ww_dirty_writer_at(dirty, i, NULL, &writer)) {
      tell_thread(writer.thread);
      tell_stack(writer.stack);
    }
  journal.epochs++;
  journal.pages += dirty->pages;
  trace_put_epoch(&journal.writer, &epoch);
  for (size_t i = 0; i < dirty->runs; i++) {
    const struct watched *entry = dirty->run[i].region->note;
    if (entry)
      put_run(dirty, &dirty->run[i], entry->id);
  }
  tell_coverage();
  return trace_commit(&journal.writer);
}

int
journal_note(enum trace_note_kind kind, uint64_t value, const char *text)
{
  return trace_put_note(&journal.writer, &(struct trace_note){
    time_now(), kind, value, trace_text_of(text) });
}

int
journal_child(int32_t pid, enum trace_child_how how, bool recorded, const char *file, const char *reason)
{
  return trace_put_child(&journal.writer, &(struct trace_child){
    time_now(), (uint64_t)pid, how, recorded, trace_text_of(file), trace_text_of(reason) });
}

void
journal_end(enum trace_end_how how, uint64_t status, const char *text)
{
  if (journal.writer.error)
    trace_writer_recover(&journal.writer);
  trace_put_end(&journal.writer, &(struct trace_end){
    time_now(), how, status, journal.epochs, journal.pages, trace_text_of(text) });
  (void)trace_commit(&journal.writer);
}

void
journal_give_up(void)
{
  int error = journal.writer.error;
  if (error == -EFBIG)
    journal_end(TRACE_SIZE_CAP, 0, "");
  else if (error == -ENOSPC || error == -EDQUOT)
    journal_end(TRACE_DISK_FULL, 0, "");
  else
    journal_end(TRACE_FAILED, 0, strerror(-error));
}
