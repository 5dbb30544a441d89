// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Compute.h"

#include <cassert>

namespace edgecc::emulator {

void compute(const KernelUnion &kernel, Stages stages, Inputs inputs, const Operand &output) {
  switch (kernel.type) {
  case Kernel::Contraction:
    return computeContraction(*kernel.AsContraction(), stages, inputs, output);
  case Kernel::Pool:
    return computePool(*kernel.AsPool(), stages, inputs, output);
  case Kernel::Map:
    return mapValues(inputs[0], stages, inputs, output);
  case Kernel::Reduce:
    return computeReduce(*kernel.AsReduce(), stages, inputs, output);
  case Kernel::Softmax:
    return computeSoftmax(*kernel.AsSoftmax(), stages, inputs, output);
  case Kernel::Normalize:
    return computeNormalize(*kernel.AsNormalize(), stages, inputs, output);
  case Kernel::Resize:
    return computeResize(*kernel.AsResize(), stages, inputs, output);
  case Kernel::Move:
    return computeMove(*kernel.AsMove(), stages, inputs, output);
  case Kernel::HostCall:
  case Kernel::NONE:
    break;
  }
  assert(false && "not a kernel that is computed");
}

} // namespace edgecc::emulator
