/* sqlite.c - SQLite at work on a real script, with all of its memory tracked: the
 * database's pages in one region, everything else that it allocates in another.
 *
 * The database is in memory, and so is what SQLite would put into temporary files:
 * no system call writes into tracked memory. */
#include "config.h"
#include "workload.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite_heap.h"
#include "sqlite_script.h"

#define DATABASE_PAGE 4096
#define ROWS_SHOWN    12    /* of each query */
#define PAGES_LEAST   256

struct sqlite {
  struct sqlite_script script;
  sqlite3    *database;
  const char *position;   /* in the script */
  size_t      done;       /* statements */
  bool        initialized;
};

static int
sqlite_fails(struct workload_run *run, int code, const char *doing)
{
  struct sqlite *sqlite = run->state;
  const char *why = sqlite->database != NULL ? sqlite3_errmsg(sqlite->database) : sqlite3_errstr(code);

  if (code == SQLITE_NOMEM || code == SQLITE_FULL)
    return workload_fail(run, -ERANGE, "%s: the database does not fit into %zu pages of memory: try more "
                         "--pages", doing, run->pages);
  return workload_fail(run, -EBADMSG, "%s: %s", doing, why);
}

/* SQLite's own memory configuration: three quarters for the database's pages, a
 * quarter for the rest. Pages that find no place among the first go to the rest. */
static int
configure(struct workload_run *run)
{
  size_t heap_bytes = run->pages / 4 * run->page_size;
  size_t cache_bytes = (run->pages - run->pages / 4) * run->page_size;
  void *heap = workload_memory(run, "sqlite heap", heap_bytes);
  void *cache = workload_memory(run, "sqlite pages", cache_bytes);
  int header = 0, code, slot;

  if (heap == NULL || cache == NULL)
    return -ENOMEM;
  /* It is the driver that keeps threads apart: one at a time. */
  code = sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
  if (code == SQLITE_OK)
    code = sqlite_heap_configure(heap, heap_bytes);
  if (code == SQLITE_OK)
    code = sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &header);
  slot = (DATABASE_PAGE + header + 7) & ~7;
  if (code == SQLITE_OK)
    code = sqlite3_config(SQLITE_CONFIG_PAGECACHE, cache, slot, (int)(cache_bytes / (size_t)slot));
  if (code == SQLITE_OK)
    code = sqlite3_initialize();
  if (code != SQLITE_OK)
    return sqlite_fails(run, code, "cannot configure SQLite's memory");
  ((struct sqlite *)run->state)->initialized = true;
  return 0;
}

static int
setup(struct workload_run *run)
{
  struct sqlite *sqlite = calloc(1, sizeof *sqlite);
  int error, code;

  if (sqlite == NULL)
    return workload_fail(run, -ENOMEM, "out of memory");
  run->state = sqlite;
  if (run->pages < PAGES_LEAST || run->pages > (size_t)INT32_MAX)
    return workload_fail(run, -ERANGE, "%zu pages are too %s: from %d to %d", run->pages,
                         run->pages < PAGES_LEAST ? "few" : "many", PAGES_LEAST, INT32_MAX);
  error = sqlite_script_read(run, &sqlite->script);
  if (error == 0)
    error = configure(run);
  if (error != 0)
    return error;
  sqlite->position = sqlite->script.text;
  code = sqlite3_open(":memory:", &sqlite->database);
  if (code == SQLITE_OK)
    code = sqlite3_exec(sqlite->database, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return sqlite_fails(run, code, "cannot open a database");
  /* A file would be read straight into protected pages, and read(2) fails there. */
  sqlite3_limit(sqlite->database, SQLITE_LIMIT_ATTACHED, 0);
  return 0;
}

static void
show_row(struct workload_run *run, sqlite3_stmt *statement)
{
  const unsigned char *text;

  fputs("   ", run->talk);
  for (int i = 0; i < sqlite3_column_count(statement); i++) {
    text = sqlite3_column_text(statement, i);
    fprintf(run->talk, " %s%s", i > 0 ? "| " : "", text != NULL ? (const char *)text : "");
  }
  fputc('\n', run->talk);
}

/* The script's next statement; *ran is false at its end. */
static int
step(struct workload_run *run, bool *ran)
{
  struct sqlite *sqlite = run->state;
  sqlite3_stmt *statement = NULL;
  const char *begin = sqlite->position;
  char where[300];
  uint64_t rows = 0;
  int code = sqlite3_prepare_v2(sqlite->database, begin, -1, &statement, &sqlite->position);

  if (code == SQLITE_OK)
    code = SQLITE_DONE;
  if (statement != NULL)
    for (code = sqlite3_step(statement); code == SQLITE_ROW; code = sqlite3_step(statement))
      if (rows++ < ROWS_SHOWN)
        show_row(run, statement);
  if (rows > ROWS_SHOWN)
    fprintf(run->talk, "    ... and %" PRIu64 " rows more\n", rows - ROWS_SHOWN);
  *ran = statement != NULL;
  sqlite3_finalize(statement);
  if (code == SQLITE_DONE)
    return 0;
  begin += strspn(begin, " \t\r\n");
  snprintf(where, sizeof where, "%s, the statement at line %zu", sqlite->script.name,
           sqlite_script_line(&sqlite->script, begin));
  return sqlite_fails(run, code, where);
}

/* An equal share of the script's statements; the last epoch runs what remains. */
static int
epoch(struct workload_run *run, unsigned epoch, unsigned thread)
{
  struct sqlite *sqlite = run->state;
  size_t share = sqlite->script.statements * epoch / run->epochs;
  bool ran = true;
  int error = 0;

  (void)thread;
  while (error == 0 && *sqlite->position != '\0' && (sqlite->done < share || epoch >= run->epochs)) {
    error = step(run, &ran);
    sqlite->done += ran;
  }
  return error;
}

static int
check(struct workload_run *run)
{
  struct sqlite *sqlite = run->state;
  sqlite3_stmt *statement = NULL;
  const unsigned char *verdict;
  int code = sqlite3_prepare_v2(sqlite->database, "PRAGMA integrity_check", -1, &statement, NULL), error = 0;
  int slots, most_slots;

  if (code != SQLITE_OK)
    return sqlite_fails(run, code, "cannot check the database");
  code = sqlite3_step(statement);
  verdict = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
  if (verdict == NULL)
    error = sqlite_fails(run, code, "cannot check the database");
  else if (strcmp((const char *)verdict, "ok") != 0)
    error = workload_fail(run, -EBADMSG, "SQLite finds the database damaged: %s", (const char *)verdict);
  sqlite3_finalize(statement);
  sqlite3_status(SQLITE_STATUS_PAGECACHE_USED, &slots, &most_slots, 0);
  if (error == 0)
    fprintf(run->talk, "sqlite %s: %zu statements of %s; at most %d database pages and %d KiB besides; "
            "integrity_check: ok\n", sqlite3_libversion(), sqlite->done, sqlite->script.name, most_slots,
            (int)(sqlite3_memory_highwater(0) / 1024));
  return error;
}

static void
teardown(struct workload_run *run)
{
  struct sqlite *sqlite = run->state;

  if (sqlite->initialized) {
    sqlite3_close(sqlite->database);
    sqlite3_shutdown();
  }
  free(sqlite->script.name);
  free(sqlite->script.text);
  free(sqlite);
}

const struct workload workload_sqlite = {
  .name = "sqlite", .summary = "SQLite running a script, its database and all its memory tracked",
  .operands = "[SCRIPT.sql]", .pages = 2048, .epochs = 20, .max_threads = 1,
  .setup = setup, .epoch = epoch, .check = check, .teardown = teardown,
};
