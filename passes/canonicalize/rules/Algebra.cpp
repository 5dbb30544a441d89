// Rules of arithmetic.
#include "ir/OpDef.h"
#include "passes/canonicalize/rules/Rule.h"

#include <cmath>

namespace edgecc::rules {

namespace {

Value *identity(const Op &op, Builder &) { return op.operand(0); }

template <int Number> Value *neutral(const Op &op, Builder &) {
  return unlessReshaped(op, otherOperand(op, [](const Value *v) { return isSplat(v, Number); }));
}

template <int Number> Value *neutralOnTheRight(const Op &op, Builder &) {
  return isSplat(op.operand(1), Number) ? unlessReshaped(op, op.operand(0)) : nullptr;
}

template <OpKind Kind> Value *involution(const Op &op, Builder &) {
  const Op *inner = definedBy(op.operand(0), Kind);
  return inner ? inner->operand(0) : nullptr;
}

template <OpKind Kind> Value *idempotent(const Op &op, Builder &) {
  return definedBy(op.operand(0), Kind) ? op.operand(0) : nullptr;
}

Value *square(const Op &op, Builder &b) {
  Value *x = op.operand(0);
  return isSplat(op.operand(1), 2) && unlessReshaped(op, x) ? b.create(OpKind::Mul, {x, x})
                                                            : nullptr;
}

// 1 / c is exact for powers of two that have a normal reciprocal.
Value *divideByPowerOfTwo(const Op &op, Builder &b) {
  const Tensor *c = constantOf(op.operand(1));
  if (!c || !isFloat(c->dtype()) || constantOf(op.operand(0)))
    return nullptr;
  Tensor reciprocal(c->dtype(), c->dims());
  for (int64_t i = 0; i < c->elements(); ++i) {
    int exponent = 0;
    double value = c->asDouble(i);
    if (!std::isfinite(value) || std::abs(std::frexp(value, &exponent)) != 0.5 ||
        std::abs(exponent) > 14) // f16 has the smallest range
      return nullptr;
    reciprocal.setDouble(i, 1 / value);
  }
  return b.create(OpKind::Mul, {op.operand(0), b.constant(std::move(reciprocal), "reciprocal")});
}

Value *subtractConstant(const Op &op, Builder &b) {
  const Tensor *c = constantOf(op.operand(1));
  if (!c || !isFloat(c->dtype()) || constantOf(op.operand(0)))
    return nullptr;
  Tensor negated(c->dtype(), c->dims());
  for (int64_t i = 0; i < c->elements(); ++i)
    negated.setDouble(i, -c->asDouble(i));
  return b.create(OpKind::Add, {op.operand(0), b.constant(std::move(negated), "negated")});
}

Value *castToSame(const Op &op, Builder &) { return unlessReshaped(op, op.operand(0)); }

// Bounds of what becomes a Clip. None for constants that are no scalars, and for types whose
// values a double does not hold.
struct Bounds {
  Value *x = nullptr;
  double low = -INFINITY, high = INFINITY;
};

std::optional<Bounds> boundsOf(const Value *value) {
  Op *op = value->definingOp();
  if (!op || !isFloat(value->type.dtype))
    return std::nullopt;
  auto ofConstant = [&](bool isLow) -> std::optional<Bounds> {
    auto isScalar = [](const Value *v) { return splatOf(v) && constantOf(v)->elements() == 1; };
    Value *x = unlessReshaped(*op, otherOperand(*op, isScalar));
    if (!x)
      return std::nullopt;
    double bound = *splatOf(op->operand(x == op->operand(0) ? 1 : 0));
    return isLow ? Bounds{x, bound, INFINITY} : Bounds{x, -INFINITY, bound};
  };
  switch (op->kind()) {
  case OpKind::Relu:
    return Bounds{op->operand(0), 0, INFINITY};
  case OpKind::Max:
    return ofConstant(true);
  case OpKind::Min:
    return ofConstant(false);
  case OpKind::Clip: {
    auto low = clipBound(*op, 1, -INFINITY), high = clipBound(*op, 2, INFINITY);
    if (!low || !high)
      return std::nullopt;
    return Bounds{op->operand(0), *low, *high};
  }
  default:
    return std::nullopt;
  }
}

Value *makeClip(const Bounds &bounds, Builder &b) {
  DType dtype = bounds.x->type.dtype;
  if (bounds.low == -INFINITY && bounds.high == INFINITY)
    return bounds.x;
  if (bounds.low == 0 && bounds.high == INFINITY)
    return b.create(OpKind::Relu, {bounds.x});
  Value *low = bounds.low == -INFINITY ? nullptr : b.scalar(dtype, bounds.low);
  if (bounds.high == INFINITY)
    return b.create(OpKind::Clip, {bounds.x, low});
  return b.create(OpKind::Clip, {bounds.x, low, b.scalar(dtype, bounds.high)});
}

// min(max(x, a), b) of min(max(x, c), d) is min(max(x, clip(c, a, b)), clip(d, a, b)).
Value *mergeBounds(const Op &op, Builder &b) {
  auto outer = boundsOf(op.result());
  auto inner = outer ? boundsOf(outer->x) : std::nullopt;
  if (!inner || !sameLogicalType(inner->x->type, op.result()->type) || outer->low > outer->high)
    return nullptr;
  auto clip = [&](double v) { return std::min(std::max(v, outer->low), outer->high); };
  return makeClip({inner->x, clip(inner->low), clip(inner->high)}, b);
}

// A bound in its simplest form: Relu, or Clip with constant scalars.
Value *canonicalBound(const Op &op, Builder &b) {
  auto bounds = boundsOf(op.result());
  if (!bounds)
    return nullptr;
  bool isNothing = bounds->low == -INFINITY && bounds->high == INFINITY;
  bool isRelu = bounds->low == 0 && bounds->high == INFINITY;
  return op.kind() != OpKind::Clip || isNothing || isRelu ? makeClip(*bounds, b) : nullptr;
}

// Selects one side if the condition is known.
Value *knownCondition(const Op &op, Builder &) {
  auto condition = splatOf(op.operand(0));
  return condition ? unlessReshaped(op, op.operand(*condition != 0 ? 1 : 2)) : nullptr;
}

constexpr Rule kRules[] = {
    {OpKind::Identity, "Identity(x) = x", identity},
    {OpKind::Add, "x + 0 = x", neutral<0>}, // -0 + 0 would be 0
    {OpKind::Mul, "x * 1 = x", neutral<1>},
    {OpKind::Sub, "x - 0 = x", neutralOnTheRight<0>},
    {OpKind::Div, "x / 1 = x", neutralOnTheRight<1>},
    {OpKind::Pow, "x ^ 1 = x", neutralOnTheRight<1>},
    {OpKind::Pow, "x ^ 2 = x * x", square},
    {OpKind::Div, "x / 2^n = x * 2^-n", divideByPowerOfTwo},
    {OpKind::Sub, "x - c = x + -c", subtractConstant},
    {OpKind::Neg, "-(-x) = x", involution<OpKind::Neg>},
    {OpKind::Not, "not not x = x", involution<OpKind::Not>},
    {OpKind::Abs, "||x|| = |x|", idempotent<OpKind::Abs>},
    {OpKind::Ceil, "ceil(ceil(x)) = ceil(x)", idempotent<OpKind::Ceil>},
    {OpKind::Floor, "floor(floor(x)) = floor(x)", idempotent<OpKind::Floor>},
    {OpKind::Round, "round(round(x)) = round(x)", idempotent<OpKind::Round>},
    {OpKind::Cast, "Cast to the same type = x", castToSame},
    {OpKind::Relu, "bounds of bounds are bounds", mergeBounds},
    {OpKind::Clip, "bounds of bounds are bounds", mergeBounds},
    {OpKind::Max, "bounds of bounds are bounds", mergeBounds},
    {OpKind::Min, "bounds of bounds are bounds", mergeBounds},
    {OpKind::Clip, "Clip(x, 0) = Relu(x)", canonicalBound},
    {OpKind::Max, "max(x, c) = Clip(x, c)", canonicalBound},
    {OpKind::Min, "min(x, c) = Clip(x, , c)", canonicalBound},
    {OpKind::Where, "Where(true, a, b) = a", knownCondition},
};

} // namespace

std::span<const Rule> algebra() { return kRules; }

} // namespace edgecc::rules
