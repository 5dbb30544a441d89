// SPDX-License-Identifier: Apache-2.0
//
// Which rows depend on which. Axes and rows as in Kernels.h.
#pragma once

#include "runtime/emulator/kernels/Compute.h"

namespace edgecc::emulator {

// Type of the kernel's values before the stages.
ElementType valueTypeOf(const KernelUnion &kernel, Inputs inputs, const Operand &output);

// Whether the kernel can compute one row along this axis of its output by itself.
bool isRowwise(const KernelUnion &kernel, std::span<const int64_t> outputDims, int outputRowAxis);

// Who reads an input.
bool kernelReads(const KernelUnion &kernel, size_t input);
bool stagesRead(Stages stages, size_t input);

// The axis of an operand that lies under an output's axis when it broadcasts; -1: none.
int alignedAxis(size_t rank, size_t outputRank, int outputAxis);

// Input rows that one output row reads of a window; clipped to the input, may be empty.
RowRange windowRows(int64_t row, int64_t stride, int64_t padLow, int64_t kernel, int64_t dilation,
                    int64_t rows);

// Positions along `axis` that position `row` of the result is made of.
RowRange resizeRows(const ResizeT &kernel, int axis, int64_t row);

} // namespace edgecc::emulator
