// SPDX-License-Identifier: Apache-2.0
//
// The contract between compiled model code and whoever calls it: the runtime library, or a
// program that links the object form directly. Plain C, no dependencies.
//
// A compiled model exports one entry function. It allocates nothing, keeps no state between calls
// beyond what its caller passes in, and calls nothing outside itself but the functions in the
// context table. Two calls may run at once if their arenas and outputs do not overlap.
#ifndef EDGECC_ABI_H
#define EDGECC_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Changes whenever the layout or meaning of the structures below changes.
#define EDGECC_ABI_VERSION 1u

// Values the entry function returns.
#define EDGECC_ENTRY_OK 0
#define EDGECC_ENTRY_BAD_ABI 1   // context.abi_version is not the one the code was compiled for
#define EDGECC_ENTRY_BAD_INDEX 2 // a run-time index (Gather, Scatter...) lies outside its axis
#define EDGECC_ENTRY_BAD_BOUND 3 // a data-dependent size exceeds the bound it was compiled with

// Runs work units [begin, end) of one parallel region. `thread` is in [0, num_threads) and selects
// the scratch slice; `frame` is the opaque pointer that was given to parallel_for.
typedef void (*edgecc_task_fn)(void *frame, uint32_t begin, uint32_t end, uint32_t thread);

typedef struct edgecc_call_context {
  uint32_t abi_version; // EDGECC_ABI_VERSION
  uint32_t num_threads; // at least 1; the arena must be sized for this number

  const void *const *inputs; // one pointer per model input, dense row-major, 64-byte aligned
  void *const *outputs;      // one pointer per model output, dense row-major, 64-byte aligned
  const void *weights;       // the weight section, 64-byte aligned, read only
  void *arena;               // 64-byte aligned working memory: ARENA_SIZE(num_threads) bytes

  // Splits units [0, count) into num_threads contiguous ranges, thread t taking
  // [count*t/num_threads, count*(t+1)/num_threads), and returns when all have finished.
  // May be NULL if num_threads is 1.
  void (*parallel_for)(void *user, edgecc_task_fn task, void *frame, uint32_t count);

  // Called with layer index i when layer i begins and with i == number of layers at the end.
  // NULL when profiling is off.
  void (*profile)(void *user, uint32_t layer);

  void *user; // handed back to both callbacks

  // One pointer per model output that has data-dependent extents, else NULL: the entry function
  // stores the actual extents (rank int64 values) there. May be NULL if the model has none.
  int64_t *const *output_extents;
} edgecc_call_context;

typedef int32_t (*edgecc_entry_fn)(const edgecc_call_context *context);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // EDGECC_ABI_H
