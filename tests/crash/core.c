/* core.c - the notes of an ELF core file. */
#include "config.h"
#include "core.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#ifndef NT_SIGINFO
#define NT_SIGINFO 0x53494749
#endif

static size_t
padded(size_t length)
{
  return (length + 3) & ~(size_t)3;
}

/* The kernel writes the notes of the thread that took the signal first. */
static int
read_notes(const char *notes, size_t size, struct core_facts *facts)
{
  int have_info = 0, have_status = 0;

  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size && !(have_info && have_status);) {
    Elf64_Nhdr note;
    size_t data;
    memcpy(&note, notes + at, sizeof note);
    data = at + sizeof note + padded(note.n_namesz);
    if (data + note.n_descsz > size)
      break;
    if (note.n_type == NT_PRSTATUS && !have_status && note.n_descsz >= sizeof(struct elf_prstatus)) {
      struct elf_prstatus status;
      struct user_regs_struct registers;
      memcpy(&status, notes + data, sizeof status);
      memcpy(&registers, &status.pr_reg, sizeof registers);
      facts->signal = status.pr_cursig;
      facts->rip = registers.rip;
      facts->rsp = registers.rsp;
      have_status = 1;
    }
    if (note.n_type == NT_SIGINFO && note.n_descsz >= sizeof(siginfo_t)) {
      memcpy(&facts->info, notes + data, sizeof(siginfo_t));
      have_info = 1;
    }
    at = data + padded(note.n_descsz);
  }
  return have_info && have_status ? 0 : -1;
}

int
core_read(const char *path, struct core_facts *facts)
{
  Elf64_Ehdr header;
  Elf64_Phdr segment;
  char *notes = NULL;
  int result = -1, fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return -1;
  if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header
      || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_CORE)
    goto out;
  for (unsigned i = 0; i < header.e_phnum; i++) {
    if (pread(fd, &segment, sizeof segment, (off_t)(header.e_phoff + i * sizeof segment))
        != (ssize_t)sizeof segment)
      goto out;
    if (segment.p_type == PT_NOTE)
      break;
  }
  if (segment.p_type != PT_NOTE || segment.p_filesz > 1u << 24 || !(notes = malloc(segment.p_filesz)))
    goto out;
  if (pread(fd, notes, segment.p_filesz, (off_t)segment.p_offset) == (ssize_t)segment.p_filesz)
    result = read_notes(notes, segment.p_filesz, facts);
out:
  free(notes);
  close(fd);
  return result;
}
