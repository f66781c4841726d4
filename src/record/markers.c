/* markers.c - the program closes an epoch by itself: ww_marker() of <writewatch.h>. */
#include "config.h"
#include "record/recorder.h"
#include "os.h"
#include "writewatch.h"
#include "raw.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static struct lock markers;

/* The label is read and the lock taken with signals held off; a label that cannot be read crashes as in any
 * function of the program's. */
__attribute__((visibility("default"))) void
ww_recorder_marker(const char *label)
{
  struct control *control = recorder.control;
  char copy[CONTROL_LABEL] = "";
  int saved = errno;
  if (!control || atomic_load(&control->state) != CONTROL_RECORDING || recorder.process != os_process_id())
    return;
  if (label)
    strncat(copy, label, sizeof copy - 1);
  lock_take(&markers);
  memcpy(control->label, copy, sizeof copy);
  uint32_t ticket = atomic_fetch_add(&control->asked, 1) + 1, done;
  recorder_wake();
  while ((int32_t)((done = atomic_load(&control->done)) - ticket) < 0
         && atomic_load(&control->state) == CONTROL_RECORDING) {
    struct timespec limit = { 0, 100000000 };
    if (RAW_CALL(SYS_futex, &control->done, FUTEX_WAIT, done, &limit, NULL, 0) == -ETIMEDOUT
        && RAW_CALL(SYS_kill, atomic_load(&control->companion), 0) == -ESRCH)
      atomic_store(&control->state, CONTROL_FINISHED);
  }
  lock_give(&markers);
  errno = saved;
}
