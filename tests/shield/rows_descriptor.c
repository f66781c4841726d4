#include "matrix.h"
const struct row rows_descriptor[] = { { .name = NULL } };
