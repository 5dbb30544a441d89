// Emission: the loops themselves.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/LoopNest.h"
#include "runtime/include/edgecc/abi.h"

#include <algorithm>
#include <llvm/IR/Intrinsics.h>

namespace edgecc::native {

using llvm::Value;

namespace {

Value *plus(KernelEmitter &e, Value *offset, Value *index, int64_t stride) {
  if (stride == 0)
    return offset;
  return e.b.CreateAdd(offset, e.b.CreateMul(index, e.i64(stride)));
}

} // namespace

Point NestEmitter::start() const {
  Point point;
  point.nest = this;
  for (const View &view : plan.nest_.views) {
    point.offsets.push_back(e.i64(view.offset));
    point.laneStrides.push_back(0);
    point.hoisted.push_back(nullptr);
    auto &offsets = point.indexOffsets.emplace_back();
    for (const Indirection &index : view.indirections)
      offsets.push_back(e.i64(index.offset));
    point.indexLaneStrides.emplace_back(view.indirections.size(), 0);
  }
  return point;
}

void NestEmitter::advance(Point &point, const Axes &axes, size_t axis, Value *index) const {
  for (size_t v = 0; v < point.offsets.size(); ++v) {
    int64_t stride = axes.strides[v][axis];
    bool varies = stride != 0;
    point.offsets[v] = plus(e, point.offsets[v], index, stride);
    for (size_t k = 0; k < point.indexOffsets[v].size(); ++k) {
      int64_t indexStride = axes.indexStrides[v][k][axis];
      point.indexOffsets[v][k] = plus(e, point.indexOffsets[v][k], index, indexStride);
      varies |= indexStride != 0;
    }
    if (varies)
      point.hoisted[v] = nullptr;
  }
}

void NestEmitter::setLaneAxis(Point &point, const Axes &axes, size_t axis) const {
  for (size_t v = 0; v < point.offsets.size(); ++v) {
    point.laneStrides[v] = axes.strides[v][axis];
    for (size_t k = 0; k < point.indexOffsets[v].size(); ++k)
      point.indexLaneStrides[v][k] = axes.indexStrides[v][k][axis];
  }
}

Value *checkedIndex(KernelEmitter &e, const Indirection &index, Value *raw) {
  auto &b = e.b;
  Value *wide = convert(e, raw, index.dtype, DType::I64);
  if (index.trusted)
    return wide;
  Value *extent = intLike(wide, index.extent), *zero = intLike(wide, 0);
  Value *fromStart = b.CreateSelect(b.CreateICmpSLT(wide, zero), b.CreateAdd(wide, extent), wide);
  Value *bad = b.CreateICmpUGE(fromStart, extent);
  Value *any = lanesOf(wide) > 1 ? b.CreateOrReduce(bad) : bad;
  e.ifThen(any, [&] { e.fail(EDGECC_ENTRY_BAD_INDEX); });
  return b.CreateSelect(bad, zero, fromStart);
}

// Adds the indices that are the same for all lanes, and that no loop to come changes, to the
// offsets of their views.
void NestEmitter::resolve(Point &point, bool insideReduced) const {
  for (size_t v = 0; v < point.offsets.size(); ++v) {
    const View &view = plan.nest_.views[v];
    for (size_t k = 0; k < point.indexOffsets[v].size(); ++k) {
      if (!point.indexOffsets[v][k] || point.indexLaneStrides[v][k] != 0)
        continue;
      const Dims &reduced = plan.reduced_.indexStrides[v][k];
      bool settled = std::ranges::all_of(reduced, [](int64_t stride) { return stride == 0; });
      if (!settled && !insideReduced)
        continue;
      const Indirection &index = view.indirections[k];
      Value *raw = e.load(
          index.dtype, e.elementPointer(index.dtype, e.arg(index.arg), point.indexOffsets[v][k]));
      point.offsets[v] = plus(e, point.offsets[v], checkedIndex(e, index, raw), index.scale);
      point.indexOffsets[v][k] = nullptr; // done
    }
  }
}

// --- kept loops ---

void NestEmitter::run(const Body &body) {
  auto &b = e.b;
  auto unit = [&](Value *u) {
    Point point = start();
    if (plan.kept_.extents.empty()) {
      resolve(point);
      body(point);
      return;
    }
    int64_t extent = plan.kept_.extents[plan.blockAxis_];
    Value *from = e.i64(0), *to = e.i64(extent);
    if (u) {
      Value *rest = u;
      if (plan.blocks_ > 1) {
        from = b.CreateMul(b.CreateURem(u, e.i64(plan.blocks_)), e.i64(plan.block_));
        Value *end = b.CreateAdd(from, e.i64(plan.block_));
        to = extent % plan.block_ == 0 ? end
                                       : b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, to);
        rest = b.CreateUDiv(u, e.i64(plan.blocks_));
      }
      for (size_t axis = plan.blockAxis_; axis-- > 0;) {
        Value *n = e.i64(plan.kept_.extents[axis]);
        advance(point, plan.kept_, axis, axis == 0 ? rest : b.CreateURem(rest, n));
        rest = b.CreateUDiv(rest, n);
      }
    }
    keptLoops(point, plan.blockAxis_, from, to, body);
  };
  if (plan.units_ == 1)
    unit(nullptr);
  else
    e.loop(e.begin(), e.end(), 1, [&](Value *u) { unit(u); }, "unit");
}

void NestEmitter::keptLoops(const Point &at, size_t axis, Value *from, Value *to,
                            const Body &body) {
  const Axes &axes = plan.kept_;
  bool last = axis + 1 == axes.size();
  if (last && !plan.alongReduced_ && plan.lanes_ > 1) {
    vectorLoop(at, axes, plan.lanes_, from, to, body);
    return;
  }
  e.loop(from, to, 1, [&](Value *i) {
    Point next = at;
    advance(next, axes, axis, i);
    if (!last) {
      keptLoops(next, axis + 1, e.i64(0), e.i64(axes.extents[axis + 1]), body);
      return;
    }
    resolve(next);
    body(next);
  });
}

// The last axis by vectors: unrolled ones, then single ones, then the tail.
void NestEmitter::vectorLoop(const Point &base, const Axes &axes, unsigned lanes, Value *from,
                             Value *to, const Body &body) {
  size_t axis = axes.size() - 1;
  Point at = base;
  setLaneAxis(at, axes, axis);
  resolve(at);
  for (size_t v = 0; v < at.offsets.size(); ++v) {
    const View &view = plan.nest_.views[v];
    bool varies = at.laneStrides[v] != 0;
    for (Value *pending : at.indexOffsets[v])
      varies |= pending != nullptr;
    if (!varies && !view.iota && !view.written && !isSubByte(view.dtype) &&
        plan.reduced_.extents.empty())
      at.hoisted[v] = at.loadScalar(static_cast<unsigned>(v));
  }
  auto vectorAt = [&](Value *i, unsigned width, unsigned active) {
    Point point = at;
    advance(point, axes, axis, i);
    point.lanes = width;
    point.active = active;
    body(point);
  };
  int64_t extent = axes.extents[axis];
  int64_t unroll = plan.nest_.cost <= 2 ? 4 : plan.nest_.cost <= 6 ? 2 : 1;
  if (!plan.reduced_.extents.empty())
    unroll = 1;
  int64_t step = lanes * unroll;
  int64_t unrolled = extent / step * step;
  auto rest = [&] { // what follows the unrolled vectors
    int64_t at = unrolled;
    for (; at + lanes <= extent; at += lanes)
      vectorAt(e.i64(at), lanes, lanes);
    for (auto [width, active] : tailPieces(extent, lanes, plan.masked_)) {
      vectorAt(e.i64(at), width, active);
      at += active;
    }
  };
  auto *constantTo = llvm::dyn_cast<llvm::ConstantInt>(to);
  bool whole =
      constantTo && constantTo->getSExtValue() == extent && llvm::isa<llvm::ConstantInt>(from);
  Value *loopEnd = e.i64(unrolled);
  if (!whole)
    loopEnd = e.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, to, loopEnd);
  e.loop(from, loopEnd, step, [&](Value *i) {
    for (int64_t k = 0; k < unroll; ++k)
      vectorAt(e.b.CreateAdd(i, e.i64(k * lanes)), lanes, lanes);
  });
  if (unrolled == extent)
    return;
  if (whole)
    rest();
  else
    e.ifThen(e.b.CreateICmpEQ(to, e.i64(extent)), rest);
}

// --- reduced loops ---

unsigned NestEmitter::foldLanes(const Point &row) const {
  return plan.alongReduced_ ? kFoldLanes : row.lanes;
}

std::vector<Value *> NestEmitter::fold(const Point &row, std::vector<Value *> init,
                                       const Fold &body) {
  return foldLoops(row, 0, std::move(init), body);
}

void NestEmitter::each(const Point &row, const Body &body) {
  fold(row, {}, [&](const Point &point, const std::vector<Value *> &) {
    body(point);
    return std::vector<Value *>{};
  });
}

std::vector<Value *> NestEmitter::foldLoops(const Point &at, size_t axis,
                                            std::vector<Value *> carried, const Fold &body) {
  const Axes &axes = plan.reduced_;
  if (axis == axes.size()) {
    Point point = at;
    resolve(point, true);
    return body(point, carried);
  }
  if (plan.alongReduced_ && axis + 1 == axes.size())
    return foldVectors(at, std::move(carried), body);
  return e.loop(e.i64(0), e.i64(axes.extents[axis]), 1, std::move(carried),
                [&](Value *i, const std::vector<Value *> &values) {
                  Point next = at;
                  advance(next, axes, axis, i);
                  return foldLoops(next, axis + 1, values, body);
                });
}

std::vector<Value *> NestEmitter::foldVectors(const Point &base, std::vector<Value *> carried,
                                              const Fold &body) {
  const Axes &axes = plan.reduced_;
  size_t axis = axes.size() - 1;
  Point at = base;
  setLaneAxis(at, axes, axis);
  auto vectorAt = [&](Value *i, unsigned active, const std::vector<Value *> &values) {
    Point point = at;
    advance(point, axes, axis, i);
    point.lanes = kFoldLanes;
    point.active = active;
    return body(point, values);
  };
  int64_t extent = axes.extents[axis], full = extent / kFoldLanes * kFoldLanes;
  carried = e.loop(e.i64(0), e.i64(full), kFoldLanes, std::move(carried),
                   [&](Value *i, const std::vector<Value *> &values) {
                     return vectorAt(i, kFoldLanes, values);
                   });
  if (full < extent)
    carried = vectorAt(e.i64(full), static_cast<unsigned>(extent - full), carried);
  return carried;
}

Value *NestEmitter::combine(const Point &, Value *carried,
                            const std::function<Value *(Value *, Value *)> &fn) const {
  return plan.alongReduced_ ? e.reduceTree(carried, fn) : carried;
}

Value *NestEmitter::spread(const Point &point, Value *ofRow) const {
  return lanesOf(ofRow) == point.lanes ? ofRow : e.splat(ofRow, point.lanes);
}

Value *NestEmitter::mask(const Point &point, Value *value, Value *identity) const {
  if (point.active == point.lanes)
    return value;
  llvm::SmallVector<llvm::Constant *> bits;
  for (unsigned i = 0; i < point.lanes; ++i)
    bits.push_back(e.b.getInt1(i < point.active));
  return e.b.CreateSelect(llvm::ConstantVector::get(bits), value, identity);
}

} // namespace edgecc::native
