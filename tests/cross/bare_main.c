// SPDX-License-Identifier: Apache-2.0
//
// A program without a C library around one model: reads all inputs from standard input, one after
// the other, and writes all outputs to standard output. Exit status: 0, 2 if the input ends early
// or the output cannot be written, 3 if the result depends on the number of threads, 4 if the model
// overwrote memory around its outputs, 10 + the model's own error.
#include "tests/cross/bare_system.h"

#include "model.h"

enum { kThreads = 3, kMaxRank = 16, kGuardBytes = 64, kGuard = 0xa5 };

// --- The model ----------------------------------------------------------------------------------

typedef struct {
  unsigned char *data;
  size_t size;
} buffer;

#define ALIGNED _Alignas(64) static unsigned char
#define INPUT(i) ALIGNED input_##i[MODEL_INPUT_##i##_SIZE + 1];
// Twice: for the run on one thread and for the run on several.
#define OUTPUT(i)                                                                                  \
  ALIGNED output_##i[MODEL_OUTPUT_##i##_SIZE + kGuardBytes];                                       \
  ALIGNED again_##i[MODEL_OUTPUT_##i##_SIZE + kGuardBytes];
#define INPUT_ENTRY(i) {input_##i, MODEL_INPUT_##i##_SIZE},
#define OUTPUT_ENTRY(i) {output_##i, MODEL_OUTPUT_##i##_SIZE},
#define AGAIN_ENTRY(i) {again_##i, MODEL_OUTPUT_##i##_SIZE},

EACH_INPUT(INPUT)
EACH_OUTPUT(OUTPUT)
ALIGNED arena[MODEL_ARENA_SIZE(kThreads) + 1];

static buffer inputs[] = {EACH_INPUT(INPUT_ENTRY){0, 0}};
static buffer outputs[] = {EACH_OUTPUT(OUTPUT_ENTRY)};
static buffer again[] = {EACH_OUTPUT(AGAIN_ENTRY)};

// The ranges may run in any order: here the last comes first.
static void run_ranges(void *user, edgecc_task_fn task, void *frame, uint32_t count) {
  (void)user;
  for (uint32_t t = kThreads; t-- > 0;)
    task(frame, (uint32_t)((uint64_t)count * t / kThreads),
         (uint32_t)((uint64_t)count * (t + 1) / kThreads), t);
}

static void run(const buffer *results, uint32_t threads) {
  static int64_t extents[MODEL_OUTPUT_COUNT][kMaxRank];
  const void *input_pointers[MODEL_INPUT_COUNT + 1];
  void *output_pointers[MODEL_OUTPUT_COUNT];
  int64_t *extent_pointers[MODEL_OUTPUT_COUNT];
  for (int i = 0; i < MODEL_INPUT_COUNT; ++i)
    input_pointers[i] = inputs[i].data;
  for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i) {
    output_pointers[i] = results[i].data;
    extent_pointers[i] = extents[i];
    memset(results[i].data, kGuard, results[i].size + kGuardBytes);
  }
  // Nothing may depend on what was in the arena.
  memset(arena, threads == 1 ? 0 : 0xff, sizeof arena);
  edgecc_call_context context = {
      .abi_version = EDGECC_ABI_VERSION,
      .num_threads = threads,
      .inputs = input_pointers,
      .outputs = output_pointers,
      .weights = model_weights,
      .arena = arena,
      .parallel_for = threads > 1 ? run_ranges : NULL,
      .output_extents = extent_pointers,
  };
  int32_t status = model_run(&context);
  if (status != EDGECC_ENTRY_OK)
    leave(10 + status);
}

__attribute__((used)) static _Noreturn void program(void) {
  for (int i = 0; i < MODEL_INPUT_COUNT; ++i)
    transfer(kRead, inputs[i].data, inputs[i].size);
  run(outputs, 1);
  run(again, kThreads);
  for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i) {
    for (size_t k = 0; k < outputs[i].size; ++k)
      if (outputs[i].data[k] != again[i].data[k])
        leave(3);
    for (size_t k = 0; k < kGuardBytes; ++k)
      if (outputs[i].data[outputs[i].size + k] != kGuard)
        leave(4);
  }
  for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i)
    transfer(kWrite, outputs[i].data, outputs[i].size);
  leave(0);
}
