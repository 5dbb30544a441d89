// Compile-time evaluation of what depends on constants alone: shape arithmetic, mostly.
#include "frontend/onnx/GraphImporter.h"

#include <algorithm>

namespace edgecc::importer {

namespace {
// What a hostile model can make the compiler compute and hold while it imports.
constexpr int64_t kMaxFoldedBytes = int64_t{1} << 29;
constexpr int64_t kMaxFoldedWork = int64_t{1} << 30;
} // namespace

bool GraphImporter::mayFold(const Op &op) {
  if (!options_.folder || op.numRegions() > 0 || op.numResults() == 0)
    return false;
  // Quantised weights stay quantised.
  if (op.kind() == OpKind::Param || op.kind() == OpKind::QuantizeLinear ||
      op.kind() == OpKind::DequantizeLinear)
    return false;
  bool isConstant = std::ranges::all_of(
      op.operands(), [](const Value *operand) { return !operand || constantOf(operand); });
  if (!isConstant)
    return false;
  int64_t elements = 0, bytes = 0;
  for (unsigned i = 0; i < op.numResults(); ++i) {
    elements = std::max(elements, op.result(i)->type.elements());
    bytes += op.result(i)->type.bytes();
  }
  Cost cost = costOf(op);
  int64_t work = saturatingAdd(saturatingAdd(cost.macs, cost.flops), cost.bytes);
  if (elements > options_.foldLimit || foldedBytes_ + bytes > kMaxFoldedBytes ||
      work > kMaxFoldedWork - foldedWork_)
    return false;
  foldedBytes_ += bytes;
  foldedWork_ += work;
  return true;
}

bool GraphImporter::fold(Op *op, std::vector<Value *> &results) {
  std::vector<Tensor> operands;
  for (const Value *operand : op->operands())
    operands.push_back(operand ? *constantOf(operand) : Tensor());
  Expected<std::vector<Tensor>> values = options_.folder->evaluate(*op, operands);
  if (!values)
    return false; // it may be right at run time (an index that is never out of range, say)
  assert(values->size() == op->numResults());
  for (Tensor &value : *values)
    results.push_back(builder_->constant(std::move(value), builder_->location));
  op->erase();
  return true;
}

std::set<std::string> GraphImporter::needInputsOf(const Value *value) {
  std::set<std::string> inputs;
  std::set<const Value *> seen{value};
  std::vector<const Value *> pending{value};
  while (!pending.empty()) {
    const Value *next = pending.back();
    pending.pop_back();
    if (const Op *op = next->definingOp()) {
      for (const Value *operand : op->operands())
        if (operand && seen.insert(operand).second)
          pending.push_back(operand);
    } else if (next->owningBlock() == &function_->body)
      inputs.insert(function_->inputs[next->index()].name);
  }
  if (options_.neededInputs)
    options_.neededInputs->insert(inputs.begin(), inputs.end());
  return inputs;
}

} // namespace edgecc::importer
