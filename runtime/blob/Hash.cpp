// SPDX-License-Identifier: Apache-2.0
#include "runtime/blob/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace edgecc::blob {

uint64_t hashBytes(const void *data, size_t size) { return XXH3_64bits(data, size); }

} // namespace edgecc::blob
