// Samples from folders, files and noise, and what is said of wrong ones.
#include "driver/data/Labels.h"
#include "frontend/io/MappedFile.h"
#include "frontend/io/Npy.h"
#include "frontend/io/TensorPb.h"

#include <fstream>
#include <gmock/gmock.h>
#include <unistd.h>

namespace edgecc::driver {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CalibrationDataTest : public testing::Test {
protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calibration_data_test." + std::to_string(getpid()));
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void addInput(const std::string &name, Type type, Preprocessing preprocessing = {}) {
    function_.body.addArgument(std::move(type));
    function_.inputs.push_back({name, std::move(preprocessing)});
  }

  // A tensor that counts up from `first`.
  static Tensor counting(Dims dims, double first, DType dtype = DType::F32) {
    Tensor tensor(dtype, std::move(dims));
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.setDouble(i, first + static_cast<double>(i));
    return tensor;
  }
  fs::path at(const std::string &name) {
    fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    return path;
  }
  void npy(const std::string &name, const Tensor &tensor) {
    ASSERT_TRUE(writeNpy(at(name), tensor));
  }
  void picture(const std::string &name, int width, int height, uint8_t value) {
    Image image{width, height, 3, {}};
    image.pixels.assign(size_t(width) * height * 3, value);
    ASSERT_TRUE(writePng(at(name), image));
  }
  void file(const std::string &name, const std::string &content) {
    std::ofstream(at(name), std::ios::binary) << content;
  }

  std::unique_ptr<CalibrationData> open(const CalibrationDataOptions &options = {}) {
    auto data = CalibrationData::open(folder_.string(), function_, options);
    EXPECT_TRUE(data) << str(data.error());
    return data ? std::move(*data) : nullptr;
  }
  std::string failure(const std::string &source, const CalibrationDataOptions &options = {}) {
    auto data = CalibrationData::open(source, function_, options);
    return data ? std::string() : str(data.error());
  }
  static std::vector<double> firstElements(CalibrationData &data) {
    std::vector<double> out;
    for (size_t i = 0; i < data.size(); ++i) {
      auto sample = data.sample(i);
      EXPECT_TRUE(sample) << str(sample.error());
      out.push_back(sample ? (*sample)[0].asDouble(0) : -1);
    }
    return out;
  }
  static std::vector<std::string> names(const CalibrationData &data) {
    std::vector<std::string> out;
    for (size_t i = 0; i < data.size(); ++i)
      out.push_back(data.nameOf(i));
    return out;
  }

  fs::path folder_;
  Function function_{"main"};
};

TEST_F(CalibrationDataTest, ReadsArraysInOrderOfTheirNames) {
  addInput("x", {DType::F32, {1, 3}});
  npy("b.npy", counting({1, 3}, 20));
  npy("a.npy", counting({1, 3}, 10));
  npy("c.npy", counting({3}, 30)); // without the batch
  ASSERT_TRUE(writeTensorPb(at("d.pb"), "x", counting({1, 3}, 40)));
  file("notes.txt", "not a sample");
  auto data = open();
  ASSERT_TRUE(data);
  EXPECT_THAT(names(*data), ElementsAre("a.npy", "b.npy", "c.npy", "d.pb"));
  EXPECT_THAT(firstElements(*data), ElementsAre(10, 20, 30, 40));
  EXPECT_THAT(firstElements(*data), ElementsAre(10, 20, 30, 40)); // the same again
  EXPECT_EQ((*data->sample(2))[0].dims(), (Dims{1, 3}));
}

TEST_F(CalibrationDataTest, ReadsManySamplesFromOneArray) {
  addInput("x", {DType::F32, {1, 3}});
  npy("a.npy", counting({4, 3}, 0));
  npy("b.npy", counting({2, 1, 3}, 100));
  auto data = open();
  ASSERT_TRUE(data);
  EXPECT_THAT(names(*data),
              ElementsAre("a.npy[0]", "a.npy[1]", "a.npy[2]", "a.npy[3]", "b.npy[0]", "b.npy[1]"));
  EXPECT_THAT(firstElements(*data), ElementsAre(0, 3, 6, 9, 100, 103));
}

TEST_F(CalibrationDataTest, ConvertsElementsToFloat) {
  addInput("x", {DType::F32, {3}});
  npy("a.npy", counting({3}, 1, DType::F64));
  npy("b.npy", counting({3}, 2, DType::U8));
  auto data = open();
  ASSERT_TRUE(data);
  EXPECT_THAT(firstElements(*data), ElementsAre(1, 2));
  EXPECT_EQ((*data->sample(1))[0].dtype(), DType::F32);
}

TEST_F(CalibrationDataTest, ReadsOneFile) {
  addInput("x", {DType::F32, {1, 3}});
  npy("a.npy", counting({4, 3}, 0));
  auto data = CalibrationData::open((folder_ / "a.npy").string(), function_);
  ASSERT_TRUE(data);
  EXPECT_EQ((*data)->size(), 4);
}

TEST_F(CalibrationDataTest, PreparesPicturesAsTheModelSays) {
  addInput("x", {DType::F32, {1, 3, 4, 4}},
           {.layout = "NCHW", .channelOrder = "RGB", .mean = {100}, .scale = {0.5}});
  picture("1.png", 8, 8, 120);
  auto data = open();
  ASSERT_TRUE(data);
  EXPECT_THAT(firstElements(*data), ElementsAre(10));
  EXPECT_THAT(data->warnings(), IsEmpty());
  CalibrationDataOptions options;
  options.image.mean = {20};
  options.image.scale = {1};
  EXPECT_THAT(firstElements(*open(options)), ElementsAre(100));
}

TEST_F(CalibrationDataTest, GuessesPicturesAndSaysSo) {
  addInput("x", {DType::F32, {1, 4, 4, 1}}); // gray, channels last
  picture("cats/1.png", 4, 4, 7);
  picture("dogs/1.png", 4, 4, 9);
  auto data = open();
  ASSERT_TRUE(data);
  EXPECT_THAT(names(*data), ElementsAre("cats/1.png", "dogs/1.png"));
  EXPECT_THAT(firstElements(*data), ElementsAre(7, 9));
  ASSERT_THAT(data->warnings(), SizeIs(1));
  EXPECT_THAT(data->warnings()[0], HasSubstr("0..255"));
}

TEST_F(CalibrationDataTest, FeedsSeveralInputs) {
  addInput("x/a", {DType::F32, {2}});
  addInput("n", {DType::I64, {1}});
  npy("x_a/1.npy", counting({2}, 1));
  npy("x_a/2.npy", counting({2}, 2));
  npy("n.npy", counting({2, 1}, 7, DType::I64));
  auto data = open();
  ASSERT_TRUE(data);
  ASSERT_EQ(data->size(), 2);
  auto sample = data->sample(1);
  ASSERT_TRUE(sample);
  EXPECT_EQ((*sample)[0].asDouble(0), 2);
  EXPECT_EQ((*sample)[1].asInt(0), 8);
  npy("x_a/3.npy", counting({2}, 3));
  EXPECT_THAT(failure(folder_.string()), HasSubstr("'x/a' has 3 samples, but input 'n' has 2"));
  fs::remove(folder_ / "n.npy");
  EXPECT_THAT(failure(folder_.string()), HasSubstr("no samples for input 'n'"));
}

TEST_F(CalibrationDataTest, ReadsTestDataOfOnnx) {
  addInput("x", {DType::F32, {2}});
  addInput("n", {DType::I64, {1}});
  for (int set : {0, 1}) {
    std::string name = "test_data_set_" + std::to_string(set);
    ASSERT_TRUE(writeTensorPb(at(name + "/input_0.pb"), "x", counting({2}, set)));
    ASSERT_TRUE(writeTensorPb(at(name + "/input_1.pb"), "n", counting({1}, set, DType::I64)));
    ASSERT_TRUE(writeTensorPb(at(name + "/output_0.pb"), "y", counting({9}, set)));
  }
  auto data = open();
  ASSERT_TRUE(data);
  EXPECT_THAT(firstElements(*data), ElementsAre(0, 1));
  EXPECT_EQ((*data->sample(1))[1].asInt(0), 1);
}

TEST_F(CalibrationDataTest, TakesEvenOrOddSamplesAndSpreadsOverThem) {
  addInput("x", {DType::F32, {1}});
  npy("a.npy", counting({10, 1}, 0));
  CalibrationDataOptions options;
  options.subset = Subset::Even;
  EXPECT_THAT(firstElements(*open(options)), ElementsAre(0, 2, 4, 6, 8));
  options.subset = Subset::Odd;
  options.samples = 2;
  auto data = open(options);
  EXPECT_THAT(firstElements(*data), ElementsAre(1, 5));
  EXPECT_EQ(data->total(), 10);
  EXPECT_EQ(data->positionOf(1), 5);
}

TEST_F(CalibrationDataTest, MakesNoise) {
  addInput("x", {DType::F32, {1, 3, 2, 2}},
           {.layout = "NCHW", .channelOrder = "RGB", .mean = {127.5}, .scale = {2}});
  addInput("f", {DType::F32, {1000}});
  addInput("b", {DType::I8, {1000}});
  auto data = CalibrationData::open("random:3:5", function_);
  ASSERT_TRUE(data) << str(data.error());
  EXPECT_EQ((*data)->size(), 3);
  EXPECT_THAT((*data)->warnings()[0], HasSubstr("do not trust"));
  auto first = (*data)->sample(0), again = (*data)->sample(0), second = (*data)->sample(1);
  ASSERT_TRUE(first && again && second);
  EXPECT_EQ(*first, *again);
  EXPECT_NE(*first, *second);
  EXPECT_NE(*first, *(*CalibrationData::open("random:3:6", function_))->sample(0));
  double low = 0, high = 0, least = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    low = std::min(low, (*first)[1].asDouble(i));
    high = std::max(high, (*first)[1].asDouble(i));
    least = std::min(least, (*first)[2].asDouble(i));
  }
  EXPECT_TRUE(low >= -1 && low < -0.9 && high < 1 && high > 0.9);
  EXPECT_LT(least, -100);
  // (pixel - 127.5) * 2 is an odd integer.
  EXPECT_EQ(std::abs((*first)[0].asInt(3)) % 2, 1);
  EXPECT_THAT(failure("random:0"), HasSubstr("COUNT"));
  EXPECT_THAT(failure("random:9:x"), HasSubstr("random:COUNT:SEED"));
  EXPECT_THAT(failure("random:99999999"), HasSubstr("COUNT"));
}

TEST_F(CalibrationDataTest, ReadsLabels) {
  addInput("x", {DType::F32, {1}});
  npy("a/1.npy", counting({1}, 0));
  npy("a/2.npy", counting({1}, 0));
  npy("b/3.npy", counting({1}, 0));
  CalibrationDataOptions even;
  even.subset = Subset::Even;
  auto data = open(), some = open(even);
  fs::path labels = fs::path(folder_.string() + ".tsv");
  auto read = [&](const std::string &text, const CalibrationData &of) {
    std::ofstream(labels) << text;
    auto classes = readLabels(labels, of);
    fs::remove(labels);
    return classes;
  };
  auto failed = [&](const std::string &text) { return str(read(text, *data).error()); };
  EXPECT_THAT(*read("5\n6\r\n\n7", *data), ElementsAre(5, 6, 7));
  EXPECT_THAT(*read("5\n6\n7\n", *some), ElementsAre(5, 7));
  EXPECT_THAT(*read("file\tclass\tname\n# all\n3.npy\t1\tcat\na/2.npy\t2\n1.npy\t3\n", *data),
              ElementsAre(3, 2, 1));
  EXPECT_THAT(failed("5\n6\n"), HasSubstr("2 classes for 3 samples"));
  EXPECT_THAT(failed("1.npy\t1\n"), HasSubstr("'a/2.npy' has no class"));
  EXPECT_THAT(failed("1.npy\t1\n1.npy\t2\n"), HasSubstr(".tsv:2"));
  EXPECT_THAT(failed("1\nx\n3\n"), HasSubstr("'x' is not the number of a class"));
  EXPECT_THAT(failed("-1\n2\n3\n"), HasSubstr("'-1'"));
  EXPECT_THAT(failed("1\n99999999999\n3\n"), HasSubstr("number of a class"));
  EXPECT_THAT(failed("1\n2.npy\t4\n3\n"), HasSubstr("some lines name a file"));
}

TEST_F(CalibrationDataTest, NamesFilesThatAreNotSamples) {
  addInput("x", {DType::F32, {1, 3, 4, 4}});
  EXPECT_THAT(failure("/nowhere"), HasSubstr("no such file or folder"));
  EXPECT_THAT(failure(folder_.string()), HasSubstr("the folder has no samples"));
  file("x.txt", "x");
  EXPECT_THAT(failure((folder_ / "x.txt").string()), HasSubstr("x.txt"));
  file("bad.npy", "\x93NUMPY rubbish");
  EXPECT_THAT(failure(folder_.string()), HasSubstr("bad.npy"));
  npy("bad.npy", counting({5, 5}, 0));
  EXPECT_THAT(failure(folder_.string()), HasSubstr("f32[5x5] is neither a sample"));
  npy("bad.npy", Tensor(DType::F32, {0, 3, 4, 4}));
  EXPECT_THAT(failure(folder_.string()), HasSubstr("neither a sample"));
  fs::remove(folder_ / "bad.npy");
  // Contents are read when they are asked for.
  for (auto [name, content] : std::vector<std::pair<std::string, std::string>>{
           {"bad.png", "not a picture"}, {"bad.pb", "\xff\xff\xff"}, {"bad.jpg", ""}}) {
    file(name, content);
    auto sample = open()->sample(0);
    ASSERT_FALSE(sample);
    EXPECT_THAT(str(sample.error()), HasSubstr(name));
    fs::remove(folder_ / name);
  }
}

TEST_F(CalibrationDataTest, RefusesElementsThatDoNotFit) {
  addInput("x", {DType::U8, {2}});
  npy("a.npy", counting({2}, 0.5));
  auto sample = open()->sample(0);
  ASSERT_FALSE(sample);
  EXPECT_THAT(str(sample.error()), HasSubstr("f32 do not fit the input's u8[2]"));
}

TEST_F(CalibrationDataTest, NeedsSamplesAndInputs) {
  EXPECT_THAT(failure("random:3"), HasSubstr("no input"));
  addInput("x", {DType::F32, {2}});
  CalibrationDataOptions odd;
  odd.subset = Subset::Odd;
  EXPECT_THAT(failure("random:1", odd), HasSubstr("no sample left of 1"));
}

} // namespace
} // namespace edgecc::driver
