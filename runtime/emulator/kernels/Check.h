// SPDX-License-Identifier: Apache-2.0
//
// The parts of checkOperands.
#pragma once

#include "runtime/emulator/kernels/Compute.h"

namespace edgecc::emulator {

// A fault of the program; message as a sentence about the kernel.
tl::unexpected<Fault> unfit(std::string message);

bool broadcastsTo(const Operand &x, std::span<const int64_t> dims);

Result<void> checkContraction(const ContractionT &kernel, Inputs inputs, const Operand &output);
Result<void> checkPool(const PoolT &kernel, Inputs inputs, const Operand &output);
Result<void> checkMove(const MoveT &kernel, Inputs inputs, const Operand &output);
// `type`: of the kernel's values.
Result<void> checkStages(ElementType type, Stages stages, Inputs inputs, const Operand &output);

} // namespace edgecc::emulator
