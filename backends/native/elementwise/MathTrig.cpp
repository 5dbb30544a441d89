// Trigonometric functions and their inverses in f32.
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Numeric.h"

namespace edgecc::native::math {

using llvm::Value;

namespace {

constexpr double kPi = 3.14159265358979323846;

struct Quadrant {
  Value *index; // i32, modulo 4 in its low bits
  Value *r;     // f32, |r| <= pi / 4
};

// x = index * pi/2 + r. The reduction runs in f64 with pi/2 in two parts: r is right to f32
// precision for |x| <= 2^22, far from multiples of pi/2 up to 2^29. Infinity and NaN give NaN.
Quadrant reduceAngle(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  Value *wide = b.CreateFPExt(x, typeLike(b.getDoubleTy(), x));
  Value *magic = floatLike(wide, 0x1.8p52); // rounds to an integer, left in the low mantissa bits
  Value *shifted = b.CreateFAdd(b.CreateFMul(wide, floatLike(wide, 2 / kPi)), magic);
  Value *bits = b.CreateBitCast(shifted, typeLike(b.getInt64Ty(), x));
  Value *index = b.CreateTrunc(bits, typeLike(b.getInt32Ty(), x));
  Value *n = b.CreateFSub(shifted, magic);
  // The high part has 31 significant bits, so its products with n are exact.
  constexpr double kHigh = 0x1.921fb544p0, kLow = 0x1.0b4611a626331p-34;
  Value *r = b.CreateFSub(wide, b.CreateFMul(n, floatLike(wide, kHigh)));
  r = b.CreateFSub(r, b.CreateFMul(n, floatLike(wide, kLow)));
  return {index, b.CreateFPTrunc(r, x->getType())};
}

Value *sinReduced(KernelEmitter &e, Value *r) {
  static constexpr double kP[] = {-0.16666654908429798, 0.00833217583697985,
                                  -0.00019516976467493164};
  Value *r2 = e.b.CreateFMul(r, r);
  return e.multiplyAdd(e.b.CreateFMul(polynomial(e, r2, kP), r2), r, r);
}

Value *cosReduced(KernelEmitter &e, Value *r) {
  static constexpr double kP[] = {0.04166664680673945, -0.0013887364466887223,
                                  2.443808910756521e-05};
  Value *r2 = e.b.CreateFMul(r, r);
  Value *tail = e.multiplyAdd(e.b.CreateFMul(polynomial(e, r2, kP), r2), r2,
                              e.b.CreateFMul(r2, floatLike(r, -0.5)));
  return e.b.CreateFAdd(tail, floatLike(r, 1.0));
}

Value *isOdd(KernelEmitter &e, Value *index) {
  return e.b.CreateICmpNE(e.b.CreateAnd(index, intLike(index, 1)), intLike(index, 0));
}

Value *sineOfQuadrant(KernelEmitter &e, Value *r, Value *index) {
  auto &b = e.b;
  Value *y = b.CreateSelect(isOdd(e, index), cosReduced(e, r), sinReduced(e, r));
  Value *negative = b.CreateICmpNE(b.CreateAnd(index, intLike(index, 2)), intLike(index, 0));
  return b.CreateSelect(negative, b.CreateFNeg(y), y);
}

} // namespace

// 2 ulp for |x| <= 2^22 (absolute error 2^-24 near multiples of pi beyond 2^16).
Value *sin(KernelEmitter &e, Value *x) {
  auto [index, r] = reduceAngle(e, x);
  Value *y = sineOfQuadrant(e, r, index);
  return e.b.CreateSelect(e.b.CreateFCmpOEQ(x, floatLike(x, 0.0)), x, y); // keeps -0
}

// As sin.
Value *cos(KernelEmitter &e, Value *x) {
  auto [index, r] = reduceAngle(e, x);
  return sineOfQuadrant(e, r, e.b.CreateAdd(index, intLike(index, 1)));
}

// 4 ulp in the range of sin.
Value *tan(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  auto [index, r] = reduceAngle(e, x);
  Value *s = sinReduced(e, r), *c = cosReduced(e, r);
  Value *odd = isOdd(e, index);
  Value *y = b.CreateFDiv(b.CreateSelect(odd, b.CreateFNeg(c), s), b.CreateSelect(odd, s, c));
  return b.CreateSelect(b.CreateFCmpOEQ(x, floatLike(x, 0.0)), x, y);
}

namespace {

// asin(s) for 0 <= s <= 1/2, z = s^2
Value *asinSmall(KernelEmitter &e, Value *s, Value *z) {
  static constexpr double kP[] = {0.16666753928106987, 0.07495241777559004, 0.04547709710427848,
                                  0.024147611906854605, 0.04221854606580511};
  return e.multiplyAdd(e.b.CreateFMul(polynomial(e, z, kP), z), s, s);
}

struct HalfAngle {
  Value *isLarge; // |x| > 1/2
  Value *angle;   // asin of |x|, or of sqrt((1 - |x|) / 2) where large
};

HalfAngle halfAngle(KernelEmitter &e, Value *a) {
  auto &b = e.b;
  Value *large = b.CreateFCmpOGT(a, floatLike(a, 0.5));
  Value *zLarge = b.CreateFMul(b.CreateFSub(floatLike(a, 1.0), a), floatLike(a, 0.5));
  Value *z = b.CreateSelect(large, zLarge, b.CreateFMul(a, a));
  Value *s = b.CreateSelect(large, squareRoot(e, zLarge), a);
  return {large, asinSmall(e, s, z)};
}

} // namespace

// 2 ulp. asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)) for x > 1/2. NaN outside [-1, 1].
Value *asin(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  auto [large, angle] = halfAngle(e, absolute(e, x));
  Value *twice = b.CreateFAdd(angle, angle);
  // pi/2 in two parts: its rounding error would show in the difference.
  constexpr double kHigh = 0x1.921fb6p0, kLow = kPi / 2 - kHigh;
  Value *complement = b.CreateFSub(floatLike(x, kHigh), b.CreateFSub(twice, floatLike(x, kLow)));
  return copySign(e, b.CreateSelect(large, complement, angle), x);
}

// 2 ulp of the larger of result and 1/4.
Value *acos(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  auto [large, angle] = halfAngle(e, absolute(e, x));
  Value *twice = b.CreateFAdd(angle, angle);
  Value *negative = b.CreateFCmpOLT(x, floatLike(x, 0.0));
  constexpr double kHalfHigh = 0x1.921fb6p0, kHalfLow = kPi / 2 - kHalfHigh;
  Value *fromPi =
      b.CreateFSub(floatLike(x, 2 * kHalfHigh), b.CreateFSub(twice, floatLike(x, 2 * kHalfLow)));
  Value *whenLarge = b.CreateSelect(negative, fromPi, twice);
  Value *signedAngle = copySign(e, angle, x);
  Value *whenSmall =
      b.CreateFSub(floatLike(x, kHalfHigh), b.CreateFSub(signedAngle, floatLike(x, kHalfLow)));
  return b.CreateSelect(large, whenLarge, whenSmall);
}

// 2 ulp. Reduced to [0, tan(pi/8)] by atan(a) = pi/2 - atan(1/a) and pi/4 + atan((a-1)/(a+1)).
Value *atan(KernelEmitter &e, Value *x) {
  static constexpr double kP[] = {-0.33333315423028703, 0.19998483971084352, -0.14243738281738091,
                                  0.10595136448139515, -0.06081148284506196};
  auto &b = e.b;
  Value *a = absolute(e, x), *one = floatLike(x, 1.0), *zero = floatLike(x, 0.0);
  Value *large = b.CreateFCmpOGT(a, floatLike(x, 2.414213562373095));
  Value *middle =
      b.CreateAnd(b.CreateFCmpOGT(a, floatLike(x, 0.4142135623730950)), b.CreateNot(large));
  Value *numerator =
      b.CreateSelect(large, floatLike(x, -1.0), b.CreateSelect(middle, b.CreateFSub(a, one), a));
  Value *denominator = b.CreateSelect(large, a, b.CreateSelect(middle, b.CreateFAdd(a, one), one));
  Value *t = b.CreateFDiv(numerator, denominator);
  constexpr double kHigh = 0x1.921fb6p0, kLow = kPi / 2 - kHigh;
  Value *high = b.CreateSelect(large, floatLike(x, kHigh),
                               b.CreateSelect(middle, floatLike(x, kHigh / 2), zero));
  Value *low = b.CreateSelect(large, floatLike(x, kLow),
                              b.CreateSelect(middle, floatLike(x, kLow / 2), zero));
  Value *z = b.CreateFMul(t, t);
  Value *tail = e.multiplyAdd(b.CreateFMul(polynomial(e, z, kP), z), t, low);
  return copySign(e, b.CreateFAdd(high, b.CreateFAdd(tail, t)), x);
}

} // namespace edgecc::native::math
