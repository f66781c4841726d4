/* plugin.c - a library that is linked without symbols and comes and goes. */
#include "config.h"

void *plugin_exported(void);
void *plugin_hidden_place(void);

__attribute__((noinline)) static void *
here(void)
{
  return __builtin_return_address(0);
}

void *
plugin_exported(void)
{
  void *place = here();
  __asm__ volatile ("");
  return place;
}

__attribute__((noinline)) static void *
hidden(void)
{
  void *place = here();
  __asm__ volatile ("");
  return place;
}

void *
plugin_hidden_place(void)
{
  void *place = hidden();
  __asm__ volatile ("");
  return place;
}
