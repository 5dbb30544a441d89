#include "backends/native/contraction/Operands.h"
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/loops/Planning.h"

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

// Element strides over the iteration space from those over the result's logical axes.
static Access accessOf(const std::vector<LogicalAxis> &axes, size_t iterationAxes,
                       const Dims &strides, int64_t &offset) {
  Access out;
  out.strides.assign(iterationAxes, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    offset += axes[i].offset * strides[i];
    for (auto [iteration, coefficient] : axes[i].terms)
      out.strides[iteration] += coefficient * strides[i];
  }
  return out;
}

Access Planner::access(const Value &value, const std::vector<LogicalAxis> &axes,
                       size_t iterationAxes, std::optional<size_t> axis) {
  Dims own = stridesOf(value), strides(axes.size(), 0);
  size_t rank = value.dims().size();
  for (size_t i = 0; i < rank; ++i)
    if (value.dims()[i] != 1)
      strides[axis ? *axis : axes.size() - rank + i] = own[i];
  int64_t offset = 0;
  Access out = accessOf(axes, iterationAxes, strides, offset);
  out.dtype = value.type.dtype;
  out.arg = addArg(value, offset);
  return out;
}

Expected<Leaf> Planner::leaf(const Op &user, unsigned operand, const std::vector<LogicalAxis> &axes,
                             size_t iterationAxes) {
  const Value *value = outside(user.operand(operand));
  Leaf out;
  const Tensor *constant = constantOf(value);
  if (isPointerOperand(user, operand)) {
    out.isTable = true;
    out.access.arg = addArg(*value);
    return out;
  }
  if (constant && constant->elements() == 1) {
    out.scalar = std::make_shared<const Tensor>(*constant);
    return out;
  }
  auto strides = elementwiseStrides(user, operand, stridesOf(*value), axes.size());
  if (!strides)
    return error("an operand of the fused " + std::string(user.name()) +
                     " is not indexed like the result",
                 op.location);
  int64_t offset = 0;
  out.access = accessOf(axes, iterationAxes, *strides, offset);
  out.access.dtype = value->type.dtype;
  out.access.arg = addArg(*value, offset);
  return out;
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
    if (inner.get() == &anchor || inner->kind() == OpKind::Yield || inner->kind() == OpKind::Param)
      continue;
    if (!isElementwiseEmittable(*inner) || inner->result()->dims() != dims)
      return error("no vector code for a fused " + std::string(inner->name()), op.location);
    for (unsigned i = 0; i < inner->numOperands(); ++i) {
      const Value *value = inner->operand(i);
      if (!value || (value->definingOp() && value->definingOp()->kind() != OpKind::Param) ||
          out.leafOf(value))
        continue;
      EDGECC_TRY(read, leaf(*inner, i, axes, iterationAxes));
      out.leaves.emplace_back(value, std::move(read));
    }
  }
  return out;
}

} // namespace edgecc::native
