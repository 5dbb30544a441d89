#include "backends/native/contraction/Balance.h"
#include "backends/native/contraction/Direct.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace edgecc::native {

static int64_t product(const Dims &dims) {
  int64_t out = 1;
  for (int64_t d : dims)
    out *= d;
  return out;
}

constexpr int64_t kScaleBytes = 4; // of a column's factor for a block

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

int64_t Contraction::depth() const {
  int64_t out = left.channels;
  for (const Window &window : left.windows)
    out *= window.taps;
  return out;
}

// --- collapse ---

static bool isPlainRow(const Window &window) { return window.taps == 1 && window.pad == 0; }

// y joins x: line y + 1 continues where line y ends, for all operands.
static bool joinLines(Contraction &c) {
  if (c.rowsY == 1)
    return false;
  Window &y = c.left.windows[c.left.windows.size() - 2], &x = c.left.windows.back();
  if (!isPlainRow(y) || !isPlainRow(x) || y.needsPadding(c.rowsY) || x.needsPadding(c.rowsX) ||
      (c.rowsX > 1 && y.step * y.stride != c.rowsX * x.step * x.stride))
    return false;
  auto all = c.epilogue.accesses();
  for (const Access *access : all)
    if (c.rowsX > 1 && access->y() != c.rowsX * access->x())
      return false;
  size_t yAxis = c.outer.size(), xAxis = yAxis + 1;
  for (Access *access : all) {
    if (c.rowsX == 1)
      access->strides[xAxis] = access->strides[yAxis];
    access->strides[yAxis] = 0;
  }
  int64_t stride = c.rowsX == 1 ? y.step * y.stride : x.step * x.stride;
  c.rowsX *= c.rowsY;
  c.rowsY = 1;
  x = {c.rowsX, 1, 1, 1, 0, stride};
  y = {1, 1, 1, 1, 0, 0};
  return true;
}

// The innermost outer axis becomes y (to join x next) where y is unused and the right operand does
// not depend on it.
static bool lowerOuterAxis(Contraction &c) {
  size_t outerWindows = c.left.windows.size() - 2;
  if (c.rowsY != 1 || outerWindows > 0 || c.outer.empty() || c.right.outer.back() != 0)
    return false;
  Window &y = c.left.windows[0], &x = c.left.windows[1];
  if (!isPlainRow(y) || !isPlainRow(x) || y.needsPadding(1) || x.needsPadding(c.rowsX))
    return false;
  int64_t extent = c.outer.back(), stride = c.left.outer.back();
  if (c.rowsX > 1 && stride != c.rowsX * x.step * x.stride)
    return false;
  size_t axis = c.outer.size() - 1;
  auto all = c.epilogue.accesses();
  for (const Access *access : all)
    if (c.rowsX > 1 && access->strides[axis] != c.rowsX * access->x())
      return false;
  for (Access *access : all)
    access->strides.erase(access->strides.begin() + static_cast<int64_t>(axis) + 1); // old y
  c.outer.pop_back();
  c.left.outer.pop_back();
  c.right.outer.pop_back();
  c.rowsY = extent;
  y = {extent, 1, 1, 1, 0, stride};
  return true;
}

static void dropUnitAxes(Contraction &c) {
  size_t spatial = c.left.windows.size() - 2, plain = c.outer.size() - spatial;
  for (size_t i = plain; i-- > 0;) {
    if (c.outer[i] != 1)
      continue;
    auto at = [i](Dims &dims) { dims.erase(dims.begin() + static_cast<int64_t>(i)); };
    at(c.outer);
    at(c.left.outer);
    at(c.right.outer);
    for (Access *access : c.epilogue.accesses())
      at(access->strides);
  }
}

void Contraction::collapse() {
  dropUnitAxes(*this);
  joinLines(*this);
  while (lowerOuterAxis(*this))
    if (!joinLines(*this))
      break;
}

// --- schedule ---

LeftStrides leftStrides(const Contraction &c, const Schedule &schedule) {
  LeftStrides out;
  const auto &windows = c.left.windows;
  const Window &y = windows[windows.size() - 2], &x = windows.back();
  if (!schedule.staged) {
    for (const Window &window : windows)
      out.taps.push_back(window.tapStep * window.stride);
    out.y = y.step * y.stride;
    out.x = x.step * x.stride;
    out.channel = c.left.channelStride;
    return out;
  }
  // [outer taps...][lines][pixels][channels]
  int64_t pixel = schedule.pixelPitch;
  int64_t line = x.span(schedule.blockX) * pixel;
  int64_t slice = y.span(schedule.blockY) * line;
  out.taps = {y.tapStep * line, x.tapStep * pixel};
  for (size_t i = windows.size() - 2; i-- > 0; slice *= windows[i].taps)
    out.taps.insert(out.taps.begin(), slice);
  out.y = y.step * line;
  out.x = x.step * pixel;
  out.channel = 1;
  return out;
}

// Channels of a staged pixel. Groups of floats end with zeros instead of the elements that follow:
// a zero weight does not cancel an infinity or a NaN.
static int64_t stagedChannels(const Contraction &c) {
  return isFloat(c.product.a) ? roundUp(c.left.channels, c.product.group) : c.left.channels;
}

static int64_t stagedElements(const Contraction &c, const Schedule &s) {
  const auto &windows = c.left.windows;
  int64_t out =
      s.pixelPitch * windows.back().span(s.blockX) * windows[windows.size() - 2].span(s.blockY);
  for (size_t i = 0; i + 2 < windows.size(); ++i)
    out *= windows[i].taps;
  return out;
}

static bool needsPadding(const Contraction &c) {
  const auto &windows = c.left.windows;
  size_t spatial = windows.size() - 2;
  for (size_t i = 0; i < spatial; ++i)
    if (windows[i].needsPadding(c.outer[c.outer.size() - spatial + i]))
      return true;
  return windows[spatial].needsPadding(c.rowsY) || windows.back().needsPadding(c.rowsX);
}

// Adjacent loops that step on where the inner one ends become one.
static std::vector<ReductionLoop> mergedLoops(const Contraction &c, const LeftStrides &strides) {
  struct Level {
    int64_t extent, a, b;
  };
  std::vector<Level> levels;
  bool inPlace = c.right.kind == RightOperand::Kind::InPlace;
  for (size_t i = 0; i < c.left.windows.size(); ++i)
    levels.push_back(
        {c.left.windows[i].taps, strides.taps[i], inPlace ? c.right.tapStrides[i] : 0});
  levels.push_back({c.left.channels, strides.channel, inPlace ? c.right.channelStride : 0});
  std::vector<ReductionLoop> out;
  for (size_t i = levels.size(); i-- > 0;) {
    const Level &level = levels[i];
    // Groups are neighbours along the innermost loop.
    bool grouped = c.product.group > 1 && out.empty() && level.a == 1;
    if (level.extent == 1 && !grouped)
      continue;
    if (!out.empty() && level.a == out.front().extent * out.front().strideA &&
        (!inPlace || level.b == out.front().extent * out.front().strideB))
      out.front().extent *= level.extent;
    else
      out.insert(out.begin(), {level.extent, level.a, level.b});
  }
  if (out.empty())
    out.push_back({1, 1, 1});
  return out;
}

// How uneven the parts of two and of four threads are.
static double unevenness(const Contraction &c, const Schedule &s) {
  const Tiling &tiling = s.tiling;
  int64_t rows = s.unitsX(c) * s.unitsY(c) / s.rowGroups;
  int64_t block = s.blockX * s.blockY, last = c.rowsX * c.rowsY - (rows * s.rowGroups - 1) * block;
  std::vector<double> costs;
  for (int64_t outer = 0; outer < product(c.outer); ++outer)
    for (int64_t group = 0; group < s.rowGroups; ++group)
      for (int64_t tile = 0; tile < tiling.count(); tile += s.blockColumns) {
        int64_t to = std::min(tile + s.blockColumns, tiling.count());
        int64_t columns = (std::min(to, tiling.fullCount) - tile) * tiling.full.padded();
        if (to > tiling.fullCount)
          columns += tiling.tail.padded();
        for (int64_t row = 0; row < rows; ++row)
          costs.push_back(static_cast<double>(
              columns * (row + 1 == rows && group + 1 == s.rowGroups ? last : block)));
      }
  return imbalance(costs, 2) + 0.5 * imbalance(costs, 4);
}

// Where the blocks of columns differ, their units alternate with those of others: rows are in
// groups, of which each goes through all columns.
static void balanceColumns(const Contraction &c, Schedule &s, int64_t step) {
  constexpr int64_t kMaxOuter = 16, kGroupRows = 24;
  constexpr double kWorth = 0.03;
  int64_t &block = c.rowsY == 1 ? s.blockX : s.blockY;
  int64_t extent = c.rowsY == 1 ? c.rowsX : c.rowsY;
  if (s.unitsColumns() == 1 || block >= extent || product(c.outer) > kMaxOuter)
    return;
  double least = unevenness(c, s);
  Schedule best = s;
  const int64_t chosen = block;
  for (block = std::max(step, chosen - 3 * step); block <= std::min(extent, chosen + 3 * step);
       block += step)
    for (s.rowGroups = 1; s.rowGroups <= 4; s.rowGroups *= 2) {
      int64_t rows = s.unitsX(c) * s.unitsY(c);
      if (rows % s.rowGroups != 0 || c.rowsX * c.rowsY < kGroupRows * s.rowGroups)
        continue;
      double uneven = unevenness(c, s);
      if (uneven < least - kWorth) {
        least = uneven;
        best = s;
      }
    }
  s = best;
}

// Work units: enough for eight threads when there is much to do, none of less than a few
// microseconds. The product of a vector and a matrix takes the time of reading the matrix.
static void chooseBlocks(const Contraction &c, Schedule &s) {
  const double kUnitMacs = c.rowsY * c.rowsX == 1 ? 3e4 : 3e5;
  constexpr int64_t kMaxUnits = 32, kMaxStagedBytes = 256 << 10;
  int64_t outer = std::max<int64_t>(1, product(c.outer));
  double macs = static_cast<double>(outer) * static_cast<double>(c.rowsY * c.rowsX) *
                static_cast<double>(c.columns) * static_cast<double>(c.depth());
  int64_t units = std::clamp<int64_t>(static_cast<int64_t>(macs / kUnitMacs), 1, kMaxUnits);
  int64_t split = ceilDiv(units, outer);

  const RowTile &rows = s.tiling.fullCount > 0 ? s.tiling.full.rows : s.tiling.tail.rows;
  bool alongX = c.rowsY == 1;
  int64_t extent = alongX ? c.rowsX : c.rowsY, step = alongX ? rows.x : rows.y;
  int64_t tilesOfRows = ceilDiv(extent, step);

  int64_t rightBytes = c.columns * c.depth() * (bitWidth(c.product.b) / 8);
  int64_t leftBytes = c.rowsY * c.rowsX * c.left.channels * (bitWidth(c.product.a) / 8);
  bool columnsFirst = c.right.kind == RightOperand::Kind::Gathered ||
                      (rightBytes > (512 << 10) && rightBytes > leftBytes) || tilesOfRows == 1;
  int64_t splitColumns = columnsFirst ? std::min(split, s.tiling.count()) : 1;
  int64_t splitRows = std::min(ceilDiv(split, splitColumns), tilesOfRows);
  if (!columnsFirst)
    splitColumns = std::min(ceilDiv(split, splitRows), s.tiling.count());

  int64_t block = ceilDiv(tilesOfRows, splitRows) * step;
  s.blockY = alongX ? 1 : block;
  s.blockX = alongX ? std::min(block, c.rowsX) : c.rowsX;
  s.blockColumns = ceilDiv(s.tiling.count(), splitColumns);
  balanceColumns(c, s, step);
  block = alongX ? s.blockX : s.blockY;
  if (!s.staged)
    return;
  // Staged rows should stay in the second-level cache.
  int64_t bytes = bitWidth(c.product.a) / 8;
  while (block > step && stagedElements(c, s) * bytes > kMaxStagedBytes) {
    block = roundUp(block / 2, step);
    (alongX ? s.blockX : s.blockY) = block;
    s.rowGroups = 1;
  }
}

// Groups share the cache lines of an image whose channels are innermost.
static bool readsGroupsTogether(const Contraction &c, const Schedule &s) {
  constexpr int64_t kCachedBytes = 512 << 10;
  if (c.outer.empty() || c.right.kind != RightOperand::Kind::Packed || c.right.outer.back() == 0 ||
      c.left.channelStride != 1 || c.left.outer.back() != c.left.channels ||
      s.unitsY(c) * s.unitsX(c) == 1)
    return false;
  int64_t groups = c.outer.back(), pixels = 1;
  for (const Window &window : c.left.windows)
    pixels *= window.in;
  return pixels * groups * c.left.channels * (bitWidth(c.left.dtype) / 8) > kCachedBytes &&
         groups * packedBytes(c, s) <= kCachedBytes / 2;
}

// Whether rows at this distance fall on so few sets of a first-level cache (64 sets, 8 ways,
// 64-byte lines) that a tile's rows evict one another between two reads of a line.
static bool rowsCollide(int64_t strideBytes, int64_t rows) {
  constexpr int64_t kWayBytes = 4096, kLine = 64, kWays = 8;
  int64_t sets = kWayBytes / std::gcd(std::abs(strideBytes) / kLine * kLine, kWayBytes);
  return strideBytes >= kLine && 2 * rows > kWays * sets;
}

static int64_t maxTileRows(const Tiling &tiling) {
  int64_t rows = tiling.fullCount > 0 ? tiling.full.rows.size() : 0;
  return std::max(rows, tiling.tail.columns > 0 ? tiling.tail.rows.size() : 0);
}

Schedule scheduleOf(const Contraction &c, const NativeTarget &target) {
  Schedule s;
  const Product &p = c.product;
  s.staged =
      c.left.dtype != p.a || c.left.shift != 0 || c.left.zeroPointArg >= 0 || needsPadding(c);
  if (c.depth() == 0)
    s.staged = false;
  if (!s.staged && p.group > 1) {
    auto loops = mergedLoops(c, leftStrides(c, s));
    s.staged = loops.back().strideA != 1 || loops.back().extent % p.group != 0;
  }
  s.tiling = chooseTiling(target, p, c.rowsY, c.rowsX, c.columns, ceilDiv(c.depth(), p.group));
  int64_t bytesA = bitWidth(p.a) / 8, bytesB = bitWidth(p.b) / 8;
  const Window &x = c.left.windows.back();
  int64_t lineElements = 64 / bytesA;
  s.pixelPitch = stagedChannels(c);
  if (!s.staged && c.left.channelStride == 1 && c.left.channels >= lineElements &&
      c.columns >= lineElements && rowsCollide(x.step * x.stride * bytesA, maxTileRows(s.tiling)))
    s.staged = true;
  if (s.staged && c.left.channels >= lineElements &&
      rowsCollide(x.step * s.pixelPitch * bytesA, maxTileRows(s.tiling)))
    s.pixelPitch += lineElements;
  chooseBlocks(c, s);

  s.loops = mergedLoops(c, leftStrides(c, s));
  if (p.block > 0) {
    ReductionLoop &whole = s.loops.back();
    assert(whole.extent % p.block == 0 && "blocks divide the channels");
    ReductionLoop blocks{whole.extent / p.block, whole.strideA * p.block, 0};
    whole.extent = p.block;
    s.scaledLoop = static_cast<int>(s.loops.size()) - 1;
    s.loops.insert(s.loops.end() - 1, blocks);
  }
  ReductionLoop &inner = s.loops.back();
  s.run = inner.extent;
  inner.extent = ceilDiv(inner.extent, p.group);
  inner.strideA *= p.group;
  for (ReductionLoop &loop : s.loops) {
    loop.strideA *= bytesA;
    loop.strideB *= bytesB;
  }
  if (c.right.kind != RightOperand::Kind::InPlace) {
    int64_t stride = p.groupBytesB(); // times the padded columns of the tile
    for (size_t i = s.loops.size(); i-- > 0;) {
      s.loops[i].strideB = stride;
      stride *= s.loops[i].extent;
      if (static_cast<int>(i) == s.scaledLoop + 1 && p.block > 0)
        stride += kScaleBytes;
    }
  }

  int64_t steps = 1;
  for (const ReductionLoop &loop : s.loops)
    steps *= loop.extent;
  // Groups may read past the last element: 64 bytes of slack.
  if (s.staged)
    s.stagedBytes = roundUp(stagedElements(c, s) * bytesA + 64, 64);
  if (c.right.kind == RightOperand::Kind::Gathered)
    s.panelBytes = roundUp(
        steps * p.groupBytesB() *
            std::max(s.tiling.full.padded() * (s.tiling.fullCount > 0), s.tiling.tail.padded()),
        64);
  s.groupsInside = readsGroupsTogether(c, s);
  if (s.tiling.fullCount > 0)
    s.tileBytes = epilogueScratchBytes(c.epilogue, p, s.tiling.full);
  if (s.tiling.tail.columns > 0)
    s.tileBytes = std::max(s.tileBytes, epilogueScratchBytes(c.epilogue, p, s.tiling.tail));
  s.tileBytes = roundUp(s.tileBytes, 64);
  return s;
}

int64_t packedColumnBytes(const Contraction &c, const Schedule &s) {
  int64_t bytes = c.product.groupBytesB();
  for (size_t i = s.loops.size(); i-- > 0;) {
    bytes *= s.loops[i].extent;
    if (static_cast<int>(i) == s.scaledLoop + 1 && c.product.block > 0)
      bytes += kScaleBytes;
  }
  return bytes;
}

int64_t packedBytes(const Contraction &c, const Schedule &s) {
  return roundUp(packedColumnBytes(c, s) * s.tiling.paddedColumns(), 64);
}

Product fasterProduct(const Contraction &c, const NativeTarget &target) {
  if (c.product.kind != Product::Kind::Dot8 || c.product.nibbles || !target.has("i8mm") ||
      c.rowsY * c.rowsX < 2)
    return c.product;
  Contraction pairs = c;
  pairs.product = Product::matrix8();
  // Instructions for each row: products, and what copies and completes its groups. A matrix
  // product is of two rows, but of two columns instead of four.
  auto instructions = [&](const Contraction &each) {
    Schedule s = scheduleOf(each, target);
    auto count = static_cast<double>(s.tiling.paddedColumns()) / 4;
    for (const ReductionLoop &loop : s.loops)
      count *= static_cast<double>(loop.extent);
    return count + (s.staged ? static_cast<double>(c.left.channels) / 4 : 0);
  };
  return instructions(pairs) < instructions(c) ? pairs.product : c.product;
}

} // namespace edgecc::native
