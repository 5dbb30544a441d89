// SPDX-License-Identifier: Apache-2.0
//
// Rows of f16: the conversions of runtime/numerics/Float16.h, by the CPU's instructions where it
// has them (they give the same bits).
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgecc::emulator {

// `bits` need no alignment.
void widenHalves(const std::byte *bits, int64_t count, float *values);
void narrowToHalves(const float *values, int64_t count, std::byte *bits);

// Each value rounded to f16.
void roundToHalves(float *values, int64_t count);

} // namespace edgecc::emulator
