// Activation functions, in forms that do not lose digits where the textbook's would cancel.
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"

#include "backends/reference/Scalar.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace edgecc::reference {

namespace {

template <class Fn> Results floats(const Call &call, Fn fn) {
  return one(visitFloat(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    Tensor y(call[0].dtype(), call[0].dims());
    const T *in = call[0].data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t i = 0, n = y.elements(); i < n; ++i)
      out[i] = fn(in[i]);
    return y;
  }));
}

// x * Phi(x) = x/2 erfc(-x/sqrt(2)), which keeps its digits for large negative x.
template <class T> T gelu(T x) {
  constexpr T kHalfRoot = T(1 / std::numbers::sqrt2);
  return T(0.5) * x * std::erfc(-x * kHalfRoot);
}

template <class T> T geluTanh(T x) {
  const T scale = std::sqrt(T(2) / T(std::numbers::pi));
  return T(0.5) * x * (T(1) + std::tanh(scale * (x + T(0.044715) * x * x * x)));
}

Results clip(const Call &call) {
  return one(visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const Tensor &x = call[0];
    Tensor y(x.dtype(), x.dims());
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    bool hasLow = call.has(1), hasHigh = call.has(2);
    T low = hasLow ? call[1].data<T>()[0] : T(), high = hasHigh ? call[2].data<T>()[0] : T();
    for (int64_t i = 0, n = x.elements(); i < n; ++i) {
      T value = in[i];
      if (hasLow && value < low)
        value = low;
      if (hasHigh && value > high)
        value = high;
      out[i] = value;
    }
    return y;
  }));
}

Results relu(const Call &call) {
  return one(visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    Tensor y(call[0].dtype(), call[0].dims());
    const T *in = call[0].data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t i = 0, n = y.elements(); i < n; ++i)
      out[i] = in[i] < T(0) ? T(0) : in[i];
    return y;
  }));
}

Results prelu(const Call &call) {
  return one(visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const Tensor &x = call[0];
    Tensor y(x.dtype(), x.dims());
    const T *in = x.data<T>().data(), *slope = call[1].data<T>().data();
    T *out = y.mutableData<T>().data();
    forEachRow<1>(x.dims(), {broadcastStrides(call[1].dims(), x.dims())},
                  [&](int64_t first, int64_t length, auto offsets, auto steps) {
                    for (int64_t i = 0; i < length; ++i) {
                      T value = in[first + i];
                      out[first + i] = value < T(0)
                                           ? wrappingMul(value, slope[offsets[0] + i * steps[0]])
                                           : value;
                    }
                  });
    return y;
  }));
}

Results shrink(const Call &call) {
  double lambda = call.op.real("lambda"), bias = call.op.real("bias");
  return one(visitNumber(call[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    Tensor y(call[0].dtype(), call[0].dims());
    const T *in = call[0].data<T>().data();
    T *out = y.mutableData<T>().data();
    for (int64_t i = 0, n = y.elements(); i < n; ++i) {
      auto x = static_cast<double>(in[i]);
      out[i] = fromReal<T>(x < -lambda ? x + bias : x > lambda ? x - bias : 0);
    }
    return y;
  }));
}

} // namespace

Results activation(const Call &call) {
  const Op &op = call.op;
  auto real = [&](const char *name) { return op.real(name); };
  switch (op.kind()) {
  case OpKind::Clip:
    return clip(call);
  case OpKind::Relu:
    return relu(call);
  case OpKind::PRelu:
    return prelu(call);
  case OpKind::Shrink:
    return shrink(call);
  case OpKind::Sigmoid:
    return floats(call, [](auto x) { return sigmoid(x); });
  case OpKind::Softplus:
    return floats(call, [](auto x) { return softplus(x); });
  case OpKind::HardSwish:
    return floats(call, [](auto x) {
      using T = decltype(x);
      return x * std::max(T(0), std::min(T(1), x / T(6) + T(0.5)));
    });
  case OpKind::Mish:
    return floats(call, [](auto x) { return x * std::tanh(softplus(x)); });
  case OpKind::Softsign:
    return floats(call, [](auto x) { return x / (1 + std::fabs(x)); });
  case OpKind::Gelu:
    if (op.flag("tanh"))
      return floats(call, [](auto x) { return geluTanh(x); });
    return floats(call, [](auto x) { return gelu(x); });
  case OpKind::Celu:
    return floats(call, [a = real("alpha")](auto x) {
      auto alpha = static_cast<decltype(x)>(a);
      return x > 0 ? x : alpha * std::expm1(x / alpha);
    });
  case OpKind::Elu:
    return floats(call, [a = real("alpha")](auto x) {
      return x >= 0 ? x : static_cast<decltype(x)>(a) * std::expm1(x);
    });
  case OpKind::Selu:
    return floats(call, [a = real("alpha"), g = real("gamma")](auto x) {
      auto alpha = static_cast<decltype(x)>(a), gamma = static_cast<decltype(x)>(g);
      return x > 0 ? gamma * x : gamma * (alpha * std::expm1(x));
    });
  case OpKind::HardSigmoid:
    return floats(call, [a = real("alpha"), b = real("beta")](auto x) {
      using T = decltype(x);
      return std::max(T(0), std::min(T(1), static_cast<T>(a) * x + static_cast<T>(b)));
    });
  case OpKind::LeakyRelu:
    return floats(
        call, [a = real("alpha")](auto x) { return x >= 0 ? x : static_cast<decltype(x)>(a) * x; });
  case OpKind::Swish:
    return floats(
        call, [a = real("alpha")](auto x) { return x * sigmoid(static_cast<decltype(x)>(a) * x); });
  case OpKind::ThresholdedRelu:
    return floats(call, [a = real("alpha")](auto x) {
      return x > static_cast<decltype(x)>(a) ? x : decltype(x)(0);
    });
  default:
    break;
  }
  assert(false && "not an activation function");
  return one(Tensor());
}

} // namespace edgecc::reference
