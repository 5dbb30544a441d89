// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Image.h"

#include "runtime/emulator/Check.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

// Moves `at` to the next of the tensor's elements, in order of the leading axes that `index`
// counts. Never past an axis: strides of axes with one element may be anything.
template <class Byte> void advance(const Operand &operand, std::vector<int64_t> &index, Byte *&at) {
  for (size_t axis = index.size(); axis-- > 0;) {
    if (++index[axis] < operand.dims[axis]) {
      at += operand.strides[axis];
      return;
    }
    at -= (operand.dims[axis] - 1) * operand.strides[axis];
    index[axis] = 0;
  }
}

// Copies a strided tensor to or from packed bytes. Programs' computed tensors have whole bytes.
void copyPacked(const Operand &operand, std::byte *packed, bool toPacked) {
  size_t size = bitsOf(operand.type) / 8;
  std::vector<int64_t> index(operand.dims.size(), 0);
  std::byte *at = operand.data;
  for (int64_t i = 0, count = operand.elements(); i < count; ++i, packed += size) {
    toPacked ? std::memcpy(packed, at, size) : std::memcpy(at, packed, size);
    advance(operand, index, at);
  }
}

// Elements that are infinite or no number. Both have all bits of the exponent set.
struct Odd {
  uint64_t count = 0;
  bool isNaN = false;
};

template <class Bits> Odd oddOnesAs(const Operand &operand, Bits exponent, Bits fraction) {
  Odd odd;
  size_t last = operand.dims.size();
  int64_t run = last ? operand.dims[last - 1] : 1, step = last ? operand.strides[last - 1] : 0;
  std::vector<int64_t> index(last ? last - 1 : 0, 0);
  const std::byte *at = operand.data;
  for (int64_t i = 0, runs = operand.elements() / run; i < runs; ++i) {
    for (int64_t k = 0; k < run; ++k) {
      Bits bits;
      std::memcpy(&bits, at + k * step, sizeof bits);
      if ((bits & exponent) != exponent)
        continue;
      ++odd.count;
      odd.isNaN |= (bits & fraction) != 0;
    }
    advance(operand, index, at);
  }
  return odd;
}

Odd oddOnes(const Operand &operand) {
  if (operand.type == ElementType::F16)
    return oddOnesAs<uint16_t>(operand, 0x7c00, 0x03ff);
  if (operand.type == ElementType::F32)
    return oddOnesAs<uint32_t>(operand, 0x7f800000, 0x007fffff);
  return {};
}

} // namespace

void Image::Free::operator()(std::byte *bytes) const { std::free(bytes); }

Image::Image(const ProgramT &program, std::span<const std::byte> weights) : program_(program) {
  const ScheduledProgramT &scheduled = *program.scheduled;
  std::vector<uint64_t> sizes(program.device->scheduled->memories.size(), 1);
  for (const auto &buffer : scheduled.buffers)
    sizes[buffer->memory] = std::max(sizes[buffer->memory], buffer->address + buffer->bytes);
  for (uint64_t size : sizes) // calloc: pages that nothing touches cost nothing
    memories_.emplace_back(static_cast<std::byte *>(std::calloc(size, 1)));
  for (const auto &buffer : scheduled.buffers)
    if (buffer->role == BufferRole::Constant && memories_[buffer->memory])
      std::memcpy(at(*buffer), weights.data() + buffer->content, buffer->bytes);
}

Result<void> Image::setInputs(std::span<const std::span<const std::byte>> inputs) {
  for (const auto &memory : memories_)
    if (!memory)
      return fault(FaultKind::BadInput, "there is not enough memory to hold the device's");
  for (const auto &buffer : program_.scheduled->buffers) {
    if (buffer->role != BufferRole::Input)
      continue;
    if (buffer->content >= inputs.size() || inputs[buffer->content].size() != buffer->bytes)
      return fault(FaultKind::BadInput, fmt::format("input {} ({}) must have {} bytes",
                                                    buffer->content, buffer->name, buffer->bytes));
    std::memcpy(at(*buffer), inputs[buffer->content].data(), buffer->bytes);
  }
  return {};
}

Result<void> Image::getOutputs(std::span<const std::span<std::byte>> outputs) const {
  for (const auto &buffer : program_.scheduled->buffers) {
    if (buffer->role != BufferRole::Output)
      continue;
    if (buffer->content >= outputs.size() || outputs[buffer->content].size() != buffer->bytes)
      return fault(FaultKind::BadInput, fmt::format("output {} ({}) must have {} bytes",
                                                    buffer->content, buffer->name, buffer->bytes));
    std::memcpy(outputs[buffer->content].data(), at(*buffer), buffer->bytes);
  }
  return {};
}

Result<void> Image::execute(uint32_t index, const HostFunction &host) {
  const InstructionT &instruction = *program_.scheduled->instructions[index];
  if (instruction.kernel.type == Kernel::HostCall)
    return callHost(instruction, host);
  std::vector<Operand> inputs;
  for (const auto &view : instruction.inputs)
    inputs.push_back(operand(*view));
  compute(instruction.kernel, instruction.stages, inputs, operand(*instruction.outputs[0]));
  watch(instruction);
  return {};
}

Operand Image::operand(const ViewT &view) const {
  return operandOf(view, at(*program_.scheduled->buffers[view.buffer]));
}

void Image::watch(const InstructionT &instruction) {
  if (nonFinite_)
    return;
  Odd odd;
  for (const auto &view : instruction.outputs) {
    Odd here = oddOnes(operand(*view));
    odd.count += here.count;
    odd.isNaN |= here.isNaN;
  }
  if (odd.count == 0)
    return;
  for (const auto &view : instruction.inputs)
    if (oddOnes(operand(*view)).count > 0)
      return; // handed on, such as the -inf of a mask
  nonFinite_ = NonFinite{static_cast<int>(instruction.layer), odd.isNaN, odd.count};
}

Result<void> Image::callHost(const InstructionT &instruction, const HostFunction &host) {
  auto layer = static_cast<int>(instruction.layer);
  if (!host)
    return fault(FaultKind::HostFailure, "the program has parts for the host, and there is none",
                 layer);
  auto packedOf = [](const Operand &operand) {
    return std::vector<std::byte>(static_cast<size_t>(operand.elements()) *
                                  (bitsOf(operand.type) / 8));
  };
  std::vector<std::vector<std::byte>> inputs, outputs;
  for (const auto &view : instruction.inputs) {
    if (bitsOf(view->type) < 8)
      return fault(FaultKind::HostFailure, "4-bit tensors do not go to the host", layer);
    Operand from = operand(*view);
    inputs.push_back(packedOf(from));
    copyPacked(from, inputs.back().data(), true);
  }
  for (const auto &view : instruction.outputs) {
    if (bitsOf(view->type) < 8)
      return fault(FaultKind::HostFailure, "4-bit tensors do not come from the host", layer);
    outputs.push_back(packedOf(operand(*view)));
  }
  std::vector<std::span<const std::byte>> in(inputs.begin(), inputs.end());
  std::vector<std::span<std::byte>> out(outputs.begin(), outputs.end());
  if (auto called = host(instruction.kernel.AsHostCall()->part, in, out); !called) {
    Fault fault = called.error();
    fault.layer = layer;
    return tl::unexpected(std::move(fault));
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    copyPacked(operand(*instruction.outputs[i]), outputs[i].data(), false);
  watch(instruction);
  return {};
}

} // namespace edgecc::emulator
