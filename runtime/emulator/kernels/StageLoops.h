// SPDX-License-Identifier: Apache-2.0
//
// The loops of element-wise functions, whatever the numbers are.
#pragma once

#include "runtime/emulator/kernels/Stages.h"

namespace edgecc::emulator {

template <class T, class Fn> void map(T *x, int64_t count, Fn fn) {
  for (int64_t i = 0; i < count; ++i)
    x[i] = fn(x[i]);
}

// x = fn(x, a), or fn(a, x).
template <class T, class Fn> void zip(const Step &step, T *x, const T *a, int64_t count, Fn fn) {
  if (step.swapped)
    for (int64_t i = 0; i < count; ++i)
      x[i] = fn(a[i], x[i]);
  else
    for (int64_t i = 0; i < count; ++i)
      x[i] = fn(x[i], a[i]);
}

} // namespace edgecc::emulator
