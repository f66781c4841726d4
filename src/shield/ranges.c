/* ranges.c - async-signal-safe. The memory that a call may write to. */
#include "config.h"
#include "shield/shield.h"
#include "os.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>

void
ranges_add(struct ranges *ranges, uintptr_t start, size_t length)
{
  uintptr_t end = start + length;
  if (!length || !start)
    return;
  if (end < start)
    end = UINTPTR_MAX;
  if (ranges->count < SHIELD_RANGES) {
    ranges->range[ranges->count++] = (struct range){ start, end };
    return;
  }
  /* The nearest one grows. */
  struct range *best = NULL;
  uintptr_t least = UINTPTR_MAX;
  for (size_t i = 0; i < SHIELD_RANGES; i++) {
    struct range *range = &ranges->range[i];
    uintptr_t gap = start > range->end ? start - range->end : range->start > end ? range->start - end : 0;
    if (!best || gap < least) {
      best = range;
      least = gap;
    }
  }
  best->start = start < best->start ? start : best->start;
  best->end = end > best->end ? end : best->end;
}

void
ranges_add_vector(struct ranges *ranges, uintptr_t vector, size_t count)
{
  for (size_t i = 0; i < count && i < IOV_MAX; i++) {
    struct iovec part;
    if (safe_read(&part, vector + i * sizeof part, sizeof part))
      return;
    ranges_add(ranges, (uintptr_t)part.iov_base, part.iov_len);
  }
}

static void
add_message(struct ranges *ranges, uintptr_t at)
{
  struct msghdr message;
  ranges_add(ranges, at, sizeof message);
  if (safe_read(&message, at, sizeof message))
    return;
  ranges_add(ranges, (uintptr_t)message.msg_name, message.msg_namelen);
  ranges_add(ranges, (uintptr_t)message.msg_control, message.msg_controllen);
  ranges_add_vector(ranges, (uintptr_t)message.msg_iov, message.msg_iovlen);
}

void
ranges_add_out(struct ranges *ranges, const struct call *call, const struct out *out)
{
  uintptr_t pointer = (uintptr_t)call->argument[out->pointer];
  uintptr_t length = (uintptr_t)call->argument[out->length];
  const size_t word = 8 * sizeof(unsigned long);
  switch (out->kind) {
    case OUT_FIXED:
      ranges_add(ranges, pointer, out->size);
      break;
    case OUT_BYTES:
      ranges_add(ranges, pointer, length + (out->size > 1 ? out->size : 0));
      break;
    case OUT_ITEMS:
      /* Counts are ints; what does not fit is refused by the kernel. */
      ranges_add(ranges, pointer, length <= INT_MAX ? length * out->size : 0);
      break;
    case OUT_BITS:
      ranges_add(ranges, pointer, length <= INT_MAX ? (length + word - 1) / word * (word / 8) : 0);
      break;
    case OUT_PAGES:
      ranges_add(ranges, pointer, length / os_page_size() + 1);
      break;
    case OUT_SOCKLEN: {
      socklen_t socklen;
      if (pointer && !safe_read(&socklen, length, sizeof socklen) && (int)socklen > 0)
        ranges_add(ranges, pointer, socklen);
      break;
    }
    case OUT_VECTOR:
      ranges_add_vector(ranges, pointer, length);
      break;
    case OUT_MESSAGE:
      add_message(ranges, pointer);
      break;
    case OUT_MESSAGES:
      for (size_t i = 0; i < length && i < IOV_MAX; i++) {
        ranges_add(ranges, pointer + i * sizeof(struct mmsghdr), sizeof(struct mmsghdr));
        add_message(ranges, pointer + i * sizeof(struct mmsghdr));
      }
      break;
    default:
      break;
  }
}
