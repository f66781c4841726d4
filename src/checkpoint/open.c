/* open.c - a chain that is open: whose it is, what the next checkpoint is based on. */
#include "config.h"
#include "open.h"

#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
  FLAGS_KNOWN = WW_CHAIN_READ_ONLY | WW_CHAIN_BYTES | WW_CHAIN_NO_SYNC | WW_CHAIN_DIRECT | WW_CHAIN_EVERY_PAGE
                | WW_CHAIN_BACKGROUND,
  OPTIONS_SIZE_MIN = sizeof(struct ww_chain_options),
  RESTORE_SIZE_MIN = sizeof(struct ww_restore_options),
  LEVEL_LEAST = -50,
};

/* --------------------------------------------------------------------- lock */

/* A lock of fcntl(2) is this process's: a child does not inherit it, and it dies with us. But it does not
 * keep us from ourselves, and goes when any descriptor of its file is closed: hence the list. */
static struct writing {
  struct writing *next;
  dev_t device;
  ino_t inode;
  pid_t process;
} *all_writing;
static pthread_mutex_t writing_lock = PTHREAD_MUTEX_INITIALIZER;

static int
lock_file(ww_chain *chain)
{
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int file = openat(chain->directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (file < 0)
    return chain_error(-errno, "%s/lock: cannot be opened: %s", chain->path, strerror(errno));
  if (fcntl(file, F_SETLK, &whole) != 0) {
    int error = errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
    pid_t owner = fcntl(file, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK ? whole.l_pid : 0;
    close(file);
    return error == -EBUSY ? chain_error(error, "%s: process %d writes this chain", chain->path, (int)owner)
                           : chain_error(error, "%s/lock: cannot be locked: %s", chain->path,
                                         strerror(-error));
  }
  chain->lock_file = file;
  return 0;
}

static int
lock_chain(ww_chain *chain)
{
  struct stat status;
  struct writing *writing = malloc(sizeof *writing);
  if (!writing)
    return chain_error(-ENOMEM, "no memory for a chain");
  if (fstat(chain->directory, &status) != 0) {
    free(writing);
    return chain_error(-errno, "%s: %s", chain->path, strerror(errno));
  }
  *writing = (struct writing){ NULL, status.st_dev, status.st_ino, getpid() };
  pthread_mutex_lock(&writing_lock);
  int error = 0;
  for (struct writing *other = all_writing; other && !error; other = other->next)
    if (other->device == writing->device && other->inode == writing->inode
        && other->process == writing->process)
      error = chain_error(-EBUSY, "%s: another handle of this process writes this chain", chain->path);
  if (!error)
    error = lock_file(chain);
  if (!error) {
    writing->next = all_writing;
    all_writing = writing;
    chain->writing = writing;
  }
  pthread_mutex_unlock(&writing_lock);
  if (error)
    free(writing);
  return error;
}

static void
unlock_chain(ww_chain *chain)
{
  if (!chain->writing)
    return;
  pthread_mutex_lock(&writing_lock);
  struct writing **at = &all_writing;
  while (*at != chain->writing)
    at = &(*at)->next;
  *at = chain->writing->next;
  /* In a child the lock is none of ours, and closing could give up one that the child has by itself. */
  if (chain->process == getpid())
    close(chain->lock_file);
  pthread_mutex_unlock(&writing_lock);
  free(chain->writing);
}

/* --------------------------------------------------------------------- open */

static int
read_options(const struct ww_chain_options *given, struct ww_chain_options *options)
{
  if (!given)
    return 0;
  if (given->size < OPTIONS_SIZE_MIN)
    return chain_error(-EINVAL, "ww_chain_options.size is %zu, less than the %zu of any version: begin with "
                       "WW_CHAIN_OPTIONS_INIT", given->size, (size_t)OPTIONS_SIZE_MIN);
  for (size_t i = sizeof *options; i < given->size; i++)
    if (((const char *)given)[i])
      return chain_error(-E2BIG, "ww_chain_options sets something that version %s does not know (byte %zu)",
                         PACKAGE_VERSION, i);
  memcpy(options, given, sizeof *options);
  if (options->flags & ~(unsigned)FLAGS_KNOWN)
    return chain_error(-EINVAL, "ww_chain_options.flags is %#x, which this version does not know",
                       options->flags);
  if (options->level < LEVEL_LEAST || options->level > ZSTD_maxCLevel())
    return chain_error(-EINVAL, "ww_chain_options.level is %d: it goes from %d to %d", options->level,
                       LEVEL_LEAST,
                       ZSTD_maxCLevel());
  if (options->keep_most && options->keep_most < options->keep)
    return chain_error(-EINVAL, "ww_chain_options.keep_most is %u, less than keep, %u", options->keep_most,
                       options->keep);
  if (!options->keep_most)
    options->keep_most = options->keep > UINT_MAX / 2 ? UINT_MAX : 2 * options->keep;
  return 0;
}

static int
open_directory(ww_chain *chain, const char *directory)
{
  bool writes = !(chain->options.flags & WW_CHAIN_READ_ONLY);
  uint64_t *generation;
  size_t count;
  uint64_t bytes;
  chain->directory = disk_open_directory(directory, writes);
  if (chain->directory < 0)
    return chain_error(chain->directory, "%s: cannot be opened: %s", directory, strerror(-chain->directory));
  chain->path = realpath(directory, NULL);
  if (!chain->path && !(chain->path = strdup(directory)))
    return chain_error(-ENOMEM, "no memory for a chain");
  if (writes) {
    int error = lock_chain(chain);
    if (error)
      return error;
  }
  int error = disk_scan(chain->directory, writes, &generation, &count, &bytes);
  if (error)
    return chain_error(error, "%s: cannot be read: %s", chain->path, strerror(-error));
  chain->newest = count ? generation[count - 1] : 0;
  chain->files = count;
  chain->bytes = bytes;
  free(generation);
  return 0;
}

int
ww_chain_open(ww_chain **result, const char *directory, const struct ww_chain_options *options)
{
  if (!result || !directory)
    return chain_error(-EINVAL, "ww_chain_open: %s", result ? "no directory" : "no place for the chain");
  ww_chain *chain = calloc(1, sizeof *chain);
  if (!chain)
    return chain_error(-ENOMEM, "no memory for a chain");
  chain->options = (struct ww_chain_options)WW_CHAIN_OPTIONS_INIT;
  chain->directory = chain->lock_file = -1;
  chain->process = getpid();
  chain->slots.next_id = 1;
  pthread_mutex_init(&chain->lock, NULL);
  pthread_mutex_init(&chain->files_lock, NULL);
  int error = read_options(options, &chain->options);
  if (!error && chain->options.on_commit_command
      && !(chain->command = strdup(chain->options.on_commit_command)))
    error = chain_error(-ENOMEM, "no memory for a chain");
  chain->options.on_commit_command = chain->command;
  if (!error)
    error = open_directory(chain, directory);
  if (error)
    ww_chain_close(chain);
  else
    *result = chain;
  return error;
}

void
ww_chain_close(ww_chain *chain)
{
  if (!chain)
    return;
  if (chain->process == getpid()) {
    if (chain->settle)
      chain->settle(chain);
    tend_end(chain);
  }
  ww_dirty_free(chain->last);
  slots_free(&chain->slots);
  unlock_chain(chain);
  if (chain->directory >= 0)
    close(chain->directory);
  pthread_mutex_destroy(&chain->lock);
  pthread_mutex_destroy(&chain->files_lock);
  free(chain->command);
  free(chain->path);
  free(chain);
}

/* -------------------------------------------------------------------- state */

void
chain_lock(ww_chain *chain)
{
  pthread_mutex_lock(&chain->lock);
}

void
chain_unlock(ww_chain *chain)
{
  pthread_mutex_unlock(&chain->lock);
}

int
chain_may_read(const ww_chain *chain)
{
  if (chain->process != getpid())
    return chain_error(-EPERM, "%s: the chain belongs to process %d, which opened it", chain->path,
                       chain->process);
  if (chain->busy)
    return chain_error(-EALREADY, "%s: a checkpoint is under way: ww_checkpoint_wait() first", chain->path);
  return 0;
}

int
chain_may_save(ww_chain *chain, ww_tracker *tracker, const struct ww_checkpoint_info *info)
{
  if (!tracker)
    return chain_error(-EINVAL, "no tracker to checkpoint");
  if (info && info->size < sizeof *info)
    return chain_error(-EINVAL, "ww_checkpoint_info.size is %zu, less than the %zu of any version",
                       info->size,
                       sizeof *info);
  if (chain->options.flags & WW_CHAIN_READ_ONLY)
    return chain_error(-EROFS, "%s: the chain was opened to be read only", chain->path);
  return chain_may_read(chain);
}

struct slot_keeping
chain_keeping(const ww_chain *chain)
{
  bool bytes = chain->options.flags & WW_CHAIN_BYTES;
  return (struct slot_keeping){ .sums = !bytes && !(chain->options.flags & WW_CHAIN_EVERY_PAGE),
                                .shadow = bytes };
}

void
chain_goes_on(ww_chain *chain, const struct file_header *header, struct slots *slots)
{
  if (chain->options.flags & WW_CHAIN_READ_ONLY)
    return;
  chain->parent = header->generation;
  chain->parent_identity = header->identity;
  slots_free(&chain->slots);
  chain->slots = *slots;
  chain->slots.next_id = header->next_id;
  *slots = (struct slots){ NULL, 0, 0 };
  ww_dirty_free(chain->last);
  chain->last = NULL;
}

void
ww_chain_label(ww_chain *chain, uint64_t label)
{
  atomic_store(&chain->label, label);
}

int
ww_chain_restore(ww_chain *chain, const struct ww_restore_options *given, struct ww_restore_info *info)
{
  struct ww_restore_options options = WW_RESTORE_OPTIONS_INIT;
  if (!chain || (given && given->size < RESTORE_SIZE_MIN) || (info && info->size < sizeof *info))
    return chain_error(-EINVAL, "ww_chain_restore: %s", !chain ? "no chain"
                       : "a size is less than that of any version");
  if (given)
    memcpy(&options, given, sizeof options);
  if (options.flags & ~(unsigned)WW_RESTORE_FRESH)
    return chain_error(-EINVAL, "ww_restore_options.flags is %#x, which this version does not know",
                       options.flags);
  chain_lock(chain);
  int error = chain_may_read(chain);
  if (!error) {
    pthread_mutex_lock(&chain->files_lock);
    error = restore(chain, &options, info);
    pthread_mutex_unlock(&chain->files_lock);
  }
  chain_unlock(chain);
  return error;
}

int
ww_chain_list(ww_chain *chain, ww_chain_each *each, void *context)
{
  if (!chain || !each)
    return chain_error(-EINVAL, "ww_chain_list: %s", chain ? "nothing to call" : "no chain");
  pthread_mutex_lock(&chain->files_lock);
  int error = inventory(chain, false, each, context);
  pthread_mutex_unlock(&chain->files_lock);
  return error;
}

int
ww_chain_verify(ww_chain *chain, ww_chain_each *each, void *context)
{
  if (!chain)
    return chain_error(-EINVAL, "ww_chain_verify: no chain");
  pthread_mutex_lock(&chain->files_lock);
  int error = inventory(chain, true, each, context);
  pthread_mutex_unlock(&chain->files_lock);
  return error;
}

int
ww_chain_regions(ww_chain *chain, uint64_t generation, ww_chain_each_region *each, void *context)
{
  if (!chain || !each)
    return chain_error(-EINVAL, "ww_chain_regions: %s", chain ? "nothing to call" : "no chain");
  pthread_mutex_lock(&chain->files_lock);
  int error = inventory_regions(chain, generation, each, context);
  pthread_mutex_unlock(&chain->files_lock);
  return error;
}

int
ww_chain_compact(ww_chain *chain, unsigned keep)
{
  if (!chain || keep == 0)
    return chain_error(-EINVAL, "ww_chain_compact: %s", chain ? "at least one checkpoint is kept"
                       : "no chain");
  if (chain->options.flags & WW_CHAIN_READ_ONLY)
    return chain_error(-EROFS, "%s: the chain was opened to be read only", chain->path);
  if (chain->process != getpid())
    return chain_error(-EPERM, "%s: the chain belongs to process %d, which opened it", chain->path,
                       chain->process);
  return compact(chain, 0, keep);
}
