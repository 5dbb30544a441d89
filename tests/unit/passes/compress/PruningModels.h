// Small networks with every way in which channels depend on one another, as text IR.
#pragma once

#include "ir/Module.h"

#include <random>
#include <string>
#include <vector>

namespace edgecc::test {

// One conv: `name` for the weights, with attributes for a kernel of extent k, padded to keep
// places.
inline std::string convolution(const std::string &result, const std::string &x,
                               const std::string &w, int64_t k, const std::string &type,
                               int64_t group = 1) {
  std::string p = std::to_string(k / 2);
  return result + " = Conv(" + x + ", " + w +
         ") {dilations = [1, 1], group = " + std::to_string(group) + ", pads = [" + p + ", " + p +
         ", " + p + ", " + p + "], strides = [1, 1]} : " + type + " from \"" + result.substr(1) +
         "\" loc \"" + result.substr(1) + "\"\n";
}

// The same with a kernel of 3 x 3, transposed.
inline std::string transposedConvolution(const std::string &result, const std::string &x,
                                         const std::string &w, const std::string &type,
                                         int64_t group) {
  return result + " = ConvTranspose(" + x + ", " + w +
         ") {dilations = [1, 1], group = " + std::to_string(group) +
         ", output_padding = [0, 0], pads = [1, 1, 1, 1], strides = [1, 1]} : " + type +
         " from \"" + result.substr(1) + "\" loc \"" + result.substr(1) + "\"\n";
}

inline std::string parameters(const std::vector<std::pair<std::string, std::string>> &all) {
  std::string text;
  for (const auto &[name, type] : all)
    text += "param @" + name + " : " + type + " = elided\n";
  return text;
}

inline std::string readers(const std::vector<std::pair<std::string, std::string>> &all) {
  std::string text;
  for (const auto &[name, type] : all)
    text += "%" + name + " = Param @" + name + " : " + type + "\n";
  return text;
}

struct PruningModel {
  std::string name;
  std::string input; // type
  std::vector<std::pair<std::string, std::string>> weights;
  std::string body;   // ops; %x is the input
  std::string result; // value

  std::string text() const {
    return "module \"" + name + "\" {\n" + parameters(weights) + "func @main(%x: " + input +
           " \"x\") -> (\"y\") {\n" + readers(weights) + body + "Yield(" + result + ")\n}\n}\n";
  }
};

inline std::vector<PruningModel> pruningModels() {
  const std::string in = "f32[1x3x6x6]", eight = "f32[1x8x6x6]", out = "f32[1x5x6x6]";
  const std::string first = convolution("%a", "%x", "%w0", 3, eight);
  auto last = [&](const std::string &from) { return convolution("%y", from, "%w9", 1, out); };
  using Weights = std::vector<std::pair<std::string, std::string>>;
  auto with = [](Weights middle, const std::string &lastType = "f32[5x8x1x1]") {
    Weights all{{"w0", "f32[8x3x3x3]"}};
    all.insert(all.end(), middle.begin(), middle.end());
    all.emplace_back("w9", lastType);
    return all;
  };
  std::vector<PruningModel> models;
  models.push_back(
      {"chain", in, with({}), first + "%r = Relu(%a) : " + eight + "\n" + last("%r"), "%y"});
  models.push_back({"residual", in, with({{"w1", "f32[8x8x3x3]"}}),
                    first + "%r = Relu(%a) : " + eight + "\n" +
                        convolution("%b", "%r", "%w1", 3, eight) + "%s = Add(%b, %r) : " + eight +
                        "\n" + last("%s"),
                    "%y"});
  models.push_back({"concat", in, with({{"w1", "f32[4x3x1x1]"}}, "f32[5x12x1x1]"),
                    first + convolution("%b", "%x", "%w1", 1, "f32[1x4x6x6]") +
                        "%c = Concat(%a, %b) {axis = 1} : f32[1x12x6x6]\n" + last("%c"),
                    "%y"});
  models.push_back({"split", in, with({{"w1", "f32[5x4x1x1]"}}, "f32[5x4x1x1]"),
                    first +
                        "%c = Slice(%a) {starts = [0, 0, 0, 0], sizes = [1, 4, 6, 6], steps = [1, "
                        "1, 1, 1]} : f32[1x4x6x6]\n"
                        "%d = Slice(%a) {starts = [0, 4, 0, 0], sizes = [1, 4, 6, 6], steps = [1, "
                        "1, 1, 1]} : f32[1x4x6x6]\n" +
                        convolution("%e", "%c", "%w1", 1, out) +
                        convolution("%f", "%d", "%w9", 1, out) + "%y = Add(%e, %f) : " + out + "\n",
                    "%y"});
  models.push_back({"shuffle", in, with({}),
                    first +
                        "%b = Reshape(%a) {shape = [1, 2, 4, 6, 6]} : f32[1x2x4x6x6]\n"
                        "%c = Transpose(%b) {perm = [0, 2, 1, 3, 4]} : f32[1x4x2x6x6]\n"
                        "%d = Reshape(%c) {shape = [1, 8, 6, 6]} : " +
                        eight + "\n" + last("%d"),
                    "%y"});
  models.push_back({"depthwise", in, with({{"w1", "f32[8x1x3x3]"}}),
                    first + convolution("%b", "%a", "%w1", 3, eight, 8) + last("%b"), "%y"});
  models.push_back({"multiplied", in, with({{"w1", "f32[16x1x3x3]"}}, "f32[5x16x1x1]"),
                    first + convolution("%b", "%a", "%w1", 3, "f32[1x16x6x6]", 8) + last("%b"),
                    "%y"});
  models.push_back({"grouped", in, with({{"w1", "f32[8x4x3x3]"}}),
                    first + convolution("%b", "%a", "%w1", 3, eight, 2) + last("%b"), "%y"});
  // Each channel of %a becomes two, and each pair of channels one: whole groups come and go.
  models.push_back(
      {"multiplied-transposed", in, with({{"w1", "f32[8x2x3x3]"}}, "f32[5x16x1x1]"),
       first + transposedConvolution("%b", "%a", "%w1", "f32[1x16x6x6]", 8) + last("%b"), "%y"});
  models.push_back({"paired", in, with({{"w1", "f32[4x2x3x3]"}}, "f32[5x4x1x1]"),
                    first + convolution("%b", "%a", "%w1", 3, "f32[1x4x6x6]", 4) + last("%b"),
                    "%y"});
  models.push_back({"grouped-transposed", in, with({{"w1", "f32[8x4x3x3]"}}),
                    first + transposedConvolution("%b", "%a", "%w1", eight, 2) + last("%b"), "%y"});
  models.push_back({"flatten",
                    in,
                    {{"w0", "f32[8x3x3x3]"}, {"w9", "f32[288x5]"}},
                    first + "%b = Reshape(%a) {shape = [1, 288]} : f32[1x288]\n"
                            "%y = MatMul(%b, %w9) : f32[1x5] loc \"y\"\n",
                    "%y"});
  models.push_back(
      {"squeeze-excite", in, with({{"w1", "f32[4x8x1x1]"}, {"w2", "f32[8x4x1x1]"}}),
       first + "%p = ReduceMean(%a) {axes = [2, 3]} : f32[1x8x1x1]\n" +
           convolution("%b", "%p", "%w1", 1, "f32[1x4x1x1]") + "%c = Relu(%b) : f32[1x4x1x1]\n" +
           convolution("%d", "%c", "%w2", 1, "f32[1x8x1x1]") +
           "%e = Sigmoid(%d) : f32[1x8x1x1]\n%m = Mul(%a, %e) : " + eight + "\n" + last("%m"),
       "%y"});
  models.push_back({"constants", in, with({{"w1", "f32[8x1x1]"}, {"w2", "f32[1x8x1x1]"}}),
                    first + "%b = PRelu(%a, %w1) : " + eight + "\n%c = Mul(%b, %w2) : " + eight +
                        "\n" + last("%c"),
                    "%y"});
  models.push_back(
      {"padded", in, with({}, "f32[5x12x1x1]"),
       first + "%b = Pad(%a) {pads = [0, 1, 0, 0, 0, 3, 0, 0]} : f32[1x12x6x6]\n" + last("%b"),
       "%y"});
  models.push_back({"pixel-shuffle", in, with({}, "f32[5x2x1x1]"),
                    first + "%b = DepthToSpace(%a) {blocksize = 2} : f32[1x2x12x12]\n" +
                        convolution("%y", "%b", "%w9", 1, "f32[1x5x12x12]"),
                    "%y"});
  const std::string tokens = "f32[1x6x16]";
  std::string project;
  for (std::string name : {"q", "k", "v"})
    project += "%" + name + "0 = MatMul(%x, %w" + name + ") : " + tokens + " loc \"" + name +
               "\"\n%" + name + "1 = Reshape(%" + name +
               "0) {shape = [1, 6, 4, 4]} : f32[1x6x4x4]\n";
  models.push_back(
      {"attention",
       "f32[1x6x16]",
       {{"wq", "f32[16x16]"}, {"wk", "f32[16x16]"}, {"wv", "f32[16x16]"}, {"wo", "f32[16x5]"}},
       project + "%q2 = Transpose(%q1) {perm = [0, 2, 1, 3]} : f32[1x4x6x4]\n"
                 "%k2 = Transpose(%k1) {perm = [0, 2, 3, 1]} : f32[1x4x4x6]\n"
                 "%v2 = Transpose(%v1) {perm = [0, 2, 1, 3]} : f32[1x4x6x4]\n"
                 "%s = MatMul(%q2, %k2) : f32[1x4x6x6]\n%t = Softmax(%s) {axis = 3} : "
                 "f32[1x4x6x6]\n%u = MatMul(%t, %v2) : f32[1x4x6x4]\n"
                 "%z = Transpose(%u) {perm = [0, 2, 1, 3]} : f32[1x6x4x4]\n"
                 "%o = Reshape(%z) {shape = [1, 6, 16]} : f32[1x6x16]\n"
                 "%y = MatMul(%o, %wo) : f32[1x6x5] loc \"y\"\n",
       "%y"});
  return models;
}

// Numbers from -1 to 1, the same for the same seed on every machine.
inline Tensor randomTensor(const Type &type, uint32_t seed) {
  Tensor tensor(type.dtype, type.dims);
  std::mt19937 random(seed);
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.setDouble(i, static_cast<double>(random()) / 2147483648.0 - 1);
  return tensor;
}

inline void randomizeParameters(Module &module, uint32_t seed) {
  for (const auto &parameter : module.parameters())
    if (parameter->content.dtype() == DType::F32)
      parameter->content = randomTensor(parameter->content.type(), seed++);
}

} // namespace edgecc::test
