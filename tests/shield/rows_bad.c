#include "matrix.h"
const struct row rows_bad[] = { { .name = NULL } };
