// Copies between strided arrays: vectors along a common contiguous axis, square tiles that are
// transposed in registers where the contiguous axes differ.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/Planning.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::native {

namespace {

// Where `to` is contiguous along one axis and `from` along another, both long enough for a tile.
struct TransposedAxes {
  size_t toAxis, fromAxis;
};

constexpr int64_t kShortestTransposed = 4;

std::optional<TransposedAxes> transposedAxes(const Copy &copy) {
  std::optional<size_t> toAxis, fromAxis;
  for (size_t i = 0; i < copy.extents.size(); ++i) {
    if (copy.extents[i] < kShortestTransposed)
      continue;
    if (copy.to[i] == 1)
      toAxis = i;
    if (copy.from[i] == 1)
      fromAxis = i;
  }
  if (!toAxis || !fromAxis || *toAxis == *fromAxis || copy.from[*toAxis] == 0 ||
      copy.to[*fromAxis] == 0)
    return std::nullopt;
  return TransposedAxes{*toAxis, *fromAxis};
}

// rows[i] lane j becomes rows[j] lane i, in log2 steps that swap ever larger blocks.
std::vector<llvm::Value *> transposeTile(KernelEmitter &e, std::vector<llvm::Value *> rows) {
  auto size = static_cast<unsigned>(rows.size());
  for (unsigned block = 1; block < size; block *= 2) {
    std::vector<llvm::Value *> next(size);
    for (unsigned i = 0; i < size; ++i) {
      if (i & block)
        continue;
      llvm::SmallVector<int> low, high;
      for (unsigned lane = 0; lane < size; ++lane) {
        bool second = lane & block;
        low.push_back(static_cast<int>(second ? size + (lane & ~block) : lane));
        high.push_back(static_cast<int>(second ? size + lane : lane | block));
      }
      next[i] = e.b.CreateShuffleVector(rows[i], rows[i | block], low);
      next[i | block] = e.b.CreateShuffleVector(rows[i], rows[i | block], high);
    }
    rows = std::move(next);
  }
  return rows;
}

class TransposeEmitter {
public:
  TransposeEmitter(KernelEmitter &e, const PlannedNest &plan, DType bits, int64_t toExtent,
                   int64_t fromExtent, int64_t toPitch, int64_t fromPitch, unsigned tile)
      : e_(e), plan_(plan), bits_(bits), toExtent_(toExtent), fromExtent_(fromExtent),
        toPitch_(toPitch), fromPitch_(fromPitch), tile_(tile) {}

  // The plane at each kept point: view 0 is the result, view 1 the operand.
  void emit() {
    NestEmitter loops(e_, plan_);
    loops.run([&](const Point &point) { strip(point); });
  }

private:
  // A point is one tile's height of the operand's contiguous axis; the loop runs along the
  // result's.
  void strip(const Point &point) {
    auto *index = point.load(2); // first index along the operand's contiguous axis
    llvm::Value *full = e_.b.CreateICmpSLE(index, e_.i64(fromExtent_ - tile_));
    int64_t rest = fromExtent_ % tile_;
    if (rest == 0) {
      tiles(point, tile_);
      return;
    }
    if (fromExtent_ >= tile_)
      e_.ifThen(full, [&] { tiles(point, tile_); });
    e_.ifThen(e_.b.CreateNot(full), [&] { tiles(point, static_cast<unsigned>(rest)); });
  }

  void tiles(const Point &point, unsigned fromActive) {
    int64_t whole = toExtent_ / tile_ * tile_;
    e_.loop(e_.i64(0), e_.i64(whole), tile_,
            [&](llvm::Value *at) { tile(point, at, tile_, fromActive); });
    if (whole < toExtent_)
      tile(point, e_.i64(whole), static_cast<unsigned>(toExtent_ - whole), fromActive);
  }

  // toActive indices along the result's contiguous axis, fromActive along the operand's.
  void tile(const Point &point, llvm::Value *at, unsigned toActive, unsigned fromActive) {
    auto &b = e_.b;
    std::vector<llvm::Value *> rows;
    for (unsigned i = 0; i < tile_; ++i) {
      if (i >= toActive) {
        rows.push_back(llvm::Constant::getNullValue(e_.vectorType(bits_, tile_)));
        continue;
      }
      llvm::Value *offset = b.CreateMul(b.CreateAdd(at, e_.i64(i)), e_.i64(fromPitch_));
      rows.push_back(
          e_.load(bits_, e_.elementPointer(bits_, point.pointer(1), offset), tile_, fromActive));
    }
    rows = transposeTile(e_, std::move(rows));
    for (unsigned i = 0; i < fromActive; ++i) {
      llvm::Value *offset = b.CreateAdd(at, e_.i64(i * toPitch_));
      e_.store(bits_, rows[i], e_.elementPointer(bits_, point.pointer(0), offset), tile_, toActive);
    }
  }

  KernelEmitter &e_;
  const PlannedNest &plan_;
  DType bits_;
  int64_t toExtent_, fromExtent_, toPitch_, fromPitch_;
  unsigned tile_;
};

unsigned tileFor(DType bits, const NativeTarget &target) {
  unsigned bytes = bitWidth(bits) / 8;
  return std::clamp(target.vectorBytes / bytes, 2u, 16u);
}

void planTranspose(const Copy &copy, TransposedAxes axes, const KernelArg &from,
                   const KernelArg &to, PlanContext &context) {
  KernelBuilder kernel(context, "transpose");
  unsigned toArg = kernel.addArg(to), fromArg = kernel.addArg(from);
  unsigned tile = tileFor(copy.bits, context.target);
  int64_t toExtent = copy.extents[axes.toAxis], fromExtent = copy.extents[axes.fromAxis];
  Nest nest;
  nest.extents = copy.extents;
  nest.extents[axes.toAxis] = 1;
  nest.extents[axes.fromAxis] = (fromExtent + tile - 1) / tile;
  nest.cost = std::max<int64_t>(1, toExtent * tile / 4);
  View result{toArg, copy.bits, copy.to, copy.toOffset, {}};
  result.written = true;
  View operand{fromArg, copy.bits, copy.from, copy.fromOffset, {}};
  result.strides[axes.fromAxis] *= tile;
  operand.strides[axes.fromAxis] *= tile;
  View index{0, DType::I64, Dims(copy.extents.size(), 0), 0, {}, true};
  index.strides[axes.fromAxis] = tile;
  nest.addView(std::move(result));
  nest.addView(std::move(operand));
  nest.addView(std::move(index));
  nest.single = true;
  int64_t toPitch = copy.to[axes.fromAxis], fromPitch = copy.from[axes.toAxis];
  PlannedNest plan(std::move(nest), context.target);
  DType bits = copy.bits;
  std::string key = fmt::format("{}x{}t{}p{},{}", toExtent, fromExtent, tile, toPitch, fromPitch);
  kernel.finish(key + plan.key(), plan.units(), [=](KernelEmitter &e) {
    TransposeEmitter(e, plan, bits, toExtent, fromExtent, toPitch, fromPitch, tile).emit();
  });
}

} // namespace

void planCopy(const Copy &copy, const KernelArg &from, const KernelArg &to, PlanContext &context) {
  if (numElements(copy.extents) == 0)
    return;
  if (!isSubByte(copy.bits))
    if (auto axes = transposedAxes(copy)) {
      planTranspose(copy, *axes, from, to, context);
      return;
    }
  KernelBuilder kernel(context, "copy");
  unsigned toArg = kernel.addArg(to), fromArg = kernel.addArg(from);
  Nest nest;
  nest.extents = copy.extents;
  View result{toArg, copy.bits, copy.to, copy.toOffset, {}};
  result.written = true;
  unsigned y = nest.addView(std::move(result));
  unsigned x = nest.addView({fromArg, copy.bits, copy.from, copy.fromOffset, {}});
  nest.serial = isSubByte(copy.bits);
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) { point.store(y, point.load(x)); });
  });
}

void planFill(const Copy &copy, const Value *value, const KernelArg &to, PlanContext &context) {
  if (numElements(copy.extents) == 0)
    return;
  KernelBuilder kernel(context, "fill");
  Nest nest;
  nest.extents = copy.extents;
  View result{kernel.addArg(to), copy.bits, copy.to, copy.toOffset, {}};
  result.written = true;
  unsigned y = nest.addView(std::move(result));
  unsigned x = ~0u;
  if (value)
    x = nest.addView({kernel.addArg(*value), copy.bits, Dims(copy.extents.size(), 0), 0, {}});
  nest.serial = isSubByte(copy.bits);
  PlannedNest plan(std::move(nest), context.target);
  DType bits = copy.bits;
  kernel.finish(plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) {
      llvm::Value *zero = llvm::Constant::getNullValue(e.vectorType(bits, point.lanes));
      point.store(y, x == ~0u ? zero : point.load(x));
    });
  });
}

} // namespace edgecc::native
