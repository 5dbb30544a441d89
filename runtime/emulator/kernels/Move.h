// SPDX-License-Identifier: Apache-2.0
//
// Copies between packed tensors of which only some rows may be at hand.
#pragma once

#include "runtime/emulator/kernels/Compute.h"

#include <optional>

namespace edgecc::emulator {

// A packed tensor divided into rows along one axis. An element's packed index is
// (high * rows + row) * low + the rest. Without a row axis there is one row.
struct RowGeometry {
  int64_t high = 1, rows = 1, low = 1;
};
RowGeometry geometryOf(std::span<const int64_t> dims, int rowAxis);

// How far one step along an axis of a copy goes in each part of the packed index.
struct Digits {
  int64_t high = 0, row = 0, low = 0;
};

// A copy whose axes each stay within rows or move from row to row, on both sides: element (i...) of
// the copy has the digits first + sum of i * axes, without carries.
struct RowCopy {
  uint32_t input = 0;
  std::vector<int64_t> dims;
  Digits fromFirst, toFirst;
  std::vector<Digits> from, to;
  size_t solved = 0; // of the axes that choose the output row, the longest; their end: none
};

// The copy in that form, its axes split where that is needed; nothing where it has none.
std::optional<RowCopy> rowCopyOf(const CopyT &copy, RowGeometry from, RowGeometry to);

// Rows of the input that the copy reads for row `row` of the output; nothing if it reads none.
std::optional<RowRange> rowsRead(const RowCopy &copy, int64_t row);

// Where an operand that holds rows first, first + 1, ... of a tensor has its elements.
struct RowOperand {
  const Operand &operand;
  RowGeometry geometry;
  int rowAxis = -1;
  int64_t first = 0;
};

// Output row `row` of the copies alone; elements that no copy writes become fill. Of the inputs at
// least the rows of rowsRead must be there, or all where a copy has no RowCopy.
void moveRow(const MoveT &kernel, std::span<const RowOperand> inputs, const RowOperand &output,
             int64_t row);

} // namespace edgecc::emulator
