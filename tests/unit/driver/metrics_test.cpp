// Which labels and targets a compressed model is judged by.
#include "driver/compress/Compress.h"
#include "driver/compress/Metrics.h"
#include "frontend/io/Npy.h"
#include "ir/Builder.h"

#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <unistd.h>

namespace edgecc::driver {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A row of four scores.
class MetricsTest : public testing::Test {
protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("metrics_test." + std::to_string(getpid()));
    fs::create_directories(folder_ / "samples");
    function_ = &module_.addFunction("main");
    Value *x = function_->body.addArgument({DType::F32, {1, 4}, 0, {}});
    function_->inputs.push_back({"x", {}});
    function_->outputs.push_back({"y", {}});
    Builder builder(module_, function_->body);
    Value *y = builder.create(OpKind::Relu, {x});
    builder.yield(std::span(&y, 1));
    options_.calibrate = (folder_ / "samples").string();
    options_.recipe.maxLoss = 1; // so that samples are split
  }
  void TearDown() override { fs::remove_all(folder_); }

  void samples(int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(writeNpy(folder_ / "samples" / (std::to_string(i) + ".npy"), row(0)));
  }
  void labels(const std::string &text) {
    options_.labels = folder_ / "labels.txt";
    std::ofstream(options_.labels) << text;
  }
  static Tensor row(int largest, double value = 1) {
    Tensor tensor(DType::F32, {1, 4});
    tensor.setDouble(largest, value);
    return tensor;
  }
  static std::vector<int> labelsOf(const Metric &metric, size_t samples) {
    std::vector<int> found;
    for (size_t i = 0; i < samples; ++i)
      for (int label = 0; label < 4; ++label)
        if (Tensor scores = row(label); metric.score(i, {&scores, 1}, {&scores, 1}) == 100)
          found.push_back(label);
    return found;
  }
  std::string failure(const std::string &metric, GroundTruth truth) {
    auto made = makeMetric(metric, *function_, std::move(truth));
    return made ? "" : str(made.error());
  }

  fs::path folder_;
  Module module_;
  Function *function_ = nullptr;
  CompressOptions options_;
};

// Samples with even numbers are learned from and the others judge: each keeps its own label, also
// where there is one more to learn from.
TEST_F(MetricsTest, JudgesEachSampleByItsOwnLabel) {
  samples(5);
  labels("3\n0\n2\n1\n3\n");
  options_.metric = "top1";
  auto inputs = openInputs(options_, *function_);
  ASSERT_TRUE(inputs) << str(inputs.error());
  ASSERT_EQ(inputs->learning->size(), 3U);
  ASSERT_EQ(inputs->judging->size(), 2U);
  EXPECT_EQ(inputs->learningMetric->name(), "top-1");
  EXPECT_EQ(labelsOf(*inputs->learningMetric, 3), (std::vector{3, 2, 3}));
  EXPECT_EQ(labelsOf(*inputs->judgingMetric, 2), (std::vector{0, 1}));
}

TEST_F(MetricsTest, ChecksTheLabelsOfAllSamples) {
  samples(4);
  options_.metric = "top1";
  for (const char *text : {"9\n0\n0\n0\n", "0\n9\n0\n0\n"}) {
    labels(text);
    auto inputs = openInputs(options_, *function_);
    ASSERT_FALSE(inputs);
    EXPECT_THAT(str(inputs.error()), HasSubstr("class 9 is not among the model's 4"));
  }
}

TEST_F(MetricsTest, RefusesTargetsThatNothingCanBeNearTo) {
  EXPECT_EQ(failure("psnr", {{}, {row(1), row(2)}}), "");
  EXPECT_THAT(failure("psnr", {{}, {row(1), row(2, NAN)}}),
              HasSubstr("the target of sample 1 has NaN or infinite elements"));
  EXPECT_THAT(failure("psnr", {{}, {row(1, -INFINITY)}}), HasSubstr("the target of sample 0"));
  EXPECT_THAT(failure("psnr", {{}, {row(1, 0)}}), HasSubstr("no peak"));
  EXPECT_THAT(failure("psnr", {{}, {Tensor(DType::F32, {4})}}), HasSubstr("a target is f32[4]"));
}

// A model that yields NaN loses against one that is merely bad.
TEST_F(MetricsTest, RanksOutputsThatAreNotFiniteLast) {
  for (const char *name : {"psnr", "sqnr"}) {
    auto metric = makeMetric(name, *function_, {{}, {row(1)}});
    ASSERT_TRUE(metric);
    Tensor wanted = row(1), bad = row(1, 3e4), broken = row(1, NAN), endless = row(1, INFINITY);
    auto score = [&](const Tensor &found) {
      return (*metric)->score(0, {&wanted, 1}, {&found, 1});
    };
    EXPECT_LT(score(bad), 0);
    EXPECT_LT(score(broken), score(bad));
    EXPECT_LT(score(endless), score(bad));
    EXPECT_TRUE(std::isfinite(score(endless)));
  }
}

} // namespace
} // namespace edgecc::driver
