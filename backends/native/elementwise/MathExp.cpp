// Exponentials, logarithms and what is made of them, in f32. Range reduction after Cody and Waite,
// "Software Manual for the Elementary Functions" (1980); polynomials are minimax fits whose
// relative error is below 2^-27. Bounds in units in the last place (ulp) are those that the tests
// assert.
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Numeric.h"

#include <algorithm>
#include <cmath>

namespace edgecc::native::math {

using llvm::Value;

namespace {

constexpr double kLog2E = 1.44269504088896340736;
constexpr double kLn2 = 0.69314718055994530942;
constexpr double kLn2High = 0.693359375; // 355 / 512: products with |n| < 2^15 are exact in f32
constexpr double kLn2Low = kLn2 - kLn2High;

Value *asInt(KernelEmitter &e, Value *x) {
  return e.b.CreateBitCast(x, typeLike(e.b.getInt32Ty(), x));
}
Value *asFloat(KernelEmitter &e, Value *bits) {
  return e.b.CreateBitCast(bits, typeLike(e.b.getFloatTy(), bits));
}

// 2^n for an integer n in [-126, 127], in i32.
Value *powerOfTwo(KernelEmitter &e, Value *n) {
  return asFloat(e, e.b.CreateShl(e.b.CreateAdd(n, intLike(n, 127)), 23));
}

struct Reduced {
  Value *n; // i32
  Value *r; // x - n ln 2, |r| <= ln 2 / 2
};

// For |x| < 2^15. NaN stays in r.
Reduced reduceExp(KernelEmitter &e, Value *x) {
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low mantissa bits.
  Value *magic = floatLike(x, 0x1.8p23);
  Value *shifted = e.b.CreateFAdd(e.b.CreateFMul(x, floatLike(x, kLog2E)), magic);
  Value *n = e.b.CreateSub(asInt(e, shifted), asInt(e, magic));
  Value *whole = e.b.CreateFSub(shifted, magic);
  Value *r = e.multiplyAdd(whole, floatLike(x, -kLn2High), x);
  return {n, e.multiplyAdd(whole, floatLike(x, -kLn2Low), r)};
}

// e^r - 1 for |r| <= 0.3475
Value *expm1Reduced(KernelEmitter &e, Value *r) {
  static constexpr double kP[] = {0.5000000096659376, 0.16666517308204107, 0.0416662010620463,
                                  0.008369073115207062, 0.0013950807170066935};
  return e.multiplyAdd(polynomial(e, r, kP), e.b.CreateFMul(r, r), r);
}

Value *clamp(KernelEmitter &e, Value *x, double low, double high) { // keeps NaN
  Value *l = floatLike(x, low), *h = floatLike(x, high);
  x = e.b.CreateSelect(e.b.CreateFCmpOGT(l, x), l, x);
  return e.b.CreateSelect(e.b.CreateFCmpOLT(h, x), h, x);
}

// exp(x) for x in [-87, 88] or NaN: the result is normal and 2^n is a float.
Value *expNormal(KernelEmitter &e, Value *x) {
  auto [n, r] = reduceExp(e, x);
  Value *y = e.b.CreateFAdd(expm1Reduced(e, r), floatLike(x, 1.0));
  return e.b.CreateFMul(y, powerOfTwo(e, n));
}

} // namespace

// 1 ulp. Overflows to infinity above 88.7228; results below 2^-126 are subnormal, rounded once
// more.
Value *exp(KernelEmitter &e, Value *x) {
  auto [n, r] = reduceExp(e, clamp(e, x, -105.0, 90.0));
  Value *y = e.b.CreateFAdd(expm1Reduced(e, r), floatLike(x, 1.0));
  Value *half = e.b.CreateAShr(n, 1);
  y = e.b.CreateFMul(y, powerOfTwo(e, half));
  return e.b.CreateFMul(y, powerOfTwo(e, e.b.CreateSub(n, half)));
}

// 2 ulp, also near zero.
Value *expm1(KernelEmitter &e, Value *x) {
  auto [n, r] = reduceExp(e, clamp(e, x, -87.0, 89.0));
  // 2^n (1 + p) - 1 = 2^n p + (2^n - 1); n is at most 128 (x = 89), so half of it twice.
  Value *scale = powerOfTwo(e, e.b.CreateSub(n, intLike(n, 1)));
  Value *p = expm1Reduced(e, r);
  Value *halfLess = e.b.CreateFSub(scale, floatLike(x, 0.5));
  Value *y = e.multiplyAdd(scale, p, halfLess);
  y = e.b.CreateFAdd(y, y);
  // -0 stays -0.
  return e.b.CreateSelect(e.b.CreateFCmpOEQ(x, floatLike(x, 0.0)), x, y);
}

namespace {

// log(2^shift x) + shifts ln 2 without special cases: x normal and positive.
Value *logNormal(KernelEmitter &e, Value *x, Value *bias) {
  static constexpr double kP[] = {0.33333310438558256,  -0.24999986623513692, 0.20002226696160588,
                                  -0.16669249576683148, 0.14218655652973536,  -0.12384368460317909,
                                  0.11873012920937007,  -0.11789705015292729, 0.06915165527677031};
  // x = 2^k m with m in [sqrt(1/2), sqrt(2))
  Value *bits = asInt(e, x);
  Value *offset = intLike(bits, 0x3f3504f3); // bits of sqrt(1/2)
  Value *distance = e.b.CreateSub(bits, offset);
  Value *k = e.b.CreateAShr(distance, 23);
  Value *m = asFloat(e, e.b.CreateAdd(e.b.CreateAnd(distance, intLike(bits, 0x7fffff)), offset));
  Value *kf = e.b.CreateFAdd(e.b.CreateSIToFP(k, x->getType()), bias);
  Value *f = e.b.CreateFSub(m, floatLike(x, 1.0));
  Value *f2 = e.b.CreateFMul(f, f);
  Value *y = e.b.CreateFMul(polynomial(e, f, kP), e.b.CreateFMul(f2, f));
  y = e.multiplyAdd(kf, floatLike(x, kLn2Low), y);
  y = e.multiplyAdd(f2, floatLike(x, -0.5), y);
  y = e.b.CreateFAdd(f, y);
  return e.multiplyAdd(kf, floatLike(x, kLn2High), y);
}

} // namespace

// 1 ulp, subnormal arguments included.
Value *log(KernelEmitter &e, Value *x) {
  Value *zero = floatLike(x, 0.0);
  Value *tiny = e.b.CreateFCmpOLT(x, floatLike(x, 0x1p-126));
  Value *scaled = e.b.CreateSelect(tiny, e.b.CreateFMul(x, floatLike(x, 0x1p25)), x);
  Value *bias = e.b.CreateSelect(tiny, floatLike(x, -25.0), zero);
  Value *y = logNormal(e, scaled, bias);
  Value *infinity = llvm::ConstantFP::getInfinity(x->getType());
  // Infinity and NaN are their own logarithms.
  y = e.b.CreateSelect(e.b.CreateFCmpULT(x, infinity), y, x);
  y = e.b.CreateSelect(isNaN(e, x), x, y);
  y = e.b.CreateSelect(e.b.CreateFCmpOLT(x, zero), llvm::ConstantFP::getNaN(x->getType()), y);
  return e.b.CreateSelect(e.b.CreateFCmpOEQ(x, zero),
                          llvm::ConstantFP::getInfinity(x->getType(), true), y);
}

// 2 ulp. log(u) plus the first-order correction for what u = 1 + x lost (Goldberg, "What Every
// Computer Scientist Should Know About Floating-Point Arithmetic", 1991).
Value *log1p(KernelEmitter &e, Value *x) {
  Value *one = floatLike(x, 1.0);
  Value *u = e.b.CreateFAdd(one, x);
  // The part of x that the sum lost; Moller's two-sum, since x may be larger than 1.
  Value *seen = e.b.CreateFSub(u, one);
  Value *lost =
      e.b.CreateFAdd(e.b.CreateFSub(one, e.b.CreateFSub(u, seen)), e.b.CreateFSub(x, seen));
  Value *y = e.b.CreateFAdd(log(e, u), e.b.CreateFDiv(lost, u));
  Value *infinity = llvm::ConstantFP::getInfinity(x->getType());
  Value *isMinusOne = e.b.CreateFCmpOEQ(x, floatLike(x, -1.0));
  y = e.b.CreateSelect(isMinusOne, llvm::ConstantFP::getInfinity(x->getType(), true), y);
  Value *itself = e.b.CreateOr(e.b.CreateFCmpOEQ(x, infinity),
                               e.b.CreateFCmpOLT(absolute(e, x), floatLike(x, 0x1p-25)));
  return e.b.CreateSelect(itself, x, y);
}

// 2 ulp. e^-|x| never overflows, and small results keep their relative precision.
Value *sigmoid(KernelEmitter &e, Value *x) {
  Value *one = floatLike(x, 1.0);
  Value *z = exp(e, e.b.CreateFNeg(absolute(e, x)));
  Value *numerator = e.b.CreateSelect(e.b.CreateFCmpOLT(x, floatLike(x, 0.0)), z, one);
  return e.b.CreateFDiv(numerator, e.b.CreateFAdd(one, z));
}

// x / (1 + 2^v) with v = -alpha log2(e) x, in the fewest operations of the units that multiply: 3
// ulp and, where v is positive, v / 4 more (v without FMA), since log2(e) is one f32. From v = 126
// on, where |result| is below 1.1e-36 / |alpha|, the result stays what it is there. A `factor`
// other than 1 costs one ulp more.
Value *swish(KernelEmitter &e, Value *x, double alpha, double factor) {
  // 2^f for |f| <= 1/2, minimax in relative error: 7.5e-8
  static constexpr double kP[] = {1.000000071654672,     0.69314696706436141,
                                  0.24022119723881974,   0.05550713274149887,
                                  0.0096755413327666573, 0.0013276471781783611};
  double scale = -alpha * kLog2E;
  auto reach = [&](double v) { return std::min(v / std::abs(scale), 3e38); };
  auto atLeast = [&](Value *y, double low) {
    return e.b.CreateSelect(e.b.CreateFCmpOGT(floatLike(y, low), y), floatLike(y, low), y);
  };
  auto atMost = [&](Value *y, double high) {
    return e.b.CreateSelect(e.b.CreateFCmpOLT(floatLike(y, high), y), floatLike(y, high), y);
  };
  // 2^v stays a normal float, and 1 far to the other side.
  x = alpha > 0 ? atLeast(x, -reach(126)) : atMost(x, reach(126));
  Value *t = alpha > 0 ? atMost(x, reach(44)) : atLeast(x, -reach(44));
  Value *slope = floatLike(x, scale), *magic = floatLike(x, 0x1.8p23); // see reduceExp
  Value *shifted = e.multiplyAdd(t, slope, magic);
  Value *f = e.multiplyAdd(t, slope, e.b.CreateFSub(magic, shifted));
  Value *exponent = e.b.CreateShl(asInt(e, shifted), 23); // the low bits of `shifted` are n
  Value *power = asFloat(e, e.b.CreateAdd(asInt(e, polynomial(e, f, kP)), exponent));
  Value *numerator = factor == 1 ? x : e.b.CreateFMul(x, floatLike(x, factor));
  return e.b.CreateFDiv(numerator, e.b.CreateFAdd(power, floatLike(x, 1.0)));
}

// 2 ulp. An odd polynomial near zero, else 1 - 2 / (e^2|x| + 1).
Value *tanh(KernelEmitter &e, Value *x) {
  static constexpr double kP[] = {-0.33333278313510833, 0.13331328918615254, -0.05372922704444491,
                                  0.020601999156710626, -0.005660780464476012};
  Value *a = absolute(e, x);
  Value *one = floatLike(x, 1.0);
  Value *x2 = e.b.CreateFMul(x, x);
  Value *small = e.multiplyAdd(e.b.CreateFMul(polynomial(e, x2, kP), x2), a, a);
  Value *limited = clamp(e, a, 0.0, 10.0); // tanh is 1 in f32 from 9.01
  Value *grown = expNormal(e, e.b.CreateFAdd(limited, limited));
  Value *large = e.b.CreateFSub(one, e.b.CreateFDiv(floatLike(x, 2.0), e.b.CreateFAdd(grown, one)));
  return copySign(e, e.b.CreateSelect(e.b.CreateFCmpOLT(a, floatLike(x, 0.625)), small, large), x);
}

// 2 ulp. An odd polynomial below 1, else 1 - exp(q(|x|)) with q fitted to log(erfc).
Value *erf(KernelEmitter &e, Value *x) {
  static constexpr double kSmall[] = {
      0.1283791659137505,   -0.37612627135961824,   0.11283600176213995,  -0.026854444590123837,
      0.005189535335993505, -0.0008020841250712682, 7.889119437082064e-05};
  static constexpr double kLarge[] = {
      0.00020436000730228443, -1.129661157653971,      -0.6330396111464629,
      -0.10863899961905309,   0.025373557198370297,    -0.004282383333582305,
      0.0004637882308657146,  -2.5314843782639725e-05, 2.5132913925010137e-07};
  Value *a = absolute(e, x);
  Value *one = floatLike(x, 1.0);
  // x + x p(x^2) rounds once less than the plain product.
  Value *small = e.multiplyAdd(polynomial(e, e.b.CreateFMul(x, x), kSmall), x, x);
  Value *limited = clamp(e, a, 0.0, 4.0); // erf is 1 in f32 from 3.92
  Value *large = e.b.CreateFSub(one, expNormal(e, polynomial(e, limited, kLarge)));
  return e.b.CreateSelect(e.b.CreateFCmpOLT(a, one), small, copySign(e, large, x));
}

// 2 ulp of the larger of result and x.
Value *softplus(KernelEmitter &e, Value *x) {
  Value *zero = floatLike(x, 0.0);
  Value *positive = e.b.CreateSelect(e.b.CreateFCmpOGT(zero, x), zero, x); // keeps NaN
  return e.b.CreateFAdd(positive, log1p(e, exp(e, e.b.CreateFNeg(absolute(e, x)))));
}

} // namespace edgecc::native::math
