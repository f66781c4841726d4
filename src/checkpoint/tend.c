/* tend.c - who sees to it that a chain does not grow beyond what its options say. */
#include "config.h"
#include "open.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct tending {
  ww_chain   *chain;
  uint64_t    newest;
  pthread_t   thread;
  _Atomic int done;
};

static void
tend_now(ww_chain *chain, uint64_t newest)
{
  int error = compact(chain, newest, chain->options.keep);
  if (error)
    chain_note(chain, "%s: old checkpoints could not be compacted: %s", chain->path, ww_chain_error());
}

static void *
tend_thread(void *argument)
{
  struct tending *tending = argument;
  tend_now(tending->chain, tending->newest);
  atomic_store(&tending->done, 1);
  return NULL;
}

int
thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
  sigset_t most, before;
  sigfillset(&most);
  sigdelset(&most, SIGSEGV);
  sigdelset(&most, SIGBUS);
  sigdelset(&most, SIGSYS);
  sigdelset(&most, SIGILL);
  sigdelset(&most, SIGFPE);
  pthread_sigmask(SIG_BLOCK, &most, &before);
  int error = pthread_create(thread, NULL, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

void
tend_end(ww_chain *chain)
{
  if (!chain->tending)
    return;
  pthread_join(chain->tending->thread, NULL);
  free(chain->tending);
  chain->tending = NULL;
}

void
tend(ww_chain *chain)
{
  const struct ww_chain_options *options = &chain->options;
  uint64_t files = atomic_load(&chain->files), bytes = atomic_load(&chain->bytes);
  if (!options->keep || files <= options->keep
      || (files < options->keep_most && !(options->limit && bytes > options->limit / 4 * 3)))
    return;
  if (!(options->flags & WW_CHAIN_BACKGROUND)) {
    tend_now(chain, chain->parent);
    return;
  }
  /* A thread that does not get on is waited for, or nothing would bound the chain. */
  if (chain->tending && !atomic_load(&chain->tending->done) && files < 2 * (uint64_t)options->keep_most)
    return;
  tend_end(chain);
  struct tending *tending = malloc(sizeof *tending);
  if (tending) {
    tending->chain = chain;
    tending->newest = chain->parent;
    tending->done = 0;
    if (thread_start(&tending->thread, tend_thread, tending) == 0) {
      chain->tending = tending;
      return;
    }
    free(tending);
  }
  tend_now(chain, chain->parent);
}
