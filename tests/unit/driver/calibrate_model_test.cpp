// Calibration of a real model with native code against the reference backend.
#include "backends/native/Target.h"
#include "driver/NativeExecutor.h"
#include "driver/NativeTargetModel.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/compress/Compression.h"
#include "tests/support/OneSample.h"
#include "tests/support/SharedData.h"

#include <algorithm>

namespace edgecc::test {
namespace {

TEST(CalibrateModel, NativeCodeShowsWhatTheReferenceShows) {
  const char *name = "mlperf_resnet8_fp32";
  EDGECC_NEED_SHARED(sharedDir() / "models" / name);
  auto model = loadSharedModel(name, 1);
  ASSERT_TRUE(model) << str(model.error());
  auto target = native::resolveTarget("native", "host");
  ASSERT_TRUE(target);
  driver::NativeTargetModel targetModel(*target);
  Registry registry;
  registerBuiltinPasses(registry);
  OneSample data(model->inputs);
  auto observe = [&](Executor &executor) {
    Compression compression;
    compression.data = &data;
    PassManagerOptions options;
    options.executor = &executor;
    options.target = &targetModel;
    options.compression = &compression;
    auto passes = registry.parse("calibrate{method=mse}");
    auto done = runPasses(*model->module, *passes, options);
    EXPECT_TRUE(done) << str(done.error());
    return std::move(compression.calibration);
  };
  ReferenceExecutor reference;
  PassManagerOptions canonical;
  canonical.executor = &reference;
  canonical.target = &targetModel;
  ASSERT_TRUE(runPasses(*model->module, buildPipeline(registry).portable, canonical));
  driver::NativeExecutor native;
  Calibration expected = observe(reference), actual = observe(native);
  EXPECT_TRUE(native.warnings().empty()) << native.warnings()[0];
  ASSERT_GE(expected.observations().size(), 10);
  ASSERT_EQ(actual.observations().size(), expected.observations().size());
  for (const auto &[value, e] : expected.observations()) {
    const Observation *a = actual.find(value);
    ASSERT_TRUE(a) << value;
    double peak = std::max(-e.seen[0].low, e.seen[0].high);
    EXPECT_NEAR(a->seen[0].low, e.seen[0].low, 1e-5 * peak) << value;
    EXPECT_NEAR(a->seen[0].high, e.seen[0].high, 1e-5 * peak) << value;
    ASSERT_EQ(a->mean.size(), e.mean.size());
    for (size_t c = 0; c < e.mean.size(); ++c)
      EXPECT_NEAR(a->mean[c], e.mean[c], 1e-5 * peak) << value;
    Range ar = actual.range(*a, 8, false), er = expected.range(e, 8, false);
    EXPECT_NEAR(ar.high, er.high, 0.02 * peak) << value;
  }
}

} // namespace
} // namespace edgecc::test
