#include "passes/lower/memory/BoundaryCopies.h"

#include "passes/Rewrite.h"
#include "passes/lower/memory/Timeline.h"

#include <numeric>
#include <set>

namespace edgecc::memory {

namespace {

Value *copyBefore(Module &module, Op *op, Value *value) {
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = value->definingOp() ? value->definingOp()->location : op->location;
  Value *copy = builder.create(OpKind::Identity, {value});
  copy->provenance = value->provenance;
  return copy;
}

Value *rowMajorBefore(Module &module, Op *op, Value *value) {
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = value->definingOp() ? value->definingOp()->location : op->location;
  std::vector<int64_t> order(value->dims().size());
  std::iota(order.begin(), order.end(), int64_t{0});
  Value *copy = builder.create(OpKind::Reorder, {value}, {{"order", order}});
  copy->type.layout.reset();
  copy->provenance = value->provenance;
  return copy;
}

bool isResultOf(const Value &value, const Block &block) {
  const Op *op = value.definingOp();
  return op && !op->parameter && op->block() == &block;
}

void copyYields(Module &module, const Block &block) {
  Op *yield = block.terminator();
  const Op *parent = block.parentOp();
  // Bodies of loops yield copies throughout: a state that is read after the next one has been
  // computed, or exchanged with another, must not be overwritten too early.
  bool always = parent && isLoop(*parent);
  std::set<const Value *> seen;
  std::vector<Value *> values = yield->operands();
  for (Value *&value : values) {
    if (value->type.layout)
      value = rowMajorBefore(module, yield, value);
    if (always || !isResultOf(*value, block) || seen.contains(value))
      value = copyBefore(module, yield, value);
    seen.insert(value);
  }
  if (always) // see Placement: only the first copy may be left out
    for (Value *&value : values)
      value = copyBefore(module, yield, value);
  yield->setOperands(values);
}

void copyInitialValues(Module &module, Op &op) {
  unsigned first = op.kind() == OpKind::Loop ? 1 : 0;
  unsigned end = op.kind() == OpKind::Loop
                     ? op.numOperands()
                     : op.numOperands() - static_cast<unsigned>(op.integer("num_scans"));
  for (unsigned i = 0; i < op.numOperands(); ++i) {
    if (op.operand(i)->type.layout)
      op.setOperand(i, rowMajorBefore(module, &op, op.operand(i)));
    if (i >= first && i < end)
      op.setOperand(i, copyBefore(module, &op, op.operand(i)));
  }
}

} // namespace

void insertBoundaryCopies(Module &module, Function &function) {
  std::vector<Block *> blocks;
  forEachBlock(function.body, [&](Block &block) { blocks.push_back(&block); });
  for (Block *block : blocks) {
    if (block->parentOp() && block->parentOp()->kind() == OpKind::Fused)
      continue;
    copyYields(module, *block);
    for (Op *op : block->snapshot())
      if (isLoop(*op))
        copyInitialValues(module, *op);
  }
}

} // namespace edgecc::memory
