#include "backends/native/contraction/PartialSums.h"

#include <llvm/IR/IntrinsicsAArch64.h>
#include <optional>

using namespace llvm;

namespace edgecc::native {

constexpr unsigned kLanes = 4, kGroup = 16;

std::vector<llvm::Value *> PartialSums::initial() const {
  std::vector<llvm::Value *> sums;
  for (size_t row = 0; row < kernel_.rows.size(); ++row)
    for (size_t part = 0; part < kernel_.parts.size(); ++part)
      for (unsigned column = 0; column < kLanes; ++column) {
        assert(kernel_.parts[part].lanes == kLanes);
        llvm::Value *sum = zeroAccumulator(e_, kernel_.product, kLanes);
        if (!kernel_.initial.empty())
          sum = e_.b.CreateInsertElement(
              sum, e_.b.CreateExtractElement(kernel_.initial[part], column), uint64_t{0});
        sums.push_back(sum);
      }
  return sums;
}

void PartialSums::step(llvm::Value *a, llvm::Value *b, std::vector<llvm::Value *> &sums) const {
  llvm::Type *half = e_.vectorType(DType::I8, kGroup / 2), *products = e_.vectorType(DType::I16, 8);
  // The two halves of sixteen elements.
  auto load = [&](llvm::Value *pointer, int64_t bytes) {
    llvm::Value *all = e_.b.CreateAlignedLoad(
        e_.vectorType(DType::I8, kGroup),
        e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), pointer, e_.i64(bytes)), Align(1));
    return std::pair(e_.b.CreateShuffleVector(all, {0, 1, 2, 3, 4, 5, 6, 7}),
                     e_.b.CreateShuffleVector(all, {8, 9, 10, 11, 12, 13, 14, 15}));
  };
  std::vector<std::pair<llvm::Value *, llvm::Value *>> left;
  for (int64_t row : kernel_.rows)
    left.push_back(load(a, row));
  auto multiply = [&](llvm::Value *x, llvm::Value *y) {
    assert(x->getType() == half);
    return e_.b.CreateIntrinsic(Intrinsic::aarch64_neon_smull, {products}, {x, y});
  };
  // Two at a time in turns, for cores that execute in this order.
  struct Pending {
    size_t sum;
    llvm::Value *pairs;
  };
  std::optional<Pending> pending;
  auto add = [&](const Pending &p) {
    sums[p.sum] = e_.b.CreateAdd(
        sums[p.sum], e_.b.CreateIntrinsic(Intrinsic::aarch64_neon_saddlp,
                                          {sums[p.sum]->getType(), products}, {p.pairs}));
  };
  size_t columns = kernel_.parts.size() * kLanes;
  for (size_t column = 0; column < columns; ++column) {
    const TilePart &part = kernel_.parts[column / kLanes];
    auto right =
        load(b, (part.firstColumn + static_cast<int64_t>(column % kLanes)) * int64_t{kGroup});
    for (size_t row = 0; row < left.size(); ++row) {
      llvm::Value *first = multiply(left[row].first, right.first);
      if (pending)
        add(*pending);
      pending = {row * columns + column,
                 e_.b.CreateAdd(first, multiply(left[row].second, right.second))};
    }
  }
  add(*pending);
}

std::vector<llvm::Value *> PartialSums::rows(const std::vector<llvm::Value *> &sums) const {
  auto addPairs = [&](llvm::Value *x, llvm::Value *y) {
    return e_.b.CreateIntrinsic(Intrinsic::aarch64_neon_addp, {x->getType()}, {x, y});
  };
  std::vector<llvm::Value *> out;
  for (size_t i = 0; i < sums.size(); i += kLanes)
    out.push_back(addPairs(addPairs(sums[i], sums[i + 1]), addPairs(sums[i + 2], sums[i + 3])));
  return out;
}

} // namespace edgecc::native
