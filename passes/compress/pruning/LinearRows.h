// A layer with constant weights as the linear map Y = W X + b that least squares needs: rows of X
// are what one place of its result is computed from (im2col).
#pragma once

#include "ir/Module.h"
#include "passes/channels/PatchGeometry.h"
#include "passes/compress/pruning/Products.h"

namespace edgecc::pruning {

class LinearRows {
public:
  // For f32 Conv, ConvTranspose, MatMul with a constant matrix on the right and Gemm without
  // transA and alpha, whose weights (and bias, if any) are parameters that nothing else uses.
  static std::optional<LinearRows> of(Op &op);
  // Why there is none, for an op with constant weights: completes "because ..."; else empty.
  static std::string whyNot(const Op &op);

  Op &op() const { return *op_; }
  Value &input() const { return *op_->operand(0); }
  // What the bias has been added to: for a MatMul the result of the Add behind it.
  Value &output() const { return *output_; }
  Parameter &weights() const { return *op_->operand(1)->definingOp()->parameter; }

  int64_t groups() const { return geometry_.groups(); }
  int64_t columns() const { return geometry_.cols(); } // of a group's W
  int64_t taps() const { return geometry_.taps(); }    // columns of one input channel, consecutive
  int64_t rows() const { return geometry_.rows(); }    // of a group's W: output channels
  // The axis of the weights' parameter that counts input channels (of a group), and that of the
  // output.
  unsigned inputAxis() const { return inputAxis_; }
  unsigned outputChannelAxis() const { return geometry_.channelAxis(op_->result()->dims()); }

  // Places of the result in one sample.
  int64_t places() const { return geometry_.positions(op_->result()->dims()); }
  // The columns() elements that `place` is computed from in `group`.
  void gather(const Tensor &x, int64_t place, int64_t group, float *row) const {
    geometry_.gatherPatch(x, op_->result()->dims(), place, group, 1, row);
  }
  // The elements of `channels` at `place` of y, an f32 tensor like the output but for the number of
  // its channels.
  void target(const Tensor &y, int64_t place, std::span<const int64_t> channels, float *row) const;

  // In the parameter, of an entry of a group's W.
  int64_t weightIndex(int64_t group, int64_t row, int64_t column) const {
    return geometry_.weightIndex(group, row, column);
  }
  MatrixD matrix(int64_t group) const; // rows() x columns()
  Eigen::VectorXd bias(int64_t group) const;
  // Whether a bias can be stored; MatMul without an Add has no room for one.
  bool takesBias() const { return op_->kind() != OpKind::MatMul || biasAdd_; }
  // Adds a bias where there is none and one can be stored.
  void store(Module &module, const std::vector<MatrixD> &weights,
             const std::vector<Eigen::VectorXd> &biases);
  // Writes the contents of the parameters that there are; the bias is dropped if there is none.
  void overwrite(const std::vector<MatrixD> &weights, const std::vector<Eigen::VectorXd> &biases);
  Parameter *biasParameter() const; // null if there is none

private:
  LinearRows(Op &op, PatchGeometry geometry);

  Op *op_;
  PatchGeometry geometry_;
  Op *biasAdd_ = nullptr; // of a MatMul
  Value *output_;
  unsigned inputAxis_;
};

} // namespace edgecc::pruning
