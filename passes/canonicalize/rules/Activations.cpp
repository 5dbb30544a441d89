// Activations that exporters spell out.
#include "passes/canonicalize/rules/Rule.h"

#include <cmath>
#include <numbers>

namespace edgecc::rules {

namespace {

// A product taken apart: its factors that are not constant, and the product of the others.
struct Product {
  std::vector<Value *> factors;
  double constant = 1;
};

// More levels of products than any spelling of an activation has.
constexpr int kMaxDepth = 8;

// The product itself (depth 0) may have any number of users, the partial products only one.
void takeApart(Value *value, Product &product, int depth = 0) {
  auto splat = splatOf(value);
  if (splat && constantOf(value)->elements() == 1) {
    product.constant *= *splat;
    return;
  }
  const Op *op = value->definingOp();
  bool isInner = op && depth < kMaxDepth && (depth == 0 || hasOneUser(value));
  if (isInner && op->kind() == OpKind::Mul) {
    takeApart(op->operand(0), product, depth + 1);
    takeApart(op->operand(1), product, depth + 1);
  } else if (isInner && op->kind() == OpKind::Div && splatOf(op->operand(1)) &&
             constantOf(op->operand(1))->elements() == 1) {
    takeApart(op->operand(0), product, depth + 1);
    product.constant /= *splatOf(op->operand(1));
  } else {
    product.factors.push_back(value);
  }
}

bool isAbout(double a, double b) { return std::abs(a - b) <= kTolerance * std::abs(b); }

// The argument of `kind` if the value is kind(y) + 1.
Value *argumentOfPlusOne(const Value *value, OpKind kind) {
  const Op *add = definedBy(value, OpKind::Add);
  const Value *f = add ? otherOperand(*add, [](const Value *v) { return isSplat(v, 1); }) : nullptr;
  const Op *function = definedBy(f, kind);
  return function ? function->operand(0) : nullptr;
}

// Whether y = x * factor.
bool isMultiple(Value *y, const Value *x, double factor) {
  Product product;
  takeApart(y, product);
  return product.factors.size() == 1 && product.factors[0] == x &&
         isAbout(product.constant, factor);
}

// Whether y = x^3, as Pow or as a product.
bool isCube(Value *y, const Value *x) {
  const Op *pow = definedBy(y, OpKind::Pow);
  if (pow)
    return pow->operand(0) == x && isSplat(pow->operand(1), 3);
  Product product;
  takeApart(y, product);
  if (product.constant != 1)
    return false;
  size_t power = 0;
  for (Value *factor : product.factors) {
    const Op *square = definedBy(factor, OpKind::Mul);
    if (factor == x)
      power += 1;
    else if (square && square->operand(0) == x && square->operand(1) == x)
      power += 2;
    else
      return false;
  }
  return power == 3;
}

// Whether y = sqrt(2 / pi) * (x + 0.044715 x^3).
bool isTanhGeluArgument(Value *y, const Value *x) {
  Product outer;
  takeApart(y, outer);
  const Op *sum = outer.factors.size() == 1 ? definedBy(outer.factors[0], OpKind::Add) : nullptr;
  if (!sum || !isAbout(outer.constant, std::sqrt(2 / std::numbers::pi)))
    return false;
  Value *cubic = otherOperand(*sum, [&](const Value *v) { return v == x; });
  if (!cubic)
    return false;
  Product product;
  takeApart(cubic, product);
  if (!isAbout(product.constant, 0.044715))
    return false;
  if (product.factors.size() == 1)
    return isCube(product.factors[0], x);
  size_t power = 0;
  for (Value *factor : product.factors)
    power += factor == x ? 1 : 0;
  return power == 3 && product.factors.size() == 3;
}

// 0.5 x (1 + erf(x / sqrt(2))), in any association of the products
Value *gelu(const Op &op, Builder &b) {
  Product product;
  takeApart(op.result(), product);
  if (product.factors.size() != 2 || !isAbout(product.constant, 0.5))
    return nullptr;
  for (size_t i = 0; i < 2; ++i) {
    Value *x = product.factors[i], *other = product.factors[1 - i];
    if (x->dims() != op.result()->dims())
      continue;
    Value *y = argumentOfPlusOne(other, OpKind::Erf);
    if (y && isMultiple(y, x, std::numbers::sqrt2 / 2))
      return b.create(OpKind::Gelu, {x});
    y = argumentOfPlusOne(other, OpKind::Tanh);
    if (y && isTanhGeluArgument(y, x))
      return b.create(OpKind::Gelu, {x}, {{"tanh", true}});
  }
  return nullptr;
}

// x * f(x) for f in Sigmoid, HardSigmoid(1/6, 1/2), Tanh(Softplus)
Value *gated(const Op &op, Builder &b) {
  for (unsigned i = 0; i < 2; ++i) {
    Value *x = op.operand(i);
    const Op *gate = op.operand(1 - i)->definingOp();
    if (!gate || x->dims() != op.result()->dims() || gate->numOperands() == 0)
      continue;
    if (gate->kind() == OpKind::Sigmoid && gate->operand(0) == x)
      return b.create(OpKind::Swish, {x});
    if (gate->kind() == OpKind::Sigmoid) {
      Product product;
      takeApart(gate->operand(0), product);
      if (product.factors.size() == 1 && product.factors[0] == x)
        return b.create(OpKind::Swish, {x}, {{"alpha", product.constant}});
    }
    if (gate->kind() == OpKind::HardSigmoid && gate->operand(0) == x &&
        isAbout(gate->real("alpha"), 1.0 / 6) && isAbout(gate->real("beta"), 0.5))
      return b.create(OpKind::HardSwish, {x});
    const Op *softplus =
        gate->kind() == OpKind::Tanh ? definedBy(gate->operand(0), OpKind::Softplus) : nullptr;
    if (softplus && softplus->operand(0) == x)
      return b.create(OpKind::Mish, {x});
  }
  return nullptr;
}

// The x of min(max(x + 3, 0), 6).
Value *shiftedRelu6(const Value *value) {
  const Op *clip = definedBy(value, OpKind::Clip);
  if (!clip || clipBound(*clip, 1, -INFINITY) != 0.0 || clipBound(*clip, 2, INFINITY) != 6.0)
    return nullptr;
  const Op *add = definedBy(clip->operand(0), OpKind::Add);
  return add ? otherOperand(*add, [](const Value *v) { return isSplat(v, 3); }) : nullptr;
}

// x * relu6(x + 3) / 6 = HardSwish(x), relu6(x + 3) / 6 = HardSigmoid(x)
Value *hard(const Op &op, Builder &b) {
  Product product;
  takeApart(op.result(), product);
  if (!isAbout(product.constant, 1.0 / 6))
    return nullptr;
  for (size_t i = 0; i < product.factors.size(); ++i) {
    Value *x = shiftedRelu6(product.factors[i]);
    if (!x || !sameLogicalType(x->type, op.result()->type))
      continue;
    if (product.factors.size() == 2 && product.factors[1 - i] == x)
      return b.create(OpKind::HardSwish, {x});
    if (product.factors.size() == 1)
      return b.create(OpKind::HardSigmoid, {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
  }
  return nullptr;
}

Value *softplus(const Op &op, Builder &b) {
  Value *x = argumentOfPlusOne(op.operand(0), OpKind::Exp);
  return x ? b.create(OpKind::Softplus, {x}) : nullptr;
}

// max(x, a x) for 0 < a < 1
Value *leakyRelu(const Op &op, Builder &b) {
  for (unsigned i = 0; i < 2; ++i) {
    Value *x = op.operand(i);
    const Op *mul = definedBy(op.operand(1 - i), OpKind::Mul);
    if (!mul || !isFloat(x->type.dtype) || x->dims() != op.result()->dims())
      continue;
    const Value *slope = otherOperand(*mul, [&](const Value *v) { return v == x; });
    auto alpha = slope ? splatOf(slope) : std::nullopt;
    if (alpha && *alpha > 0 && *alpha < 1)
      return b.create(OpKind::LeakyRelu, {x}, {{"alpha", *alpha}});
  }
  return nullptr;
}

constexpr Rule kRules[] = {
    // Constants are matched within kTolerance, so results differ by as much as the exporter
    // rounded.
    {OpKind::Mul, "0.5 x (1 + erf(x / sqrt 2)) = Gelu(x)", gelu},
    {OpKind::Div, "0.5 x (1 + erf(x / sqrt 2)) = Gelu(x)", gelu},
    {OpKind::Mul, "x sigmoid(x) = Swish(x)", gated},
    {OpKind::Mul, "x relu6(x + 3) / 6 = HardSwish(x)", hard},
    {OpKind::Div, "x relu6(x + 3) / 6 = HardSwish(x)", hard},
    {OpKind::Log, "log(1 + exp(x)) = Softplus(x)", softplus}, // without its overflow
    {OpKind::Max, "max(x, a x) = LeakyRelu(x)", leakyRelu},
};

} // namespace

std::span<const Rule> activations() { return kRules; }

} // namespace edgecc::rules
