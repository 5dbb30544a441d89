// The three phases of a Winograd kernel, for the tiles [first, first + count) of one group.
#pragma once

#include "backends/native/winograd/Winograd.h"

namespace edgecc::native {

// What a work unit computes, in emitted code.
struct WinogradUnit {
  llvm::Value *group; // index
  llvm::Value *first; // tile
  llvm::Value *count; // tiles
};

// Writes the transformed input of the unit's tiles [from, to), counted from its first, to
// `transformed`. `border`: room for plan.borderFloats().
void emitInputTransform(KernelEmitter &e, const Contraction &contraction, const WinogradPlan &plan,
                        const WinogradUnit &unit, llvm::Value *from, llvm::Value *to,
                        llvm::Value *transformed, llvm::Value *border);

// Writes the products of the unit's tiles with the columns of `panel` to `products`. `weights`: of
// the group.
void emitProducts(KernelEmitter &e, const Contraction &contraction, const WinogradPlan &plan,
                  const WinogradUnit &unit, llvm::Value *panel, llvm::Value *transformed,
                  llvm::Value *weights, llvm::Value *products);

// Transforms the products back and finishes the results. `scratch`: outputScratchBytes().
void emitOutputTransform(KernelEmitter &e, const Contraction &contraction, const WinogradPlan &plan,
                         const WinogradUnit &unit, llvm::Value *panel, llvm::Value *products,
                         llvm::Value *scratch);
int64_t outputScratchBytes(const Contraction &contraction, const WinogradPlan &plan,
                           const NativeTarget &target);

// An image and a position of a tile: of results, in tiles.
struct TilePosition {
  llvm::Value *image, *y, *x;
};
TilePosition positionOf(KernelEmitter &e, const WinogradPlan &plan, llvm::Value *tile);

inline llvm::Value *atByte(KernelEmitter &e, llvm::Value *base, llvm::Value *offset) {
  return e.b.CreateInBoundsGEP(e.b.getInt8Ty(), base, offset);
}
inline llvm::Value *atByte(KernelEmitter &e, llvm::Value *base, int64_t offset) {
  return offset == 0 ? base : atByte(e, base, e.i64(offset));
}

} // namespace edgecc::native
