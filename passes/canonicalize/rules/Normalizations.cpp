// Normalisations that exporters spell out.
#include "passes/canonicalize/rules/Rule.h"

#include <algorithm>

namespace edgecc::rules {

namespace {

// The first of the axes from which a mean runs to the last one; none for other means.
std::optional<int64_t> trailingAxes(const Op &mean) {
  const auto &axes = mean.ints("axes");
  int64_t rank = mean.operand(0)->type.rank();
  if (axes.empty() || !mean.flag("keepdims"))
    return std::nullopt;
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != rank - static_cast<int64_t>(axes.size() - i))
      return std::nullopt;
  return axes[0];
}

// y if the value is y * y or y ^ 2.
Value *squareRootOf(const Value *value) {
  if (const Op *mul = definedBy(value, OpKind::Mul))
    return mul->operand(0) == mul->operand(1) ? mul->operand(0) : nullptr;
  const Op *pow = definedBy(value, OpKind::Pow);
  return pow && isSplat(pow->operand(1), 2) ? pow->operand(0) : nullptr;
}

// What sqrt(mean(y^2) + epsilon) is made of.
struct Deviation {
  Value *y;
  int64_t axis;
  double epsilon;
};

std::optional<Deviation> deviation(const Value *value) {
  const Op *root = definedBy(value, OpKind::Sqrt);
  const Op *add = root ? definedBy(root->operand(0), OpKind::Add) : nullptr;
  if (!add)
    return std::nullopt;
  auto isEpsilon = [](const Value *v) {
    auto splat = splatOf(v);
    return splat && *splat > 0 && constantOf(v)->elements() == 1;
  };
  const Value *variance = otherOperand(*add, isEpsilon);
  const Op *mean = definedBy(variance, OpKind::ReduceMean);
  if (!mean)
    return std::nullopt;
  auto axis = trailingAxes(*mean);
  Value *y = squareRootOf(mean->operand(0));
  if (!axis || !y)
    return std::nullopt;
  return Deviation{y, *axis, *splatOf(add->operand(variance == add->operand(0) ? 1 : 0))};
}

// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)
Value *layerNorm(const Op &op, Builder &b) {
  auto by = deviation(op.operand(1));
  const Op *centred = by ? definedBy(by->y, OpKind::Sub) : nullptr;
  if (!centred || op.operand(0) != by->y || op.result()->type.dtype != DType::F32)
    return nullptr;
  const Op *mean = definedBy(centred->operand(1), OpKind::ReduceMean);
  if (!mean || mean->operand(0) != centred->operand(0) || trailingAxes(*mean) != by->axis)
    return nullptr;
  return b
      .createOp(OpKind::LayerNormalization, std::vector<Value *>{centred->operand(0)},
                {{"axis", by->axis}, {"epsilon", by->epsilon}})
      ->result();
}

// Whether `value` broadcasts to the normalised axes.
bool isTrailing(const Value *value, const Op &norm) {
  const Dims &dims = norm.result()->dims();
  auto axis = static_cast<size_t>(norm.integer("axis"));
  if (value->type.rank() > dims.size() - axis)
    return false;
  size_t shift = dims.size() - value->type.rank();
  for (size_t i = 0; i < value->type.rank(); ++i)
    if (value->dims()[i] != 1 && value->dims()[i] != dims[i + shift])
      return false;
  return true;
}

// Takes a constant factor (operand 1) or term (operand 2) into the op.
template <unsigned Operand> Value *intoLayerNorm(const Op &op, Builder &b) {
  for (unsigned i = 0; i < 2; ++i) {
    const Op *norm = definedBy(op.operand(i), OpKind::LayerNormalization);
    Value *constant = op.operand(1 - i);
    if (!norm || !constantOf(constant) || norm->operand(2) || norm->operand(Operand) ||
        !hasOneUser(norm->result()) || !isTrailing(constant, *norm))
      continue;
    std::vector<Value *> operands = norm->operands();
    operands.resize(std::max<size_t>(operands.size(), Operand + 1));
    operands[Operand] = constant;
    return b.createOp(OpKind::LayerNormalization, operands, norm->attributes())->result();
  }
  return nullptr;
}

constexpr Rule kRules[] = {
    {OpKind::Div, "(x - mean x) / sqrt(var x + e) = LayerNormalization(x)", layerNorm},
    {OpKind::Mul, "LayerNormalization(x) * s = LayerNormalization(x, s)", intoLayerNorm<1>},
    {OpKind::Add, "LayerNormalization(x, s) + b = LayerNormalization(x, s, b)", intoLayerNorm<2>},
};

} // namespace

std::span<const Rule> normalizations() { return kRules; }

} // namespace edgecc::rules
