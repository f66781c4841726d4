/* trace_write.h - how records become blocks, for those who encode them. */
#ifndef WW_TRACE_WRITE_H
#define WW_TRACE_WRITE_H

#include "trace.h"

/* Begin a block whose payload is at most `most` bytes: the buffer has room for them. */
int  trace_block_begin(struct trace_writer *writer, uint32_t type, size_t most);
void trace_block_number(struct trace_writer *writer, uint64_t number);
/* Its length and its bytes, at most `most` of them. */
void trace_block_bytes(struct trace_writer *writer, struct trace_text text, size_t most);
void trace_block_end(struct trace_writer *writer);
/* Encode the pending run, and end the DIRTY block that is open. */
void trace_run_flush(struct trace_writer *writer);

#endif
