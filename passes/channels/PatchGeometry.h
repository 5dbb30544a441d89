// A layer as matrix products on columns: each element of its output channels at one position is
// the product of a weight row with the patch of the input that the position sees (im2col).
#pragma once

#include "ir/Module.h"

#include <optional>

namespace edgecc {

// Of Conv and ConvTranspose (any spatial rank, grouped, depthwise, dilated), Gemm, and MatMul with
// a right operand of rank 2. For each group g, row r and output position p
//   y[g, r, p] = sum over c of weights[g, r, c] * patch[g, c, p]
// without the bias. Reads attributes and the shape of operand 1 when it is made; keeps no pointer.
class PatchGeometry {
public:
  // None for other ops, and for a Gemm whose alpha is not 1.
  static std::optional<PatchGeometry> of(const Op &op);

  int64_t groups() const { return groups_; }
  int64_t rows() const { return rows_; } // output channels of a group
  int64_t cols() const { return cols_; } // weights of an output channel
  int64_t taps() const { return taps_; } // of them, those in a row that read one input channel

  // In the row-major weight tensor.
  int64_t weightIndex(int64_t group, int64_t row, int64_t col) const;

  // How many positions a result of these extents has.
  int64_t positions(const Dims &result) const;

  // The patch of every group that `position` of the result sees: groups * cols floats. `x` is the
  // layer's f32 input, `result` the extents of its result.
  void gatherPatch(const Tensor &x, const Dims &result, int64_t position, float *patch) const {
    gatherPatch(x, result, position, 0, groups_, patch);
  }
  // That of `count` groups from `group` on: count * cols floats.
  void gatherPatch(const Tensor &x, const Dims &result, int64_t position, int64_t group,
                   int64_t count, float *patch) const;

  // All channels of an f32 result at `position`: groups * rows floats.
  void gatherResult(const Tensor &y, int64_t position, float *channels) const;

  // The axis of the result that channels lie along.
  unsigned channelAxis(const Dims &result) const;

private:
  enum class Form : uint8_t { Window, TransposedWindow, Product };
  void gatherWindow(const Tensor &x, const Dims &result, int64_t position, int64_t group,
                    int64_t count, float *patch) const;

  Form form_ = Form::Product;
  int64_t groups_ = 1, rows_ = 0, cols_ = 0;
  bool transposedInput_ = false, transposedWeights_ = false; // Gemm
  Dims kernel_, strides_, dilations_, padsLow_;
  int64_t taps_ = 1;
};

} // namespace edgecc
