/* record_inspect.c - `writewatch record': can the program be recorded? */
#include "config.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "message.h"
#include "record.h"

enum { PATH_ROOM = 4096, SCRIPTS = 5, HEADERS = 128 };

static bool
is_program(const char *path)
{
  struct stat status;

  return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* As execvp(3) does. */
static int
find(const char *command, char path[PATH_ROOM])
{
  const char *folders = getenv("PATH");
  bool met = false;

  if (strchr(command, '/') != NULL) {
    if (snprintf(path, PATH_ROOM, "%s", command) < PATH_ROOM && is_program(path))
      return 0;
    met = access(command, F_OK) == 0;
  } else
    for (const char *at = folders ? folders : "/bin:/usr/bin"; *command != '\0'; at++) {
      size_t length = strcspn(at, ":");
      if (snprintf(path, PATH_ROOM, "%.*s%s%s", (int)length, at, length ? "/" : "", command) < PATH_ROOM) {
        if (is_program(path))
          return 0;
        met |= access(path, F_OK) == 0;
      }
      at += length;
      if (*at == '\0')
        break;
    }
  complain("cannot run '%s': %s", command,
           met ? "it is not a program that may be executed" : "it was not found");
  return met ? RECORD_REFUSED : RECORD_NOT_FOUND;
}

/* "#!interpreter argument": the interpreter; false: it is no script. */
static bool
read_script(int fd, char path[PATH_ROOM])
{
  char line[257];
  ssize_t length = pread(fd, line, sizeof line - 1, 0);
  char *begin;

  if (length < 2 || line[0] != '#' || line[1] != '!')
    return false;
  line[length] = '\0';
  line[strcspn(line, "\n")] = '\0';
  begin = line + 2 + strspn(line + 2, " \t");
  begin[strcspn(begin, " \t")] = '\0';
  snprintf(path, PATH_ROOM, "%s", begin);
  return true;
}

/* Which linker a program asks for: the C library's. */
static bool
read_interpreter(int fd, const Elf64_Ehdr *head, char *interpreter, size_t room)
{
  Elf64_Phdr header[HEADERS];
  size_t count = head->e_phnum < HEADERS ? head->e_phnum : HEADERS;
  ssize_t size = (ssize_t)(count * sizeof *header);

  if (head->e_phentsize != sizeof *header || pread(fd, header, (size_t)size, (off_t)head->e_phoff) != size)
    return false;
  for (size_t i = 0; i < count; i++)
    if (header[i].p_type == PT_INTERP && header[i].p_filesz < room
        && pread(fd, interpreter, header[i].p_filesz, (off_t)header[i].p_offset)
           == (ssize_t)header[i].p_filesz) {
      interpreter[header[i].p_filesz] = '\0';
      return true;
    }
  return false;
}

static int
refuse(const char *path, const char *why)
{
  complain("cannot record %s: %s", path, why);
  return RECORD_REFUSED;
}

/* Would the kernel run it with more rights than ours? Then the linker preloads nothing. */
static const char *
rights_of(int fd)
{
  struct stat status;

  if (fstat(fd, &status) != 0)
    return NULL;
  if ((status.st_mode & S_ISUID) && status.st_uid != geteuid())
    return "it is setuid, and the dynamic linker preloads nothing into such a program; run it as its owner";
  if ((status.st_mode & S_ISGID) && (status.st_mode & S_IXGRP) && status.st_gid != getegid())
    return "it is setgid, and the dynamic linker preloads nothing into such a program; run it in its group";
  if (geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
    return "it has capabilities (setcap(8)), and the dynamic linker preloads nothing into such a program";
  return NULL;
}

static int
inspect_elf(int fd, const char *path)
{
  static char theirs[PATH_ROOM], ours[PATH_ROOM];
  Elf64_Ehdr head, own;
  int self;
  const char *rights;

  if (pread(fd, &head, sizeof head, 0) < (ssize_t)EI_NIDENT || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return refuse(path, "it is neither an ELF program nor a script");
  self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (self < 0 || pread(self, &own, sizeof own, 0) != sizeof own
      || !read_interpreter(self, &own, ours, sizeof ours)) {
    complain("cannot read /proc/self/exe; is /proc mounted?");
    return RECORD_FAILED;
  }
  close(self);
  if (head.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] || head.e_machine != own.e_machine)
    return refuse(path, head.e_ident[EI_CLASS] == ELFCLASS32
                  ? "it is a 32-bit program, this is a 64-bit recorder"
                    : "it is a program for another processor");
  if (!read_interpreter(fd, &head, theirs, sizeof theirs))
    return refuse(path, "it is statically linked, so that nothing can be preloaded into it; link it "
                  "dynamically");
  if (strcmp(strrchr(theirs, '/') ? strrchr(theirs, '/') : theirs,
             strrchr(ours, '/') ? strrchr(ours, '/') : ours) != 0)
    return refuse(path, "it uses another C library than this recorder");
  rights = rights_of(fd);
  return rights != NULL ? refuse(path, rights) : 0;
}

int
record_inspect(const char *command)
{
  static char path[PATH_ROOM];
  int status = find(command, path);

  for (unsigned depth = 0; status == 0 && depth < SCRIPTS; depth++) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      /* It may be executed and not be read: the kernel knows what it is, and the recorder will not start
       * where it cannot. */
      return 0;
    if (!read_script(fd, path)) {
      status = inspect_elf(fd, path);
      close(fd);
      return status;
    }
    close(fd);
    if (!is_program(path)) {
      complain("cannot run '%s': its interpreter %s was not found", command, path);
      return RECORD_NOT_FOUND;
    }
  }
  return status;
}
