// SPDX-License-Identifier: Apache-2.0
//
// What the queues and barriers of a scheduled program order, whatever the timing.
#pragma once

#include "runtime/emulator/Program.h"

namespace edgecc::emulator {

inline constexpr size_t kMaxQueues = 1024;

struct Order {
  std::vector<std::vector<uint32_t>> queues; // instructions of each, in program order
  std::vector<uint32_t> position;            // of each instruction in its queue
  std::vector<uint32_t> sequence;            // all of them, each after all that it waits for

  // Whether queues and barriers make `first` end before `second` starts.
  bool isBefore(uint32_t first, uint32_t second) const {
    return position[first] < clocks_[second * queues.size() + queueOf_[first]];
  }

private:
  friend Result<Order> orderOf(const ProgramT &program);
  std::vector<uint32_t> queueOf_;
  // Vector clocks (Fidge 1988, Mattern 1989): how many instructions of each queue have ended
  // before an instruction starts.
  std::vector<uint32_t> clocks_;
};

// A Deadlock names who waits for what, and why that never comes.
Result<Order> orderOf(const ProgramT &program);

// "instruction 12 (Contraction, layer conv1, queue 0 on nce)"
std::string describe(const ProgramT &program, uint32_t instruction);

} // namespace edgecc::emulator
