/* symbol.h - which function, file and line an address of this process is. */
#ifndef WW_SYMBOL_H
#define WW_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

/* What is not known is NULL or 0. */
struct symbol {
  const char *function;  /* the function that the linker knows */
  const char *inlined;   /* the innermost function inlined into it at this address */
  const char *file;      /* as the compiler was told */
  int         line;
  const char *module;    /* the file that is mapped there */
  uint64_t    offset;    /* the address in that file's own terms, as addr2line(1) takes it */
};

/* The modules of this process as they are now. Everything may be missing: debug
 * information, symbols, /proc; then less is found. */
struct symbols;

/* -ENOMEM */
int symbols_open(struct symbols **symbols);
/* What is at `address`; a return address is looked up a byte earlier, in the
 * call. The answer lives until the next call, its strings until symbols_close(). */
struct symbol symbols_find(struct symbols *symbols, uint64_t address, bool is_return);
void symbols_close(struct symbols *symbols);

#endif
