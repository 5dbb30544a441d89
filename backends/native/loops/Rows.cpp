#include "backends/native/loops/Rows.h"

namespace edgecc::native {

Expected<void> requireAnchorDims(const Op &op, const Op &anchor) {
  if (&op == &anchor)
    return {};
  for (unsigned r = 0; r < op.numResults(); ++r)
    if (op.result(r)->dims() != anchor.result()->dims())
      return error("what follows " + std::string(anchor.name()) +
                       " in a fused group changes the shape",
                   op.location);
  return {};
}

Expected<RowPlan> RowPlan::create(const Op &op, const Op &anchor, std::vector<bool> reduced,
                                  const std::vector<int> &loopOf, KernelBuilder &kernel) {
  EDGECC_CHECK(requireAnchorDims(op, anchor));
  RowPlan plan;
  const Value &x = outerValue(op, *anchor.operand(0));
  plan.nest.extents = x.dims();
  plan.nest.reduced = std::move(reduced);
  plan.nest.widest = bitWidth(x.type.dtype) <= 16 && isFloat(x.type.dtype) ? 4 : 1;
  // A fused group yields several values only of the anchor's shape; of an anchor alone, the first.
  std::vector<unsigned> results;
  for (unsigned r = 0; r < (&op == &anchor ? 1 : op.numResults()); ++r)
    results.push_back(r);
  EDGECC_TRY(code, RegionCode::create(op, &anchor, std::move(results), loopOf, kernel, plan.nest));
  plan.code = code;
  plan.x = plan.nest.addView({kernel.addArg(x), x.type.dtype, stridesOf(x), 0, {}});
  plan.nest.order = plan.x;
  return plan;
}

unsigned RowPlan::addOperand(const Op &op, const Value &inner, const std::vector<int> &loopOf,
                             KernelBuilder &kernel) {
  const Value &outer = outerValue(op, inner);
  View view{kernel.addArg(outer), outer.type.dtype, Dims(nest.extents.size(), 0), 0, {}};
  Dims strides = stridesOf(outer);
  for (size_t axis = 0; axis < strides.size(); ++axis)
    if (loopOf[axis] >= 0 && outer.dims()[axis] != 1)
      view.strides[static_cast<size_t>(loopOf[axis])] += strides[axis];
  return nest.addView(std::move(view));
}

} // namespace edgecc::native
