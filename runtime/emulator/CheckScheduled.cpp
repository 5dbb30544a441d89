// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Check.h"
#include "runtime/emulator/Cost.h"

#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

class ScheduledChecker {
public:
  ScheduledChecker(const ProgramT &program, uint64_t weightsBytes)
      : program_(program), scheduled_(*program.scheduled), machine_(*program.device->scheduled),
        weightsBytes_(weightsBytes) {}

  Result<void> run() {
    if (scheduled_.streams < 1 || scheduled_.streams > machine_.max_streams)
      return bad(
          fmt::format("{} streams on a machine of {}", scheduled_.streams, machine_.max_streams));
    for (size_t i = 0; i < scheduled_.buffers.size(); ++i)
      if (auto checked = buffer(i); !checked)
        return checked;
    for (const auto &queue : scheduled_.queues)
      if (!queue || queue->engine >= machine_.engines.size() || queue->units < 1 ||
          queue->units > machine_.engines[queue->engine]->count)
        return bad("a queue has no engine, or more units than the engine");
    for (const auto &barrier : scheduled_.barriers)
      if (!barrier)
        return bad("a barrier is missing");
    signals_.assign(scheduled_.barriers.size(), 0);
    lastLayer_.assign(scheduled_.queues.size(), -1);
    for (size_t i = 0; i < scheduled_.instructions.size(); ++i)
      if (auto checked = instruction(i); !checked)
        return checked;
    for (size_t i = 0; i < signals_.size(); ++i)
      if (signals_[i] != scheduled_.barriers[i]->producers)
        return bad(fmt::format("barrier {} waits for {} instructions, and {} signal it", i,
                               scheduled_.barriers[i]->producers, signals_[i]));
    return {};
  }

private:
  static Result<void> bad(std::string message, int layer = -1) {
    return fault(FaultKind::BadProgram, std::move(message), layer);
  }

  Result<void> buffer(size_t index) {
    const BufferT *buffer = scheduled_.buffers[index].get();
    if (!buffer || buffer->memory >= machine_.memories.size())
      return bad(fmt::format("buffer {} lies in no memory", index));
    if (buffer->role < BufferRole::MIN || buffer->role > BufferRole::MAX)
      return bad(fmt::format("buffer {} has no role", index));
    const MemoryT &memory = *machine_.memories[buffer->memory];
    if (buffer->address > memory.bytes || buffer->bytes > memory.bytes - buffer->address)
      return fault(FaultKind::OverfullMemory,
                   fmt::format("buffer {} ({}) ends at {}, beyond the {} bytes of {}", index,
                               buffer->name, buffer->address + buffer->bytes, memory.bytes,
                               memory.name));
    if (buffer->address % memory.alignment != 0)
      return bad(fmt::format("buffer {} ({}) is not aligned to {} bytes", index, buffer->name,
                             memory.alignment));
    if (buffer->role == BufferRole::Constant &&
        (buffer->content > weightsBytes_ || buffer->bytes > weightsBytes_ - buffer->content))
      return bad(
          fmt::format("buffer {} ({}) has its content beyond the weights", index, buffer->name));
    return {};
  }

  Result<Operand> view(const ViewT *view, const std::string &where, int layer) {
    if (!view || view->buffer >= scheduled_.buffers.size())
      return fault(FaultKind::BadProgram, where + " names no buffer", layer);
    auto range = bytesOf(*view);
    if (!range)
      return fault(FaultKind::BadProgram, where + " has no type, shape or strides of an operand",
                   layer);
    const BufferT &buffer = *scheduled_.buffers[view->buffer];
    if (static_cast<uint64_t>(range->high) > buffer.bytes)
      return fault(FaultKind::OutOfRange,
                   fmt::format("{} reaches byte {} of buffer {} ({}), which has {}", where,
                               range->high, view->buffer, buffer.name, buffer.bytes),
                   layer);
    return operandOf(*view, nullptr);
  }

  Result<void> instruction(size_t index) {
    const InstructionT *instruction = scheduled_.instructions[index].get();
    std::string where = fmt::format("instruction {}", index);
    if (!instruction || instruction->queue >= scheduled_.queues.size())
      return bad(where + " is in no queue");
    if (instruction->layer >= program_.layers.size())
      return bad(where + " belongs to no layer");
    int layer = static_cast<int>(instruction->layer);
    const QueueT &queue = *scheduled_.queues[instruction->queue];
    const EngineT &engine = *machine_.engines[queue.engine];
    if (instruction->units < 1 || instruction->units > queue.units)
      return bad(where + " uses more units than its queue has", layer);
    if (engine.kind == EngineKind::Convolution && instruction->mode >= engine.modes.size())
      return bad(where + " has a mode that its engine has not", layer);
    if (instruction->continues &&
        (instruction->starts_stage || lastLayer_[instruction->queue] != layer))
      return bad(where + " continues what its queue has not begun", layer);
    lastLayer_[instruction->queue] = layer;
    for (uint32_t barrier : instruction->waits)
      if (barrier >= scheduled_.barriers.size())
        return bad(where + " waits for no barrier", layer);
    for (uint32_t barrier : instruction->signals) {
      if (barrier >= scheduled_.barriers.size())
        return bad(where + " signals no barrier", layer);
      ++signals_[barrier];
    }
    std::vector<Operand> inputs, outputs;
    for (const auto &input : instruction->inputs) {
      auto operand = view(input.get(), where + "'s input", layer);
      if (!operand)
        return tl::unexpected(operand.error());
      inputs.push_back(std::move(*operand));
    }
    for (const auto &output : instruction->outputs) {
      auto operand = view(output.get(), where + "'s output", layer);
      if (!operand)
        return tl::unexpected(operand.error());
      if (scheduled_.buffers[output->buffer]->role == BufferRole::Constant ||
          scheduled_.buffers[output->buffer]->role == BufferRole::Input)
        return bad(where + " writes a constant or an input", layer);
      outputs.push_back(std::move(*operand));
    }
    if (const HostCallT *call = instruction->kernel.AsHostCall()) {
      if (engine.kind != EngineKind::Host || call->part >= program_.host_parts ||
          !instruction->stages.empty())
        return bad(where + " calls no host part", layer);
      return {};
    }
    if (outputs.size() != 1)
      return bad(where + " has not one output", layer);
    if (auto checked = checkOperands(instruction->kernel, instruction->stages, inputs, outputs[0]);
        !checked)
      return fault(checked.error().kind, where + ": " + checked.error().message, layer);
    return {};
  }

  const ProgramT &program_;
  const ScheduledProgramT &scheduled_;
  const ScheduledMachineT &machine_;
  uint64_t weightsBytes_;
  std::vector<int> lastLayer_;    // of each queue, as far as seen
  std::vector<uint64_t> signals_; // of each barrier, as far as seen
};

} // namespace

Result<void> checkScheduled(const ProgramT &program, uint64_t weightsBytes) {
  return ScheduledChecker(program, weightsBytes).run();
}

} // namespace edgecc::emulator
