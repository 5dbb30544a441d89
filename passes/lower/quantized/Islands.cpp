// What is left in floating point between quantised values.
#include "ir/OpDef.h"
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <set>

namespace edgecc::quantized {

namespace {

bool isReal(const Value *value) { return value && isFloat(value->type.dtype); }

bool readsReals(const Op &op) { return std::ranges::any_of(op.operands(), isReal); }

// Values that integers were turned into, or that become integers, through any number of float ops.
class Marks {
public:
  explicit Marks(const Block &block) {
    for (const auto &op : block.ops())
      if (op->kind() == OpKind::DequantizeLinear
              ? !constantOf(op->operand(0))
              : std::ranges::any_of(op->operands(),
                                    [&](const Value *v) { return from_.contains(v); }))
        for (unsigned i = 0; i < op->numResults(); ++i)
          if (isReal(op->result(i)))
            from_.insert(op->result(i));
    for (auto it = block.ops().rbegin(); it != block.ops().rend(); ++it) {
      const Op &op = **it;
      bool leads = op.kind() == OpKind::QuantizeLinear;
      for (unsigned i = 0; i < op.numResults(); ++i)
        leads = leads || to_.contains(op.result(i));
      for (const Value *operand : op.operands())
        if (leads && isReal(operand))
          to_.insert(operand);
    }
  }

  bool liesBetween(const Op &op) const {
    auto from = [&](const Value *v) { return from_.contains(v); };
    bool reads = std::ranges::any_of(op.operands(), from), leads = false;
    for (unsigned i = 0; i < op.numResults(); ++i)
      leads = leads || to_.contains(op.result(i));
    return reads && leads;
  }

private:
  std::set<const Value *> from_, to_;
};

std::string reasonFor(const Op &op) {
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::MatMul:
  case OpKind::Gemm:
    for (unsigned i = 0; i < 2; ++i)
      if (!dequantizedFrom(op.operand(i)))
        return "computes on reals because its " + std::string(i == 0 ? "input is" : "weights are") +
               " not quantised with constant scales along the output channels";
    return "computes on reals because the type or the scales of its operands have no integer form, "
           "or sums could leave 32 bits";
  default:
    return std::string(op.name()) + " has no integer form";
  }
}

} // namespace

std::vector<Island> findIslands(const Block &block) {
  Marks marks(block);
  std::vector<Island> islands;
  for (const auto &op : block.ops()) {
    // Element-wise ops run in registers between the integers that they read and write.
    if (op->def().is(OpTrait::Elementwise) || op->def().is(OpTrait::DataMovement) ||
        op->def().is(OpTrait::Terminator) || !readsReals(*op) || !marks.liesBetween(*op))
      continue;
    islands.push_back({op.get(), reasonFor(*op)});
  }
  return islands;
}

} // namespace edgecc::quantized
