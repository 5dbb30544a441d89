// Every pass keeps what a function computes: random graphs give the same results on the reference
// backend before and after it, within the bounds of the error model.
#include "tests/differential/Generator.h"
#include "tests/unit/passes/MemoryReplay.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"

#include <cmath>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

constexpr uint64_t kGraphs = 500;

// The outputs with the bounds of their errors.
Expected<std::vector<Known>> expectedOutputs(const Graph &graph) {
  const Function &function = graph.module->main();
  Knowledge knowledge;
  for (unsigned i = 0; i < function.body.numArguments(); ++i)
    knowledge[function.body.argument(i)] = knownExactly(graph.inputs[i]);
  ReferenceExecutor executor;
  for (const auto &op : function.body.ops()) {
    if (op->kind() == OpKind::Yield)
      break;
    std::vector<Tensor> operands, results;
    for (Value *operand : op->operands())
      operands.push_back(operand ? knowledge.at(operand).tensor : Tensor());
    if (op->parameter) {
      results = {op->parameter->content};
    } else {
      EDGECC_TRY(computed, executor.evaluate(*op, operands));
      results = std::move(computed);
    }
    learn(*op, std::move(results), knowledge);
  }
  std::vector<Known> outputs;
  for (const Value *value : function.body.yields())
    outputs.push_back(knowledge.at(value));
  return outputs;
}

// The largest excess over twice the bound, of all outputs.
double excess(const std::vector<Known> &wanted, const std::vector<Tensor> &actual) {
  double worst = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (actual[i].dims() != wanted[i].tensor.dims())
      return INFINITY;
    for (int64_t k = 0; k < actual[i].elements(); ++k) {
      double a = actual[i].asDouble(k), w = wanted[i].tensor.asDouble(k);
      if (a == w || (std::isnan(a) && std::isnan(w)))
        continue;
      double difference = std::abs(a - w) - 2 * wanted[i].error;
      worst = std::max(worst, std::isnan(difference) ? INFINITY : difference);
    }
  }
  return worst;
}

void check(const Graph &graph, const std::vector<Known> &wanted, const PassList &passes,
           const std::string &what) {
  auto module = clone(*graph.module);
  ReferenceExecutor executor;
  PassManagerOptions options;
  options.executor = &executor;
  options.verifyEach = true;
  std::string failure;
  options.after = [&](const PassInfo &pass, const Module &after) {
    if (!failure.empty())
      return;
    auto outputs = executor.run(after.main(), graph.inputs);
    if (!outputs)
      failure = "after " + pass.name + ": " + str(outputs.error());
    else if (double by = excess(wanted, *outputs); by > 0)
      failure = "after " + pass.name + ": results differ by " + std::to_string(by) +
                " more than they may";
    else if (pass.name == "plan-memory")
      failure = MemoryReplay().run(after.main());
  };
  auto reports = runPasses(*module, passes, options);
  ASSERT_TRUE(reports) << what << ": " << str(reports.error()) << print(*graph.module);
  EXPECT_EQ(failure, "") << what << "\n" << print(*graph.module) << print(*module);
}

class PassProperty : public testing::TestWithParam<std::string> {};

TEST_P(PassProperty, KeepsResults) {
  Registry registry;
  registerBuiltinPasses(registry);
  for (uint64_t seed = 0; seed < kGraphs && !HasFailure(); ++seed) {
    auto graph = generate(seed);
    ASSERT_TRUE(graph) << str(graph.error());
    auto wanted = expectedOutputs(*graph);
    ASSERT_TRUE(wanted) << str(wanted.error());
    PassList passes =
        GetParam() == "pipeline" ? buildPipeline(registry).all() : *registry.parse(GetParam());
    check(*graph, *wanted, passes, "seed " + std::to_string(seed));
  }
}

INSTANTIATE_TEST_SUITE_P(All, PassProperty,
                         testing::Values("dead-code", "fold", "simplify", "fold-batch-norm",
                                         "fold-pad", "fold-batch-norm-forward", "cse",
                                         "decompose-recurrent", "lower-quantized", "choose-layout",
                                         "fuse", "plan-memory", "choose-layout,plan-memory",
                                         "fuse,plan-memory", "pipeline"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             c = c == '-' || c == ',' ? '_' : c;
                           return name;
                         });

} // namespace
} // namespace edgecc::test
