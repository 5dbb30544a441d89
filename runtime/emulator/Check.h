// SPDX-License-Identifier: Apache-2.0
//
// The parts of checkProgram.
#pragma once

#include "runtime/emulator/kernels/Kernels.h"

#include <optional>

namespace edgecc::emulator {

inline constexpr uint32_t kMaxHostParts = 1024;
inline constexpr uint32_t kMaxStreams = 64; // copies of a scheduled program
inline constexpr uint32_t kMaxUnits = 4096; // of an engine; also clusters and sub-clusters
inline constexpr uint32_t kMaxBatch = 4096;
// Windows and strides of a pooling that is fused to a convolution: what they are taken from is no
// more than a few times as large as the result.
inline constexpr uint32_t kMaxFusedPool = 4;

Result<void> checkScheduled(const ProgramT &program, uint64_t weightsBytes);
Result<void> checkDataflow(const ProgramT &program, uint64_t weightsBytes);

// The number of elements, if every extent is positive and there are at most kMaxElements.
std::optional<int64_t> elementsOf(std::span<const int64_t> dims);

// Bytes [low, high) that a view touches, relative to its buffer; nothing if rank, type, extents or
// strides are out of their ranges, or offsets too large to count.
struct ByteRange {
  int64_t low = 0, high = 0;
};
std::optional<ByteRange> bytesOf(const ViewT &view);

// The view as an operand whose element (0, 0, ...) is at `base` + the view's offset; base may be
// null where only types and shapes matter.
Operand operandOf(const ViewT &view, std::byte *base);

} // namespace edgecc::emulator
