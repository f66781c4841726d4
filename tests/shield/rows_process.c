#include "matrix.h"
const struct row rows_process[] = { { .name = NULL } };
