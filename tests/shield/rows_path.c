/* rows_path.c - calls that say something of a path. */
#include "matrix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char thing[] = "/dev/null", attribute[] = "user.matrix";

static const char *
open_thing(struct scene *s)
{
  s->file[0] = open(thing, O_RDONLY);
  return s->file[0] < 0 ? "no /dev/null" : NULL;
}

#ifdef SYS_stat
static long
call_stat(struct scene *s)
{
  return s->via == VIA_LIBC ? stat(thing, s->at[0]) : SYS(s, SYS_stat, P(thing), P(s->at[0]));
}

static long
call_lstat(struct scene *s)
{
  return s->via == VIA_LIBC ? lstat(thing, s->at[0]) : SYS(s, SYS_lstat, P(thing), P(s->at[0]));
}
#endif

static long
call_fstat(struct scene *s)
{
  return s->via == VIA_LIBC ? fstat(s->file[0], s->at[0]) : SYS(s, SYS_fstat, s->file[0], P(s->at[0]));
}

static long
call_fstatat(struct scene *s)
{
  return s->via == VIA_LIBC ? fstatat(AT_FDCWD, thing, s->at[0], AT_SYMLINK_NOFOLLOW)
         : SYS(s, SYS_newfstatat, AT_FDCWD, P(thing), P(s->at[0]), AT_SYMLINK_NOFOLLOW);
}

static long
call_statx(struct scene *s)
{
  return s->via == VIA_LIBC ? statx(AT_FDCWD, thing, 0, STATX_BASIC_STATS, s->at[0])
         : SYS(s, SYS_statx, AT_FDCWD, P(thing), 0, STATX_BASIC_STATS, P(s->at[0]));
}

static const char *
open_folder(struct scene *s)
{
  s->file[0] = open("/usr", O_RDONLY | O_DIRECTORY);
  return s->file[0] < 0 ? "no /usr" : NULL;
}

static long
call_getdents64(struct scene *s)
{
  return s->via == VIA_LIBC ? getdents64(s->file[0], s->at[0], s->size[0])
         : SYS(s, SYS_getdents64, s->file[0], P(s->at[0]), P(s->size[0]));
}

#ifdef SYS_getdents
static long
call_getdents(struct scene *s)
{
  return SYS(s, SYS_getdents, s->file[0], P(s->at[0]), P(s->size[0]));
}
#endif

#ifdef SYS_readlink
static long
call_readlink(struct scene *s)
{
  return s->via == VIA_LIBC ? readlink("/proc/self/exe", s->at[0], s->size[0])
         : SYS(s, SYS_readlink, P("/proc/self/exe"), P(s->at[0]), P(s->size[0]));
}
#endif

static long
call_readlinkat(struct scene *s)
{
  return s->via == VIA_LIBC ? readlinkat(AT_FDCWD, "/proc/self/exe", s->at[0], s->size[0])
         : SYS(s, SYS_readlinkat, AT_FDCWD, P("/proc/self/exe"), P(s->at[0]), P(s->size[0]));
}

static long
call_getcwd(struct scene *s)
{
  if (s->via == VIA_LIBC)
    return getcwd(s->at[0], s->size[0]) == s->at[0] ? 0 : -1;
  return SYS(s, SYS_getcwd, P(s->at[0]), P(s->size[0]));
}

/* ---------------------------------------------------- extended attributes */

static const char *
attributed(struct scene *s)
{
  char value[3000];
  const char *path = scratch_path("attributed");
  data_fill(value, sizeof value);
  s->file[0] = data_file_named(path, 1, O_RDWR);
  if (s->file[0] < 0 || fsetxattr(s->file[0], attribute, value, sizeof value, 0))
    return "no extended attributes here";
  return NULL;
}

static void
attributed_end(struct scene *s)
{
  (void)s;
  unlink(scratch_path("attributed"));
}

static long
call_getxattr(struct scene *s)
{
  const char *path = scratch_path("attributed");
  return s->via == VIA_LIBC ? getxattr(path, attribute, s->at[0], s->size[0])
         : SYS(s, SYS_getxattr, P(path), P(attribute), P(s->at[0]), P(s->size[0]));
}

static long
call_lgetxattr(struct scene *s)
{
  const char *path = scratch_path("attributed");
  return s->via == VIA_LIBC ? lgetxattr(path, attribute, s->at[0], s->size[0])
         : SYS(s, SYS_lgetxattr, P(path), P(attribute), P(s->at[0]), P(s->size[0]));
}

static long
call_fgetxattr(struct scene *s)
{
  return s->via == VIA_LIBC ? fgetxattr(s->file[0], attribute, s->at[0], s->size[0])
         : SYS(s, SYS_fgetxattr, s->file[0], P(attribute), P(s->at[0]), P(s->size[0]));
}

static long
call_listxattr(struct scene *s)
{
  const char *path = scratch_path("attributed");
  return s->via == VIA_LIBC ? listxattr(path, s->at[0], s->size[0])
         : SYS(s, SYS_listxattr, P(path), P(s->at[0]), P(s->size[0]));
}

static long
call_llistxattr(struct scene *s)
{
  const char *path = scratch_path("attributed");
  return s->via == VIA_LIBC ? llistxattr(path, s->at[0], s->size[0])
         : SYS(s, SYS_llistxattr, P(path), P(s->at[0]), P(s->size[0]));
}

static long
call_flistxattr(struct scene *s)
{
  return s->via == VIA_LIBC ? flistxattr(s->file[0], s->at[0], s->size[0])
         : SYS(s, SYS_flistxattr, s->file[0], P(s->at[0]), P(s->size[0]));
}

/* ----------------------------------------------------------- file systems */

static const char *
open_proc(struct scene *s)
{
  s->file[0] = open("/proc", O_RDONLY | O_DIRECTORY);
  return s->file[0] < 0 ? "no /proc" : NULL;
}

static long
call_statfs(struct scene *s)
{
  return s->via == VIA_LIBC ? statfs("/proc", s->at[0]) : SYS(s, SYS_statfs, P("/proc"), P(s->at[0]));
}

static long
call_fstatfs(struct scene *s)
{
  return s->via == VIA_LIBC ? fstatfs(s->file[0], s->at[0]) : SYS(s, SYS_fstatfs, s->file[0], P(s->at[0]));
}

#ifdef SYS_ustat
static const char *
a_device(struct scene *s)
{
  struct stat about;
  char at[64];
  if (stat("/", &about) || syscall(SYS_ustat, (long)about.st_dev, at))
    return "no ustat";
  s->keep[0] = (long)about.st_dev;
  return NULL;
}

static long
call_ustat(struct scene *s)
{
  return SYS(s, SYS_ustat, s->keep[0], P(s->at[0]));
}
#endif

/* A handle that begins with its own size, and a mount's number. */
static const char *
handle(struct scene *s)
{
  struct { struct file_handle handle; unsigned char room[128]; } here = { .handle.handle_bytes = 128 };
  int mount;
  if (name_to_handle_at(AT_FDCWD, "/", &here.handle, &mount, 0))
    return "no handles of files here";
  unsigned bytes = (unsigned)(s->size[0] - sizeof(struct file_handle));
  memcpy(s->image[0], &bytes, sizeof bytes);
  return NULL;
}

static long
call_handle(struct scene *s)
{
  return s->via == VIA_LIBC ? name_to_handle_at(AT_FDCWD, "/", s->at[0], s->at[1], 0)
         : SYS(s, SYS_name_to_handle_at, AT_FDCWD, P("/"), P(s->at[0]), P(s->at[1]), 0);
}

const struct row rows_path[] = {
#ifdef SYS_stat
  { "stat", { sizeof(struct stat) }, .call = call_stat },
  { "lstat", { sizeof(struct stat) }, .call = call_lstat },
  { "readlink", { 3000 }, .call = call_readlink },
  { "readlink, cut", { 5 }, .call = call_readlink },
  { "getdents", { 6000 }, open_folder, .call = call_getdents, .via = RAW },
  { "ustat", { 32 }, a_device, .call = call_ustat, .via = RAW, .varies = 1 },
#endif
  { "fstat", { sizeof(struct stat) }, open_thing, .call = call_fstat },
  { "newfstatat", { sizeof(struct stat) }, .call = call_fstatat },
  { "statx", { sizeof(struct statx) }, .call = call_statx },
  { "getdents64", { 6000 }, open_folder, .call = call_getdents64 },
  { "getdents64 in pieces", { 100 }, open_folder, .call = call_getdents64 },
  { "readlinkat", { 3000 }, .call = call_readlinkat },
  { "getcwd", { 5000 }, .call = call_getcwd },
  { "getxattr", { 4000 }, attributed, .call = call_getxattr, .clean = attributed_end },
  { "lgetxattr", { 3000 }, attributed, .call = call_lgetxattr, .clean = attributed_end },
  { "fgetxattr", { 4000 }, attributed, .call = call_fgetxattr, .clean = attributed_end },
  { "listxattr", { 4000 }, attributed, .call = call_listxattr, .clean = attributed_end },
  { "llistxattr", { 4000 }, attributed, .call = call_llistxattr, .clean = attributed_end },
  { "flistxattr", { 4000 }, attributed, .call = call_flistxattr, .clean = attributed_end },
  { "statfs", { sizeof(struct statfs) }, .call = call_statfs },
  { "fstatfs", { sizeof(struct statfs) }, open_proc, .call = call_fstatfs },
  { "name_to_handle_at", { 128, 4 }, handle, .call = call_handle },
  { .name = NULL }
};
