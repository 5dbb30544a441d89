#include "backends/native/elementwise/Magnitude.h"

#include "ir/Module.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::native {

static constexpr double kUnknown = std::numeric_limits<double>::infinity();

// The constant behind an argument of a group too.
static const Tensor *knownConstant(const Value *value) {
  if (!value || value->definingOp())
    return constantOf(value);
  const Op *group = value->owningBlock()->parentOp();
  return group && group->kind() == OpKind::Fused ? constantOf(group->operand(value->index()))
                                                 : nullptr;
}

static double largestOf(const Value *value) {
  const Tensor *constant = knownConstant(value);
  if (!constant)
    return kUnknown;
  double largest = 0;
  for (int64_t i = 0; i < constant->elements(); ++i) {
    double element = std::abs(constant->asDouble(i));
    if (!(element < kUnknown))
      return kUnknown;
    largest = std::max(largest, element);
  }
  return largest;
}

// Of |q - zero point|.
static double largestDifference(const Value &q, bool hasZeroPoint) {
  DType type = q.type.dtype;
  return isInteger(type) ? std::ldexp(1, static_cast<int>(bitWidth(type)) + (hasZeroPoint ? 1 : 0))
                         : kUnknown;
}

// A bound of a value's elements, but for rounding errors; `kUnknown` where NaN is possible. In f32
// alone: narrower floats may overflow below any bound that matters.
static double magnitude(const Value &value) {
  const Op *op = value.definingOp();
  if (!op || value.type.dtype != DType::F32)
    return kUnknown;
  switch (op->kind()) {
  case OpKind::DequantizeLinear:
    return largestDifference(*op->operand(0), op->operand(2)) * largestOf(op->operand(1));
  case OpKind::Add:
  case OpKind::Sub:
    return magnitude(*op->operand(0)) + magnitude(*op->operand(1));
  case OpKind::Relu:
  case OpKind::Swish: // at most |x|
    return magnitude(*op->operand(0));
  case OpKind::Sigmoid:
  case OpKind::Tanh:
    return magnitude(*op->operand(0)) < kUnknown ? 1 : kUnknown;
  default:
    return kUnknown;
  }
}

bool roundsWithinI32(const Op &op) {
  // The comparison fails for what is not a number too.
  constexpr double kBound = 0x1p30;
  if (op.kind() == OpKind::Requantize)
    return largestDifference(*op.operand(0), false) * largestOf(op.operand(1)) <= kBound;
  if (op.kind() != OpKind::QuantizeLinear)
    return false;
  const Tensor *scale = knownConstant(op.operand(1));
  return scale && scale->elements() == 1 && scale->asDouble(0) > 0 &&
         magnitude(*op.operand(0)) / scale->asDouble(0) <= kBound;
}

} // namespace edgecc::native
