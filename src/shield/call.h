/* call.h - async-signal-safe. The program's memory, read and written by the shield. */
#ifndef WW_CALL_H
#define WW_CALL_H

#include <stddef.h>
#include <stdint.h>

/* 0, or -EFAULT where the program's own access would have crashed. */
int safe_read(void *to, uintptr_t from, size_t length);
int safe_write(uintptr_t to, const void *from, size_t length);
/* Memory that the kernel writes whenever it likes: never protected again. 0 or a negative errno. */
int shield_keep_open(uintptr_t start, uintptr_t end);

#endif
