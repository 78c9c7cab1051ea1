// What every fuzz target needs: the entry point and a check that ends the run.
#ifndef TM_FUZZ_H
#define TM_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)         \
  do {                          \
    if (!(condition)) abort();  \
  } while (0)

#endif
