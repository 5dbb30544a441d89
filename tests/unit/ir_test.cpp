// Types, tensors, the graph, declarations and the verifier.
#include "ir/Builder.h"
#include "ir/OpDocs.h"
#include "ir/Text.h"
#include "ir/Verifier.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

using namespace edgecc;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Type f32(Dims dims) { return {DType::F32, std::move(dims), 0, {}}; }

std::vector<Value *> operandsOf(std::initializer_list<Value *> values) { return values; }

// main(x: f32[2x3]) = Relu(x + w)
struct SmallModule {
  Module module;
  Function &main = module.addFunction("main");
  Builder builder{module, main.body};
  Value *x = main.body.addArgument(f32({2, 3}));
  Value *w = builder.constant(Tensor::of<float>(DType::F32, {3}, std::vector<float>{1, 2, 3}), "w");
  Value *sum = builder.create(OpKind::Add, {x, w});
  Value *y = builder.create(OpKind::Relu, {sum});

  SmallModule() {
    module.name = "small";
    main.inputs.push_back({"x", {}});
    main.outputs.push_back({"y", {}});
    builder.yield(operandsOf({y}));
  }
};

std::string verifyText(const Module &module) {
  auto result = verify(module);
  return result ? "" : str(result.error());
}

// --- types and tensors ---

TEST(Type, PrintsElementTypeShapeAndLayout) {
  EXPECT_EQ(f32({1, 3, 224, 224}).str(), "f32[1x3x224x224]");
  EXPECT_EQ((Type{DType::I64, {}, 0, {}}).str(), "i64[]");
  EXPECT_EQ((Type{DType::I64, {100, 3}, 1, {}}).str(), "i64[<=100x3]");
  Layout nhwc{{0, 2, 3, 1}, {0, 0, 1, 1}, {0, 0, 1, 2}};
  EXPECT_EQ((Type{DType::U8, {1, 8, 4, 4}, 0, nhwc}).str(),
            "u8[1x8x4x4, order=[0, 2, 3, 1], halo=[0, 0, 1, 1]/[0, 0, 1, 2]]");
}

TEST(Type, NamesOfElementTypesAreUniqueAndFoundAgain) {
  for (unsigned i = 0; i < kNumDTypes; ++i)
    EXPECT_EQ(dtypeFromName(name(static_cast<DType>(i))), static_cast<DType>(i));
  EXPECT_FALSE(dtypeFromName("f31"));
}

TEST(Type, EveryElementTypeBelongsToOneFamily) {
  for (unsigned i = 0; i < kNumDTypes; ++i) {
    auto type = static_cast<DType>(i);
    EXPECT_EQ(isFloat(type) + isStorageFloat(type) + isSigned(type) + isUnsigned(type) +
                  (type == DType::Bool),
              1)
        << name(type);
  }
}

TEST(Type, SubByteElementsPackAlongTheWholeTensor) {
  EXPECT_EQ(numBytes(DType::I4, {3, 3}), 5);
  EXPECT_EQ(numBytes(DType::F32, {}), 4);
  EXPECT_EQ(numBytes(DType::F32, {0, 7}), 0);
}

TEST(Type, ShapesThatOverflowAreInvalid) {
  EXPECT_TRUE(isValidShape({1 << 20, 1 << 20}));
  EXPECT_FALSE(isValidShape({1 << 20, 1 << 20, 1 << 20}));
  EXPECT_FALSE(isValidShape({0, 1 << 30, 1 << 30, 1 << 30}));
  EXPECT_FALSE(isValidShape({kMaxExtent + 1}));
  EXPECT_FALSE(isValidShape({-1}));
  EXPECT_FALSE(isValidShape(Dims(kMaxRank + 1, 1)));
}

TEST(Tensor, StoresAndReadsEveryElementType) {
  for (unsigned i = 0; i < kNumDTypes; ++i) {
    auto dtype = static_cast<DType>(i);
    Tensor tensor(dtype, {3});
    tensor.setDouble(1, 1.0);
    EXPECT_EQ(tensor.asDouble(1), 1.0) << name(dtype);
    EXPECT_EQ(tensor.asInt(1), 1) << name(dtype);
    if (dtype != DType::F8E8M0) { // which has no zero
      EXPECT_EQ(tensor.asDouble(0), 0.0) << name(dtype);
      EXPECT_EQ(tensor.asDouble(2), 0.0) << name(dtype);
    }
  }
}

TEST(Tensor, StoringSaturatesIntegersAndRoundsFloatsToEven) {
  Tensor i4(DType::I4, {2});
  i4.setDouble(0, 100);
  i4.setDouble(1, -100);
  EXPECT_THAT(i4.asInts(), ElementsAre(7, -8));
  Tensor u8(DType::U8, {2});
  u8.setDouble(0, 1e30);
  u8.setDouble(1, std::nan(""));
  EXPECT_THAT(u8.asInts(), ElementsAre(255, 0));
  Tensor i64(DType::I64, {1});
  i64.setDouble(0, std::numeric_limits<double>::infinity());
  EXPECT_EQ(i64.asInt(0), std::numeric_limits<int64_t>::max());
  Tensor f16(DType::F16, {1});
  f16.setDouble(0, 2049); // half way between 2048 and 2050
  EXPECT_EQ(f16.asDouble(0), 2048);
  Tensor f4(DType::F4E2M1, {3});
  f4.setDouble(0, 2.5); // half way between 2 (code 4) and 3 (code 5)
  f4.setDouble(1, -100);
  f4.setDouble(2, 5); // half way between 4 (code 6) and 6 (code 7)
  EXPECT_EQ(f4.asDouble(0), 2);
  EXPECT_EQ(f4.asDouble(1), -6);
  EXPECT_EQ(f4.asDouble(2), 4);
}

TEST(Tensor, FloatsBeyondInt64Saturate) {
  Tensor tensor = Tensor::scalar(DType::F32, -1e30f);
  EXPECT_EQ(tensor.asInt(0), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Tensor::scalar(DType::F32, NAN).asInt(0), 0);
}

TEST(Tensor, CopiesShareBytesUntilOneIsWritten) {
  Tensor a = Tensor::of<float>(DType::F32, {2}, std::vector<float>{1, 2});
  Tensor b = a;
  EXPECT_EQ(a.raw(), b.raw());
  b.mutableData<float>()[0] = 5;
  EXPECT_EQ(a.asDouble(0), 1);
  EXPECT_EQ(b.asDouble(0), 5);
  EXPECT_NE(a, b);
}

TEST(Tensor, BytesOfAFileAreCopiedBeforeTheyAreWritten) {
  const float file[] = {1, 2};
  Tensor tensor(DType::F32, {2}, nullptr, reinterpret_cast<const std::byte *>(file));
  EXPECT_EQ(tensor.raw(), reinterpret_cast<const std::byte *>(file));
  tensor.mutableData<float>()[0] = 9;
  EXPECT_EQ(file[0], 1);
  EXPECT_EQ(tensor.asDouble(0), 9);
  EXPECT_EQ(tensor.asDouble(1), 2);
}

TEST(Diagnostic, SaysWhatWhereAndWhatToDo) {
  EXPECT_EQ((Diagnostic{"bad", "Conv_3", "use --fix"}).str(), "bad [at Conv_3]; use --fix");
  EXPECT_EQ((Diagnostic{"bad", "", ""}).str(), "bad");
}

// --- declarations ---

TEST(OpDef, EveryDeclarationIsComplete) {
  for (unsigned i = 0; i < kNumOps; ++i) {
    const OpDef &def = defOf(static_cast<OpKind>(i));
    SCOPED_TRACE(def.name);
    EXPECT_EQ(findOpDef(def.name), &def);
    EXPECT_FALSE(def.doc.empty());
    EXPECT_TRUE(def.infer);
    EXPECT_LE(def.minResults, def.maxResults);
    bool optional = false;
    for (size_t k = 0; k < def.operands.size(); ++k) {
      const OperandDef &operand = def.operands[k];
      EXPECT_EQ(operandIndex(def.kind, operand.name), k) << "two operands have one name";
      EXPECT_NE(operand.allowed, 0u) << operand.name;
      EXPECT_TRUE(!operand.variadic || k + 1 == def.operands.size()) << operand.name;
      EXPECT_TRUE(operand.optional || !optional) << operand.name << " follows an optional operand";
      optional |= operand.optional;
    }
    for (const AttributeDef &attribute : def.attributes) {
      EXPECT_EQ(def.findAttribute(attribute.name), &attribute) << attribute.name;
      if (attribute.defaultValue)
        EXPECT_EQ(kindOf(*attribute.defaultValue), attribute.kind) << attribute.name;
    }
    for (const Constraint &constraint : def.constraints)
      EXPECT_TRUE(!constraint.sentence.empty() && constraint.holds);
    if (def.is(OpTrait::Elementwise) || def.is(OpTrait::Contraction))
      EXPECT_TRUE(def.space) << "loops are generated from the index maps";
  }
  EXPECT_EQ(findOpDef("Convolve"), nullptr);
}

TEST(OpDef, MissingOperandIsNamed) {
  SmallModule m;
  auto result = m.builder.tryCreate(OpKind::Add, {m.x});
  ASSERT_FALSE(result);
  EXPECT_THAT(str(result.error()), HasSubstr("Add: operand b is missing"));
}

TEST(OpDef, WrongElementTypeIsNamedWithTheAllowedOnes) {
  SmallModule m;
  Value *flag = m.builder.scalar(DType::Bool, 1);
  m.builder.location = "node_7";
  auto result = m.builder.tryCreate(OpKind::Relu, {flag});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error()[0].where, "node_7");
  EXPECT_THAT(result.error()[0].what, HasSubstr("is bool, allowed are: f32, f16"));
}

TEST(OpDef, OperandsOfOneTypeVariableMustAgree) {
  SmallModule m;
  auto result = m.builder.tryCreate(OpKind::Add, {m.x, m.builder.scalar(DType::I32, 1)});
  ASSERT_FALSE(result);
  EXPECT_THAT(str(result.error()),
              HasSubstr("is i32, but operand a of the same element type is f32"));
}

TEST(OpDef, AttributesAreChecked) {
  SmallModule m;
  auto fails = [&](Attributes attributes) {
    auto result = m.builder.tryCreate(OpKind::Transpose, {m.x}, std::move(attributes));
    return result ? std::string() : str(result.error());
  };
  EXPECT_THAT(fails({}), HasSubstr("attribute perm is required"));
  EXPECT_THAT(fails({{"perm", int64_t{1}}}),
              HasSubstr("must be a list of integers, is an integer"));
  EXPECT_THAT(fails({{"perm", Dims{1, 0}}, {"prem", Dims{}}}), HasSubstr("no attribute prem"));
  EXPECT_THAT(fails({{"perm", Dims{1, int64_t{1} << 40}}}), HasSubstr("in magnitude"));
  EXPECT_THAT(fails({{"perm", Dims{1, 1}}}), HasSubstr("does not hold for operands (f32[2x3])"));
  EXPECT_EQ(fails({{"perm", Dims{1, 0}}}), "");
}

TEST(OpDef, ResultsThatAreTooLargeAreRefused) {
  SmallModule m;
  auto result = m.builder.tryCreate(OpKind::Tile, {m.x}, {{"repeats", Dims{1 << 30, 1 << 30}}});
  ASSERT_FALSE(result);
  EXPECT_THAT(str(result.error()), HasSubstr("too many axes or elements"));
}

TEST(OpDocs, NameEveryOpAndItsConstraints) {
  std::string docs = opDocs();
  for (unsigned i = 0; i < kNumOps; ++i) {
    const OpDef &def = defOf(static_cast<OpKind>(i));
    EXPECT_THAT(docs, HasSubstr("\n## " + def.name + "\n"));
    for (const Constraint &constraint : def.constraints)
      EXPECT_THAT(docs, HasSubstr("- " + constraint.sentence + "\n"));
  }
}

// --- index maps and costs ---

TEST(IndexMap, ElementwiseOperandsBroadcastFromTheRight) {
  SmallModule m;
  auto space = iterationSpace(*m.sum->definingOp());
  ASSERT_TRUE(space);
  EXPECT_EQ(space->points(), 6);
  EXPECT_THAT(space->operands[0], ElementsAre(AxisMap::loop(0), AxisMap::loop(1)));
  EXPECT_THAT(space->operands[1], ElementsAre(AxisMap::loop(1)));
  EXPECT_THAT(space->results[0], ElementsAre(AxisMap::loop(0), AxisMap::loop(1)));
}

TEST(IndexMap, RangeCoversNegativeCoefficients) {
  AxisMap map{{{0, 2}, {1, -3}}, 10, false}; // 2 i - 3 j + 10
  EXPECT_EQ(rangeOf(map, {{0, 4}, {1, 2}}), (IndexRange{4, 15}));
  EXPECT_EQ(rangeOf(AxisMap::constant(7), {}), (IndexRange{7, 7}));
}

TEST(Cost, ConvolutionCountsMultiplyAccumulates) {
  Module module;
  Function &main = module.addFunction("main");
  Builder builder(module, main.body);
  Value *x = main.body.addArgument(f32({1, 4, 8, 8}));
  Value *w = builder.constant(Tensor(DType::F32, {6, 2, 3, 3}));
  Value *y = builder.create(OpKind::Conv, {x, w},
                            {{"strides", Dims{1, 1}},
                             {"dilations", Dims{1, 1}},
                             {"pads", Dims{1, 1, 1, 1}},
                             {"group", int64_t{2}}});
  EXPECT_EQ(y->type, f32({1, 6, 8, 8}));
  Cost cost = costOf(*y->definingOp());
  EXPECT_EQ(cost.macs, 6 * 8 * 8 * 2 * 3 * 3);
  EXPECT_EQ(cost.bytes, 4 * (4 * 8 * 8 + 6 * 2 * 3 * 3 + 6 * 8 * 8));
}

TEST(Cost, SaturatesInsteadOfOverflowing) {
  Module module;
  Function &main = module.addFunction("main");
  Builder builder(module, main.body);
  Value *a = main.body.addArgument(f32({1 << 24, 1 << 24}));
  Value *y = builder.create(OpKind::MatMul, {a, a});
  EXPECT_EQ(costOf(*y->definingOp()).macs, std::numeric_limits<int64_t>::max());
}

// --- the graph ---

TEST(Graph, UseListsFollowOperands) {
  SmallModule m;
  Op *add = m.sum->definingOp();
  EXPECT_EQ(m.x->uses().size(), 1u);
  add->setOperand(1, m.x);
  EXPECT_EQ(m.x->uses().size(), 2u);
  EXPECT_TRUE(m.w->uses().empty());
  add->setOperands(operandsOf({m.x, nullptr, m.w}));
  EXPECT_TRUE(m.x->hasOneUse());
  EXPECT_EQ(m.w->uses()[0].operand, 2u);
  EXPECT_EQ(add->operand(7), nullptr);
}

TEST(Graph, ReplacingAllUsesMovesThem) {
  SmallModule m;
  m.builder.setInsertionBefore(m.y->definingOp());
  Value *tanh = m.builder.create(OpKind::Tanh, {m.sum});
  m.sum->replaceAllUsesWith(m.x);
  EXPECT_EQ(tanh->definingOp()->operand(0), m.x);
  EXPECT_EQ(m.y->definingOp()->operand(0), m.x);
  EXPECT_EQ(m.x->uses().size(), 3u);
  EXPECT_EQ(verifyText(m.module), "");
  m.sum->definingOp()->erase();
  EXPECT_EQ(verifyText(m.module), "");
}

TEST(Graph, MovingAnOpKeepsTheModuleValid) {
  SmallModule m;
  m.builder.setInsertionEnd(m.main.body);
  Value *tanh = m.builder.create(OpKind::Tanh, {m.x});
  EXPECT_EQ(m.main.body.terminator(), m.main.body.ops().back().get())
      << "inserted before the Yield";
  tanh->definingOp()->moveBefore(m.main.body.ops().front().get());
  EXPECT_EQ(m.main.body.ops().front().get(), tanh->definingOp());
  EXPECT_EQ(verifyText(m.module), "");
}

TEST(Graph, ErasingAnArgumentRenumbersTheRest) {
  Block block;
  block.addArgument(f32({1}));
  Value *second = block.addArgument(f32({2}));
  block.eraseArgument(0);
  EXPECT_EQ(second->index(), 0u);
  EXPECT_EQ(block.numArguments(), 1u);
}

TEST(Graph, DefaultsAreNotStored) {
  SmallModule m;
  Value *elu = m.builder.create(OpKind::Elu, {m.x}, {{"alpha", 1.0}});
  EXPECT_TRUE(elu->definingOp()->attributes().empty());
  EXPECT_EQ(elu->definingOp()->real("alpha"), 1.0);
  elu = m.builder.create(OpKind::Elu, {m.x}, {{"alpha", 2.0}});
  EXPECT_EQ(elu->definingOp()->real("alpha"), 2.0);
}

TEST(Graph, ScalarHoldsTheValueInTheElementType) {
  SmallModule m;
  const Tensor *scalar = constantOf(m.builder.scalar(DType::BF16, 1.5));
  ASSERT_TRUE(scalar);
  EXPECT_EQ(scalar->type(), (Type{DType::BF16, {}, 0, {}}));
  EXPECT_EQ(scalar->asDouble(0), 1.5);
  EXPECT_EQ(constantOf(m.x), nullptr);
  EXPECT_EQ(constantOf(nullptr), nullptr);
}

TEST(Module, ParameterNamesStayUnique) {
  Module module;
  Parameter &a = module.addParameter("w", Tensor(DType::F32, {1}));
  Parameter &b = module.addParameter("w", Tensor(DType::F32, {1}));
  EXPECT_EQ(a.name, "w");
  EXPECT_EQ(b.name, "w.1");
  module.rename(a, "w.1");
  EXPECT_EQ(a.name, "w.1.1");
  EXPECT_EQ(module.findParameter("w"), nullptr);
  EXPECT_EQ(module.findParameter("w.1.1"), &a);
}

TEST(Module, UnusedParametersAreErased) {
  SmallModule m;
  m.module.addParameter("unused", Tensor(DType::F32, {1}));
  m.module.eraseUnusedParameters();
  EXPECT_EQ(m.module.findParameter("unused"), nullptr);
  EXPECT_NE(m.module.findParameter("w"), nullptr);
}

TEST(Module, CloneIsDeepAndSharesBytes) {
  SmallModule m;
  m.y->provenance = {"y", 1, {2, 1, 0}, {1, 2, 3}};
  auto copy = clone(m.module);
  EXPECT_EQ(print(*copy), print(m.module));
  EXPECT_EQ(verifyText(*copy), "");
  EXPECT_NE(copy->parameters()[0].get(), m.module.parameters()[0].get());
  EXPECT_EQ(copy->parameters()[0]->content.raw(), m.module.parameters()[0]->content.raw());
  copy->main().body.ops().front()->location = "changed";
  EXPECT_NE(print(*copy), print(m.module));
}

TEST(Builder, CloningAnOpMapsItsOperands) {
  SmallModule m;
  ValueMapping mapping{{m.x, m.y}};
  m.builder.setInsertionEnd(m.main.body);
  Op *copy = cloneOp(m.builder, *m.sum->definingOp(), mapping);
  EXPECT_THAT(copy->operands(), ElementsAre(m.y, m.w));
  EXPECT_EQ(mapping.at(m.sum), copy->result());
  EXPECT_EQ(verifyText(m.module), "");
}

TEST(Builder, RegionsSeeValuesFromOutside) {
  SmallModule m;
  Value *flag = m.builder.scalar(DType::Bool, 1);
  auto fill = [&](Op &op) -> Expected<void> {
    for (unsigned i = 0; i < 2; ++i) {
      Builder inner(m.module, op.region(i));
      inner.yield(operandsOf({i ? m.x : inner.create(OpKind::Neg, {m.x})}));
    }
    return {};
  };
  auto op = m.builder.tryCreate(OpKind::If, {flag}, {}, fill);
  ASSERT_TRUE(op) << str(op.error());
  EXPECT_EQ((*op)->result()->type, m.x->type);
  EXPECT_EQ(verifyText(m.module), "");
  auto copy = clone(m.module);
  EXPECT_EQ(print(*copy), print(m.module));
  EXPECT_EQ(verifyText(*copy), "");
}

// --- verifier ---

TEST(Verifier, AcceptsAValidModule) { EXPECT_EQ(verifyText(SmallModule().module), ""); }

TEST(Verifier, FindsWrongResultTypes) {
  SmallModule m;
  m.sum->type = f32({3, 2});
  EXPECT_THAT(verifyText(m.module), HasSubstr("result 0 is f32[3x2], should be f32[2x3]"));
}

TEST(Verifier, FindsUsesBeforeDefinitions) {
  SmallModule m;
  m.y->definingOp()->moveBefore(m.sum->definingOp());
  EXPECT_THAT(verifyText(m.module), HasSubstr("operand 0 is not defined before its use"));
}

TEST(Verifier, FindsAMissingYield) {
  SmallModule m;
  m.main.body.terminator()->erase();
  EXPECT_THAT(verifyText(m.module), HasSubstr("a block does not end in a Yield"));
}

TEST(Verifier, FindsAYieldInTheMiddle) {
  SmallModule m;
  m.main.body.terminator()->moveBefore(m.main.body.ops().front().get());
  EXPECT_THAT(verifyText(m.module), HasSubstr("a Yield is not at the end of its block"));
}

TEST(Verifier, FindsForeignParameters) {
  SmallModule m;
  Module other;
  m.w->definingOp()->parameter = &other.addParameter("w", m.module.parameters()[0]->content);
  EXPECT_THAT(verifyText(m.module), HasSubstr("the parameter is not one of this module's"));
}

TEST(Verifier, ComparesPortsWithArgumentsAndYields) {
  SmallModule m;
  m.main.inputs.push_back({"more", {}});
  m.main.outputs.clear();
  EXPECT_THAT(verifyText(m.module), HasSubstr("has 2 inputs, but 1 arguments"));
  EXPECT_THAT(verifyText(m.module), HasSubstr("has 0 outputs, but yields 1 values"));
}

TEST(Verifier, FindsNamesThatAreTakenTwice) {
  SmallModule m;
  m.main.body.addArgument(f32({1}));
  m.main.inputs.push_back({"x", {}});
  EXPECT_THAT(verifyText(m.module), HasSubstr("two inputs are called x"));
  Function &other = m.module.addFunction("other");
  Builder(m.module, other.body).yield({});
  other.name = "main";
  EXPECT_THAT(verifyText(m.module), HasSubstr("two functions are called main"));
}

TEST(Verifier, ChecksLayoutStorageAndProvenance) {
  SmallModule m;
  m.sum->type.layout = Layout{{0, 0}, {}, {}};
  m.y->storage = Storage{Storage::Space::Arena, 0, 64, {1}};
  m.x->provenance = {"x", 1, {0, 1}, {}};
  std::string text = verifyText(m.module);
  EXPECT_THAT(text, HasSubstr("the layout does not fit the shape"));
  EXPECT_THAT(text, HasSubstr("not one stride for each axis"));
  EXPECT_THAT(text, HasSubstr("not one entry for each channel of f32[2x3]"));
}

TEST(Verifier, FindsUndeclaredAttributes) {
  SmallModule m;
  m.y->definingOp()->set("slope", 0.5);
  EXPECT_THAT(verifyText(m.module), HasSubstr("Relu: there is no attribute slope"));
}

TEST(Verifier, FusedRegionsAreIsolated) {
  SmallModule m;
  auto fill = [&](Op &op) -> Expected<void> {
    op.region(0).addArgument(m.x->type);
    Builder inner(m.module, op.region(0));
    inner.yield(operandsOf({inner.create(OpKind::Neg, {m.sum})}));
    return {};
  };
  ASSERT_TRUE(m.builder.tryCreate(OpKind::Fused, {m.x}, {}, fill));
  EXPECT_THAT(verifyText(m.module), HasSubstr("operand 0 is not defined before its use"));
}

} // namespace
