#include "backends/native/contraction/DepthwiseDot.h"
#include "backends/native/contraction/PixelTiles.h"
#include "backends/native/elementwise/Numeric.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/ADT/bit.h>
#include <llvm/Analysis/VectorUtils.h>

namespace edgecc::native {

namespace {

constexpr int64_t kGroup = 4;     // elements of a dot product
constexpr int64_t kMostTileX = 6; // see tileXOf

const Window &windowY(const Contraction &c) { return c.left.windows[0]; }
const Window &windowX(const Contraction &c) { return c.left.windows[1]; }

// Up to 64 neighbouring channels (16 bytes for each lane of four bytes in a register): loaded as
// `bytes` and summed in `parts`.
struct ChannelBlock {
  unsigned bytes, active;
  std::vector<TilePart> parts;
  bool unpacked = false; // see ColumnTile
  unsigned lanes() const { return parts[0].lanes; }
  ColumnTile tile(RowTile rows) const { return {active, parts, rows, unpacked}; }
};

// The block for `channels`; `most`: lanes of a vector of sums; `unpacked`: where it makes a
// difference and needs no further vector.
ChannelBlock blockOf(int64_t channels, unsigned most, bool unpacked) {
  ChannelBlock block{16, 0, {}};
  while (block.bytes < channels && block.bytes < 4 * most)
    block.bytes *= 2;
  channels = std::min<int64_t>(channels, block.bytes);
  unsigned lanes = std::max(4u, std::min(most, llvm::bit_ceil(static_cast<unsigned>(channels))));
  for (int64_t at = 0; at < channels; at += lanes)
    block.parts.push_back(
        {lanes, static_cast<unsigned>(std::min<int64_t>(channels - at, lanes)), at});
  block.active = static_cast<unsigned>(channels);
  block.unpacked = unpacked && block.bytes > 16 && lanes * block.parts.size() == block.bytes;
  if (block.unpacked)
    block.parts.back().active = lanes;
  return block;
}

// Results of a line that are summed at once. Longer tiles weave fewer columns for each result,
// which pays while the sums leave registers to the scheduler.
int64_t tileXOf(const Contraction &c, const DotDepthwiseSchedule &s, const ChannelBlock &block) {
  auto parts = static_cast<int64_t>(block.parts.size());
  int64_t most = std::min<int64_t>(c.rowsX, parts > 2 ? 3 : kMostTileX);
  return std::clamp<int64_t>(s.sums / (s.shifts * parts), 1, most);
}

class DotEmitter {
public:
  DotEmitter(KernelEmitter &e, const Contraction &c, const DotDepthwiseSchedule &s)
      : e_(e), b_(e.b), c_(c), s_(s), y_(windowY(c)), x_(windowX(c)) {}

  void run() {
    e_.loop(e_.begin(), e_.end(), 1, [&](llvm::Value *unit) { emitUnit(unit); }, "unit");
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *advance(llvm::Value *pointer, llvm::Value *bytes) {
    return b_.CreateInBoundsGEP(b_.getInt8Ty(), pointer, bytes);
  }

  void emitUnit(llvm::Value *unit) {
    int64_t width = 4 * s_.lanes, whole = c_.columns / width, blocks = s_.channelBlocks(c_);
    llvm::Value *rest = unit;
    llvm::Value *fromBlock = times(b_.CreateURem(rest, e_.i64(s_.unitsC(c_))), s_.blockC);
    rest = b_.CreateUDiv(rest, e_.i64(s_.unitsC(c_)));
    from_ = times(b_.CreateURem(rest, e_.i64(s_.unitsY(c_))), s_.blockY);
    rest = b_.CreateUDiv(rest, e_.i64(s_.unitsY(c_)));
    outer_.assign(c_.outer.size(), nullptr);
    for (size_t i = c_.outer.size(); i-- > 0; rest = b_.CreateUDiv(rest, e_.i64(c_.outer[i])))
      outer_[i] = b_.CreateURem(rest, e_.i64(c_.outer[i]));
    to_ = atMost(b_.CreateAdd(from_, e_.i64(s_.blockY)), c_.rowsY);
    llvm::Value *toBlock = b_.CreateAdd(fromBlock, e_.i64(s_.blockC));
    // What lines outside the image are read from.
    e_.loop(e_.i64(0), e_.i64(s_.paddingBytes), 4 * s_.lanes, [&](llvm::Value *at) {
      e_.store(c_.left.dtype,
               llvm::ConstantInt::getSigned(e_.vectorType(c_.left.dtype, 4 * s_.lanes),
                                            c_.left.padding - c_.left.shift),
               advance(e_.scratch(), at), 4 * s_.lanes);
    });
    e_.loop(
        fromBlock, atMost(toBlock, whole), 1,
        [&](llvm::Value *index) {
          emitLines(blockOf(width, s_.lanes, s_.unpacked), times(index, width));
        },
        "channels");
    if (whole < blocks)
      e_.ifThen(b_.CreateICmpSGE(toBlock, e_.i64(blocks)), [&] {
        emitLines(blockOf(c_.columns - whole * width, s_.lanes, s_.unpacked),
                  e_.i64(whole * width));
      });
  }

  llvm::Value *atMost(llvm::Value *value, int64_t bound) {
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, value, e_.i64(bound));
  }

  // A line of the input that a tile reads.
  struct InputLine {
    llvm::Value *first; // what result 0 reads through tap 0
    llvm::Value *step;  // bytes between what neighbouring results read: 0 in padding
  };

  // All lines of the unit for one block of channels.
  void emitLines(const ChannelBlock &block, llvm::Value *channel) {
    llvm::Value *source = channel;
    for (size_t i = 0; i < c_.outer.size(); ++i)
      source = b_.CreateAdd(source, times(outer_[i], c_.left.outer[i]));
    auto line = [&](llvm::Value *y, int64_t count) {
      llvm::Value *first = b_.CreateSub(times(y, y_.step), e_.i64(y_.pad));
      std::vector<InputLine> lines;
      for (int64_t i = 0; i < (count - 1) * y_.step + y_.taps; ++i)
        lines.push_back(inputLine(source, b_.CreateAdd(first, e_.i64(i * y_.tapStep))));
      for (const PixelTile &pixels : tilesOf(x_, c_.rowsX, tileXOf(c_, s_, block))) {
        auto tile = [&](llvm::Value *x) { emitTile(block, count, pixels, y, x, channel, lines); };
        if (pixels.repeat == 1)
          tile(e_.i64(pixels.first));
        else
          e_.loop(e_.i64(pixels.first), e_.i64(pixels.first + pixels.repeat * pixels.count),
                  pixels.count, tile, "x");
      }
    };
    // Only the last unit's lines may end within a group of `shifts`.
    llvm::Value *lines = b_.CreateSub(to_, from_);
    llvm::Value *whole =
        b_.CreateAdd(from_, times(b_.CreateUDiv(lines, e_.i64(s_.shifts)), s_.shifts));
    e_.loop(from_, whole, s_.shifts, [&](llvm::Value *y) { line(y, s_.shifts); }, "y");
    if (int64_t rest = c_.rowsY % s_.shifts)
      e_.ifThen(b_.CreateICmpSLT(whole, to_), [&] { line(whole, rest); });
  }

  // Line `index` of the image at `source`, or padding.
  InputLine inputLine(llvm::Value *source, llvm::Value *index) {
    llvm::Value *inside = b_.CreateICmpULT(index, e_.i64(y_.in));
    llvm::Value *at = b_.CreateAdd(source, times(index, y_.stride));
    at = b_.CreateSub(at, e_.i64(x_.pad * x_.stride));
    llvm::Value *first = b_.CreateGEP(b_.getInt8Ty(), e_.arg(c_.left.arg), at);
    return {b_.CreateSelect(inside, first, e_.scratch()),
            b_.CreateSelect(inside, e_.i64(x_.step * x_.stride), e_.i64(0))};
  }

  // Results `pixels`, the first of which is `x`, of `shifts` lines from `y` on.
  void emitTile(const ChannelBlock &block, int64_t shifts, const PixelTile &pixels, llvm::Value *y,
                llvm::Value *x, llvm::Value *channel, const std::vector<InputLine> &lines) {
    RowTile rows{shifts, pixels.count};
    ColumnTile tile = block.tile(rows);
    Position origin{outer_, y, x, channel};
    auto initial = initialSums(e_, c_.epilogue, c_.product, tile, origin);
    size_t parts = block.parts.size();
    std::vector<llvm::Value *> sums;
    for (int64_t row = 0; row < rows.size(); ++row)
      for (size_t part = 0; part < parts; ++part)
        sums.push_back(initial.empty() ? zeroAccumulator(e_, c_.product, block.lanes())
                                       : initial[part]);

    std::vector<llvm::Value *> pointers;
    for (const InputLine &line : lines)
      pointers.push_back(b_.CreateGEP(b_.getInt8Ty(), line.first, b_.CreateMul(x, line.step)));
    bool inside = insideX(x_, pixels.first, pixels.count);
    llvm::Value *filter =
        advance(e_.arg(c_.right.arg), times(channel, x_.taps * s_.shifts * s_.groups * kGroup));
    for (int64_t column = 0; column < x_.span(rows.x); ++column) {
      std::vector<std::pair<int64_t, int64_t>> users; // results along x, and by which tap
      for (int64_t i = 0; i < rows.x; ++i)
        if (int64_t at = column - i * x_.step;
            at >= 0 && at % x_.tapStep == 0 && at / x_.tapStep < x_.taps)
          users.emplace_back(i, at / x_.tapStep);
      if (users.empty())
        continue;
      int64_t at = pixels.first * x_.step - x_.pad + column;
      bool isPadding = !inside && (at < 0 || at >= x_.in);
      for (int64_t group = 0; group < s_.groups; ++group) {
        auto woven = isPadding ? padding(block) : weave(pointers, column, group, shifts, block);
        for (auto [i, tap] : users)
          for (int64_t shift = 0; shift < shifts; ++shift)
            if (isUsed(group, shift))
              for (size_t part = 0; part < parts; ++part) {
                llvm::Value *weights =
                    loadColumns(e_, c_.product,
                                advance(filter, e_.i64(filterOffset(block, tap, shift, group) +
                                                       block.parts[part].firstColumn * kGroup)),
                                block.lanes(), block.lanes());
                llvm::Value *&sum = sums[static_cast<size_t>(shift * rows.x + i) * parts + part];
                sum = multiplyAccumulate(e_, c_.product, woven[part], weights, sum, block.lanes());
              }
      }
    }
    emitEpilogue(e_, c_.epilogue, c_.product, tile, rows, origin, sums,
                 s_.tileBytes ? advance(e_.scratch(), e_.i64(s_.paddingBytes)) : nullptr);
  }

  // Whether line `shift` of the results has taps among the lines of `group`.
  bool isUsed(int64_t group, int64_t shift) const {
    int64_t first = shift * y_.step;
    return first < (group + 1) * kGroup && first + y_.taps > group * kGroup;
  }

  int64_t filterOffset(const ChannelBlock &block, int64_t tap, int64_t shift, int64_t group) const {
    return ((tap * s_.shifts + shift) * s_.groups + group) * block.bytes * kGroup;
  }

  std::vector<llvm::Value *> padding(const ChannelBlock &block) {
    llvm::Type *bytes = e_.vectorType(c_.product.a, block.lanes() * kGroup);
    llvm::Value *splat = b_.CreateBitCast(llvm::ConstantInt::getSigned(bytes, c_.left.padding),
                                          e_.vectorType(DType::I32, block.lanes()));
    return std::vector<llvm::Value *>(block.parts.size(), splat);
  }

  // For each part of the block, four lines of each of its channels side by side. Lines that no tap
  // of the `shifts` lines of results reaches have weights of zero: any other line may stand in.
  std::vector<llvm::Value *> weave(const std::vector<llvm::Value *> &pointers, int64_t column,
                                   int64_t group, int64_t shifts, const ChannelBlock &block) {
    int64_t used = (shifts - 1) * y_.step + y_.taps - group * kGroup;
    std::vector<llvm::Value *> lines;
    for (int64_t i = 0; i < kGroup; ++i)
      lines.push_back(
          i < used ? loadPixel(block, pointers[static_cast<size_t>(group * kGroup + i)], column)
                   : lines.back());
    std::vector<llvm::Value *> quarters;
    for (bool high : {false, true}) {
      // Of the low halves of the 128-bit parts, or of the high ones.
      llvm::Value *first = unpack(lines[0], lines[1], 1, high);
      llvm::Value *second = unpack(lines[2], lines[3], 1, high);
      for (bool upper : {false, true})
        quarters.push_back(b_.CreateBitCast(unpack(first, second, 2, upper),
                                            e_.vectorType(DType::I32, block.bytes / 4)));
    }
    size_t perPart = block.lanes() / (block.bytes / 4);
    std::vector<llvm::Value *> out;
    for (size_t part = 0; part < block.parts.size(); ++part)
      out.push_back(
          llvm::concatenateVectors(b_, llvm::ArrayRef(quarters).slice(part * perPart, perPart)));
    return out;
  }

  llvm::Value *loadPixel(const ChannelBlock &block, llvm::Value *pointer, int64_t column) {
    llvm::Value *at = b_.CreateGEP(b_.getInt8Ty(), pointer, e_.i64(column * x_.stride));
    llvm::Value *value = e_.load(c_.left.dtype, at, block.bytes, block.active);
    if (c_.left.shift != 0)
      value = b_.CreateAdd(value, llvm::ConstantInt::getSigned(value->getType(), c_.left.shift));
    return block.unpacked ? value : transposed(value, block.bytes / 16);
  }

  // Elements of `unit` bytes of the low or high halves of a's and b's 128-bit parts in turns.
  llvm::Value *unpack(llvm::Value *a, llvm::Value *b, unsigned unit, bool high) {
    unsigned total = lanesOf(a) * a->getType()->getScalarSizeInBits() / 8 / unit, half = 8 / unit;
    llvm::Type *type = llvm::FixedVectorType::get(b_.getIntNTy(8 * unit), total);
    llvm::SmallVector<int> order;
    for (unsigned first = high ? half : 0; first < total; first += 2 * half)
      for (unsigned i = 0; i < half; ++i) {
        order.push_back(static_cast<int>(first + i));
        order.push_back(static_cast<int>(total + first + i));
      }
    return b_.CreateShuffleVector(b_.CreateBitCast(a, type), b_.CreateBitCast(b, type), order);
  }

  // Unpacking works within 128 bits; with the 32-bit words of its `wide` such parts transposed, a
  // vector yields its channels in order.
  llvm::Value *transposed(llvm::Value *line, unsigned wide) {
    if (wide == 1)
      return line;
    llvm::SmallVector<int> order;
    for (unsigned part = 0; part < wide; ++part)
      for (unsigned vector = 0; vector < 4; ++vector)
        order.push_back(static_cast<int>(vector * wide + part));
    llvm::Value *words = b_.CreateBitCast(line, e_.vectorType(DType::I32, 4 * wide));
    return b_.CreateBitCast(b_.CreateShuffleVector(words, order), line->getType());
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Contraction &c_;
  const DotDepthwiseSchedule &s_;
  const Window &y_, &x_;
  std::vector<llvm::Value *> outer_;
  llvm::Value *from_ = nullptr, *to_ = nullptr;
};

} // namespace

int64_t DotDepthwiseSchedule::units(const Contraction &c) const {
  int64_t out = unitsY(c) * unitsC(c);
  for (int64_t extent : c.outer)
    out *= extent;
  return out;
}

bool canUseDot(const Contraction &c, const NativeTarget &target) {
  constexpr int64_t kMaxPaddingBytes = 64 << 10;
  // Products of groups for each channel that are unrolled, with those of results at the border:
  // filters of 11x11 have about as many.
  constexpr int64_t kMaxUnrolled = 600;
  return c.product.kind == Product::Kind::Dot8 && c.left.windows.size() == 2 &&
         windowY(c).taps >= 3 && c.columns >= 8 && target.vectorRegisters >= 16 &&
         windowX(c).span(kMostTileX) * windowX(c).stride <= kMaxPaddingBytes &&
         (borderResults(windowX(c), c.rowsX) + kMostTileX) * windowX(c).taps <=
             kMaxUnrolled / ((windowY(c).taps + kGroup - 1) / kGroup);
}

DotDepthwiseSchedule dotScheduleOf(const Contraction &c, const NativeTarget &target,
                                   bool arranged) {
  constexpr double kUnitMacs = 4e5;
  constexpr int64_t kMaxUnits = 32;
  DotDepthwiseSchedule s;
  s.lanes = target.lanes(4);
  const Window &y = windowY(c), &x = windowX(c);
  s.groups = (y.taps + kGroup - 1) / kGroup;
  // Beside the sums, four woven vectors and what weaving needs.
  s.sums = std::max<int64_t>(target.vectorRegisters - 12, 4);
  if (y.tapStep == 1)
    s.shifts = std::min({(s.groups * kGroup - y.taps) / y.step + 1, c.rowsY, s.sums / 4});

  int64_t outer = 1;
  for (int64_t extent : c.outer)
    outer *= extent;
  double macs = static_cast<double>(outer * c.rowsY * c.rowsX) *
                static_cast<double>(c.columns * y.taps * x.taps);
  int64_t units = std::clamp<int64_t>(static_cast<int64_t>(macs / kUnitMacs), 1, kMaxUnits);
  auto ceilDiv = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  auto roundUp = [&](int64_t a, int64_t b) { return ceilDiv(a, b) * b; };
  // By channels first: neighbouring lines of results share lines of the input.
  int64_t split = ceilDiv(units, outer);
  s.blockC = ceilDiv(s.channelBlocks(c), std::min(split, s.channelBlocks(c)));
  split = std::clamp<int64_t>(ceilDiv(split, s.unitsC(c)), 1, c.rowsY);
  s.blockY = std::min(roundUp(ceilDiv(c.rowsY, split), s.shifts), c.rowsY);
  s.unpacked = arranged && finishesWholeRows(c.epilogue, target);
  int64_t width = 4 * s.lanes;
  for (int64_t channels : {std::min(c.columns, width), c.columns % width}) {
    if (channels == 0)
      continue;
    ChannelBlock block = blockOf(channels, s.lanes, s.unpacked);
    int64_t tileX = tileXOf(c, s, block);
    int64_t bytes = epilogueScratchBytes(c.epilogue, c.product, block.tile({s.shifts, tileX}));
    s.tileBytes = std::max(s.tileBytes, roundUp(bytes, 64));
    s.paddingBytes =
        std::max(s.paddingBytes, roundUp((x.span(tileX) - 1) * x.stride + width, width));
  }
  return s;
}

std::vector<std::byte> arrangeChannels(std::span<const std::byte> elements, size_t bytes,
                                       int64_t columns, unsigned lanes) {
  std::vector<std::byte> out;
  for (int64_t first = 0; first < columns; first += 4 * lanes) {
    ChannelBlock block = blockOf(columns - first, lanes, true);
    size_t base = out.size();
    out.resize(base + block.bytes * bytes);
    for (unsigned channel = 0; channel < block.active; ++channel) {
      int64_t at = block.unpacked ? unpackedPosition(channel, block.bytes) : channel;
      auto from = elements.subspan(static_cast<size_t>(first + channel) * bytes, bytes);
      std::ranges::copy(from,
                        out.begin() + static_cast<int64_t>(base + static_cast<size_t>(at) * bytes));
    }
  }
  return out;
}

std::vector<std::byte>
packDotFilters(const Contraction &c, const DotDepthwiseSchedule &s,
               const std::function<int64_t(int64_t, int64_t, int64_t)> &read) {
  const Window &y = windowY(c), &x = windowX(c);
  std::vector<std::byte> out;
  for (int64_t first = 0; first < c.columns; first += 4 * s.lanes) {
    ChannelBlock block = blockOf(c.columns - first, s.lanes, s.unpacked);
    std::vector<int64_t> channels(block.bytes, -1); // by position
    for (int64_t channel = 0; channel < block.active; ++channel)
      channels[static_cast<size_t>(block.unpacked ? unpackedPosition(channel, block.bytes)
                                                  : channel)] = channel;
    for (int64_t tap = 0; tap < x.taps; ++tap)
      for (int64_t shift = 0; shift < s.shifts; ++shift)
        for (int64_t line = 0; line < s.groups * kGroup; line += kGroup)
          for (int64_t channel : channels)
            for (int64_t t = 0; t < kGroup; ++t) {
              int64_t from = line + t - shift * y.step;
              bool inside = channel >= 0 && from >= 0 && from < y.taps;
              out.push_back(inside ? static_cast<std::byte>(read(first + channel, from, tap))
                                   : std::byte{0});
            }
  }
  return out;
}

static std::string keyOf(const Contraction &c, const DotDepthwiseSchedule &s) {
  std::string out = fmt::format("dot {} {} [{}] {}x{}x{} w{}", c.name, c.product.str(),
                                fmt::join(c.outer, ","), c.rowsY, c.rowsX, c.columns, c.right.arg);
  out += fmt::format(" L{}{} [{}] s{} p{}", c.left.arg, name(c.left.dtype),
                     fmt::join(c.left.outer, ","), c.left.shift, c.left.padding);
  for (const Window &w : c.left.windows)
    out += fmt::format(" ({},{},{},{},{},{})", w.in, w.taps, w.step, w.tapStep, w.pad, w.stride);
  return out + fmt::format(" {} B{},{}{} ", s.lanes, s.blockY, s.blockC, s.unpacked ? "u" : "") +
         c.epilogue.str();
}

Kernel dotDepthwiseKernel(Contraction c, DotDepthwiseSchedule s, std::vector<KernelArg> args) {
  Kernel kernel;
  kernel.key = keyOf(c, s);
  kernel.name = c.name;
  kernel.args = std::move(args);
  kernel.units = static_cast<uint32_t>(s.units(c));
  kernel.scratchBytes = s.paddingBytes + s.tileBytes;
  kernel.emit = [c = std::move(c), s = std::move(s)](KernelEmitter &e) {
    DotEmitter(e, c, s).run();
  };
  return kernel;
}

} // namespace edgecc::native
