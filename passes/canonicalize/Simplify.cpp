// Applies the rewrite rules of canonicalize/rules/ until none matches.
#include "ir/OpDef.h"
#include "passes/Passes.h"
#include "passes/canonicalize/rules/Rule.h"

#include <map>

namespace edgecc {

namespace {

using RuleTable = std::multimap<OpKind, const rules::Rule *>;

const RuleTable &ruleTable() {
  static const RuleTable table = [] {
    RuleTable out;
    for (auto family :
         {rules::algebra(), rules::activations(), rules::normalizations(), rules::shapes()})
      for (const rules::Rule &rule : family)
        out.emplace(rule.root, &rule);
    return out;
  }();
  return table;
}

// Constants stand on the right, where rules look for them.
void orderOperands(Op &op) {
  if (op.def().is(OpTrait::Commutative) && constantOf(op.operand(0)) &&
      !constantOf(op.operand(1))) {
    Value *swapped[] = {op.operand(1), op.operand(0)};
    op.setOperands(swapped);
  }
}

// Applies the first rule that matches.
const rules::Rule *rewrite(Module &module, Op *op) {
  orderOperands(*op);
  auto [first, last] = ruleTable().equal_range(op->kind());
  for (auto it = first; it != last; ++it) {
    Builder builder(module);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    size_t size = op->block()->ops().size();
    Value *replacement = it->second->apply(*op, builder);
    if (!replacement)
      continue;
    if (replacement->definingOp() && replacement->provenance.tensor.empty() &&
        !constantOf(replacement))
      replacement->provenance = op->result()->provenance;
    op->result()->replaceAllUsesWith(replacement);
    bool isNew = op->block()->ops().size() > size;
    std::string locations = eraseWithDeadOperands(op);
    if (isNew)
      replacement->definingOp()->location = std::move(locations);
    return it->second;
  }
  return nullptr;
}

// More rounds than any chain of rules needs; a pair of rules that undo each other stops here.
constexpr int kMaxRounds = 32;

} // namespace

Expected<void> simplify(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      bool changed = true;
      for (int round = 0; changed && round < kMaxRounds; ++round) {
        changed = false;
        for (Op *op : block.snapshot())
          if (op->numResults() == 1 && !op->result()->uses().empty() &&
              op->result()->type.isStatic() && rewrite(module, op)) {
            context.statistics.add("ops simplified");
            changed = true;
          }
      }
    });
  return {};
}

} // namespace edgecc
