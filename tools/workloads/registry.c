/* registry.c - the workloads, in the order in which they are listed: the default
 * first, then from the plain to the real. */
#include "config.h"
#include "workload.h"

extern const struct workload
  workload_heat, workload_protection,
  workload_sequential, workload_strided, workload_random_pages, workload_zipf, workload_stream,
  workload_matmul, workload_lu, workload_cg, workload_quicksort, workload_fft,
  workload_hashtable, workload_btree, workload_list, workload_gc,
  workload_wordcount, workload_sqlite;

const struct workload *const workloads[] = {
  &workload_zipf,
  &workload_protection,
  &workload_sequential, &workload_strided, &workload_random_pages, &workload_stream,
  &workload_heat, &workload_matmul, &workload_lu, &workload_cg, &workload_quicksort, &workload_fft,
  &workload_hashtable, &workload_btree, &workload_list, &workload_gc,
  &workload_wordcount, &workload_sqlite,
  NULL
};
