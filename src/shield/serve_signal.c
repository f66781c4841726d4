/* serve_signal.c - async-signal-safe. Calls about signals: see mask.h and action.h. */
#include "config.h"
#include "shield/serve.h"
#include "shield/mask.h"
#include "shield/send.h"
#include "shield/shield.h"
#include "shield/action.h"

long
serve_sigaction(struct call *call)
{
  const long *a = call->argument;
  return action_change((int)a[0], (const struct os_action *)a[1], (struct os_action *)a[2], (size_t)a[3]);
}

long
serve_sigprocmask(struct call *call)
{
  const long *a = call->argument;
  return mask_change((int)a[0], (const uint64_t *)a[1], (uint64_t *)a[2], (size_t)a[3], call->context);
}

long
serve_sigpending(struct call *call)
{
  return mask_pending((uint64_t *)call->argument[0], (size_t)call->argument[1]);
}

long
serve_send(struct call *call)
{
  return send_signal(call);
}

long
serve_sigaltstack(struct call *call)
{
  return mask_altstack((const stack_t *)call->argument[0], (stack_t *)call->argument[1], call->context);
}

long
serve_wait(struct call *call)
{
  return mask_wait(call->number, call->argument);
}

CALL_LEAVES long
serve_exec(struct call *call)
{
  shield_open_signals(call);
  return mask_exec(call->number, call->argument);
}
