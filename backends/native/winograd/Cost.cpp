#include "backends/native/winograd/Cost.h"
#include "backends/native/winograd/Transform.h"

#include <algorithm>
#include <cmath>

namespace edgecc::native {

namespace {

// --- constants, in cycles; see LayerCost ---
constexpr double kKernelStart = 250, kUnitStart = 60, kTileStart = 18;
constexpr double kFirstLevelRate = 24; // bytes a cycle from the second into the first level
constexpr double kThirdLevelRate = 14, kMemoryRate = 9;
// Of a group's weights, too few for a core to fetch ahead what is read in order.
constexpr double kGroupRate = 4.5;
// Of buffers that a unit writes and reads again: what stays in a second-level cache beside the
// weights and images that stream through it, and what no part of stays.
constexpr double kStaysBytes = 450e3, kLeavesBytes = 1050e3;
constexpr double kSecondLevelBytes = 896e3, kThirdLevelBytes = 12e6, kLargeImageBytes = 4e6;
// Weights of a layer that may still be in the third level since the last inference.
constexpr double kKeptBytes = 8e6;
// Weights that are as fast but larger still take longer to load: a small part of it.
constexpr double kLoadRate = 64;

double toDouble(int64_t value) { return static_cast<double>(value); }
double wide(int64_t bytes) { return bytes > 32 ? 1.0 : 0.5; }

class Estimator {
public:
  Estimator(const Contraction &c, const WinogradPlan &plan, const NativeTarget &target)
      : c_(c), plan_(plan), target_(target),
        width_(wide(target.vectorBytes) * transformLanes(target) / target.lanes(4)),
        frequencies_(toDouble(plan.frequencies())) {}

  double estimate() const {
    double groups = toDouble(c_.outer[1]), blocks = groups * toDouble(plan_.blocks());
    double tiles = groups * toDouble(plan_.tiles);
    double total = kKernelStart * (plan_.split ? 2 : 1);
    double panels = toDouble(plan_.panels());
    total += kUnitStart * blocks * (plan_.split ? panels : 1);
    total += tiles * (inputTile() + outputTile());
    double lastTiles = toDouble(plan_.tiles) - (blocks / groups - 1) * toDouble(plan_.blockTiles);
    total += (blocks - groups) * products(plan_.blockTiles);
    total += groups * products(static_cast<int64_t>(lastTiles));
    if (plan_.split)
      total += blocks * panels * rereading();
    return total + images() + weightBytes() * groups / kLoadRate;
  }

private:
  double vectors(int64_t elements) const {
    return std::ceil(toDouble(elements) / transformLanes(target_));
  }

  // One tile: loads, stores and arithmetic overlap in part. What leaves the second level costs its
  // transfer.
  double inputTile() const {
    double ny = toDouble(plan_.y.points()), nx = toDouble(plan_.x.points());
    double operations =
        nx * toDouble(inputOperations(plan_.y)) + ny * toDouble(inputOperations(plan_.x));
    double loads = 0;
    for (const auto &rows : inputRowGroups(plan_.y))
      for (double factor : plan_.y.input[static_cast<size_t>(rows[0])])
        loads += factor != 0 ? nx : 0;
    double stores = ny * nx;
    double cycles =
        std::max({loads, 2 * stores, 0.8 * operations}) + 0.25 * (loads + stores + operations);
    double each = vectors(c_.left.channels) * cycles * width_ + 30;
    return each + spill(4 * stores * toDouble(c_.left.channels));
  }

  double outputTile() const {
    double my = toDouble(plan_.y.outputs), nx = toDouble(plan_.x.points());
    double operations =
        nx * toDouble(outputOperations(plan_.y)) + my * toDouble(outputOperations(plan_.x));
    double groups = my * nx > toDouble(transformRegisters(target_)) - 8 ? 2 : 1;
    double loads = groups * toDouble(plan_.frequencies()), results = my * toDouble(plan_.x.outputs);
    double cycles = std::max({loads, 2 * results, 0.8 * operations}) + 0.25 * (loads + operations) +
                    2.2 * results;
    double each = vectors(c_.columns) * cycles * width_ + 30;
    return each + (plan_.split ? 0 : spill(4 * frequencies_ * toDouble(c_.columns)));
  }

  // A panel reads the transformed input of its block from where the first kernel has left it.
  double rereading() const {
    double bytes = 4 * toDouble(plan_.inputFloats());
    double share = (bytes - kStaysBytes) / (kLeavesBytes - kStaysBytes);
    return 0.5 * std::clamp(share, 0.0, 1.0) * bytes / kThirdLevelRate;
  }

  // Writing `bytes` and reading them again, as far as they leave the second level.
  double spill(double bytes) const {
    double resident = 4 * toDouble(plan_.inputFloats() + plan_.productFloats());
    double share = (resident - kStaysBytes) / (kLeavesBytes - kStaysBytes);
    return std::clamp(share, 0.0, 1.0) * bytes / (0.8 * kThirdLevelRate);
  }

  // What moves beside the arithmetic where images are large; as of direct convolutions.
  double images() const {
    double in = 4 * toDouble(c_.outer[0] * c_.outer[1] * c_.left.channels);
    for (const Window &window : c_.left.windows)
      in *= toDouble(window.in);
    double out = 4 * toDouble(c_.outer[0] * c_.outer[1] * c_.columns * c_.rowsY * c_.rowsX);
    if (in + out < kSecondLevelBytes)
      return 0;
    return 0.3 * (in / 20 + (in + out > kLargeImageBytes ? 3 : 1.5) * out / 14);
  }

  double weightBytes() const { return toDouble(winogradBytes(c_, plan_)); }

  // The matrix products of `rows` tiles.
  double products(int64_t rows) const {
    double cycles = toDouble(plan_.tiling.fullCount) * columnTile(plan_.tiling.full, rows);
    if (plan_.tiling.tail.columns > 0)
      cycles += columnTile(plan_.tiling.tail, rows);
    cycles *= frequencies_;
    double bytes = weightBytes();
    if (c_.outer[1] > 1)
      return cycles + bytes / kGroupRate;
    if (plan_.blocks() > 1 && bytes < kSecondLevelBytes / 2)
      return cycles;
    bool again = bytes < (plan_.blocks() > 1 ? kThirdLevelBytes : kKeptBytes);
    double transfer = bytes / (again ? kThirdLevelRate : kMemoryRate);
    return std::max(cycles + (again ? 0.05 : 0.15) * transfer, transfer);
  }

  double columnTile(const ColumnTile &tile, int64_t rows) const {
    double cycles = toDouble(rows / tile.rows.x) * rowTile(tile, tile.rows.x);
    return rows % tile.rows.x ? cycles + rowTile(tile, rows % tile.rows.x) : cycles;
  }

  double rowTile(const ColumnTile &tile, int64_t rows) const {
    double arithmetic = 0, loads = 0.5 * toDouble(rows);
    for (const TilePart &part : tile.parts) {
      double width = wide(part.lanes * 4);
      arithmetic += (target_.fma ? 1 : 2) * width * toDouble(rows);
      loads += width;
    }
    double columnBytes = toDouble(tile.padded()) * 4, depth = toDouble(c_.left.channels);
    double refill = columnBytes * depth > 24e3 ? columnBytes / kFirstLevelRate : 0;
    double step = std::max({arithmetic, loads, refill, 4.2}) * 1.01 + 0.05 * loads;
    return step * depth + kTileStart + 2 * arithmetic;
  }

  const Contraction &c_;
  const WinogradPlan &plan_;
  const NativeTarget &target_;
  double width_, frequencies_;
};

} // namespace

double winogradCycles(const Contraction &c, const WinogradPlan &plan, const NativeTarget &target) {
  return Estimator(c, plan, target).estimate();
}

} // namespace edgecc::native
