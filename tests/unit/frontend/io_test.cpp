#include "frontend/io/Image.h"
#include "frontend/io/MappedFile.h"
#include "frontend/io/Npy.h"
#include "frontend/io/TensorPb.h"
#include "tests/support/SharedData.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <sys/wait.h>
#include <unistd.h>

namespace edgecc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path temporary(const std::string &name) {
  return std::filesystem::temp_directory_path() /
         ("edgecc_io_" + std::to_string(::getpid()) + "_" + name);
}

std::vector<std::byte> npy(const std::string &header, const std::string &data) {
  std::string bytes = "\x93NUMPY";
  bytes += {'\x01', '\x00', static_cast<char>(header.size()), '\x00'};
  bytes += header + data;
  auto span = std::as_bytes(std::span(bytes));
  return {span.begin(), span.end()};
}

TEST(Npy, KeepsEveryTypeThatNumpyHas) {
  for (DType dtype : {DType::Bool, DType::I8, DType::U8, DType::I16, DType::U16, DType::I32,
                      DType::U32, DType::I64, DType::U64, DType::F16, DType::F32, DType::F64}) {
    Tensor tensor(dtype, {2, 3});
    for (int64_t i = 0; i < 6; ++i)
      tensor.setDouble(i, dtype == DType::Bool ? i % 2 : static_cast<double>(i));
    auto bytes = formatNpy(tensor);
    ASSERT_TRUE(bytes) << str(bytes.error());
    EXPECT_EQ(bytes->size() % 64, tensor.bytes() % 64) << "data must begin at a multiple of 64";
    auto back = parseNpy(*bytes, "test");
    ASSERT_TRUE(back) << str(back.error());
    EXPECT_EQ(*back, tensor) << name(dtype);
  }
}

TEST(Npy, RefusesTypesThatNumpyLacks) {
  auto bytes = formatNpy(Tensor(DType::BF16, {4}));
  ASSERT_FALSE(bytes);
  EXPECT_THAT(str(bytes.error()), HasSubstr("bf16"));
}

TEST(Npy, ReadsFortranOrderAsRowMajor) {
  auto tensor = parseNpy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n",
                             std::string("\x01\x02\x03\x04\x05\x06", 6)),
                         "test");
  ASSERT_TRUE(tensor) << str(tensor.error());
  EXPECT_THAT(tensor->asInts(), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST(Npy, ReadsScalars) {
  auto tensor = parseNpy(
      npy("{'descr': '<i2', 'fortran_order': False, 'shape': (), }\n", std::string("\x05\x00", 2)),
      "test");
  ASSERT_TRUE(tensor) << str(tensor.error());
  EXPECT_TRUE(tensor->dims().empty());
  EXPECT_EQ(tensor->asInt(0), 5);
}

TEST(Npy, ReportsDamagedFiles) {
  struct Case {
    std::string header, message;
  };
  for (const Case &c : {
           Case{"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "little-endian"},
           Case{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "structured"},
           Case{"{'descr': '<f4', 'fortran_order': False, 'shape': (1, }", "not a number"},
           Case{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "not a valid"},
           Case{"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
                "not a valid"},
           Case{"{'descr': '<f4', 'fortran_order': False, 'shape': (100,), }", "shorter"},
           Case{"{'fortran_order': False, 'shape': (100,), }", "no descr"},
           Case{"{'descr': '<f4", "cut off"},
           Case{"{'descr':", "no descr"},
       }) {
    auto tensor = parseNpy(npy(c.header, "abcd"), "test");
    ASSERT_FALSE(tensor) << c.header;
    EXPECT_THAT(str(tensor.error()), HasSubstr(c.message)) << c.header;
  }
}

TEST(Npy, SurvivesEveryTruncation) {
  auto bytes = formatNpy(Tensor(DType::F32, {3, 5}));
  ASSERT_TRUE(bytes);
  for (size_t length = 0; length < bytes->size(); ++length)
    EXPECT_FALSE(parseNpy(std::span(*bytes).first(length), "test"));
}

TEST(TensorPb, KeepsNameTypeAndContent) {
  auto path = temporary("tensor.pb");
  for (DType dtype : {DType::F32, DType::BF16, DType::I4, DType::U4, DType::F8E4M3FN, DType::Bool,
                      DType::F4E2M1, DType::U64}) {
    Tensor tensor(dtype, {3, 3});
    for (int64_t i = 0; i < 9; ++i)
      tensor.setDouble(i, static_cast<double>(i % 2));
    ASSERT_TRUE(writeTensorPb(path, "some name", tensor));
    auto back = readTensorPb(path);
    ASSERT_TRUE(back) << str(back.error());
    EXPECT_EQ(back->name, "some name");
    EXPECT_EQ(back->tensor, tensor) << name(dtype);
  }
  std::filesystem::remove(path);
}

TEST(TensorPb, ReadsTheTestDataOfAModel) {
  EDGECC_NEED_SHARED(EDGECC_SHARED_DIR "/models/rand_tiny_bert");
  auto inputs = readTestData(EDGECC_SHARED_DIR "/models/rand_tiny_bert/test_data_set_0", "input");
  ASSERT_TRUE(inputs) << str(inputs.error());
  ASSERT_EQ(inputs->size(), 2u);
  EXPECT_THAT((*inputs)[0].tensor.dims(), ElementsAre(1, 64));
}

TEST(MappedFile, LeavesNoTemporaryFileBehind) {
  auto folder = temporary("folder");
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(writeFile(folder / "a", std::as_bytes(std::span("abc", 3))));
  auto file = MappedFile::open(folder / "a");
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->bytes().size(), 3u);
  int entries = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(folder))
    ++entries;
  EXPECT_EQ(entries, 1);
  std::filesystem::remove_all(folder);
  auto missing = MappedFile::open(folder / "a");
  ASSERT_FALSE(missing);
  EXPECT_THAT(str(missing.error()), HasSubstr("No such file"));
}

// A child is told to end every millisecond while it writes: whenever it ends, the folder holds no
// other file, and no part of this one.
TEST(MappedFile, EndsWithWholeFilesOnly) {
  auto folder = temporary("interrupted");
  std::filesystem::create_directory(folder);
  std::vector<std::byte> bytes(size_t{48} << 20, std::byte{7});
  for (int signal : {SIGINT, SIGTERM}) {
    std::filesystem::remove(folder / "a");
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::signal(signal, SIG_DFL);
      struct sigevent event{};
      event.sigev_notify = SIGEV_SIGNAL;
      event.sigev_signo = signal;
      timer_t timer{};
      timer_create(CLOCK_MONOTONIC, &event, &timer);
      struct itimerspec soon{{0, 1000000}, {0, 1000000}};
      timer_settime(timer, 0, &soon, nullptr);
      for (int i = 0; i < 100; ++i)
        (void)writeFile(folder / "a", bytes);
      _exit(0); // the signals did not come
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
      EXPECT_EQ(entry.path().filename(), "a");
      EXPECT_EQ(entry.file_size(), bytes.size());
    }
  }
  std::filesystem::remove_all(folder);
}

// A 4 x 2 picture: red grows to the right by 10, green is 100 in the lower row, blue is 7.
Image picture() {
  Image image{4, 2, 3, std::vector<uint8_t>(24)};
  for (int y = 0; y < 2; ++y)
    for (int x = 0; x < 4; ++x) {
      image.at(x, y)[0] = static_cast<uint8_t>(10 * x);
      image.at(x, y)[1] = static_cast<uint8_t>(100 * y);
      image.at(x, y)[2] = 7;
    }
  return image;
}

TEST(Image, SurvivesPng) {
  auto path = temporary("picture.png");
  ASSERT_TRUE(writePng(path, picture()));
  auto back = readImage(path, 3);
  ASSERT_TRUE(back) << str(back.error());
  EXPECT_EQ(back->pixels, picture().pixels);
  std::filesystem::remove(path);
}

TEST(Image, FillsTensorsInEveryLayoutAndOrder) {
  ImageOptions options;
  auto planar = imageToTensor(picture(), {DType::F32, {1, 3, 2, 4}, 0, {}}, options);
  ASSERT_TRUE(planar) << str(planar.error());
  EXPECT_EQ(planar->asDouble(3), 30);      // red of (3, 0)
  EXPECT_EQ(planar->asDouble(8 + 4), 100); // green of (0, 1)
  options = {ImageLayout::NHWC, ChannelOrder::BGR, ImageFit::Stretch, 0, {1, 2, 3}, {0.5}};
  auto packed = imageToTensor(picture(), {DType::F32, {1, 2, 4, 3}, 0, {}}, options);
  ASSERT_TRUE(packed) << str(packed.error());
  EXPECT_EQ(packed->asDouble(0), (7 - 1) * 0.5); // blue comes first
  EXPECT_EQ(packed->asDouble(3 * 3 + 2), (30 - 3) * 0.5);
}

TEST(Image, ReversesPreprocessing) {
  ImageOptions options{ImageLayout::NCHW, ChannelOrder::BGR, ImageFit::Stretch, 0,
                       {127.5},           {1 / 127.5}};
  auto tensor = imageToTensor(picture(), {DType::F32, {1, 3, 2, 4}, 0, {}}, options);
  ASSERT_TRUE(tensor);
  auto back = tensorToImage(*tensor, options);
  ASSERT_TRUE(back) << str(back.error());
  EXPECT_EQ(back->pixels, picture().pixels);
}

TEST(Image, ResizesSmoothlyAndKeepsTheMean) {
  Image small = resize(picture(), 2, 1);
  EXPECT_EQ(small.at(0, 0)[2], 7);
  EXPECT_EQ(small.at(0, 0)[1], 50);
  EXPECT_LT(small.at(0, 0)[0], small.at(1, 0)[0]);
  Image large = resize(picture(), 8, 4);
  EXPECT_EQ(large.at(0, 0)[0], 0);
  EXPECT_EQ(large.at(7, 3)[0], 30);
}

TEST(Image, LetterboxKeepsTheAspect) {
  ImageOptions options;
  options.fit = ImageFit::Letterbox;
  options.fill = 200;
  auto tensor = imageToTensor(picture(), {DType::U8, {1, 3, 4, 4}, 0, {}}, options);
  ASSERT_TRUE(tensor) << str(tensor.error());
  EXPECT_EQ(tensor->asInt(4), 0);       // (0, 1) of red: still the picture
  EXPECT_EQ(tensor->asInt(2 * 4), 200); // (0, 2): below it
}

TEST(Image, ReportsWhatCannotBeFilled) {
  auto tensor = imageToTensor(picture(), {DType::F32, {1, 5, 2, 4}, 0, {}}, {});
  ASSERT_FALSE(tensor);
  EXPECT_THAT(str(tensor.error()), HasSubstr("5 channels"));
  std::string junk = "not a picture";
  auto decoded = decodeImage(std::as_bytes(std::span(junk)), 3, "junk.png");
  ASSERT_FALSE(decoded);
  EXPECT_THAT(str(decoded.error()), HasSubstr("junk.png"));
}

} // namespace
} // namespace edgecc
