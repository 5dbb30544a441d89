// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "edgecc/runtime.h"

namespace edgecc::runtime {

/// Writes a printf-style sentence to `error` (may be NULL) and returns `status`.
[[gnu::format(printf, 3, 4)]] edgecc_status fail(edgecc_error *error, edgecc_status status,
                                                 const char *format, ...);

} // namespace edgecc::runtime
