#include "backends/reference/ReferenceExecutor.h"
#include "ir/Verifier.h"
#include "tests/differential/Check.h"

namespace edgecc::test {

namespace {

Graph copy(const Graph &graph) { return {clone(*graph.module), graph.inputs}; }

// Removes what no output needs: ops, then arguments that nobody reads.
void sweep(Graph &graph) {
  Function &function = graph.module->main();
  auto ops = function.body.snapshot();
  for (size_t i = ops.size(); i-- > 0;) {
    bool isUsed = ops[i]->kind() == OpKind::Yield;
    for (unsigned r = 0; r < ops[i]->numResults(); ++r)
      isUsed |= !ops[i]->result(r)->uses().empty();
    if (!isUsed)
      ops[i]->erase();
  }
  for (unsigned i = function.body.numArguments(); i-- > 0;) {
    if (!function.body.argument(i)->uses().empty())
      continue;
    function.body.eraseArgument(i);
    function.inputs.erase(function.inputs.begin() + i);
    graph.inputs.erase(graph.inputs.begin() + i);
  }
  graph.module->eraseUnusedParameters();
}

Op *opAt(const Graph &graph, size_t index) { return graph.module->main().body.snapshot()[index]; }

// The graph whose only output is the given op's result.
Graph endingAt(const Graph &graph, size_t index, unsigned result) {
  Graph out = copy(graph);
  Value *value = opAt(out, index)->result(result);
  Function &function = out.module->main();
  function.body.terminator()->setOperands(std::span<Value *const>(&value, 1));
  function.outputs = {{"y0", {}}};
  sweep(out);
  return out;
}

// The graph in which the given op's results are inputs, with the values they had.
Graph startingAfter(const Graph &graph, size_t index) {
  Graph out = copy(graph);
  Op *op = opAt(out, index);
  std::vector<std::vector<Tensor>> values(op->numResults());
  auto observe = [&](const Value &value, const Tensor &tensor) {
    for (unsigned r = 0; r < op->numResults(); ++r)
      if (&value == op->result(r))
        values[r].push_back(tensor);
  };
  auto results = ReferenceExecutor().run(out.module->main(), out.inputs, observe);
  if (!results)
    return out;
  Function &function = out.module->main();
  static unsigned cuts = 0; // names stay unique
  for (unsigned r = 0; r < op->numResults(); ++r) {
    if (op->result(r)->uses().empty() || values[r].empty())
      continue;
    op->result(r)->replaceAllUsesWith(function.body.addArgument(op->result(r)->type));
    function.inputs.push_back({"cut" + std::to_string(++cuts), {}});
    out.inputs.push_back(values[r][0]);
  }
  sweep(out);
  return out;
}

// The graph without the given op: its users read its first operand, where that has the same type.
Graph skipping(const Graph &graph, size_t index) {
  Graph out = copy(graph);
  Op *op = opAt(out, index);
  Value *operand = op->operand(0);
  if (operand && sameLogicalType(operand->type, op->result()->type))
    op->result()->replaceAllUsesWith(operand);
  sweep(out);
  return out;
}

// The graph without one of its outputs.
Graph without(const Graph &graph, size_t output) {
  Graph out = copy(graph);
  Function &function = out.module->main();
  std::vector<Value *> yields = function.body.yields();
  yields.erase(yields.begin() + static_cast<ptrdiff_t>(output));
  function.outputs.erase(function.outputs.begin() + static_cast<ptrdiff_t>(output));
  function.body.terminator()->setOperands(yields);
  sweep(out);
  return out;
}

size_t numOps(const Graph &graph) { return graph.module->main().body.ops().size(); }
size_t numOutputs(const Graph &graph) { return graph.module->main().outputs.size(); }

} // namespace

Graph minimize(const Graph &graph) {
  Graph best = copy(graph);
  auto take = [&](Graph candidate) {
    if (numOps(candidate) + numOutputs(candidate) >= numOps(best) + numOutputs(best) ||
        !verify(*candidate.module) || checkIsolated(candidate).empty())
      return false;
    best = std::move(candidate);
    return true;
  };
  // The earliest value that is wrong as the only output.
  for (size_t i = 0; i + 1 < numOps(best); ++i) {
    Op *op = opAt(best, i);
    if (!op->parameter && take(endingAt(best, i, 0)))
      break;
  }
  for (bool isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (size_t i = numOutputs(best); i-- > 0 && numOutputs(best) > 1;)
      isSmaller |= take(without(best, i));
    for (size_t i = 0; i + 1 < numOps(best); ++i) {
      if (opAt(best, i)->parameter)
        continue;
      if (take(startingAfter(best, i)) || take(skipping(best, i)) || take(endingAt(best, i, 0))) {
        isSmaller = true;
        break;
      }
    }
  }
  return best;
}

} // namespace edgecc::test
