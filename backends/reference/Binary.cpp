// Functions of two or three operands, with broadcasting.
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "ir/ops/Infer.h"
#include "runtime/numerics/Functions.h"

#include <cmath>
#include <limits>

namespace edgecc::reference {

namespace {

Expected<Dims> broadcastDims(const Call &call, std::initializer_list<unsigned> operands) {
  Dims dims;
  for (unsigned i : operands) {
    auto merged = ops::broadcast(dims, call[i].dims());
    if (!merged)
      return error("operand shapes cannot be broadcast together: " + call[i].type().str(),
                   call.op.location);
    dims = std::move(*merged);
  }
  return dims;
}

// R = fn(A, B) for each element.
template <class R, class A, class B, class Fn> Results zip(const Call &call, DType to, Fn fn) {
  EDGECC_TRY(dims, broadcastDims(call, {0, 1}));
  Tensor y(to, dims);
  const A *a = call[0].data<A>().data();
  const B *b = call[1].data<B>().data();
  R *out = y.mutableData<R>().data();
  forEachRow<2>(dims,
                {broadcastStrides(call[0].dims(), dims), broadcastStrides(call[1].dims(), dims)},
                [&](int64_t first, int64_t length, auto at, auto step) {
                  if (step[0] == 1 && step[1] == 1) {
                    for (int64_t i = 0; i < length; ++i)
                      out[first + i] = fn(a[at[0] + i], b[at[1] + i]);
                    return;
                  }
                  for (int64_t i = 0; i < length; ++i)
                    out[first + i] = fn(a[at[0] + i * step[0]], b[at[1] + i * step[1]]);
                });
  return one(std::move(y));
}

template <class Fn> Results numbers(const Call &call, Fn fn) {
  return visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    return zip<T, T, T>(call, call[0].dtype(), [&](T a, T b) { return static_cast<T>(fn(a, b)); });
  });
}

// The remainder with the sign of a (`truncated`) or of b.
template <class T> T remainder(T a, T b, bool truncated) {
  if constexpr (std::is_floating_point_v<T>) {
    T r = std::fmod(a, b);
    return !truncated && r != 0 && (r < 0) != (b < 0) ? r + b : r;
  } else {
    if (b == 0)
      return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return 0;
    T r = static_cast<T>(a % b);
    return !truncated && r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
  }
}

} // namespace

Results binary(const Call &call) {
  switch (call.op.kind()) {
  case OpKind::Add:
    return numbers(call, [](auto a, auto b) { return numerics::wrappingAdd(a, b); });
  case OpKind::Sub:
    return numbers(call, [](auto a, auto b) { return numerics::wrappingSub(a, b); });
  case OpKind::Mul:
    return numbers(call, [](auto a, auto b) { return numerics::wrappingMul(a, b); });
  case OpKind::Div:
    return numbers(call, [](auto a, auto b) { return numerics::divide(a, b); });
  case OpKind::Mod:
    return numbers(call, [truncated = call.op.flag("fmod")](auto a, auto b) {
      return remainder(a, b, truncated);
    });
  case OpKind::Max:
    return numbers(call, [](auto a, auto b) { return numerics::maximum(a, b); });
  case OpKind::Min:
    return numbers(call, [](auto a, auto b) { return numerics::minimum(a, b); });
  default:
    break;
  }
  assert(false && "not a binary function");
  return one(Tensor());
}

Results power(const Call &call) {
  return visitNumber(call[0].dtype(), [&](auto base) {
    return visitNumber(call[1].dtype(), [&](auto exponent) {
      using T = decltype(base);
      using E = decltype(exponent);
      return zip<T, T, E>(call, call[0].dtype(), [](T a, E b) { return numerics::power(a, b); });
    });
  });
}

Results compare(const Call &call) {
  auto with = [&](auto fn) {
    return visitNumber(call[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      return zip<uint8_t, T, T>(call, DType::Bool, fn);
    });
  };
  switch (call.op.kind()) {
  case OpKind::Equal:
    return with([](auto a, auto b) { return a == b; });
  case OpKind::Greater:
    return with([](auto a, auto b) { return a > b; });
  case OpKind::GreaterOrEqual:
    return with([](auto a, auto b) { return a >= b; });
  case OpKind::Less:
    return with([](auto a, auto b) { return a < b; });
  case OpKind::LessOrEqual:
    return with([](auto a, auto b) { return a <= b; });
  default:
    break;
  }
  assert(false && "not a comparison");
  return one(Tensor());
}

Results logical(const Call &call) {
  auto with = [&](auto fn) { return zip<uint8_t, uint8_t, uint8_t>(call, DType::Bool, fn); };
  switch (call.op.kind()) {
  case OpKind::And:
    return with([](bool a, bool b) { return a && b; });
  case OpKind::Or:
    return with([](bool a, bool b) { return a || b; });
  case OpKind::Xor:
    return with([](bool a, bool b) { return a != b; });
  default:
    break;
  }
  assert(false && "not a logical function");
  return one(Tensor());
}

Results bitwise(const Call &call) {
  auto with = [&](auto fn) {
    return visitBits(call[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      return zip<T, T, T>(call, call[0].dtype(),
                          [&](T a, T b) { return static_cast<T>(fn(a, b)); });
    });
  };
  switch (call.op.kind()) {
  case OpKind::BitwiseAnd:
    return with([](auto a, auto b) { return a & b; });
  case OpKind::BitwiseOr:
    return with([](auto a, auto b) { return a | b; });
  case OpKind::BitwiseXor:
    return with([](auto a, auto b) { return a ^ b; });
  case OpKind::BitShift:
    return with([left = call.op.flag("left")](auto a, auto b) -> decltype(a) {
      if (b >= std::numeric_limits<decltype(a)>::digits)
        return 0;
      auto wide = static_cast<uint64_t>(a);
      return static_cast<decltype(a)>(left ? wide << b : wide >> b);
    });
  default:
    break;
  }
  assert(false && "not a bitwise function");
  return one(Tensor());
}

Results where(const Call &call) {
  EDGECC_TRY(dims, broadcastDims(call, {0, 1, 2}));
  Tensor y(call[1].dtype(), dims);
  const uint8_t *condition = call[0].data<uint8_t>().data();
  visitBits(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *a = call[1].data<T>().data(), *b = call[2].data<T>().data();
    T *out = y.mutableData<T>().data();
    forEachRow<3>(dims,
                  {broadcastStrides(call[0].dims(), dims), broadcastStrides(call[1].dims(), dims),
                   broadcastStrides(call[2].dims(), dims)},
                  [&](int64_t first, int64_t length, auto at, auto step) {
                    for (int64_t i = 0; i < length; ++i)
                      out[first + i] = condition[at[0] + i * step[0]] ? a[at[1] + i * step[1]]
                                                                      : b[at[2] + i * step[2]];
                  });
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
