// SPDX-License-Identifier: Apache-2.0
//
// Contexts are runs of nodes in topological order. Of all ways to cut the order, dynamic
// programming finds the one with the least sum of
//   switch + weights / configuration rate + fill + batch x period,
// first with the period of the relaxed allocation, which is a lower bound. The segments chosen are
// then allocated: what does not pack is forbidden, with all that contains it, what packs counts
// with the period that it reached, and the cuts are chosen again until they are of segments that
// are known: then no other cuts take less time by these sums.
#include "backends/device/dataflow/Contexts.h"

#include <fmt/format.h>
#include <limits>
#include <map>

namespace edgecc::device::dataflow {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

class Planner {
public:
  Planner(const Graph &graph, const emulator::DataflowMachineT &machine, const MapOptions &options)
      : graph_(graph), machine_(machine), options_(options), limits_(limitsOf(machine, options)),
        costs_(costsOf(graph, machine, options, limits_)), count_(graph.nodes.size()) {}

  Expected<ContextPlan> run() {
    EDGECC_CHECK(checkWanted());
    if (count_ == 0)
      return ContextPlan{};
    Segment all{0, count_};
    std::string why;
    std::optional<PlannedContext> single;
    if (options_.contexts <= 1) {
      auto whole = allocate(graph_, all, machine_, costs_, limits_);
      if (whole) {
        bool isNearBest = whole->periodCycles <= whole->boundCycles * kWellPacked;
        single = {all, std::move(*whole)};
        if (isNearBest || options_.contexts == 1)
          return planOf(std::move(*single));
      } else if (options_.contexts == 1) {
        return tl::unexpected(whole.error());
      } else {
        why = "several contexts: " + str(whole.error());
      }
    }
    // A context that stays needs no switch, and does not run empty between batches.
    double singleUs =
        single ? options_.batch * single->allocation.periodCycles / machine_.clock_mhz : kNever;
    auto prepared = prepare();
    if (!prepared && single)
      return planOf(std::move(*single));
    EDGECC_CHECK(prepared);
    auto plan = split(singleUs);
    if (single && (!plan || planUs_ >= singleUs))
      return planOf(std::move(*single));
    if (!plan)
      return tl::unexpected(plan.error());
    if (single)
      why = fmt::format("several contexts: in one, the slowest layer would take {:.0f} cycles",
                        single->allocation.periodCycles);
    if (!why.empty())
      plan->notes.insert(plan->notes.begin(), why);
    return std::move(*plan);
  }

private:
  static ContextPlan planOf(PlannedContext context) {
    ContextPlan plan;
    plan.contexts.push_back(std::move(context));
    return plan;
  }

  // Names in the options that no layer has.
  Expected<void> checkWanted() const {
    Diagnostics diagnostics;
    for (const auto &[name, subClusters] : options_.subClusters) {
      bool known = std::ranges::any_of(graph_.nodes,
                                       [&](const GraphNode &node) { return node.name == name; });
      if (!known)
        diagnostics.push_back({fmt::format("no layer is called '{}'", name), "sub-clusters",
                               "the report lists the layers' names"});
    }
    if (!diagnostics.empty())
      return tl::unexpected(std::move(diagnostics));
    return {};
  }

  // What each node needs by itself; layers that fit nowhere are all reported.
  Expected<void> prepare() {
    Diagnostics diagnostics;
    std::vector<uint32_t> subClusters(count_, 1);
    double slowest = 0;
    for (size_t i = 0; i < count_; ++i) {
      auto alone = allocate(graph_, {i, i + 1}, machine_, costs_, limits_);
      if (!alone) {
        diagnostics.insert(diagnostics.end(), alone.error().begin(), alone.error().end());
        continue;
      }
      slowest = std::max(slowest, costs_[i].cycles(1));
    }
    if (!diagnostics.empty())
      return tl::unexpected(std::move(diagnostics));
    // Rings as they would be in one endless context, in which all layers take equally long.
    for (size_t i = 0; i < count_; ++i)
      if (costs_[i].needsSubClusters)
        subClusters[i] = std::max(
            1u, subClustersFor(costs_[i], machine_, slowest / kTypicalParallelism).value_or(1));
    double period = 0;
    for (size_t i = 0; i < count_; ++i)
      period = std::max(period, costs_[i].cycles(subClusters[i]));
    double periodUs =
        std::max(period / machine_.clock_mhz, leastPeriodUs(graph_, {0, count_}, machine_));
    RowSchedule schedule = scheduleRows(graph_, {0, count_}, machine_, subClusters, periodUs);
    startInPeriods_.resize(count_);
    for (size_t i = 0; i < count_; ++i)
      startInPeriods_[i] = schedule.firstUs[i] / periodUs;
    capacities_ = std::move(schedule.capacities);
    lastReader_.assign(graph_.wires.size(), -1);
    for (size_t wire = 0; wire < graph_.wires.size(); ++wire)
      for (uint32_t reader : graph_.wires[wire].readers)
        lastReader_[wire] = std::max(lastReader_[wire], static_cast<int>(reader));
    forbidden_.assign(count_, count_ + 1);
    return {};
  }

  // About what a ring takes in a segment: a tensor that is read after it too goes to the host, and
  // what its readers inside need is not known before they are scheduled. What this leaves out shows
  // when the segment is allocated.
  uint64_t ringBytes(uint32_t wire, Segment segment) const {
    constexpr uint64_t kRowsOnTheWay = 8;
    uint64_t rows = capacities_[wire];
    if (lastReader_[wire] >= static_cast<int>(segment.end))
      rows = std::min(rows, kRowsOnTheWay);
    return rows * graph_.wires[wire].shape.slotBytes;
  }

  // Time of a batch in nodes [begin, end); kNever for that and all longer ones from `begin`.
  double costOf(Segment segment) {
    if (segment.end >= forbidden_[segment.begin])
      return kNever;
    auto [known, isNew] = costUs_.try_emplace({segment.begin, segment.end}, kNever);
    if (!isNew)
      return known->second;
    uint64_t bytes = 0;
    for (size_t i = segment.begin; i < segment.end; ++i)
      bytes += graph_.nodes[i].weightBytes + ringBytes(graph_.nodes[i].node->output, segment);
    if (bytes > limits_.allMemory())
      return kNever;
    auto period = relaxedPeriod(costs_, segment, machine_, limits_,
                                leastPeriodUs(graph_, segment, machine_) * machine_.clock_mhz);
    return known->second = period ? costAt(segment, *period) : kNever;
  }

  double costAt(Segment segment, double periodCycles) const {
    uint64_t weights = 0;
    double lastStart = 0, firstStart = kNever;
    for (size_t i = segment.begin; i < segment.end; ++i) {
      weights += graph_.nodes[i].weightBytes;
      lastStart = std::max(lastStart, startInPeriods_[i]);
      firstStart = std::min(firstStart, startInPeriods_[i]);
    }
    double periodUs = periodCycles / machine_.clock_mhz;
    return machine_.context_switch_us +
           static_cast<double>(weights) / (machine_.configuration_gb_s * 1e3) +
           machine_.link->latency_us * 2 + (lastStart - firstStart + options_.batch) * periodUs;
  }

  // Bytes that would cross a cut before node `at`.
  uint64_t crossing(size_t at) const {
    uint64_t bytes = 0;
    for (size_t wire = 0; wire < graph_.wires.size(); ++wire) {
      const Wire &w = graph_.wires[wire];
      if (w.writer < static_cast<int>(at) && lastReader_[wire] >= static_cast<int>(at))
        bytes += static_cast<uint64_t>(w.shape.rows) * w.shape.rowBytes;
    }
    return bytes;
  }

  bool isBehindHost(size_t at) const {
    return std::ranges::any_of(graph_.hostSteps,
                               [&](const HostCallStep &step) { return step.before == at; });
  }

  // Long graphs: only cuts that little crosses, compared with their neighbours, and those around
  // host steps.
  std::vector<size_t> cuts() const {
    constexpr size_t kMaxCuts = 160;
    std::vector<size_t> all;
    std::vector<uint64_t> bytes(count_ + 1);
    for (size_t at = 1; at < count_; ++at)
      bytes[at] = crossing(at);
    size_t stride = std::max<size_t>(1, (count_ + kMaxCuts - 1) / kMaxCuts);
    for (size_t at = 1; at < count_;) {
      size_t best = at;
      for (size_t i = at; i < std::min(at + stride, count_); ++i)
        if (bytes[i] < bytes[best])
          best = i;
      for (size_t i = at; i < std::min(at + stride, count_); ++i)
        if (i == best || isBehindHost(i) || std::ranges::find(extraCuts_, i) != extraCuts_.end())
          all.push_back(i);
      at += stride;
    }
    all.push_back(count_);
    return all;
  }

  // The cheapest cuts, with `options.contexts` contexts if that is given; empty if there are none.
  std::vector<Segment> choose() {
    std::vector<size_t> ends = cuts();
    ends.insert(ends.begin(), 0);
    size_t points = ends.size();
    size_t most = options_.contexts > 0 ? options_.contexts : 1;
    bool counted = options_.contexts > 0;
    // best[k][j]: the nodes before cut j in k contexts; without a wanted number, k stays 0.
    std::vector<std::vector<double>> best(most + 1, std::vector<double>(points, kNever));
    std::vector<std::vector<size_t>> from(most + 1, std::vector<size_t>(points, 0));
    best[0][0] = 0;
    for (size_t i = 0; i < points; ++i)
      for (size_t j = i + 1; j < points; ++j) {
        double us = costOf({ends[i], ends[j]});
        if (us == kNever)
          break;
        for (size_t k = 0; k < most; ++k) {
          size_t to = counted ? k + 1 : 0;
          if (best[k][i] + us < best[to][j]) {
            best[to][j] = best[k][i] + us;
            from[to][j] = i;
          }
        }
      }
    size_t k = counted ? most : 0;
    if (best[k][points - 1] == kNever)
      return {};
    planUs_ = best[k][points - 1];
    std::vector<Segment> segments;
    for (size_t j = points - 1; j > 0;) {
      size_t i = from[k][j];
      segments.insert(segments.begin(), {ends[i], ends[j]});
      j = i;
      k -= counted ? 1 : 0;
    }
    return segments;
  }

  // Contexts that take less than `limitUs`, if there are any. planUs_ is their time.
  Expected<ContextPlan> split(double limitUs) {
    constexpr int kMaxAttempts = 400;
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      std::vector<Segment> segments = choose();
      if (segments.empty()) {
        // Finer cuts, where coarse ones do not fit.
        if (extraCuts_.size() < count_) {
          for (size_t i = extraCuts_.size(); i < count_; ++i)
            extraCuts_.push_back(i);
          continue;
        }
        break;
      }
      if (planUs_ >= limitUs)
        break; // and all others are slower still
      if (!allocateNew(segments))
        continue;
      ContextPlan plan;
      for (Segment segment : segments)
        plan.contexts.push_back(
            {segment, std::move(allocations_.at({segment.begin, segment.end}))});
      return plan;
    }
    return error(options_.contexts > 0
                     ? fmt::format("the layers do not fit in {} contexts", options_.contexts)
                     : std::string("no way was found to cut the network into contexts that fit"),
                 {}, "leave the number of contexts to the compiler, or raise the caps");
  }

  // Whether what the segments cost is what they were chosen by: all were allocated before, or turn
  // out as fast as they could be.
  bool allocateNew(std::span<const Segment> segments) {
    bool isAsChosen = true;
    for (Segment segment : segments) {
      std::pair key(segment.begin, segment.end);
      if (allocations_.contains(key))
        continue;
      auto allocation = allocate(graph_, segment, machine_, costs_, limits_);
      if (!allocation) {
        // Whatever contains this does not fit either.
        for (size_t i = 0; i <= segment.begin; ++i)
          forbidden_[i] = std::min(forbidden_[i], segment.end);
        return false;
      }
      isAsChosen &= allocation->periodCycles <= allocation->boundCycles * kWellPacked;
      costUs_[key] = costAt(segment, allocation->periodCycles);
      allocations_.emplace(key, std::move(*allocation));
    }
    return isAsChosen;
  }

  static constexpr double kTypicalParallelism = 64;
  static constexpr double kWellPacked = 1.1; // of the bound's period
  const Graph &graph_;
  const emulator::DataflowMachineT &machine_;
  const MapOptions &options_;
  Limits limits_;
  std::vector<NodeCost> costs_;
  size_t count_;
  std::vector<double> startInPeriods_; // of each node's first row, in an endless context
  std::vector<uint64_t> capacities_;   // of each wire, in an endless context
  std::vector<int> lastReader_;        // of each wire
  std::vector<size_t> forbidden_;      // segments from node i must end before this
  std::vector<size_t> extraCuts_;
  using Range = std::pair<size_t, size_t>;
  std::map<Range, double> costUs_;          // of segments: bounds, and what allocations came to
  std::map<Range, Allocation> allocations_; // of segments that were chosen once
  double planUs_ = 0;                       // of the cuts chosen last
};

} // namespace

Expected<ContextPlan> planContexts(const Graph &graph, const emulator::DataflowMachineT &machine,
                                   const MapOptions &options) {
  return Planner(graph, machine, options).run();
}

} // namespace edgecc::device::dataflow
