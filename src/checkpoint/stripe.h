/* stripe.h - a long region, read by several threads, each a part of it. */
#ifndef WW_CHECKPOINT_STRIPE_H
#define WW_CHECKPOINT_STRIPE_H

#include "content.h"

/* content_read() of all units. */
int stripes_read(const struct content *content, struct decoder *decoder, struct content_target *target,
                 size_t *culprit, char problem[PROBLEM]);

#endif
