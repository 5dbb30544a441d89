// The folder of compiled kernels: found again, never trusted blindly, without a trace in the
// output.
#include "backends/native/ObjectCache.h"
#include "driver/CompileModel.h"

#include <fstream>
#include <gmock/gmock.h>
#include <sstream>
#include <unistd.h>

namespace edgecc::driver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char *kNetwork = R"(
module "network" {
  param @w : f32[3x2x1x1] = [1, -2, 0.5, 0.25, -1, WEIGHT]
  func @main(%0: f32[1x2x7x5] "x") -> ("y") {
    %1 = Param @w : f32[3x2x1x1]
    %2 = Conv(%0, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x3x7x5] loc "conv"
    %3 = Softmax(%2) {axis = 1} : f32[1x3x7x5] loc "softmax"
    Yield(%3)
  }
}
)";

class ObjectCacheTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "object-cache-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path cache() const { return folder_ / "cache"; }

  std::unique_ptr<native::ObjectCache> open() const {
    auto opened = native::ObjectCache::open(cache());
    EXPECT_TRUE(opened) << str(opened.error());
    return std::move(*opened);
  }

  // The blob's bytes; `summary` gets what the compiler says.
  std::string compile(const std::string &weight, const std::filesystem::path &cache,
                      CompileSummary &summary) const {
    std::string text = kNetwork;
    text.replace(text.find("WEIGHT"), 6, weight);
    CompileOptions o;
    o.input = folder_ / "m.ir";
    o.output = folder_ / "m.blob";
    o.cache = cache;
    o.quiet = true;
    std::ofstream(o.input) << text;
    auto compiled = compileModel(o);
    EXPECT_TRUE(compiled) << str(compiled.error());
    if (!compiled)
      return {};
    summary = *compiled;
    std::ostringstream bytes;
    bytes << std::ifstream(o.output, std::ios::binary).rdbuf();
    return bytes.str();
  }

  std::filesystem::path folder_;
};

const std::vector<std::byte> kObject(100, std::byte{7});

TEST_F(ObjectCacheTest, FindsInALaterRunWhatAnEarlierOneAdded) {
  open()->add("key", kObject);
  auto later = open();
  EXPECT_EQ(later->find("key"), kObject);
  EXPECT_THAT(later->find("another key"), IsEmpty());
  EXPECT_EQ(later->hits(), 1u);
}

TEST_F(ObjectCacheTest, DoesNotFindWhatWasDamaged) {
  open()->add("key", kObject);
  std::filesystem::path file;
  for (const auto &entry : std::filesystem::directory_iterator(cache()))
    if (entry.file_size() > kObject.size())
      file = entry.path();
  ASSERT_FALSE(file.empty());
  const auto size = std::filesystem::file_size(file);
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(50);
    bytes.put('!');
  }
  EXPECT_THAT(open()->find("key"), IsEmpty());
  open()->add("key", kObject);
  EXPECT_EQ(open()->find("key"), kObject);
  for (uintmax_t left : {size - 1, uintmax_t{3}, uintmax_t{0}}) {
    std::filesystem::resize_file(file, left);
    EXPECT_THAT(open()->find("key"), IsEmpty()) << left << " bytes";
  }
}

TEST_F(ObjectCacheTest, RefusesAFile) {
  std::ofstream(folder_ / "file") << "x";
  auto opened = native::ObjectCache::open(folder_ / "file");
  ASSERT_FALSE(opened);
  EXPECT_THAT(str(opened.error()), HasSubstr("--cache names the folder"));
}

TEST_F(ObjectCacheTest, KeysDependOnTheTarget) {
  auto avx2 = native::resolveTarget("x86-64", "avx2"),
       sse = native::resolveTarget("x86-64", "baseline");
  ASSERT_TRUE(avx2 && sse);
  EXPECT_NE(native::ObjectCache::keyOn(*avx2, "k"), native::ObjectCache::keyOn(*sse, "k"));
}

TEST_F(ObjectCacheTest, NewWeightsNeedNoNewCode) {
  CompileSummary first, second, without;
  compile("3", cache(), first);
  EXPECT_GT(first.kernels, 0u);
  EXPECT_EQ(first.cachedKernels, 0u);
  std::string cached = compile("4", cache(), second);
  EXPECT_EQ(second.cachedKernels, second.kernels);
  EXPECT_EQ(cached, compile("4", {}, without));
}

} // namespace
} // namespace edgecc::driver
