// Removes ops whose results nobody uses and parameters
// that no op names.
#include "ir/OpDef.h"
#include "passes/Passes.h"

namespace edgecc {

static bool isDead(const Op &op) {
  if (op.def().is(OpTrait::Terminator))
    return false;
  for (unsigned i = 0; i < op.numResults(); ++i)
    if (!op.result(i)->uses().empty())
      return false;
  return true; // no op of the IR has side effects
}

static int64_t removeDead(Block &block) {
  int64_t removed = 0;
  std::vector<Op *> ops = block.snapshot();
  for (auto it = ops.rbegin(); it != ops.rend(); ++it) {
    if (isDead(**it)) {
      removed += (*it)->parameter ? 0 : 1;
      (*it)->erase();
      continue;
    }
    for (unsigned i = 0; i < (*it)->numRegions(); ++i)
      removed += removeDead((*it)->region(i));
  }
  return removed;
}

Expected<void> removeDeadCode(Module &module, PassContext &context) {
  for (const auto &function : module.functions()) {
    // A region's dead op may have held the last use of one outside, which comes before it.
    while (int64_t removed = removeDead(function->body))
      context.statistics.add("dead ops removed", removed);
  }
  module.eraseUnusedParameters();
  return {};
}

} // namespace edgecc
