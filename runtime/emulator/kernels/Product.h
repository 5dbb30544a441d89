// SPDX-License-Identifier: Apache-2.0
//
// Blocked matrix products in which every result element has one accumulator, to which the products
// are added in ascending depth. Blocks change what lies in registers and caches, never a sum's
// order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace edgecc::emulator {

inline constexpr int64_t kBlockRows = 4, kBlockColumns = 16;
inline constexpr int64_t kTileColumns = 128; // of the result at a time
inline constexpr int64_t kTileSteps = 256;   // of the depth at a time

// How values are multiplied: `kDepth` neighbours along the depth in one step.
struct FloatCore {
  using Value = float;
  using Sum = float;
  static constexpr int64_t kDepth = 1;
};
// 16-bit integers whose products fit 31 bits in pairs.
struct PairCore {
  using Value = int16_t;
  using Sum = int32_t;
  static constexpr int64_t kDepth = 2;
};
// Any integers; sums wrap.
struct WideCore {
  using Value = int32_t;
  using Sum = int32_t;
  static constexpr int64_t kDepth = 1;
};

// sums[r * stride + c] += left * right over `steps`; left is [steps][rows][kDepth] with 1 or
// kBlockRows rows, right [steps][kBlockColumns][kDepth].
void multiplyBlock(FloatCore, int64_t rows, const float *left, const float *right, int64_t steps,
                   float *sums, int64_t stride);
void multiplyBlock(PairCore, int64_t rows, const int16_t *left, const int16_t *right, int64_t steps,
                   int32_t *sums, int64_t stride);
void multiplyBlock(WideCore, int64_t rows, const int32_t *left, const int32_t *right, int64_t steps,
                   int32_t *sums, int64_t stride);

// A left operand [rows, depth] that is multiplied by tiles of right operands.
template <class Core> class BlockProduct {
public:
  using Value = typename Core::Value;
  using Sum = typename Core::Sum;

  // fill(row, out) writes the `depth` values of a row.
  template <class Fill> BlockProduct(int64_t rows, int64_t depth, Fill &&fill);

  // Up to kTileColumns columns. start(row, sums) writes the first value of a row's accumulators,
  // fill(k, out) row k of the right operand; finish(row, sums) takes a row of the result.
  template <class Start, class Fill, class Finish>
  void multiply(int64_t columns, Start &&start, Fill &&fill, Finish &&finish);

private:
  static constexpr int64_t kDepth = Core::kDepth;

  int64_t rows_, depth_, steps_, blockRows_;
  std::vector<Value> left_;  // [row block][steps][block rows][kDepth]
  std::vector<Value> right_; // [column block][steps of a tile][kBlockColumns][kDepth]
  std::vector<Sum> sums_;    // [rows][kTileColumns]
  std::vector<Value> row_;
};

template <class Core>
template <class Fill>
BlockProduct<Core>::BlockProduct(int64_t rows, int64_t depth, Fill &&fill)
    : rows_(rows), depth_(depth), steps_((depth + kDepth - 1) / kDepth),
      blockRows_(rows == 1 ? 1 : kBlockRows) {
  int64_t blocks = (rows + blockRows_ - 1) / blockRows_, perBlock = steps_ * blockRows_ * kDepth;
  left_.resize(static_cast<size_t>(blocks * perBlock));
  sums_.resize(static_cast<size_t>(blocks * blockRows_ * kTileColumns));
  right_.resize(static_cast<size_t>(std::min(steps_, kTileSteps) * kTileColumns * kDepth));
  row_.resize(static_cast<size_t>(std::max(depth, kTileColumns)));
  for (int64_t row = 0; row < rows; ++row) {
    fill(row, row_.data());
    Value *to = left_.data() + row / blockRows_ * perBlock + row % blockRows_ * kDepth;
    for (int64_t k = 0; k < depth; ++k)
      to[k / kDepth * blockRows_ * kDepth + k % kDepth] = row_[static_cast<size_t>(k)];
  }
}

template <class Core>
template <class Start, class Fill, class Finish>
void BlockProduct<Core>::multiply(int64_t columns, Start &&start, Fill &&fill, Finish &&finish) {
  for (int64_t row = 0; row < rows_; ++row)
    start(row, sums_.data() + row * kTileColumns);
  int64_t columnBlocks = (columns + kBlockColumns - 1) / kBlockColumns;
  for (int64_t first = 0; first < steps_; first += kTileSteps) {
    int64_t steps = std::min(kTileSteps, steps_ - first);
    for (int64_t k = first * kDepth; k < (first + steps) * kDepth; ++k) {
      if (k < depth_)
        fill(k, row_.data());
      else
        std::fill_n(row_.data(), columns, Value(0));
      Value *to = right_.data() + (k / kDepth - first) * kBlockColumns * kDepth + k % kDepth;
      for (int64_t block = 0; block < columnBlocks; ++block, to += steps * kBlockColumns * kDepth) {
        // Always whole blocks: what lies beyond the columns is summed and not used.
        const Value *from = row_.data() + block * kBlockColumns;
        for (int64_t c = 0; c < kBlockColumns; ++c)
          to[c * kDepth] = from[c];
      }
    }
    for (int64_t block = 0; block < columnBlocks; ++block)
      for (int64_t row = 0; row < rows_; row += blockRows_)
        multiplyBlock(Core(), blockRows_,
                      left_.data() + (row * steps_ + first * blockRows_) * kDepth,
                      right_.data() + block * steps * kBlockColumns * kDepth, steps,
                      sums_.data() + row * kTileColumns + block * kBlockColumns, kTileColumns);
  }
  for (int64_t row = 0; row < rows_; ++row)
    finish(row, static_cast<const Sum *>(sums_.data() + row * kTileColumns));
}

} // namespace edgecc::emulator
