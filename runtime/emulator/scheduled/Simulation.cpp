// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Simulation.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace edgecc::emulator {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

class Simulation {
public:
  Simulation(const ProgramT &program, const Order &order, std::span<const Cost> costs,
             unsigned streams, unsigned frames, double staggerUs,
             const std::function<bool(const Execution &)> &onEnd)
      : scheduled_(*program.scheduled), machine_(*program.device->scheduled), order_(order),
        costs_(costs), frames_(frames), onEnd_(onEnd) {
    for (const auto &engine : machine_.engines)
      free_.push_back(engine->count);
    for (const auto &memory : machine_.memories)
      bandwidth_.push_back(memory->bandwidth_gb_s * 1e3); // bytes a microsecond
    result_.engineBusyUs.assign(machine_.engines.size(), 0);
    result_.memoryBusyUs.assign(machine_.memories.size(), 0);
    streams_.resize(streams);
    for (unsigned s = 0; s < streams; ++s)
      starts_.push_back(s * staggerUs);
  }

  SimulationResult run() {
    do {
      while (begun_ < starts_.size() && starts_[begun_] <= now_)
        begin(begun_++);
      startAll();
      share();
    } while ((!running_.empty() || begun_ < starts_.size()) && advance());
    result_.endUs = now_;
    return std::move(result_);
  }

private:
  struct Stream {
    uint32_t frame = 0;
    uint32_t left = 0;             // instructions of this frame
    std::vector<uint32_t> next;    // of each queue
    std::vector<uint32_t> missing; // signals of each barrier
    std::vector<bool> isBusy;      // each queue
    std::vector<bool> isWaiting;   // each queue: in ready_
  };

  struct Running {
    uint32_t stream, instruction;
    double startUs;
    double issueLeft;    // us
    double workLeft = 1; // fraction
    double rate = 0;     // fraction a microsecond
  };

  struct Ready { // waits for a unit only
    uint32_t stream, queue;
  };

  void begin(uint32_t s) {
    Stream &stream = streams_[s];
    stream.left = static_cast<uint32_t>(scheduled_.instructions.size());
    stream.next.assign(scheduled_.queues.size(), 0);
    stream.missing.clear();
    for (const auto &barrier : scheduled_.barriers)
      stream.missing.push_back(barrier->producers);
    stream.isBusy.assign(scheduled_.queues.size(), false);
    stream.isWaiting.assign(scheduled_.queues.size(), false);
    for (uint32_t queue = 0; queue < scheduled_.queues.size(); ++queue)
      touched_.push_back({s, queue});
    if (stream.left == 0)
      endFrame(s);
  }

  void endFrame(uint32_t s) {
    result_.frameEnds.emplace_back(now_, s);
    if (++streams_[s].frame < frames_ && !scheduled_.instructions.empty())
      begin(s);
  }

  const InstructionT &at(uint32_t instruction) const {
    return *scheduled_.instructions[instruction];
  }
  uint32_t engineOf(uint32_t instruction) const {
    return scheduled_.queues[at(instruction).queue]->engine;
  }

  bool hasBarriers(const Stream &stream, uint32_t instruction) const {
    return std::ranges::all_of(at(instruction).waits,
                               [&](uint32_t barrier) { return stream.missing[barrier] == 0; });
  }

  void startAll() {
    for (size_t i = 0; i < touched_.size(); ++i) {
      auto [s, queue] = touched_[i];
      Stream &stream = streams_[s];
      const auto &instructions = order_.queues[queue];
      if (stream.isBusy[queue] || stream.isWaiting[queue] ||
          stream.next[queue] == instructions.size() ||
          !hasBarriers(stream, instructions[stream.next[queue]]))
        continue;
      stream.isWaiting[queue] = true;
      ready_.push_back({s, queue});
    }
    touched_.clear();
    std::vector<bool> isBlocked(free_.size(), false); // who came first goes first
    std::erase_if(ready_, [&](const Ready &ready) {
      Stream &stream = streams_[ready.stream];
      uint32_t instruction = order_.queues[ready.queue][stream.next[ready.queue]];
      uint32_t engine = engineOf(instruction), units = at(instruction).units;
      if (isBlocked[engine] || free_[engine] < units) {
        isBlocked[engine] = true;
        return false;
      }
      free_[engine] -= units;
      stream.isBusy[ready.queue] = true;
      stream.isWaiting[ready.queue] = false;
      running_.push_back({ready.stream, instruction, now_, costs_[instruction].issueUs});
      return true;
    });
  }

  // Gives every working instruction its rate: that of its engine, cut down by each memory that is
  // asked for more than it has. There, all get the same bandwidth, except who asks for less.
  void share() {
    for (Running &running : running_) {
      double us = costs_[running.instruction].computeUs;
      running.rate = running.issueLeft > 0 ? 0 : us > 0 ? 1 / us : kNever;
    }
    for (size_t memory = 0; memory < bandwidth_.size(); ++memory) {
      demands_.clear();
      for (Running &running : running_)
        if (running.rate > 0 && costs_[running.instruction].bytes(memory) > 0)
          demands_.push_back(&running);
      auto asked = [&](const Running *running) {
        return running->rate * static_cast<double>(costs_[running->instruction].bytes(memory));
      };
      std::ranges::stable_sort(demands_, {}, asked);
      double left = bandwidth_[memory];
      for (size_t i = 0; i < demands_.size(); ++i) {
        double fair = left / static_cast<double>(demands_.size() - i);
        double granted = std::min(asked(demands_[i]), fair);
        demands_[i]->rate =
            std::min(demands_[i]->rate,
                     granted / static_cast<double>(costs_[demands_[i]->instruction].bytes(memory)));
        left -= granted;
      }
    }
  }

  // To the next event. False: the observer wants no more.
  bool advance() {
    double toStart = begun_ < starts_.size() ? starts_[begun_] - now_ : kNever, step = toStart;
    auto timeLeft = [](const Running &running) {
      if (running.issueLeft > 0)
        return running.issueLeft;
      return running.rate == kNever ? 0 : running.workLeft / running.rate;
    };
    for (const Running &running : running_)
      step = std::min(step, timeLeft(running));
    // What ends within a billionth of the step ends with it.
    double limit = step * (1 + 1e-9);
    now_ = step == toStart ? starts_[begun_] : now_ + step;
    ended_.clear();
    std::erase_if(running_, [&](Running &running) {
      if (running.issueLeft > 0) {
        running.issueLeft = running.issueLeft <= limit ? 0 : running.issueLeft - step;
        return false;
      }
      bool isDone = timeLeft(running) <= limit;
      if (!isDone) {
        running.workLeft -= running.rate * step;
        return false;
      }
      ended_.push_back(running);
      return true;
    });
    for (const Running &running : ended_)
      if (!end(running))
        return false;
    return true;
  }

  bool end(const Running &running) {
    Stream &stream = streams_[running.stream];
    const InstructionT &instruction = at(running.instruction);
    uint32_t engine = engineOf(running.instruction);
    free_[engine] += instruction.units;
    result_.engineBusyUs[engine] += (now_ - running.startUs) * instruction.units;
    for (size_t memory = 0; memory < bandwidth_.size(); ++memory)
      result_.memoryBusyUs[memory] +=
          static_cast<double>(costs_[running.instruction].bytes(memory)) / bandwidth_[memory];
    if (onEnd_ &&
        !onEnd_({running.stream, stream.frame, running.instruction, running.startUs, now_}))
      return false;
    stream.isBusy[instruction.queue] = false;
    ++stream.next[instruction.queue];
    touched_.push_back({running.stream, instruction.queue});
    for (uint32_t barrier : instruction.signals)
      if (stream.missing[barrier] > 0 && --stream.missing[barrier] == 0)
        for (uint32_t queue = 0; queue < scheduled_.queues.size(); ++queue)
          touched_.push_back({running.stream, queue});
    if (--stream.left == 0)
      endFrame(running.stream);
    return true;
  }

  const ScheduledProgramT &scheduled_;
  const ScheduledMachineT &machine_;
  const Order &order_;
  std::span<const Cost> costs_;
  unsigned frames_;
  const std::function<bool(const Execution &)> &onEnd_;

  double now_ = 0;
  std::vector<double> starts_; // of each stream
  uint32_t begun_ = 0;         // streams
  std::vector<Stream> streams_;
  std::vector<uint32_t> free_;    // units of each engine
  std::vector<double> bandwidth_; // of each memory
  std::vector<Running> running_;
  std::vector<Ready> ready_;   // in order of arrival
  std::vector<Ready> touched_; // queues whose head may have become ready
  std::vector<Running *> demands_;
  std::vector<Running> ended_;
  SimulationResult result_;
};

} // namespace

Result<std::vector<Cost>> costsOf(const ProgramT &program) {
  const ScheduledProgramT &scheduled = *program.scheduled;
  std::vector<uint32_t> memoryOf;
  for (const auto &buffer : scheduled.buffers)
    memoryOf.push_back(buffer->memory);
  std::vector<Cost> costs;
  costs.reserve(scheduled.instructions.size());
  for (uint32_t i = 0; i < scheduled.instructions.size(); ++i) {
    const InstructionT &instruction = *scheduled.instructions[i];
    const EngineT &engine =
        *program.device->scheduled->engines[scheduled.queues[instruction.queue]->engine];
    auto reaches = [&](const ViewT &view) {
      const auto &name = program.device->scheduled->memories[memoryOf[view.buffer]]->name;
      return std::ranges::find(engine.memories, name) != engine.memories.end();
    };
    for (const auto *views : {&instruction.inputs, &instruction.outputs})
      for (const auto &view : *views)
        if (!reaches(*view))
          return fault(
              FaultKind::BadProgram,
              fmt::format("{} has an operand in {}, which {} does not reach", describe(program, i),
                          program.device->scheduled->memories[memoryOf[view->buffer]]->name,
                          engine.name),
              static_cast<int>(instruction.layer));
    costs.push_back(costOf(*program.device, engine, instruction, memoryOf));
    if (!std::isfinite(costs.back().computeUs))
      return fault(FaultKind::BadProgram,
                   fmt::format("{} cannot run {}", engine.name, describe(program, i)),
                   static_cast<int>(instruction.layer));
  }
  return costs;
}

SimulationResult simulateScheduled(const ProgramT &program, const Order &order,
                                   std::span<const Cost> costs, unsigned streams, unsigned frames,
                                   double staggerUs,
                                   const std::function<bool(const Execution &)> &onEnd) {
  return Simulation(program, order, costs, streams, frames, staggerUs, onEnd).run();
}

} // namespace edgecc::emulator
