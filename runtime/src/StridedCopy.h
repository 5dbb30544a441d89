// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgecc::runtime {

/// Whether the strides are those of a dense row-major tensor. Axes of extent 1 may have any stride;
/// an empty tensor is always dense.
bool isDense(uint32_t rank, const int64_t *dims, const int64_t *byteStrides, size_t elementBytes);

/// Gathers a strided tensor into dense row-major order. rank <= EDGECC_MAX_RANK, elementBytes is 1,
/// 2, 4 or 8. `source` is the address of element 0.
void copyStrided(void *destination, const void *source, uint32_t rank, const int64_t *dims,
                 const int64_t *byteStrides, size_t elementBytes);

} // namespace edgecc::runtime
