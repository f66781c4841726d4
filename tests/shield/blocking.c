#include "matrix.h"
const struct trial trials_blocking[] = { { .name = NULL } };
