// Functions of one operand. f32 functions are the C library's in f32.
#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Functions.h"
#include "runtime/numerics/Rounding.h"

#include <cmath>

namespace edgecc::reference {

namespace {

template <class R, class T, class Fn> Tensor map(const Tensor &x, DType to, Fn fn) {
  Tensor y(to, x.dims());
  const T *in = x.data<T>().data();
  R *out = y.mutableData<R>().data();
  for (int64_t i = 0, n = x.elements(); i < n; ++i)
    out[i] = fn(in[i]);
  return y;
}

// For any number.
template <class Fn> Results numbers(const Call &call, Fn fn) {
  return one(visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    return map<T, T>(call[0], call[0].dtype(), [&](T x) { return static_cast<T>(fn(x)); });
  }));
}

template <class Fn> Results floats(const Call &call, Fn fn) {
  return one(visitFloat(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    return map<T, T>(call[0], call[0].dtype(), fn);
  }));
}

template <class Fn> Results predicate(const Call &call, Fn fn) {
  return one(visitFloat(call[0].dtype(), [&](auto tag) {
    return map<uint8_t, decltype(tag)>(call[0], DType::Bool, fn);
  }));
}

Results isInf(const Call &call) {
  bool negative = call.op.flag("detect_negative"), positive = call.op.flag("detect_positive");
  return predicate(
      call, [=](auto x) { return std::isinf(x) && (std::signbit(x) ? negative : positive); });
}

} // namespace

Results unary(const Call &call) {
  switch (call.op.kind()) {
  case OpKind::Abs:
    return numbers(call, [](auto x) { return numerics::absolute(x); });
  case OpKind::Neg:
    return numbers(call, [](auto x) { return numerics::negated(x); });
  case OpKind::Sign:
    return numbers(call, [](auto x) { return numerics::sign(x); });
  case OpKind::Acos:
    return floats(call, [](auto x) { return std::acos(x); });
  case OpKind::Acosh:
    return floats(call, [](auto x) { return std::acosh(x); });
  case OpKind::Asin:
    return floats(call, [](auto x) { return std::asin(x); });
  case OpKind::Asinh:
    return floats(call, [](auto x) { return std::asinh(x); });
  case OpKind::Atan:
    return floats(call, [](auto x) { return std::atan(x); });
  case OpKind::Atanh:
    return floats(call, [](auto x) { return std::atanh(x); });
  case OpKind::Ceil:
    return floats(call, [](auto x) { return std::ceil(x); });
  case OpKind::Cos:
    return floats(call, [](auto x) { return std::cos(x); });
  case OpKind::Cosh:
    return floats(call, [](auto x) { return std::cosh(x); });
  case OpKind::Erf:
    return floats(call, [](auto x) { return std::erf(x); });
  case OpKind::Exp:
    return floats(call, [](auto x) { return std::exp(x); });
  case OpKind::Floor:
    return floats(call, [](auto x) { return std::floor(x); });
  case OpKind::Log:
    return floats(call, [](auto x) { return std::log(x); });
  case OpKind::Reciprocal:
    return floats(call, [](auto x) { return decltype(x)(1) / x; });
  case OpKind::Round:
    return floats(call, [](auto x) { return numerics::roundNearestEven(x); });
  case OpKind::Sin:
    return floats(call, [](auto x) { return std::sin(x); });
  case OpKind::Sinh:
    return floats(call, [](auto x) { return std::sinh(x); });
  case OpKind::Sqrt:
    return floats(call, [](auto x) { return std::sqrt(x); });
  case OpKind::Tan:
    return floats(call, [](auto x) { return std::tan(x); });
  case OpKind::Tanh:
    return floats(call, [](auto x) { return std::tanh(x); });
  case OpKind::IsInf:
    return isInf(call);
  case OpKind::IsNaN:
    return predicate(call, [](auto x) { return std::isnan(x); });
  case OpKind::Not:
    return one(map<uint8_t, uint8_t>(call[0], DType::Bool, [](uint8_t x) { return x == 0; }));
  case OpKind::BitwiseNot:
    return one(visitBits(call[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      return map<T, T>(call[0], call[0].dtype(), [](T x) { return static_cast<T>(~x); });
    }));
  default:
    break;
  }
  assert(false && "not a unary function");
  return one(Tensor());
}

} // namespace edgecc::reference
