#include "matrix.h"
const struct trial trials_stdio[] = { { .name = NULL } };
