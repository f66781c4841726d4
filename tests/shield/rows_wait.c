#include "matrix.h"
const struct row rows_wait[] = { { .name = NULL } };
