#include "backends/native/contraction/Direct.h"
#include "backends/native/contraction/Gather.h"
#include "backends/native/contraction/Staging.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::native {

namespace {

class DirectEmitter {
public:
  DirectEmitter(KernelEmitter &e, const Contraction &c, const Schedule &s)
      : e_(e), c_(c), s_(s), strides_(leftStrides(c, s)) {}

  void run() {
    e_.loop(e_.begin(), e_.end(), 1, [&](llvm::Value *unit) { emitUnit(unit); }, "unit");
  }

private:
  // Takes the innermost digit, of the given extent, off `rest`.
  llvm::Value *digit(llvm::Value *&rest, int64_t extent) {
    if (extent == 1)
      return e_.i64(0);
    llvm::Value *out = e_.b.CreateURem(rest, e_.i64(extent));
    rest = e_.b.CreateUDiv(rest, e_.i64(extent));
    return out;
  }

  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return e_.b.CreateMul(value, e_.i64(factor));
  }

  // [from, to) of block `index`.
  std::pair<llvm::Value *, llvm::Value *> range(llvm::Value *index, int64_t block, int64_t extent) {
    llvm::Value *from = times(index, block);
    if (block >= extent)
      return {e_.i64(0), e_.i64(extent)};
    llvm::Value *to = e_.b.CreateAdd(from, e_.i64(block));
    if (extent % block != 0)
      to = e_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, to, e_.i64(extent));
    return {from, to};
  }

  void emitUnit(llvm::Value *unit) {
    llvm::Value *rest = unit;
    outer_.assign(c_.outer.size(), nullptr);
    size_t slower = c_.outer.size();
    if (s_.groupsInside) {
      --slower;
      outer_[slower] = digit(rest, c_.outer[slower]);
    }
    int64_t groupUnits = s_.unitsX(c_) * s_.unitsY(c_) / s_.rowGroups;
    llvm::Value *rows = digit(rest, groupUnits);
    llvm::Value *blockColumns = digit(rest, s_.unitsColumns());
    rows = e_.b.CreateAdd(rows, times(digit(rest, s_.rowGroups), groupUnits));
    llvm::Value *blockX = digit(rows, s_.unitsX(c_));
    llvm::Value *blockY = digit(rows, s_.unitsY(c_));
    for (size_t i = slower; i-- > 0;)
      outer_[i] = digit(rest, c_.outer[i]);
    std::tie(fromX_, toX_) = range(blockX, s_.blockX, c_.rowsX);
    std::tie(fromY_, toY_) = range(blockY, s_.blockY, c_.rowsY);
    auto [fromTile, toTile] = range(blockColumns, s_.blockColumns, s_.tiling.count());

    if (s_.staged) {
      emitStaging(e_, c_, s_, {outer_, fromY_, fromX_, nullptr}, toY_, toX_);
      left_ = e_.scratch();
    } else {
      left_ = leftInPlace();
    }
    right_ = rightOrigin();

    const Tiling &tiling = s_.tiling;
    if (tiling.fullCount > 0) {
      llvm::Value *to = toTile;
      if (tiling.tail.columns > 0)
        to = e_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, toTile, e_.i64(tiling.fullCount));
      e_.loop(
          fromTile, to, 1, [&](llvm::Value *tile) { emitColumns(tiling.full, tile); }, "columns");
    }
    if (tiling.tail.columns > 0) {
      auto emit = [&] { emitColumns(tiling.tail, e_.i64(tiling.fullCount)); };
      if (s_.unitsColumns() == 1)
        emit();
      else
        e_.ifThen(e_.b.CreateICmpSGT(toTile, e_.i64(tiling.fullCount)), emit);
    }
  }

  // The element that the unit's outer indices, line 0, row 0, tap 0 read.
  llvm::Value *leftInPlace() {
    const auto &windows = c_.left.windows;
    size_t plain = c_.outer.size() - (windows.size() - 2);
    llvm::Value *index = e_.i64(0);
    for (size_t i = 0; i < c_.outer.size(); ++i) {
      int64_t stride =
          i < plain ? c_.left.outer[i] : windows[i - plain].step * windows[i - plain].stride;
      index = e_.b.CreateAdd(index, times(outer_[i], stride));
    }
    int64_t origin = 0; // negative padding crops
    for (const Window &window : windows)
      origin -= window.pad * window.stride;
    return e_.elementPointer(c_.left.dtype, e_.arg(c_.left.arg),
                             e_.b.CreateAdd(index, e_.i64(origin)));
  }

  llvm::Value *rightOrigin() {
    llvm::Value *index = e_.i64(0);
    for (size_t i = 0; i < c_.outer.size(); ++i)
      index = e_.b.CreateAdd(index, times(outer_[i], c_.right.outer[i]));
    if (c_.right.kind == RightOperand::Kind::Packed)
      return e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), e_.arg(c_.right.arg),
                                    times(index, packedBytes(c_, s_)));
    return e_.elementPointer(c_.right.dtype, e_.arg(c_.right.arg), index);
  }

  // All rows of the unit for one tile of columns.
  void emitColumns(const ColumnTile &tile, llvm::Value *index) {
    llvm::Value *first = times(index, s_.tiling.full.padded());
    if (s_.tiling.fullCount == 0)
      first = e_.i64(0);
    llvm::Value *right = nullptr;
    switch (c_.right.kind) {
    case RightOperand::Kind::Packed: {
      int64_t bytes = packedColumnBytes(c_, s_);
      right = e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), right_, times(first, bytes));
      break;
    }
    case RightOperand::Kind::InPlace:
      right = e_.elementPointer(c_.right.dtype, right_, first);
      break;
    case RightOperand::Kind::Gathered:
      right = scratchAt(s_.stagedBytes);
      emitGather(e_, c_, s_, tile, right_, first, right);
      break;
    }
    emitLines(tile, first, right);
  }

  llvm::Value *scratchAt(int64_t offset) {
    return e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), e_.scratch(), e_.i64(offset));
  }

  void emitLines(const ColumnTile &tile, llvm::Value *column, llvm::Value *right) {
    RowTile rows = tile.rows;
    llvm::Value *lines = e_.b.CreateSub(toY_, fromY_);
    llvm::Value *whole =
        e_.b.CreateAdd(fromY_, times(e_.b.CreateUDiv(lines, e_.i64(rows.y)), rows.y));
    e_.loop(
        fromY_, whole, rows.y,
        [&](llvm::Value *y) {
          prefetchNextGroup(rows, y, right);
          emitLine(tile, rows, y, column, right);
        },
        "y");
    bool evenBlocks = s_.blockY % rows.y == 0 && c_.rowsY % rows.y == 0;
    if (rows.y > 1 && !evenBlocks)
      e_.loop(
          whole, toY_, 1, [&](llvm::Value *y) { emitLine(tile, {1, rows.x}, y, column, right); },
          "y");
  }

  void emitLine(const ColumnTile &tile, RowTile rows, llvm::Value *y, llvm::Value *column,
                llvm::Value *right) {
    llvm::Value *length = e_.b.CreateSub(toX_, fromX_);
    llvm::Value *whole =
        e_.b.CreateAdd(fromX_, times(e_.b.CreateUDiv(length, e_.i64(rows.x)), rows.x));
    e_.loop(
        fromX_, whole, rows.x, [&](llvm::Value *x) { emitTile(tile, rows, y, x, column, right); },
        "x");
    // Blocks are multiples of the tile but for the last; see chooseBlocks.
    auto rest = [&](int64_t extent) {
      if (extent > 0)
        e_.loop(
            whole, toX_, extent,
            [&](llvm::Value *x) { emitTile(tile, {rows.y, extent}, y, x, column, right); }, "x");
    };
    int64_t restOfBlock = s_.unitsX(c_) > 1 ? s_.blockX % rows.x : 0;
    int64_t restOfLast = (s_.unitsX(c_) > 1 ? c_.rowsX % s_.blockX : c_.rowsX) % rows.x;
    if (restOfBlock == 0 || restOfLast == 0 || restOfBlock == restOfLast) {
      rest(std::max(restOfBlock, restOfLast));
      return;
    }
    llvm::Value *isLast = e_.b.CreateICmpEQ(toX_, e_.i64(c_.rowsX));
    e_.ifThen(isLast, [&] { rest(restOfLast); });
    e_.ifThen(e_.b.CreateNot(isLast), [&] { rest(restOfBlock); });
  }

  void emitTile(const ColumnTile &tile, RowTile rows, llvm::Value *y, llvm::Value *x,
                llvm::Value *column, llvm::Value *right) {
    int64_t bytes = bitWidth(c_.product.a) / 8;
    MicroKernel kernel{
        c_.product, {}, tile.parts, s_.loops, c_.right.kind != RightOperand::Kind::InPlace, {}};
    if (kernel.columnsPadded)
      for (ReductionLoop &loop : kernel.loops)
        loop.strideB *= tile.padded();
    for (int64_t dy = 0; dy < rows.y; ++dy)
      for (int64_t dx = 0; dx < rows.x; ++dx)
        kernel.rows.push_back((dy * strides_.y + dx * strides_.x) * bytes);
    llvm::Value *lineFrom = s_.staged ? e_.b.CreateSub(y, fromY_) : y;
    llvm::Value *rowFrom = s_.staged ? e_.b.CreateSub(x, fromX_) : x;
    llvm::Value *offset =
        e_.b.CreateAdd(times(lineFrom, strides_.y * bytes), times(rowFrom, strides_.x * bytes));
    llvm::Value *left = e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), left_, offset);
    Position origin{outer_, y, x, column};
    kernel.initial = initialSums(e_, c_.epilogue, c_.product, tile, origin);
    kernel.scaledLoop = s_.scaledLoop;
    prefetch(tile, rows, origin);
    auto sums = emitMicroKernel(e_, kernel, left, right);
    emitEpilogue(e_, c_.epilogue, c_.product, tile, rows, origin, sums,
                 s_.tileBytes ? scratchAt(s_.stagedBytes + s_.panelBytes) : nullptr);
  }

  // Starts to fetch the lines that the tile's epilogue reads and writes, where they are too many to
  // be found in the second-level cache: they arrive while the tile is computed.
  void prefetch(const ColumnTile &tile, RowTile rows, const Position &origin) {
    constexpr int64_t kCachedBytes = 512 << 10, kLine = 64;
    for (const Access *access : c_.epilogue.rowAccesses()) {
      int64_t bytes = bitWidth(access->dtype) / 8;
      if (access->column() != 1 || c_.rowsY * c_.rowsX * c_.columns * bytes <= kCachedBytes)
        continue;
      llvm::Value *first = pointerAt(e_, *access, origin);
      for (int64_t dy = 0; dy < rows.y; ++dy)
        for (int64_t dx = 0; dx < rows.x; ++dx)
          for (int64_t at = 0; at < tile.columns * bytes; at += kLine)
            prefetch(first, (dy * access->y() + dx * access->x()) * bytes + at, kForWriting);
    }
  }

  // Starts to fetch a part of the next group's weights, which are used next and too few for a core
  // to see that they are read in order: they would arrive one line after the other.
  void prefetchNextGroup(RowTile rows, llvm::Value *y, llvm::Value *right) {
    constexpr int64_t kLine = 64, kMostLines = 8;
    bool next = s_.groupsInside || s_.unitsX(c_) * s_.unitsY(c_) == 1;
    if (c_.right.kind != RightOperand::Kind::Packed || c_.outer.empty() ||
        c_.right.outer.back() != 1 || s_.tiling.count() != 1 || !next)
      return;
    int64_t matrix = packedBytes(c_, s_), parts = std::max<int64_t>(s_.blockY / rows.y, 1);
    int64_t lines = (matrix / kLine + parts - 1) / parts;
    if (lines > kMostLines)
      return;
    llvm::Value *part = e_.b.CreateUDiv(e_.b.CreateSub(y, fromY_), e_.i64(rows.y));
    llvm::Value *from = e_.b.CreateAdd(times(part, lines * kLine), e_.i64(matrix));
    // Behind the last group it may be anything.
    llvm::Value *pointer = e_.b.CreateGEP(e_.b.getInt8Ty(), right, from);
    for (int64_t line = 0; line < lines; ++line)
      prefetch(pointer, line * kLine, kForReading);
  }

  static constexpr int kForReading = 0, kForWriting = 1;

  void prefetch(llvm::Value *pointer, int64_t offset, int purpose) {
    constexpr int kKeep = 3, kData = 1;
    e_.b.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer->getType()},
                         {e_.b.CreateGEP(e_.b.getInt8Ty(), pointer, e_.i64(offset)),
                          e_.b.getInt32(purpose), e_.b.getInt32(kKeep), e_.b.getInt32(kData)});
  }

  KernelEmitter &e_;
  const Contraction &c_;
  const Schedule &s_;
  LeftStrides strides_;
  std::vector<llvm::Value *> outer_;
  llvm::Value *fromX_ = nullptr, *toX_ = nullptr, *fromY_ = nullptr, *toY_ = nullptr;
  llvm::Value *left_ = nullptr, *right_ = nullptr;
};

std::string keyOf(const Contraction &c, const Schedule &s) {
  std::string out = fmt::format("{} {} [{}] {}x{}x{}", c.name, c.product.str(),
                                fmt::join(c.outer, ","), c.rowsY, c.rowsX, c.columns);
  out += fmt::format(" L{}{} [{}] {}*{} s{} p{} z{}", c.left.arg, name(c.left.dtype),
                     fmt::join(c.left.outer, ","), c.left.channels, c.left.channelStride,
                     c.left.shift, c.left.padding, c.left.zeroPointArg);
  for (const Window &w : c.left.windows)
    out += fmt::format(" ({},{},{},{},{},{})", w.in, w.taps, w.step, w.tapStep, w.pad, w.stride);
  out += fmt::format(" R{}:{}{} [{}] [{}] {} {} z{},{}", static_cast<int>(c.right.kind),
                     c.right.arg, name(c.right.dtype), fmt::join(c.right.outer, ","),
                     fmt::join(c.right.tapStrides, ","), c.right.channelStride,
                     c.right.columnStride, c.right.zeroPointArg, c.right.zeroPointColumnStride);
  out += fmt::format(" B{},{},{},{}{} ", s.blockY, s.blockX, s.blockColumns, s.rowGroups,
                     s.groupsInside ? "g" : "");
  return out + c.epilogue.str();
}

} // namespace

Kernel directKernel(Contraction c, Schedule s, std::vector<KernelArg> args) {
  Kernel kernel;
  kernel.key = keyOf(c, s);
  kernel.name = c.name;
  kernel.args = std::move(args);
  if (c.product.kind == Product::Kind::PairBF16)
    kernel.algorithm = "bf16 pairs";
  int64_t units = s.unitsX(c) * s.unitsY(c) * s.unitsColumns();
  for (int64_t extent : c.outer)
    units *= extent;
  kernel.units = static_cast<uint32_t>(units);
  kernel.scratchBytes = s.stagedBytes + s.panelBytes + s.tileBytes;
  kernel.emit = [c = std::move(c), s = std::move(s)](KernelEmitter &e) {
    DirectEmitter(e, c, s).run();
  };
  return kernel;
}

} // namespace edgecc::native
