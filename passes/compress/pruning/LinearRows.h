// A layer with constant weights as the linear map Y = W X + b that least squares needs: rows of X
// are what one place of its result is computed from (im2col).
#pragma once

#include "ir/Module.h"
#include "passes/compress/pruning/Products.h"

namespace edgecc::pruning {

class LinearRows {
public:
  // For f32 Conv, ConvTranspose, MatMul with a constant matrix on the right and Gemm without
  // transA and alpha, whose weights (and bias, if any) are parameters that nothing else uses.
  static std::optional<LinearRows> of(Op &op);

  Op &op() const { return *op_; }
  Value &input() const { return *op_->operand(0); }
  // What the bias has been added to: for a MatMul the result of the Add behind it.
  Value &output() const { return *output_; }
  Parameter &weights() const { return *op_->operand(1)->definingOp()->parameter; }

  int64_t groups() const { return groups_; }
  int64_t columns() const { return channels_ * taps_; } // of a group's W
  int64_t taps() const { return taps_; }                // columns of one input channel, consecutive
  int64_t rows() const { return outputs_; }             // of a group's W: output channels
  // The axis of the weights' parameter that counts input channels (of a group), and that of the
  // output.
  unsigned inputAxis() const { return inputAxis_; }
  int outputChannelAxis() const { return channelAxis_; }

  // Places of the result in one sample.
  int64_t places() const { return places_; }
  // The columns() elements that `place` is computed from in `group`.
  void gather(const float *x, int64_t place, int64_t group, float *row) const;
  // The elements of `channels` of the group's outputs at `place` of y, which has `total` channels.
  void target(const float *y, int64_t total, int64_t place, std::span<const int64_t> channels,
              float *row) const;

  // In the parameter, of an entry of a group's W.
  int64_t weightIndex(int64_t group, int64_t row, int64_t column) const;
  MatrixD matrix(int64_t group) const; // rows() x columns()
  Eigen::VectorXd bias(int64_t group) const;
  // Whether a bias can be stored; MatMul without an Add has no room for one.
  bool takesBias() const { return takesBias_; }
  // Adds a bias where there is none and one can be stored.
  void store(Module &module, const std::vector<MatrixD> &weights,
             const std::vector<Eigen::VectorXd> &biases);
  // Writes the contents of the parameters that there are; the bias is dropped if there is none.
  void overwrite(const std::vector<MatrixD> &weights, const std::vector<Eigen::VectorXd> &biases);
  Parameter *biasParameter() const; // null if there is none

private:
  LinearRows() = default;
  bool readConvolution();
  bool readProduct();

  Op *op_ = nullptr;
  Op *biasAdd_ = nullptr; // of a MatMul
  Value *output_ = nullptr;
  int64_t groups_ = 1, channels_ = 0, taps_ = 1, outputs_ = 0, places_ = 0;
  unsigned inputAxis_ = 1;
  int channelAxis_ = 1;
  bool takesBias_ = true;
  bool isWindow_ = false, isTransposed_ = false;
  Dims inSpatial_, outSpatial_, kernel_, strides_, dilations_, pads_;
};

} // namespace edgecc::pruning
