// Sums of Product::Kind::Sums16 while they are added up: four partial ones for each row and column.
#pragma once

#include "backends/native/contraction/MicroKernel.h"

namespace edgecc::native {

// A vector holds the sums of the elements k of a group with k / 2 % 4 = lane, of one row and one
// column; integer sums are exact in any order. They are ordered by row, part, column.
class PartialSums {
public:
  PartialSums(KernelEmitter &e, const MicroKernel &kernel) : e_(e), kernel_(kernel) {}

  std::vector<llvm::Value *> initial() const;
  // Adds the products of one group of sixteen elements.
  void step(llvm::Value *a, llvm::Value *b, std::vector<llvm::Value *> &sums) const;
  // One vector for each row and part, as emitMicroKernel returns them.
  std::vector<llvm::Value *> rows(const std::vector<llvm::Value *> &sums) const;

private:
  KernelEmitter &e_;
  const MicroKernel &kernel_;
};

} // namespace edgecc::native
