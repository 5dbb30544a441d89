// A compressed model is plain ONNX again when it is exported: imported back it computes the same
// bits, and ONNX Runtime computes the same answer.
#include "backends/reference/ReferenceExecutor.h"
#include "driver/Compare.h"
#include "driver/Console.h"
#include "driver/Load.h"
#include "driver/NativeExecutor.h"
#include "driver/NativeTargetModel.h"
#include "driver/compress/Compress.h"
#include "frontend/onnx/Exporter.h"
#include "passes/Pipeline.h"
#include "tests/export/OnnxRuntime.h"
#include "tests/support/SharedData.h"

#include <fmt/format.h>
#include <random>
#include <unistd.h>

namespace edgecc::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char *model;
  CompressionRecipe recipe;
  // Against ONNX Runtime: largest difference over the largest magnitude. Where activations are
  // rounded to 8 bits, a sum that falls between two integers may go either way, and what follows
  // sees a difference of one step.
  double bound;
};

std::string nameOf(const Case &c) {
  std::string name = c.model;
  for (const std::string &part : {c.recipe.quantize, c.recipe.prune})
    name += part.empty() ? "" : "_" + part;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

void PrintTo(const Case &c, std::ostream *out) { *out << nameOf(c); }

int64_t weightsOf(const Module &module) {
  int64_t count = 0;
  for (const auto &op : module.main().body.ops())
    if (op->kind() == OpKind::Param && op->result(0)->dims().size() >= 2)
      count += numElements(op->result(0)->dims());
  return count;
}

int64_t dequantizesOf(const Module &module) {
  int64_t count = 0;
  for (const auto &op : module.main().body.ops())
    count += op->kind() == OpKind::DequantizeLinear;
  return count;
}

// The test sets' inputs and the same with noise: enough for ranges, not for accuracy.
class Noisy : public DataSource {
public:
  explicit Noisy(std::vector<std::vector<Tensor>> sets) : sets_(std::move(sets)) {}
  size_t size() const override { return 8; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    std::vector<Tensor> tensors = sets_[index % sets_.size()];
    std::mt19937 random(static_cast<uint32_t>(index));
    for (Tensor &tensor : tensors)
      if (tensor.dtype() == DType::F32 && index >= sets_.size())
        for (float &value : tensor.mutableData<float>())
          value *= 1 + static_cast<float>(random() * 0x1p-34);
    return tensors;
  }

private:
  std::vector<std::vector<Tensor>> sets_;
};

class Export : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    const Case &c = GetParam();
    EDGECC_NEED_SHARED(sharedDir() / "models" / c.model / "model.onnx");
    auto real = loadSharedModel(c.model, 1);
    ASSERT_TRUE(real) << str(real.error());
    auto random = loadSharedModel(c.model, 0);
    ASSERT_TRUE(random) << str(random.error());
    inputs_ = real->inputs;
    Noisy samples({real->inputs, random->inputs});

    int64_t parameters = weightsOf(*real->module);
    driver::CompressOptions options;
    options.recipe = c.recipe;
    options.data = &samples;
    auto opened = driver::openInputs(options, real->module->main());
    ASSERT_TRUE(opened) << str(opened.error());
    Registry registry;
    registerBuiltinPasses(registry);
    // A fixed target: what the cost model prefers must not depend on who runs the test.
    auto target = native::resolveTarget("x86-64", "avx512vnni");
    ASSERT_TRUE(target) << str(target.error());
    driver::NativeTargetModel targetModel(*target);
    driver::NativeExecutor executor({});
    PassManagerOptions passOptions;
    passOptions.executor = &executor;
    passOptions.target = &targetModel;
    driver::Progress progress(false);
    auto compressed = driver::compressModel(std::move(real->module), options, *opened, registry,
                                            passOptions, progress);
    ASSERT_TRUE(compressed) << str(compressed.error());
    compressed_ = std::move(compressed->module);
    // Else there would be nothing to be lost in the export.
    if (!c.recipe.quantize.empty())
      EXPECT_GT(dequantizesOf(*compressed_), 0);
    if (!c.recipe.prune.empty())
      EXPECT_LT(weightsOf(*compressed_), parameters);

    folder_ = fs::temp_directory_path() / fmt::format("edgecc-export-{}", getpid());
    fs::create_directories(folder_);
    auto written = exportOnnxFile(*compressed_, file());
    ASSERT_TRUE(written) << str(written.error());
  }

  void TearDown() override {
    std::error_code ignored;
    if (!folder_.empty())
      fs::remove_all(folder_, ignored);
  }

  fs::path file() const { return folder_ / "compressed.onnx"; }

  Expected<std::vector<Tensor>> reference(const Module &module) const {
    return ReferenceExecutor().run(module.main(), inputs_);
  }

  std::unique_ptr<Module> compressed_;
  std::vector<Tensor> inputs_;
  fs::path folder_;
};

TEST_P(Export, ComputesTheSameBitsWhenImportedBack) {
  auto again = driver::loadModule(file(), {});
  ASSERT_TRUE(again) << str(again.error());
  auto expected = reference(*compressed_);
  ASSERT_TRUE(expected) << str(expected.error());
  auto actual = reference(**again);
  ASSERT_TRUE(actual) << str(actual.error());
  ASSERT_EQ(actual->size(), expected->size());
  for (size_t i = 0; i < actual->size(); ++i)
    EXPECT_TRUE((*actual)[i] == (*expected)[i]) << "output " << i << " differs";
}

TEST_P(Export, ComputesTheSameInOnnxRuntime) {
  if (std::string why = whyNoOnnxRuntime(); !why.empty())
    GTEST_SKIP() << why;
  auto expected = reference(*compressed_);
  ASSERT_TRUE(expected) << str(expected.error());
  auto actual = runOnnxRuntime(file(), inputs_, folder_);
  ASSERT_TRUE(actual) << str(actual.error());
  ASSERT_EQ(actual->size(), expected->size());
  for (size_t i = 0; i < actual->size(); ++i) {
    driver::Comparison c = driver::compare((*actual)[i], (*expected)[i], 0, 0);
    ASSERT_TRUE(c.sameType) << "output " << i;
    EXPECT_LE(c.maxRelativeToPeak, GetParam().bound) << "output " << i;
    EXPECT_EQ(c.nonFinite, 0) << "output " << i;
  }
}

CompressionRecipe quantized(const char *width) {
  CompressionRecipe recipe;
  recipe.quantize = width;
  recipe.onlyIfFaster = false; // all of it is to be exported
  return recipe;
}

CompressionRecipe pruned(const char *fraction, const char *width) {
  CompressionRecipe recipe = quantized(width);
  recipe.prune = fraction;
  return recipe;
}

constexpr double kFloat = 1e-4, kSteps = 0.03;

INSTANTIATE_TEST_SUITE_P(Models, Export,
                         testing::Values(Case{"mnist_8", quantized("int8"), kSteps},
                                         Case{"mlperf_resnet8_fp32", quantized("int8"), kSteps},
                                         Case{"mlperf_kws_fp32", quantized("int8"), kSteps},
                                         Case{"mlperf_resnet8_fp32", quantized("w8"), kFloat},
                                         Case{"mlperf_resnet8_fp32", quantized("w4"), kFloat},
                                         Case{"keypoint_classifier", quantized("int16"), kFloat},
                                         Case{"mlperf_resnet8_fp32", pruned("macs:0.3", "int8"),
                                              kSteps}),
                         [](const auto &info) { return nameOf(info.param); });

} // namespace
} // namespace edgecc::test
