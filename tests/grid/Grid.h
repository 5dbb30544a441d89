// Many small cases of one op family against loops written in the tests: on the reference backend
// and in generated code.
#pragma once

#include "ir/Builder.h"

#include <functional>
#include <random>

namespace edgecc::test {

// Half the distance between 1 and the next f32: |round(x) - x| <= kUnit * |x|.
inline constexpr double kUnit = 0x1p-24;

// Results computed in f64, which is exact enough to stand for the real value, and the largest
// difference from them that is allowed for each element.
struct Wanted {
  Dims dims;
  std::vector<double> value;
  std::vector<double> bound; // 0: exact
};

// Builds one case: operands, ops, expected results. The same case may be built several times and
// comes out alike.
class CaseBuilder {
public:
  CaseBuilder(Module &module, Function &function, uint64_t seed, std::vector<Tensor> &inputs);

  int64_t between(int64_t low, int64_t high);
  int64_t oneOf(std::initializer_list<int64_t> choices);
  bool chance(double probability);
  // Floats are uniform in [-1, 1], integers over their whole range.
  Tensor random(DType dtype, const Dims &dims);

  Value *input(const Tensor &tensor); // known at run time only
  Value *constant(const Tensor &tensor);
  // Constants mostly: that is what weights are.
  Value *weights(const Tensor &tensor);
  void expect(Value *value, Wanted wanted);

  Builder builder;
  std::vector<std::pair<Value *, Wanted>> expected;

private:
  Function &function_;
  std::mt19937_64 random_;
  std::vector<Tensor> &inputs_;
};

std::vector<double> valuesOf(const Tensor &tensor);

// Collects cases, then runs all of them on the reference backend and on this machine's best level,
// and every fourth on the lower levels too.
class Grid {
public:
  using Build = std::function<void(CaseBuilder &)>;

  void add(std::string what, Build build) { cases_.push_back({std::move(what), std::move(build)}); }
  size_t size() const { return cases_.size(); }
  void run();

private:
  struct Case {
    std::string what;
    Build build;
  };
  void runBatch(const std::vector<size_t> &which, const std::vector<std::string> &backends);

  std::vector<Case> cases_;
};

} // namespace edgecc::test
