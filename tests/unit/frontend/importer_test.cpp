#include "OnnxText.h"
#include "SharedModels.h"
#include "ir/Text.h"
#include "ir/Verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace edgecc::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Importer : public ::testing::Test {
protected:
  ReferenceExecutor executor;

  std::unique_ptr<Module> import(const std::string &graph, int64_t opset = 21,
                                 ImportOptions options = {}, const std::string &more = {}) {
    options.folder = &executor;
    auto module = importText(graph, opset, options, more);
    if (!module) {
      ADD_FAILURE() << str(module.error());
      return nullptr;
    }
    auto verified = verify(**module);
    EXPECT_TRUE(verified) << str(verified.error());
    return std::move(*module);
  }

  std::string importError(const std::string &graph, int64_t opset = 21,
                          ImportOptions options = {}) {
    options.folder = &executor;
    auto module = importText(graph, opset, options);
    return module ? "imported without an error" : str(module.error());
  }

  static Op *find(const Module &module, OpKind kind) {
    Op *found = nullptr;
    walk(module.main().body, [&](Op &op) {
      if (op.kind() == kind && !found)
        found = &op;
    });
    return found;
  }

  static int count(const Module &module, OpKind kind) {
    int n = 0;
    walk(module.main().body, [&](Op &op) { n += op.kind() == kind; });
    return n;
  }
};

TEST_F(Importer, NamesOpsAndValuesAfterTheModel) {
  auto module = import(valueInfo("input", "x", {2, 3}) + valueInfo("output", "z", {}) +
                       node("Relu", {"x"}, {"y"}, "", "first") + node("Neg", {"y"}, {"z"}));
  ASSERT_TRUE(module);
  EXPECT_EQ(find(*module, OpKind::Relu)->location, "first");
  EXPECT_EQ(find(*module, OpKind::Relu)->result()->provenance.tensor, "y");
  EXPECT_EQ(find(*module, OpKind::Neg)->location, "Neg_1");
  EXPECT_EQ(module->main().inputs[0].name, "x");
  EXPECT_EQ(module->main().outputs[0].name, "z");
}

TEST_F(Importer, ComputesShapeArithmeticAtCompileTime) {
  auto module = import(valueInfo("input", "x", {2, 3, 4}) + valueInfo("output", "y", {}) +
                       int64Initializer("one", {1}) + int64Initializer("minus", {-1}) +
                       node("Shape", {"x"}, {"s"}) + node("Gather", {"s", "one"}, {"d"}) +
                       node("Concat", {"minus", "d"}, {"shape"}, integer("axis", 0)) +
                       node("Reshape", {"x", "shape"}, {"y"}));
  ASSERT_TRUE(module);
  EXPECT_EQ(module->main().body.ops().size(), 2u) << print(*module);
  EXPECT_THAT(find(*module, OpKind::Reshape)->ints("shape"), ElementsAre(8, 3));
  EXPECT_TRUE(module->parameters().empty());
}

TEST_F(Importer, BindsSymbolicDimensions) {
  std::string graph =
      "input { name: 'x' type { tensor_type { elem_type: 1 shape { dim { dim_param: "
      "'batch' } dim { dim_value: 3 } } } } } input { name: 'w' type { tensor_type "
      "{ elem_type: 1 shape { dim { dim_param: 'batch' } } } } }" +
      valueInfo("output", "y", {}) + node("Neg", {"x"}, {"y"});
  ImportOptions byShape;
  byShape.inputShapes["x"] = {5, 3};
  auto module = import(graph, 21, byShape);
  ASSERT_TRUE(module);
  EXPECT_THAT(module->main().body.argument(1)->dims(), ElementsAre(5)) << "the symbol is shared";
  ImportOptions bySymbol;
  bySymbol.symbols["batch"] = 7;
  module = import(graph, 21, bySymbol);
  ASSERT_TRUE(module);
  EXPECT_THAT(module->main().body.argument(0)->dims(), ElementsAre(7, 3));
  ImportOptions wrong;
  wrong.inputShapes["x"] = {5, 4};
  EXPECT_THAT(importError(graph, 21, wrong),
              HasSubstr("5x4 does not fit the input, which is batchx3"));
}

TEST_F(Importer, NeverBakesInRunTimeValuesUnlessFrozen) {
  std::string graph = valueInfo("input", "x", {2, 3}) + valueInfo("input", "s", {2}, 7) +
                      valueInfo("output", "y", {}) + node("Identity", {"s"}, {"t"}) +
                      node("Abs", {"t"}, {"u"}) + node("Reshape", {"x", "u"}, {"y"});
  std::set<std::string> needed;
  ImportOptions options;
  options.neededInputs = &needed;
  EXPECT_THAT(importError(graph, 21, options), HasSubstr("run-time input 's'"));
  EXPECT_THAT(needed, ElementsAre("s"));
  options.frozenInputs["s"] = Tensor::ofInts(std::vector<int64_t>{-3, 2});
  auto module = import(graph, 21, options);
  ASSERT_TRUE(module);
  EXPECT_EQ(module->main().inputs.size(), 1u);
  EXPECT_EQ(module->main().body.yields()[0]->type.str(), "f32[3x2]");
}

TEST_F(Importer, ListsAllUnsupportedNodesInOneMessage) {
  std::string message =
      importError(valueInfo("input", "x", {2}) + valueInfo("output", "w", {}) +
                  node("Frobnicate", {"x"}, {"y"}, "", "a") + node("Relu", {"y"}, {"z"}, "", "b") +
                  node("RandomNormalLike", {"z"}, {"w"}, "domain: ''", "c") +
                  node("Foo", {"x"}, {"v"}, "domain: 'com.example'", "d"));
  EXPECT_THAT(message, HasSubstr("3 nodes cannot be compiled"));
  EXPECT_THAT(message, HasSubstr("a: Frobnicate (opset 21)"));
  EXPECT_THAT(message, HasSubstr("c: RandomNormalLike (opset 21)"));
  EXPECT_THAT(message, HasSubstr("d: com.example.Foo (opset 1)"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("b:"))) << "its operand failed, not the node";
}

TEST_F(Importer, InlinesFunctionsWithAttributesAndOptionalInputs) {
  std::string functions =
      "opset_import { domain: 'my' version: 1 } functions { name: 'Leaky' domain: 'my' input: 'a' "
      "input: 'absent' output: 'b' attribute: 'slope' opset_import { domain: '' version: 18 } "
      "node { op_type: 'LeakyRelu' input: 'a' output: 't' attribute { name: 'alpha' type: FLOAT "
      "ref_attr_name: 'slope' } } node { op_type: 'Clip' input: 't' input: 'absent' output: 'b' "
      "name: 'clip' } }";
  auto module =
      import(valueInfo("input", "x", {4}) + valueInfo("output", "y", {}) +
                 node("Leaky", {"x"}, {"y"},
                      "domain: 'my' attribute { name: 'slope' type: FLOAT f: 0.25 }", "call"),
             18, {}, functions);
  ASSERT_TRUE(module);
  EXPECT_EQ(find(*module, OpKind::LeakyRelu)->real("alpha"), 0.25);
  EXPECT_EQ(find(*module, OpKind::Clip)->location, "call/clip");
  EXPECT_EQ(find(*module, OpKind::Clip)->operand(1), nullptr);
}

TEST_F(Importer, StopsFunctionsThatCallThemselves) {
  std::string functions = "opset_import { domain: 'my' version: 1 } functions { name: 'F' domain: "
                          "'my' input: 'a' output: 'b' opset_import { domain: 'my' version: 1 } "
                          "node { op_type: 'F' domain: 'my' input: 'a' output: 'b' } }";
  auto bytes = importText(valueInfo("input", "x", {4}) + valueInfo("output", "y", {}) +
                              node("F", {"x"}, {"y"}, "domain: 'my'"),
                          18, {}, functions);
  ASSERT_FALSE(bytes);
  EXPECT_THAT(str(bytes.error()), HasSubstr("deep"));
}

TEST_F(Importer, LimitsFunctionsThatMultiply) {
  std::string functions = "opset_import { domain: 'my' version: 1 }";
  for (int i = 0; i < 20; ++i) {
    std::string callee = "op_type: 'F" + std::to_string(i) + "' domain: 'my'";
    if (i == 0)
      callee = "op_type: 'Identity'";
    functions += " functions { name: 'F" + std::to_string(i + 1) +
                 "' domain: 'my' input: 'a' output: 'c' opset_import { domain: 'my' version: 1 } "
                 "node { " +
                 callee + " input: 'a' output: 'b' } node { " + callee +
                 " input: 'b' output: 'c' } }";
  }
  auto module = importText(valueInfo("input", "x", {4}) + valueInfo("output", "y", {}) +
                               node("F20", {"x"}, {"y"}, "domain: 'my'"),
                           18, {}, functions);
  ASSERT_FALSE(module);
  EXPECT_THAT(str(module.error()), HasSubstr("more than 500000 nodes"));
}

TEST_F(Importer, LimitsTensorsThatClaimTheSameBytes) {
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(modelBytes(
      valueInfo("input", "x", {2}) + valueInfo("output", "y", {}) + node("Neg", {"x"}, {"y"}))));
  for (int i = 0; i < 130; ++i) {
    onnx::TensorProto &tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name("t" + std::to_string(i));
    tensor.set_data_type(onnx::TensorProto::UINT8);
    tensor.add_dims(2000);
    tensor.mutable_segment()->set_begin(0);
    tensor.mutable_segment()->set_end(2000);
  }
  auto bytes = std::make_shared<std::string>(model.SerializeAsString());
  ASSERT_GT(bytes->size(), 2000u);
  auto module = importOnnx(std::as_bytes(std::span(*bytes)), bytes);
  ASSERT_FALSE(module);
  EXPECT_THAT(str(module.error()), HasSubstr("repeats its tensors"));
}

TEST_F(Importer, TakesTheBranchThatIsKnown) {
  auto branch = [](const std::string &name, const std::string &op) {
    return "attribute { name: '" + name +
           "' type: GRAPH g { name: 'b' output { name: 'r' } node { "
           "op_type: '" +
           op + "' input: 'x' output: 'r' } } }";
  };
  std::string ifNode =
      node("If", {"c"}, {"y"}, branch("then_branch", "Neg") + branch("else_branch", "Abs"));
  auto known = import(valueInfo("input", "x", {2}) + valueInfo("output", "y", {}) +
                      "initializer { name: 'c' data_type: 9 int32_data: 0 }" + ifNode);
  ASSERT_TRUE(known);
  EXPECT_EQ(count(*known, OpKind::Abs), 1);
  EXPECT_EQ(count(*known, OpKind::Neg) + count(*known, OpKind::If), 0);
  auto open = import(valueInfo("input", "x", {2}) + valueInfo("input", "c", {}, 9) +
                     valueInfo("output", "y", {}) + ifNode);
  ASSERT_TRUE(open);
  EXPECT_EQ(count(*open, OpKind::If), 1);
  EXPECT_EQ(count(*open, OpKind::Neg), 1);
}

TEST_F(Importer, ReplacesABranchThatCannotRunWithTheShapes) {
  std::string graph =
      valueInfo("input", "x", {2, 3}) + valueInfo("input", "c", {}, 9) +
      valueInfo("output", "y", {}) + int64Initializer("s", {4, -1}) +
      node(
          "If", {"c"}, {"y"},
          "attribute { name: 'then_branch' type: GRAPH g { name: 'b' output { name: 'r' } node { "
          "op_type: 'Neg' input: 'x' output: 'r' } } } attribute { name: 'else_branch' type: GRAPH "
          "g { name: 'b' output { name: 'r' } node { op_type: 'Reshape' input: 'x' input: 's' "
          "output: 't' } node { op_type: 'Abs' input: 't' output: 'r' } } }",
          "choice");
  EXPECT_THAT(importError(graph), HasSubstr("choice/Reshape_0")) << "nobody would hear the warning";
  Diagnostics warnings;
  ImportOptions options;
  options.warnings = &warnings;
  auto module = import(graph, 21, options);
  ASSERT_TRUE(module);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0].str(), HasSubstr("the else_branch cannot run"));
  std::vector<Tensor> inputs{Tensor(DType::F32, {2, 3}), Tensor(DType::Bool, {})};
  auto results = executor.run(module->main(), inputs);
  ASSERT_TRUE(results) << str(results.error());
  EXPECT_EQ((*results)[0].type().str(), "f32[2x3]");
  EXPECT_TRUE(std::isnan((*results)[0].asDouble(5)));
}

TEST_F(Importer, ReadsLoopsWithFixedTrips) {
  std::string body =
      "attribute { name: 'body' type: GRAPH g { name: 'b' input { name: 'i' } input { name: 'c' } "
      "input { name: 'v' } output { name: 'c' } output { name: 'w' } output { name: 's' } node { "
      "op_type: 'Add' input: 'v' input: 'x' output: 'w' } node { op_type: 'Neg' input: 'w' output: "
      "'s' } } }";
  auto module = import(valueInfo("input", "x", {2}) + valueInfo("output", "last", {}) +
                       valueInfo("output", "all", {}) +
                       "initializer { name: 'n' data_type: 7 int64_data: 3 }" +
                       node("Loop", {"n", "", "x"}, {"last", "all"}, body));
  ASSERT_TRUE(module);
  Op *loop = find(*module, OpKind::Loop);
  EXPECT_TRUE(loop->flag("fixed_trips"));
  EXPECT_EQ(loop->result(1)->type.str(), "f32[3x2]");
  Tensor x = Tensor::of<float>(DType::F32, {2}, std::vector<float>{1, 2});
  auto results = executor.run(module->main(), std::span(&x, 1));
  ASSERT_TRUE(results) << str(results.error());
  EXPECT_EQ((*results)[0].asDouble(1), 8);
  EXPECT_EQ((*results)[1].asDouble(1), -4);
}

TEST_F(Importer, UnrollsLoopsWhoseShapesChange) {
  std::string body =
      "attribute { name: 'body' type: GRAPH g { name: 'b' input { name: 'i' } input { name: 'c' } "
      "input { name: 'v' } output { name: 'c' } output { name: 'w' } output { name: 'e' } node { "
      "op_type: 'Concat' input: 'v' input: 'x' output: 'w' attribute { name: 'axis' type: INT i: 0 "
      "} "
      "} node { op_type: 'Identity' input: 'i' output: 'e' } } }";
  auto module = import(valueInfo("input", "x", {2}) + valueInfo("output", "all", {}) +
                       valueInfo("output", "trips", {}) +
                       "initializer { name: 'n' data_type: 7 int64_data: 3 }" +
                       node("Loop", {"n", "", "x"}, {"all", "trips"}, body));
  ASSERT_TRUE(module);
  EXPECT_EQ(count(*module, OpKind::Loop), 0);
  Tensor x = Tensor::of<float>(DType::F32, {2}, std::vector<float>{1, 2});
  auto results = executor.run(module->main(), std::span(&x, 1));
  ASSERT_TRUE(results) << str(results.error());
  EXPECT_THAT((*results)[0].asInts(), ElementsAre(1, 2, 1, 2, 1, 2, 1, 2));
  EXPECT_THAT((*results)[1].asInts(), ElementsAre(0, 1, 2));
}

TEST_F(Importer, GivesOldAndNewSpellingsOneForm) {
  std::string io = valueInfo("input", "x", {2, 6, 4, 4}) + valueInfo("output", "y", {});
  auto oldSlice =
      import(io + node("Slice", {"x"}, {"y"},
                       ints("starts", {1, -3}) + ints("ends", {9, 1000}) + ints("axes", {1, -1})),
             9);
  auto newSlice =
      import(io + int64Initializer("s", {1, -3}) + int64Initializer("e", {9, 1000}) +
                 int64Initializer("a", {1, -1}) + node("Slice", {"x", "s", "e", "a"}, {"y"}),
             13);
  ASSERT_TRUE(oldSlice && newSlice);
  EXPECT_EQ(print(*oldSlice), print(*newSlice));
  EXPECT_THAT(find(*newSlice, OpKind::Slice)->ints("sizes"), ElementsAre(2, 5, 4, 3));

  auto oldSum = import(io + node("ReduceSum", {"x"}, {"y"}, ints("axes", {-2})), 11);
  auto newSum = import(io + int64Initializer("a", {2}) + node("ReduceSum", {"x", "a"}, {"y"}), 13);
  ASSERT_TRUE(oldSum && newSum);
  EXPECT_EQ(print(*oldSum), print(*newSum));

  // Up to opset 12 the axes from `axis` on are one.
  auto oldSoftmax = import(io + node("Softmax", {"x"}, {"y"}), 11);
  auto newSoftmax = import(io + node("Softmax", {"x"}, {"y"}), 13);
  ASSERT_TRUE(oldSoftmax && newSoftmax);
  EXPECT_EQ(find(*oldSoftmax, OpKind::Softmax)->operand(0)->type.str(), "f32[2x96]");
  EXPECT_EQ(find(*newSoftmax, OpKind::Softmax)->operand(0)->type.str(), "f32[2x6x4x4]");
}

TEST_F(Importer, SlicesBackwards) {
  auto module = import(valueInfo("input", "x", {5}) + valueInfo("output", "y", {}) +
                       int64Initializer("s", {-1}) + int64Initializer("e", {INT64_MIN}) +
                       int64Initializer("a", {0}) + int64Initializer("t", {-2}) +
                       node("Slice", {"x", "s", "e", "a", "t"}, {"y"}));
  ASSERT_TRUE(module);
  const Op *slice = find(*module, OpKind::Slice);
  EXPECT_THAT(slice->ints("starts"), ElementsAre(4));
  EXPECT_THAT(slice->ints("sizes"), ElementsAre(3));
}

TEST_F(Importer, ComputesAutomaticPadding) {
  auto pads = [&](const std::string &mode) {
    auto module = import(
        valueInfo("input", "x", {1, 1, 5, 6}) +
        floatInitializer("w", {1, 1, 2, 3}, {1, 1, 1, 1, 1, 1}) + valueInfo("output", "y", {}) +
        node("Conv", {"x", "w"}, {"y"}, text("auto_pad", mode) + ints("strides", {2, 2})));
    return module ? find(*module, OpKind::Conv)->ints("pads") : std::vector<int64_t>{};
  };
  EXPECT_THAT(pads("SAME_UPPER"), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(pads("SAME_LOWER"), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(pads("VALID"), ElementsAre(0, 0, 0, 0));
}

TEST_F(Importer, EvaluatesEinsum) {
  auto run = [&](const std::string &equation, const Dims &a, const Dims &b) {
    auto module = import(valueInfo("input", "a", a) + valueInfo("input", "b", b) +
                         valueInfo("output", "y", {}) +
                         node("Einsum", {"a", "b"}, {"y"}, text("equation", equation)));
    std::vector<Tensor> inputs;
    for (const Dims &dims : {a, b}) {
      Tensor tensor(DType::F32, dims);
      for (int64_t i = 0; i < tensor.elements(); ++i)
        tensor.setDouble(i, static_cast<double>(i % 7) - 2);
      inputs.push_back(tensor);
    }
    auto results = executor.run(module->main(), inputs);
    EXPECT_TRUE(results) << str(results.error());
    return std::tuple(inputs[0], inputs[1], (*results)[0]);
  };
  auto at = [](const Tensor &t, std::initializer_list<int64_t> index) {
    int64_t offset = 0;
    size_t axis = 0;
    for (int64_t i : index)
      offset = offset * t.dims()[axis++] + i;
    return t.asDouble(offset);
  };
  auto [a, b, y] = run("bhid, bhjd -> bijh", {2, 3, 4, 5}, {2, 3, 6, 5});
  ASSERT_EQ(y.type().str(), "f32[2x4x6x3]");
  for (int64_t i : {0, 3})
    for (int64_t j : {1, 5}) {
      double sum = 0;
      for (int64_t d = 0; d < 5; ++d)
        sum += at(a, {1, 2, i, d}) * at(b, {1, 2, j, d});
      EXPECT_EQ(at(y, {1, i, j, 2}), sum);
    }
  auto [c, e, z] = run("...ii, i", {3, 4, 4}, {4});
  ASSERT_EQ(z.type().str(), "f32[3]");
  double sum = 0;
  for (int64_t i = 0; i < 4; ++i)
    sum += at(c, {2, i, i}) * at(e, {i});
  EXPECT_EQ(at(z, {2}), sum);
}

TEST_F(Importer, UnpacksBlockwiseWeights) {
  // Two columns of K = 32 in blocks of 16: all nibbles 9 and 10, zero point 8 by default.
  std::string packed;
  for (int i = 0; i < 32; ++i)
    packed += "\\xa9";
  auto module = import(valueInfo("input", "x", {1, 32}) + valueInfo("output", "y", {}) +
                       "initializer { name: 'w' data_type: 2 dims: 2 dims: 2 dims: 8 raw_data: '" +
                       packed + "' }" + floatInitializer("s", {4}, {1, 2, 3, 4}) +
                       node("MatMulNBits", {"x", "w", "s"}, {"y"},
                            "domain: 'com.microsoft' " + integer("K", 32) + integer("N", 2) +
                                integer("block_size", 16)));
  ASSERT_TRUE(module);
  Tensor x(DType::F32, {1, 32});
  for (int64_t i = 0; i < 32; ++i)
    x.setDouble(i, i < 16 ? 1 : 10);
  auto results = executor.run(module->main(), std::span(&x, 1));
  ASSERT_TRUE(results) << str(results.error());
  // A block holds eight times 9 - 8 and eight times 10 - 8: 24 times its scale.
  EXPECT_EQ((*results)[0].asDouble(0), 24 * (1 * 1 + 2 * 10));
  EXPECT_EQ((*results)[0].asDouble(1), 24 * (3 * 1 + 4 * 10));
}

TEST_F(Importer, TakesFusedConvolutionsApart) {
  auto module =
      import(valueInfo("input", "x", {1, 1, 2, 2}) + valueInfo("input", "z", {1, 1, 2, 2}) +
             valueInfo("output", "y", {}) + floatInitializer("w", {1, 1, 1, 1}, {2}) +
             node("FusedConv", {"x", "w", "", "z"}, {"y"},
                  "domain: 'com.microsoft' " + text("activation", "Relu")));
  ASSERT_TRUE(module);
  Tensor x = Tensor::of<float>(DType::F32, {1, 1, 2, 2}, std::vector<float>{1, 2, 3, 4});
  Tensor z = Tensor::of<float>(DType::F32, {1, 1, 2, 2}, std::vector<float>{-9, -4, 0, 1});
  auto results = executor.run(module->main(), std::vector<Tensor>{x, z});
  ASSERT_TRUE(results) << str(results.error());
  EXPECT_THAT((*results)[0].asInts(), ElementsAre(0, 0, 6, 9));
}

TEST_F(Importer, ReadsEveryStorageOfTensors) {
  auto value = [&](const std::string &initializer) {
    auto module = import(valueInfo("output", "y", {}) + "initializer { name: 'c' " + initializer +
                         " }" + node("Identity", {"c"}, {"y"}));
    return module ? *constantOf(module->main().body.yields()[0]) : Tensor();
  };
  EXPECT_THAT(value("data_type: 22 dims: 3 int32_data: 0x21 int32_data: 0x0f").asInts(),
              ElementsAre(1, 2, -1));
  EXPECT_THAT(value("data_type: 21 dims: 3 raw_data: '\\x21\\x0f'").asInts(),
              ElementsAre(1, 2, 15));
  EXPECT_EQ(value("data_type: 10 dims: 1 int32_data: 0x3c00").asDouble(0), 1.0);
  EXPECT_EQ(value("data_type: 16 raw_data: '\\x80\\x3f'").asDouble(0), 1.0);
  EXPECT_EQ(value("data_type: 17 dims: 1 int32_data: 0x38").asDouble(0), 1.0);
  EXPECT_THAT(value("data_type: 9 dims: 2 raw_data: '\\x00\\x07'").asInts(), ElementsAre(0, 1));
  EXPECT_EQ(value("data_type: 12 dims: 1 uint64_data: 4000000000").asInt(0), 4000000000);
}

TEST_F(Importer, MakesSparseTensorsDense) {
  auto module =
      import(valueInfo("output", "y", {}) +
             "sparse_initializer { dims: 2 dims: 3 values { name: 'c' data_type: 1 dims: 2 "
             "float_data: 5 float_data: 7 } indices { data_type: 7 dims: 2 dims: 2 "
             "int64_data: 0 int64_data: 1 int64_data: 1 int64_data: 2 } }" +
             node("Identity", {"c"}, {"y"}));
  ASSERT_TRUE(module);
  EXPECT_THAT(constantOf(module->main().body.yields()[0])->asInts(), ElementsAre(0, 5, 0, 0, 0, 7));
}

TEST_F(Importer, SharesLargeWeightsWithTheFile) {
  std::string graph = valueInfo("input", "x", {1, 4096}) + valueInfo("output", "y", {}) +
                      node("Add", {"x", "w"}, {"y"}) +
                      "initializer { name: 'w' data_type: 1 dims: "
                      "4096 raw_data: '" +
                      std::string(16384, 'a') + "' }";
  auto bytes = std::make_shared<std::string>(modelBytes(graph));
  auto module = importOnnx(std::as_bytes(std::span(*bytes)), bytes);
  ASSERT_TRUE(module) << str(module.error());
  const Tensor &content = (*module)->findParameter("w")->content;
  EXPECT_EQ(content.dims(), Dims{4096});
  EXPECT_EQ(static_cast<char>(content.raw()[16383]), 'a');
  auto *at = reinterpret_cast<const char *>(content.raw());
  bool aligned =
      (bytes->find(std::string(100, 'a')) + reinterpret_cast<uintptr_t>(bytes->data())) % 4 == 0;
  EXPECT_EQ(at >= bytes->data() && at < bytes->data() + bytes->size(), aligned);
}

TEST_F(Importer, SurvivesEveryTruncationOfAModel) {
  std::string bytes =
      modelBytes(valueInfo("input", "x", {2, 3}) + valueInfo("output", "y", {}) +
                 floatInitializer("w", {3}, {1, 2, 3}) + node("Add", {"x", "w"}, {"y"}));
  for (size_t length = 0; length < bytes.size(); ++length) {
    auto owner = std::make_shared<std::string>(bytes.substr(0, length));
    auto module = importOnnx(std::as_bytes(std::span(*owner)), owner);
    if (module)
      EXPECT_TRUE(verify(**module));
  }
}

class SharedModel : public ::testing::TestWithParam<std::string> {};

TEST_P(SharedModel, ImportsWithTheShapesOfItsTestData) {
  auto data = importSharedModel(GetParam());
  ASSERT_TRUE(data) << str(data.error());
  auto verified = verify(*data->module);
  EXPECT_TRUE(verified) << str(verified.error());
  const auto &yields = data->module->main().body.yields();
  ASSERT_EQ(data->outputs.size(), yields.size());
  for (size_t i = 0; i < yields.size(); ++i)
    EXPECT_EQ(yields[i]->type.str(), data->outputs[i].type().str());
}

INSTANTIATE_TEST_SUITE_P(Models, SharedModel, ::testing::ValuesIn(sharedModels()),
                         [](const auto &info) { return info.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedModel);

} // namespace
} // namespace edgecc::test
