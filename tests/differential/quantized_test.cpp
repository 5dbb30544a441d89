// Random quantised networks: lowering keeps what they compute within one step of the last layer's
// scale, and native code computes what the reference backend makes of the lowered network, bit for
// bit, on every CPU level that this machine has. EDGECC_DIFFERENTIAL_COUNT sets how many of each
// type.
#include "tests/differential/QuantizedGraphs.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Extract.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "tests/support/NativeRunner.h"

#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

constexpr const char *kLowering =
    "fold,lower-quantized,fold{dequantize=true},simplify,cse,dead-code";
constexpr uint64_t kGraphs = 5; // of each type
constexpr const char *kRest = "choose-layout,fuse,plan-memory";

Expected<std::unique_ptr<Module>> lowered(const Module &module) {
  auto copy = clone(module);
  ReferenceExecutor executor;
  Registry registry;
  registerBuiltinPasses(registry);
  EDGECC_TRY(passes, registry.parse(kLowering));
  PassManagerOptions options;
  options.executor = &executor;
  options.verifyEach = true;
  EDGECC_CHECK(runPasses(*copy, passes, options));
  return std::move(copy);
}

// Elements that differ, and by how much at most.
std::pair<int64_t, int64_t> differences(const Tensor &a, const Tensor &b) {
  int64_t count = 0, worst = 0;
  for (int64_t i = 0; i < a.elements(); ++i)
    if (int64_t d = std::abs(a.asInt(i) - b.asInt(i)); d != 0) {
      ++count;
      worst = std::max(worst, d);
    }
  return {count, worst};
}

// Ops on reals that read or write memory.
int64_t floatOps(const Module &module) {
  int64_t count = 0;
  for (const auto &op : module.main().body.ops()) {
    bool elementwise = op->def().is(OpTrait::Elementwise) || op->parameter;
    for (unsigned i = 0; i < op->numResults() && !elementwise; ++i)
      if (isFloat(op->result(i)->type.dtype) &&
          !(op->kind() == OpKind::Resize && op->flag("real")) && op->kind() != OpKind::Reshape)
        ++count;
  }
  return count;
}

std::vector<std::string> levels() {
  std::vector<std::string> usable;
#if defined(__x86_64__)
  // The one with + is AVX-VNNI's code in the encodings of AVX-512.
  const char *const names[] = {"baseline", "avx2", "avx512", "avx2+avx512f+avx512vl+avx512vnni",
                               "avx512vnni"};
  const bool has[] = {true, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"),
                      __builtin_cpu_supports("avx512vnni") != 0,
                      __builtin_cpu_supports("avx512vnni") != 0};
  for (size_t i = 0; i < std::size(has); ++i)
    if (has[i])
      usable.push_back(names[i]);
#else
  usable = {"host"};
#endif
  return usable;
}

class QuantizedDifferential : public testing::TestWithParam<DType> {};

TEST_P(QuantizedDifferential, NativeMatchesTheLoweredReferenceBitForBit) {
  const std::vector<std::string> cpus = levels();
  int64_t elements = 0, changed = 0, layers = 0;
  const char *count = std::getenv("EDGECC_DIFFERENTIAL_COUNT");
  uint64_t graphs = count ? std::strtoull(count, nullptr, 10) : kGraphs;
  for (uint64_t seed = 1; seed <= graphs; ++seed) {
    SCOPED_TRACE(fmt::format("seed {} {}", seed, name(GetParam())));
    auto graph = generateQuantized(seed, GetParam());
    ASSERT_TRUE(graph) << str(graph.error());
    auto module = lowered(*graph->module);
    ASSERT_TRUE(module) << str(module.error());
    auto reference = ReferenceExecutor().run((*module)->main(), graph->inputs);
    ASSERT_TRUE(reference) << str(reference.error());
    EXPECT_EQ(floatOps(**module), 0) << print(**module, {.elideAbove = 8});
    layers += static_cast<int64_t>((*module)->main().body.ops().size());

    auto meaning = ReferenceExecutor().run(graph->module->main(), graph->inputs);
    ASSERT_TRUE(meaning) << str(meaning.error());
    for (size_t i = 0; i < meaning->size(); ++i) {
      elements += (*meaning)[i].elements();
      changed += differences((*meaning)[i], (*reference)[i]).first;
    }

    for (const std::string &cpu : cpus) {
      if (cpu != cpus.back() && seed % 4 != 1)
        continue;
      NativeOptions options;
      options.cpu = cpu;
      options.passes = kRest;
      auto native = runNative(**module, graph->inputs, options);
      ASSERT_TRUE(native) << cpu << ": " << str(native.error());
      for (size_t i = 0; i < native->size(); ++i) {
        auto [count, worst] = differences((*native)[i], (*reference)[i]);
        EXPECT_EQ(count, 0) << cpu << " output " << i << " of " << (*reference)[i].type().str()
                            << ": at most by " << worst << "\n"
                            << print(**module, {.elideAbove = 8});
      }
    }
    if (HasFailure())
      break;
  }
  EXPECT_GT(layers, 50);
  // Rounding at other places moves a value by one step where it lies between two.
  EXPECT_LE(changed, elements / 100) << "of " << elements;
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizedDifferential,
                         testing::Values(DType::U8, DType::I8, DType::U16, DType::I16),
                         [](const auto &info) { return std::string(name(info.param)); });

} // namespace
} // namespace edgecc::test
