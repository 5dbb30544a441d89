// Transposed convolution against pixel shuffle on a scheduled machine.
#pragma once

#include "ir/Diagnostic.h"

#include <string>

namespace edgecc::bench {

// Kernel 3, stride 2, 128 input and output channels, at 32x32, 16x16 and 8x8: predicted beside the
// published times of `table` (rows of role "check (layer)"), and the exact rewrite to a convolution
// and a pixel shuffle, which is more work than the shuffle alone.
Expected<void> compareDeconvolutions(const std::string &device, const std::string &table);

} // namespace edgecc::bench
