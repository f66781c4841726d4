/* environment.h - the settings in the program's environment, which it does not see. */
#ifndef WW_RECORD_ENVIRONMENT_H
#define WW_RECORD_ENVIRONMENT_H

#include "record/settings.h"

/* Read them, and take them and the recorder's name in LD_PRELOAD out of the environment. False: none are
 * there. */
bool environment_take(struct settings *settings);

#endif
