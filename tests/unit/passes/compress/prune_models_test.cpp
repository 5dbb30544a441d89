// Channels of real models: without a random 30 % of them a model computes the same as with their
// weights set to zero.
#include "driver/NativeExecutor.h"
#include "ir/Verifier.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/compress/pruning/Budget.h"
#include "tests/support/SharedData.h"
#include "tests/unit/passes/compress/RandomPruning.h"

namespace edgecc::test {
namespace {

class PruneModels : public testing::TestWithParam<std::string> {};

TEST_P(PruneModels, AsIfChannelsWereZero) {
  EDGECC_NEED_SHARED(sharedDir() / "models" / GetParam());
  auto model = loadSharedModel(GetParam(), 1);
  ASSERT_TRUE(model) << str(model.error());
  Module &module = *model->module;
  Registry registry;
  registerBuiltinPasses(registry);
  ReferenceExecutor reference;
  PassManagerOptions options;
  options.executor = &reference;
  auto canonical = runPasses(module, buildPipeline(registry, {}).portable, options);
  ASSERT_TRUE(canonical) << str(canonical.error());

  auto groups = pruning::findDependencyGroups(module, module.main());
  RandomSelection selection(groups, 0.3, 1);
  size_t count = 0;
  for (const auto &[group, channels] : selection.selections)
    count += channels.size();
  EXPECT_GT(count, 0u);
  auto zeroed = clone(module);
  zeroSlices(*zeroed, selection.selections);
  auto removed = pruning::removeChannels(module.main(), selection.selections);
  ASSERT_TRUE(removed) << str(removed.error());
  auto verified = verify(module);
  ASSERT_TRUE(verified) << str(verified.error());

  // Compiling a hundred kernels twice takes longer than to interpret a small network twice.
  constexpr double kSmall = 2e8;
  driver::NativeExecutor native;
  double macs = pruning::Budget(zeroed->main(), pruning::Resource::Macs, nullptr).cost();
  Executor &executor = macs < kSmall ? static_cast<Executor &>(reference) : native;
  auto got = executor.run(module.main(), model->inputs);
  auto wanted = executor.run(zeroed->main(), model->inputs);
  ASSERT_TRUE(got) << str(got.error());
  ASSERT_TRUE(wanted) << str(wanted.error());
  for (size_t i = 0; i < wanted->size(); ++i)
    EXPECT_LT(largestDifference((*got)[i], (*wanted)[i]), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Shared, PruneModels,
                         testing::Values("resnet20_cifar10", "mlperf_vww_fp32",
                                         "rand_shufflenet_v2_x1_0", "rand_mobilenet_v3_small",
                                         "unet_sed", "autoencoder1d", "rand_tiny_bert", "fsrcnn_x2",
                                         "keypoint_classifier"),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace edgecc::test
