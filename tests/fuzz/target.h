/* target.h - what is fuzzed: everything that reads a trace. */
#ifndef WW_FUZZ_TARGET_H
#define WW_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own name. Aborts if something does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
