#include "tests/grid/Grid.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"
#include "ir/Verifier.h"
#include "tests/support/NativeRunner.h"

#include <gtest/gtest.h>

namespace edgecc::test {

CaseBuilder::CaseBuilder(Module &module, Function &function, uint64_t seed,
                         std::vector<Tensor> &inputs)
    : builder(module, function.body), function_(function), random_(seed), inputs_(inputs) {}

int64_t CaseBuilder::between(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
}

int64_t CaseBuilder::oneOf(std::initializer_list<int64_t> choices) {
  return choices.begin()[between(0, static_cast<int64_t>(choices.size()) - 1)];
}

bool CaseBuilder::chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}

Tensor CaseBuilder::random(DType dtype, const Dims &dims) {
  Tensor tensor(dtype, dims);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    uint64_t bits = random_();
    tensor.setDouble(i, isFloat(dtype)    ? static_cast<double>(bits >> 11) * 0x1p-52 - 1
                        : isSigned(dtype) ? static_cast<double>(static_cast<int64_t>(bits) >>
                                                                (64 - bitWidth(dtype)))
                                          : static_cast<double>(bits >> (64 - bitWidth(dtype))));
  }
  return tensor;
}

Value *CaseBuilder::input(const Tensor &tensor) {
  Value *value = function_.body.addArgument(tensor.type());
  function_.inputs.push_back({"x" + std::to_string(inputs_.size()), {}});
  inputs_.push_back(tensor);
  return value;
}

Value *CaseBuilder::constant(const Tensor &tensor) { return builder.constant(tensor); }

Value *CaseBuilder::weights(const Tensor &tensor) {
  return chance(0.85) ? constant(tensor) : input(tensor);
}

void CaseBuilder::expect(Value *value, Wanted wanted) {
  expected.emplace_back(value, std::move(wanted));
}

std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> out(static_cast<size_t>(tensor.elements()));
  for (int64_t i = 0; i < tensor.elements(); ++i)
    out[static_cast<size_t>(i)] = tensor.asDouble(i);
  return out;
}

static void compare(const Tensor &actual, const Wanted &wanted, const std::string &what) {
  ASSERT_EQ(actual.dims(), wanted.dims) << what;
  int64_t wrong = 0, first = -1;
  for (int64_t i = 0; i < actual.elements(); ++i) {
    auto at = static_cast<size_t>(i);
    // Written so that a NaN counts as wrong.
    if (std::abs(actual.asDouble(i) - wanted.value[at]) <= wanted.bound[at])
      continue;
    if (wrong++ == 0)
      first = i;
  }
  if (wrong == 0)
    return;
  auto at = static_cast<size_t>(first);
  ADD_FAILURE() << what << ": " << wrong << " of " << actual.elements()
                << " elements are wrong, the first at " << first << ": " << actual.asDouble(first)
                << ", wanted " << wanted.value[at] << " +- " << wanted.bound[at];
}

static Expected<std::vector<Tensor>> runOn(const std::string &backend, const Module &module,
                                           std::span<const Tensor> inputs) {
  if (backend == "reference")
    return ReferenceExecutor().run(module.main(), inputs);
  NativeOptions options;
  options.cpu = backend;
  return runNative(module, inputs, options);
}

void Grid::runBatch(const std::vector<size_t> &which, const std::vector<std::string> &backends) {
  Module module;
  Function &function = module.addFunction("grid");
  std::vector<Tensor> inputs;
  std::vector<Value *> yields;
  std::vector<std::pair<std::string, Wanted>> expected;
  for (size_t i : which) {
    CaseBuilder builder(module, function, 1000 + i, inputs);
    builder.builder.location = "case" + std::to_string(i);
    cases_[i].build(builder);
    for (auto &[value, wanted] : builder.expected) {
      yields.push_back(value);
      expected.emplace_back("case" + std::to_string(i) + " " + cases_[i].what, std::move(wanted));
    }
  }
  for (size_t i = 0; i < yields.size(); ++i)
    function.outputs.push_back({"y" + std::to_string(i), {}});
  Builder(module, function.body).yield(yields);
  auto valid = verify(module);
  ASSERT_TRUE(valid) << str(valid.error());
  for (const std::string &backend : backends) {
    auto outputs = runOn(backend, module, inputs);
    if (!outputs) {
      ADD_FAILURE() << "on " << backend << ": " << str(outputs.error());
      continue;
    }
    for (size_t i = 0; i < expected.size(); ++i)
      compare((*outputs)[i], expected[i].second,
              "on " + backend + ": " + expected[i].first + ", " + print(*yields[i]->definingOp()));
  }
}

void Grid::run() {
  std::vector<std::string> lower;
#ifdef __x86_64__
  lower.push_back("baseline");
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    lower.push_back("avx2");
#endif
  // Several cases make one module, which saves the fixed cost of compiling. The environment can ask
  // for single ones, to find the case that fails to compile.
  const char *text = std::getenv("EDGECC_GRID_BATCH");
  size_t batch = text ? std::max(1ul, std::strtoul(text, nullptr, 10)) : 12;
  auto sweep = [&](size_t step, const std::vector<std::string> &backends) {
    std::vector<size_t> which;
    for (size_t i = 0; i < cases_.size(); i += step) {
      which.push_back(i);
      if (which.size() == batch || i + step >= cases_.size()) {
        runBatch(which, backends);
        which.clear();
      }
    }
  };
  sweep(1, {"reference", "host"});
  if (!lower.empty())
    sweep(4, lower);
}

} // namespace edgecc::test
