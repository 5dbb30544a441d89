// In which type products are summed, and how operands get there.
#pragma once

#include "backends/reference/Kernels.h"
#include "backends/reference/Visit.h"

namespace edgecc::reference {

// f32 and f64 sum in themselves. Integers of 8 bits sum in double, where every partial sum is an
// integer below 2^53 and so exact; wider ones in uint64_t, which wraps like the result's type.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, T,
                                       std::conditional_t<sizeof(T) == 1, double, uint64_t>>;

// Calls fn(A()) with the accumulator for operands of these two element types.
template <class Fn> auto visitAccumulator(DType a, DType b, Fn &&fn) {
  if (isFloat(a))
    return a == DType::F64 ? fn(double()) : fn(float());
  return bitWidth(a) == 8 && bitWidth(b) == 8 && a != DType::Bool ? fn(double()) : fn(uint64_t());
}

// Whether a contraction adds in the order that is fixed for f16: one f32 accumulator, products in
// ascending (input channel, window) or k. Operands have been widened, so the declared type tells.
inline bool sumsInOrder(const Call &call) { return call.op.operand(0)->type.dtype == DType::F16; }

// A sum of integers as the integer type of the result, wrapped; floats as they are.
template <class R, class A> R fromAccumulator(A sum) {
  if constexpr (std::is_integral_v<R> && std::is_floating_point_v<A>)
    return static_cast<R>(static_cast<int64_t>(sum));
  else
    return static_cast<R>(sum);
}

} // namespace edgecc::reference
