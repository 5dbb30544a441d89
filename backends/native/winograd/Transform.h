// Multiplication of vectors in registers by the matrices of a CookToom, with the sums that points
// of opposite sign share computed once.
#pragma once

#include "backends/native/Kernel.h"
#include "backends/native/winograd/CookToom.h"

namespace edgecc::native {

// Channels or columns that are transformed at once: a vector, or one where vectors are made of so
// many scalar registers that few fit.
inline unsigned transformLanes(const NativeTarget &target) {
  return target.vectorRegisters >= 16 ? target.lanes(4) : 1;
}

// Vectors of that many lanes that registers hold.
inline int64_t transformRegisters(const NativeTarget &target) {
  auto lanes = static_cast<int64_t>(target.lanes(4));
  return static_cast<int64_t>(target.vectorRegisters) * lanes / transformLanes(target);
}

// Element k of the vector of vectors that is multiplied.
using ReadElement = std::function<llvm::Value *(int64_t k)>;

// Rows of an `input` matrix that are computed together: one, or the two of a pair of points.
std::vector<std::vector<int64_t>> inputRowGroups(const CookToom &form);

// The given rows (one of the groups above) of form.input * d.
std::vector<llvm::Value *> emitInputRows(KernelEmitter &e, const CookToom &form,
                                         const std::vector<int64_t> &rows, const ReadElement &d);

// Rows of an `output` matrix, at most `most` at a time; rows of one parity share their sums.
std::vector<std::vector<int64_t>> outputRowGroups(const CookToom &form, int64_t most);

// The given rows of form.output * p.
std::vector<llvm::Value *> emitOutputRows(KernelEmitter &e, const CookToom &form,
                                          const std::vector<int64_t> &rows, const ReadElement &p);

// Vector operations of one whole product, for the cost model.
int64_t inputOperations(const CookToom &form);
int64_t outputOperations(const CookToom &form);

} // namespace edgecc::native
