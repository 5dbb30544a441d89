#include "backends/native/contraction/Operands.h"
#include "backends/native/elementwise/Elementwise.h"

namespace edgecc::native {

const Value *Planner::outside(const Value *value) const {
  if (value && op.kind() == OpKind::Fused)
    for (unsigned i = 0; i < op.numOperands(); ++i)
      if (op.region(0).argument(i) == value)
        return op.operand(i);
  return value;
}

unsigned Planner::addArg(const Value &value, int64_t offset) {
  KernelArg arg = context->arg(value);
  arg.offset += offset * (bitWidth(value.type.dtype) / 8);
  args.push_back(arg);
  return static_cast<unsigned>(args.size() - 1);
}

unsigned Planner::addWeights(std::span<const std::byte> bytes) {
  args.push_back({Storage::Space::Weights, 0, context->weights.add(bytes)});
  return static_cast<unsigned>(args.size() - 1);
}

Access Planner::access(const Value &value, const std::vector<LogicalAxis> &axes,
                       size_t iterationAxes, std::optional<size_t> axis) {
  Access out;
  out.dtype = value.type.dtype;
  out.strides.assign(iterationAxes, 0);
  Dims strides = stridesOf(value);
  int64_t offset = 0;
  size_t rank = value.dims().size();
  for (size_t i = 0; i < rank; ++i) {
    if (value.dims()[i] == 1)
      continue;
    const LogicalAxis &logical = axes[axis ? *axis : axes.size() - rank + i];
    offset += logical.offset * strides[i];
    for (auto [iteration, coefficient] : logical.terms)
      out.strides[iteration] += coefficient * strides[i];
  }
  out.arg = addArg(value, offset);
  return out;
}

// The axis that a per-axis operand of a quantisation op belongs to.
static std::optional<size_t> axisOf(const Value &argument) {
  for (const Use &use : argument.uses())
    switch (use.user->kind()) {
    case OpKind::Requantize:
    case OpKind::QuantizeLinear:
    case OpKind::DequantizeLinear:
      if (use.operand > 0)
        return static_cast<size_t>(use.user->integer("axis"));
      break;
    default:
      break;
    }
  return {};
}

Expected<Epilogue> Planner::epilogue(const std::vector<LogicalAxis> &axes, size_t iterationAxes) {
  Epilogue out;
  out.anchor = &anchor;
  out.anchorType = anchor.result()->type.dtype;
  const Dims &dims = anchor.result()->dims();
  for (unsigned i = 0; i < op.numResults(); ++i) {
    if (op.result(i)->dims() != dims)
      return error("a fused result has the shape " + op.result(i)->type.str() +
                       ", not that of its anchor, " + anchor.result()->type.str(),
                   op.location);
    out.results.push_back(access(*op.result(i), axes, iterationAxes));
  }
  if (op.kind() != OpKind::Fused)
    return out;
  out.fused = &op;
  for (const auto &inner : op.region(0).ops()) {
    if (inner.get() == &anchor || inner->kind() == OpKind::Yield)
      continue;
    if (!isElementwiseEmittable(*inner))
      return error("no vector code for a fused " + std::string(inner->name()), op.location);
    for (const Value *value : inner->operands()) {
      if (!value || (value->definingOp() && value->definingOp()->kind() != OpKind::Param) ||
          out.leaves.count(value))
        continue;
      const Value *source = outside(value);
      std::optional<size_t> axis = source->dims().size() == 1 ? axisOf(*value) : std::nullopt;
      if (source->dims().size() > dims.size())
        return error("a fused operand has more axes than the result", op.location);
      out.leaves.emplace(value, access(*source, axes, iterationAxes, axis));
    }
  }
  return out;
}

} // namespace edgecc::native
