#include "backends/native/contraction/Tiling.h"

#include <algorithm>
#include <cmath>
#include <llvm/ADT/bit.h>

namespace edgecc::native {

int64_t ColumnTile::padded() const {
  return parts.empty() ? 0 : parts.back().firstColumn + parts.back().lanes;
}

namespace {

// Estimated cycles of a core that starts two vector operations of up to 32 bytes, or one of 64
// bytes, and two loads per cycle, with a multiply-add latency of four cycles.
class Chooser {
public:
  Chooser(const NativeTarget &target, const Product &product, int64_t rowsY, int64_t rowsX,
          int64_t depth)
      : target_(target), product_(product), rowsY_(rowsY), rowsX_(rowsX), depth_(depth) {}

  unsigned maxLanes() const {
    return target_.lanes(static_cast<unsigned>(product_.accumulatorBytes()));
  }

  ColumnTile columnTile(int64_t columns) const {
    ColumnTile tile{columns, {}, {}};
    int64_t at = 0;
    while (at < columns) {
      unsigned lanes = maxLanes();
      int64_t left = columns - at;
      if (left < lanes)
        lanes = std::max(std::min(4u, maxLanes()),
                         static_cast<unsigned>(llvm::bit_ceil(static_cast<uint64_t>(left))));
      tile.parts.push_back({lanes, static_cast<unsigned>(std::min<int64_t>(left, lanes)), at});
      at += lanes;
    }
    return tile;
  }

  int64_t maxRows(const ColumnTile &tile) const {
    int64_t parts = static_cast<int64_t>(tile.parts.size());
    int64_t budget = target_.vectorRegisters;
    // Two-operand multiply + add needs a register for the product.
    if (!target_.fma && isFloat(product_.accumulator))
      --budget;
    // Narrow products extend or multiply into temporaries.
    if (product_.kind == Product::Kind::Wide16 ||
        (product_.kind == Product::Kind::Pair16 && !target_.has("avx512vnni")) ||
        (product_.kind == Product::Kind::Plain && !isFloat(product_.accumulator)))
      budget -= 2;
    return std::max<int64_t>(1, (budget - parts - 1) / parts);
  }

  double tileCycles(const ColumnTile &tile, int64_t rows) const {
    double arithmetic = 0, loads = 0.5 * static_cast<double>(rows);
    for (const TilePart &part : tile.parts) {
      double wide = part.lanes * static_cast<double>(product_.accumulatorBytes()) > 32 ? 1.0 : 0.5;
      arithmetic += wide * static_cast<double>(rows);
      loads += wide;
    }
    double perStep = std::max({arithmetic, loads, 4.0});
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

Tiling chooseTiling(const NativeTarget &target, const Product &product, int64_t rowsY,
                    int64_t rowsX, int64_t columns, int64_t depth) {
  Chooser chooser(target, product, rowsY, rowsX, std::max<int64_t>(depth, 1));
  Tiling best;
  double bestCycles = INFINITY;
  for (int64_t vectors = 1; vectors <= 6; ++vectors) {
    int64_t width = vectors * chooser.maxLanes();
    // Rows x columns of the tile must leave room for at least one row.
    if (vectors > 1 && 2 * vectors + 1 > target.vectorRegisters)
      break;
    Tiling tiling;
    tiling.fullCount = columns / width;
    tiling.full = chooser.columnTile(width);
    tiling.tail = chooser.columnTile(columns % width);
    double cycles = 0;
    if (tiling.fullCount > 0)
      cycles += static_cast<double>(tiling.fullCount) * chooser.chooseRows(tiling.full);
    if (tiling.tail.columns > 0)
      cycles += chooser.chooseRows(tiling.tail);
    if (cycles < bestCycles * 0.999) {
      bestCycles = cycles;
      best = std::move(tiling);
    }
  }
  return best;
}

} // namespace edgecc::native
