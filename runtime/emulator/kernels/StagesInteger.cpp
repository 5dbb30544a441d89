// SPDX-License-Identifier: Apache-2.0
//
// Functions of integers in 64 bits; the caller wraps the results to the type. That is the same as
// wrapping in the type itself.
#include "runtime/emulator/kernels/StageLoops.h"
#include "runtime/numerics/Functions.h"

#include <cassert>

namespace edgecc::emulator {

using namespace numerics;

namespace {

using Integer = int64_t;

} // namespace

void applyToIntegers(const Step &step, Integer *x, const Integer *a, int64_t count) {
  switch (step.function) {
  case Function::Abs:
    return map(x, count, absolute<Integer>);
  case Function::Neg:
    return map(x, count, negated<Integer>);
  case Function::Sign:
    return map(x, count, sign<Integer>);
  case Function::Relu:
    return map(x, count, relu<Integer>);
  case Function::Clip: {
    auto low = toInteger<Integer>(step.params[0]), high = toInteger<Integer>(step.params[1]);
    return map(x, count, [=](Integer v) { return clip(v, low, high); });
  }
  case Function::Not:
    return map(x, count, [](Integer v) -> Integer { return v == 0; });
  case Function::Add:
    return zip(step, x, a, count, wrappingAdd<Integer>);
  case Function::Sub:
    return zip(step, x, a, count, wrappingSub<Integer>);
  case Function::Mul:
    return zip(step, x, a, count, wrappingMul<Integer>);
  case Function::Div:
    return zip(step, x, a, count, divide<Integer>);
  case Function::Pow:
    return zip(step, x, a, count, power<Integer, Integer>);
  case Function::Max:
    return zip(step, x, a, count, maximum<Integer>);
  case Function::Min:
    return zip(step, x, a, count, minimum<Integer>);
  case Function::PRelu:
    return zip(step, x, a, count, prelu<Integer>);
  default:
    assert(false && "not a function of integers");
  }
}

void compareIntegers(Function function, const Integer *a, const Integer *b, Integer *y,
                     int64_t count) {
  auto with = [&](auto fn) {
    for (int64_t i = 0; i < count; ++i)
      y[i] = fn(a[i], b[i]);
  };
  switch (function) {
  case Function::Equal:
    return with([](Integer u, Integer v) { return u == v; });
  case Function::Greater:
    return with([](Integer u, Integer v) { return u > v; });
  case Function::GreaterOrEqual:
    return with([](Integer u, Integer v) { return u >= v; });
  case Function::Less:
    return with([](Integer u, Integer v) { return u < v; });
  case Function::LessOrEqual:
    return with([](Integer u, Integer v) { return u <= v; });
  case Function::And:
    return with([](Integer u, Integer v) { return u != 0 && v != 0; });
  case Function::Or:
    return with([](Integer u, Integer v) { return u != 0 || v != 0; });
  default:
    assert(false && "not a comparison");
  }
}

} // namespace edgecc::emulator
