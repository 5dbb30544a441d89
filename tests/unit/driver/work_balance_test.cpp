#include "driver/CompileModel.h"
#include "driver/WorkBalance.h"

#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace edgecc::driver {
namespace {

// A matrix product large enough to be divided, behind one that is not.
constexpr const char *kNetwork = R"(module "network" {
  func @main(%0: f32[2x2] "a", %1: f32[256x256] "b") -> ("small", "large") {
    %2 = MatMul(%0, %0) : f32[2x2]
    %3 = MatMul(%1, %1) : f32[256x256]
    Yield(%2, %3)
  }
}
)";

class WorkBalanceTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "balance-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::ofstream(folder_ / "m.ir") << kNetwork;
    CompileOptions options;
    options.input = folder_ / "m.ir";
    options.output = blob();
    options.quiet = true;
    auto compiled = compileModel(options);
    ASSERT_TRUE(compiled) << str(compiled.error());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path blob() const { return folder_ / "m.blob"; }

  std::filesystem::path folder_;
};

TEST_F(WorkBalanceTest, CountsWhatIsDividedAndWhatIsNot) {
  for (unsigned threads : {2u, 3u}) {
    auto balance = measureBalance(blob(), threads, 3);
    ASSERT_TRUE(balance) << str(balance.error());
    EXPECT_EQ(balance->parts, 1u);
    EXPECT_GT(balance->longestNs, 0);
    EXPECT_GE(balance->wholeNs, balance->longestNs);
    EXPECT_GE(balance->speedUp(), 1);
    EXPECT_LE(balance->speedUp(), threads * (1 + 1e-9));
  }
}

TEST_F(WorkBalanceTest, OneThreadDividesNothing) {
  auto balance = measureBalance(blob(), 1, 1);
  ASSERT_TRUE(balance) << str(balance.error());
  EXPECT_EQ(balance->parts, 0u);
  EXPECT_DOUBLE_EQ(balance->speedUp(), 1);
}

} // namespace
} // namespace edgecc::driver
