// SPDX-License-Identifier: Apache-2.0
//
// Stands for compiled model code in the runtime's tests. Linked to a flat image without relocations
// or imports, like the compiler's own output.
//
//   y[r][c]  = x[r][c] * weight[c] + state[c]         6 x 4, rows in parallel
//   state'   = state + sum of the rows of x           4
//   positive = the values of x that are > 0           at most 24, extent known at run time
//
// x[0][0] selects failures: 1e30 gives BAD_INDEX, 2e30 an extent beyond its bound, 3e30 code 77.
#include "edgecc/abi.h"

enum { kRows = 6, kColumns = 4 };

// The arena: one line for the frame, then one line of scratch for each thread.
typedef struct Frame {
  const float *x;
  const float *weights;
  const float *state;
  float *y;
  uint8_t *scratch;
} Frame;

static void rows(void *opaque, uint32_t begin, uint32_t end, uint32_t thread) {
  const Frame *frame = (const Frame *)opaque;
  float *scratch = (float *)(frame->scratch + 64 * thread);
  for (uint32_t r = begin; r < end; ++r) {
    for (int c = 0; c < kColumns; ++c)
      scratch[c] = frame->x[r * kColumns + c] * frame->weights[c];
    for (int c = 0; c < kColumns; ++c)
      frame->y[r * kColumns + c] = scratch[c] + frame->state[c];
  }
}

__attribute__((section(".text.entry"))) int32_t model_run(const edgecc_call_context *context) {
  if (context->abi_version != EDGECC_ABI_VERSION)
    return EDGECC_ENTRY_BAD_ABI;
  const float *x = (const float *)context->inputs[0];
  const float *state = (const float *)context->inputs[1];
  if (x[0] == 1e30f)
    return EDGECC_ENTRY_BAD_INDEX;
  if (x[0] == 3e30f)
    return 77;

  if (context->profile)
    context->profile(context->user, 0);
  Frame *frame = (Frame *)context->arena;
  frame->x = x;
  frame->weights = (const float *)context->weights;
  frame->state = state;
  frame->y = (float *)context->outputs[0];
  frame->scratch = (uint8_t *)context->arena + 64;
  if (context->parallel_for)
    context->parallel_for(context->user, rows, frame, kRows);
  else
    rows(frame, 0, kRows, 0);

  if (context->profile)
    context->profile(context->user, 1);
  float *next = (float *)context->outputs[1];
  for (int c = 0; c < kColumns; ++c) {
    float sum = state[c];
    for (int r = 0; r < kRows; ++r)
      sum += x[r * kColumns + c];
    next[c] = sum;
  }
  float *positive = (float *)context->outputs[2];
  int64_t count = 0;
  for (int i = 0; i < kRows * kColumns; ++i)
    if (x[i] > 0)
      positive[count++] = x[i];
  context->output_extents[2][0] = x[0] == 2e30f ? 25 : count;

  if (context->profile)
    context->profile(context->user, 2);
  return EDGECC_ENTRY_OK;
}
