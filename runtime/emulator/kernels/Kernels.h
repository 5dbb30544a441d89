// SPDX-License-Identifier: Apache-2.0
//
// What the instructions of a device program compute: each kernel on any strides. Scalar meanings
// are those of runtime/numerics/, orders of summation those of docs/numerics.md, so that results
// equal the reference's bit for bit in integers and in f16.
#pragma once

#include "runtime/emulator/Program.h"

namespace edgecc::emulator {

// A tensor in memory. `data` is element (0, 0, ...); strides in bytes, may be 0 or negative. For
// packed 4-bit constants: strides in elements, from the element `nibble` (0 or 1) of the first
// byte.
struct Operand {
  std::byte *data = nullptr;
  ElementType type = ElementType::F32;
  std::vector<int64_t> dims, strides;
  int nibble = 0;

  int64_t elements() const;
};

// Dims of what a contraction gives before a fused pooling; those of its output where there is none.
std::vector<int64_t> convolvedDims(const ContractionT &kernel, std::span<const int64_t> x,
                                   std::span<const int64_t> w, std::span<const int64_t> output);

// Whether operands of these types and shapes fit the kernel and its stages; the sentence says what
// does not. `compute` may only be called with operands that passed it.
Result<void> checkOperands(const KernelUnion &kernel,
                           std::span<const std::unique_ptr<StageT>> stages,
                           std::span<const Operand> inputs, const Operand &output);

// Computes the kernel, then the stages, and writes the output. Never allocates more than a constant
// times the operands' sizes. HostCall is not computed here.
void compute(const KernelUnion &kernel, std::span<const std::unique_ptr<StageT>> stages,
             std::span<const Operand> inputs, const Operand &output);

// Rows of input `input` that row `row` of the output needs: [first, last]. Row axes are those of
// the streams; -1 stands for one row that is everything. Rows that lie outside are padding.
struct RowRange {
  int64_t first = 0, last = -1;
};
RowRange rowsNeeded(const KernelUnion &kernel, std::span<const std::unique_ptr<StageT>> stages,
                    size_t input, std::span<const int64_t> inputDims, int inputRowAxis,
                    std::span<const int64_t> outputDims, int outputRowAxis, int64_t row);

// Computes output row `row` alone: input operands whose stream has a row axis hold only the rows
// of rowsNeeded() (`ranges`), the output operand only the one row.
void computeRow(const KernelUnion &kernel, std::span<const std::unique_ptr<StageT>> stages,
                std::span<const Operand> inputs, std::span<const RowRange> ranges,
                std::span<const std::vector<int64_t>> inputDims, std::span<const int> inputRowAxes,
                const Operand &output, std::span<const int64_t> outputDims, int outputRowAxis,
                int64_t row);

} // namespace edgecc::emulator
