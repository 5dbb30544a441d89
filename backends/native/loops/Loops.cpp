// The ops of this family, each to its planner.
#include "backends/native/Families.h"
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/loops/Planning.h"

namespace edgecc::native {

// Whether a planner knows what follows its op in a Fused group.
static bool takesEpilogue(OpKind kind) {
  switch (kind) {
  case OpKind::ReduceSum:
  case OpKind::ReduceMean:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::ReduceProd:
  case OpKind::ReduceL1:
  case OpKind::ReduceL2:
  case OpKind::ReduceSumSquare:
  case OpKind::ReduceLogSum:
  case OpKind::ReduceLogSumExp:
  case OpKind::ArgMax:
  case OpKind::ArgMin:
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::Hardmax:
  case OpKind::InstanceNormalization:
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
  case OpKind::BatchNormalization:
  case OpKind::MaxPool:
  case OpKind::AveragePool:
  case OpKind::LpPool:
  case OpKind::LRN:
  case OpKind::Resize:
    return true;
  default:
    return false;
  }
}

Expected<void> planLoops(const Op &op, PlanContext &context) {
  const Op *anchor = anchorOf(op);
  if (!anchor || isElementwiseEmittable(*anchor)) {
    // A copy in another layout may be a transpose.
    if (op.kind() == OpKind::Identity)
      return planMovement(op, context);
    return planPointwise(op, context);
  }
  if (anchor != &op && !takesEpilogue(anchor->kind()))
    return error(std::string(anchor->name()) + " cannot be the anchor of a fused group",
                 op.location);
  switch (anchor->kind()) {
  case OpKind::Reorder:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Concat:
  case OpKind::Pad:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
    return planMovement(op, context);
  case OpKind::Trilu:
  case OpKind::OneHot:
    return planPositional(op, context);
  case OpKind::ReduceSum:
  case OpKind::ReduceMean:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::ReduceProd:
  case OpKind::ReduceL1:
  case OpKind::ReduceL2:
  case OpKind::ReduceSumSquare:
  case OpKind::ReduceLogSum:
  case OpKind::ReduceLogSumExp:
    return planReduction(op, *anchor, context);
  case OpKind::ArgMax:
  case OpKind::ArgMin:
    return planArgReduction(op, *anchor, context);
  case OpKind::CumSum:
  case OpKind::CumProd:
    return planPrefix(op, context);
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::Hardmax:
    return planSoftmax(op, *anchor, context);
  case OpKind::InstanceNormalization:
  case OpKind::GroupNormalization:
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
    return planNormalization(op, *anchor, context);
  case OpKind::BatchNormalization:
    return planBatchNormalization(op, *anchor, context);
  case OpKind::MaxPool:
  case OpKind::AveragePool:
  case OpKind::LpPool:
    return planPooling(op, *anchor, context);
  case OpKind::LRN:
    return planLrn(op, *anchor, context);
  case OpKind::Resize:
    return planResize(op, *anchor, context);
  case OpKind::Gather:
  case OpKind::GatherElements:
  case OpKind::GatherND:
    return planGather(op, context);
  case OpKind::ScatterElements:
  case OpKind::ScatterND:
    return planScatter(op, context);
  case OpKind::DynamicQuantizeLinear:
    return planDynamicQuantize(op, context);
  case OpKind::GridSample:
  case OpKind::ReverseSequence:
    return planSupport(op, context);
  default:
    return error(std::string(anchor->name()) + " has no native kernel", op.location);
  }
}

} // namespace edgecc::native
