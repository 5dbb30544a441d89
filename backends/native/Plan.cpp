// Which family plans which op.
#include "backends/native/Families.h"
#include "ir/OpDef.h"
#include "ir/Views.h"

namespace edgecc::native {

const Op *anchorOf(const Op &op) {
  if (op.kind() != OpKind::Fused)
    return &op;
  for (const auto &inner : op.region(0).ops())
    if (!inner->def().is(OpTrait::Elementwise) && !inner->def().is(OpTrait::Terminator) &&
        inner->kind() != OpKind::Param)
      return inner.get();
  return nullptr;
}

Expected<void> planOp(const Op &op, PlanContext &context) {
  if (isMaterializedView(op))
    return {};
  const Op *anchor = anchorOf(op);
  if (!anchor)
    return planLoops(op, context);
  switch (anchor->kind()) {
  case OpKind::Param:
  case OpKind::Yield:
    return {};
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::MatMul:
  case OpKind::Gemm:
    return planContraction(op, context);
  case OpKind::TopK:
  case OpKind::NonZero:
  case OpKind::NonMaxSuppression:
  case OpKind::Compress:
  case OpKind::Unique:
  case OpKind::RoiAlign:
  case OpKind::MaxUnpool:
  case OpKind::Col2Im:
  case OpKind::Det:
  case OpKind::DFT:
  case OpKind::DeformConv:
    return planSupport(op, context);
  default:
    return planLoops(op, context);
  }
}

} // namespace edgecc::native
