// The text form: canonical printing, exact round trips, errors with places.
#include "ir/Builder.h"
#include "ir/Text.h"
#include "ir/Verifier.h"

#include <bit>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace edgecc;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

void expectRoundTrip(const std::string &text) {
  auto module = parse(text);
  ASSERT_TRUE(module) << str(module.error()) << "\n" << text;
  EXPECT_EQ(print(**module), text);
}

TEST(Text, RoundTripsEverythingAValueCarries) {
  expectRoundTrip(R"(module "a \"quoted\" name\x0a" {
  param @w : f32[2x2] trainable = [1, 2.5, -3, 4e-05]
  param @"odd name: 0" : i4[3] = [-8, 0, 7]
  param @/model.0/conv-1$x : bool[2] = [true, false]
  param @big : u64[] = [18446744073709551615]
  func @main(%0: f32[1x2x4x4] "input" from "input" axis 2 channels [3, 2, 1, 0] scale [1.0, 0.5, 2.0, inf] at input 0 + 0 strides [32, 16, 4, 1] pixels "NCHW" "RGB" mean [127.5] scale [0.0078125], %1: i64[<=100x3] "boxes") -> ("out", "index" pixels "NHWC" "GRAY" mean [] scale []) {
    %2, %3 = MaxPool(%0) {dilations = [1, 1], kernel = [2, 2], pads = [0, 0, 0, 0], strides = [2, 2]} : f32[1x2x2x2, order=[0, 2, 3, 1], halo=[0, 0, 1, 1]/[0, 0, 1, 1]] from "pool_out" at arena 0 + -64 strides [8, 1, 4, 2], i64[1x2x2x2] loc "MaxPool_3"
    %4 = Param @w : f32[2x2] at weights 0 + 128 strides [2, 1]
    %5 = Clip(%0, _, _) : f32[1x2x4x4]
    %6 = Elu(%5) {alpha = 2.0} : f32[1x2x4x4]
    %7 = Cast(%6) {to = f16} : f16[1x2x4x4]
    %8 = Fused(%0, %6) : f32[1x2x4x4] loc "a,b" {
      ^(%9: f32[1x2x4x4], %10: f32[1x2x4x4])
      %11 = Add(%9, %10) : f32[1x2x4x4]
      Yield(%11)
    }
    Yield(%8, %3)
  }
  func @empty() -> () {
    Yield()
  }
}
)");
}

TEST(Text, RoundTripsNestedRegions) {
  expectRoundTrip(R"(module "" {
  param @flag : bool[] = [true]
  func @main(%0: f32[3] "x") -> ("y") {
    %1 = Param @flag : bool[]
    %2 = If(%1) : f32[3] {
      ^()
      %3 = If(%1) : f32[3] {
        ^()
        Yield(%0)
      } {
        ^()
        %4 = Neg(%0) : f32[3]
        Yield(%4)
      }
      Yield(%3)
    } {
      ^()
      Yield(%0)
    }
    Yield(%2)
  }
}
)");
}

TEST(Text, HandWrittenTextMayUseNamesCommentsAndExplicitDefaults) {
  auto module = parse(R"(// CHECK: nothing
module "m" { func @main(%x: f32[2] "x") -> ("y") {
  %result = Elu(%x) {alpha = 1} : f32[2] // the default, written as an integer
  Yield(%result) } })");
  ASSERT_TRUE(module) << str(module.error());
  EXPECT_EQ(print(**module), "module \"m\" {\n"
                             "  func @main(%0: f32[2] \"x\") -> (\"y\") {\n"
                             "    %1 = Elu(%0) : f32[2]\n"
                             "    Yield(%1)\n"
                             "  }\n"
                             "}\n");
}

TEST(Text, AttributesTellIntegersFromFloats) {
  EXPECT_EQ(print(Attribute(int64_t{1})), "1");
  EXPECT_EQ(print(Attribute(1.0)), "1.0");
  EXPECT_EQ(print(Attribute(1e300)), "1e+300");
  EXPECT_EQ(print(Attribute(-std::numeric_limits<double>::infinity())), "-inf");
  EXPECT_EQ(print(Attribute(std::numeric_limits<double>::quiet_NaN())), "nan");
  EXPECT_EQ(print(Attribute(DType::BF16)), "bf16");
  EXPECT_EQ(print(Attribute(std::vector<std::string>{"a", "\t"})), R"(["a", "\x09"])");
}

Tensor randomTensor(DType dtype, Dims dims, std::mt19937 &random) {
  Tensor tensor(dtype, std::move(dims));
  std::byte *bytes = tensor.mutableRaw();
  for (size_t i = 0; i < tensor.bytes(); ++i)
    bytes[i] = static_cast<std::byte>(dtype == DType::Bool ? random() & 1 : random());
  return tensor;
}

TEST(Text, ContentsOfEveryElementTypeSurviveBitForBit) {
  std::mt19937 random(1);
  for (unsigned i = 0; i < kNumDTypes; ++i)
    for (int64_t count : {0, 1, 5, 31, 33}) {
      Module module;
      auto dtype = static_cast<DType>(i);
      module.addParameter("p", randomTensor(dtype, {count}, random));
      std::string text = print(module);
      auto parsed = parse(text);
      ASSERT_TRUE(parsed) << str(parsed.error()) << "\n" << text;
      EXPECT_EQ((*parsed)->parameters()[0]->content, module.parameters()[0]->content) << text;
      EXPECT_EQ(print(**parsed), text);
    }
}

TEST(Text, NanPayloadsAndSignedZerosSurvive) {
  std::vector<uint32_t> bits = {0x7fc00000, 0xffc00001, 0x80000000, 0x00000001, 0x7f800000};
  Module module;
  module.addParameter("p", Tensor::of<uint32_t>(DType::F32, {5}, bits));
  module.addParameter("zero", Tensor::scalar(DType::F32, -0.0f));
  auto parsed = parse(print(module));
  ASSERT_TRUE(parsed) << str(parsed.error());
  EXPECT_EQ((*parsed)->parameters()[0]->content, module.parameters()[0]->content);
  EXPECT_THAT(print(module), HasSubstr("= [-0]"));
}

TEST(Text, LargeContentsCanBeElided) {
  Module module;
  module.addParameter("p", Tensor(DType::F32, {100}));
  PrintOptions options;
  options.elideAbove = 10;
  std::string text = print(module, options);
  EXPECT_THAT(text, HasSubstr("f32[100] = elided"));
  EXPECT_TRUE(parse(text));
}

TEST(Text, OneOpPrintsOnOneLineWithTheNumbersOfItsFunction) {
  auto module = parse(R"(module "m" { func @f(%x: f32[2] "x") -> ("y") {
  %a = Neg(%x) : f32[2]  %b = Add(%x, %a) : f32[2] loc "add" Yield(%b) } })");
  ASSERT_TRUE(module);
  const auto &ops = (*module)->main().body.ops();
  EXPECT_EQ(print(**std::next(ops.begin())), "%2 = Add(%0, %1) : f32[2] loc \"add\"");
}

// Tries every op with random operands and attributes; what the declarations accept, stays.
class RandomModule {
public:
  explicit RandomModule(unsigned seed) : random_(seed), builder_(module_, main_.body) {
    module_.name = "random";
    for (DType dtype : {DType::F32, DType::F16, DType::I8, DType::I32, DType::I64, DType::Bool})
      for (unsigned rank = 0; rank < 5; ++rank)
        values_.push_back(input(dtype, rank));
    for (unsigned i = 0; i < 4000; ++i)
      tryOp(static_cast<OpKind>(pick(kNumOps)));
    main_.outputs.push_back({"out", {}});
    Value *last = values_.back();
    builder_.yield(std::vector<Value *>{last});
  }

  Module &module() { return module_; }

private:
  unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  Dims dims(unsigned rank) {
    Dims dims;
    for (unsigned i = 0; i < rank; ++i)
      dims.push_back(1 + pick(4));
    return dims;
  }

  Value *input(DType dtype, unsigned rank) {
    main_.inputs.push_back({"in" + std::to_string(main_.inputs.size()), {}});
    Dims extents = dims(rank);
    if (pick(2) && rank == 4)
      extents = {1, 4, 4, 4};
    return main_.body.addArgument({dtype, std::move(extents), 0, {}});
  }

  // A value for an op that speaks of `axes` axes.
  Attribute attribute(const AttributeDef &def, unsigned axes) {
    static const char *const kWords[] = {"linear", "constant", "none", "add"};
    switch (def.kind) {
    case AttributeKind::Flag:
      return pick(2) == 1;
    case AttributeKind::Int:
      return static_cast<int64_t>(pick(4));
    case AttributeKind::Float:
      return std::ldexp(static_cast<double>(pick(1000)) - 500, static_cast<int>(pick(20)) - 10);
    case AttributeKind::String:
      return kWords[pick(4)];
    case AttributeKind::Ints: {
      Dims values(pick(8) ? (def.name == "pads" ? 2 : 1) * axes : pick(6));
      int64_t kind = pick(3), next = 0;
      for (int64_t &value : values)
        value = kind == 0 ? 1 : kind == 1 ? next++ : pick(3);
      return values;
    }
    case AttributeKind::Floats:
      return std::vector<double>(pick(4), 0.5);
    case AttributeKind::Strings:
      return std::vector<std::string>(pick(3), "relu");
    case AttributeKind::DType:
      return static_cast<DType>(pick(kNumDTypes));
    }
    __builtin_unreachable();
  }

  void tryOp(OpKind kind) {
    const OpDef &def = defOf(kind);
    if (kind == OpKind::Param || def.is(OpTrait::Terminator) || def.regions)
      return constant();
    std::vector<Value *> operands;
    for (const OperandDef &operand : def.operands)
      for (unsigned n = 0; n < (operand.variadic ? 1 + pick(3) : 1); ++n)
        operands.push_back(operand.optional && pick(2) ? nullptr : someValue(operand.allowed));
    unsigned rank = operands.empty() || !operands[0] ? 0 : operands[0]->type.rank();
    unsigned axes = rank > 2 && pick(2) ? rank - 2 : rank; // the spatial ones or all
    Attributes attributes;
    for (const AttributeDef &attribute : def.attributes)
      if (!attribute.defaultValue || pick(4) == 0)
        attributes[attribute.name] = this->attribute(attribute, axes);
    builder_.location = pick(3) ? "" : "node/" + std::to_string(pick(100));
    auto op = builder_.tryCreate(kind, operands, std::move(attributes));
    if (!op)
      return;
    for (unsigned i = 0; i < (*op)->numResults(); ++i) {
      Value *result = (*op)->result(i);
      annotate(*result);
      if (result->type.elements() < 10000)
        values_.push_back(result);
    }
  }

  void constant() {
    auto dtype = static_cast<DType>(pick(kNumDTypes));
    values_.push_back(builder_.constant(randomTensor(dtype, dims(pick(4)), random_)));
  }

  Value *someValue(DTypeSet allowed) {
    for (unsigned i = 0; i < 8; ++i)
      if (Value *value = values_[pick(static_cast<unsigned>(values_.size()))];
          allowed & setOf(value->type.dtype))
        return value;
    return values_.front();
  }

  void annotate(Value &value) {
    if (pick(4) == 0)
      value.provenance.tensor = "t\"\\\n" + std::to_string(pick(9));
    if (pick(8) == 0 && value.type.rank() > 1)
      value.provenance.scale.assign(static_cast<size_t>(value.dims()[1]), 0.1 * pick(9));
    if (pick(8) == 0)
      value.storage = {Storage::Space::Arena, 0, pick(4096), rowMajorStrides(value.dims())};
    if (pick(8) == 0) {
      Layout layout;
      for (unsigned i = value.type.rank(); i-- > 0;)
        layout.order.push_back(static_cast<int>(i));
      if (pick(2))
        layout.haloLow = layout.haloHigh = Dims(value.type.rank(), 1);
      value.type.layout = std::move(layout);
    }
  }

  std::mt19937 random_;
  Module module_;
  Function &main_ = module_.addFunction("main");
  Builder builder_;
  std::vector<Value *> values_;
};

TEST(Text, RandomModulesRoundTripVerifyAndClone) {
  std::set<OpKind> seen;
  for (unsigned seed = 0; seed < 12; ++seed) {
    RandomModule random(seed);
    auto verified = verify(random.module());
    ASSERT_TRUE(verified) << str(verified.error());
    std::string text = print(random.module());
    auto parsed = parse(text);
    ASSERT_TRUE(parsed) << "seed " << seed << ": " << str(parsed.error());
    ASSERT_EQ(print(**parsed), text) << "seed " << seed;
    ASSERT_EQ(print(*clone(**parsed)), text) << "seed " << seed;
    walk(random.module().main().body, [&](const Op &op) {
      seen.insert(op.kind());
      costOf(op);
      if (auto space = iterationSpace(op)) {
        EXPECT_LE(space->operands.size(), op.numOperands()) << print(op);
        for (size_t i = 0; i < space->operands.size(); ++i)
          for (const AxisMap &map : space->operands[i])
            for (const auto &term : map.terms)
              EXPECT_LT(term.loop, space->loops.size()) << print(op);
      }
    });
  }
  EXPECT_GT(seen.size(), kNumOps / 2) << "the generator reaches too few ops";
}

TEST(Text, IndexMapsHaveOneEntryForEachAxis) {
  for (unsigned seed = 100; seed < 104; ++seed) {
    RandomModule random(seed);
    walk(random.module().main().body, [&](const Op &op) {
      auto space = iterationSpace(op);
      if (!space)
        return;
      for (size_t i = 0; i < space->operands.size(); ++i)
        if (const Value *operand = op.operand(static_cast<unsigned>(i));
            operand && !space->operands[i].empty())
          EXPECT_EQ(space->operands[i].size(), operand->type.rank())
              << print(op) << " operand " << i;
      ASSERT_FALSE(space->results.empty()) << print(op);
      EXPECT_EQ(space->results[0].size(), op.result()->type.rank()) << print(op);
    });
  }
}

// Truncated and mutated text must give an error or a module that prints and parses again.
TEST(Text, DamagedTextNeverCrashes) {
  RandomModule random(7);
  std::string text = print(random.module());
  text.resize(std::min<size_t>(text.size(), 4000));
  std::mt19937 bits(3);
  for (unsigned i = 0; i < 1500; ++i) {
    std::string damaged = text.substr(0, bits() % text.size());
    for (unsigned k = 0; k < bits() % 4 && !damaged.empty(); ++k)
      damaged[bits() % damaged.size()] = static_cast<char>(bits());
    if (auto module = parse(damaged); module)
      EXPECT_TRUE(parse(print(**module)));
    else
      EXPECT_FALSE(module.error().empty());
  }
}

struct Mistake {
  const char *body; // of a function with %x: f32[2x3]
  const char *message;
};

class TextError : public testing::TestWithParam<Mistake> {};

TEST_P(TextError, IsReportedWithItsPlace) {
  std::string text = "module \"m\" {\n  param @w : f32[3] = [1, 2, 3]\n"
                     "  func @f(%x: f32[2x3] \"x\") -> (\"y\") {\n" +
                     std::string(GetParam().body) + "\n  }\n}\n";
  auto module = parse(text, "bad.ir");
  ASSERT_FALSE(module) << text;
  EXPECT_THAT(str(module.error()), HasSubstr(GetParam().message));
  EXPECT_THAT(module.error()[0].where, StartsWith("bad.ir:4:"));
}

INSTANTIATE_TEST_SUITE_P(
    Body, TextError,
    testing::Values(
        Mistake{"%y = Relux(%x) : f32[2x3]", "there is no op Relux"},
        Mistake{"%y = Relu(%z) : f32[2x3]", "%z is not defined here"},
        Mistake{"%y = Relu(%x, %x) : f32[2x3]", "has 2 operands, but takes at most 1"},
        Mistake{"%y = Relu(_) : f32[2x3]", "operand x is missing"},
        Mistake{"%y = Relu(%x) : f32[3x2]", "is f32[2x3], not f32[3x2]"},
        Mistake{"%y = Relu(%x) : f31[3x2]", "there is no element type f31"},
        Mistake{"%y = Relu(%x) : f32[99999999999999999999]", "expected the extent of an axis"},
        Mistake{"%y = Relu(%x) : f32[1000000000x1000000000x1000000000]",
                "too many axes or elements"},
        Mistake{"%y = Relu(%x)", "names 1 and gives 0 types"},
        Mistake{"%y, %z = Relu(%x) : f32[2x3]", "names 2 and gives 1 types"},
        Mistake{"%x = Relu(%x) : f32[2x3]", "there is already a value %x"},
        Mistake{"%y = Elu(%x) {beta = 1.0} : f32[2x3]", "Elu has no attribute beta"},
        Mistake{"%y = Elu(%x) {alpha = \"a\"} : f32[2x3]", "expected a number"},
        Mistake{"%y = Elu(%x) {alpha = 1e999} : f32[2x3]", "the number is out of range"},
        Mistake{"%y = Elu(%x) {alpha = 2.0, alpha = 2.0} : f32[2x3]", "is given twice"},
        Mistake{"%y = Transpose(%x) {perm = [0, 0]} : f32[2x3]", "does not hold for"},
        Mistake{"%y = Param @v : f32[3]", "there is no parameter v above"},
        Mistake{"%y = Relu(%x) : f32[2x3] loc \"open", "the string does not end on its line"},
        Mistake{"%y = Relu(%x) : f32[2x3] loc \"\\q\"", "an escape in a string"},
        Mistake{"%y = Relu(%x) : f32[2x3] at moon 0", "expected 'input', 'output'"},
        Mistake{"%y = Relu(%x) : f32[2x3, order=[0, 2]]", "an axis that the shape does not have"},
        Mistake{"Yield(%x) Yield(%x)", "expected '}' after the Yield"},
        Mistake{"%y = If(%x) : f32[2x3] { ^() }", "a block ends in a Yield"},
        Mistake{"$", "expected a name"}));

TEST(TextError, BlockWithoutYield) {
  auto module = parse("module \"m\" { func @f() -> () { } }");
  ASSERT_FALSE(module);
  EXPECT_THAT(str(module.error()), HasSubstr("a block ends in a Yield"));
}

TEST(TextError, NumberOfOutputs) {
  auto module = parse("module \"m\" { func @f() -> (\"y\") { Yield() } }");
  ASSERT_FALSE(module);
  EXPECT_THAT(str(module.error()), HasSubstr("yields 0 values, but has 1 outputs"));
}

TEST(TextError, ContentsOfAnotherLength) {
  auto message = [](const std::string &param) {
    auto module = parse("module \"m\" { param @w : " + param + " }");
    return module ? std::string() : str(module.error());
  };
  EXPECT_THAT(message("f32[3] = [1, 2]"), HasSubstr("expected 3 elements, found 2"));
  EXPECT_THAT(message("f32[1] = [1, 2]"), HasSubstr("expected 1 elements, found more"));
  EXPECT_THAT(message("f32[1] = hex \"00\""), HasSubstr("expected 8 hexadecimal digits"));
  EXPECT_THAT(message("f32[1] = hex \"0000000g\""), HasSubstr("expected a hexadecimal digit"));
  EXPECT_THAT(message("u8[1] = [256]"), HasSubstr("256 is not a value of u8"));
  EXPECT_THAT(message("f32[<=3] = [1, 2, 3]"), HasSubstr("constant extents"));
}

TEST(TextError, HostileSizesAllocateNothing) {
  for (const char *param : {"f64[1000000000x100000] = [1]", "f64[1000000000x100000] = hex \"00\"",
                            "f64[1000000000x100000] = elided"})
    EXPECT_FALSE(parse("module \"m\" { param @w : " + std::string(param) + " }")) << param;
}

TEST(TextError, NestingIsBounded) {
  std::string text = "module \"m\" { func @f(%c: bool[] \"c\") -> () {";
  for (unsigned i = 0; i < 100000; ++i)
    text += "If(%c) { ^() ";
  auto module = parse(text);
  ASSERT_FALSE(module);
  EXPECT_THAT(str(module.error()), HasSubstr("regions are nested too deeply"));
}

} // namespace
