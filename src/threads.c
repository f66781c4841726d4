/* threads.c - the threads of this process, and the memory that each cannot do without.
 *
 * A thread whose stack is read-only dies: its signal has no place to be handled on. The
 * handler itself writes to thread-local storage, and the kernel writes to what a thread
 * has registered (restartable sequences, the robust list) as it pleases, where a fault
 * kills. None of this can be asked of another thread's id directly, and wrapping
 * pthread_create() would miss threads that are made behind the wrapper. So the kernel's
 * list of threads is read, and for each:
 *   - get_robust_list(2) tells where its list of robust locks begins. The C library keeps
 *     that in the thread's descriptor, always at the same place, so this thread's own
 *     shows where the descriptor is, and how far its thread-local storage reaches.
 *   - the descriptor says where the stack is: two neighbouring words, address and size,
 *     whose sum is the end of what the descriptor lies at the end of. They are searched
 *     for, not looked up: where they are is the C library's secret. The descriptor is
 *     read through /proc/self/mem, for its thread may end and its memory be unmapped.
 *   - failing that, the stack is what lies in one mapping with the descriptor, below it;
 *     or with the stack pointer, which /proc/self/task/ID/syscall tells of a thread that
 *     waits. The first thread's is also called [stack].
 * A thread that was made by a bare clone(2), has no robust list and does not wait, is not
 * found; nor is a process that shares the memory (vfork(2)). */
#include "config.h"
#include "threads.h"
#include "maps.h"
#include "os.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

enum {
  DESCRIPTOR_SIZE = 4096,     /* no C library's is larger (glibc 2.36 on x86-64: 2,304 bytes) */
  STATIC_TLS_MAX = 1 << 20,   /* what lies farther from the descriptor is not static */
  STACK_MIN = 2048,           /* the least PTHREAD_STACK_MIN */
  END_SLACK = 1 << 16         /* a descriptor lies this near to the end of its stack */
};

/* glibc's own (linux/rseq.h): where a thread's rseq area is, from the thread pointer. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* Relative to a thread's descriptor. */
struct layout {
  bool known;                 /* does the C library keep a robust list? */
  ptrdiff_t robust;           /* the head of it */
  uintptr_t before, after;    /* how far its thread-local storage and descriptor reach */
};

struct search {
  uintptr_t start, end;       /* the range that is asked about */
  uintptr_t low, high;        /* the mappings that it lies in, whole */
  uintptr_t main_low, main_high;  /* the one of them that is called [stack]; or empty */
  struct layout layout;
  uintptr_t pair;             /* where a descriptor had its stack's address and size; 0 at first */
  int memory;                 /* /proc/self/mem, or negative */
  struct thread_part *met;
};

/* ------------------------------------------------------- what this thread shows */

struct reach { uintptr_t self, low, high; };

static void
extend(struct reach *reach, uintptr_t start, uintptr_t end)
{
  reach->low = start < reach->low ? start : reach->low;
  reach->high = end > reach->high ? end : reach->high;
}

/* For dl_iterate_phdr(): this thread's static thread-local storage of an object. That of
 * objects that were loaded later is somewhere else: memory like any other. */
static int
extend_by_object(struct dl_phdr_info *object, size_t size, void *argument)
{
  struct reach *reach = argument;
  if (size < offsetof(struct dl_phdr_info, dlpi_tls_data) + sizeof object->dlpi_tls_data)
    return 1;
  uintptr_t start = (uintptr_t)object->dlpi_tls_data;
  for (unsigned i = 0; start && i < object->dlpi_phnum; i++)
    if (object->dlpi_phdr[i].p_type == PT_TLS && start + STATIC_TLS_MAX > reach->self
        && start < reach->self + STATIC_TLS_MAX)
      extend(reach, start, start + object->dlpi_phdr[i].p_memsz);
  return 0;
}

static uintptr_t
thread_pointer(void)
{
#if defined(__x86_64__)
  uintptr_t pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
#else
  return (uintptr_t)__builtin_thread_pointer();
#endif
}

static struct layout
learn(void)
{
  uintptr_t self = (uintptr_t)pthread_self(), robust = 0;
  struct reach reach = { self, self, self + DESCRIPTOR_SIZE };
  struct layout layout = { false, 0, 0, 0 };
  extend(&reach, (uintptr_t)&os_own_thread, (uintptr_t)(&os_own_thread + 1));
  extend(&reach, (uintptr_t)&errno, (uintptr_t)(&errno + 1));
  if (&__rseq_offset && &__rseq_size && __rseq_size) {
    uintptr_t rseq = thread_pointer() + (uintptr_t)__rseq_offset;
    extend(&reach, rseq, rseq + (__rseq_size > 32 ? __rseq_size : 32));
  }
  dl_iterate_phdr(extend_by_object, &reach);
  layout.before = self - reach.low;
  layout.after = reach.high - self;
  layout.known = os_robust_list(0, &robust) == 0 && robust >= self && robust < self + DESCRIPTOR_SIZE;
  layout.robust = (ptrdiff_t)(robust - self);
  return layout;
}

/* ------------------------------------------------------------- one thread's parts */

/* 0: this one. */
static int32_t process;
static struct layout process_layout;

static size_t
put_number(char *at, int32_t number)
{
  char digits[12];
  size_t length = 0, put = 0;
  do
    digits[length++] = (char)('0' + number % 10);
  while (number /= 10);
  while (length)
    at[put++] = digits[--length];
  return put;
}

/* /proc/self/task, and what is in it. */
static size_t
tasks_path(char path[static 80])
{
  size_t at = sizeof "/proc/" - 1;
  memcpy(path, "/proc/self", sizeof "/proc/self");
  at += process ? put_number(path + at, process) : sizeof "self" - 1;
  memcpy(path + at, "/task", sizeof "/task");
  return at + sizeof "/task" - 1;
}

static void
task_path(char path[static 80], int32_t thread, const char *file)
{
  size_t at = tasks_path(path);
  path[at++] = '/';
  at += put_number(path + at, thread);
  path[at++] = '/';
  strncpy(path + at, file, 80 - at);
  path[79] = '\0';
}

void
threads_of(int32_t other)
{
  process_layout = learn();
  process = other;
}

size_t
threads_read(int32_t thread, const char *file, char *text, size_t size)
{
  char path[80];
  task_path(path, thread, file);
  int fd = os_open(path);
  long got = fd < 0 ? fd : os_read(fd, text, size - 1);
  if (fd >= 0)
    os_close(fd);
  text[got > 0 ? got : 0] = '\0';
  return got > 0 ? (size_t)got : 0;
}

/* Does the part meet the range? Then it is the answer. */
static bool
meets(struct search *search, int32_t thread, const char *what, uintptr_t start, uintptr_t end)
{
  if (start >= end || start >= search->end || end <= search->start)
    return false;
  struct thread_part *met = search->met;
  met->thread = thread;
  met->what = what;
  met->start = start;
  met->end = end;
  size_t length = threads_read(thread, "comm", met->name, sizeof met->name);
  while (length && (unsigned char)met->name[length - 1] < ' ')
    met->name[--length] = '\0';
  return true;
}

/* The stack's address and size in a descriptor: see above. Where they were in the last
 * one they are looked for first. */
static bool
find_stack(struct search *search, uintptr_t descriptor, uintptr_t *start, uintptr_t *end)
{
  uintptr_t word[DESCRIPTOR_SIZE / sizeof(uintptr_t)];
  uintptr_t first = search->pair, bytes = first ? 2 * sizeof *word : sizeof word;
  if (search->memory < 0)
    return false;
  for (;; first = 0, bytes = sizeof word) {
    long got = os_read_at(search->memory, word, bytes, descriptor + first);
    for (long i = 0; i + 1 < got / (long)sizeof *word; i++) {
      uintptr_t low = word[i], size = word[i + 1], high = low + size;
      if (low >= END_SLACK && low < descriptor && size >= STACK_MIN && size < descriptor && high > descriptor
          && high - descriptor < search->layout.after + END_SLACK
          && high - descriptor >= (uintptr_t)search->layout.robust) {
        search->pair = first + (uintptr_t)i * sizeof *word;
        *start = low;
        *end = high;
        return true;
      }
    }
    if (!first)
      return false;
  }
}

/* "number arguments... stack-pointer instruction", or "running". 0 if it is not told. */
static uintptr_t
stack_pointer(int32_t thread)
{
  char text[256];
  size_t length = threads_read(thread, "syscall", text, sizeof text);
  uintptr_t value = 0;
  unsigned blanks = 0;
  /* The last field but one. */
  while (length && text[length - 1] != ' ')
    length--;
  while (length && blanks < 2)
    blanks += text[--length] == ' ';
  for (const char *at = text + length + 1; blanks == 2 && *at && *at != ' '; at++)
    if (*at != 'x')
      value = value << 4 | (uintptr_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  return value;
}

static bool
thread_meets(struct search *search, int32_t thread)
{
  static const char stack[] = "the stack", storage[] = "the thread-local storage";
  const struct layout *layout = &search->layout;
  bool own = !process && thread == os_thread_id(), first = thread == (process ? process : os_process_id());
  bool known = false;
  uintptr_t robust = 0, descriptor = 0, low, high, pointer = 0;
  if (own)
    descriptor = (uintptr_t)pthread_self();
  else if (layout->known && os_robust_list(thread, &robust) == 0 && robust)
    descriptor = robust - (uintptr_t)layout->robust;
  if (descriptor) {
    bool has_stack = find_stack(search, descriptor, &low, &high);
    uintptr_t end = descriptor + layout->after;
    if (meets(search, thread, storage, descriptor - layout->before, has_stack && high < end ? high : end))
      return true;
    if (has_stack && meets(search, thread, stack, low, high))
      return true;
    known = has_stack;
  }
  /* Wherever this one runs just now, it may be on a stack of the program's making. */
  if (own) {
    pointer = (uintptr_t)__builtin_frame_address(0);
    if (meets(search, thread, stack, pointer, pointer + 1))
      return true;
  }
  if (first && meets(search, thread, stack, search->main_low, search->main_high))
    return true;
  if (known)
    return false;
  /* Without /proc/self/mem: a stack ends with its thread's descriptor. */
  if (!first && search->memory < 0 && descriptor >= search->low && descriptor < search->high)
    return meets(search, thread, stack, search->low, descriptor);
  if (own || first || !(pointer = stack_pointer(thread)))
    return false;
  return pointer >= search->low && pointer < search->high
    && meets(search, thread, stack, search->low, search->high);
}

/* --------------------------------------------------------------------- all of them */

/* The mappings that hold the range. */
static void
look_around(struct search *search)
{
  char buffer[4096];
  struct maps_reader reader;
  struct mapping mapping;
  search->low = search->start;
  search->high = search->end;
  if (maps_open(&reader, buffer, sizeof buffer))
    return;
  while (maps_next(&reader, &mapping) > 0 && mapping.start < search->end)
    if (mapping.end > search->start) {
      search->low = mapping.start < search->low ? mapping.start : search->low;
      search->high = mapping.end > search->high ? mapping.end : search->high;
      if (!strcmp(mapping.path, "[stack]")) {
        search->main_low = mapping.start;
        search->main_high = mapping.end;
      }
    }
  maps_close(&reader);
}

int
threads_open(struct threads_reader *reader)
{
  char path[80];
  tasks_path(path);
  reader->folder = os_open(path);
  reader->at = reader->length = 0;
  return reader->folder < 0 ? reader->folder : 0;
}

int32_t
threads_next(struct threads_reader *reader)
{
  for (;;) {
    if (reader->at >= reader->length) {
      reader->at = 0;
      reader->length = os_list(reader->folder, reader->entries, sizeof reader->entries);
      if (reader->length <= 0)
        return 0;
    }
    /* struct linux_dirent64: inode, offset, length of the entry, type, name */
    const char *entry = reader->entries + reader->at;
    uint16_t length;
    int32_t thread = 0;
    memcpy(&length, entry + 16, sizeof length);
    for (const char *digit = entry + 19; *digit >= '0' && *digit <= '9'; digit++)
      thread = thread * 10 + (*digit - '0');
    reader->at += length;
    if (thread > 0)
      return thread;
  }
}

void
threads_close(struct threads_reader *reader)
{
  os_close(reader->folder);
}

bool
threads_meet(uintptr_t start, uintptr_t end, struct thread_part *met)
{
  struct threads_reader reader;
  struct search search = { .start = start, .end = end, .met = met };
  int32_t own = os_thread_id(), thread;
  search.layout = process ? process_layout : learn();
  look_around(&search);
  search.memory = os_open("/proc/self/mem");
  /* This one first: it needs no /proc. */
  bool found = !process && thread_meets(&search, own);
  if (!found && !threads_open(&reader)) {
    while (!found && (thread = threads_next(&reader)) > 0)
      found = thread != own && thread_meets(&search, thread);
    threads_close(&reader);
  }
  if (search.memory >= 0)
    os_close(search.memory);
  return found;
}
