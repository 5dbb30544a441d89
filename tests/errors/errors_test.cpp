// One file of models/ for each mistake that a user can make with a model: a ModelProto as protobuf
// text, after comment lines that say what is tried and what must be answered:
//   # shape: NAME=2x3        an option of the import (any number of lines)
//   # expect: TEXT           part of the message (at least one line)
#include "backends/reference/ReferenceExecutor.h"
#include "frontend/onnx/Importer.h"
#include "frontend/onnx/onnx.pb.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace edgecc {
namespace {

struct Mistake {
  onnx::ModelProto model;
  ImportOptions options;
  std::vector<std::string> expected;
};

Dims parseDims(const std::string &text) {
  Dims dims;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, 'x');)
    dims.push_back(std::stoll(part));
  return dims;
}

Mistake readMistake(const std::filesystem::path &path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  Mistake mistake;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(content.str(), &mistake.model)) << path;
  for (std::string line; std::getline(content, line) && line.starts_with("# ");) {
    if (line.starts_with("# expect: "))
      mistake.expected.push_back(line.substr(10));
    if (line.starts_with("# shape: ")) {
      size_t equals = line.find('=');
      mistake.options.inputShapes[line.substr(9, equals - 9)] = parseDims(line.substr(equals + 1));
    }
  }
  return mistake;
}

std::vector<std::string> mistakes() {
  std::vector<std::string> names;
  for (const auto &entry :
       std::filesystem::directory_iterator(EDGECC_SOURCE_DIR "/tests/errors/models"))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class UserMistake : public ::testing::TestWithParam<std::string> {};

TEST_P(UserMistake, IsAnswered) {
  Mistake mistake = readMistake(std::filesystem::path(EDGECC_SOURCE_DIR "/tests/errors/models") /
                                (GetParam() + ".textproto"));
  ASSERT_FALSE(mistake.expected.empty()) << "the file says no '# expect: '";
  ReferenceExecutor executor;
  mistake.options.folder = &executor;
  auto bytes = std::make_shared<std::string>(mistake.model.SerializeAsString());
  auto module = importOnnx(std::as_bytes(std::span(*bytes)), bytes, mistake.options);
  ASSERT_FALSE(module) << "the mistake was not noticed";
  for (const std::string &text : mistake.expected)
    EXPECT_THAT(str(module.error()), ::testing::HasSubstr(text));
}

INSTANTIATE_TEST_SUITE_P(Models, UserMistake, ::testing::ValuesIn(mistakes()),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace edgecc
