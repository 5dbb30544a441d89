// Hyperbolic functions, their inverses, and powers in f32.
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Numeric.h"

namespace edgecc::native::math {

using llvm::Value;

// 4 ulp. An odd polynomial below 1, else (h^2 - h^-2) / 2 with h = e^(|x|/2), which does not
// overflow before the result does.
Value *sinh(KernelEmitter &e, Value *x) {
  static constexpr double kP[] = {0.16666718247585122, 0.008330211400901122,
                                  0.00020377405956277343};
  auto &b = e.b;
  Value *a = absolute(e, x), *half = floatLike(x, 0.5);
  Value *x2 = b.CreateFMul(x, x);
  Value *small = e.multiplyAdd(b.CreateFMul(polynomial(e, x2, kP), x2), x, x);
  Value *h = exp(e, b.CreateFMul(a, half));
  Value *h2 = b.CreateFMul(b.CreateFMul(h, half), h);
  Value *large = b.CreateFSub(h2, b.CreateFDiv(floatLike(x, 0.25), h2));
  return b.CreateSelect(b.CreateFCmpOLT(a, floatLike(x, 1.0)), small, copySign(e, large, x));
}

// 4 ulp.
Value *cosh(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  Value *half = floatLike(x, 0.5);
  Value *h = exp(e, b.CreateFMul(absolute(e, x), half));
  Value *h2 = b.CreateFMul(b.CreateFMul(h, half), h);
  return b.CreateFAdd(h2, b.CreateFDiv(floatLike(x, 0.25), h2));
}

// 4 ulp. log1p(a + a^2 / (1 + sqrt(a^2 + 1))), and log(a) + ln 2 where a^2 is too large.
Value *asinh(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  Value *a = absolute(e, x), *one = floatLike(x, 1.0);
  Value *a2 = b.CreateFMul(a, a);
  Value *root = squareRoot(e, b.CreateFAdd(a2, one));
  Value *near = log1p(e, b.CreateFAdd(a, b.CreateFDiv(a2, b.CreateFAdd(one, root))));
  Value *far = b.CreateFAdd(log(e, a), floatLike(x, 0.69314718055994530942));
  Value *y = b.CreateSelect(b.CreateFCmpOGT(a, floatLike(x, 0x1p13)), far, near);
  return copySign(e, y, x);
}

// 4 ulp. log1p(t + sqrt(2 t + t^2)) with t = x - 1. NaN below 1.
Value *acosh(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  Value *t = b.CreateFSub(x, floatLike(x, 1.0));
  Value *root = squareRoot(e, b.CreateFMul(t, b.CreateFAdd(t, floatLike(x, 2.0))));
  Value *near = log1p(e, b.CreateFAdd(t, root));
  Value *far = b.CreateFAdd(log(e, x), floatLike(x, 0.69314718055994530942));
  Value *y = b.CreateSelect(b.CreateFCmpOGT(x, floatLike(x, 0x1p13)), far, near);
  return b.CreateSelect(b.CreateFCmpOLT(x, floatLike(x, 1.0)),
                        llvm::ConstantFP::getNaN(x->getType()), y);
}

// 4 ulp. log1p(2 a / (1 - a)) / 2. NaN outside [-1, 1].
Value *atanh(KernelEmitter &e, Value *x) {
  auto &b = e.b;
  Value *a = absolute(e, x);
  Value *ratio = b.CreateFDiv(b.CreateFAdd(a, a), b.CreateFSub(floatLike(x, 1.0), a));
  return copySign(e, b.CreateFMul(log1p(e, ratio), floatLike(x, 0.5)), x);
}

namespace {

// log2(x) in f64 to about 2^-48 for a positive normal double.
Value *log2Wide(KernelEmitter &e, Value *x) {
  // log(m) = 2 s (1 + z q(z)), s = (m - 1) / (m + 1), z = s^2
  static constexpr double kQ[] = {0.3333333333329331, 0.20000000026313283, 0.14285708533665084,
                                  0.1111168821625102, 0.09061740256766884, 0.0841093042750965};
  auto &b = e.b;
  Value *bits = b.CreateBitCast(x, typeLike(b.getInt64Ty(), x));
  Value *offset = intLike(bits, 0x3fe6a09e667f3bcd); // sqrt(1/2)
  Value *distance = b.CreateSub(bits, offset);
  Value *k = b.CreateTrunc(b.CreateAShr(distance, 52), typeLike(b.getInt32Ty(), x));
  Value *m = b.CreateBitCast(
      b.CreateAdd(b.CreateAnd(distance, intLike(bits, 0xfffffffffffff)), offset), x->getType());
  Value *one = floatLike(x, 1.0);
  Value *s = b.CreateFDiv(b.CreateFSub(m, one), b.CreateFAdd(m, one));
  Value *z = b.CreateFMul(s, s);
  Value *y = e.multiplyAdd(polynomial(e, z, kQ), z, one);
  Value *log = b.CreateFMul(b.CreateFMul(s, floatLike(x, 2 * 1.44269504088896340736)), y);
  return b.CreateFAdd(b.CreateSIToFP(k, x->getType()), log);
}

// 2^x in f64 for |x| <= 1000, to about 2^-50.
Value *exp2Wide(KernelEmitter &e, Value *x) {
  // e^r = 1 + r + r^2 p(r)
  static constexpr double kP[] = {0.5000000000000028,     0.16666666666666952,
                                  0.041666666666408524,   0.008333333333041006,
                                  0.001388888897931716,   0.00019841270632040754,
                                  2.4801451618899272e-05, 2.7556475545318467e-06,
                                  2.7646292758842464e-07, 2.5380374277368932e-08};
  auto &b = e.b;
  Value *magic = floatLike(x, 0x1.8p52);
  Value *shifted = b.CreateFAdd(x, magic);
  llvm::Type *i64 = typeLike(b.getInt64Ty(), x);
  Value *n = b.CreateSub(b.CreateBitCast(shifted, i64), b.CreateBitCast(magic, i64));
  Value *r = b.CreateFMul(b.CreateFSub(x, b.CreateFSub(shifted, magic)),
                          floatLike(x, 0.69314718055994530942));
  Value *y = e.multiplyAdd(polynomial(e, r, kP), b.CreateFMul(r, r), r);
  y = b.CreateFAdd(y, floatLike(x, 1.0));
  Value *scale = b.CreateBitCast(b.CreateShl(b.CreateAdd(n, intLike(n, 1023)), 52), x->getType());
  return b.CreateFMul(y, scale);
}

} // namespace

// 1 ulp. |x|^y = 2^(y log2|x|) in f64; the cases of C99 (Annex F.9.4.4): exact integers y give
// negative bases their sign, other y make them NaN; pow(x, 0) = pow(1, y) = 1 for any x, y.
Value *pow(KernelEmitter &e, Value *x, Value *y) {
  auto &b = e.b;
  llvm::Type *f64 = typeLike(b.getDoubleTy(), x);
  Value *zero = floatLike(x, 0.0), *one = floatLike(x, 1.0);
  Value *infinity = llvm::ConstantFP::getInfinity(x->getType());
  Value *a = absolute(e, x);
  Value *isZero = b.CreateFCmpOEQ(a, zero), *isInfinite = b.CreateFCmpOEQ(a, infinity);
  // Subnormal floats are normal doubles.
  Value *base = b.CreateSelect(b.CreateOr(isZero, isInfinite), one, a);
  Value *exponent = b.CreateFMul(b.CreateFPExt(y, f64), log2Wide(e, b.CreateFPExt(base, f64)));
  Value *limit = floatLike(exponent, 300.0), *lowest = floatLike(exponent, -300.0);
  exponent = b.CreateSelect(b.CreateFCmpOGT(exponent, limit), limit, exponent);
  exponent = b.CreateSelect(b.CreateFCmpOLT(exponent, lowest), lowest, exponent);
  Value *magnitude = b.CreateFPTrunc(exp2Wide(e, exponent), x->getType());
  Value *yNegative = b.CreateFCmpOLT(y, zero);
  magnitude = b.CreateSelect(isZero, b.CreateSelect(yNegative, infinity, zero), magnitude);
  magnitude = b.CreateSelect(isInfinite, b.CreateSelect(yNegative, zero, infinity), magnitude);
  // y is an odd integer if it is an integer and half of it is none.
  Value *halved = b.CreateFMul(y, floatLike(x, 0.5));
  Value *isInteger = b.CreateFCmpOEQ(roundToZero(e, y), y);
  Value *isEven = b.CreateFCmpOEQ(roundToZero(e, halved), halved);
  Value *odd = b.CreateAnd(isInteger, b.CreateNot(isEven));
  Value *signedResult = b.CreateSelect(odd, copySign(e, magnitude, x), magnitude);
  Value *undefined = b.CreateAnd(b.CreateFCmpOLT(x, zero),
                                 b.CreateAnd(b.CreateNot(isInteger), b.CreateNot(isInfinite)));
  signedResult = b.CreateSelect(undefined, llvm::ConstantFP::getNaN(x->getType()), signedResult);
  signedResult = b.CreateSelect(b.CreateFCmpUNO(x, y), b.CreateFAdd(x, y), signedResult);
  // (-1)^inf = 1 like 1^anything.
  Value *minusOneToInfinity =
      b.CreateAnd(b.CreateFCmpOEQ(a, one), b.CreateFCmpOEQ(absolute(e, y), infinity));
  Value *isOne = b.CreateOr(b.CreateFCmpOEQ(x, one), b.CreateFCmpOEQ(y, zero));
  return b.CreateSelect(b.CreateOr(isOne, minusOneToInfinity), one, signedResult);
}

} // namespace edgecc::native::math
