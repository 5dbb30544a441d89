// The pass calibrate and its tables.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "passes/compress/Compression.h"
#include "passes/compress/quantization/Points.h"

#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>
#include <random>
#include <unistd.h>

namespace edgecc {
namespace {

using testing::HasSubstr;

constexpr const char *kNetwork = R"(
module "network" {
  param @w : f32[4x2x3x3] = hex "%s"
  func @main(%%0: f32[1x2x6x5] "x") -> ("y") {
    %%1 = Param @w : f32[4x2x3x3]
    %%2 = Conv(%%0, %%1) {dilations = [1, 1], pads = [1, 1, 1, 1], strides = [1, 1]} : f32[1x4x6x5] from "c" loc "conv"
    %%3 = Relu(%%2) : f32[1x4x6x5] from "r" loc "relu"
    %%4, %%5 = MaxPool(%%3) {kernel = [2, 1], dilations = [1, 1], pads = [0, 0, 0, 0], strides = [2, 1]} : f32[1x4x3x5] from "y", i64[1x4x3x5] loc "pool"
    Yield(%%4)
  }
}
)";

// Samples in memory.
class Samples : public DataSource {
public:
  explicit Samples(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {}
  size_t size() const override { return tensors_.size(); }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    return std::vector<Tensor>{tensors_[index]};
  }

private:
  std::vector<Tensor> tensors_;
};

// A machine that keeps channels innermost or not, and runs everything.
class Machine : public TargetModel {
public:
  explicit Machine(bool channelsLast) : channelsLast_(channelsLast) {}
  std::string name() const override { return "test"; }
  std::string whyIllegal(const Op &) const override { return {}; }
  double cost(const Op &) const override { return 1; }
  int64_t channelMultiple(DType) const override { return 1; }
  bool prefersChannelsLast() const override { return channelsLast_; }

private:
  bool channelsLast_;
};

class CalibrateTest : public testing::Test {
protected:
  void SetUp() override {
    std::string hex;
    std::mt19937 generator(3);
    std::normal_distribution<float> normal;
    for (int i = 0; i < 4 * 2 * 9; ++i) {
      float value = normal(generator);
      const auto *bytes = reinterpret_cast<const unsigned char *>(&value);
      for (int k = 0; k < 4; ++k) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", bytes[k]);
        hex += digits;
      }
    }
    std::vector<char> text(8192);
    std::snprintf(text.data(), text.size(), kNetwork, hex.c_str());
    auto parsed = parse(text.data(), "network");
    ASSERT_TRUE(parsed) << str(parsed.error());
    module_ = std::move(*parsed);
    for (int s = 0; s < 5; ++s) {
      Tensor tensor(DType::F32, {1, 2, 6, 5});
      for (float &value : tensor.mutableData<float>())
        value = normal(generator);
      samples_.push_back(std::move(tensor));
    }
    registerBuiltinPasses(registry_);
    folder_ =
        std::filesystem::temp_directory_path() / ("calibrate_test." + std::to_string(getpid()));
    std::filesystem::create_directory(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Expected<Calibration> run(const std::string &options, bool channelsLast = false) {
    EDGECC_TRY(passes, registry_.parse("calibrate{" + options + "}"));
    Samples data(samples_);
    Machine machine(channelsLast);
    Compression compression;
    compression.data = &data;
    PassManagerOptions manager;
    manager.executor = &executor_;
    manager.target = &machine;
    manager.compression = &compression;
    manager.progress = [&](const PassInfo &, size_t done, size_t total) {
      progress_.emplace_back(done, total);
    };
    EDGECC_CHECK(runPasses(*module_, passes, manager));
    return compression.calibration;
  }

  std::string failure(const std::string &options) {
    auto result = run(options);
    return result ? std::string() : str(result.error());
  }

  std::string loadFailure(const std::string &text) {
    std::ofstream(folder_ / "table.json") << text;
    auto table = Calibration::load(folder_ / "table.json");
    return table ? std::string() : str(table.error());
  }

  std::unique_ptr<Module> module_;
  std::vector<Tensor> samples_;
  Registry registry_;
  ReferenceExecutor executor_;
  std::filesystem::path folder_;
  std::vector<std::pair<size_t, size_t>> progress_;
};

TEST_F(CalibrateTest, ObservesWhatTheModelComputes) {
  auto table = run("method=minmax");
  ASSERT_TRUE(table) << str(table.error());
  const Function &function = module_->main();
  ValueNames names(function);
  std::map<std::string, Range> expected;
  auto extend = [&](const std::string &name, const Tensor &tensor) {
    if (tensor.dtype() != DType::F32)
      return;
    auto [low, high] = std::ranges::minmax(tensor.data<float>());
    auto [at, isNew] = expected.try_emplace(name, Range{low, high});
    at->second = {std::min(at->second.low, double{low}), std::max(at->second.high, double{high})};
  };
  for (const Tensor &sample : samples_) {
    extend("x", sample);
    auto outputs = executor_.run(function, {&sample, 1},
                                 [&](const Value &v, const Tensor &t) { extend(names.of(v), t); });
    ASSERT_TRUE(outputs);
  }
  std::vector<Value *> points = quantizationPoints(function);
  ASSERT_GE(points.size(), 2);
  ASSERT_EQ(table->observations().size(), points.size());
  for (const Value *point : points) {
    const Observation *found = table->find(names.of(*point));
    ASSERT_TRUE(found) << names.of(*point);
    EXPECT_EQ(found->seen[0], expected.at(names.of(*point)));
    EXPECT_EQ(found->samples, samples_.size());
    EXPECT_EQ(found->mean.size(), static_cast<size_t>(point->dims()[1]));
  }
  ASSERT_EQ(progress_.size(), samples_.size());
  EXPECT_EQ(progress_.back(), std::make_pair(samples_.size(), samples_.size()));
}

TEST_F(CalibrateTest, SeesTheSameWhereChannelsAreInnermost) {
  for (const char *options : {"method=mse", "method=mse,per-channel=true"}) {
    auto planar = run(options), last = run(options, true);
    ASSERT_TRUE(planar && last);
    for (const auto &[name, expected] : planar->observations()) {
      const Observation *actual = last->find(name);
      ASSERT_TRUE(actual);
      EXPECT_EQ(actual->seen, expected.seen);
      EXPECT_EQ(actual->averaged, expected.averaged);
      EXPECT_EQ(actual->histograms, expected.histograms);
      for (size_t c = 0; c < expected.mean.size(); ++c)
        EXPECT_NEAR(actual->mean[c], expected.mean[c], 1e-6);
    }
  }
}

TEST_F(CalibrateTest, TakesAPartOfTheSamples) {
  auto table = run("samples=2");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->observations().begin()->second.samples, 2);
}

TEST_F(CalibrateTest, TablesComeBackAsTheyWere) {
  std::string file = (folder_ / "saved.json").string();
  for (const char *options : {"method=minmax", "method=entropy,percentile=99.5,per-channel=true"}) {
    auto saved = run(std::string(options) + ",save=" + file);
    ASSERT_TRUE(saved) << str(saved.error());
    saved->set("not \xff UTF-8", saved->observations().begin()->second);
    ASSERT_TRUE(saved->save(file));
    std::vector<Tensor> samples = std::move(samples_); // nothing is run
    samples_.clear();
    auto loaded = run("load=" + file);
    samples_ = std::move(samples);
    ASSERT_TRUE(loaded) << str(loaded.error());
    EXPECT_EQ(loaded->method, saved->method);
    EXPECT_EQ(loaded->percentile, saved->percentile);
    EXPECT_EQ(loaded->observations(), saved->observations());
  }
}

// The bins of a histogram end on a power of two, which may be beyond the largest f32.
TEST_F(CalibrateTest, TablesHoldTheLargestValues) {
  for (Tensor &sample : samples_)
    for (int64_t i = 0; i < sample.elements(); ++i)
      sample.setDouble(i, i % 2 ? 3.4e37 : 0);
  std::string file = (folder_ / "large.json").string();
  auto saved = run("method=mse,save=" + file);
  ASSERT_TRUE(saved) << str(saved.error());
  auto loaded = Calibration::load(file);
  ASSERT_TRUE(loaded) << str(loaded.error());
  EXPECT_EQ(loaded->observations(), saved->observations());
}

TEST_F(CalibrateTest, NamesTheValueThatIsNotFinite) {
  samples_[3].mutableData<float>()[4] = 1e38F; // times a weight, summed
  for (int64_t i = 0; i < 60; ++i)
    samples_[3].setDouble(i, 3e38);
  EXPECT_THAT(failure("method=mse"), HasSubstr("sample 3 makes 'r' NaN or infinite"));
  EXPECT_THAT(failure("method=mse"), HasSubstr("preprocessed"));
}

TEST_F(CalibrateTest, RefusesOptionsThatMakeNoSense) {
  EXPECT_THAT(failure("method=magic"), HasSubstr("there is no method 'magic'"));
  EXPECT_THAT(failure("percentile=40"), HasSubstr("above 50"));
  EXPECT_THAT(failure("bins=3"), HasSubstr("16 to 65536"));
  EXPECT_THAT(failure("samples=-1"), HasSubstr("negative"));
  EXPECT_THAT(failure("load=/nowhere/table.json"), HasSubstr("no such calibration table"));
  EXPECT_THAT(failure("save=/nowhere/table.json"), HasSubstr("cannot write"));
  samples_.clear();
  EXPECT_THAT(failure(""), HasSubstr("no samples"));
}

TEST_F(CalibrateTest, RefusesTablesOfOtherModels) {
  std::string file = (folder_ / "table.json").string();
  Calibration table;
  ASSERT_TRUE(table.save(file));
  EXPECT_THAT(failure("load=" + file), HasSubstr("does not fit the model"));
}

TEST_F(CalibrateTest, ReadsHostileTables) {
  auto whole = run("method=mse,bins=16,save=" + (folder_ / "good.json").string());
  ASSERT_TRUE(whole);
  std::ifstream in(folder_ / "good.json");
  std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_EQ(loadFailure(good), "");
  // Cut anywhere: a diagnostic each time.
  for (size_t size = 0; size + 2 < good.size(); size += 13)
    EXPECT_THAT(loadFailure(good.substr(0, size)), HasSubstr("table.json"));
  auto with = [&](const std::string &from, const std::string &to) {
    std::string text = good;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return loadFailure(text.replace(at, from.size(), to));
  };
  EXPECT_THAT(with("\"version\":1", "\"version\":2"), HasSubstr("unknown version"));
  EXPECT_THAT(with("edgecc-calibration", "other"), HasSubstr("not a calibration table"));
  EXPECT_THAT(with("\"mse\"", "[]"), HasSubstr("'method'"));
  EXPECT_THAT(with("\"axis\":-1", "\"axis\":7"), HasSubstr("'axis'"));
  EXPECT_THAT(with("\"axis\":-1", "\"axis\":{}"), HasSubstr("number"));
  EXPECT_THAT(with("\"samples\":5", "\"samples\":-5"), HasSubstr("count"));
  EXPECT_THAT(with("\"seen\":[", "\"seen\":[[1,0],"), HasSubstr("ends before it begins"));
  EXPECT_THAT(with("\"seen\":[", "\"seen\":[[0,1],"), HasSubstr("lists have different lengths"));
  EXPECT_THAT(with("\"mean\":[", "\"mean\":[1e999,"), HasSubstr("table.json"));
  EXPECT_THAT(with("\"mean\":[", "\"mean\":[1e39,"), HasSubstr("beyond what an f32 holds"));
  EXPECT_THAT(with("\"mean\":[", "\"mean\":[NaN,"), HasSubstr("not JSON"));
  EXPECT_THAT(with("\"mean\":[", "\"mean\":[null,"), HasSubstr("missing"));
  EXPECT_THAT(with("\"deviation\":[", "\"deviation\":[-1,"), HasSubstr("deviation is negative"));
  EXPECT_THAT(with("\"seen\":[", "\"seen\":[[-1e308,1e308],"),
              HasSubstr("beyond what an f32 holds"));
  EXPECT_THAT(with("\"histograms\":[", "\"histograms\":[{\"range\":[0,1e-300],\"counts\":[1]},"),
              HasSubstr("no width"));
  EXPECT_THAT(with("\"counts\":[", "\"counts\":[\"1\","), HasSubstr("count"));
  EXPECT_THAT(with("\"values\":[", "\"values\":[3,"), HasSubstr("missing"));
  EXPECT_THAT(loadFailure("[[[["), HasSubstr("not JSON"));
  EXPECT_THAT(loadFailure(std::string(200000, '[')), HasSubstr("not JSON"));
}

TEST(ValueNames, AreUniqueAndStable) {
  auto module = parse(R"(
module "names" {
  func @main(%0: f32[2] "a", %1: f32[2] "a#2") -> ("y") {
    %2 = Relu(%0) : f32[2] from "a"
    %3 = Relu(%1) : f32[2] loc "node"
    %4 = Neg(%3) : f32[2] loc "node"
    %5 = Add(%2, %4) : f32[2] loc "node"
    Yield(%5)
  }
}
)",
                      "names");
  ASSERT_TRUE(module) << str(module.error());
  const Function &function = (*module)->main();
  ValueNames names(function), again(function);
  std::set<std::string> all;
  auto check = [&](const Value &value) {
    EXPECT_TRUE(all.insert(names.of(value)).second) << names.of(value);
    EXPECT_EQ(names.of(value), again.of(value));
  };
  for (const auto &argument : function.body.arguments())
    check(*argument);
  for (const auto &op : function.body.ops())
    for (unsigned i = 0; i < op->numResults(); ++i)
      check(*op->result(i));
  EXPECT_EQ(all,
            (std::set<std::string>{"a", "a#2", "a#3", "node:Add:0", "node:Neg:0", "node:Relu:0"}));
}

} // namespace
} // namespace edgecc
