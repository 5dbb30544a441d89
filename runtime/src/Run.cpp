// SPDX-License-Identifier: Apache-2.0
//
// One inference, and the profile that it leaves.
#include "runtime/src/Clock.h"
#include "runtime/src/Context.h"
#include "runtime/src/Error.h"
#include "runtime/src/FloatEnvironment.h"
#include "runtime/src/StridedCopy.h"

#include <cstring>

namespace edgecc::runtime {

namespace {

void parallelFor(void *user, edgecc_task_fn task, void *frame, uint32_t count) {
  auto *context = static_cast<edgecc_context *>(user);
  if (context->hasCallerPool)
    context->callerPool.parallel_for(context->callerPool.user, context->numThreads, task, frame,
                                     count);
  else
    context->pool.run(task, frame, count);
}

/// Called at the start of each layer and once after the last.
void beginLayer(void *user, uint32_t layer) {
  auto *context = static_cast<edgecc_context *>(user);
  uint64_t now = monotonicNanoseconds();
  if (context->currentLayer < context->layerCount) {
    LayerTimer &timer = context->timers[context->currentLayer];
    uint64_t elapsed = now - context->layerStart;
    timer.total += elapsed;
    timer.minimum = timer.count == 0 || elapsed < timer.minimum ? elapsed : timer.minimum;
    ++timer.count;
  }
  context->currentLayer = layer;
  context->layerStart = monotonicNanoseconds();
}

edgecc_status gatherInputs(edgecc_context &context) {
  for (uint32_t i = 0; i < context.inputCount; ++i) {
    InputSlot &input = context.inputs[i];
    if (!input.source)
      return fail(&context.error, EDGECC_ERROR_NOT_SET, "input '%s' has not been set",
                  input.info.name);
    context.inputPointers[i] = input.gather ? input.buffer : input.source;
    if (!input.gather)
      continue;
    if (edgecc_type_bits(input.info.type) < 8)
      memcpy(input.buffer, input.source, input.info.bytes);
    else
      copyStrided(input.buffer, input.source, input.info.rank, input.info.dims, input.strides,
                  edgecc_type_bits(input.info.type) / 8);
  }
  return EDGECC_OK;
}

bool isAligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % EDGECC_ALIGNMENT == 0;
}

void placeOutputs(edgecc_context &context) {
  for (uint32_t i = 0; i < context.outputCount; ++i) {
    OutputSlot &output = context.outputs[i];
    bool inPlace = output.bound && isAligned(output.bound);
    context.outputPointers[i] = inPlace ? output.bound : output.buffer;
  }
}

// Model code carries no type signature before its functions for -fsanitize=function to read.
[[clang::no_sanitize("function")]] edgecc_status call(edgecc_context &context) {
  const edgecc_model &model = *context.model;
  edgecc_call_context arguments = {};
  arguments.abi_version = EDGECC_ABI_VERSION;
  arguments.num_threads = context.numThreads;
  arguments.inputs = context.inputPointers;
  arguments.outputs = context.outputPointers;
  arguments.weights = model.weights;
  arguments.arena = context.arena;
  arguments.parallel_for = context.numThreads > 1 ? parallelFor : nullptr;
  arguments.profile = context.profiling ? beginLayer : nullptr;
  arguments.user = &context;
  arguments.output_extents = context.extentPointers;
  context.currentLayer = context.layerCount;
  int32_t result;
  {
    FloatEnvironment environment;
    result = model.entry(&arguments);
  }
  switch (result) {
  case EDGECC_ENTRY_OK:
    return EDGECC_OK;
  case EDGECC_ENTRY_BAD_ABI:
    return fail(&context.error, EDGECC_ERROR_VERSION,
                "the compiled code refuses version %u of the calling convention",
                EDGECC_ABI_VERSION);
  case EDGECC_ENTRY_BAD_INDEX:
    return fail(&context.error, EDGECC_ERROR_INDEX, "a run-time index lies outside its axis");
  case EDGECC_ENTRY_BAD_BOUND:
    return fail(&context.error, EDGECC_ERROR_BOUND,
                "a data-dependent size exceeds the bound that the model was compiled with");
  }
  return fail(&context.error, EDGECC_ERROR_MALFORMED, "the compiled code returned %d", result);
}

/// Bytes of an output at the extents that the run reported; false if they exceed the bounds.
bool actualBytes(const OutputSlot &output, size_t *bytes) {
  *bytes = output.info.bytes;
  if (!output.info.dynamic)
    return true;
  uint64_t elements = 1; // cannot overflow: no extent exceeds its bound
  for (uint32_t axis = 0; axis < output.info.rank; ++axis) {
    if (output.dims[axis] < 0 || output.dims[axis] > output.info.dims[axis])
      return false;
    elements *= uint64_t(output.dims[axis]);
  }
  *bytes = (elements * edgecc_type_bits(output.info.type) + 7) / 8;
  return true;
}

edgecc_status deliverOutputs(edgecc_context &context) {
  for (uint32_t i = 0; i < context.outputCount; ++i) {
    OutputSlot &output = context.outputs[i];
    size_t bytes;
    if (!actualBytes(output, &bytes))
      return fail(&context.error, EDGECC_ERROR_BOUND,
                  "output '%s' reports extents beyond its bounds", output.info.name);
    if (output.bound && output.bound != context.outputPointers[i])
      memcpy(output.bound, output.buffer, bytes);
  }
  // All outputs are good: the states take their step together.
  for (uint32_t i = 0; i < context.outputCount; ++i) {
    OutputSlot &output = context.outputs[i];
    if (output.stateInput == kNoState)
      continue;
    InputSlot &input = context.inputs[output.stateInput];
    void *newState = output.buffer;
    output.buffer = input.buffer;
    input.source = input.buffer = newState;
  }
  return EDGECC_OK;
}

} // namespace

} // namespace edgecc::runtime

using namespace edgecc::runtime;

extern "C" {

edgecc_status edgecc_context_run(edgecc_context *context) {
  if (!context)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  if (edgecc_status status = gatherInputs(*context))
    return status;
  placeOutputs(*context);
  if (edgecc_status status = call(*context))
    return status;
  return deliverOutputs(*context);
}

edgecc_status edgecc_context_profile(edgecc_context *context, int32_t enable) {
  if (!context)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  context->profiling = enable != 0;
  if (enable)
    memset(context->timers, 0, context->layerCount * sizeof(LayerTimer));
  return EDGECC_OK;
}

edgecc_status edgecc_context_layer_profile(const edgecc_context *context, uint32_t layer,
                                           edgecc_layer_profile *profile, size_t profile_size) {
  if (!context || !profile || layer >= context->layerCount)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  const LayerTimer &timer = context->timers[layer];
  edgecc_layer_profile out = {timer.total, timer.minimum, timer.count};
  if (profile_size > sizeof out)
    memset(reinterpret_cast<char *>(profile) + sizeof out, 0, profile_size - sizeof out);
  memcpy(profile, &out, profile_size < sizeof out ? profile_size : sizeof out);
  return EDGECC_OK;
}

} // extern "C"
