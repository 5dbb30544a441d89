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

// The Add behind a MatMul whose other operand is a parameter with one entry for each output.
Op *biasAddOf(const Op &matmul, int64_t outputs) {
  Op *add = onlyUser(matmul.result(), OpKind::Add);
  if (!add || add->result()->dims() != matmul.result()->dims())
    return nullptr;
  const Value *added = add->operand(add->operand(0) == matmul.result() ? 1 : 0);
  bool isBias =
      ownParameter(added) && added->type.elements() == outputs && added->dims().back() == outputs;
  return isBias ? add : nullptr;
}

} // namespace

std::string LinearRows::whyNot(const Op &op) {
  if (op.numOperands() < 2 || !op.operand(0) || constantOf(op.operand(0)) ||
      op.operand(0)->type.dtype != DType::F32 || !op.operand(0)->type.isStatic())
    return "it does not compute on f32 activations of known extents";
  auto geometry = PatchGeometry::of(op);
  bool isGemm = op.kind() == OpKind::Gemm;
  if (!geometry || (isGemm && op.flag("transA")) ||
      (op.kind() == OpKind::MatMul && op.numOperands() > 2))
    return "it is not a product with one matrix of weights";
  if (!ownParameter(op.operand(1)))
    return "its weights are used elsewhere, too, or are not f32";
  const Value *bias = op.operand(2);
  if (bias && (!ownParameter(bias) || (isGemm && bias->type.elements() != geometry->rows())))
    return "its bias is used elsewhere, too, or is not a vector of constants";
  return "";
}

std::optional<LinearRows> LinearRows::of(Op &op) {
  if (!whyNot(op).empty())
    return std::nullopt;
  return LinearRows(op, *PatchGeometry::of(op));
}

LinearRows::LinearRows(Op &op, PatchGeometry geometry)
    : op_(&op), geometry_(std::move(geometry)), output_(op.result()) {
  bool isTransposed = op.kind() == OpKind::Gemm && op.flag("transB");
  inputAxis_ = op.kind() == OpKind::Conv || isTransposed ? 1 : 0;
  if (op.kind() == OpKind::MatMul)
    biasAdd_ = biasAddOf(op, rows());
  if (biasAdd_)
    output_ = biasAdd_->result();
}

void LinearRows::target(const Tensor &y, int64_t place, std::span<const int64_t> channels,
                        float *row) const {
  unsigned axis = outputChannelAxis();
  int64_t plane = 1; // elements from one channel to the next
  for (size_t d = axis + 1; d < y.dims().size(); ++d)
    plane *= y.dims()[d];
  const float *first =
      y.data<float>().data() + place / plane * y.dims()[axis] * plane + place % plane;
  for (size_t i = 0; i < channels.size(); ++i)
    row[i] = first[channels[i] * plane];
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
  for (int64_t g = 0; g < groups(); ++g)
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
  for (int64_t g = 0; beta != 0 && g < groups(); ++g)
    for (int64_t r = 0; r < rows(); ++r)
      b.setDouble(g * rows() + r, biases[static_cast<size_t>(g)][r] / beta);
  parameter->content = std::move(b);
}

void LinearRows::store(Module &module, const std::vector<MatrixD> &weights,
                       const std::vector<Eigen::VectorXd> &biases) {
  if (takesBias() && !biasParameter()) {
    std::vector<Value *> operands = op_->operands();
    operands.resize(std::max<size_t>(operands.size(), 3));
    operands[2] = constantBefore(module, op_, Tensor(DType::F32, {groups() * rows()}), "bias");
    op_->setOperands(operands);
  }
  overwrite(weights, biases);
}

} // namespace edgecc::pruning
