#include "backends/native/contraction/Tiling.h"

#include <algorithm>
#include <cmath>
#include <llvm/ADT/bit.h>

namespace edgecc::native {

int64_t ColumnTile::padded() const {
  return parts.empty() ? 0 : parts.back().firstColumn + parts.back().lanes;
}

int64_t unpackedPosition(int64_t column, int64_t columns) {
  int64_t group = column / 16, quarter = column % 16 / 4;
  return quarter * (columns / 4) + group * 4 + column % 4;
}

namespace {

constexpr unsigned kMaxVectors = 6; // of a tile's columns

constexpr int64_t kShortVectors = 8; // of sums; see isShort

// Estimated cycles of a core that starts two vector operations of up to 32 bytes, or one of 64
// bytes, and two loads per cycle, with a multiply-add latency of four cycles.
class Chooser {
public:
  Chooser(const NativeTarget &target, const Product &product, int64_t rowsY, int64_t rowsX,
          int64_t depth)
      : target_(target), product_(product), rowsY_(rowsY), rowsX_(rowsX), depth_(depth) {}

  unsigned maxLanes() const { return product_.maxLanes(target_); }

  unsigned minLanes() const { return std::min(4u, maxLanes()); }

  // Vectors of one width: with mixed ones, compilers keep a broadcast alive for each.
  static ColumnTile columnTile(int64_t columns, unsigned lanes) {
    ColumnTile tile{columns, {}, {}};
    for (int64_t at = 0; at < columns; at += lanes)
      tile.parts.push_back(
          {lanes, static_cast<unsigned>(std::min<int64_t>(columns - at, lanes)), at});
    return tile;
  }

  int64_t maxRows(const ColumnTile &tile) const {
    int64_t parts = static_cast<int64_t>(tile.parts.size());
    int64_t budget = target_.vectorRegisters;
    // Sums take two registers, columns one; two stay free.
    if (product_.kind == Product::Kind::Scalar16)
      return std::max<int64_t>(1, (budget - 2 - parts) / (2 * parts));
    // Schedulers load ahead, so that a tile that needs every register spills; how far ahead was
    // found by looking at the code (a test does).
    if (target_.arch == Arch::AArch64)
      budget -= product_.kind == Product::Kind::Dot8 ? 6 : 3;
    if (product_.kind == Product::Kind::Matrix8) // columns take two registers, rows come in pairs
      return std::max<int64_t>(1, (budget - 2 * parts - 1) / (2 * parts) * 2);
    if (product_.kind == Product::Kind::Sums16) // a vector for each sum
      return std::max<int64_t>(1, 4 / parts);
    if (target_.vectorRegisters <= 16)
      budget -= 1;
    // Two-operand multiply + add needs a register for the product.
    if (!target_.fma && isFloat(product_.accumulator))
      --budget;
    // Narrow products extend or multiply into temporaries.
    if (product_.kind == Product::Kind::Wide16 ||
        (product_.kind == Product::Kind::Pair16 && !target_.dot8) ||
        (product_.kind == Product::Kind::Plain && !isFloat(product_.accumulator)))
      budget -= 2;
    // Factors of blocks stay in registers beside the columns, which need a copy to be widened in.
    if (product_.block > 0 || product_.nibbles)
      budget -= parts;
    // One part alone leaves each broadcast a single use, which compilers keep beside the sum unless
    // the multiply-add takes it from memory.
    if (parts == 1 && !(target_.arch == Arch::X86_64 && target_.vectorBytes == 64))
      return std::max<int64_t>(1, (budget - 2) / 2);
    int64_t rows = (budget - parts - 1) / parts;
    if (isShort(product_, depth_, target_))
      rows = std::min(rows, kShortVectors / parts);
    return std::max<int64_t>(1, rows);
  }

  double tileCycles(const ColumnTile &tile, int64_t rows) const {
    if (product_.kind == Product::Kind::Matrix8)
      rows += rows % 2;                           // the last one is paired with itself
    if (product_.kind == Product::Kind::Sums16) { // every column is loaded alone
      auto parts = static_cast<double>(tile.parts.size()), lines = static_cast<double>(rows);
      return (12 * lines * parts + 4 * parts + lines) * static_cast<double>(depth_) + 20 +
             12 * lines * parts;
    }
    double arithmetic = 0, loads = 0.5 * static_cast<double>(rows);
    for (const TilePart &part : tile.parts) {
      double wide = part.lanes * static_cast<double>(product_.accumulatorBytes()) > 32 ? 1.0 : 0.5;
      arithmetic += wide * static_cast<double>(rows);
      loads += wide;
    }
    // Columns that do not stay in the first-level cache arrive at about 20 bytes a cycle.
    double columnBytes = static_cast<double>(tile.padded() * product_.groupBytesB());
    double refill = columnBytes * static_cast<double>(depth_) > 24e3 ? columnBytes / 20 : 0;
    // Loads and loop control that run beside the arithmetic still cost a little.
    double perStep = std::max({arithmetic, loads, refill, 4.5}) + 0.1 * loads + 0.2;
    double finish = 20 + 3.0 * arithmetic;
    return perStep * static_cast<double>(depth_) + finish;
  }

  // Picks tile.rows; returns the cycles for all rows.
  double chooseRows(ColumnTile &tile) const {
    double best = INFINITY;
    int64_t most = maxRows(tile);
    for (int64_t x = 1; x <= std::min(most, rowsX_); ++x)
      for (int64_t y = 1; y <= std::min(most / x, rowsY_); ++y) {
        if (y > 1 && rowsX_ % x != 0)
          continue; // would need four variants of the tile
        double linesOfTiles = static_cast<double>(rowsY_ / y);
        double cycles = linesOfTiles * lineCycles(tile, y, x) +
                        static_cast<double>(rowsY_ % y) * lineCycles(tile, 1, x);
        if (y > 1)
          cycles *= 1.02; // neighbours share cache lines, and lines may collide
        if (cycles < best * 0.999) {
          best = cycles;
          tile.rows = {y, x};
        }
      }
    return best;
  }

private:
  double lineCycles(const ColumnTile &tile, int64_t y, int64_t x) const {
    double cycles = static_cast<double>(rowsX_ / x) * tileCycles(tile, y * x);
    if (rowsX_ % x)
      cycles += tileCycles(tile, y * (rowsX_ % x));
    return cycles;
  }

  const NativeTarget &target_;
  const Product &product_;
  int64_t rowsY_, rowsX_, depth_;
};

} // namespace

bool isShort(const Product &product, int64_t depth, const NativeTarget &target) {
  return product.kind == Product::Kind::Dot8 && target.vectorBytes == 64 && depth <= 8;
}

Tiling chooseTiling(const NativeTarget &target, const Product &product, int64_t rowsY,
                    int64_t rowsX, int64_t columns, int64_t depth) {
  Chooser chooser(target, product, rowsY, rowsX, std::max<int64_t>(depth, 1));
  // The cheapest tile of exactly `count` columns.
  auto cheapest = [&](int64_t count) {
    std::pair<double, ColumnTile> best{INFINITY, {}};
    for (unsigned lanes = chooser.maxLanes(); lanes >= chooser.minLanes(); lanes /= 2) {
      ColumnTile tile = Chooser::columnTile(count, lanes);
      if (lanes < chooser.maxLanes() && tile.parts.size() > kMaxVectors)
        break;
      double cycles = chooser.chooseRows(tile);
      if (cycles < best.first * 0.999)
        best = {cycles, std::move(tile)};
    }
    return best;
  };
  Tiling best;
  double bestCycles = INFINITY;
  for (unsigned vectors = 1; vectors <= kMaxVectors; ++vectors) {
    // One row of the tile, its columns and a broadcast.
    if (vectors > 1 && 2 * vectors + 1 > target.vectorRegisters)
      break;
    int64_t width = vectors * chooser.maxLanes();
    Tiling tiling;
    double cycles = 0;
    tiling.fullCount = columns / width;
    if (tiling.fullCount > 0) {
      auto [each, tile] = cheapest(width);
      tiling.full = std::move(tile);
      cycles += static_cast<double>(tiling.fullCount) * each;
    }
    if (columns % width != 0) {
      auto [each, tile] = cheapest(columns % width);
      tiling.tail = std::move(tile);
      cycles += each;
    }
    if (cycles < bestCycles * 0.999) {
      bestCycles = cycles;
      best = std::move(tiling);
    }
  }
  return best;
}

} // namespace edgecc::native
