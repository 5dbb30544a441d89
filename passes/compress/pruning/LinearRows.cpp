#include "passes/compress/pruning/LinearRows.h"

#include "passes/Rewrite.h"

#include <algorithm>

namespace edgecc::pruning {

namespace {

Parameter *ownParameter(const Value *value) {
  const Op *op = value ? value->definingOp() : nullptr;
  if (!op || !op->parameter || !hasOneUser(value) || value->type.dtype != DType::F32)
    return nullptr;
  return op->parameter;
}

int64_t product(const Dims &dims) { return numElements(dims); }

} // namespace

std::optional<LinearRows> LinearRows::of(Op &op) {
  LinearRows rows;
  rows.op_ = &op;
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::MatMul:
  case OpKind::Gemm:
    break;
  default:
    return std::nullopt;
  }
  rows.output_ = op.result();
  if (!op.operand(0) || constantOf(op.operand(0)) || op.operand(0)->type.dtype != DType::F32 ||
      !op.operand(0)->type.isStatic() || !ownParameter(op.operand(1)))
    return std::nullopt;
  bool isConvolution = op.kind() == OpKind::Conv || op.kind() == OpKind::ConvTranspose;
  if (isConvolution ? !rows.readConvolution() : !rows.readProduct())
    return std::nullopt;
  const Value *bias = rows.biasAdd_ ? nullptr : op.operand(2);
  if (bias && !ownParameter(bias))
    return std::nullopt;
  return rows;
}

bool LinearRows::readConvolution() {
  isWindow_ = true;
  isTransposed_ = op_->kind() == OpKind::ConvTranspose;
  const Dims &x = op_->operand(0)->dims(), &w = op_->operand(1)->dims();
  const Dims &y = op_->result()->dims();
  inSpatial_.assign(x.begin() + 2, x.end());
  outSpatial_.assign(y.begin() + 2, y.end());
  kernel_.assign(w.begin() + 2, w.end());
  strides_ = op_->ints("strides");
  dilations_ = op_->ints("dilations");
  pads_ = op_->ints("pads");
  groups_ = op_->integer("group");
  taps_ = product(kernel_);
  channels_ = isTransposed_ ? w[0] / groups_ : w[1];
  outputs_ = isTransposed_ ? w[1] : w[0] / groups_;
  inputAxis_ = isTransposed_ ? 0 : 1;
  places_ = y[0] * product(outSpatial_);
  return true;
}

bool LinearRows::readProduct() {
  const Dims &w = op_->operand(1)->dims(), &y = op_->result()->dims();
  channelAxis_ = static_cast<int>(y.size()) - 1;
  if (op_->kind() == OpKind::Gemm) {
    if (op_->flag("transA") || op_->real("alpha") != 1)
      return false;
    bool isTransposed = op_->flag("transB");
    channels_ = w[isTransposed ? 1 : 0];
    outputs_ = w[isTransposed ? 0 : 1];
    inputAxis_ = isTransposed ? 1 : 0;
    if (const Value *c = op_->operand(2); c && c->type.elements() != outputs_)
      return false;
  } else {
    if (w.size() != 2 || op_->numOperands() > 2)
      return false;
    channels_ = w[0];
    outputs_ = w[1];
    inputAxis_ = 0;
    biasAdd_ = onlyUser(op_->result(), OpKind::Add);
    const Value *added = nullptr;
    if (biasAdd_)
      added = biasAdd_->operand(biasAdd_->operand(0) == op_->result() ? 1 : 0);
    takesBias_ = added && ownParameter(added) && added->type.elements() == outputs_ &&
                 added->dims().back() == outputs_ && biasAdd_->result()->dims() == y;
    if (!takesBias_)
      biasAdd_ = nullptr;
    else
      output_ = biasAdd_->result();
  }
  places_ = product(y) / outputs_;
  return true;
}

void LinearRows::gather(const float *x, int64_t place, int64_t group, float *row) const {
  if (!isWindow_) {
    std::copy_n(x + place * channels_, channels_, row);
    return;
  }
  size_t rank = kernel_.size();
  int64_t inSize = product(inSpatial_), outSize = product(outSpatial_);
  int64_t sample = place / outSize, rest = place % outSize;
  int64_t at[kMaxRank];
  for (size_t i = rank; i-- > 0;) {
    at[i] = rest % outSpatial_[i];
    rest /= outSpatial_[i];
  }
  const float *base = x + (sample * groups_ + group) * channels_ * inSize;
  for (int64_t tap = 0; tap < taps_; ++tap) {
    int64_t offset = 0, stride = 1, left = tap;
    bool isInside = true;
    for (size_t i = rank; i-- > 0;) {
      int64_t k = left % kernel_[i];
      left /= kernel_[i];
      int64_t position;
      if (isTransposed_) { // out = in * stride + k * dilation - pad
        position = at[i] + pads_[i] - k * dilations_[i];
        isInside = isInside && position % strides_[i] == 0;
        position /= strides_[i];
      } else {
        position = at[i] * strides_[i] + k * dilations_[i] - pads_[i];
      }
      isInside = isInside && position >= 0 && position < inSpatial_[i];
      offset += position * stride;
      stride *= inSpatial_[i];
    }
    for (int64_t c = 0; c < channels_; ++c)
      row[c * taps_ + tap] = isInside ? base[c * inSize + offset] : 0.0f;
  }
}

void LinearRows::target(const float *y, int64_t total, int64_t place,
                        std::span<const int64_t> channels, float *row) const {
  if (!isWindow_) {
    for (size_t i = 0; i < channels.size(); ++i)
      row[i] = y[place * total + channels[i]];
    return;
  }
  int64_t outSize = product(outSpatial_);
  const float *base = y + place / outSize * total * outSize + place % outSize;
  for (size_t i = 0; i < channels.size(); ++i)
    row[i] = base[channels[i] * outSize];
}

int64_t LinearRows::weightIndex(int64_t group, int64_t row, int64_t column) const {
  if (isTransposed_) // [C, M / group, kernel...]
    return ((group * channels_ + column / taps_) * outputs_ + row) * taps_ + column % taps_;
  if (isWindow_ || inputAxis_ == 1) // [M, C / group, kernel...] or [N, K]
    return (group * outputs_ + row) * columns() + column;
  return column * outputs_ + row; // [K, N]
}

MatrixD LinearRows::matrix(int64_t group) const {
  auto w = weights().content.data<float>();
  MatrixD out(rows(), columns());
  for (int64_t r = 0; r < rows(); ++r)
    for (int64_t c = 0; c < columns(); ++c)
      out(r, c) = w[static_cast<size_t>(weightIndex(group, r, c))];
  return out;
}

Parameter *LinearRows::biasParameter() const {
  const Value *bias = biasAdd_ ? biasAdd_->operand(biasAdd_->operand(0) == op_->result() ? 1 : 0)
                      : op_->kind() == OpKind::MatMul ? nullptr
                                                      : op_->operand(2);
  return bias ? bias->definingOp()->parameter : nullptr;
}

Eigen::VectorXd LinearRows::bias(int64_t group) const {
  Eigen::VectorXd out = Eigen::VectorXd::Zero(rows());
  const Parameter *parameter = biasParameter();
  double beta = op_->kind() == OpKind::Gemm ? op_->real("beta") : 1;
  for (int64_t r = 0; parameter && r < rows(); ++r)
    out[r] = beta * parameter->content.asDouble(group * rows() + r);
  return out;
}

void LinearRows::overwrite(const std::vector<MatrixD> &weights,
                           const std::vector<Eigen::VectorXd> &biases) {
  Tensor content(DType::F32, this->weights().content.dims());
  auto w = content.mutableData<float>();
  for (int64_t g = 0; g < groups_; ++g)
    for (int64_t r = 0; r < rows(); ++r)
      for (int64_t c = 0; c < columns(); ++c)
        w[static_cast<size_t>(weightIndex(g, r, c))] =
            static_cast<float>(weights[static_cast<size_t>(g)](r, c));
  this->weights().content = std::move(content);
  Parameter *parameter = biasParameter();
  if (!parameter)
    return;
  double beta = op_->kind() == OpKind::Gemm ? op_->real("beta") : 1;
  Tensor b(DType::F32, parameter->content.dims());
  for (int64_t g = 0; beta != 0 && g < groups_; ++g)
    for (int64_t r = 0; r < rows(); ++r)
      b.setDouble(g * rows() + r, biases[static_cast<size_t>(g)][r] / beta);
  parameter->content = std::move(b);
}

void LinearRows::store(Module &module, const std::vector<MatrixD> &weights,
                       const std::vector<Eigen::VectorXd> &biases) {
  if (takesBias_ && !biasParameter()) {
    std::vector<Value *> operands = op_->operands();
    operands.resize(std::max<size_t>(operands.size(), 3));
    operands[2] = constantBefore(module, op_, Tensor(DType::F32, {groups_ * rows()}), "bias");
    op_->setOperands(operands);
  }
  overwrite(weights, biases);
}

} // namespace edgecc::pruning
