// SPDX-License-Identifier: Apache-2.0
//
// One function for each kernel; what compute() chooses from. Operands have passed checkOperands.
#pragma once

#include "runtime/emulator/kernels/Stages.h"

namespace edgecc::emulator {

using Stages = std::span<const std::unique_ptr<StageT>>;
using Inputs = std::span<const Operand>;

void computeContraction(const ContractionT &kernel, Stages stages, Inputs inputs,
                        const Operand &output);
void computePool(const PoolT &kernel, Stages stages, Inputs inputs, const Operand &output);
// `x`, broadcast to the output, through the stages.
void mapValues(const Operand &x, Stages stages, Inputs inputs, const Operand &output);
void computeReduce(const ReduceT &kernel, Stages stages, Inputs inputs, const Operand &output);
void computeSoftmax(const SoftmaxT &kernel, Stages stages, Inputs inputs, const Operand &output);
void computeNormalize(const NormalizeT &kernel, Stages stages, Inputs inputs,
                      const Operand &output);
void computeResize(const ResizeT &kernel, Stages stages, Inputs inputs, const Operand &output);
void computeMove(const MoveT &kernel, Stages stages, Inputs inputs, const Operand &output);

} // namespace edgecc::emulator
