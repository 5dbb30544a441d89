#include "backends/native/contraction/DepthwiseDot.h"
#include "backends/native/elementwise/Numeric.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/ADT/bit.h>
#include <llvm/Analysis/VectorUtils.h>

namespace edgecc::native {

namespace {

constexpr int64_t kGroup = 4;         // elements of a dot product
constexpr int64_t kPaddingBytes = 64; // a pixel of padding, in the scratch

const Window &windowY(const Contraction &c) { return c.left.windows[0]; }
const Window &windowX(const Contraction &c) { return c.left.windows[1]; }

// Up to 64 neighbouring channels (16 bytes for each lane of four bytes in a register): loaded as
// `bytes` and summed in `parts`.
struct ChannelBlock {
  unsigned bytes;
  std::vector<TilePart> parts;
  unsigned lanes() const { return parts[0].lanes; }
};

// The block for `channels`; `most`: lanes of a vector of sums.
ChannelBlock blockOf(int64_t channels, unsigned most) {
  ChannelBlock block{16, {}};
  while (block.bytes < channels && block.bytes < 4 * most)
    block.bytes *= 2;
  channels = std::min<int64_t>(channels, block.bytes);
  unsigned lanes = std::max(4u, std::min(most, llvm::bit_ceil(static_cast<unsigned>(channels))));
  for (int64_t at = 0; at < channels; at += lanes)
    block.parts.push_back(
        {lanes, static_cast<unsigned>(std::min<int64_t>(channels - at, lanes)), at});
  return block;
}

class DotEmitter {
public:
  DotEmitter(KernelEmitter &e, const Contraction &c, const DotDepthwiseSchedule &s)
      : e_(e), b_(e.b), c_(c), s_(s), y_(windowY(c)), x_(windowX(c)),
        linePixels_(x_.span(c.rowsX)) {}

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
    e_.store(c_.left.dtype,
             llvm::ConstantInt::getSigned(e_.vectorType(c_.left.dtype, 4 * s_.lanes),
                                          c_.left.padding - c_.left.shift),
             paddingLine(), 4 * s_.lanes);
    e_.loop(
        fromBlock, atMost(toBlock, whole), 1,
        [&](llvm::Value *index) { emitLines(blockOf(width, s_.lanes), times(index, width)); },
        "channels");
    if (whole < blocks)
      e_.ifThen(b_.CreateICmpSGE(toBlock, e_.i64(blocks)), [&] {
        emitLines(blockOf(c_.columns - whole * width, s_.lanes), e_.i64(whole * width));
      });
  }

  llvm::Value *atMost(llvm::Value *value, int64_t bound) {
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, value, e_.i64(bound));
  }

  llvm::Value *paddingLine() { return advance(e_.scratch(), e_.i64(s_.stagedBytes)); }

  // All lines of the unit for one block of channels. Lines of the input are staged just before they
  // are needed, in a ring of slots that stays in the first-level cache.
  void emitLines(const ChannelBlock &block, llvm::Value *channel) {
    int64_t slots = s_.slotsFor(y_, s_.shifts);
    int64_t ahead = std::max<int64_t>(0, slots - s_.shifts * y_.step / s_.together);
    stage(block, channel, e_.i64(0), e_.i64(ahead));
    auto line = [&](llvm::Value *y, int64_t count) {
      llvm::Value *first =
          b_.CreateUDiv(times(b_.CreateSub(y, from_), y_.step), e_.i64(s_.together));
      int64_t needed = s_.slotsFor(y_, count);
      if (ahead < needed)
        stage(block, channel, b_.CreateAdd(first, e_.i64(ahead)),
              b_.CreateAdd(first, e_.i64(needed)));
      std::vector<llvm::Value *> staged;
      for (int64_t i = 0; i < needed; ++i)
        staged.push_back(slot(block, b_.CreateAdd(first, e_.i64(i))));
      int64_t wholeX = c_.rowsX / s_.tileX * s_.tileX;
      e_.loop(
          e_.i64(0), e_.i64(wholeX), s_.tileX,
          [&](llvm::Value *x) { emitTile(block, {count, s_.tileX}, y, x, channel, staged); }, "x");
      if (wholeX < c_.rowsX)
        emitTile(block, {count, c_.rowsX - wholeX}, y, e_.i64(wholeX), channel, staged);
    };
    // Only the last unit's lines may end within a group of `shifts`.
    llvm::Value *lines = b_.CreateSub(to_, from_);
    llvm::Value *whole =
        b_.CreateAdd(from_, times(b_.CreateUDiv(lines, e_.i64(s_.shifts)), s_.shifts));
    e_.loop(from_, whole, s_.shifts, [&](llvm::Value *y) { line(y, s_.shifts); }, "y");
    if (int64_t rest = c_.rowsY % s_.shifts)
      e_.ifThen(b_.CreateICmpSLT(whole, to_), [&] { line(whole, rest); });
  }

  int64_t pixelBytes(const ChannelBlock &block) const { return s_.together * block.bytes; }

  llvm::Value *slot(const ChannelBlock &block, llvm::Value *index) {
    llvm::Value *place = b_.CreateURem(index, e_.i64(s_.slotsFor(y_, s_.shifts)));
    return advance(e_.scratch(), times(place, linePixels_ * pixelBytes(block)));
  }

  // Fills slots [from, to) with the unit's input, with padding around it.
  void stage(const ChannelBlock &block, llvm::Value *channel, llvm::Value *from, llvm::Value *to) {
    llvm::Value *source = channel;
    for (size_t i = 0; i < c_.outer.size(); ++i)
      source = b_.CreateAdd(source, times(outer_[i], c_.left.outer[i]));
    e_.loop(from, to, 1, [&](llvm::Value *index) {
      llvm::Value *target = slot(block, index);
      llvm::Value *first = b_.CreateSub(times(from_, y_.step), e_.i64(y_.pad));
      std::vector<InputLine> lines;
      for (int64_t t = 0; t < s_.together; ++t) {
        llvm::Value *line = b_.CreateAdd(times(index, s_.together), e_.i64(t));
        lines.push_back(inputLine(source, b_.CreateAdd(first, line)));
      }
      auto put = [&](llvm::Value *pixel, const std::vector<llvm::Value *> &values) {
        for (size_t i = 0; i < values.size(); ++i)
          e_.store(c_.product.a, values[i],
                   advance(target, b_.CreateAdd(times(pixel, pixelBytes(block)),
                                                e_.i64(static_cast<int64_t>(i) * block.bytes))),
                   block.bytes);
      };
      llvm::Type *type = e_.vectorType(c_.product.a, block.bytes);
      std::vector<llvm::Value *> padding(static_cast<size_t>(s_.together),
                                         llvm::ConstantInt::getSigned(type, c_.left.padding));
      auto fill = [&](int64_t low, int64_t high) {
        e_.loop(e_.i64(low), e_.i64(high), 1, [&](llvm::Value *pixel) { put(pixel, padding); });
      };
      auto copy = [&](llvm::Value *pixel) { put(pixel, loadPixels(block, lines, pixel)); };
      int64_t low = std::clamp<int64_t>(x_.pad, 0, linePixels_);
      int64_t high = std::clamp<int64_t>(x_.pad + x_.in, low, linePixels_);
      constexpr int64_t kUnroll = 4;
      int64_t whole = low + (high - low) / kUnroll * kUnroll;
      fill(0, low);
      e_.loop(e_.i64(low), e_.i64(whole), kUnroll, [&](llvm::Value *pixel) {
        for (int64_t i = 0; i < kUnroll; ++i)
          copy(b_.CreateAdd(pixel, e_.i64(i)));
      });
      for (int64_t pixel = whole; pixel < high; ++pixel)
        copy(e_.i64(pixel));
      fill(high, linePixels_);
    });
  }

  // Pixel i of a staged line is read from `first` + i * `stride`.
  struct InputLine {
    llvm::Value *first, *stride;
  };

  // Line `index` of the image at `source`, or as much padding.
  InputLine inputLine(llvm::Value *source, llvm::Value *index) {
    llvm::Value *inside = b_.CreateICmpULT(index, e_.i64(y_.in));
    llvm::Value *at = b_.CreateAdd(source, times(index, y_.stride));
    at = b_.CreateSub(at, e_.i64(x_.pad * x_.stride));
    // Not in bounds before the first pixel is added.
    llvm::Value *first = b_.CreateGEP(b_.getInt8Ty(), e_.arg(c_.left.arg), at);
    return {b_.CreateSelect(inside, first, paddingLine()),
            b_.CreateSelect(inside, e_.i64(x_.stride), e_.i64(0))};
  }

  // One pixel of each line. Two lines are interleaved byte by byte.
  std::vector<llvm::Value *> loadPixels(const ChannelBlock &block,
                                        const std::vector<InputLine> &lines, llvm::Value *pixel) {
    unsigned active =
        block.parts.back().active + static_cast<unsigned>(block.parts.back().firstColumn);
    std::vector<llvm::Value *> values;
    for (const InputLine &line : lines) {
      llvm::Value *at = b_.CreateGEP(b_.getInt8Ty(), line.first, b_.CreateMul(pixel, line.stride));
      llvm::Value *value = e_.load(c_.left.dtype, at, block.bytes, active);
      if (c_.left.shift != 0)
        value = b_.CreateAdd(value, llvm::ConstantInt::getSigned(value->getType(), c_.left.shift));
      values.push_back(transposed(value, block.bytes / 16));
    }
    if (values.size() == 1)
      return values;
    return {unpack(values[0], values[1], 1, false), unpack(values[0], values[1], 1, true)};
  }

  // `staged`: the slots that the lines of the tile read.
  void emitTile(const ChannelBlock &block, RowTile rows, llvm::Value *y, llvm::Value *x,
                llvm::Value *channel, const std::vector<llvm::Value *> &staged) {
    ColumnTile tile{block.parts.back().firstColumn + block.parts.back().active, block.parts, rows};
    Position origin{outer_, y, x, channel};
    auto initial = initialSums(e_, c_.epilogue, c_.product, tile, origin);
    size_t parts = block.parts.size();
    std::vector<llvm::Value *> sums;
    for (int64_t row = 0; row < rows.size(); ++row)
      for (size_t part = 0; part < parts; ++part)
        sums.push_back(initial.empty() ? zeroAccumulator(e_, c_.product, block.lanes())
                                       : initial[part]);

    llvm::Value *pixel = times(x, x_.step * pixelBytes(block));
    std::vector<llvm::Value *> lines;
    for (llvm::Value *slot : staged)
      lines.push_back(advance(slot, pixel));
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
      for (int64_t group = 0; group < s_.groups; ++group) {
        auto woven = weave(lines, column, group, rows.y, block);
        for (auto [i, tap] : users)
          for (int64_t shift = 0; shift < rows.y; ++shift)
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
                 s_.tileBytes ? advance(paddingLine(), e_.i64(kPaddingBytes)) : nullptr);
  }

  // Whether line `shift` of the results has taps among the lines of `group`.
  bool isUsed(int64_t group, int64_t shift) const {
    int64_t first = shift * y_.step;
    return first < (group + 1) * kGroup && first + y_.taps > group * kGroup;
  }

  int64_t filterOffset(const ChannelBlock &block, int64_t tap, int64_t shift, int64_t group) const {
    return ((tap * s_.shifts + shift) * s_.groups + group) * block.bytes * kGroup;
  }

  // For each part of the block, four lines of each of its channels side by side. Lines that no tap
  // of the `shifts` lines of results reaches have weights of zero: any other line may stand in.
  std::vector<llvm::Value *> weave(const std::vector<llvm::Value *> &lines, int64_t column,
                                   int64_t group, int64_t shifts, const ChannelBlock &block) {
    int64_t used = (shifts - 1) * y_.step + y_.taps - group * kGroup;
    // Lines t and t + 1 of the group, interleaved byte by byte: the low halves of the 128-bit parts
    // or the high ones.
    auto pair = [&](int64_t t, bool high) {
      auto line = [&](int64_t i) {
        size_t at = static_cast<size_t>((group * kGroup + std::min(i, used - 1)) * y_.tapStep);
        return advance(lines[at / static_cast<size_t>(s_.together)],
                       e_.i64(column * pixelBytes(block)));
      };
      if (s_.together == 2)
        return e_.load(c_.product.a, advance(line(t), e_.i64(high ? block.bytes : 0)), block.bytes);
      return unpack(e_.load(c_.product.a, line(t), block.bytes),
                    e_.load(c_.product.a, line(t + 1), block.bytes), 1, high);
    };
    std::vector<llvm::Value *> quarters;
    for (bool high : {false, true}) {
      llvm::Value *first = pair(0, high), *second = pair(2, high);
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
  int64_t linePixels_; // staged
  std::vector<llvm::Value *> outer_;
  llvm::Value *from_ = nullptr, *to_ = nullptr;
};

} // namespace

int64_t DotDepthwiseSchedule::slotsFor(const Window &y, int64_t count) const {
  return (y.span(count) + together - 1) / together;
}

int64_t DotDepthwiseSchedule::units(const Contraction &c) const {
  int64_t out = unitsY(c) * unitsC(c);
  for (int64_t extent : c.outer)
    out *= extent;
  return out;
}

bool canUseDot(const Contraction &c, const NativeTarget &target) {
  return c.product.kind == Product::Kind::Dot8 && c.left.windows.size() == 2 &&
         windowY(c).taps >= 3 && c.columns >= 8 && target.vectorRegisters >= 16;
}

DotDepthwiseSchedule dotScheduleOf(const Contraction &c, const NativeTarget &target) {
  constexpr double kUnitMacs = 4e5;
  constexpr int64_t kMaxUnits = 32;
  DotDepthwiseSchedule s;
  s.lanes = target.lanes(4);
  const Window &y = windowY(c), &x = windowX(c);
  s.groups = (y.taps + kGroup - 1) / kGroup;
  // Sums, four woven vectors and what weaving needs.
  int64_t sums = std::max<int64_t>((target.vectorRegisters - 12) / 4, 1);
  if (y.tapStep == 1)
    s.shifts = std::min({(s.groups * kGroup - y.taps) / y.step + 1, c.rowsY, sums});
  s.tileX = std::clamp<int64_t>(sums / s.shifts, 1, std::min<int64_t>(c.rowsX, 3));

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
  // Tiles must begin with the first line of a slot.
  s.together = y.tapStep == 1 && s.shifts * y.step % 2 == 0 ? 2 : 1;
  s.stagedBytes = roundUp(s.slotsFor(y, s.shifts) * s.together * x.span(c.rowsX) * 4 * s.lanes, 64);
  ColumnTile tile{4 * s.lanes, blockOf(4 * s.lanes, s.lanes).parts, {s.shifts, s.tileX}};
  s.tileBytes = roundUp(epilogueScratchBytes(c.epilogue, c.product, tile), 64);
  return s;
}

std::vector<std::byte>
packDotFilters(const Contraction &c, const DotDepthwiseSchedule &s,
               const std::function<int64_t(int64_t, int64_t, int64_t)> &read) {
  const Window &y = windowY(c), &x = windowX(c);
  std::vector<std::byte> out;
  for (int64_t first = 0; first < c.columns; first += 4 * s.lanes) {
    int64_t channels = std::min<int64_t>(c.columns - first, 4 * s.lanes);
    int64_t width = blockOf(channels, s.lanes).bytes;
    for (int64_t tap = 0; tap < x.taps; ++tap)
      for (int64_t shift = 0; shift < s.shifts; ++shift)
        for (int64_t line = 0; line < s.groups * kGroup; line += kGroup)
          for (int64_t channel = 0; channel < width; ++channel)
            for (int64_t t = 0; t < kGroup; ++t) {
              int64_t from = line + t - shift * y.step;
              bool inside = channel < channels && from >= 0 && from < y.taps;
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
  return out + fmt::format(" {}x{} B{},{} ", s.lanes, s.tileX, s.blockY, s.blockC) +
         c.epilogue.str();
}

Kernel dotDepthwiseKernel(Contraction c, DotDepthwiseSchedule s, std::vector<KernelArg> args) {
  Kernel kernel;
  kernel.key = keyOf(c, s);
  kernel.name = c.name;
  kernel.args = std::move(args);
  kernel.units = static_cast<uint32_t>(s.units(c));
  kernel.scratchBytes = s.stagedBytes + kPaddingBytes + s.tileBytes;
  kernel.emit = [c = std::move(c), s = std::move(s)](KernelEmitter &e) {
    DotEmitter(e, c, s).run();
  };
  return kernel;
}

} // namespace edgecc::native
