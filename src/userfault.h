/* userfault.h - what older <linux/userfaultfd.h> and <linux/fs.h> lack, as the kernel's
 * documentation has it (admin-guide/mm/userfaultfd.rst, pagemap.rst), and the objects that
 * two engines share. */
#ifndef WW_USERFAULT_H
#define WW_USERFAULT_H

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define USERFAULT_USER_MODE_ONLY     1
#define USERFAULT_FLAG_WP            ((uint64_t)1 << 0)
#define USERFAULT_SIGBUS             ((uint64_t)1 << 7)
#define USERFAULT_HUGETLBFS_SHMEM    ((uint64_t)1 << 12)
#define USERFAULT_WP_UNPOPULATED     ((uint64_t)1 << 13)   /* Linux 6.4 */
#define USERFAULT_WP_ASYNC           ((uint64_t)1 << 15)   /* Linux 6.7 */
#define USERFAULT_DEVICE_NEW         _IO(0xaa, 0x00)       /* Linux 6.1 */

/* PAGEMAP_SCAN, Linux 6.7. */
struct userfault_range { uint64_t start, end, categories; };
struct userfault_scan {
  uint64_t size, flags, start, end, walk_end, ranges, range_count, pages_max;
  uint64_t inverted, all_of, any_of, returned;
};
#define USERFAULT_SCAN               _IOWR('f', 16, struct userfault_scan)
#define USERFAULT_SCAN_PROTECT       ((uint64_t)1 << 0)
#define USERFAULT_SCAN_CHECK_ASYNC   ((uint64_t)1 << 1)
#define USERFAULT_SCAN_WRITTEN       ((uint64_t)1 << 1)

/* System calls, os_userfault.c: 0 or more, or a negative errno. Async-signal-safe.
 *
 * A new object with these features, its descriptor out of the way of the program's, or -EPERM if
 * none of the ways to one is open, -EINVAL if the kernel lacks a feature, -ENOSYS. */
int os_userfault_open(uint64_t features);
int os_userfault_register(int fd, uintptr_t start, size_t length);
int os_userfault_unregister(int fd, uintptr_t start, size_t length);
/* Write-protect the pages, present or not; or make them writable again. */
int os_userfault_protect(int fd, uintptr_t start, size_t length, bool protect);
/* Ranges of [start, end) that were written since they were protected; *reached is how far it came.
 * -EPERM if part of what is mapped there is not registered for it. `protect`: and protect them
 * again, each page in one with the look at it. */
long os_pagemap_scan(int fd, uintptr_t start, uintptr_t end, bool protect, struct userfault_range *ranges,
                     size_t count, uintptr_t *reached);
/* /proc/self/pagemap, out of the way too. */
int os_pagemap_open(void);
/* Which file is it? */
int os_file_identity(int fd, uint64_t *device, uint64_t *inode);

#endif
