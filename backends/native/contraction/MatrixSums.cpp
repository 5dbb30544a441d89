#include "backends/native/contraction/MatrixSums.h"

#include <llvm/IR/IntrinsicsAArch64.h>

using namespace llvm;

namespace edgecc::native {

constexpr unsigned kLanes = 4, kGroup = 8;

llvm::Value *MatrixSums::at(llvm::Value *pointer, int64_t bytes) const {
  return e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), pointer, e_.i64(bytes));
}

std::vector<llvm::Value *> MatrixSums::initial() const {
  std::vector<llvm::Value *> sums;
  for (size_t row = 0; row < kernel_.rows.size(); row += 2)
    for (size_t part = 0; part < kernel_.parts.size(); ++part) {
      assert(kernel_.parts[part].lanes == kLanes);
      if (kernel_.initial.empty()) {
        sums.insert(sums.end(), 2, zeroAccumulator(e_, kernel_.product, kLanes));
        continue;
      }
      llvm::Value *columns = kernel_.initial[part];
      sums.push_back(e_.b.CreateShuffleVector(columns, {0, 1, 0, 1}));
      sums.push_back(e_.b.CreateShuffleVector(columns, {2, 3, 2, 3}));
    }
  return sums;
}

void MatrixSums::step(llvm::Value *a, llvm::Value *b, std::vector<llvm::Value *> &sums) const {
  llvm::Type *bytes = e_.vectorType(DType::I8, 2 * kGroup);
  std::vector<llvm::Value *> columns;
  for (const TilePart &part : kernel_.parts)
    for (int64_t half = 0; half < 2; ++half)
      columns.push_back(
          e_.b.CreateAlignedLoad(bytes, at(b, (part.firstColumn + 2 * half) * kGroup), Align(1)));
  size_t i = 0;
  for (size_t row = 0; row < kernel_.rows.size(); row += 2) {
    auto load = [&](size_t r) {
      return e_.b.CreateAlignedLoad(e_.b.getInt64Ty(), at(a, kernel_.rows[r]), Align(1));
    };
    llvm::Value *pair = e_.splat(load(row), 2);
    if (row + 1 < kernel_.rows.size())
      pair = e_.b.CreateInsertElement(pair, load(row + 1), uint64_t{1});
    pair = e_.b.CreateBitCast(pair, bytes);
    for (llvm::Value *column : columns) {
      sums[i] = e_.b.CreateIntrinsic(Intrinsic::aarch64_neon_smmla, {sums[i]->getType(), bytes},
                                     {sums[i], pair, column});
      ++i;
    }
  }
}

std::vector<llvm::Value *> MatrixSums::rows(const std::vector<llvm::Value *> &sums) const {
  std::vector<llvm::Value *> out;
  size_t parts = kernel_.parts.size();
  for (size_t row = 0; row < kernel_.rows.size(); ++row)
    for (size_t part = 0; part < parts; ++part) {
      size_t first = 2 * (row / 2 * parts + part);
      out.push_back(row % 2 == 0
                        ? e_.b.CreateShuffleVector(sums[first], sums[first + 1], {0, 1, 4, 5})
                        : e_.b.CreateShuffleVector(sums[first], sums[first + 1], {2, 3, 6, 7}));
    }
  return out;
}

} // namespace edgecc::native
