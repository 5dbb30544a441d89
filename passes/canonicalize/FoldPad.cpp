// Folds a Pad into the padding of the convolution or pooling that reads it, where the window op
// pads with the same value:
//   Conv(Pad(x, 0)) = Conv(x) with wider pads
//   AveragePool(Pad(x, 0)) = AveragePool(x) with wider pads that count
//   MaxPool(Pad(x, 0)) = MaxPool(x) with wider pads, if x >= 0 and every window meets x
#include "passes/Passes.h"
#include "passes/Rewrite.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

// The value that a constant Pad of spatial axes fills in; none if it is another kind of Pad.
std::optional<double> spatialFill(const Op &pad) {
  if (pad.text("mode") != "constant")
    return std::nullopt;
  const auto &pads = pad.ints("pads");
  size_t rank = pads.size() / 2;
  if (rank < 3 || pads[0] || pads[1] || pads[rank] || pads[rank + 1])
    return std::nullopt;
  if (!pad.operand(1))
    return 0.0;
  const Tensor *value = constantOf(pad.operand(1));
  return value ? std::optional(value->asDouble(0)) : std::nullopt;
}

std::vector<int64_t> widened(const Op &pad, const std::vector<int64_t> &inner) {
  const auto &outer = pad.ints("pads");
  size_t n = inner.size() / 2, rank = outer.size() / 2;
  std::vector<int64_t> pads = inner;
  for (size_t i = 0; i < n; ++i) {
    pads[i] += outer[2 + i];
    pads[n + i] += outer[rank + 2 + i];
  }
  return pads;
}

bool isNotNegative(const Value &value) {
  const Op *op = value.definingOp();
  if (!op)
    return isUnsigned(value.type.dtype);
  switch (op->kind()) {
  case OpKind::Relu:
  case OpKind::Sigmoid:
  case OpKind::HardSigmoid:
  case OpKind::Softplus:
    return true;
  case OpKind::Clip: {
    const Tensor *low = constantOf(op->operand(1));
    return low && low->asDouble(0) >= 0;
  }
  default:
    return false;
  }
}

bool hasNoPads(const Op &op) {
  return std::ranges::all_of(op.ints("pads"), [](int64_t p) { return p == 0; });
}

// Every window holds an element of x: the pads are narrower than the window's reach.
bool everyWindowMeetsInput(const Op &pool, const std::vector<int64_t> &pads) {
  size_t n = pads.size() / 2;
  for (size_t i = 0; i < n; ++i)
    if (pads[i] > pool.ints("kernel")[i] - 1 || pads[n + i] > pool.ints("kernel")[i] - 1 ||
        pool.ints("dilations")[i] != 1)
      return false;
  return true;
}

bool mayTake(const Op &op, const Op &pad, double fill) {
  const std::vector<int64_t> pads =
      op.def().findAttribute("pads") ? widened(pad, op.ints("pads")) : std::vector<int64_t>{};
  switch (op.kind()) {
  case OpKind::Conv: {
    // Integer convolutions pad with the zero point.
    const Tensor *zeroPoint = constantOf(op.operand(3));
    return fill == (zeroPoint ? zeroPoint->asDouble(0) : 0.0) && (!op.operand(3) || zeroPoint);
  }
  case OpKind::AveragePool:
    return fill == 0 && (op.flag("count_include_pad") || hasNoPads(op)) && !op.flag("ceil_mode") &&
           isFloat(op.result()->type.dtype);
  case OpKind::MaxPool:
    return onlyFirstResultUsed(op) && !op.flag("ceil_mode") && everyWindowMeetsInput(op, pads) &&
           (fill == -INFINITY || (fill == 0 && hasNoPads(op) && isNotNegative(*pad.operand(0))));
  default:
    return false;
  }
}

} // namespace

Expected<void> foldPad(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        Op *pad = definedBy(op->operand(0), OpKind::Pad);
        auto fill = pad ? spatialFill(*pad) : std::nullopt;
        if (!fill || !mayTake(*op, *pad, *fill))
          continue;
        op->set("pads", widened(*pad, op->ints("pads")));
        if (op->kind() == OpKind::AveragePool)
          op->set("count_include_pad", true);
        op->setOperand(0, pad->operand(0));
        op->location = joinLocations(pad->location, op->location);
        if (pad->result()->uses().empty())
          eraseWithDeadOperands(pad);
        context.statistics.add("pads folded");
      }
    });
  return {};
}

} // namespace edgecc
