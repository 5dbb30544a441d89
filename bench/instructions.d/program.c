// SPDX-License-Identifier: Apache-2.0
//
// A program without a C library around one model, whose instructions are counted: reads all inputs
// from standard input and runs the model three times on one thread, with a mark in front of each
// run and behind the last. The first run is there for what happens once. A mark is a call of
// getpid, which does nothing else; with -DCOUNTERS=N it also writes the N counters that
// instrumented assembly has. Exit status: 0, 2 if the input ends early, 10 + the model's own error.
#include "tests/cross/bare_system.h"

#include "model.h"

enum { kRuns = 3, kMaxRank = 16 };

#define ALIGNED _Alignas(64) static unsigned char
#define INPUT(i) ALIGNED input_##i[MODEL_INPUT_##i##_SIZE + 1];
#define OUTPUT(i) ALIGNED output_##i[MODEL_OUTPUT_##i##_SIZE + 1];
#define POINTER_TO_INPUT(i) input_##i,
#define POINTER_TO_OUTPUT(i) output_##i,
#define READ(i) transfer(kRead, input_##i, MODEL_INPUT_##i##_SIZE);

EACH_INPUT(INPUT)
EACH_OUTPUT(OUTPUT)
ALIGNED arena[MODEL_ARENA_SIZE(1) + 1];

#ifdef COUNTERS
uint64_t edgecc_counters[COUNTERS], edgecc_saved;
#endif

static void mark(void) {
#ifdef COUNTERS
  transfer(kWrite, (unsigned char *)edgecc_counters, sizeof edgecc_counters);
#endif
  system_call(kGetpid, 0, 0, 0);
}

static void program(void) {
  EACH_INPUT(READ)
  static int64_t extents[MODEL_OUTPUT_COUNT][kMaxRank];
  static const void *inputs[] = {EACH_INPUT(POINTER_TO_INPUT) NULL};
  static void *outputs[] = {EACH_OUTPUT(POINTER_TO_OUTPUT)};
  int64_t *extent_pointers[MODEL_OUTPUT_COUNT];
  for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i)
    extent_pointers[i] = extents[i];
  edgecc_call_context context = {
      .abi_version = EDGECC_ABI_VERSION,
      .num_threads = 1,
      .inputs = inputs,
      .outputs = outputs,
      .weights = model_weights,
      .arena = arena,
      .output_extents = extent_pointers,
  };
  for (int i = 0; i < kRuns; ++i) {
    mark();
    int32_t status = model_run(&context);
    if (status != EDGECC_ENTRY_OK)
      leave(10 + status);
  }
  mark();
  leave(0);
}
