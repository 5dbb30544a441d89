// Constant right operands in the order in which the micro-kernel reads them.
#pragma once

#include "backends/native/contraction/Direct.h"
#include "ir/Tensor.h"

namespace edgecc::native {

// Where the elements of the packed matrices come from, as element indices into `tensor`.
struct ConstantColumns {
  const Tensor *tensor = nullptr;
  Dims matrices; // origin of each packed matrix
  Dims k;        // offset of each reduction element: taps of the windows, then channels
  int64_t columnStride = 1;
  // Narrow integers: zeroPoints[matrix * columns + column] (or the only one) is subtracted.
  Dims zeroPoints;
  // Factor of reduction element k of a column; empty: none. See Product::block.
  std::function<float(int64_t k, int64_t matrix, int64_t column)> scale = {};
};

// For each matrix [column tile][outer reduction loops][group of the run][column of the tile]
// [element of the group], columns and groups padded with zeros. Returns the offset in `weights`.
int64_t packColumns(const Contraction &contraction, const Schedule &schedule,
                    const ConstantColumns &source, WeightSection &weights);

} // namespace edgecc::native
