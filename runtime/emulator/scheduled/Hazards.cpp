// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Hazards.h"

#include "runtime/emulator/scheduled/Accesses.h"
#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace edgecc::emulator {

namespace {

constexpr uint32_t kLock = ~0u; // instead of a buffer: slices that a vector unit took

class HazardCheck {
public:
  HazardCheck(const ProgramT &program, const Order &order)
      : program_(program), scheduled_(*program.scheduled), machine_(*program.device->scheduled),
        order_(order), histories_(machine_.memories.size()) {}

  Result<void> run() {
    if (auto checked = capacities(); !checked)
      return checked;
    for (uint32_t i = 0; i < scheduled_.buffers.size(); ++i) {
      const BufferT &buffer = *scheduled_.buffers[i];
      if (buffer.bytes > 0 &&
          (buffer.role == BufferRole::Constant || buffer.role == BufferRole::Input))
        initial(i, buffer);
    }
    for (uint32_t instruction : order_.sequence) {
      run(instruction);
      if (fault_)
        return tl::unexpected(*fault_);
    }
    outputs();
    if (fault_)
      return tl::unexpected(*fault_);
    return {};
  }

private:
  std::string nameOf(uint32_t buffer) const {
    if (buffer == kLock)
      return "a vector unit's working memory";
    return fmt::format("buffer {} ({})", buffer, scheduled_.buffers[buffer]->name);
  }
  const std::string &memoryName(uint32_t memory) const { return machine_.memories[memory]->name; }

  void report(FaultKind kind, uint32_t instruction, std::string message) {
    if (!fault_)
      fault_ = Fault{kind, std::move(message),
                     static_cast<int>(scheduled_.instructions[instruction]->layer)};
  }

  // Buffers inside a stream's share; and what all streams have of the shared memories.
  Result<void> capacities() {
    if (int sliced = slicedMemory(machine_); sliced >= 0) {
      const MemoryT &memory = *machine_.memories[static_cast<size_t>(sliced)];
      if (uint64_t{scheduled_.slices} * scheduled_.streams > memory.slices)
        return fault(FaultKind::OverfullMemory,
                     fmt::format("{} streams of {} slices need more than the {} of {}",
                                 scheduled_.streams, scheduled_.slices, memory.slices,
                                 memory.name));
    }
    std::vector<uint64_t> fixed(machine_.memories.size(), 0), scratch(machine_.memories.size(), 0);
    for (size_t i = 0; i < scheduled_.buffers.size(); ++i) {
      const BufferT &buffer = *scheduled_.buffers[i];
      uint64_t capacity = capacityOf(machine_, scheduled_, buffer.memory);
      uint64_t end = buffer.address + buffer.bytes;
      if (end > capacity)
        return fault(FaultKind::OverfullMemory,
                     fmt::format("{} ends at byte {} of {}, of which a stream has {}",
                                 nameOf(static_cast<uint32_t>(i)), end, memoryName(buffer.memory),
                                 capacity));
      uint64_t &used =
          buffer.role == BufferRole::Constant ? fixed[buffer.memory] : scratch[buffer.memory];
      used = std::max(used, end);
      if (buffer.role != BufferRole::Constant)
        lowest(buffer);
    }
    for (size_t m = 0; m < machine_.memories.size(); ++m) {
      if (static_cast<int>(m) == slicedMemory(machine_))
        continue;
      // Constants are there once, everything else once for each stream.
      uint64_t low =
          lowest_.count(static_cast<uint32_t>(m)) ? lowest_[static_cast<uint32_t>(m)] : 0;
      uint64_t each = scratch[m] - std::min(low, scratch[m]);
      uint64_t needed = std::max(fixed[m], scratch[m]) + each * (scheduled_.streams - 1);
      if (needed > machine_.memories[m]->bytes)
        return fault(FaultKind::OverfullMemory,
                     fmt::format("{} streams need {} bytes of {}, which has {}", scheduled_.streams,
                                 needed, memoryName(static_cast<uint32_t>(m)),
                                 machine_.memories[m]->bytes));
    }
    return {};
  }

  void lowest(const BufferT &buffer) {
    auto [it, isNew] = lowest_.try_emplace(buffer.memory, buffer.address);
    it->second = std::min(it->second, buffer.address);
  }

  void initial(uint32_t index, const BufferT &buffer) {
    AccessHistory::Access access{AccessHistory::kInitial, 0, index};
    histories_[buffer.memory].write(
        {buffer.address, buffer.address + buffer.bytes}, access,
        [&](const AccessHistory::Access &earlier, ByteSpan bytes) {
          if (!fault_)
            fault_ = Fault{FaultKind::Overlap,
                           fmt::format("{} and {} both hold bytes {} to {} of {} from the start",
                                       nameOf(index), nameOf(earlier.buffer), bytes.begin,
                                       bytes.end, memoryName(buffer.memory)),
                           static_cast<int>(buffer.layer)};
        });
  }

  void ordered(const AccessHistory::Access &earlier, uint32_t instruction, uint32_t memory,
               ByteSpan bytes) {
    if (earlier.instruction < 0 || static_cast<uint32_t>(earlier.instruction) == instruction)
      return;
    if (!order_.isBefore(static_cast<uint32_t>(earlier.instruction), instruction))
      report(FaultKind::MissingBarrier, instruction,
             fmt::format("nothing orders {} after {}; both use bytes {} to {} of {}",
                         describe(program_, instruction),
                         describe(program_, static_cast<uint32_t>(earlier.instruction)),
                         bytes.begin, bytes.end, memoryName(memory)));
  }

  void run(uint32_t index) {
    const InstructionT &instruction = *scheduled_.instructions[index];
    const EngineT &engine = *machine_.engines[scheduled_.queues[instruction.queue]->engine];
    auto access = [&](uint32_t buffer) {
      return AccessHistory::Access{static_cast<int>(index), instruction.queue, buffer};
    };
    if (uint64_t locked = lockedBytes(machine_, engine, instruction)) {
      auto memory = static_cast<uint32_t>(slicedMemory(machine_));
      uint64_t capacity = capacityOf(machine_, scheduled_, memory);
      if (locked > capacity)
        return report(FaultKind::OverfullMemory, index,
                      fmt::format("{} takes {} bytes of {} while it runs, and a stream has {}",
                                  describe(program_, index), locked, memoryName(memory), capacity));
      histories_[memory].write({capacity - locked, capacity}, access(kLock),
                               [&](const AccessHistory::Access &earlier, ByteSpan bytes) {
                                 ordered(earlier, index, memory, bytes);
                               });
    }
    for (const auto &view : instruction.inputs)
      read(*view, index, access(view->buffer));
    const ContractionT *contraction = instruction.kernel.AsContraction();
    for (const auto &view : instruction.outputs) {
      if (contraction && contraction->carries_in)
        read(*view, index, access(view->buffer));
      write(*view, index, access(view->buffer));
    }
  }

  void read(const ViewT &view, uint32_t index, const AccessHistory::Access &access) {
    const BufferT &buffer = *scheduled_.buffers[view.buffer];
    forEachPiece(view, buffer.address, [&](ByteSpan piece) {
      histories_[buffer.memory].read(
          piece, access, [&](const AccessHistory::Access &writer, ByteSpan bytes) {
            if (writer.instruction == AccessHistory::kNobody)
              return report(FaultKind::Uninitialized, index,
                            fmt::format("{} reads bytes {} to {} of {} as {}, which nothing wrote",
                                        describe(program_, index), bytes.begin, bytes.end,
                                        memoryName(buffer.memory), nameOf(view.buffer)));
            ordered(writer, index, buffer.memory, bytes);
            if (writer.buffer != view.buffer)
              report(FaultKind::Overlap, index,
                     fmt::format("{} reads bytes {} to {} of {} as {}, but {} was written there",
                                 describe(program_, index), bytes.begin, bytes.end,
                                 memoryName(buffer.memory), nameOf(view.buffer),
                                 nameOf(writer.buffer)));
          });
    });
  }

  void write(const ViewT &view, uint32_t index, const AccessHistory::Access &access) {
    const BufferT &buffer = *scheduled_.buffers[view.buffer];
    forEachPiece(view, buffer.address, [&](ByteSpan piece) {
      histories_[buffer.memory].write(
          piece, access, [&](const AccessHistory::Access &earlier, ByteSpan bytes) {
            ordered(earlier, index, buffer.memory, bytes);
            if (earlier.buffer == view.buffer)
              return;
            // Constants must outlast the frame; and no instruction may write what it reads by
            // another name, or what its units have taken.
            bool isConstant = earlier.buffer != kLock &&
                              scheduled_.buffers[earlier.buffer]->role == BufferRole::Constant;
            if (isConstant || earlier.instruction == static_cast<int>(index))
              report(FaultKind::Overlap, index,
                     fmt::format("{} writes {} over {} at bytes {} to {} of {}",
                                 describe(program_, index), nameOf(view.buffer),
                                 nameOf(earlier.buffer), bytes.begin, bytes.end,
                                 memoryName(buffer.memory)));
          });
    });
  }

  // Every byte of an output must be its own at the end.
  void outputs() {
    for (uint32_t i = 0; i < scheduled_.buffers.size() && !fault_; ++i) {
      const BufferT &buffer = *scheduled_.buffers[i];
      if (buffer.role != BufferRole::Output || buffer.bytes == 0)
        continue;
      histories_[buffer.memory].read(
          {buffer.address, buffer.address + buffer.bytes}, {AccessHistory::kInitial, 0, i},
          [&](const AccessHistory::Access &writer, ByteSpan bytes) {
            if (fault_ || (writer.instruction >= 0 && writer.buffer == i))
              return;
            bool unwritten = writer.instruction == AccessHistory::kNobody;
            fault_ =
                Fault{unwritten ? FaultKind::Uninitialized : FaultKind::Overlap,
                      fmt::format("output {}: {} at bytes {} to {} of {} at the end", nameOf(i),
                                  unwritten ? std::string("nothing was written")
                                            : nameOf(writer.buffer) + " lies",
                                  bytes.begin, bytes.end, memoryName(buffer.memory)),
                      static_cast<int>(buffer.layer)};
          });
    }
  }

  const ProgramT &program_;
  const ScheduledProgramT &scheduled_;
  const ScheduledMachineT &machine_;
  const Order &order_;
  std::vector<AccessHistory> histories_; // of each memory of a stream
  std::map<uint32_t, uint64_t> lowest_;  // address of what is not constant, by memory
  std::optional<Fault> fault_;
};

} // namespace

Result<void> checkHazards(const ProgramT &program, const Order &order) {
  return HazardCheck(program, order).run();
}

} // namespace edgecc::emulator
