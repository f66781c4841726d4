/* trace_decode.h - the bytes of a block as a record. */
#ifndef WW_TRACE_DECODE_H
#define WW_TRACE_DECODE_H

#include "trace.h"

/* The record of a block whose checksum is right; texts point into the payload, frames into
 * `frames`. NULL, or what is wrong with it. The type is one that is known. */
const char *trace_decode(struct trace_record *record, const unsigned char *payload, size_t length,
                         uint64_t frames[static TRACE_FRAMES_MAX]);

#endif
