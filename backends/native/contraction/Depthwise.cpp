#include "backends/native/contraction/Depthwise.h"
#include "backends/native/contraction/Convert.h"
#include "backends/native/contraction/PixelTiles.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/ADT/bit.h>

namespace edgecc::native {

static int64_t taps(const LeftOperand &left) {
  int64_t out = 1;
  for (const Window &window : left.windows)
    out *= window.taps;
  return out;
}

// The narrowest vector for `channels`, at most `most` lanes; not below four, which instructions on
// pairs need.
static unsigned lanesFor(int64_t channels, unsigned most) {
  auto lanes = static_cast<unsigned>(
      llvm::bit_ceil(static_cast<uint64_t>(std::min<int64_t>(channels, most))));
  return std::max(lanes, std::min(4u, most));
}

namespace {

class DepthwiseEmitter {
public:
  DepthwiseEmitter(KernelEmitter &e, const Depthwise &d, const DepthwiseSchedule &s)
      : e_(e), b_(e.b), d_(d), s_(s), left_(d.left), y_(d.left.windows[d.left.windows.size() - 2]),
        x_(d.left.windows.back()) {
    if (left_.zeroPointArg >= 0)
      zeroPoint_ =
          convertElements(e, e.load(left_.dtype, e.arg(static_cast<unsigned>(left_.zeroPointArg))),
                          left_.dtype, d.product.accumulator, 1);
  }

  void run() {
    e_.loop(e_.begin(), e_.end(), 1, [&](llvm::Value *unit) { emitUnit(unit); }, "unit");
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }

  llvm::Value *digit(llvm::Value *&rest, int64_t extent) {
    if (extent == 1)
      return e_.i64(0);
    llvm::Value *out = b_.CreateURem(rest, e_.i64(extent));
    rest = b_.CreateUDiv(rest, e_.i64(extent));
    return out;
  }

  void emitUnit(llvm::Value *unit) {
    llvm::Value *rest = unit;
    llvm::Value *from = times(digit(rest, s_.unitsY(d_)), s_.blockY);
    outer_.assign(d_.outer.size(), nullptr);
    for (size_t i = d_.outer.size(); i-- > 0;)
      outer_[i] = digit(rest, d_.outer[i]);
    llvm::Value *to = b_.CreateBinaryIntrinsic(
        llvm::Intrinsic::smin, b_.CreateAdd(from, e_.i64(s_.blockY)), e_.i64(d_.rowsY));
    if (s_.channelsInside) {
      emitLines(from, to, [&](auto emit) { forChannels(emit); });
      return;
    }
    forChannels([&](llvm::Value *channel, TilePart part) {
      emitLines(from, to, [&](auto emit) { emit(channel, part); });
    });
  }

  // Emits `body(channel, part)` for all vectors of channels.
  template <class Body> void forChannels(Body body) {
    int64_t whole = d_.channels / s_.lanes * s_.lanes, left = d_.channels - whole;
    e_.loop(
        e_.i64(0), e_.i64(whole), s_.lanes,
        [&](llvm::Value *channel) { body(channel, {s_.lanes, s_.lanes, 0}); }, "channel");
    if (left > 0)
      body(e_.i64(whole), {lanesFor(left, s_.lanes), static_cast<unsigned>(left), 0});
  }

  // Taps [low, high) along `window` that lie inside the image for output `index`, which may vary.
  std::pair<llvm::Value *, llvm::Value *> tapRange(const Window &window, llvm::Value *index,
                                                   int64_t out) {
    if (!window.needsPadding(out))
      return {e_.i64(0), e_.i64(window.taps)};
    llvm::Value *first = b_.CreateSub(times(index, window.step), e_.i64(window.pad));
    // The first tap with first + tap * tapStep >= 0, and the first one with ... >= in.
    auto reach = [&](llvm::Value *distance) {
      llvm::Value *up = b_.CreateAdd(distance, e_.i64(window.tapStep - 1));
      up = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, up, e_.i64(0));
      return b_.CreateBinaryIntrinsic(
          llvm::Intrinsic::smin, b_.CreateUDiv(up, e_.i64(window.tapStep)), e_.i64(window.taps));
    };
    return {reach(b_.CreateNeg(first)), reach(b_.CreateSub(e_.i64(window.in), first))};
  }

  // Emits lines [from, to), the channels of whose tiles are those for which `channels` calls what
  // it is given.
  template <class Channels>
  void emitLines(llvm::Value *from, llvm::Value *to, const Channels &channels) {
    auto tiles = [&](llvm::Value *y, llvm::Value *x, const PixelTile &pixels) {
      channels([&](llvm::Value *channel, TilePart part) {
        emitTile({part.active, {part}, {1, s_.tileX}}, y, x, pixels, channel);
      });
    };
    e_.loop(
        from, to, 1,
        [&](llvm::Value *y) {
          for (const PixelTile &pixels : tilesOf(x_, d_.rowsX, s_.tileX)) {
            if (pixels.repeat == 1)
              tiles(y, e_.i64(pixels.first), pixels);
            else
              e_.loop(
                  e_.i64(pixels.first), e_.i64(pixels.first + pixels.repeat * pixels.count),
                  pixels.count, [&](llvm::Value *x) { tiles(y, x, pixels); }, "x");
          }
        },
        "y");
  }

  void emitTile(const ColumnTile &tile, llvm::Value *y, llvm::Value *x, const PixelTile &pixels,
                llvm::Value *channel) {
    const TilePart &part = tile.parts[0];
    Position at{outer_, y, x, channel};
    auto initial = initialSums(e_, d_.epilogue, d_.product, tile, at);
    std::vector<llvm::Value *> sums(static_cast<size_t>(pixels.count),
                                    initial.empty() ? zeroAccumulator(e_, d_.product, part.lanes)
                                                    : initial[0]);
    llvm::Value *filter =
        b_.CreateInBoundsGEP(b_.getInt8Ty(), e_.arg(d_.weights),
                             times(channel, taps(left_) * d_.product.accumulatorBytes()));
    llvm::Value *origin =
        b_.CreateAdd(channel, times(b_.CreateSub(times(x, x_.step), e_.i64(x_.pad)), x_.stride));
    size_t plain = d_.outer.size() - (left_.windows.size() - 2);
    for (size_t i = 0; i < plain; ++i)
      origin = b_.CreateAdd(origin, times(outer_[i], left_.outer[i]));
    sums = emitTaps(0, y, origin, e_.i64(0), filter, pixels, part, std::move(sums));
    emitEpilogue(e_, d_.epilogue, d_.product, tile, {1, pixels.count}, at, sums,
                 s_.tileBytes ? e_.scratch() : nullptr);
  }

  // Loops over the taps of all axes but x.
  std::vector<llvm::Value *> emitTaps(size_t level, llvm::Value *y, llvm::Value *origin,
                                      llvm::Value *row, llvm::Value *filter,
                                      const PixelTile &pixels, const TilePart &part,
                                      std::vector<llvm::Value *> sums) {
    if (level + 1 == left_.windows.size())
      return emitRow(origin, row, filter, pixels, part, std::move(sums));
    const Window &window = left_.windows[level];
    bool isY = level + 2 == left_.windows.size();
    size_t plain = d_.outer.size() - (left_.windows.size() - 2);
    llvm::Value *index = isY ? y : outer_[plain + level];
    auto [low, high] = tapRange(window, index, isY ? d_.rowsY : d_.outer[plain + level]);
    llvm::Value *first = b_.CreateSub(times(index, window.step), e_.i64(window.pad));
    return e_.loop(
        low, high, 1, std::move(sums),
        [&](llvm::Value *tap, const std::vector<llvm::Value *> &carried) {
          llvm::Value *at = b_.CreateAdd(first, times(tap, window.tapStep));
          return emitTaps(level + 1, y, b_.CreateAdd(origin, times(at, window.stride)),
                          b_.CreateAdd(times(row, window.taps), tap), filter, pixels, part,
                          carried);
        },
        "tap");
  }

  std::vector<llvm::Value *> emitRow(llvm::Value *origin, llvm::Value *row, llvm::Value *filter,
                                     const PixelTile &pixels, const TilePart &part,
                                     std::vector<llvm::Value *> sums) {
    int64_t bytes = d_.product.accumulatorBytes();
    llvm::Value *weights =
        b_.CreateInBoundsGEP(b_.getInt8Ty(), filter, times(row, x_.taps * s_.lanes * bytes));
    bool inside = insideX(x_, pixels.first, pixels.count);
    std::map<int64_t, llvm::Value *> loaded; // by displacement along x
    for (int64_t tap = 0; tap < x_.taps; ++tap) {
      llvm::Value *weight = nullptr;
      for (int64_t pixel = 0; pixel < pixels.count; ++pixel) {
        int64_t at = (pixels.first + pixel) * x_.step + tap * x_.tapStep - x_.pad;
        if (!inside && (at < 0 || at >= x_.in))
          continue;
        if (!weight)
          weight =
              e_.load(d_.product.accumulator,
                      b_.CreateInBoundsGEP(b_.getInt8Ty(), weights, e_.i64(tap * s_.lanes * bytes)),
                      part.lanes);
        int64_t displacement = pixel * x_.step + tap * x_.tapStep;
        llvm::Value *&value = loaded[displacement];
        if (!value)
          value = loadPixel(b_.CreateAdd(origin, e_.i64(displacement * x_.stride)), part);
        auto &sum = sums[static_cast<size_t>(pixel)];
        sum = multiplyAccumulate(e_, d_.product, value, weight, sum, part.lanes);
      }
    }
    return sums;
  }

  llvm::Value *loadPixel(llvm::Value *index, const TilePart &part) {
    llvm::Value *value =
        loadElements(e_, left_.dtype, e_.elementPointer(left_.dtype, e_.arg(left_.arg), index),
                     part.lanes, part.active);
    DType type = d_.product.accumulator;
    value = convertElements(e_, value, left_.dtype, type, part.lanes);
    if (left_.shift != 0)
      value = b_.CreateAdd(value, llvm::ConstantInt::getSigned(value->getType(), left_.shift));
    if (zeroPoint_)
      value = b_.CreateSub(value, e_.splat(zeroPoint_, part.lanes));
    return value;
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Depthwise &d_;
  const DepthwiseSchedule &s_;
  const LeftOperand &left_;
  const Window &y_, &x_;
  std::vector<llvm::Value *> outer_;
  llvm::Value *zeroPoint_ = nullptr;
};

} // namespace

// Filters that are read again for every few pixels, which is better than reading pixels in pieces:
// as measured, up to 128 channels of nine taps.
constexpr int64_t kSmallFilterBytes = 5 << 10;

DepthwiseSchedule scheduleOf(const Depthwise &d, const NativeTarget &target) {
  DepthwiseSchedule s;
  s.lanes = target.lanes(static_cast<unsigned>(d.product.accumulatorBytes()));
  s.lanes = lanesFor(d.channels, s.lanes);
  // Sums, the pixels that a line of taps shares among them, and a weight.
  const Window &x = d.left.windows.back();
  for (int64_t tile = 2; tile <= 8; ++tile)
    if (tile + std::min(x.span(tile), tile * x.taps) + 2 <= target.vectorRegisters)
      s.tileX = tile;
  s.tileX = std::min(s.tileX, d.rowsX);
  int64_t filterBytes = taps(d.left) * d.channels * d.product.accumulatorBytes();
  s.channelsInside = filterBytes <= kSmallFilterBytes;

  constexpr double kUnitMacs = 1e5;
  constexpr int64_t kMaxUnits = 32;
  int64_t outer = 1;
  for (int64_t extent : d.outer)
    outer *= extent;
  double macs = static_cast<double>(outer * d.rowsY * d.rowsX) *
                static_cast<double>(d.channels * taps(d.left));
  int64_t units = std::clamp<int64_t>(static_cast<int64_t>(macs / kUnitMacs), 1, kMaxUnits);
  int64_t split = std::min((units + outer - 1) / outer, d.rowsY);
  s.blockY = (d.rowsY + split - 1) / split;
  TilePart part{s.lanes, s.lanes, 0};
  s.tileBytes = epilogueScratchBytes(d.epilogue, d.product,
                                     {static_cast<int64_t>(s.lanes), {part}, {1, s.tileX}});
  return s;
}

std::vector<std::byte> packFilters(const Depthwise &d, const DepthwiseSchedule &s,
                                   const std::function<double(int64_t, int64_t)> &read) {
  int64_t vectors = (d.channels + s.lanes - 1) / s.lanes, count = taps(d.left);
  size_t bytes = static_cast<size_t>(d.product.accumulatorBytes());
  std::vector<std::byte> out(static_cast<size_t>(vectors * count * s.lanes) * bytes);
  for (int64_t channel = 0; channel < d.channels; ++channel)
    for (int64_t tap = 0; tap < count; ++tap) {
      int64_t at = (channel / s.lanes * count + tap) * s.lanes + channel % s.lanes;
      std::byte *to = out.data() + static_cast<size_t>(at) * bytes;
      double value = read(channel, tap);
      if (d.product.accumulator == DType::F32) {
        float narrow = static_cast<float>(value);
        std::memcpy(to, &narrow, 4);
      } else if (d.product.accumulator == DType::F64) {
        std::memcpy(to, &value, 8);
      } else {
        // For pairs of 16-bit elements the second one is zero.
        auto integer = static_cast<int32_t>(value);
        if (d.product.kind == Product::Kind::Pair16)
          integer &= 0xffff;
        std::memcpy(to, &integer, 4);
      }
    }
  return out;
}

static std::string keyOf(const Depthwise &d, const DepthwiseSchedule &s) {
  std::string out = fmt::format("{} {} [{}] {}x{}x{} w{}", d.name, d.product.str(),
                                fmt::join(d.outer, ","), d.rowsY, d.rowsX, d.channels, d.weights);
  out += fmt::format(" L{}{} [{}] s{} z{}", d.left.arg, name(d.left.dtype),
                     fmt::join(d.left.outer, ","), d.left.shift, d.left.zeroPointArg);
  for (const Window &w : d.left.windows)
    out += fmt::format(" ({},{},{},{},{},{})", w.in, w.taps, w.step, w.tapStep, w.pad, w.stride);
  return out + fmt::format(" {}x{} B{} ", s.lanes, s.tileX, s.blockY) + d.epilogue.str();
}

Kernel depthwiseKernel(Depthwise d, DepthwiseSchedule s, std::vector<KernelArg> args) {
  Kernel kernel;
  kernel.key = keyOf(d, s);
  kernel.name = d.name;
  kernel.args = std::move(args);
  int64_t units = s.unitsY(d);
  for (int64_t extent : d.outer)
    units *= extent;
  kernel.units = static_cast<uint32_t>(units);
  kernel.scratchBytes = (s.tileBytes + 63) / 64 * 64;
  kernel.emit = [d = std::move(d), s](KernelEmitter &e) { DepthwiseEmitter(e, d, s).run(); };
  return kernel;
}

} // namespace edgecc::native
