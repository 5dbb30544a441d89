// SPDX-License-Identifier: Apache-2.0
//
// First-fit decreasing by several measures of size, each item into the cluster that it leaves most
// evenly used (Panigrahy et al., "Heuristics for vector bin packing", 2011); where nothing is left,
// one item of a cluster moves to make room.
#include "backends/device/dataflow/Pack.h"

#include <array>
#include <numeric>

namespace edgecc::device::dataflow {

namespace {

using Amounts = std::array<double, 3>; // of a cluster's sub-clusters, controllers, memory

class Packer {
public:
  Packer(std::span<const Item> items, const Limits &limits) : limits_(limits) {
    for (const Item &item : items)
      sizes_.push_back({part(item.subClusters, limits.subClusters),
                        part(item.controllers, limits.controllers),
                        part(item.bytes, limits.memory)});
  }

  bool run(const std::array<double, 3> &weights) {
    std::vector<size_t> order(sizes_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    auto key = [&](size_t item) {
      double most = 0;
      for (size_t i = 0; i < 3; ++i)
        most = std::max(most, sizes_[item][i] * weights[i]);
      return most;
    };
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return key(a) > key(b); });
    used_.assign(limits_.clusters, Amounts{});
    cluster_.assign(sizes_.size(), kNowhere);
    return std::ranges::all_of(order, [&](size_t item) { return place(item) || makeRoom(item); });
  }

  std::vector<uint32_t> take() { return std::move(cluster_); }

private:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  static constexpr double kFull = 1 + 1e-9;

  static double part(uint64_t amount, uint64_t all) {
    return amount == 0 ? 0 : all == 0 ? 2 : static_cast<double>(amount) / static_cast<double>(all);
  }

  bool fits(size_t item, const Amounts &used) const {
    for (size_t i = 0; i < 3; ++i)
      if (used[i] + sizes_[item][i] > kFull)
        return false;
    return true;
  }

  static void add(Amounts &used, const Amounts &size, double sign) {
    for (size_t i = 0; i < 3; ++i)
      used[i] += sign * size[i];
  }

  // The cluster whose fullest resource stays lowest.
  bool place(size_t item) {
    uint32_t best = kNowhere;
    double least = 0;
    for (uint32_t cluster = 0; cluster < limits_.clusters; ++cluster) {
      if (!fits(item, used_[cluster]))
        continue;
      Amounts after = used_[cluster];
      add(after, sizes_[item], 1);
      double most = std::ranges::max(after);
      if (best == kNowhere || most < least) {
        best = cluster;
        least = most;
      }
    }
    if (best == kNowhere)
      return false;
    add(used_[best], sizes_[item], 1);
    cluster_[item] = best;
    return true;
  }

  // Moves one item from a cluster to another so that `item` fits there.
  bool makeRoom(size_t item) {
    for (size_t other = 0; other < sizes_.size(); ++other) {
      uint32_t from = cluster_[other];
      if (from == kNowhere)
        continue;
      Amounts without = used_[from];
      add(without, sizes_[other], -1);
      if (!fits(item, without))
        continue;
      for (uint32_t to = 0; to < limits_.clusters; ++to) {
        if (to == from || !fits(other, used_[to]))
          continue;
        used_[from] = without;
        add(used_[from], sizes_[item], 1);
        add(used_[to], sizes_[other], 1);
        cluster_[other] = to;
        cluster_[item] = from;
        return true;
      }
    }
    return false;
  }

  const Limits &limits_;
  std::vector<Amounts> sizes_;
  std::vector<Amounts> used_;
  std::vector<uint32_t> cluster_;
};

} // namespace

std::optional<std::vector<uint32_t>> packItems(std::span<const Item> items, const Limits &limits) {
  Packer packer(items, limits);
  constexpr std::array<std::array<double, 3>, 4> kOrders{
      {{1, 1, 1}, {1, 0.1, 0.1}, {0.1, 0.1, 1}, {0.3, 1, 0.3}}};
  for (const auto &order : kOrders)
    if (packer.run(order))
      return packer.take();
  return {};
}

} // namespace edgecc::device::dataflow
