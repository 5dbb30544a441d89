#include "backends/native/contraction/PlanConv.h"

namespace edgecc::native {

Expected<void> planContraction(const Op &op, PlanContext &context) {
  if (anchorOf(op)->result()->type.elements() == 0)
    return {};
  switch (anchorOf(op)->kind()) {
  case OpKind::Conv:
    return isDepthwise(op) ? planDepthwise(op, context) : planConv(op, context);
  case OpKind::ConvTranspose:
    return planConvTranspose(op, context);
  default:
    return planMatMul(op, context);
  }
}

} // namespace edgecc::native
