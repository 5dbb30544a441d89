// SPDX-License-Identifier: Apache-2.0
#include "backends/device/dataflow/RowSchedule.h"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

namespace edgecc::device::dataflow {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

uint64_t linkBytes(const Wire &wire) {
  return static_cast<uint64_t>(wire.shape.rows) * wire.shape.linkBytes;
}

// Times of the rows of a wire, counted over all frames.
struct WireTimes {
  std::vector<double> reserved; // when its slot is taken
  std::vector<double> arrived;
  std::vector<double> firstUse;
  std::vector<double> released; // when the last reader is done with it
  std::vector<double> room;     // the same, as far as it is known from the pass before

  void resize(size_t rows) {
    reserved.assign(rows, 0);
    arrived.assign(rows, 0);
    firstUse.assign(rows, kNever);
    room.swap(released);
    room.resize(rows, 0);
    released.assign(rows, 0);
  }
};

class RowScheduler {
public:
  RowScheduler(const Graph &graph, Segment segment, const emulator::DataflowMachineT &machine,
               std::span<const uint32_t> subClusters, double periodUs)
      : graph_(graph), segment_(segment), machine_(machine), subClusters_(subClusters),
        periodUs_(periodUs), link_(linkOf(graph, segment)), steps_(hostStepsOf(graph, segment)),
        times_(graph.wires.size()), hostUs_(graph.wires.size()) {
    // What reads nothing that the segment writes can run before it.
    for (const HostCallStep *step : steps_)
      for (uint32_t wire : step->inputs)
        if (isInside(graph.wires[wire].writer) || waitsForHost(wire))
          late_.insert(step);
  }

  RowSchedule run() {
    // Frames behind one another until rings hold no more than with half as many.
    constexpr size_t kMaxFrames = 32;
    std::vector<uint64_t> before;
    for (size_t frames = 4; frames <= kMaxFrames; frames *= 2) {
      simulate(frames);
      measureRings(frames);
      if (schedule_.capacities == before)
        break;
      before = schedule_.capacities;
    }
    return std::move(schedule_);
  }

  // Who waits for room depends on readers that come later in the order: passes are repeated until
  // nothing is delayed any more.
  double latencyUs(std::span<const uint64_t> capacities) {
    constexpr int kMaxPasses = 64;
    capacities_ = capacities;
    for (int pass = 0; pass < kMaxPasses; ++pass) {
      double before = schedule_.latencyUs;
      simulate(1);
      if (pass > 0 && schedule_.latencyUs == before)
        break;
    }
    return schedule_.latencyUs;
  }

private:
  // When there is room for a row of a wire.
  double roomUs(uint32_t wire, size_t row) const {
    if (capacities_.empty() || row < capacities_[wire])
      return 0;
    return times_[wire].room[row - capacities_[wire]];
  }

  size_t rowsOf(uint32_t wire) const { return static_cast<size_t>(graph_.wires[wire].shape.rows); }
  double transferUs(uint64_t bytes) const {
    return static_cast<double>(bytes) / (machine_.link->gb_s * 1e3);
  }

  bool isInside(int node) const {
    return node >= static_cast<int>(segment_.begin) && node < static_cast<int>(segment_.end);
  }

  // Whether what comes over a wire is computed by a host step that reads what the segment writes.
  bool waitsForHost(uint32_t wire) const {
    int step = graph_.wires[wire].hostStep;
    return step >= 0 && late_.contains(&graph_.hostSteps[static_cast<size_t>(step)]);
  }

  void simulate(size_t frames) {
    schedule_.firstUs.clear();
    double hostUs = 0;
    for (const HostCallStep *step : steps_)
      if (!late_.contains(step)) {
        hostUs += step->us;
        for (uint32_t wire : step->outputs)
          hostUs_[wire].assign(frames, hostUs);
      }
    schedule_.latencyUs = hostUs;
    if (periodUs_ == 0)
      feedInTurn();
    else
      for (uint32_t wire : link_.in)
        if (!waitsForHost(wire))
          feed(wire, frames);
    size_t step = 0;
    auto runSteps = [&](size_t before) {
      for (; step < steps_.size() && steps_[step]->before <= before; ++step)
        if (late_.contains(steps_[step]))
          computeHost(*steps_[step], frames);
    };
    for (size_t i = segment_.begin; i < segment_.end; ++i) {
      runSteps(i);
      computeNode(i, frames);
    }
    runSteps(segment_.end);
    if (periodUs_ == 0)
      drainInTurn();
    else
      for (uint32_t wire : link_.out)
        drain(wire, frames);
  }

  double rowTransferUs(uint32_t wire) const {
    return transferUs(graph_.wires[wire].shape.linkBytes);
  }

  // One frame as fast as the link is: a row of each input in turn, of those that the host has.
  void feedInTurn() {
    double us = machine_.link->latency_us;
    std::vector<std::pair<uint32_t, size_t>> left; // wire, its next row
    for (uint32_t wire : link_.in)
      if (!waitsForHost(wire)) {
        times_[wire].resize(rowsOf(wire));
        left.emplace_back(wire, 0);
      }
    for (size_t turn = 0; !left.empty();) {
      size_t tried = 0;
      while (tried < left.size() && fromHostUs(left[turn % left.size()].first, 0) > us) {
        ++turn;
        ++tried;
      }
      if (tried == left.size()) { // until the host is done with one
        us = kNever;
        for (auto [wire, row] : left)
          us = std::min(us, fromHostUs(wire, 0));
        continue;
      }
      auto &[wire, row] = left[turn % left.size()];
      us += rowTransferUs(wire);
      double before = row == 0 ? 0 : times_[wire].arrived[row - 1];
      times_[wire].arrived[row] =
          std::max(us, std::max(before, roomUs(wire, row)) + rowTransferUs(wire));
      if (++row == rowsOf(wire))
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(turn % left.size()));
      else
        ++turn;
    }
  }

  // Rows of one frame leave in the order in which they are there.
  void drainInTurn() {
    std::vector<std::tuple<double, uint32_t, size_t>> rows;
    for (uint32_t wire : link_.out)
      for (size_t row = 0; row < rowsOf(wire); ++row)
        rows.emplace_back(times_[wire].arrived[row], wire, row);
    std::ranges::sort(rows);
    double us = 0;
    for (auto [arrived, wire, row] : rows) {
      us = std::max(us, arrived) + rowTransferUs(wire);
      times_[wire].released[row] = std::max(times_[wire].released[row], us);
      schedule_.latencyUs = std::max(schedule_.latencyUs, us + machine_.link->latency_us);
    }
  }

  // When the host has computed a frame of a wire.
  double fromHostUs(uint32_t wire, size_t frame) const {
    return hostUs_[wire].empty() ? 0 : hostUs_[wire][frame];
  }

  // A host step that reads whole tensors of the segment; its results come as fast as the link is.
  void computeHost(const HostCallStep &step, size_t frames) {
    std::vector<double> ready(frames, 0);
    for (uint32_t wire : step.inputs) {
      if (!isInside(graph_.wires[wire].writer)) {
        for (size_t frame = 0; frame < frames && !hostUs_[wire].empty(); ++frame)
          ready[frame] = std::max(ready[frame], hostUs_[wire][frame]);
        continue;
      }
      double rowUs = periodUs_ == 0
                         ? rowTransferUs(wire)
                         : transferUs(link_.outBytes) / static_cast<double>(rowsOf(wire));
      double us = 0;
      for (size_t row = 0; row < rowsOf(wire) * frames; ++row) {
        us = std::max(us, times_[wire].arrived[row]) + rowUs;
        size_t frame = row / rowsOf(wire);
        ready[frame] = std::max(ready[frame], us);
      }
    }
    double us = 0;
    for (double &end : ready)
      us = end = std::max(us, end) + step.us;
    schedule_.latencyUs = std::max(schedule_.latencyUs, ready[0]);
    for (uint32_t wire : step.outputs) {
      hostUs_[wire] = ready;
      if (std::ranges::find(link_.in, wire) != link_.in.end())
        feedLate(wire, frames);
    }
  }

  void feedLate(uint32_t wire, size_t frames) {
    WireTimes &times = times_[wire];
    size_t rows = rowsOf(wire);
    times.resize(rows * frames);
    double rowUs = periodUs_ == 0 ? rowTransferUs(wire)
                                  : transferUs(link_.inBytes) / static_cast<double>(rows);
    double us = 0;
    for (size_t row = 0; row < rows * frames; ++row) {
      us = std::max({us, fromHostUs(wire, row / rows), roomUs(wire, row)}) + rowUs;
      times.arrived[row] = us;
    }
  }

  // Rows come evenly over a period.
  void feed(uint32_t wire, size_t frames) {
    WireTimes &times = times_[wire];
    size_t rows = rowsOf(wire);
    times.resize(rows * frames);
    double rowUs = std::max(periodUs_, transferUs(link_.inBytes)) / static_cast<double>(rows);
    for (size_t row = 0; row < rows * frames; ++row)
      times.arrived[row] =
          machine_.link->latency_us + fromHostUs(wire, 0) + rowUs * static_cast<double>(row + 1);
  }

  void computeNode(size_t index, size_t frames) {
    const GraphNode &node = graph_.nodes[index];
    const emulator::NodeWork &work = node.work;
    std::vector<double> cycles = work.cycles(machine_, subClusters_[index]);
    auto rows = static_cast<size_t>(work.rows);
    WireTimes &out = times_[node.node->output];
    out.resize(rows * frames);
    double idle = 0; // since then
    for (size_t frame = 0; frame < frames; ++frame)
      for (size_t row = 0; row < rows; ++row) {
        double start = std::max(idle, roomUs(node.node->output, frame * rows + row));
        for (const auto &demand : work.demands) {
          size_t base = frame * rowsOf(demand.stream);
          if (auto needed = static_cast<size_t>(demand.arrived[row]); needed > 0)
            start = std::max(start, times_[demand.stream].arrived[base + needed - 1]);
        }
        double end = start + cycles[work.kindOf[row]] / machine_.clock_mhz;
        out.reserved[frame * rows + row] = start;
        out.arrived[frame * rows + row] = end;
        if (frame == 0 && row == 0)
          schedule_.firstUs.push_back(start);
        for (const auto &demand : work.demands)
          use(demand, frame, row, start, end);
        idle = end;
      }
  }

  // Rows that this row of a reader is the first to need, and those that it is the last to need.
  void use(const emulator::RowDemand &demand, size_t frame, size_t row, double start, double end) {
    WireTimes &times = times_[demand.stream];
    size_t base = frame * rowsOf(demand.stream);
    size_t before = row == 0 ? 0 : static_cast<size_t>(demand.arrived[row - 1]);
    for (size_t r = before; r < static_cast<size_t>(demand.arrived[row]); ++r)
      times.firstUse[base + r] = std::min(times.firstUse[base + r], start);
    for (auto r = static_cast<size_t>(demand.released[row]);
         r < static_cast<size_t>(demand.released[row + 1]); ++r)
      times.released[base + r] = std::max(times.released[base + r], end);
  }

  // All outputs share the link: each gets the part of it that its bytes need.
  void drain(uint32_t wire, size_t frames) {
    WireTimes &times = times_[wire];
    size_t rows = rowsOf(wire);
    double rowUs = transferUs(link_.outBytes) / static_cast<double>(rows);
    double idle = 0;
    for (size_t row = 0; row < rows * frames; ++row) {
      idle = std::max(idle, times.arrived[row]) + rowUs;
      times.released[row] = std::max(times.released[row], idle);
    }
  }

  void measureRings(size_t frames) {
    schedule_.capacities.assign(graph_.wires.size(), 0);
    for (uint32_t wire : link_.in) {
      // The host sends a row when there is room: early enough if that is a few rows before its use.
      constexpr double kRowsAhead = 2;
      WireTimes &times = times_[wire];
      size_t rows = rowsOf(wire);
      double ahead =
          kRowsAhead * std::max(periodUs_, transferUs(link_.inBytes)) / static_cast<double>(rows);
      // Rows that are needed at one time come one after the other all the same.
      double rowUs = transferUs(link_.inBytes) / static_cast<double>(rows);
      double next = kNever;
      for (size_t row = rows * frames; row-- > 0;) {
        double used = times.firstUse[row] < kNever ? times.firstUse[row] : times.arrived[row];
        next = std::min(used - ahead, next - rowUs);
        times.reserved[row] = next;
      }
      setCapacity(wire);
    }
    for (size_t i = segment_.begin; i < segment_.end; ++i)
      setCapacity(graph_.nodes[i].node->output);
  }

  // The most rows that are there at one time. Rows that no reader needs go as they come.
  void setCapacity(uint32_t wire) {
    const WireTimes &times = times_[wire];
    uint64_t most = 1;
    size_t oldest = 0;
    double reserved = 0, released = 0;
    for (size_t row = 0; row < times.reserved.size(); ++row) {
      reserved = std::max(reserved, times.reserved[row]);
      // Rows leave in order.
      while (oldest < row && std::max(released, times.released[oldest]) <= reserved)
        released = std::max(released, times.released[oldest++]);
      most = std::max<uint64_t>(most, row - oldest + 1);
    }
    schedule_.capacities[wire] = most;
  }

  const Graph &graph_;
  Segment segment_;
  const emulator::DataflowMachineT &machine_;
  std::span<const uint32_t> subClusters_;
  double periodUs_;
  SegmentLink link_;
  std::vector<const HostCallStep *> steps_;
  std::set<const HostCallStep *> late_; // that read what the segment writes
  std::vector<WireTimes> times_;
  std::vector<std::vector<double>> hostUs_; // of each wire: when the host has computed each frame
  std::span<const uint64_t> capacities_;    // of each wire; empty: unlimited
  RowSchedule schedule_;
};

} // namespace

SegmentLink linkOf(const Graph &graph, Segment segment) {
  SegmentLink link;
  auto inside = [&](int node) {
    return node >= static_cast<int>(segment.begin) && node < static_cast<int>(segment.end);
  };
  std::vector<bool> seen(graph.wires.size());
  for (size_t i = segment.begin; i < segment.end; ++i)
    for (const auto &demand : graph.nodes[i].work.demands) {
      const Wire &wire = graph.wires[demand.stream];
      if (inside(wire.writer) || seen[demand.stream])
        continue;
      seen[demand.stream] = true;
      link.in.push_back(demand.stream);
      link.inBytes += linkBytes(wire);
    }
  for (size_t i = segment.begin; i < segment.end; ++i) {
    uint32_t index = graph.nodes[i].node->output;
    const Wire &wire = graph.wires[index];
    bool leaves = wire.isOutput || !wire.hostReaders.empty() ||
                  std::ranges::any_of(wire.readers, [&](uint32_t reader) {
                    return !inside(static_cast<int>(reader));
                  });
    if (leaves) {
      link.out.push_back(index);
      link.outBytes += linkBytes(wire);
    }
  }
  return link;
}

std::vector<const HostCallStep *> hostStepsOf(const Graph &graph, Segment segment) {
  std::vector<const HostCallStep *> steps;
  for (const HostCallStep &step : graph.hostSteps)
    if (step.before >= segment.begin &&
        (step.before < segment.end || segment.end == graph.nodes.size()))
      steps.push_back(&step);
  return steps;
}

double leastPeriodUs(const Graph &graph, Segment segment,
                     const emulator::DataflowMachineT &machine) {
  SegmentLink link = linkOf(graph, segment);
  double us =
      static_cast<double>(std::max(link.inBytes, link.outBytes)) / (machine.link->gb_s * 1e3);
  double hostUs = 0;
  for (const HostCallStep *step : hostStepsOf(graph, segment))
    hostUs += step->us;
  return std::max(us, hostUs);
}

RowSchedule scheduleRows(const Graph &graph, Segment segment,
                         const emulator::DataflowMachineT &machine,
                         std::span<const uint32_t> subClusters, double periodUs) {
  return RowScheduler(graph, segment, machine, subClusters, periodUs).run();
}

double frameLatencyUs(const Graph &graph, Segment segment,
                      const emulator::DataflowMachineT &machine,
                      std::span<const uint32_t> subClusters, std::span<const uint64_t> capacities) {
  return RowScheduler(graph, segment, machine, subClusters, 0).latencyUs(capacities);
}

} // namespace edgecc::device::dataflow
