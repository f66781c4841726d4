/* disk.h - the system calls of a chain: whole, or an error; nothing here is interrupted. */
#ifndef WW_CHECKPOINT_DISK_H
#define WW_CHECKPOINT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A checkpoint's name in its directory. */
enum { DISK_NAME = 32 };
void disk_name(uint64_t generation, char name[DISK_NAME]);
/* 0: not the name of one. */
uint64_t disk_generation(const char *name);

int disk_open_directory(const char *path, bool make);     /* a descriptor */
int disk_open(int directory, const char *name, uint64_t *length);  /* to read: a regular file or -EBADMSG */
int disk_create(int directory, const char *name, bool *direct);    /* *direct: past the cache, if it can */
int disk_write(int file, const void *bytes, size_t length, uint64_t offset);
int disk_read(int file, void *bytes, size_t length, uint64_t offset);  /* -EBADMSG: the file ends before */
int disk_sync(int file);
void disk_begin_writing(int file, uint64_t offset, uint64_t length);  /* a hint: before the sync */
int disk_truncate(int file, uint64_t length);
int disk_rename(int directory, const char *from, const char *to);
int disk_remove(int directory, const char *name);
int disk_random(void *bytes, size_t length);
uint64_t disk_now(void);         /* CLOCK_MONOTONIC, nanoseconds */
uint64_t disk_date(void);        /* since 1970 */
void disk_wait_until(uint64_t moment);

/* Changes with each file that is made, renamed or removed in the directory. */
uint64_t disk_state(int directory);

/* The generations in the directory, ascending; the caller frees *generation. With `tidy', what was left
 * half written is removed. *bytes, if not NULL: of all their files. */
int disk_scan(int directory, bool tidy, uint64_t **generation, size_t *count, uint64_t *bytes);

#endif
