// Functions of device programs against the reference, bit for bit.
#include "tests/unit/emulator/KernelCheck.h"

using namespace edgecc;
using namespace edgecc::test;

namespace {

constexpr int kRounds = 20; // of each function

Dims randomDims(Random &random) {
  Dims dims;
  for (int64_t rank = random.between(0, 4); rank > 0; --rank)
    dims.push_back(random.between(1, 7));
  return dims;
}

// Dims that broadcast to `dims` from the right.
Dims narrower(Random &random, const Dims &dims) {
  Dims result(dims.begin() + random.between(0, static_cast<int64_t>(dims.size())), dims.end());
  for (int64_t &extent : result)
    if (random.chance(0.4))
      extent = 1;
  return result;
}

constexpr std::initializer_list<DType> kFloats{DType::F16, DType::F32};
constexpr std::initializer_list<DType> kSigned{DType::F16, DType::F32, DType::I8, DType::I32};
constexpr std::initializer_list<DType> kNumbers{DType::F16, DType::F32, DType::I8, DType::U8,
                                                DType::I16, DType::I32, DType::I64};

TEST(DeviceElementwise, FunctionsOfOneFloatAreTheReferences) {
  Random random(1);
  for (OpKind kind : {OpKind::Floor,
                      OpKind::Ceil,
                      OpKind::Round,
                      OpKind::Sqrt,
                      OpKind::Reciprocal,
                      OpKind::Exp,
                      OpKind::Log,
                      OpKind::Erf,
                      OpKind::Sin,
                      OpKind::Cos,
                      OpKind::Tanh,
                      OpKind::LeakyRelu,
                      OpKind::Elu,
                      OpKind::Celu,
                      OpKind::Selu,
                      OpKind::Sigmoid,
                      OpKind::HardSigmoid,
                      OpKind::HardSwish,
                      OpKind::Swish,
                      OpKind::Mish,
                      OpKind::Softplus,
                      OpKind::Softsign,
                      OpKind::ThresholdedRelu})
    for (int i = 0; i < kRounds && !HasFailure(); ++i)
      check(random, kind, {random.tensor(random.oneOf(kFloats), randomDims(random), true)});
  for (bool tanh : {false, true})
    for (int i = 0; i < kRounds && !HasFailure(); ++i)
      check(random, OpKind::Gelu, {random.tensor(random.oneOf(kFloats), randomDims(random), true)},
            {{"tanh", tanh}});
}

TEST(DeviceElementwise, FunctionsOfOneNumberAreTheReferences) {
  Random random(2);
  for (OpKind kind : {OpKind::Abs, OpKind::Neg, OpKind::Sign, OpKind::Relu})
    for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i)
      check(random, kind, {random.tensor(random.oneOf(kSigned), randomDims(random), true)});
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    check(random, OpKind::Not, {random.tensor(DType::Bool, randomDims(random))});
    DType type = random.oneOf(kNumbers);
    Tensor low(type, {}), high(type, {});
    low.setDouble(0, -0.7);
    high.setDouble(0, 3.1);
    check(random, OpKind::Clip,
          {random.tensor(type, randomDims(random), true), random.chance(0.7) ? low : Tensor(),
           random.chance(0.7) ? high : Tensor()},
          {}, {1, 2});
  }
}

TEST(DeviceElementwise, FunctionsOfTwoNumbersAreTheReferences) {
  Random random(3);
  for (OpKind kind :
       {OpKind::Add, OpKind::Sub, OpKind::Mul, OpKind::Div, OpKind::Max, OpKind::Min, OpKind::PRelu,
        OpKind::Equal, OpKind::Greater, OpKind::GreaterOrEqual, OpKind::Less, OpKind::LessOrEqual})
    for (int i = 0; i < 3 * kRounds && !HasFailure(); ++i) {
      DType type = random.oneOf(kNumbers);
      Dims wide = randomDims(random), narrow = narrower(random, wide);
      Tensor a = random.tensor(type, wide, true), b = random.tensor(type, narrow, true);
      if (kind != OpKind::PRelu && random.chance(0.4))
        std::swap(a, b);
      check(random, kind, {a, b});
    }
  for (OpKind kind : {OpKind::And, OpKind::Or})
    for (int i = 0; i < kRounds && !HasFailure(); ++i) {
      Dims wide = randomDims(random);
      check(random, kind,
            {random.tensor(DType::Bool, wide), random.tensor(DType::Bool, narrower(random, wide))});
    }
}

TEST(DeviceElementwise, PowersAreTheReferences) {
  Random random(4);
  for (int i = 0; i < 3 * kRounds && !HasFailure(); ++i) {
    bool onFloats = random.chance(0.6);
    DType base = onFloats ? random.oneOf(kFloats) : random.oneOf({DType::I8, DType::I32});
    DType exponent = onFloats ? random.oneOf({DType::F16, DType::F32, DType::I32})
                              : random.oneOf({DType::I8, DType::I64});
    Dims wide = randomDims(random);
    check(random, OpKind::Pow,
          {random.tensor(base, wide, true), random.integral(exponent, narrower(random, wide))});
  }
}

TEST(DeviceElementwise, ChoicesAreTheReferences) {
  Random random(5);
  for (int i = 0; i < 3 * kRounds && !HasFailure(); ++i) {
    DType type = random.oneOf(kNumbers);
    Dims wide = randomDims(random);
    check(random, OpKind::Where,
          {random.tensor(DType::Bool, wide), random.tensor(type, narrower(random, wide), true),
           random.tensor(type, narrower(random, wide), true)});
  }
}

TEST(DeviceElementwise, CastsAreTheReferences) {
  Random random(6);
  const std::initializer_list<DType> types{DType::F16, DType::F32, DType::I8,
                                           DType::U8,  DType::I16, DType::U16,
                                           DType::I32, DType::I64, DType::Bool};
  for (DType from : types)
    for (DType to : types)
      for (int i = 0; i < 4 && !HasFailure(); ++i) {
        Tensor x = random.tensor(from, {3, 50}, true);
        if (isFloat(from)) // beyond the range of integers, too
          for (int64_t k = 0; k < 50; ++k)
            x.setDouble(k,
                        x.asDouble(k) * std::ldexp(1.0, static_cast<int>(random.between(0, 70))));
        check(random, OpKind::Cast, {x}, {{"to", to}});
      }
}

Tensor scalesFor(Random &random, int64_t count) {
  Tensor scale(DType::F32, count == 0 ? Dims{} : Dims{count});
  for (int64_t i = 0; i < scale.elements(); ++i)
    scale.setDouble(i, std::exp(random.normal()) / 20);
  return scale;
}

TEST(DeviceElementwise, QuantisationsAreTheReferences) {
  Random random(7);
  for (int i = 0; i < 10 * kRounds && !HasFailure(); ++i) {
    Dims x{random.between(1, 3), random.between(1, 9), random.between(1, 9)};
    bool isPerAxis = random.chance(0.5);
    int64_t axis = random.between(0, 2), count = isPerAxis ? x[static_cast<size_t>(axis)] : 0;
    Tensor scale = scalesFor(random, count);
    DType to = random.oneOf({DType::I8, DType::U8, DType::I16, DType::U16});
    Tensor zero = random.chance(0.6) ? random.tensor(to, scale.dims()) : Tensor();
    DType real = random.oneOf({DType::F16, DType::F32});
    check(random, OpKind::QuantizeLinear, {random.tensor(real, x, true), scale, zero},
          {{"axis", axis}, {"to", to}}, {1, 2});
    check(random, OpKind::DequantizeLinear, {random.tensor(to, x), scale, zero},
          {{"axis", axis}, {"to", real}}, {1, 2});
    auto [low, high] =
        isSigned(to) ? std::pair<int64_t, int64_t>{-100, 120} : std::pair<int64_t, int64_t>{3, 250};
    Tensor sums = random.tensor(random.oneOf({DType::I32, DType::I64}), x);
    for (int64_t k = 0; k < sums.elements(); k += 2)
      sums.setDouble(k, static_cast<double>(random.between(-20000, 20000)));
    check(random, OpKind::Requantize, {sums, scale},
          {{"axis", axis},
           {"zero_point", random.between(0, 100)},
           {"low", low},
           {"high", high},
           {"to", to}},
          {1});
  }
}

TEST(DeviceElementwise, LookupsAreTheReferences) {
  Random random(8);
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i)
    check(random, OpKind::TableLookup,
          {random.tensor(random.oneOf({DType::I8, DType::U8}), {3, 40, 5}),
           random.tensor(random.oneOf({DType::I8, DType::U8, DType::F32, DType::I32}), {256})},
          {}, {1});
}

} // namespace
