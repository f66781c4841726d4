#include "matrix.h"
const struct row rows_signal[] = { { .name = NULL } };
