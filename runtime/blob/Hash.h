// SPDX-License-Identifier: Apache-2.0
//
// The blob's integrity hash: XXH3-64 (https://xxhash.com). It detects damage, not malice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgecc::blob {

uint64_t hashBytes(const void *data, size_t size);

} // namespace edgecc::blob
