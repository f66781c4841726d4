#include "matrix.h"
const struct row rows_ipc[] = { { .name = NULL } };
