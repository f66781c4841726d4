/* names.h - which function, file and line a frame of a recorded process was in.
 *
 * The files named in a trace are read by a process of its own: they may be damaged, or made to
 * do damage, and what reads them (libdw, libelf, a demangler) ends the process in more than one
 * case. If it dies or hangs, the frame that it was at has no name, and a new one goes on. */
#ifndef WW_NAMES_H
#define WW_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_DEEP 64u   /* functions inlined into each other that are told apart at one address */

/* What is not known is NULL or 0. */
struct names_place {
  const char *function;   /* demangled, without the version that a linker adds */
  const char *file;       /* as the compiler was told */
  uint32_t    line;
};

/* The innermost function first, then those that it was inlined into. places[0] may hold nothing:
 * then the library and the offset are all that there is to say. */
struct names_found {
  size_t count;           /* at least 1 */
  const struct names_place *places;
};

struct names;

/* -ENOMEM. Must not be called while other threads run: it forks when the first name is asked for. */
int  names_open(struct names **names);
/* A file that was mapped: its number, the same for the same file, from 0. `build_id` is the one
 * that it had then (`id_length` bytes, 0: it had none); a file that has another now is not taken
 * for it. `since`: CLOCK_REALTIME in ns of the recording, 0: unknown; a file without a build-id
 * that was changed since is another, too. -ENOMEM. */
int  names_module(struct names *names, const char *path, size_t path_length, const void *build_id,
                  size_t id_length, uint64_t since, uint32_t *module);
/* What a JIT has made, as it told perf: /tmp/perf-PID.map. Offsets are then addresses. A file that
 * is older than `since` is another process's. -ENOMEM. */
int  names_jit(struct names *names, uint64_t pid, uint64_t since, uint32_t *module);
/* That this will be asked for: many in one go cost much less. */
void names_want(struct names *names, uint32_t module, uint64_t offset, bool is_return);
/* What is at `offset` of the module, in the file's own terms, as addr2line(1) takes it; a return
 * address is looked up a byte earlier, in the call. Lives until names_close(). */
struct names_found names_find(struct names *names, uint32_t module, uint64_t offset, bool is_return);
/* Why there are fewer names than one would expect of this module, a phrase; NULL: they are all
 * there, or nothing was asked of it yet. */
const char *names_trouble(const struct names *names, uint32_t module);
void names_close(struct names *names);   /* NULL is allowed */

#endif
