// SPDX-License-Identifier: Apache-2.0
//
// An 8-bit unary function is a table of 256 bytes, computed at compile time from the scalar
// definition, so that every target gives the same bits:
//   table[byte of q] = quantize(f(dequantize(q)))
// The index is the bit pattern of the input read as uint8_t, also for int8 inputs.
#pragma once

#include "runtime/numerics/Quantize.h"

#include <cstdint>

namespace edgecc::numerics {

inline constexpr int kTableSize = 256;

/// Fills `table` (256 bytes). `function` maps float to float.
template <class Function>
constexpr void buildTable(uint8_t *table, QuantizationParams input, bool inputSigned,
                          QuantizationParams output, bool outputSigned, Function &&function) {
  IntegerRange range = integerRange(8, outputSigned);
  for (int index = 0; index < kTableSize; ++index) {
    int32_t q = inputSigned ? static_cast<int8_t>(index) : index;
    float y = function(dequantizeLinear(q, input.scale, input.zeroPoint));
    table[index] = static_cast<uint8_t>(quantizeLinear(y, output.scale, output.zeroPoint, range));
  }
}

} // namespace edgecc::numerics
