/* namer.h - the process that reads strangers' files, and how it is spoken to. */
#ifndef WW_NAMES_NAMER_H
#define WW_NAMES_NAMER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Requests: this head; then, to open, path and build-id; to find, `count` offsets of 64 bits.
 * Answers: to open, a u32 and that many bytes: the trouble, or none. To find, for each offset a
 * u32, the count of places, and for each a struct namer_place and its texts. */
enum namer_what { NAMER_OPEN = 1, NAMER_FIND = 2 };

struct namer_request {
  uint32_t what;
  uint32_t module;                 /* to open, numbers may be left out, and opened later */
  uint32_t count;
  uint32_t path_length, id_length;
  uint64_t since;
};

#define NAMER_NOTHING UINT32_MAX   /* the length of a text that is not known */
#define NAMER_TEXT    4096u        /* longer ones are cut */

struct namer_place {
  uint32_t function, file;         /* lengths */
  uint32_t line;
};

/* Never returns. */
_Noreturn void namer_serve(int fd);

/* All or nothing: false on an error or an end. */
_Bool namer_read(int fd, void *bytes, size_t length);
_Bool namer_write(int fd, const void *bytes, size_t length);

#endif
