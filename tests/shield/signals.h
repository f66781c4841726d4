/* signals.h - what the cases of the signal tests share. */
#ifndef WW_SIGNALS_H
#define WW_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct signals_case {
  const char *name;
  void (*run)(void);
};

/* Each ends with one that has no name. */
extern const struct signals_case cases_actions[], cases_masks[], cases_waits[], cases_sent[],
  cases_processes[], cases_places[];

enum { PAGES = 64 };
/* On record: compared with the run that is not tracked. Async-signal-safe enough for us. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* And errno, if it failed. */
void say_result(const char *what, long result);
/* Write to a page that is watched in the tracked run, where it must be reported. */
void touch(unsigned page);
/* The kernel's mask as the program sees it. */
uint64_t mask_now(void);
/* In a handler of another signal, where what it blocks of SIGSYS and SIGSTKFLT is not known (sigmask.h). */
uint64_t mask_in_handler(void);
void say_mask(const char *what);
void say_action(const char *what, int signal);
const char *name_of(void *handler);
/* "note HANDLER": say signal and mask, touch page `note_page`. */
void note(int signal);
void note_info(int signal, siginfo_t *info, void *context);
/* Write where nothing is mapped. */
#define crash() (*crash_place = 1)
extern volatile char *volatile crash_place;
extern volatile int note_calls;
extern const char *own_path;

#endif
