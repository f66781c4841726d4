#include "matrix.h"
const struct row rows_time[] = { { .name = NULL } };
