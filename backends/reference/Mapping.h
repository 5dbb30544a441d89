// Copies in which each axis has its own list of sources.
#pragma once

#include "ir/Tensor.h"

namespace edgecc::reference {

// y[i, j, ...] = x[maps[0][i], maps[1][j], ...]; where a map is -1 the element of the scalar `fill`
// (null: zero). Elements have 8 bits or more.
Tensor mapAxes(const Tensor &x, const std::vector<Dims> &maps, const Tensor *fill = nullptr);

} // namespace edgecc::reference
