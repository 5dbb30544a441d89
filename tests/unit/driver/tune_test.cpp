// Measured choices: kept in a file that decides later compiles, and nothing else does.
#include "driver/CompileModel.h"

#include <fstream>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace edgecc::driver {
namespace {

using testing::HasSubstr;

// Two equal convolutions, and one that is not.
std::string network() {
  std::ostringstream out;
  auto weights = [&](const char *name, int rows, int columns, int taps) {
    out << "  param @" << name << " : f32[" << rows << "x" << columns << "x" << taps << "x" << taps
        << "] = [";
    for (int i = 0; i < rows * columns * taps * taps; ++i)
      out << (i == 0 ? "" : ", ") << (i * 37 % 101 - 50) * 0.01;
    out << "]\n";
  };
  out << "module \"network\" {\n";
  weights("a", 16, 16, 3);
  weights("b", 16, 16, 3);
  weights("c", 4, 16, 1);
  out << R"(  func @main(%0: f32[1x16x20x20] "x") -> ("y") {
    %1 = Param @a : f32[16x16x3x3]
    %2 = Conv(%0, %1) {dilations = [1, 1], pads = [1, 1, 1, 1], strides = [1, 1]} : f32[1x16x20x20] loc "first"
    %3 = Param @b : f32[16x16x3x3]
    %4 = Conv(%2, %3) {dilations = [1, 1], pads = [1, 1, 1, 1], strides = [1, 1]} : f32[1x16x20x20] loc "second"
    %5 = Param @c : f32[4x16x1x1]
    %6 = Conv(%4, %5) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x4x20x20] loc "third"
    Yield(%6)
  }
}
)";
  return out.str();
}

class TuneTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "tune-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::ofstream(folder_ / "m.ir") << network();
    options_.input = folder_ / "m.ir";
    options_.output = folder_ / "m.blob";
    options_.tune = folder_ / "tune.json";
    options_.quiet = true;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string compile() {
    auto compiled = compileModel(options_);
    EXPECT_TRUE(compiled) << str(compiled.error());
    if (!compiled)
      return {};
    tuning_ = compiled->tuning;
    return read(options_.output);
  }

  static std::string read(const std::filesystem::path &path) {
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    return bytes.str();
  }

  nlohmann::json layers() const {
    return nlohmann::json::parse(read(options_.tune))["cpus"].front();
  }

  std::string refusal() {
    auto compiled = compileModel(options_);
    EXPECT_FALSE(compiled);
    return compiled ? "" : str(compiled.error());
  }

  std::filesystem::path folder_;
  CompileOptions options_;
  std::string tuning_;
};

TEST_F(TuneTest, MeasuresEveryKindOfLayerOnce) {
  compile();
  EXPECT_EQ(tuning_, "3 convolutions tuned, 3 of them measured now");
  nlohmann::json known = layers();
  EXPECT_GE(known.size(), 2u);
  for (const auto &[name, layer] : known.items()) {
    const std::string choice = layer["choice"];
    EXPECT_GT(layer["microseconds"][choice].get<double>(), 0) << name;
    if (name.find("order=[0, 2, 3, 1]] f32[16x16x3x3]") != std::string::npos) // a choice
      EXPECT_GE(layer["microseconds"].size(), 2u) << name;
    else
      EXPECT_EQ(choice, "direct") << name;
  }
}

TEST_F(TuneTest, TheFileDecidesLaterCompiles) {
  compile();
  nlohmann::json file = nlohmann::json::parse(read(options_.tune));
  std::map<std::string, std::string> blobs;
  for (const char *choice : {"direct", "winograd2"}) {
    for (auto &[name, layer] : file["cpus"].front().items())
      layer["choice"] = choice;
    std::ofstream(options_.tune) << file;
    const std::string before = read(options_.tune);
    blobs[choice] = compile();
    EXPECT_EQ(tuning_, "3 convolutions tuned, 0 of them measured now");
    EXPECT_EQ(blobs[choice], compile());
    EXPECT_EQ(read(options_.tune), before);
  }
  EXPECT_NE(blobs["direct"], blobs["winograd2"]);
}

TEST_F(TuneTest, LayersThatShareALocationKeepTheEstimate) {
  std::string text = network();
  text.replace(text.find("\"second\""), 8, "\"first\"");
  std::ofstream(folder_ / "m.ir") << text;
  compile();
  EXPECT_EQ(tuning_, "1 convolutions tuned, 1 of them measured now");
}

TEST_F(TuneTest, RefusesFilesOfAnotherKind) {
  for (const char *text : {"", "[]", "{", "{\"edgecc tuning\": 2}", "{\"edgecc tuning\": 1}",
                           "{\"edgecc tuning\": 1, \"cpus\": {\"a\": 3}}",
                           "{\"edgecc tuning\": 1, \"cpus\": {\"a\": {\"l\": {\"choice\": 7}}}}"}) {
    std::ofstream(options_.tune) << text;
    EXPECT_THAT(refusal(), HasSubstr("this is not a tuning file")) << text;
  }
}

TEST_F(TuneTest, RefusesWhatCannotBeMeasured) {
  options_.target = "myriadx";
  EXPECT_THAT(refusal(), HasSubstr("cannot be measured on this machine"));
  options_.target = "riscv64";
  EXPECT_THAT(refusal(), HasSubstr("cannot be measured on this machine"));
  options_.target = "native";
  options_.exact = true;
  EXPECT_THAT(refusal(), HasSubstr("--exact leaves nothing to choose"));
}

} // namespace
} // namespace edgecc::driver
