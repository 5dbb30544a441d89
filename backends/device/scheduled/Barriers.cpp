#include "backends/device/scheduled/Barriers.h"

#include "runtime/emulator/scheduled/Accesses.h"
#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <set>

namespace edgecc::device::scheduled {

using emulator::AccessHistory;
using emulator::ByteSpan;

namespace {

// More pieces of a tile are joined: that orders more than it must, and keeps mapping fast.
constexpr uint64_t kMostPieces = 2048;

class BarrierBuilder {
public:
  explicit BarrierBuilder(emulator::ProgramT &program)
      : scheduled_(*program.scheduled), machine_(*program.device->scheduled),
        histories_(machine_.memories.size()) {}

  void run() {
    size_t queues = scheduled_.queues.size();
    std::vector<uint32_t> lengths(queues, 0);
    for (uint32_t i = 0; i < scheduled_.instructions.size(); ++i) {
      auto &instruction = *scheduled_.instructions[i];
      position_.push_back(lengths[instruction.queue]++);
      collect(i, instruction);
      wait(i, instruction);
    }
  }

private:
  // What the instruction must come after.
  void collect(uint32_t index, const emulator::InstructionT &instruction) {
    needs_.clear();
    auto need = [&](const AccessHistory::Access &earlier, ByteSpan) {
      if (earlier.instruction >= 0 && earlier.queue != instruction.queue)
        needs_.insert(static_cast<uint32_t>(earlier.instruction));
    };
    AccessHistory::Access access{static_cast<int>(index), instruction.queue, 0};
    const auto &engine = *machine_.engines[scheduled_.queues[instruction.queue]->engine];
    if (uint64_t locked = emulator::lockedBytes(machine_, engine, instruction)) {
      auto memory = static_cast<uint32_t>(emulator::slicedMemory(machine_));
      uint64_t capacity = emulator::capacityOf(machine_, scheduled_, memory);
      histories_[memory].write({capacity - locked, capacity}, access, need);
    }
    for (const auto &view : instruction.inputs) {
      const auto &buffer = *scheduled_.buffers[view->buffer];
      if (buffer.role == emulator::BufferRole::Constant)
        continue;
      emulator::forEachPiece(
          *view, buffer.address,
          [&](ByteSpan piece) { histories_[buffer.memory].read(piece, access, need); },
          kMostPieces);
    }
    for (const auto &view : instruction.outputs) {
      const auto &buffer = *scheduled_.buffers[view->buffer];
      emulator::forEachPiece(
          *view, buffer.address,
          [&](ByteSpan piece) { histories_[buffer.memory].write(piece, access, need); },
          kMostPieces);
    }
  }

  void wait(uint32_t index, emulator::InstructionT &instruction) {
    size_t queues = scheduled_.queues.size();
    std::vector<uint32_t> clock(queues, 0);
    if (auto last = lastOf_.find(instruction.queue); last != lastOf_.end())
      clock = clocks_[last->second];
    clock[instruction.queue] = position_[index];
    // The latest first: what it has waited for need not be waited for again.
    for (auto producer = needs_.rbegin(); producer != needs_.rend(); ++producer) {
      uint32_t queue = scheduled_.instructions[*producer]->queue;
      if (position_[*producer] < clock[queue])
        continue;
      instruction.waits.push_back(barrierOf(*producer));
      for (size_t q = 0; q < queues; ++q)
        clock[q] = std::max(clock[q], clocks_[*producer][q]);
      clock[queue] = std::max(clock[queue], position_[*producer] + 1);
    }
    clocks_.push_back(std::move(clock));
    lastOf_[instruction.queue] = index;
  }

  uint32_t barrierOf(uint32_t producer) {
    auto &signals = scheduled_.instructions[producer]->signals;
    if (signals.empty()) {
      signals.push_back(static_cast<uint32_t>(scheduled_.barriers.size()));
      scheduled_.barriers.push_back(std::make_unique<emulator::BarrierT>());
      scheduled_.barriers.back()->producers = 1;
    }
    return signals.front();
  }

  emulator::ScheduledProgramT &scheduled_;
  const emulator::ScheduledMachineT &machine_;
  std::vector<AccessHistory> histories_;
  std::set<uint32_t> needs_;
  std::vector<uint32_t> position_;            // of each instruction in its queue
  std::vector<std::vector<uint32_t>> clocks_; // instructions of each queue that have ended before
  std::map<uint32_t, uint32_t> lastOf_;       // instruction of each queue
};

} // namespace

void addBarriers(emulator::ProgramT &program) { BarrierBuilder(program).run(); }

} // namespace edgecc::device::scheduled
