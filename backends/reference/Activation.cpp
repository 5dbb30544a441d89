// Activation functions.
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Functions.h"

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
      out[i] = numerics::relu(in[i]);
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
                    for (int64_t i = 0; i < length; ++i)
                      out[first + i] =
                          numerics::prelu(in[first + i], slope[offsets[0] + i * steps[0]]);
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
      out[i] = numerics::fromReal<T>(x < -lambda ? x + bias : x > lambda ? x - bias : 0);
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
    return floats(call, [](auto x) { return numerics::sigmoid(x); });
  case OpKind::Softplus:
    return floats(call, [](auto x) { return numerics::softplus(x); });
  case OpKind::HardSwish:
    return floats(call, [](auto x) { return numerics::hardSwish(x); });
  case OpKind::Mish:
    return floats(call, [](auto x) { return numerics::mish(x); });
  case OpKind::Softsign:
    return floats(call, [](auto x) { return numerics::softsign(x); });
  case OpKind::Gelu:
    if (op.flag("tanh"))
      return floats(call, [](auto x) { return numerics::geluTanh(x); });
    return floats(call, [](auto x) { return numerics::gelu(x); });
  case OpKind::Celu:
    return floats(call, [a = real("alpha")](auto x) {
      return numerics::celu(x, static_cast<decltype(x)>(a));
    });
  case OpKind::Elu:
    return floats(call, [a = real("alpha")](auto x) {
      return numerics::elu(x, static_cast<decltype(x)>(a));
    });
  case OpKind::Selu:
    return floats(call, [a = real("alpha"), g = real("gamma")](auto x) {
      using T = decltype(x);
      return numerics::selu(x, static_cast<T>(a), static_cast<T>(g));
    });
  case OpKind::HardSigmoid:
    return floats(call, [a = real("alpha"), b = real("beta")](auto x) {
      using T = decltype(x);
      return numerics::hardSigmoid(x, static_cast<T>(a), static_cast<T>(b));
    });
  case OpKind::LeakyRelu:
    return floats(call, [a = real("alpha")](auto x) {
      return numerics::leakyRelu(x, static_cast<decltype(x)>(a));
    });
  case OpKind::Swish:
    return floats(call, [a = real("alpha")](auto x) {
      return numerics::swish(x, static_cast<decltype(x)>(a));
    });
  case OpKind::ThresholdedRelu:
    return floats(call, [a = real("alpha")](auto x) {
      return numerics::thresholdedRelu(x, static_cast<decltype(x)>(a));
    });
  default:
    break;
  }
  assert(false && "not an activation function");
  return one(Tensor());
}

} // namespace edgecc::reference
