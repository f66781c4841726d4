#include "matrix.h"
const struct row rows_async[] = { { .name = NULL } };
