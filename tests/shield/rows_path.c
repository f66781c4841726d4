#include "matrix.h"
const struct row rows_path[] = { { .name = NULL } };
