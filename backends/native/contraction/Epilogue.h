// What happens to complete accumulators: bias, scaling, conversion to the result's type, the
// element-wise ops of a Fused region, and the stores.
#pragma once

#include "backends/native/contraction/MicroKernel.h"
#include "backends/native/contraction/Tiling.h"
#include "ir/Tensor.h"

namespace edgecc::native {

// How the iteration space of a contraction, [outer..., y, x, column], addresses an operand.
struct Access {
  unsigned arg = 0; // kernel argument: pointer to the element at the origin
  DType dtype = DType::F32;
  Dims strides; // in elements, one for each iteration axis

  int64_t y() const { return strides[strides.size() - 3]; }
  int64_t x() const { return strides[strides.size() - 2]; }
  int64_t column() const { return strides.back(); }
  bool rowInvariant() const { return y() == 0 && x() == 0; }
  std::string str() const;
};

// A point of the iteration space, in emitted code.
struct Position {
  std::vector<llvm::Value *> outer;
  llvm::Value *y, *x, *column;
};

// The element of `access` at `position`.
llvm::Value *pointerAt(KernelEmitter &e, const Access &access, const Position &position);

// A value that the element-wise ops of a region read: elements; the same constant everywhere; or a
// table that they index themselves.
struct Leaf {
  Access access;
  std::shared_ptr<const Tensor> scalar; // null: not a constant
  bool isTable = false;                 // access.arg points to it
};

struct Addend {
  Access access;
  double scale = 1;
};

struct Epilogue {
  // accumulator * alpha + addends[0] * scale + ..., in this order, in the accumulator's type.
  double alpha = 1;
  std::vector<Addend> addends;
  DType anchorType = DType::F32; // the anchor's result
  const Op *fused = nullptr;     // null: the anchor alone
  const Op *anchor = nullptr;
  // With the region's value, in the order in which ops read them: code follows it, and must not
  // depend on addresses.
  std::vector<std::pair<const Value *, Leaf>> leaves;
  std::vector<Access> results; // one for each yielded value

  const Leaf *leafOf(const Value *value) const; // null: not a leaf

  // Everything that is addressed by the iteration space.
  std::vector<Access *> accesses();
  // What of that is not the same in all rows.
  std::vector<const Access *> rowAccesses() const;

  std::string str() const;
};

// Scratch bytes that emitEpilogue needs for a tile.
int64_t epilogueScratchBytes(const Epilogue &epilogue, const Product &product,
                             const ColumnTile &tile);

// Whether up to four parts of a row are finished together and stored as bytes.
bool finishesWholeRows(const Epilogue &epilogue, const NativeTarget &target);

// What the accumulators of each of the tile's parts start from: the integer addends that are the
// same in all rows, which emitEpilogue then leaves out. Empty: zeros.
std::vector<llvm::Value *> initialSums(KernelEmitter &e, const Epilogue &epilogue,
                                       const Product &product, const ColumnTile &tile,
                                       const Position &origin);

// Finishes and stores the tile of `rows` at `origin`; `accumulators` as emitMicroKernel returns
// them, the tile's rows ordered by y, then x.
void emitEpilogue(KernelEmitter &e, const Epilogue &epilogue, const Product &product,
                  const ColumnTile &tile, RowTile rows, const Position &origin,
                  const std::vector<llvm::Value *> &accumulators, llvm::Value *scratch);

} // namespace edgecc::native
