#include "OnnxText.h"
#include "SharedModels.h"
#include "frontend/onnx/Exporter.h"
#include "frontend/onnx/ProvenanceMetadata.h"
#include "ir/Builder.h"
#include "ir/Text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

using ::testing::HasSubstr;

class Exporter : public ::testing::Test {
protected:
  ReferenceExecutor executor;

  // The module after export and import.
  std::unique_ptr<Module> roundTrip(const Module &module) {
    auto bytes = exportOnnx(module);
    if (!bytes) {
      ADD_FAILURE() << str(bytes.error());
      return nullptr;
    }
    auto owner = std::make_shared<std::string>(std::move(*bytes));
    ImportOptions options;
    options.folder = &executor;
    auto back = importOnnx(std::as_bytes(std::span(*owner)), owner, options);
    if (!back) {
      ADD_FAILURE() << str(back.error());
      return nullptr;
    }
    return std::move(*back);
  }

  // One function of f32 arguments with these dims; `build` returns what it yields.
  template <class Fn> std::unique_ptr<Module> module(const std::vector<Dims> &arguments, Fn build) {
    auto result = std::make_unique<Module>();
    Function &main = result->addFunction("main");
    std::vector<Value *> values;
    for (const Dims &dims : arguments) {
      values.push_back(main.body.addArgument({DType::F32, dims, 0, {}}));
      main.inputs.push_back({"in" + std::to_string(values.size()), {}});
    }
    Builder builder(*result, main.body);
    std::vector<Value *> outputs = build(builder, values);
    for (size_t i = 0; i < outputs.size(); ++i)
      main.outputs.push_back({"out" + std::to_string(i), {}});
    builder.yield(outputs);
    return result;
  }

  // Both modules compute the same on some numbers.
  void expectSameResults(const Module &a, const Module &b) {
    std::vector<Tensor> inputs;
    for (const auto &argument : a.main().body.arguments()) {
      Tensor tensor(argument->type.dtype, argument->dims());
      for (int64_t i = 0; i < tensor.elements(); ++i)
        tensor.setDouble(i, 0.25 * static_cast<double>(i * 37 % 23) - 2);
      inputs.push_back(tensor);
    }
    auto x = executor.run(a.main(), inputs), y = executor.run(b.main(), inputs);
    ASSERT_TRUE(x) << str(x.error());
    ASSERT_TRUE(y) << str(y.error());
    ASSERT_EQ(x->size(), y->size());
    for (size_t i = 0; i < x->size(); ++i) {
      ASSERT_EQ((*x)[i].type(), (*y)[i].type());
      for (int64_t k = 0; k < (*x)[i].elements(); ++k)
        ASSERT_NEAR((*x)[i].asDouble(k), (*y)[i].asDouble(k), 1e-5) << "output " << i;
    }
  }
};

TEST_F(Exporter, KeepsNamesOfPortsAndParameters) {
  auto m = module({{2, 3}}, [](Builder &b, auto x) {
    Tensor weights(DType::F32, {3});
    return std::vector<Value *>{b.create(OpKind::Add, {x[0], b.constant(weights, "weights")})};
  });
  auto back = roundTrip(*m);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->main().inputs[0].name, "in1");
  EXPECT_EQ(back->main().outputs[0].name, "out0");
  EXPECT_NE(back->findParameter("weights"), nullptr);
}

TEST_F(Exporter, NamesAnOutputThatIsAnInputOrGivenTwice) {
  auto m = module({{4}}, [](Builder &b, auto x) {
    Value *y = b.create(OpKind::Neg, {x[0]});
    return std::vector<Value *>{x[0], y, y};
  });
  auto back = roundTrip(*m);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->main().outputs.size(), 3u);
  expectSameResults(*m, *back);
}

TEST_F(Exporter, WritesOpsThatOnnxSpellsDifferently) {
  auto m = module({{1, 2, 4, 6}}, [](Builder &b, auto in) {
    using Ints = std::vector<int64_t>;
    Value *x = in[0];
    std::vector<Value *> out;
    out.push_back(b.create(OpKind::Swish, {x}, {{"alpha", 1.5}}));
    out.push_back(b.create(OpKind::Slice, {x},
                           {{"starts", Ints{0, 1, 3, 5}},
                            {"sizes", Ints{1, 2, 2, 3}},
                            {"steps", Ints{1, -1, -3, -2}}}));
    out.push_back(b.create(OpKind::ReduceSumSquare, {x}, {{"axes", Ints{}}}));
    out.push_back(b.create(OpKind::ReduceMean, {x}, {{"axes", Ints{1, 3}}, {"keepdims", false}}));
    out.push_back(b.create(
        OpKind::RMSNormalization,
        {x, b.constant(Tensor::of<float>(DType::F32, {6}, std::vector<float>{1, 2, 3, 4, 5, 6}))},
        {{"axis", int64_t{3}}, {"epsilon", 0.5}}));
    out.push_back(b.create(OpKind::LayerNormalization, {x}, {{"axis", int64_t{2}}}));
    out.push_back(b.create(OpKind::Resize, {x},
                           {{"sizes", Ints{1, 2, 8, 9}},
                            {"scales", std::vector<double>{1, 1, 2, 1.5}},
                            {"mode", std::string("linear")}}));
    out.push_back(b.create(OpKind::Clip, {x, nullptr, b.scalar(DType::F32, 0.5)}));
    out.push_back(
        b.create(OpKind::Pad, {x},
                 {{"pads", Ints{0, 0, 1, 2, 0, 0, 0, 1}}, {"mode", std::string("reflect")}}));
    return out;
  });
  auto back = roundTrip(*m);
  ASSERT_TRUE(back);
  expectSameResults(*m, *back);
}

TEST_F(Exporter, WritesQuantisationWithWiderResults) {
  auto m = module({{2, 4}}, [](Builder &b, auto x) {
    Tensor scale(DType::F16, {});
    scale.setDouble(0, 0.125);
    Value *s = b.constant(scale);
    Value *q = b.create(OpKind::QuantizeLinear, {x[0], s}, {{"to", DType::I8}});
    return std::vector<Value *>{b.create(OpKind::DequantizeLinear, {q, s}, {{"to", DType::F32}})};
  });
  auto back = roundTrip(*m);
  ASSERT_TRUE(back);
  expectSameResults(*m, *back);
}

TEST_F(Exporter, RefusesLoweredOpsWithTheReason) {
  auto m = module({{2, 3}}, [](Builder &b, auto x) {
    return std::vector<Value *>{
        b.create(OpKind::Reorder, {x[0]}, {{"order", std::vector<int64_t>{1, 0}}})};
  });
  auto bytes = exportOnnx(*m);
  ASSERT_FALSE(bytes);
  EXPECT_THAT(str(bytes.error()), HasSubstr("only after lowering"));
}

TEST_F(Exporter, RoundTripsControlFlow) {
  std::string body =
      "attribute { name: 'body' type: GRAPH g { name: 'b' input { name: 'i' } input { name: 'c' } "
      "input { name: 'v' } output { name: 'c' } output { name: 'w' } output { name: 's' } node { "
      "op_type: 'Add' input: 'v' input: 'x' output: 'w' } node { op_type: 'Neg' input: 'w' output: "
      "'s' } } }";
  ImportOptions options;
  options.folder = &executor;
  auto m = importText(valueInfo("input", "x", {2}) + valueInfo("output", "last", {}) +
                          valueInfo("output", "all", {}) +
                          "initializer { name: 'n' data_type: 7 int64_data: 3 }" +
                          node("Loop", {"n", "", "x"}, {"last", "all"}, body),
                      21, options);
  ASSERT_TRUE(m) << str(m.error());
  auto back = roundTrip(**m);
  ASSERT_TRUE(back);
  expectSameResults(**m, *back);
}

class ExportedModel : public ::testing::TestWithParam<std::string> {};

TEST_P(ExportedModel, ComputesTheSameBits) {
  auto data = importSharedModel(GetParam());
  ASSERT_TRUE(data) << str(data.error());
  auto bytes = exportOnnx(*data->module);
  ASSERT_TRUE(bytes) << str(bytes.error());
  auto owner = std::make_shared<std::string>(std::move(*bytes));
  ReferenceExecutor executor;
  ImportOptions options;
  options.folder = &executor;
  auto back = importOnnx(std::as_bytes(std::span(*owner)), owner, options);
  ASSERT_TRUE(back) << str(back.error());
  auto expected = executor.run(data->module->main(), data->inputs);
  auto actual = executor.run((*back)->main(), data->inputs);
  ASSERT_TRUE(expected) << str(expected.error());
  ASSERT_TRUE(actual) << str(actual.error());
  EXPECT_EQ(*expected, *actual);
  for (size_t i = 0; i < expected->size(); ++i)
    EXPECT_EQ(data->module->main().outputs[i].name, (*back)->main().outputs[i].name);
}

INSTANTIATE_TEST_SUITE_P(Models, ExportedModel, ::testing::ValuesIn(sharedModels()),
                         [](const auto &info) { return info.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExportedModel);

TEST_F(Exporter, KeepsWhatTensorsStandFor) {
  auto m = module({{1, 2, 4}}, [](Builder &builder, const std::vector<Value *> &in) {
    Value *y = builder.create(OpKind::Relu, {in[0]});
    y->provenance = {"whole", 1, {3, 0}, {0.5, 0.1}};
    return std::vector{builder.create(OpKind::Tanh, {y})};
  });
  auto back = roundTrip(*m);
  ASSERT_TRUE(back);
  const Value &y = *back->main().body.ops().front()->result();
  EXPECT_EQ(y.provenance, (Provenance{"whole", 1, {3, 0}, {0.5, 0.1}}));
}

// The metadata may say anything: what does not fit the tensor is ignored.
TEST_F(Exporter, IgnoresProvenanceThatDoesNotFit) {
  for (std::string entry :
       {"nonsense", "[]", R"({"y": 3})", R"({"y": {"tensor": "z", "axis": 7, "channels": [0]}})",
        R"({"y": {"tensor": "z", "axis": 1, "channels": [0, -1]}})",
        R"({"y": {"tensor": "z", "axis": 1, "scale": [1]}})",
        R"({"y": {"tensor": "z", "axis": 1, "scale": [1, 1e999]}})"}) {
    onnx::ModelProto model;
    auto &property = *model.add_metadata_props();
    property.set_key("edgecc.provenance");
    property.set_value(entry);
    auto m = module({{1, 2, 4}}, [](Builder &builder, const std::vector<Value *> &in) {
      Value *y = builder.create(OpKind::Relu, {in[0]});
      y->provenance.tensor = "y";
      return std::vector{y};
    });
    readProvenance(model, *m);
    EXPECT_EQ(m->main().body.yields()[0]->provenance, Provenance{"y"}) << entry;
  }
}

} // namespace
} // namespace edgecc::test
