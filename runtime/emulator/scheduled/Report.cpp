// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Report.h"

#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

class Reporter {
public:
  Reporter(const ProgramT &program, std::span<const Cost> costs, std::span<const Execution> alone)
      : program_(program), scheduled_(*program.scheduled), machine_(*program.device->scheduled),
        costs_(costs), alone_(alone) {}

  const EngineT &engineOf(const InstructionT &instruction) const {
    return *machine_.engines[scheduled_.queues[instruction.queue]->engine];
  }

  // Multiply-accumulates a microsecond, of one unit.
  static double peakMacs(const EngineT &engine) {
    double macs = 0;
    for (const auto &mode : engine.modes)
      macs = std::max(macs, static_cast<double>(mode->in_block) * mode->out_block);
    for (const auto &rate : engine.rates)
      if (engine.kind == EngineKind::Vector && rate->work <= WorkClass::Product)
        macs = std::max(macs, rate->units_per_cycle);
    return macs * engine.clock_mhz;
  }

  std::vector<LayerUse> layers() const {
    std::vector<LayerUse> uses(program_.layers.size());
    std::vector<double> ideal(uses.size(), 0), transfer(uses.size(), 0);
    std::vector<bool> hasRun(uses.size(), false);
    for (LayerUse &use : uses)
      use.bytes.assign(machine_.memories.size(), 0);
    for (size_t i = 0; i < alone_.size(); ++i) {
      const InstructionT &instruction = *scheduled_.instructions[i];
      const Cost &cost = costs_[i];
      const EngineT &engine = engineOf(instruction);
      LayerUse &use = uses[instruction.layer];
      double took = alone_[i].endUs - alone_[i].startUs;
      use.startUs =
          hasRun[instruction.layer] ? std::min(use.startUs, alone_[i].startUs) : alone_[i].startUs;
      use.endUs = std::max(use.endUs, alone_[i].endUs);
      hasRun[instruction.layer] = true;
      if (engine.kind == EngineKind::Transfer) {
        transfer[instruction.layer] += took;
      } else {
        double stalled = std::max(0.0, took - cost.issueUs - cost.computeUs);
        use.busyUs += took - stalled;
        use.stalledUs += stalled;
        double peak = peakMacs(engine) * instruction.units;
        ideal[instruction.layer] +=
            cost.macs > 0 && peak > 0 ? static_cast<double>(cost.macs) / peak : cost.computeUs;
      }
      use.macs += cost.macs;
      for (size_t m = 0; m < use.bytes.size(); ++m)
        use.bytes[m] += cost.bytes(m);
      use.energyUj += cost.energyPj * 1e-6;
    }
    for (size_t layer = 0; layer < uses.size(); ++layer) {
      LayerUse &use = uses[layer];
      if (use.busyUs > 0)
        use.utilization = std::min(1.0, ideal[layer] / use.busyUs);
      else
        use.busyUs = transfer[layer];
    }
    return uses;
  }

  std::vector<MemoryUse> memories(bool timeline) const {
    std::vector<MemoryUse> uses(machine_.memories.size());
    for (size_t m = 0; m < uses.size(); ++m) {
      uses[m].name = machine_.memories[m]->name;
      uses[m].capacity = capacityOf(machine_, scheduled_, m);
      for (const Cost &cost : costs_) {
        uses[m].read += cost.read[m];
        uses[m].written += cost.written[m];
      }
      auto occupancy = occupancyOf(static_cast<uint32_t>(m));
      for (const auto &[us, bytes] : occupancy)
        uses[m].peak = std::max(uses[m].peak, bytes);
      if (timeline)
        uses[m].occupancy = std::move(occupancy);
    }
    return uses;
  }

private:
  // Live bytes over the time of a frame: a buffer lives from the start of the first instruction
  // that uses it to the end of the last; constants, inputs and outputs all the time.
  std::vector<std::pair<double, uint64_t>> occupancyOf(uint32_t memory) const {
    struct Life {
      double begin = -1, end = 0;
    };
    std::vector<Life> lives(scheduled_.buffers.size());
    double end = 0;
    std::vector<std::pair<double, int64_t>> changes;
    int sliced = slicedMemory(machine_);
    for (size_t i = 0; i < alone_.size(); ++i) {
      const InstructionT &instruction = *scheduled_.instructions[i];
      end = std::max(end, alone_[i].endUs);
      for (const auto *views : {&instruction.inputs, &instruction.outputs})
        for (const auto &view : *views) {
          Life &life = lives[view->buffer];
          life.begin = life.begin < 0 ? alone_[i].startUs : std::min(life.begin, alone_[i].startUs);
          life.end = std::max(life.end, alone_[i].endUs);
        }
      auto locked = static_cast<int64_t>(lockedBytes(machine_, engineOf(instruction), instruction));
      if (locked > 0 && static_cast<int>(memory) == sliced) {
        changes.emplace_back(alone_[i].startUs, locked);
        changes.emplace_back(alone_[i].endUs, -locked);
      }
    }
    for (size_t b = 0; b < lives.size(); ++b) {
      const BufferT &buffer = *scheduled_.buffers[b];
      if (buffer.memory != memory)
        continue;
      auto bytes = static_cast<int64_t>(buffer.bytes);
      if (buffer.role != BufferRole::Scratch) {
        changes.emplace_back(0, bytes);
      } else if (lives[b].begin >= 0) {
        changes.emplace_back(lives[b].begin, bytes);
        changes.emplace_back(lives[b].end, -bytes);
      }
    }
    std::ranges::sort(changes); // at one time, what ends comes before what begins
    std::vector<std::pair<double, uint64_t>> occupancy;
    int64_t live = 0;
    for (const auto &[us, change] : changes) {
      live += change;
      if (!occupancy.empty() && occupancy.back().first == us)
        occupancy.back().second = static_cast<uint64_t>(std::max<int64_t>(live, 0));
      else
        occupancy.emplace_back(us, static_cast<uint64_t>(std::max<int64_t>(live, 0)));
    }
    return occupancy;
  }

  const ProgramT &program_;
  const ScheduledProgramT &scheduled_;
  const ScheduledMachineT &machine_;
  std::span<const Cost> costs_;
  std::span<const Execution> alone_;
};

// Frames a second while all streams run: from the end of the last stream's first frame to the end
// of the first stream's last one.
double rateOf(const SimulationResult &together, unsigned streams, unsigned frames) {
  const auto &ends = together.frameEnds;
  std::vector<unsigned> done(streams, 0);
  unsigned begun = 0;
  size_t first = ends.size(), last = 0;
  for (size_t i = 0; i < ends.size() && last == 0; ++i) {
    begun += done[ends[i].second] == 0;
    if (begun == streams && first == ends.size())
      first = i;
    if (++done[ends[i].second] == frames && first < i)
      last = i;
  }
  if (last > 0 && ends[last].first > ends[first].first)
    return static_cast<double>(last - first) / (ends[last].first - ends[first].first) * 1e6;
  return together.endUs > 0 ? static_cast<double>(ends.size()) / together.endUs * 1e6 : 0;
}

std::string bottleneckOf(const RunReport &report) {
  std::string name;
  double busy = 0;
  for (const EngineUse &use : report.engines)
    if (use.busy > busy) {
      busy = use.busy;
      name = use.name;
    }
  for (const MemoryUse &use : report.memories)
    if (use.busy > busy) {
      busy = use.busy;
      name = use.name + " bandwidth";
    }
  if (name.empty())
    return "nothing: the program is empty";
  std::string text = fmt::format("{} ({:.0f} % busy)", name, 100 * busy);
  if (busy < 0.75)
    text += ": no resource is full, layers wait for one another; more streams would help";
  return text;
}

} // namespace

RunReport reportOf(const ProgramT &program, std::span<const Cost> costs,
                   std::span<const Execution> alone, const SimulationResult &together,
                   unsigned streams, unsigned frames, bool timeline) {
  const ScheduledMachineT &machine = *program.device->scheduled;
  RunReport report;
  report.streams = streams;
  for (const Execution &execution : alone)
    report.latencyUs = std::max(report.latencyUs, execution.endUs);
  report.fps = rateOf(together, streams, frames);
  Reporter reporter(program, costs, alone);
  report.layers = reporter.layers();
  report.memories = reporter.memories(timeline);
  double end = std::max(together.endUs, 1e-9);
  for (size_t m = 0; m < report.memories.size(); ++m)
    report.memories[m].busy = together.memoryBusyUs[m] / end;
  for (size_t e = 0; e < machine.engines.size(); ++e)
    report.engines.push_back(
        {machine.engines[e]->name, together.engineBusyUs[e] / (end * machine.engines[e]->count)});
  for (const Cost &cost : costs)
    report.energyUj += cost.energyPj * 1e-6;
  if (report.fps > 0) // a watt is a microjoule a microsecond
    report.energyUj += program.device->static_watts * 1e6 / report.fps;
  report.bottleneck = bottleneckOf(report);
  return report;
}

std::vector<Span> spansOf(const ProgramT &program, std::span<const Execution> executions,
                          unsigned streams) {
  const ScheduledProgramT &scheduled = *program.scheduled;
  std::vector<uint32_t> number(scheduled.queues.size(), 0), count(scheduled.queues.size(), 0);
  for (size_t q = 0; q < scheduled.queues.size(); ++q)
    for (size_t other = 0; other < scheduled.queues.size(); ++other)
      if (scheduled.queues[other]->engine == scheduled.queues[q]->engine) {
        number[q] += other < q;
        ++count[q];
      }
  std::vector<Span> spans;
  for (const Execution &execution : executions) {
    const InstructionT &instruction = *scheduled.instructions[execution.instruction];
    uint32_t queue = instruction.queue;
    std::string track = program.device->scheduled->engines[scheduled.queues[queue]->engine]->name;
    if (count[queue] > 1)
      track += fmt::format("{}", number[queue]);
    if (streams > 1)
      track += fmt::format(" (stream {})", execution.stream);
    spans.push_back({std::move(track), static_cast<int>(instruction.layer), execution.frame,
                     execution.startUs, execution.endUs});
  }
  return spans;
}

} // namespace edgecc::emulator
