// The register-tiled inner loops that all contractions share.
#pragma once

#include "backends/native/contraction/Product.h"

namespace edgecc::native {

// One vector of a tile's columns.
struct TilePart {
  unsigned lanes;
  unsigned active;     // lanes that are columns of the result; the others are padding
  int64_t firstColumn; // in the tile
};

// One loop of the reduction; strides in bytes.
struct ReductionLoop {
  int64_t extent;
  int64_t strideA, strideB;
};

struct MicroKernel {
  Product product;
  std::vector<int64_t> rows; // byte offset of each row of the left operand
  std::vector<TilePart> parts;
  // Outermost first; the innermost steps over groups of product.group elements.
  std::vector<ReductionLoop> loops;
  bool columnsPadded = true; // whether lanes beyond `active` of the right operand may be read
  std::vector<llvm::Value *> initial = {}; // what the sums of each part start from; empty: zeros
  // The loop whose every step begins with a row of factors in the right operand; -1: none.
  int scaledLoop = -1;
};

// accumulators[row * parts + part] = initial[part] + sum over the loops of a[row] * b[part], in
// order of the loops. Accumulators live in registers throughout: the caller keeps rows * parts +
// parts + 1 within the register budget (see chooseTiling).
std::vector<llvm::Value *> emitMicroKernel(KernelEmitter &e, const MicroKernel &kernel,
                                           llvm::Value *a, llvm::Value *b);

} // namespace edgecc::native
