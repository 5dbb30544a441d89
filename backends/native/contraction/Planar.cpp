#include "backends/native/contraction/Planar.h"
#include "backends/native/contraction/PlanarStaging.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::native {

namespace {

class PlanarEmitter {
public:
  PlanarEmitter(KernelEmitter &e, const Planar &planar, const PlanarSchedule &s)
      : e_(e), b_(e.b), p_(planar), s_(s), y_(planar.left.windows[planar.left.windows.size() - 2]),
        x_(planar.left.windows.back()) {}

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
    int64_t blocks = (p_.lines + s_.blockLines - 1) / s_.blockLines;
    llvm::Value *from = times(digit(rest, blocks), s_.blockLines);
    outer_.assign(p_.outer.size(), nullptr);
    for (size_t i = p_.outer.size(); i-- > 0;)
      outer_[i] = digit(rest, p_.outer[i]);
    llvm::Value *to = b_.CreateBinaryIntrinsic(
        llvm::Intrinsic::smin, b_.CreateAdd(from, e_.i64(s_.blockLines)), e_.i64(p_.lines));
    emitPlanarStaging(e_, p_, s_, {outer_, from, nullptr, nullptr}, to);

    llvm::Value *matrix = e_.i64(0);
    for (size_t i = 0; i < p_.outer.size(); ++i)
      matrix = b_.CreateAdd(matrix, times(outer_[i], p_.weightsOuter[i]));
    int64_t matrixBytes = (depth() * p_.channels * bytes() + 63) / 64 * 64;
    llvm::Value *weights =
        b_.CreateInBoundsGEP(b_.getInt8Ty(), e_.arg(p_.weights), times(matrix, matrixBytes));
    e_.loop(
        from, to, 1,
        [&](llvm::Value *line) {
          llvm::Value *staged =
              times(b_.CreateSub(line, from), y_.step * p_.left.channels * s_.pitch * bytes());
          emitLine(line, b_.CreateInBoundsGEP(b_.getInt8Ty(), e_.scratch(), staged), weights);
        },
        "line");
  }

  void emitLine(llvm::Value *line, llvm::Value *staged, llvm::Value *weights) {
    int64_t width = s_.vectors * s_.lanes, whole = p_.pixels / width * width;
    auto tile = [&](llvm::Value *pixel, int64_t count) {
      ColumnTile columns{count, {}, {1, p_.channels}};
      for (int64_t at = 0; at < count; at += s_.lanes)
        columns.parts.push_back(
            {s_.lanes, static_cast<unsigned>(std::min<int64_t>(count - at, s_.lanes)), at});
      llvm::Value *right = b_.CreateInBoundsGEP(b_.getInt8Ty(), staged, times(pixel, bytes()));
      Position at{outer_, line, e_.i64(0), pixel};
      auto sums = emitMicroKernel(e_, kernel(columns), weights, right);
      emitEpilogue(e_, p_.epilogue, p_.product, columns, columns.rows, at, sums,
                   s_.tileBytes
                       ? b_.CreateInBoundsGEP(b_.getInt8Ty(), e_.scratch(), e_.i64(s_.stagedBytes))
                       : nullptr);
    };
    e_.loop(
        e_.i64(0), e_.i64(whole), width, [&](llvm::Value *pixel) { tile(pixel, width); }, "pixel");
    if (p_.pixels > whole)
      tile(e_.i64(whole), p_.pixels - whole);
  }

  MicroKernel kernel(const ColumnTile &columns) const {
    MicroKernel kernel{p_.product, {}, columns.parts, {}, true, {}};
    for (int64_t channel = 0; channel < p_.channels; ++channel)
      kernel.rows.push_back(channel * bytes());
    // Channels, then taps from x outwards.
    int64_t weightStride = p_.channels * bytes();
    auto add = [&](int64_t extent, int64_t stride) {
      kernel.loops.insert(kernel.loops.begin(), {extent, weightStride, stride * bytes()});
      weightStride *= extent;
    };
    int64_t line = p_.left.channels * s_.pitch, slice = y_.span(s_.blockLines) * line;
    add(p_.left.channels, s_.pitch);
    add(x_.taps, x_.tapStep);
    add(y_.taps, y_.tapStep * line);
    for (size_t i = p_.left.windows.size() - 2; i-- > 0; slice *= p_.left.windows[i].taps)
      add(p_.left.windows[i].taps, slice);
    return kernel;
  }

  int64_t bytes() const { return p_.product.accumulatorBytes(); }
  int64_t depth() const {
    int64_t out = p_.left.channels;
    for (const Window &window : p_.left.windows)
      out *= window.taps;
    return out;
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Planar &p_;
  const PlanarSchedule &s_;
  const Window &y_, &x_;
  std::vector<llvm::Value *> outer_;
};

} // namespace

bool prefersPlanar(const Contraction &c, const NativeTarget &target) {
  const Window &x = c.left.windows.back();
  auto lanes =
      static_cast<int64_t>(target.lanes(static_cast<unsigned>(c.product.accumulatorBytes())));
  if (c.product.kind != Product::Kind::Plain || !isFloat(c.product.accumulator) || x.step != 1 ||
      c.right.kind != RightOperand::Kind::Packed || c.depth() == 0 || c.rowsX < lanes ||
      c.columns > 12)
    return false;
  // A whole line is staged for one line of results: it should stay in the second-level cache.
  constexpr int64_t kMaxLineBytes = 512 << 10;
  int64_t staged = c.left.channels * x.span(c.rowsX) * c.product.accumulatorBytes() *
                   c.left.windows[c.left.windows.size() - 2].span(1);
  for (size_t i = 0; i + 2 < c.left.windows.size(); ++i)
    staged *= c.left.windows[i].taps;
  if (staged > kMaxLineBytes)
    return false;
  // Cycles for each pixel: vectors above 32 bytes take twice as long; staging moves every input
  // element by about half an instruction.
  double wide = target.vectorBytes > 32 ? 1.0 : 0.5;
  auto columns = static_cast<double>(c.columns), taps = static_cast<double>(c.depth()),
       channels = static_cast<double>(c.left.channels);
  double vectors = c.columns <= lanes ? 1 : 2;
  double across = taps * vectors * (2 * c.columns <= lanes ? 0.5 : wide);
  double along = taps * columns * wide / static_cast<double>(lanes) + 0.6 * channels;
  return along < across;
}

int64_t PlanarSchedule::units(const Planar &planar) const {
  int64_t out = (planar.lines + blockLines - 1) / blockLines;
  for (int64_t extent : planar.outer)
    out *= extent;
  return out;
}

PlanarSchedule scheduleOf(const Planar &p, const NativeTarget &target) {
  constexpr double kUnitMacs = 3e5;
  constexpr int64_t kMaxUnits = 32, kMaxStagedBytes = 256 << 10;
  PlanarSchedule s;
  int64_t bytes = p.product.accumulatorBytes();
  s.lanes = target.lanes(static_cast<unsigned>(bytes));
  int64_t budget =
      target.vectorRegisters > 16 ? target.vectorRegisters - 3 : target.vectorRegisters - 1;
  while (s.vectors < 8 && p.channels * (s.vectors + 1) + (s.vectors + 1) + 1 <= budget &&
         s.vectors * s.lanes < p.pixels)
    ++s.vectors;

  const Window &y = p.left.windows[p.left.windows.size() - 2], &x = p.left.windows.back();
  // Whole vectors are read at the end of a line.
  s.pitch = (x.span(p.pixels) + 2 * s.lanes - 1) / s.lanes * s.lanes;
  int64_t outer = 1, taps = p.left.channels, slices = 1;
  for (int64_t extent : p.outer)
    outer *= extent;
  for (const Window &window : p.left.windows)
    taps *= window.taps;
  for (size_t i = 0; i + 2 < p.left.windows.size(); ++i)
    slices *= p.left.windows[i].taps;
  double macs =
      static_cast<double>(outer * p.lines * p.pixels) * static_cast<double>(p.channels * taps);
  int64_t units = std::clamp<int64_t>(static_cast<int64_t>(macs / kUnitMacs), 1, kMaxUnits);
  int64_t split = std::min((units + outer - 1) / outer, p.lines);
  s.blockLines = (p.lines + split - 1) / split;
  auto staged = [&] {
    return (slices * y.span(s.blockLines) * p.left.channels * s.pitch + s.lanes) * bytes;
  };
  while (s.blockLines > 1 && staged() > kMaxStagedBytes)
    s.blockLines = (s.blockLines + 1) / 2;
  s.stagedBytes = (staged() + 63) / 64 * 64;
  ColumnTile tile{s.vectors * s.lanes, {}, {1, p.channels}};
  for (int64_t at = 0; at < tile.columns; at += s.lanes)
    tile.parts.push_back({s.lanes, s.lanes, at});
  s.tileBytes = (epilogueScratchBytes(p.epilogue, p.product, tile) + 63) / 64 * 64;
  return s;
}

Schedule planarPacking(const Contraction &c) {
  Schedule s;
  auto columns = static_cast<unsigned>(c.columns);
  s.tiling.tail = {c.columns, {{columns, columns, 0}}, {}};
  s.run = c.depth();
  s.loops = {{c.depth(), 0, 0}};
  return s;
}

static std::string keyOf(const Planar &p, const PlanarSchedule &s) {
  std::string out = fmt::format("planar {} {} [{}] {}x{}x{} w{}[{}]", p.name, p.product.str(),
                                fmt::join(p.outer, ","), p.lines, p.pixels, p.channels, p.weights,
                                fmt::join(p.weightsOuter, ","));
  out += fmt::format(" L{}{} [{}] {}*{}", p.left.arg, name(p.left.dtype),
                     fmt::join(p.left.outer, ","), p.left.channels, p.left.channelStride);
  for (const Window &w : p.left.windows)
    out += fmt::format(" ({},{},{},{},{},{})", w.in, w.taps, w.step, w.tapStep, w.pad, w.stride);
  return out + fmt::format(" {}x{} B{} ", s.lanes, s.vectors, s.blockLines) + p.epilogue.str();
}

Kernel planarKernel(Planar p, PlanarSchedule s, std::vector<KernelArg> args) {
  Kernel kernel;
  kernel.key = keyOf(p, s);
  kernel.name = p.name;
  kernel.args = std::move(args);
  kernel.units = static_cast<uint32_t>(s.units(p));
  kernel.scratchBytes = s.stagedBytes + s.tileBytes;
  kernel.emit = [p = std::move(p), s](KernelEmitter &e) { PlanarEmitter(e, p, s).run(); };
  return kernel;
}

} // namespace edgecc::native
