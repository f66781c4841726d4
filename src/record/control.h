/* control.h - what the command, the program's threads and the companion share while a program is recorded. */
#ifndef WW_RECORD_CONTROL_H
#define WW_RECORD_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

enum { CONTROL_LABEL = 256, CONTROL_TEXT = 512, CONTROL_PATH = 4096 + 32, CONTROL_CHILDREN = 256 };

enum control_state {
  CONTROL_NOT_STARTED = 0,     /* the recorder was not loaded */
  CONTROL_RECORDING = 1,
  CONTROL_REFUSED = 2,         /* `text` says why; the program was not run */
  CONTROL_FINISHED = 3         /* the trace is as it will be */
};

/* A child of the program, on its way into the trace. */
struct control_child { _Atomic int32_t pid; uint32_t how; };   /* pid 0: free; enum trace_child_how */

struct control {
  _Atomic uint32_t request;    /* a futex: counted up by whoever wants an epoch closed */
  _Atomic uint32_t state;      /* a futex: enum control_state */
  _Atomic uint32_t signals;    /* epochs that were asked for from outside */
  _Atomic int32_t companion;   /* process id */
  _Atomic uint64_t start;      /* CLOCK_MONOTONIC, ns: what the trace's times count from */
  _Atomic uint64_t epochs, pages;      /* in the trace */
  char text[CONTROL_TEXT];
  char trace[CONTROL_PATH];    /* of the image that runs */
  /* Of the process itself. */
  _Atomic uint32_t asked, done;        /* markers; `done` is a futex */
  char label[CONTROL_LABEL];           /* of the marker that waits */
  struct control_child child[CONTROL_CHILDREN];
};

#endif
