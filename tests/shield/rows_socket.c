#include "matrix.h"
const struct row rows_socket[] = { { .name = NULL } };
