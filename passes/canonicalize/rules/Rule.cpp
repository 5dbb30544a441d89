#include "passes/canonicalize/rules/Rule.h"

#include <cmath>

namespace edgecc::rules {

bool isSplat(const Value *value, double number) {
  auto splat = splatOf(value);
  return splat && *splat == number;
}

bool isNearly(const Value *value, double number) {
  auto splat = splatOf(value);
  return splat && std::abs(*splat - number) <= kTolerance * std::abs(number);
}

Value *unlessReshaped(const Op &op, Value *x) {
  return x && sameLogicalType(x->type, op.result()->type) ? x : nullptr;
}

std::optional<double> clipBound(const Op &clip, unsigned operand, double absent) {
  if (!clip.operand(operand))
    return absent;
  const Tensor *content = constantOf(clip.operand(operand));
  return content ? std::optional(content->asDouble(0)) : std::nullopt;
}

} // namespace edgecc::rules
