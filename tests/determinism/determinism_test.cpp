// The same bytes from every compile of a model, whatever the number of compile threads; the same
// bits from every run, whatever the number of run threads.
#include "tests/support/NativeRunner.h"
#include "tests/support/SharedData.h"

namespace edgecc::test {
namespace {

class Determinism : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    EDGECC_NEED_SHARED(sharedDir() / "models" / GetParam() / "model.onnx");
    auto loaded = loadSharedModel(GetParam(), 1);
    ASSERT_TRUE(loaded) << str(loaded.error());
    model_ = std::move(*loaded);
  }
  SharedModel model_;
};

TEST_P(Determinism, SameBytesAndBits) {
  NativeOptions options;
  options.verifyEach = false;
  auto first = compileToBlob(*model_.module, options);
  ASSERT_TRUE(first) << str(first.error());
  // From another copy of the graph, so that addresses differ; and with two compile threads.
  auto again = loadSharedModel(GetParam(), 1);
  ASSERT_TRUE(again) << str(again.error());
  auto second = compileToBlob(*again->module, options);
  ASSERT_TRUE(second) << str(second.error());
  EXPECT_TRUE(*first == *second) << "two compiles differ";
  options.compileThreads = 2;
  auto parallel = compileToBlob(*again->module, options);
  ASSERT_TRUE(parallel) << str(parallel.error());
  EXPECT_TRUE(*first == *parallel) << "compiling with two threads gives other bytes";

  std::vector<Tensor> expected;
  for (unsigned threads : {1u, 1u, 2u, 3u}) {
    auto blob = LoadedBlob::load(*first, threads);
    ASSERT_TRUE(blob) << str(blob.error());
    for (int repeat = 0; repeat < 2; ++repeat) {
      auto outputs = blob->run(model_.inputs);
      ASSERT_TRUE(outputs) << str(outputs.error());
      if (expected.empty())
        expected = std::move(*outputs);
      else
        for (size_t i = 0; i < expected.size(); ++i)
          EXPECT_TRUE((*outputs)[i] == expected[i])
              << "output " << i << " with " << threads << " threads, run " << repeat;
    }
  }
}

// A plain network, a quantised one, attention, recurrence, several outputs, half precision.
INSTANTIATE_TEST_SUITE_P(Models, Determinism,
                         testing::Values("mlperf_resnet8_fp32", "mlperf_vww_qdq", "rand_tiny_bert",
                                         "gtcrn_simple", "yunet_n_320", "squeezenet_fp16"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
} // namespace edgecc::test
