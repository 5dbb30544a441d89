#include "passes/canonicalize/ChannelAffine.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

bool ChannelAffine::scales() const {
  return std::ranges::any_of(scale, [](double s) { return s != 1; });
}

bool ChannelAffine::shifts() const {
  return std::ranges::any_of(shift, [](double s) { return s != 0; });
}

static std::optional<ChannelAffine> batchNorm(const Op &op, unsigned axis) {
  const Tensor *parameters[4];
  for (unsigned i = 0; i < 4; ++i)
    if (!(parameters[i] = constantOf(op.operand(i + 1))))
      return std::nullopt;
  if (axis != 1)
    return std::nullopt;
  const auto [gamma, beta, mean, variance] = std::to_array(parameters);
  ChannelAffine out{op.operand(0), {}, {}};
  for (int64_t c = 0; c < gamma->elements(); ++c) {
    double s = gamma->asDouble(c) / std::sqrt(variance->asDouble(c) + op.real("epsilon"));
    if (!std::isfinite(s)) // folded into weights, it would meet their zeros
      return std::nullopt;
    out.scale.push_back(s);
    out.shift.push_back(beta->asDouble(c) - mean->asDouble(c) * s);
  }
  return out;
}

// The constant's elements if it varies along `axis` of a tensor of `dims` at most.
static std::optional<std::vector<double>> alongAxis(const Tensor &content, const Dims &dims,
                                                    unsigned axis) {
  if (content.rank() > dims.size())
    return std::nullopt;
  size_t shift = dims.size() - content.rank();
  for (size_t i = 0; i < content.rank(); ++i)
    if (content.dims()[i] != 1 && (i + shift != axis || content.dims()[i] != dims[axis]))
      return std::nullopt;
  std::vector<double> values;
  for (int64_t i = 0; i < content.elements(); ++i)
    values.push_back(content.asDouble(i));
  return values;
}

std::optional<ChannelAffine> channelAffine(const Op &op, unsigned axis) {
  if (op.kind() == OpKind::BatchNormalization)
    return batchNorm(op, axis);
  if (op.kind() != OpKind::Mul && op.kind() != OpKind::Add)
    return std::nullopt;
  for (unsigned i = 0; i < 2; ++i) {
    Value *x = op.operand(1 - i);
    const Tensor *content = constantOf(op.operand(i));
    if (!content || constantOf(x) || !isFloat(x->type.dtype) || x->dims() != op.result()->dims() ||
        axis >= x->dims().size())
      continue;
    auto values = alongAxis(*content, x->dims(), axis);
    if (!values)
      continue;
    if (op.kind() == OpKind::Mul)
      return ChannelAffine{x, std::move(*values), {0}};
    return ChannelAffine{x, {1}, std::move(*values)};
  }
  return std::nullopt;
}

bool expandBatchNorm(Module &module, Op *op) {
  auto affine = op->kind() == OpKind::BatchNormalization ? channelAffine(*op, 1) : std::nullopt;
  if (!affine)
    return false;
  Dims dims(op->operand(0)->dims().size() - 1, 1);
  dims[0] = op->operand(0)->dims()[1];
  DType dtype = op->result()->type.dtype;
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  auto constant = [&](const std::vector<double> &values, std::string_view name) {
    Tensor content(dtype, dims);
    for (size_t i = 0; i < values.size(); ++i)
      content.setDouble(static_cast<int64_t>(i), values[i]);
    return builder.constant(std::move(content), name);
  };
  Value *scale = constant(affine->scale, "scale"), *shift = constant(affine->shift, "shift");
  replaceOp(op,
            builder.create(OpKind::Add, {builder.create(OpKind::Mul, {affine->x, scale}), shift}));
  return true;
}

} // namespace edgecc
