// SPDX-License-Identifier: Apache-2.0
//
// Creation and destruction of contexts, and their bindings.
#include "runtime/src/Context.h"

#include "runtime/src/Error.h"
#include "runtime/src/StridedCopy.h"

#include <cstring>
#include <new>

namespace edgecc::runtime {

namespace {

constexpr uint32_t kDefaultSpinMicroseconds = 50;

edgecc_status checkOptions(const edgecc_context_options *options, edgecc_error *error) {
  if (!options)
    return EDGECC_OK;
  if (options->struct_size < sizeof(edgecc_context_options))
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT,
                "edgecc_context_options.struct_size is not sizeof(edgecc_context_options)");
  if (options->num_threads > EDGECC_MAX_THREADS)
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT, "at most %d threads are supported, not %u",
                EDGECC_MAX_THREADS, options->num_threads);
  return EDGECC_OK;
}

/// Allocates the structure and its arrays, zeroed.
edgecc_context *allocateContext(const edgecc_model &model, uint32_t numThreads) {
  uint32_t inputs = model.view.inputCount();
  uint32_t outputs = model.view.outputCount();
  BlockLayout layout;
  layout.add(1, sizeof(edgecc_context));
  uint64_t inputSlots = layout.add(inputs, sizeof(InputSlot));
  uint64_t outputSlots = layout.add(outputs, sizeof(OutputSlot));
  uint64_t inputPointers = layout.add(inputs, sizeof(void *));
  uint64_t outputPointers = layout.add(outputs, sizeof(void *));
  uint64_t extentPointers = layout.add(outputs, sizeof(int64_t *));
  uint64_t timers = layout.add(model.layerCount(), sizeof(LayerTimer));
  uint64_t threads = layout.add(numThreads, sizeof(pthread_t));

  auto *block = static_cast<uint8_t *>(allocate(model.allocator, layout.size()));
  if (!block)
    return nullptr;
  memset(block, 0, layout.size());
  auto *context = new (block) edgecc_context;
  context->model = &model;
  context->numThreads = numThreads;
  context->blockBytes = layout.size();
  context->inputCount = inputs;
  context->outputCount = outputs;
  context->layerCount = model.layerCount();
  context->inputs = reinterpret_cast<InputSlot *>(block + inputSlots);
  context->outputs = reinterpret_cast<OutputSlot *>(block + outputSlots);
  context->inputPointers = reinterpret_cast<const void **>(block + inputPointers);
  context->outputPointers = reinterpret_cast<void **>(block + outputPointers);
  context->extentPointers = reinterpret_cast<int64_t **>(block + extentPointers);
  context->timers = reinterpret_cast<LayerTimer *>(block + timers);
  context->threads = reinterpret_cast<pthread_t *>(block + threads);
  return context;
}

/// Allocates all input and output buffers in one piece.
edgecc_status allocateTensors(edgecc_context &context, edgecc_error *error) {
  const edgecc_model &model = *context.model;
  BlockLayout layout;
  for (uint32_t i = 0; i < context.inputCount; ++i) {
    edgecc_model_input(&model, i, &context.inputs[i].info, sizeof(edgecc_tensor_info));
    layout.add(context.inputs[i].info.bytes, 1);
  }
  for (uint32_t i = 0; i < context.outputCount; ++i) {
    edgecc_model_output(&model, i, &context.outputs[i].info, sizeof(edgecc_tensor_info));
    layout.add(context.outputs[i].info.bytes, 1);
  }
  context.tensorBytes = layout.size();
  context.tensors = allocate(model.allocator, context.tensorBytes);
  if (!context.tensors)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for %llu bytes of inputs and outputs",
                static_cast<unsigned long long>(context.tensorBytes));

  auto *base = static_cast<uint8_t *>(context.tensors);
  BlockLayout placement;
  for (uint32_t i = 0; i < context.inputCount; ++i)
    context.inputs[i].buffer = base + placement.add(context.inputs[i].info.bytes, 1);
  for (uint32_t i = 0; i < context.outputCount; ++i) {
    OutputSlot &output = context.outputs[i];
    output.buffer = base + placement.add(output.info.bytes, 1);
    output.stateInput = kNoState;
    memcpy(output.dims, output.info.dims, sizeof output.dims);
    context.extentPointers[i] = output.info.dynamic ? output.dims : nullptr;
  }
  return EDGECC_OK;
}

edgecc_status allocateArena(edgecc_context &context, edgecc_error *error) {
  context.arenaBytes = context.model->arenaBytes(context.numThreads);
  if (context.arenaBytes == 0)
    return EDGECC_OK;
  context.arena = allocate(context.model->allocator, context.arenaBytes);
  if (!context.arena)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for an arena of %llu bytes",
                static_cast<unsigned long long>(context.arenaBytes));
  return EDGECC_OK;
}

edgecc_status startThreads(edgecc_context &context, const edgecc_context_options *options,
                           edgecc_error *error) {
  if (options && options->thread_pool) {
    context.callerPool = *options->thread_pool;
    context.hasCallerPool = true;
    return EDGECC_OK;
  }
  uint32_t spin = options ? options->spin_microseconds : 0;
  uint64_t nanoseconds = uint64_t(spin ? spin : kDefaultSpinMicroseconds) * 1000;
  if (!context.pool.start(context.numThreads, nanoseconds, context.threads))
    return fail(error, EDGECC_ERROR_THREAD, "cannot start %u worker threads",
                context.numThreads - 1);
  context.hasOwnPool = true;
  return EDGECC_OK;
}

void zeroState(edgecc_context &context, const OutputSlot &output) {
  InputSlot &input = context.inputs[output.stateInput];
  memset(input.buffer, 0, input.info.bytes);
}

} // namespace

} // namespace edgecc::runtime

using namespace edgecc::runtime;

extern "C" {

edgecc_status edgecc_context_create(const edgecc_model *model,
                                    const edgecc_context_options *options, edgecc_context **context,
                                    edgecc_error *error) {
  if (!model || !context)
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT, "model and context must not be NULL");
  *context = nullptr;
  if (edgecc_status status = checkOptions(options, error))
    return status;
  uint32_t numThreads = options && options->num_threads ? options->num_threads : 1;
  edgecc_context *created = allocateContext(*model, numThreads);
  if (!created)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for a context");
  edgecc_status status;
  if ((status = allocateTensors(*created, error)) || (status = allocateArena(*created, error)) ||
      (status = startThreads(*created, options, error))) {
    edgecc_context_destroy(created);
    return status;
  }
  *context = created;
  return EDGECC_OK;
}

void edgecc_context_destroy(edgecc_context *context) {
  if (!context)
    return;
  if (context->hasOwnPool)
    context->pool.stop();
  edgecc_allocator allocator = context->model->allocator;
  release(allocator, context->arena, context->arenaBytes);
  release(allocator, context->tensors, context->tensorBytes);
  release(allocator, context, context->blockBytes);
}

const char *edgecc_context_error(const edgecc_context *context) { return context->error.text; }

uint32_t edgecc_context_num_threads(const edgecc_context *context) { return context->numThreads; }

edgecc_status edgecc_context_set_input(edgecc_context *context, uint32_t index, const void *data,
                                       const int64_t *byte_strides) {
  if (!context)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  if (index >= context->inputCount || !data)
    return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                index >= context->inputCount ? "the model has %u inputs, there is no input %u"
                                             : "input data must not be NULL (%u inputs, input %u)",
                context->inputCount, index);
  InputSlot &input = context->inputs[index];
  for (uint32_t i = 0; i < context->outputCount; ++i)
    if (context->outputs[i].stateInput == index)
      return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                  "input '%s' is a bound state: write to edgecc_context_input_buffer",
                  input.info.name);
  bool dense = true;
  if (byte_strides) {
    uint32_t bits = edgecc_type_bits(input.info.type);
    if (bits < 8)
      return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                  "input '%s' has elements of %u bits and must be dense", input.info.name, bits);
    dense = isDense(input.info.rank, input.info.dims, byte_strides, bits / 8);
    memcpy(input.strides, byte_strides, input.info.rank * sizeof(int64_t));
  }
  if (!byte_strides) { // strides of the dense tensor, should it have to be copied for its alignment
    int64_t stride = edgecc_type_bits(input.info.type) / 8;
    for (uint32_t axis = input.info.rank; axis-- > 0; stride *= input.info.dims[axis])
      input.strides[axis] = stride;
  }
  input.source = data;
  input.gather = !dense || reinterpret_cast<uintptr_t>(data) % EDGECC_ALIGNMENT != 0;
  return EDGECC_OK;
}

void *edgecc_context_input_buffer(edgecc_context *context, uint32_t index) {
  if (!context || index >= context->inputCount)
    return nullptr;
  InputSlot &input = context->inputs[index];
  input.source = input.buffer;
  input.gather = false;
  return input.buffer;
}

edgecc_status edgecc_context_bind_output(edgecc_context *context, uint32_t index, void *data) {
  if (!context)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  if (index >= context->outputCount)
    return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                "the model has %u outputs, there is no output %u", context->outputCount, index);
  OutputSlot &output = context->outputs[index];
  if (output.stateInput != kNoState)
    return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                "output '%s' is a bound state and keeps its own buffer", output.info.name);
  output.bound = data;
  return EDGECC_OK;
}

const void *edgecc_context_output(const edgecc_context *context, uint32_t index) {
  if (!context || index >= context->outputCount)
    return nullptr;
  const OutputSlot &output = context->outputs[index];
  if (output.stateInput != kNoState) // the buffers changed places after the run
    return context->inputs[output.stateInput].buffer;
  return output.bound ? output.bound : output.buffer;
}

edgecc_status edgecc_context_output_dims(const edgecc_context *context, uint32_t index,
                                         int64_t *dims) {
  if (!context || index >= context->outputCount || !dims)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  const OutputSlot &output = context->outputs[index];
  memcpy(dims, output.dims, output.info.rank * sizeof(int64_t));
  return EDGECC_OK;
}

edgecc_status edgecc_context_bind_state(edgecc_context *context, uint32_t output, uint32_t input) {
  if (!context)
    return EDGECC_ERROR_INVALID_ARGUMENT;
  if (output >= context->outputCount || input >= context->inputCount)
    return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                "there is no output %u or no input %u", output, input);
  OutputSlot &from = context->outputs[output];
  InputSlot &to = context->inputs[input];
  if (from.info.type != to.info.type || from.info.bytes != to.info.bytes || from.info.dynamic)
    return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                "output '%s' cannot become input '%s': types or sizes differ", from.info.name,
                to.info.name);
  for (uint32_t i = 0; i < context->outputCount; ++i)
    if (i != output && context->outputs[i].stateInput == input)
      return fail(&context->error, EDGECC_ERROR_INVALID_ARGUMENT,
                  "input '%s' is already bound to output '%s'", to.info.name,
                  context->outputs[i].info.name);
  from.stateInput = input;
  from.bound = nullptr;
  edgecc_context_input_buffer(context, input);
  zeroState(*context, from);
  return EDGECC_OK;
}

void edgecc_context_reset_states(edgecc_context *context) {
  for (uint32_t i = 0; context && i < context->outputCount; ++i)
    if (context->outputs[i].stateInput != kNoState)
      zeroState(*context, context->outputs[i]);
}

} // extern "C"
