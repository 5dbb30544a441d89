// Sums of Product::Kind::Matrix8 while they are added up: squares of two rows and two columns.
#pragma once

#include "backends/native/contraction/MicroKernel.h"

namespace edgecc::native {

// A vector holds [row 0, column 0], [row 0, column 1], [row 1, column 0], [row 1, column 1] of two
// rows and of one half of a part of four columns. They are ordered by pair of rows, part, half; an
// odd last row is paired with itself.
class MatrixSums {
public:
  MatrixSums(KernelEmitter &e, const MicroKernel &kernel) : e_(e), kernel_(kernel) {}

  std::vector<llvm::Value *> initial() const;
  // Adds the products of one group of eight elements.
  void step(llvm::Value *a, llvm::Value *b, std::vector<llvm::Value *> &sums) const;
  // One vector for each row and part, as emitMicroKernel returns them.
  std::vector<llvm::Value *> rows(const std::vector<llvm::Value *> &sums) const;

private:
  llvm::Value *at(llvm::Value *pointer, int64_t bytes) const;

  KernelEmitter &e_;
  const MicroKernel &kernel_;
};

} // namespace edgecc::native
