/* message.h - words for a person, on standard error. */
#ifndef WW_MESSAGE_H
#define WW_MESSAGE_H

#include "status.h"

/* "writewatch: ..." and a newline, in one write. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What a library call failed on; `doing` is a verb phrase ("arm the regions"). */
enum status complain_library(const char *doing, int error);

#endif
