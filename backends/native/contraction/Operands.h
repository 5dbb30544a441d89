// What the planners of the contraction ops share: a view of an op that may be fused, the kernel's
// arguments, and the epilogue.
#pragma once

#include "backends/native/Families.h"
#include "backends/native/contraction/Epilogue.h"

namespace edgecc::native {

// One logical axis of the anchor's result in terms of the iteration axes [outer..., y, x, column]:
// index = offset + sum coefficient * iteration index.
struct LogicalAxis {
  std::vector<std::pair<size_t, int64_t>> terms;
  int64_t offset = 0;
};

class Planner {
public:
  // `context` may be null to look at operands only.
  explicit Planner(const Op &op, PlanContext *context = nullptr)
      : op(op), anchor(*anchorOf(op)), context(context) {}

  const Op &op;     // top level
  const Op &anchor; // op itself or inside its region
  PlanContext *context;
  std::vector<KernelArg> args;

  // The top-level value behind an operand of the anchor; null if it is absent.
  const Value *operand(unsigned i) const { return outside(anchor.operand(i)); }
  // The top-level value behind a value of the region.
  const Value *outside(const Value *value) const;

  // Adds `value`, displaced by `offset` elements, to the kernel's arguments.
  unsigned addArg(const Value &value, int64_t offset = 0);
  unsigned addWeights(std::span<const std::byte> bytes);

  // `value`, whose axes are the last ones of the result's `axes` (or, if `axis` is given, whose
  // only axis is that one), over the iteration space.
  Access access(const Value &value, const std::vector<LogicalAxis> &axes, size_t iterationAxes,
                std::optional<size_t> axis = {});

  // What operand `operand` of `user`, an element-wise op of the region, reads.
  Expected<Leaf> leaf(const Op &user, unsigned operand, const std::vector<LogicalAxis> &axes,
                      size_t iterationAxes);

  // Fills everything but alpha and the addends. Fails if the region's results do not have the
  // anchor's shape.
  Expected<Epilogue> epilogue(const std::vector<LogicalAxis> &axes, size_t iterationAxes);
};

} // namespace edgecc::native
