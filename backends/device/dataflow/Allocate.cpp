// SPDX-License-Identifier: Apache-2.0
//
// For a period T the least sub-clusters of each layer are known, so the fastest allocation is a
// search for the least T: first for the sums over all clusters (a lower bound), then, a little
// slower each time, until parts and rings can be packed into clusters.
#include "backends/device/dataflow/Allocate.h"

#include "backends/device/dataflow/Pack.h"

#include <cmath>
#include <fmt/format.h>

namespace edgecc::device::dataflow {

namespace {

const emulator::WorkFractionT *fractionOf(const emulator::DataflowMachineT &machine,
                                          emulator::WorkClass work) {
  for (const auto &entry : machine.work)
    if (entry->work == work)
      return entry.get();
  return nullptr;
}

uint32_t maxSubClusters(const NodeCost &cost, const emulator::DataflowMachineT &machine) {
  if (cost.wanted > 0)
    return std::max(cost.wanted, cost.least);
  uint64_t parts = std::min<uint64_t>(machine.max_parts, machine.clusters * machine.controllers);
  return static_cast<uint32_t>(std::min<uint64_t>(
      parts * machine.max_sub_clusters, uint64_t{machine.clusters} * machine.sub_clusters));
}

struct Sums {
  uint64_t subClusters = 0, controllers = 0;
  bool possible = true;
};

Sums sumsFor(std::span<const NodeCost> costs, Segment segment,
             const emulator::DataflowMachineT &machine, double cycles) {
  Sums sums;
  for (size_t i = segment.begin; i < segment.end; ++i) {
    auto subClusters = subClustersFor(costs[i], machine, cycles);
    if (!subClusters) {
      sums.possible = false;
      return sums;
    }
    sums.subClusters += *subClusters;
    sums.controllers +=
        uint64_t{costs[i].controllersPerPart} * partsOf(costs[i], *subClusters, machine);
  }
  return sums;
}

} // namespace

std::vector<NodeCost> costsOf(const Graph &graph, const emulator::DataflowMachineT &machine,
                              const MapOptions &options, const Limits &limits) {
  std::vector<NodeCost> costs;
  for (const GraphNode &node : graph.nodes) {
    NodeCost cost;
    const auto *fraction = fractionOf(machine, node.work.kinds.front().kind);
    assert(fraction && "whyNotOn lets no such task through");
    cost.controllersPerPart =
        fraction->controllers * emulator::layersOf(machine, node.node->kernel);
    cost.needsSubClusters = fraction->needs_sub_clusters;
    cost.overhead = machine.row_overhead_cycles;
    cost.port = node.work.portCycles(machine);
    for (size_t i = 0; i < node.work.kinds.size(); ++i) {
      const emulator::Work &kind = node.work.kinds[i];
      double count = node.work.countOf[i];
      double cycles =
          emulator::rowCycles(machine, kind, node.work.activationBits, node.work.weightBits, 1) -
          cost.overhead;
      cost.kinds.push_back({count, cycles});
      cost.rows += count;
      cost.work += count * cycles;
    }
    cost.least = static_cast<uint32_t>(std::clamp<uint64_t>(
        (node.weightBytes + limits.memory - 1) / std::max<uint64_t>(limits.memory, 1), 1,
        UINT32_MAX));
    if (auto wanted = options.subClusters.find(node.name); wanted != options.subClusters.end())
      cost.wanted = std::max(1u, wanted->second);
    costs.push_back(cost);
  }
  return costs;
}

double NodeCost::cycles(double subClusters) const {
  double sum = rows * overhead;
  for (const Kind &kind : kinds)
    sum += kind.count * std::max(port, kind.work / (needsSubClusters ? subClusters : 1));
  return sum;
}

std::optional<uint32_t> subClustersFor(const NodeCost &cost,
                                       const emulator::DataflowMachineT &machine, double cycles) {
  constexpr double kRounding = 1 + 1e-9;
  double limit = cycles * kRounding;
  if (!cost.needsSubClusters)
    return cost.cycles(1) <= limit ? std::optional<uint32_t>(0) : std::nullopt;
  uint32_t least = std::max(cost.least, cost.wanted), most = maxSubClusters(cost, machine);
  double left = limit - cost.rows * cost.overhead;
  if (least > most || cost.least > machine.max_parts || cost.fastest() > limit ||
      cost.work > left * most || cost.cycles(most) > limit)
    return std::nullopt;
  // No fewer than if rows of all kinds could even each other out.
  uint32_t low = std::max(least, static_cast<uint32_t>(std::ceil(cost.work / left)));
  if (cost.cycles(low) <= limit)
    return low;
  uint32_t high = most;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    (cost.cycles(middle) <= limit ? high : low) = middle;
  }
  return high;
}

uint32_t partsOf(const NodeCost &cost, uint32_t subClusters,
                 const emulator::DataflowMachineT &machine) {
  uint32_t parts = (subClusters + machine.max_sub_clusters - 1) / machine.max_sub_clusters;
  return cost.needsSubClusters ? std::max({1u, parts, cost.least}) : 1;
}

std::optional<double> relaxedPeriod(std::span<const NodeCost> costs, Segment segment,
                                    const emulator::DataflowMachineT &machine, const Limits &limits,
                                    double floor) {
  auto feasible = [&](double cycles) {
    Sums sums = sumsFor(costs, segment, machine, cycles);
    return sums.possible && sums.subClusters <= limits.allSubClusters() &&
           sums.controllers <= limits.allControllers();
  };
  double low = floor, high = floor;
  for (size_t i = segment.begin; i < segment.end; ++i) {
    const NodeCost &cost = costs[i];
    high = std::max(high, cost.cycles(std::max(cost.least, cost.wanted)));
    low = std::max(low, cost.cycles(maxSubClusters(cost, machine)));
  }
  if (!feasible(high))
    return std::nullopt;
  if (feasible(low))
    return low;
  while (high - low > 1e-5 * high) {
    double middle = (low + high) / 2;
    (feasible(middle) ? high : low) = middle;
  }
  return high;
}

namespace {

class Allocator {
public:
  Allocator(const Graph &graph, Segment segment, const emulator::DataflowMachineT &machine,
            std::span<const NodeCost> costs, const Limits &limits)
      : graph_(graph), segment_(segment), machine_(machine), costs_(costs), limits_(limits) {}

  Expected<Allocation> run() {
    auto bound = relaxedPeriod(costs_, segment_, machine_, limits_,
                               leastPeriodUs(graph_, segment_, machine_) * machine_.clock_mhz);
    uint64_t weights = 0;
    for (size_t i = segment_.begin; i < segment_.end; ++i)
      weights += graph_.nodes[i].weightBytes;
    if (!bound || weights > limits_.allMemory())
      return tooMuch();
    // Slower and slower until it can be packed; then the last step is halved a few times.
    double good = 0, bad = *bound;
    std::optional<Allocation> best;
    for (double period = *bound, step = 0.0025; period < *bound * kMostSlowdown;
         period *= 1 + step, step *= 1.5) {
      best = tryPeriod(period);
      if (best) {
        good = period;
        break;
      }
      bad = period;
      if (static_cast<double>(needed_) > kHopeless * static_cast<double>(limits_.allMemory()))
        break;
    }
    if (!best)
      return tooMuch();
    for (int i = 0; i < kRefinements && good > bad * 1.001; ++i) {
      double middle = (good + bad) / 2;
      if (auto found = tryPeriod(middle)) {
        best = std::move(found);
        good = middle;
      } else {
        bad = middle;
      }
    }
    best->boundCycles = *bound;
    best->latencyUs =
        frameLatencyUs(graph_, segment_, machine_, best->subClusters, best->schedule.capacities);
    return std::move(*best);
  }

private:
  static constexpr double kMostSlowdown = 64;
  static constexpr int kRefinements = 4;
  static constexpr double kHopeless = 1.3; // rings shrink little when layers are slower

  std::optional<Allocation> tryPeriod(double cycles) {
    Allocation result;
    result.periodCycles = cycles;
    result.subClusters.assign(graph_.nodes.size(), 0);
    for (size_t i = segment_.begin; i < segment_.end; ++i) {
      auto subClusters = subClustersFor(costs_[i], machine_, cycles);
      if (!subClusters)
        return {};
      result.subClusters[i] = *subClusters;
    }
    result.schedule =
        scheduleRows(graph_, segment_, machine_, result.subClusters, cycles / machine_.clock_mhz);
    std::vector<Item> items;
    std::vector<size_t> nodeOf;
    for (size_t i = segment_.begin; i < segment_.end; ++i)
      addParts(i, result.subClusters[i], items, nodeOf);
    size_t parts = items.size();
    std::vector<uint32_t> wires;
    for (uint32_t wire = 0; wire < graph_.wires.size(); ++wire)
      if (uint64_t rows = result.schedule.capacities[wire]) {
        items.push_back({.bytes = aligned(rows * graph_.wires[wire].shape.slotBytes)});
        wires.push_back(wire);
      }
    needed_ = 0;
    for (const Item &item : items)
      needed_ += item.bytes;
    auto clusters = packItems(items, limits_);
    if (!clusters)
      return {};
    place(result, items, nodeOf, *clusters, parts, wires);
    return result;
  }

  static uint64_t aligned(uint64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  void addParts(size_t node, uint32_t subClusters, std::vector<Item> &items,
                std::vector<size_t> &nodeOf) {
    uint64_t weights = graph_.nodes[node].weightBytes;
    uint32_t parts = partsOf(costs_[node], subClusters, machine_);
    for (uint32_t part = 0; part < parts; ++part) {
      uint64_t low = weights * part / parts, high = weights * (part + 1) / parts;
      items.push_back({.subClusters = subClusters / parts + (part < subClusters % parts ? 1 : 0),
                       .controllers = costs_[node].controllersPerPart,
                       .bytes = aligned(high - low)});
      nodeOf.push_back(node);
    }
  }

  // Addresses one behind the other; parts of a node in one cluster are one placement.
  void place(Allocation &result, std::span<const Item> items, std::span<const size_t> nodeOf,
             std::span<const uint32_t> clusters, size_t parts, std::span<const uint32_t> wires) {
    std::vector<uint64_t> top(limits_.clusters);
    result.parts.resize(segment_.end - segment_.begin);
    for (size_t i = 0; i < parts; ++i) {
      auto &placements = result.parts[nodeOf[i] - segment_.begin];
      auto known = std::ranges::find(placements, clusters[i], &Placement::cluster);
      if (known == placements.end())
        known = placements.insert(known, {.cluster = clusters[i]});
      known->subClusters += items[i].subClusters;
      known->controllers += items[i].controllers;
      known->weightBytes += items[i].bytes;
    }
    for (auto &placements : result.parts)
      for (Placement &placement : placements) {
        placement.weightAddress = top[placement.cluster];
        top[placement.cluster] += placement.weightBytes;
      }
    result.rings.resize(graph_.wires.size());
    for (size_t i = 0; i < wires.size(); ++i) {
      uint32_t cluster = clusters[parts + i];
      result.rings[wires[i]] = {.cluster = cluster, .weightAddress = top[cluster]};
      top[cluster] += items[parts + i].bytes;
    }
  }

  // Which amount is exceeded even if every layer is as slow as can be.
  tl::unexpected<Diagnostics> tooMuch() const {
    Sums sums = sumsFor(costs_, segment_, machine_, std::numeric_limits<double>::max());
    uint64_t weights = 0;
    size_t heaviest = segment_.begin;
    for (size_t i = segment_.begin; i < segment_.end; ++i) {
      weights += graph_.nodes[i].weightBytes;
      if (graph_.nodes[i].weightBytes > graph_.nodes[heaviest].weightBytes)
        heaviest = i;
    }
    const GraphNode &node = graph_.nodes[heaviest];
    if (costs_[heaviest].least > machine_.max_parts)
      return error(
          fmt::format("{} bytes of weights take {} clusters, and a layer may be split into "
                      "{} parts",
                      node.weightBytes, costs_[heaviest].least, machine_.max_parts),
          node.name);
    std::string where = segment_.end - segment_.begin == 1 ? node.name : std::string();
    if (sums.controllers > limits_.allControllers())
      return error(fmt::format("{} controllers are needed, and {} are there", sums.controllers,
                               limits_.allControllers()),
                   where);
    if (sums.subClusters > limits_.allSubClusters())
      return error(fmt::format("{} sub-clusters are needed, and {} are there", sums.subClusters,
                               limits_.allSubClusters()),
                   where);
    return error(
        fmt::format("{} bytes of memory are needed ({} of weights, {} of rows), and {} "
                    "clusters hold {} each",
                    std::max(needed_, weights), weights, needed_ > weights ? needed_ - weights : 0,
                    limits_.clusters, limits_.memory),
        where, fmt::format("'{}' has the most weights: {} bytes", node.name, node.weightBytes));
  }

  static constexpr uint64_t kAlignment = 64; // of addresses
  const Graph &graph_;
  Segment segment_;
  const emulator::DataflowMachineT &machine_;
  std::span<const NodeCost> costs_;
  const Limits &limits_;
  uint64_t needed_ = 0; // bytes of the last attempt
};

} // namespace

Expected<Allocation> allocate(const Graph &graph, Segment segment,
                              const emulator::DataflowMachineT &machine,
                              std::span<const NodeCost> costs, const Limits &limits) {
  return Allocator(graph, segment, machine, costs, limits).run();
}

} // namespace edgecc::device::dataflow
