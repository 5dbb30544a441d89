// Set-up that kernels over rows share: an anchor that reduces some axes of its first operand.
#pragma once

#include "backends/native/loops/Planning.h"

namespace edgecc::native {

// A nest over the axes of `x` of which `reduced` are reduced, with the element-wise code that
// follows the anchor. `loopOf` maps the axes of the results to those of x.
struct RowPlan {
  Nest nest;
  RegionCode code;
  unsigned x = 0; // view of the operand

  static Expected<RowPlan> create(const Op &op, const Op &anchor, std::vector<bool> reduced,
                                  const std::vector<int> &loopOf, KernelBuilder &kernel);
  // A view of another operand of the anchor: `loopOf` says which axis of x each of its axes is.
  unsigned addOperand(const Op &op, const Value &inner, const std::vector<int> &loopOf,
                      KernelBuilder &kernel);
};

// Fails if the results of `op` do not all have the dims of the anchor's result: `op` would have to
// broadcast it.
Expected<void> requireAnchorDims(const Op &op, const Op &anchor);

} // namespace edgecc::native
