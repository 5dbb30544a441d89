// The vectorised functions against the C library in long double: bounds in units in the last place
// of f32 (f64 for the support functions), special values, every level of x86-64 that this machine
// runs. Conversions and quantisation against runtime/numerics, bit for bit.
#include "tests/unit/NativeOpCases.h"

#include "runtime/numerics/Float16.h"
#include "runtime/numerics/Float8.h"
#include "runtime/numerics/Requantize.h"

#include <bit>

namespace edgecc::test {
namespace {

using enum OpKind;
using Real = long double;

// One element-wise op on dense operands of one element type.
template <class T, class R = T>
std::vector<R> evaluate(const native::NativeTarget &target, OpKind kind, DType dtype,
                        const std::vector<std::vector<T>> &operands, Attributes attributes = {}) {
  Module module;
  Function &function = module.addFunction("f");
  auto count = static_cast<int64_t>(operands[0].size());
  std::vector<Value *> arguments;
  std::vector<Buffer> buffers;
  std::vector<const void *> in;
  for (const auto &operand : operands) {
    Value *value = function.body.addArgument({dtype, {count}, 0, {}});
    function.inputs.push_back({"x", {}});
    value->storage =
        Storage{Storage::Space::Input, static_cast<uint32_t>(arguments.size()), 0, {1}};
    arguments.push_back(value);
    buffers.emplace_back(operand.size() * sizeof(T));
    std::memcpy(buffers.back().data(), operand.data(), operand.size() * sizeof(T));
  }
  for (const Buffer &buffer : buffers)
    in.push_back(buffer.data());
  Builder builder(module, function.body);
  Value *result = builder.createOp(kind, arguments, std::move(attributes))->result();
  result->storage = Storage{Storage::Space::Output, 0, 0, {1}};
  builder.yield(std::vector<Value *>{result});
  function.outputs.push_back({"y", {}});
  NativeRunner runner(function, target);
  Buffer out(operands[0].size() * sizeof(R));
  EXPECT_EQ(runner.run(in, {out.data()}), 0);
  return {out.as<R>(), out.as<R>() + operands[0].size()};
}

// Distance of `got` from `want` in units in the last place of T around `want`.
template <class T> Real ulps(T got, Real want) {
  constexpr int kDigits = std::numeric_limits<T>::digits;
  if (std::isnan(want))
    return std::isnan(got) ? 0 : INFINITY;
  T rounded = static_cast<T>(want);
  if (std::isinf(rounded) || std::isinf(got))
    return got == rounded ? 0
           : std::isinf(got) != std::isinf(rounded) &&
                   std::fabs(want) > 0.999999L * std::numeric_limits<T>::max()
               ? 1
               : INFINITY;
  int exponent =
      std::max(want == 0 ? -100000 : std::ilogb(want), std::numeric_limits<T>::min_exponent - 1);
  return std::fabs(static_cast<Real>(got) - want) / std::ldexp(Real(1), exponent + 1 - kDigits);
}

template <class T> struct Function1 {
  OpKind kind;
  Real (*exact)(Real);
  T low, high;
  Real bound;     // ulp
  T absolute = 0; // an error below this is accepted as well
  Real slope = 0; // further ulp for each unit of a negative x
};

template <class T> std::vector<T> samples(T low, T high, size_t count) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<T> linear(low, high);
  std::vector<T> x{0, -T(0), 1, -1, low, high};
  while (x.size() < count) {
    x.push_back(linear(random));
    // Small magnitudes of both signs.
    T tiny = std::ldexp(linear(random), -static_cast<int>(random() % 40));
    if (tiny >= low && tiny <= high)
      x.push_back(tiny);
  }
  return x;
}

template <class T>
void checkFunction(const native::NativeTarget &target, DType dtype, const Function1<T> &f,
                   size_t count) {
  auto x = samples<T>(f.low, f.high, count);
  auto y = evaluate<T>(target, f.kind, dtype, {x});
  Real worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    Real want = f.exact(static_cast<Real>(x[i])), error = ulps(y[i], want);
    error -= f.slope * std::max<Real>(-x[i], 0);
    if (f.absolute > 0 && std::fabs(static_cast<Real>(y[i]) - want) <= f.absolute)
      error = 0;
    if (!(error <= worst)) {
      worst = error;
      at = i;
    }
  }
  EXPECT_LE(worst, f.bound) << defOf(f.kind).name << "(" << std::hexfloat << x[at] << " = "
                            << std::defaultfloat << x[at] << ") is " << y[at] << ", not "
                            << f.exact(static_cast<Real>(x[at]));
}

Real sigmoidOf(Real x) { return 1 / (1 + std::exp(-x)); }
Real swishOf(Real x) { return x * sigmoidOf(x); }
Real softplusOf(Real x) { return std::max<Real>(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
Real eluOf(Real x) { return x < 0 ? std::expm1(x) : x; }
#define EXACT(name) [](Real x) -> Real { return std::name(x); }

TEST(NativeMath, F32FunctionsKeepTheirBounds) {
  auto functionsOn = [](const native::NativeTarget &target) -> std::vector<Function1<float>> {
    return {
        {Exp, EXACT(exp), -104, 89, 1.5},
        {Log, EXACT(log), 0, 3e38f, 1.5},
        {Log, EXACT(log), 0, 4, 1.5},
        {Tanh, EXACT(tanh), -12, 12, 2},
        {Sigmoid, sigmoidOf, -104, 90, 2.5},
        {Swish, swishOf, -120, 90, 3, 1.1e-36f, target.fma ? 0.36 : 1.44},
        {Swish, swishOf, -20, 20, 3, 0, target.fma ? 0.36 : 1.44},
        {Erf, EXACT(erf), -5, 5, 2},
        {Elu, eluOf, -90, 10, 2},
        {Sin, EXACT(sin), -1e5f, 1e5f, 2, 6e-8f},
        {Cos, EXACT(cos), -1e5f, 1e5f, 2, 6e-8f},
        {Sin, EXACT(sin), -4, 4, 2},
        {Cos, EXACT(cos), -4, 4, 2},
        {Tan, EXACT(tan), -100, 100, 4},
        {Asin, EXACT(asin), -1, 1, 2.5},
        {Acos, EXACT(acos), -1, 1, 2.5},
        {Atan, EXACT(atan), -1e4f, 1e4f, 2},
        {Atan, EXACT(atan), -4, 4, 2},
        {Sinh, EXACT(sinh), -89, 89, 4},
        {Cosh, EXACT(cosh), -89, 89, 4},
        {Asinh, EXACT(asinh), -1e5f, 1e5f, 4},
        {Acosh, EXACT(acosh), 1, 1e5f, 4},
        {Atanh, EXACT(atanh), -0.99f, 0.99f, 4},
        {Softplus, softplusOf, -104, 90, 3},
    };
  };
  for (const auto &target : testTargets()) {
    SCOPED_TRACE(target.str());
    for (const auto &function : functionsOn(target))
      checkFunction(target, DType::F32, function, 20000);
  }
}

TEST(NativeMath, F64FunctionsKeepTheirBounds) {
  const std::vector<Function1<double>> functions = {
      {Exp, EXACT(exp), -745, 709, 2},
      {Log, EXACT(log), 0, 1e300, 1},
      {Log, EXACT(log), 0, 4, 1},
      {Tanh, EXACT(tanh), -25, 25, 4},
      {Sigmoid, sigmoidOf, -700, 700, 3},
      {Erf, EXACT(erf), -7, 7, 9},
      {Sin, EXACT(sin), -1e5, 1e5, 2},
      {Cos, EXACT(cos), -1e5, 1e5, 2.5},
      {Tan, EXACT(tan), -100, 100, 4},
      {Asin, EXACT(asin), -1, 1, 4},
      {Acos, EXACT(acos), -1, 1, 4},
      {Atan, EXACT(atan), -1e4, 1e4, 2},
      {Sinh, EXACT(sinh), -700, 700, 4},
      {Cosh, EXACT(cosh), -700, 700, 4},
      {Asinh, EXACT(asinh), -1e10, 1e10, 4},
      {Acosh, EXACT(acosh), 1, 1e10, 4},
      {Atanh, EXACT(atanh), -0.99, 0.99, 4},
  };
  auto target = testTargets().back();
  for (const auto &function : functions)
    checkFunction(target, DType::F64, function, 5000);
}

TEST(NativeMath, SpecialValues) {
  const float inf = INFINITY, nan = NAN;
  const std::vector<float> x{0.0f, -0.0f, inf, -inf, nan, 1e-42f, -1e-42f, 3e38f, -3e38f, 1, -1, 2};
  struct Case {
    OpKind kind;
    Real (*exact)(Real);
  };
  const Case cases[] = {{Exp, EXACT(exp)},     {Log, EXACT(log)},     {Tanh, EXACT(tanh)},
                        {Erf, EXACT(erf)},     {Asin, EXACT(asin)},   {Acos, EXACT(acos)},
                        {Atan, EXACT(atan)},   {Sinh, EXACT(sinh)},   {Cosh, EXACT(cosh)},
                        {Asinh, EXACT(asinh)}, {Acosh, EXACT(acosh)}, {Atanh, EXACT(atanh)},
                        {Sqrt, EXACT(sqrt)},   {Floor, EXACT(floor)}, {Ceil, EXACT(ceil)},
                        {Sigmoid, sigmoidOf},  {Softplus, softplusOf}};
  for (const auto &target : testTargets())
    for (const Case &c : cases) {
      auto y = evaluate<float>(target, c.kind, DType::F32, {x});
      for (size_t i = 0; i < x.size(); ++i) {
        Real want = c.exact(x[i]);
        EXPECT_LE(ulps(y[i], want), 4) << target.str() << ' ' << defOf(c.kind).name << '(' << x[i]
                                       << ") is " << y[i] << ", not " << want;
        if (want == 0) {
          EXPECT_EQ(std::signbit(y[i]), std::signbit(want))
              << defOf(c.kind).name << '(' << x[i] << ')';
        }
      }
    }
}

TEST(NativeMath, PowersFollowAnnexF) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> base(-20, 20), exponent(-30, 30);
  std::vector<float> x, y;
  const float special[] = {0.0f, -0.0f, 1,        -1,        2,   -2,    0.5f,
                           3,    -3,    INFINITY, -INFINITY, NAN, 1e-40f};
  for (float a : special)
    for (float b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  for (int i = 0; i < 20000; ++i) {
    float a = base(random), b = exponent(random);
    x.push_back(i % 2 ? std::fabs(a) : a);
    y.push_back(i % 2 ? b : std::round(b));
  }
  for (const auto &target : testTargets()) {
    auto z = evaluate<float>(target, Pow, DType::F32, {x, y});
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_LE(ulps(z[i], std::pow(Real(x[i]), Real(y[i]))), 1)
          << target.str() << " pow(" << x[i] << ", " << y[i] << ") = " << z[i];
  }
  std::vector<double> wideX(x.begin(), x.end()), wideY(y.begin(), y.end());
  auto z = evaluate<double>(testTargets().back(), Pow, DType::F64, {wideX, wideY});
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_LE(ulps(z[i], std::pow(Real(wideX[i]), Real(wideY[i]))), 4)
        << "pow(" << x[i] << ", " << y[i] << ") = " << z[i];
  auto r =
      evaluate<double>(testTargets().back(), Mod, DType::F64, {wideX, wideY}, {{"fmod", true}});
  for (size_t i = 0; i < x.size(); ++i) {
    double want = std::fmod(wideX[i], wideY[i]);
    ASSERT_TRUE(std::isnan(want) ? std::isnan(r[i]) : r[i] == want)
        << "fmod(" << wideX[i] << ", " << wideY[i] << ") = " << r[i] << ", not " << want;
  }
}

TEST(NativeConversion, IsThatOfTheSharedDefinitions) {
  const DType all[] = {DType::F32,      DType::F16,        DType::BF16,   DType::F64,
                       DType::F8E4M3FN, DType::F8E4M3FNUZ, DType::F8E5M2, DType::F8E5M2FNUZ,
                       DType::F8E8M0,   DType::F4E2M1,     DType::I4,     DType::U4,
                       DType::I8,       DType::U8,         DType::I16,    DType::U16,
                       DType::I32,      DType::U32,        DType::I64,    DType::U64,
                       DType::Bool};
  OpCases cases(20);
  const std::vector<double> specials{0.0,     -0.0,   NAN,  INFINITY, -INFINITY, 1e-7,
                                     65519.9, -70000, 1e30, -1e30,    448.5,     2147483648.0,
                                     -1e19,   0.5,    1.5,  2.5};
  for (DType from : all)
    for (DType to : all) {
      if (from == to)
        continue;
      bool isReal = isFloat(from) || isStorageFloat(from);
      Tensor x = cases.random(from, {61}, isUnsigned(from) ? 0 : -8, 7,
                              isReal ? specials : std::vector<double>{});
      cases.add(Cast, {cases.argument(x)}, {{"to", to}}, 0);
    }
  cases.runAndCompare();
}

TEST(NativeConversion, HalfPrecisionExhaustively) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i)
    halves[i] = static_cast<uint16_t>(i);
  std::vector<uint32_t> floats;
  std::mt19937 random(5);
  for (int i = 0; i < 200000; ++i)
    floats.push_back(static_cast<uint32_t>(random()));
  for (uint16_t half : halves) // ties and their neighbours
    for (uint32_t step : {0u, 0xfffu, 0x1000u, 0x1001u})
      floats.push_back(std::bit_cast<uint32_t>(numerics::f16ToF32(half)) + step);
  for (const auto &target : testTargets()) {
    auto wide =
        evaluate<uint16_t, uint32_t>(target, Cast, DType::F16, {halves}, {{"to", DType::F32}});
    for (size_t i = 0; i < halves.size(); ++i)
      ASSERT_EQ(wide[i], std::bit_cast<uint32_t>(numerics::f16ToF32(halves[i]))) << i;
    auto narrow =
        evaluate<uint32_t, uint16_t>(target, Cast, DType::F32, {floats}, {{"to", DType::F16}});
    auto brain =
        evaluate<uint32_t, uint16_t>(target, Cast, DType::F32, {floats}, {{"to", DType::BF16}});
    for (size_t i = 0; i < floats.size(); ++i) {
      float x = std::bit_cast<float>(floats[i]);
      ASSERT_EQ(narrow[i], numerics::f32ToF16(x)) << x;
      ASSERT_EQ(brain[i], numerics::f32ToBf16(x)) << x;
    }
  }
}

TEST(NativeQuantization, IsBitExact) {
  OpCases cases(21);
  for (DType to : {DType::I8, DType::U8, DType::I16, DType::U16, DType::I4, DType::U4})
    for (int form = 0; form < 3; ++form) { // scalar, along an axis, in blocks
      Dims dims{5, 12, 7}, scales = form == 0 ? Dims{} : form == 1 ? Dims{12} : Dims{5, 3, 7};
      Attributes attributes{
          {"axis", int64_t{1}}, {"to", to}, {"block_size", int64_t{form == 2 ? 5 : 0}}};
      Tensor zero = cases.random(to, scales, isUnsigned(to) ? 0 : -3, 6);
      Tensor scale = cases.random(DType::F32, scales, 0.01, 0.2);
      cases.add(
          QuantizeLinear,
          {cases.argument(cases.random(DType::F32, dims, -20, 20, {NAN, INFINITY, 0.5, -1.5})),
           cases.argument(scale), cases.argument(zero)},
          attributes, 0);
      attributes["to"] = DType::F32;
      cases.add(DequantizeLinear,
                {cases.argument(cases.random(to, dims, isUnsigned(to) ? 0 : -8, 7)),
                 cases.argument(scale), cases.argument(zero)},
                attributes, 0);
    }
  for (bool perAxis : {false, true})
    cases.add(Requantize,
              {cases.argument(cases.random(DType::I32, {3, 11, 19}, -200000, 200000)),
               cases.argument(cases.random(DType::F32, perAxis ? Dims{11} : Dims{}, 1e-4, 2e-3))},
              {{"zero_point", int64_t{3}},
               {"low", int64_t{-100}},
               {"high", int64_t{120}},
               {"to", DType::I8}},
              0);
  for (DType index : {DType::I8, DType::U8})
    cases.add(TableLookup,
              {cases.argument(cases.random(index, {5, 77}, index == DType::I8 ? -128 : 0,
                                           index == DType::I8 ? 127 : 255)),
               cases.argument(cases.random(DType::U8, {256}, 0, 255))},
              {}, 0);
  cases.add(DynamicQuantizeLinear, {cases.argument(cases.random(DType::F32, {9, 40}, -3, 8))}, {},
            0);
  cases.runAndCompare();
}

// Scales that are known at compile time are not divided by; quotients at and beside the middle
// between two integers show any error in their last bit.
TEST(NativeQuantization, DivisionByConstantScalesIsBitExact) {
  OpCases cases(23);
  for (int i = 0; i < 48; ++i) {
    DType to = i % 3 == 0 ? DType::U8 : i % 3 == 1 ? DType::I8 : DType::I16;
    auto significand = static_cast<uint32_t>(cases.uniform(0, 0x7fffff));
    if (i % 8 == 7)
      significand = i % 16 == 7 ? 0x7fffff : 0x7ffffe;
    auto exponent =
        static_cast<uint32_t>(i % 12 == 11 ? cases.uniform(1, 254) : cases.uniform(100, 140));
    float scale = std::bit_cast<float>(exponent << 23 | significand);
    int64_t zero = to == DType::U8 ? cases.uniform(0, 255) : cases.uniform(-100, 100);
    Tensor x(DType::F32, {2100});
    for (int64_t k = 0; k < x.elements(); ++k) {
      auto middle =
          static_cast<float>((static_cast<double>(cases.uniform(-400, 400)) + 0.5) * scale);
      for (int64_t ulp = cases.uniform(-2, 2); ulp != 0; ulp += ulp > 0 ? -1 : 1)
        middle = std::nextafter(middle, ulp > 0 ? INFINITY : -INFINITY);
      x.setDouble(k, middle);
    }
    const double specials[] = {NAN, INFINITY, -INFINITY, 3e38, -3e38, 1e-44, -0.0, 1e10, -7e6};
    for (int64_t k = 0; k < std::ssize(specials); ++k)
      x.setDouble(k * 7, specials[k]);
    cases.fuse({cases.argument(x, true)}, 0, [&](Builder &b, const std::vector<Value *> &in) {
      Tensor scales(DType::F32, {}), zeros(to, {});
      scales.setDouble(0, scale);
      zeros.setDouble(0, static_cast<double>(zero));
      return std::vector<Value *>{b.create(
          QuantizeLinear, {in[0], b.constant(std::move(scales)), b.constant(std::move(zeros))},
          {{"to", to}})};
    });
  }
  cases.runAndCompare();
}

// A Relu that the quantisation makes superfluous, and one that it does not.
TEST(NativeQuantization, OfReluIsBitExact) {
  OpCases cases(25);
  for (DType to : {DType::I8, DType::U8})
    for (double zero : {-128.0, 0.0, 3.0}) {
      if (to == DType::U8 && zero < 0)
        continue;
      Tensor x = cases.random(DType::F32, {7, 190}, -9, 9, {NAN, -0.0, INFINITY, -INFINITY});
      cases.fuse({cases.argument(x, true)}, 0, [&](Builder &b, const std::vector<Value *> &in) {
        Tensor scales(DType::F32, {}), zeros(to, {});
        scales.setDouble(0, 0.037);
        zeros.setDouble(0, zero);
        return std::vector<Value *>{
            b.create(QuantizeLinear,
                     {b.create(OpKind::Relu, {in[0]}), b.constant(std::move(scales)),
                      b.constant(std::move(zeros))},
                     {{"to", to}})};
      });
    }
  cases.runAndCompare();
}

// Sums that are requantised, dequantised and added to another tensor, as behind a convolution: the
// integer in between need not exist where both zero points agree.
TEST(NativeQuantization, RequantizedSumsStayBitExactInFloat) {
  OpCases cases(24);
  for (int i = 0; i < 16; ++i) {
    DType to = i % 2 ? DType::I8 : DType::U8;
    int64_t least = i % 2 ? -128 : 0, zero = i % 8 == 0 ? 0 : least + cases.uniform(0, 255);
    int64_t low = i % 3 ? least : least + cases.uniform(0, 60),
            high = i % 3 ? least + 255 : low + cases.uniform(1, 100);
    Tensor sums = cases.random(DType::I32, {3, 11, 190}, -300000, 300000);
    Tensor other = cases.random(DType::F32, {3, 11, 190}, -4, 4, {-0.0, 0.0});
    cases.fuse({cases.argument(sums), cases.argument(other)}, 0,
               [&](Builder &b, const std::vector<Value *> &in) {
                 auto scalar = [&](DType dtype, double value) {
                   Tensor tensor(dtype, {});
                   tensor.setDouble(0, value);
                   return b.constant(std::move(tensor));
                 };
                 Value *q = b.create(OpKind::Requantize, {in[0], scalar(DType::F32, 0.00049)},
                                     {{"zero_point", zero},
                                      {"axis", int64_t{1}},
                                      {"low", low},
                                      {"high", high},
                                      {"to", to}});
                 double shift = static_cast<double>(i % 4 == 3 ? least + 17 : zero);
                 Value *real =
                     b.create(DequantizeLinear, {q, scalar(DType::F32, 0.031), scalar(to, shift)},
                              {{"to", DType::F32}});
                 Value *sum = b.create(Add, {real, in[1]});
                 return std::vector<Value *>{
                     sum, b.create(QuantizeLinear,
                                   {sum, scalar(DType::F32, 0.047), scalar(to, least + 3.0)},
                                   {{"to", to}})};
               });
  }
  cases.runAndCompare();
}

TEST(NativeInteger, EdgesAreDefined) {
  OpCases cases(22);
  for (DType dtype :
       {DType::I8, DType::U8, DType::I16, DType::I32, DType::U32, DType::I64, DType::U64}) {
    bool isPlain = isUnsigned(dtype);
    double least = isPlain ? 0 : -std::ldexp(1.0, static_cast<int>(bitWidth(dtype)) - 1);
    auto operand = [&] {
      return cases.argument(
          cases.random(dtype, {200}, isPlain ? 0 : -9, 9, {0.0, isPlain ? 1.0 : -1.0, least}));
    };
    for (OpKind kind :
         {Add, Sub, Mul, Div, Max, Min, Equal, Less, GreaterOrEqual, BitwiseAnd, BitwiseXor})
      cases.add(kind, {operand(), operand()}, {}, 0);
    for (bool fmod : {false, true})
      cases.add(Mod, {operand(), operand()}, {{"fmod", fmod}}, 0);
    for (OpKind kind : {Abs, Sign, BitwiseNot, Relu})
      cases.add(kind, {operand()}, {}, 0);
    cases.add(Pow,
              {cases.argument(cases.random(dtype, {60}, isPlain ? 0 : -3, 5)),
               cases.argument(cases.random(dtype, {60}, 0, 2))},
              {}, 0);
    if (isPlain)
      for (bool left : {false, true})
        cases.add(BitShift, {operand(), cases.argument(cases.random(dtype, {200}, 0, 70))},
                  {{"left", left}}, 0);
  }
  cases.runAndCompare();
}

} // namespace
} // namespace edgecc::test
