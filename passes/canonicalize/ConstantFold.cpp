// Evaluates ops whose operands are all constants, through the executor, so that the meaning is the
// reference's. Results that would make the file much larger than their operands stay ops.
#include "passes/Passes.h"
#include "passes/Rewrite.h"

#include <algorithm>

namespace edgecc {

namespace {

// Operations that folding may cost in one module: a few seconds.
constexpr int64_t kMostWork = int64_t{1} << 33;

struct Limits {
  int64_t bytes;  // results up to this size are always folded
  int64_t growth; // larger ones if they are at most this many times their operands
};

int64_t workOf(const Op &op) {
  Cost cost = costOf(op);
  return saturatingAdd(saturatingAdd(cost.macs, cost.flops), cost.bytes);
}

bool isFoldable(const Op &op, const Limits &limits) {
  if (op.parameter || op.numRegions() || op.numResults() == 0 || op.def().is(OpTrait::Terminator) ||
      op.def().is(OpTrait::LoweredOnly))
    return false;
  int64_t in = 0, out = 0;
  for (const Value *operand : op.operands()) {
    const Tensor *content = constantOf(operand);
    if (operand && !content)
      return false;
    in += content ? static_cast<int64_t>(content->bytes()) : 0;
  }
  for (unsigned i = 0; i < op.numResults(); ++i)
    out += op.result(i)->type.bytes();
  return out <= limits.bytes || out <= limits.growth * in;
}

// A constant weight that is dequantised right before a contraction must stay visible as such, or
// lowering would find float weights.
bool keepsQuantisation(const Op &op) {
  return op.kind() == OpKind::DequantizeLinear && op.operand(0)->type.elements() > 1;
}

Expected<bool> fold(Module &module, Op *op, Executor &executor) {
  std::vector<Tensor> operands;
  for (const Value *operand : op->operands())
    operands.push_back(operand ? *constantOf(operand) : Tensor());
  auto results = executor.evaluate(*op, operands);
  if (!results)
    return false; // it may still fail, with a better message, where the op runs
  for (unsigned i = 0; i < op->numResults(); ++i) {
    Value *result = op->result(i);
    if (result->uses().empty())
      continue;
    Tensor &content = (*results)[i];
    if (result->type.isStatic() && content.dims() != result->dims())
      return error("the reference result " + content.type().str() + " of an op should be " +
                       result->type.str(),
                   op->location);
    std::string name = result->provenance.tensor.empty() ? "folded" : result->provenance.tensor;
    Value *constant = constantBefore(module, op, std::move(content), name);
    result->replaceAllUsesWith(constant);
  }
  op->erase();
  return true;
}

} // namespace

Expected<void> foldConstants(Module &module, PassContext &context) {
  if (!context.executor)
    return error("constant folding needs an executor");
  Limits limits{context.options.integer("max-bytes"), context.options.integer("max-growth")};
  bool dequantizes = context.options.flag("dequantize");
  int64_t work = 0;
  for (const auto &function : module.functions()) {
    std::vector<Block *> blocks;
    forEachBlock(function->body, [&](Block &block) { blocks.push_back(&block); });
    for (Block *block : blocks)
      for (Op *op : block->snapshot()) {
        if (!isFoldable(*op, limits) || (keepsQuantisation(*op) && !dequantizes))
          continue;
        // A bounded result becomes static here; its users were typed for the bound.
        bool isStatic = true;
        for (unsigned i = 0; i < op->numResults(); ++i)
          isStatic = isStatic && op->result(i)->type.isStatic();
        if (!isStatic || workOf(*op) > kMostWork - work)
          continue;
        work += workOf(*op);
        EDGECC_TRY(folded, fold(module, op, *context.executor));
        context.statistics.add("constants folded", folded ? 1 : 0);
      }
  }
  return {};
}

} // namespace edgecc
