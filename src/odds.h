/* odds.h - what a page costs if it is trapped and if it is kept, and what is known of its kind; policy.c
 * has the model. */
#ifndef WW_ODDS_H
#define WW_ODDS_H

#include "policy.h"

enum { PATIENCE_TRIAL = 2, PATIENCE_MAX = 63 };

/* Left open until the next collect, which is not to take it for one that was opened ahead. */
static const struct patience GIVEN_UP = { .left = 0, .granted = 1 };

static const double TRIES_KNOWN = 16, TRIES_KEPT = 4096;

/* The first page of the next word of a bitmap. */
static inline size_t
next_word(size_t page)
{
  return (page / 64 + 1) * 64;
}

/* What a trap costs in this region, where more or fewer of them split mappings. */
static inline double
trap_cost(const struct policy *policy)
{
  return policy->cost.trap + policy->cost.split * policy->alone;
}

/* A page that is written in more than this share of the epochs is worth keeping, with a margin for what
 * is not known. */
static inline double
worth(const struct policy *policy)
{
  return 1.2 * policy->cost.verify / trap_cost(policy);
}

/* Epochs in which keeping costs one trap. */
static inline unsigned
patience_most(const struct policy *policy)
{
  double most = trap_cost(policy) / policy->cost.verify;
  return most < PATIENCE_TRIAL ? PATIENCE_TRIAL : most < PATIENCE_MAX ? (unsigned)most : PATIENCE_MAX;
}

static inline bool
is_known(const struct odds *odds)
{
  return odds->tries >= TRIES_KNOWN;
}

static inline bool
is_good(const struct policy *policy, const struct odds *odds)
{
  return is_known(odds) && odds->rate > worth(policy);
}

/* Pages that were not written are worth keeping among those that were: where writes are scattered. A stream
 * has neighbours, too, but goes on, and does not come back. */
static inline bool
are_neighbours_good(const struct policy *policy)
{
  return policy->alone > 0.5 && is_good(policy, &policy->neighbours);
}

#endif
