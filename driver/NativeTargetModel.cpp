#include "driver/NativeTargetModel.h"

#include "backends/native/Kernel.h"
#include "backends/native/elementwise/Elementwise.h"
#include "ir/OpDef.h"

#include <algorithm>

namespace edgecc::driver {

std::string NativeTargetModel::whyIllegal(const Op &op) const { return native::whyUnsupported(op); }

bool NativeTargetModel::canFuse(const Op &op) const { return native::isElementwiseEmittable(op); }

// The larger of arithmetic and memory time of a core at 3 GHz that does one vector operation and
// moves 16 bytes a cycle: a ranking, not a prediction.
double NativeTargetModel::cost(const Op &op) const {
  constexpr double kCyclesPerNs = 3, kBytesPerCycle = 16;
  Cost cost = costOf(op);
  unsigned bytes =
      std::max(1u, bitWidth(op.numResults() ? op.result()->type.dtype : DType::F32) / 8);
  double lanes = target_.lanes(bytes);
  if (bytes == 4 && target_.dot8 && op.operand(0) && bitWidth(op.operand(0)->type.dtype) == 8)
    lanes *= 4; // four 8-bit products per i32 lane
  double arithmetic = static_cast<double>(cost.macs + cost.flops) / lanes;
  double memory = static_cast<double>(cost.bytes) / kBytesPerCycle;
  return std::max(arithmetic, memory) / kCyclesPerNs;
}

int64_t NativeTargetModel::channelMultiple(DType dtype) const {
  return target_.lanes(std::max(1u, bitWidth(dtype) / 8));
}

} // namespace edgecc::driver
