/* error.h - what the last failure of a thread was about. Not for handlers. */
#ifndef WW_ERROR_H
#define WW_ERROR_H

/* Keep a sentence for ww_last_error(); returns `error`. */
int error_set(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *error_last(void);
const char *error_meaning(int error);

#endif
