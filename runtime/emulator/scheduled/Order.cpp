// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Order.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace edgecc::emulator {

namespace {

constexpr size_t kMaxClockEntries = size_t{1} << 26;

// Starts the instructions at the heads of the queues as their barriers fall, in no time.
class Walk {
public:
  Walk(const ProgramT &program, Order &order) : program_(program), order_(order) {
    const ScheduledProgramT &scheduled = *program.scheduled;
    next_.assign(scheduled.queues.size(), 0);
    missing_.reserve(scheduled.barriers.size());
    for (const auto &barrier : scheduled.barriers)
      missing_.push_back(barrier->producers);
    waiting_.assign(scheduled.barriers.size(), {});
  }

  Result<void> run() {
    for (uint32_t queue = 0; queue < next_.size(); ++queue)
      work_.push_back(queue);
    for (size_t i = 0; i < work_.size(); ++i)
      advance(work_[i]);
    if (order_.sequence.size() == program_.scheduled->instructions.size())
      return {};
    return fault(FaultKind::Deadlock, explanation(), static_cast<int>(stuckLayer_));
  }

private:
  const InstructionT &at(uint32_t instruction) const {
    return *program_.scheduled->instructions[instruction];
  }

  void advance(uint32_t queue) {
    auto &instructions = order_.queues[queue];
    while (next_[queue] < instructions.size()) {
      uint32_t instruction = instructions[next_[queue]];
      for (uint32_t barrier : at(instruction).waits)
        if (missing_[barrier] > 0) {
          waiting_[barrier].push_back(queue);
          return;
        }
      order_.sequence.push_back(instruction);
      ++next_[queue];
      for (uint32_t barrier : at(instruction).signals)
        if (missing_[barrier] > 0 && --missing_[barrier] == 0) {
          work_.insert(work_.end(), waiting_[barrier].begin(), waiting_[barrier].end());
          waiting_[barrier].clear();
        }
    }
  }

  std::string explanation() {
    std::string text = "nothing can start: ";
    size_t told = 0;
    for (uint32_t queue = 0; queue < next_.size() && told < 4; ++queue) {
      if (next_[queue] == order_.queues[queue].size())
        continue;
      uint32_t instruction = order_.queues[queue][next_[queue]];
      if (told == 0)
        stuckLayer_ = at(instruction).layer;
      for (uint32_t barrier : at(instruction).waits) {
        if (missing_[barrier] == 0)
          continue;
        text += fmt::format("{}{} waits for barrier {}, which {} of {} instructions have signalled",
                            told++ ? "; " : "", describe(program_, instruction), barrier,
                            program_.scheduled->barriers[barrier]->producers - missing_[barrier],
                            program_.scheduled->barriers[barrier]->producers);
        if (auto producer = laggard(barrier))
          text += fmt::format(", but not {}", describe(program_, *producer));
        else
          text += ", and no other does";
        break;
      }
    }
    return text;
  }

  // An instruction that signals the barrier and has not run.
  std::optional<uint32_t> laggard(uint32_t barrier) const {
    for (uint32_t queue = 0; queue < next_.size(); ++queue)
      for (size_t i = next_[queue]; i < order_.queues[queue].size(); ++i) {
        uint32_t instruction = order_.queues[queue][i];
        if (std::ranges::find(at(instruction).signals, barrier) != at(instruction).signals.end())
          return instruction;
      }
    return std::nullopt;
  }

  const ProgramT &program_;
  Order &order_;
  std::vector<uint32_t> next_;                 // of each queue
  std::vector<uint32_t> missing_;              // signals of each barrier
  std::vector<std::vector<uint32_t>> waiting_; // queues, by barrier
  std::vector<uint32_t> work_;                 // queues that may go on
  uint32_t stuckLayer_ = 0;
};

} // namespace

std::string describe(const ProgramT &program, uint32_t instruction) {
  const ScheduledProgramT &scheduled = *program.scheduled;
  const InstructionT &it = *scheduled.instructions[instruction];
  return fmt::format("instruction {} ({}, layer {}, queue {} on {})", instruction,
                     EnumNameKernel(it.kernel.type), program.layers[it.layer]->name, it.queue,
                     program.device->scheduled->engines[scheduled.queues[it.queue]->engine]->name);
}

Result<Order> orderOf(const ProgramT &program) {
  const ScheduledProgramT &scheduled = *program.scheduled;
  size_t count = scheduled.instructions.size(), queues = scheduled.queues.size();
  if (queues > kMaxQueues)
    return fault(FaultKind::BadProgram, fmt::format("{} queues, more than {}", queues, kMaxQueues));
  if (count > kMaxClockEntries / std::max<size_t>(queues, 1))
    return fault(FaultKind::BadProgram,
                 fmt::format("{} instructions in {} queues are too many", count, queues));
  Order order;
  order.queues.resize(queues);
  order.position.resize(count);
  order.queueOf_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t queue = scheduled.instructions[i]->queue;
    order.queueOf_[i] = queue;
    order.position[i] = static_cast<uint32_t>(order.queues[queue].size());
    order.queues[queue].push_back(i);
  }
  if (auto walked = Walk(program, order).run(); !walked)
    return tl::unexpected(walked.error());

  order.clocks_.assign(count * queues, 0);
  std::vector<std::vector<uint32_t>> fallen(scheduled.barriers.size());
  auto join = [&](uint32_t *into, const uint32_t *from) {
    for (size_t q = 0; q < queues; ++q)
      into[q] = std::max(into[q], from[q]);
  };
  for (uint32_t i : order.sequence) {
    const InstructionT &instruction = *scheduled.instructions[i];
    uint32_t *clock = &order.clocks_[i * queues];
    uint32_t queue = order.queueOf_[i], position = order.position[i];
    if (position > 0)
      join(clock, &order.clocks_[order.queues[queue][position - 1] * queues]);
    clock[queue] = position;
    for (uint32_t barrier : instruction.waits)
      if (!fallen[barrier].empty())
        join(clock, fallen[barrier].data());
    for (uint32_t barrier : instruction.signals) {
      auto &end = fallen[barrier];
      end.resize(queues);
      join(end.data(), clock);
      end[queue] = std::max(end[queue], position + 1);
    }
  }
  return order;
}

} // namespace edgecc::emulator
