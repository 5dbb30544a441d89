// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/StageLoops.h"
#include "runtime/numerics/Functions.h"
#include "runtime/numerics/Rounding.h"

#include <cassert>

namespace edgecc::emulator {

using namespace numerics;

void applyToFloats(const Step &step, float *x, const float *a, int64_t count) {
  auto p0 = static_cast<float>(step.params[0]), p1 = static_cast<float>(step.params[1]);
  switch (step.function) {
  case Function::Abs:
    return map(x, count, absolute<float>);
  case Function::Neg:
    return map(x, count, negated<float>);
  case Function::Sign:
    return map(x, count, sign<float>);
  case Function::Floor:
    return map(x, count, [](float v) { return std::floor(v); });
  case Function::Ceil:
    return map(x, count, [](float v) { return std::ceil(v); });
  case Function::Round:
    return map(x, count, [](float v) { return roundNearestEven(v); });
  case Function::Sqrt:
    return map(x, count, [](float v) { return std::sqrt(v); });
  case Function::Reciprocal:
    return map(x, count, [](float v) { return 1.0f / v; });
  case Function::Exp:
    return map(x, count, [](float v) { return std::exp(v); });
  case Function::Log:
    return map(x, count, [](float v) { return std::log(v); });
  case Function::Erf:
    return map(x, count, [](float v) { return std::erf(v); });
  case Function::Sin:
    return map(x, count, [](float v) { return std::sin(v); });
  case Function::Cos:
    return map(x, count, [](float v) { return std::cos(v); });
  case Function::Tanh:
    return map(x, count, [](float v) { return std::tanh(v); });
  case Function::Relu:
    return map(x, count, relu<float>);
  case Function::Clip:
    return map(x, count, [=](float v) { return clip(v, p0, p1); });
  case Function::LeakyRelu:
    return map(x, count, [=](float v) { return leakyRelu(v, p0); });
  case Function::Elu:
    return map(x, count, [=](float v) { return elu(v, p0); });
  case Function::Celu:
    return map(x, count, [=](float v) { return celu(v, p0); });
  case Function::Selu:
    return map(x, count, [=](float v) { return selu(v, p0, p1); });
  case Function::Sigmoid:
    return map(x, count, sigmoid<float>);
  case Function::HardSigmoid:
    return map(x, count, [=](float v) { return hardSigmoid(v, p0, p1); });
  case Function::HardSwish:
    return map(x, count, hardSwish<float>);
  case Function::Swish:
    return map(x, count, [=](float v) { return swish(v, p0); });
  case Function::Mish:
    return map(x, count, mish<float>);
  case Function::Gelu:
    return map(x, count, gelu<float>);
  case Function::GeluTanh:
    return map(x, count, geluTanh<float>);
  case Function::Softplus:
    return map(x, count, softplus<float>);
  case Function::Softsign:
    return map(x, count, softsign<float>);
  case Function::ThresholdedRelu:
    return map(x, count, [=](float v) { return thresholdedRelu(v, p0); });
  case Function::Add:
    return zip(step, x, a, count, [](float u, float v) { return u + v; });
  case Function::Sub:
    return zip(step, x, a, count, [](float u, float v) { return u - v; });
  case Function::Mul:
    return zip(step, x, a, count, [](float u, float v) { return u * v; });
  case Function::Div:
    return zip(step, x, a, count, [](float u, float v) { return u / v; });
  case Function::Pow:
    return zip(step, x, a, count, power<float, float>);
  case Function::Max:
    return zip(step, x, a, count, maximum<float>);
  case Function::Min:
    return zip(step, x, a, count, minimum<float>);
  case Function::PRelu:
    return zip(step, x, a, count, prelu<float>);
  default:
    assert(false && "not a function of floats");
  }
}

void compareFloats(Function function, const float *a, const float *b, int64_t *y, int64_t count) {
  auto with = [&](auto fn) {
    for (int64_t i = 0; i < count; ++i)
      y[i] = fn(a[i], b[i]);
  };
  switch (function) {
  case Function::Equal:
    return with([](float u, float v) { return u == v; });
  case Function::Greater:
    return with([](float u, float v) { return u > v; });
  case Function::GreaterOrEqual:
    return with([](float u, float v) { return u >= v; });
  case Function::Less:
    return with([](float u, float v) { return u < v; });
  case Function::LessOrEqual:
    return with([](float u, float v) { return u <= v; });
  default:
    assert(false && "not a comparison");
  }
}

} // namespace edgecc::emulator
