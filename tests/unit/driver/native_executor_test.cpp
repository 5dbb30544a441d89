// Functions as native code inside the compiler against the reference backend.
#include "driver/NativeExecutor.h"
#include "ir/Text.h"

#include <cmath>
#include <gmock/gmock.h>
#include <random>

namespace edgecc::driver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char *kNetwork = R"(
module "network" {
  param @w : f32[3x2x1x1] = [1, -2, 0.5, 0.25, -1, 3]
  param @b : f32[3] = [0.5, -0.5, 1]
  param @i : i32[4] = [1, -2, 3, 4]
  func @main(%0: f32[1x2x7x5] "x", %1: i32[4] "n") -> ("y", "m") {
    %2 = Param @w : f32[3x2x1x1]
    %3 = Param @b : f32[3]
    %4 = Conv(%0, %2, %3) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x3x7x5] loc "conv"
    %5 = Relu(%4) : f32[1x3x7x5] loc "relu"
    %6 = Sigmoid(%5) : f32[1x3x7x5] loc "sigmoid"
    %7 = Param @i : i32[4]
    %8 = Mul(%1, %7) : i32[4] loc "mul"
    Yield(%6, %8)
  }
}
)";

class NativeExecutorTest : public testing::Test {
protected:
  void SetUp() override { load(kNetwork); }

  void load(const char *text) {
    auto parsed = parse(text, "network");
    ASSERT_TRUE(parsed) << str(parsed.error());
    module_ = std::move(*parsed);
    values_.clear();
    for (const auto &argument : function().body.arguments())
      values_.push_back(argument.get());
    for (const auto &op : function().body.ops())
      for (unsigned i = 0; i < op->numResults(); ++i)
        values_.push_back(op->result(i));
  }
  const Function &function() const { return module_->main(); }

  static std::vector<Tensor> inputs(unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal;
    Tensor x(DType::F32, {1, 2, 7, 5}), n(DType::I32, {4});
    for (int64_t i = 0; i < x.elements(); ++i)
      x.setDouble(i, normal(generator));
    for (int64_t i = 0; i < 4; ++i)
      n.setDouble(i, static_cast<double>(generator() % 100));
    return {x, n};
  }

  static void expectNear(const Tensor &actual, const Tensor &expected) {
    ASSERT_EQ(actual.type(), expected.type());
    if (!isFloat(expected.dtype())) {
      EXPECT_EQ(actual, expected);
      return;
    }
    for (int64_t i = 0; i < expected.elements(); ++i)
      ASSERT_NEAR(actual.asDouble(i), expected.asDouble(i), 1e-5);
  }

  std::unique_ptr<Module> module_;
  std::vector<const Value *> values_; // of the function, in order
  NativeExecutor native_;
  ReferenceExecutor reference_;
};

TEST_F(NativeExecutorTest, YieldsEveryValueThatIsAskedFor) {
  values_.push_back(values_[4]); // one of them twice
  values_.push_back(values_[0]);
  auto actual = native_.prepare(function(), values_);
  auto expected = reference_.prepare(function(), values_);
  ASSERT_TRUE(actual) << str(actual.error());
  ASSERT_TRUE(expected);
  for (unsigned seed : {1U, 2U, 3U}) {
    auto a = (*actual)->run(inputs(seed)), e = (*expected)->run(inputs(seed));
    ASSERT_TRUE(a) << str(a.error());
    ASSERT_TRUE(e);
    ASSERT_THAT(*a, SizeIs(values_.size()));
    for (size_t i = 0; i < values_.size(); ++i)
      expectNear((*a)[i], (*e)[i]);
  }
  EXPECT_THAT(native_.warnings(), IsEmpty());
}

TEST_F(NativeExecutorTest, ResultsDoNotDependOnThreads) {
  NativeExecutor two({.threads = 2});
  auto a = native_.run(function(), inputs(1)), b = two.run(function(), inputs(1));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, *b);
}

TEST_F(NativeExecutorTest, ResultsOfARunOutliveItsSession) {
  auto outputs = native_.run(function(), inputs(5));
  auto expected = reference_.run(function(), inputs(5));
  ASSERT_TRUE(outputs && expected);
  for (size_t i = 0; i < expected->size(); ++i)
    expectNear((*outputs)[i], (*expected)[i]);
}

TEST_F(NativeExecutorTest, CompilesNothingForInputsAndConstants) {
  std::vector<const Value *> values{values_[1], values_[2]};
  auto session = native_.prepare(function(), values);
  ASSERT_TRUE(session);
  auto results = (*session)->run(inputs(1));
  ASSERT_TRUE(results);
  EXPECT_EQ((*results)[0], inputs(1)[1]);
  EXPECT_EQ((*results)[1], *constantOf(values_[2]));
}

TEST_F(NativeExecutorTest, ObserversSeeEveryValue) {
  size_t seen = 0;
  auto outputs = native_.run(function(), inputs(1), [&](const Value &, const Tensor &) { ++seen; });
  ASSERT_TRUE(outputs);
  EXPECT_EQ(seen, 4); // conv, relu, sigmoid, mul
}

TEST_F(NativeExecutorTest, RefusesInputsOfOtherTypes) {
  auto session = native_.prepare(function(), values_);
  ASSERT_TRUE(session);
  std::vector<Tensor> wrong = inputs(1);
  wrong[1] = Tensor(DType::I32, {5});
  auto result = (*session)->run(wrong);
  ASSERT_FALSE(result);
  EXPECT_THAT(str(result.error()), HasSubstr("i32[5], not i32[4]"));
  EXPECT_FALSE((*session)->run(std::span(wrong).first(1)));
}

TEST_F(NativeExecutorTest, SaysWhatItCannotCompileAndRunsItAnyway) {
  load(R"(
module "bounded" {
  func @main(%0: f32[<=4x3] "x") -> ("y") {
    %1 = Relu(%0) : f32[<=4x3]
    Yield(%1)
  }
}
)");
  auto session = native_.prepare(function(), values_);
  ASSERT_TRUE(session);
  ASSERT_TRUE(native_.prepare(function(), values_));
  ASSERT_THAT(native_.warnings(), SizeIs(1));
  EXPECT_THAT(native_.warnings()[0], HasSubstr("known at run time only"));
  Tensor x(DType::F32, {2, 3});
  x.setDouble(4, -1);
  x.setDouble(5, 2);
  auto results = (*session)->run({&x, 1});
  ASSERT_TRUE(results) << str(results.error());
  EXPECT_EQ((*results)[1].asDouble(4), 0);
  EXPECT_EQ((*results)[1].asDouble(5), 2);
}

} // namespace
} // namespace edgecc::driver
