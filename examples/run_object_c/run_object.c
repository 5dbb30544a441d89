// SPDX-License-Identifier: Apache-2.0
//
// run_object [INPUT.bin [OUTPUT.bin]]: runs the model that is linked in. Without an input file the
// input is zero.
#include "model.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

_Static_assert(MODEL_INPUT_COUNT == 1 && MODEL_OUTPUT_COUNT == 1,
               "this example is for models with one input and one output");

enum { kThreads = 3, kMaxRank = 16 };

static alignas(64) unsigned char input[MODEL_INPUT_0_SIZE];
static alignas(64) unsigned char output[MODEL_OUTPUT_0_SIZE];
static alignas(64) unsigned char again[MODEL_OUTPUT_0_SIZE];
static alignas(64) unsigned char arena[MODEL_ARENA_SIZE(kThreads)];

// Stands for a thread pool: the ranges may run in any order, so one after the other will do.
static void run_ranges(void *user, edgecc_task_fn task, void *frame, uint32_t count) {
  (void)user;
  for (uint32_t t = 0; t < kThreads; ++t)
    task(frame, (uint32_t)((uint64_t)count * t / kThreads),
         (uint32_t)((uint64_t)count * (t + 1) / kThreads), t);
}

static int run(unsigned char *result, uint32_t threads) {
  int64_t extents[kMaxRank];
  const void *inputs[] = {input};
  void *outputs[] = {result};
  int64_t *output_extents[] = {extents};
  edgecc_call_context context = {
      .abi_version = EDGECC_ABI_VERSION,
      .num_threads = threads,
      .inputs = inputs,
      .outputs = outputs,
      .weights = model_weights,
      .arena = arena,
      .parallel_for = threads > 1 ? run_ranges : NULL,
      .output_extents = output_extents,
  };
  int32_t status = model_run(&context);
  if (status != EDGECC_ENTRY_OK)
    fprintf(stderr, "run_object: the model returned %d\n", (int)status);
  return status != EDGECC_ENTRY_OK;
}

static int transfer(const char *path, const char *mode, unsigned char *data, size_t size) {
  FILE *file = fopen(path, mode);
  size_t done = 0;
  if (file) {
    done = *mode == 'r' ? fread(data, 1, size, file) : fwrite(data, 1, size, file);
    if (fclose(file) != 0)
      done = 0;
  }
  if (done != size)
    fprintf(stderr, "run_object: %s: cannot %s %zu bytes\n", path, *mode == 'r' ? "read" : "write",
            size);
  return done != size;
}

int main(int argc, char **argv) {
  if (argc > 1 && transfer(argv[1], "rb", input, sizeof input))
    return 1;
  if (run(output, 1) || run(again, kThreads))
    return 1;
  if (memcmp(output, again, sizeof output) != 0) {
    fprintf(stderr, "run_object: the result depends on the number of threads\n");
    return 1;
  }
  if (argc > 2 && transfer(argv[2], "wb", output, sizeof output))
    return 1;
  printf("%zu bytes in, %zu bytes out, %zu bytes of weights, %zu bytes of working memory\n",
         sizeof input, sizeof output, (size_t)MODEL_WEIGHTS_SIZE, (size_t)MODEL_ARENA_SIZE(1));
  return 0;
}
