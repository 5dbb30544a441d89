#include "backends/native/contraction/PlanarStaging.h"
#include "backends/native/contraction/Convert.h"

namespace edgecc::native {

namespace {

class PlanarStager {
public:
  PlanarStager(KernelEmitter &e, const Planar &planar, const PlanarSchedule &s,
               const Position &from, llvm::Value *toLine)
      : e_(e), b_(e.b), planar_(planar), left_(planar.left), s_(s), from_(from), toLine_(toLine),
        y_(left_.windows[left_.windows.size() - 2]), x_(left_.windows.back()),
        width_(x_.span(planar.pixels)), low_(std::clamp<int64_t>(x_.pad, 0, width_)),
        high_(std::clamp<int64_t>(x_.in + x_.pad, low_, width_)), type_(planar.product.b) {}

  void run() {
    llvm::Value *source = e_.i64(0);
    for (size_t i = 0; i < plain(); ++i)
      source = add(source, times(from_.outer[i], left_.outer[i]));
    emitSlices(0, source, b_.getTrue(), e_.i64(0));
  }

private:
  size_t plain() const { return planar_.outer.size() - (left_.windows.size() - 2); }
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *add(llvm::Value *x, llvm::Value *y) { return b_.CreateAdd(x, y); }

  void emitSlices(size_t level, llvm::Value *source, llvm::Value *valid, llvm::Value *slice) {
    if (level + 2 == left_.windows.size()) {
      emitLines(source, valid, times(slice, y_.span(s_.blockLines) * left_.channels * s_.pitch));
      return;
    }
    const Window &window = left_.windows[level];
    llvm::Value *first =
        b_.CreateSub(times(from_.outer[plain() + level], window.step), e_.i64(window.pad));
    e_.loop(e_.i64(0), e_.i64(window.taps), 1, [&](llvm::Value *tap) {
      llvm::Value *index = add(first, times(tap, window.tapStep));
      emitSlices(level + 1, add(source, times(index, window.stride)),
                 b_.CreateAnd(valid, b_.CreateICmpULT(index, e_.i64(window.in))),
                 add(times(slice, window.taps), tap));
    });
  }

  void emitLines(llvm::Value *source, llvm::Value *valid, llvm::Value *slice) {
    llvm::Value *first = b_.CreateSub(times(from_.y, y_.step), e_.i64(y_.pad));
    llvm::Value *count =
        add(times(b_.CreateSub(b_.CreateSub(toLine_, from_.y), e_.i64(1)), y_.step),
            e_.i64(y_.span(1)));
    e_.loop(e_.i64(0), count, 1, [&](llvm::Value *line) {
      llvm::Value *index = add(first, line);
      llvm::Value *inside = b_.CreateAnd(valid, b_.CreateICmpULT(index, e_.i64(y_.in)));
      llvm::Value *to = add(slice, times(line, left_.channels * s_.pitch));
      e_.ifThen(inside, [&] {
        // Pixel `low_` of the line is input pixel low_ - pad.
        llvm::Value *from =
            add(add(source, times(index, y_.stride)), e_.i64((low_ - x_.pad) * x_.stride));
        clearBorders(to);
        copyLine(add(to, e_.i64(low_)), from);
      });
      e_.ifThen(b_.CreateNot(inside), [&] {
        e_.loop(e_.i64(0), e_.i64(left_.channels), 1,
                [&](llvm::Value *channel) { clear(add(to, times(channel, s_.pitch)), width_); });
      });
    });
  }

  void clear(llvm::Value *to, int64_t count) {
    int64_t whole = count / s_.lanes * s_.lanes;
    llvm::Value *zeros = llvm::Constant::getNullValue(e_.vectorType(type_, s_.lanes));
    e_.loop(e_.i64(0), e_.i64(whole), s_.lanes,
            [&](llvm::Value *i) { e_.store(type_, zeros, target(add(to, i)), s_.lanes); });
    e_.loop(e_.i64(whole), e_.i64(count), 1, [&](llvm::Value *i) {
      e_.store(type_, llvm::Constant::getNullValue(e_.scalarType(type_)), target(add(to, i)));
    });
  }

  void clearBorders(llvm::Value *to) {
    if (low_ == 0 && high_ == width_)
      return;
    e_.loop(e_.i64(0), e_.i64(left_.channels), 1, [&](llvm::Value *channel) {
      llvm::Value *row = add(to, times(channel, s_.pitch));
      clear(row, low_);
      clear(add(row, e_.i64(high_)), width_ - high_);
    });
  }

  // The pixels [low_, high_) of all channels.
  void copyLine(llvm::Value *to, llvm::Value *from) {
    int64_t pixels = high_ - low_;
    if (left_.channelStride == 1 && pixels >= s_.lanes && left_.channels > 1) {
      int64_t blocks = (pixels + s_.lanes - 1) / s_.lanes;
      e_.loop(e_.i64(0), e_.i64(blocks), 1, [&](llvm::Value *block) {
        // The last block overlaps the one before it.
        llvm::Value *pixel = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, times(block, s_.lanes),
                                                      e_.i64(pixels - s_.lanes));
        transposeChannels(add(to, pixel), add(from, times(pixel, x_.stride)));
      });
      return;
    }
    bool dense = x_.stride == 1;
    int64_t whole = dense ? pixels / s_.lanes * s_.lanes : 0;
    e_.loop(e_.i64(0), e_.i64(left_.channels), 1, [&](llvm::Value *channel) {
      llvm::Value *row = add(to, times(channel, s_.pitch));
      llvm::Value *source = add(from, times(channel, left_.channelStride));
      e_.loop(e_.i64(0), e_.i64(whole), s_.lanes, [&](llvm::Value *i) {
        e_.store(type_, load(add(source, i), s_.lanes, s_.lanes), target(add(row, i)), s_.lanes);
      });
      e_.loop(e_.i64(whole), e_.i64(pixels), 1, [&](llvm::Value *i) {
        e_.store(type_, load(add(source, times(i, x_.stride)), 1, 1), target(add(row, i)));
      });
    });
  }

  // `lanes` pixels of all channels, a square block at a time.
  void transposeChannels(llvm::Value *to, llvm::Value *from) {
    int64_t whole = left_.channels / s_.lanes * s_.lanes;
    e_.loop(e_.i64(0), e_.i64(whole), s_.lanes,
            [&](llvm::Value *channel) { transposeBlock(to, from, channel, s_.lanes); });
    if (left_.channels > whole)
      transposeBlock(to, from, e_.i64(whole), static_cast<unsigned>(left_.channels - whole));
  }

  void transposeBlock(llvm::Value *to, llvm::Value *from, llvm::Value *channel, unsigned active) {
    unsigned n = s_.lanes;
    std::vector<llvm::Value *> rows;
    for (unsigned pixel = 0; pixel < n; ++pixel)
      rows.push_back(load(add(add(from, channel), e_.i64(pixel * x_.stride)), n, active));
    // Blocks of `size` x `size` across the diagonal change places, for each size.
    for (unsigned size = 1; size < n; size *= 2)
      for (unsigned i = 0; i < n; ++i) {
        if (i & size)
          continue;
        llvm::SmallVector<int> upper, lower;
        for (unsigned lane = 0; lane < n; ++lane) {
          upper.push_back(static_cast<int>(lane & size ? n + lane - size : lane));
          lower.push_back(static_cast<int>(lane & size ? n + lane : lane + size));
        }
        llvm::Value *a = rows[i], *b = rows[i + size];
        rows[i] = b_.CreateShuffleVector(a, b, upper);
        rows[i + size] = b_.CreateShuffleVector(a, b, lower);
      }
    for (unsigned i = 0; i < active; ++i)
      e_.store(type_, rows[i], target(add(to, times(add(channel, e_.i64(i)), s_.pitch))), n);
  }

  llvm::Value *load(llvm::Value *index, unsigned lanes, unsigned active) {
    llvm::Value *value = loadElements(
        e_, left_.dtype, e_.elementPointer(left_.dtype, e_.arg(left_.arg), index), lanes, active);
    return convertElements(e_, value, left_.dtype, type_, lanes);
  }

  llvm::Value *target(llvm::Value *index) { return e_.elementPointer(type_, e_.scratch(), index); }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Planar &planar_;
  const LeftOperand &left_;
  const PlanarSchedule &s_;
  const Position &from_;
  llvm::Value *toLine_;
  const Window &y_, &x_;
  int64_t width_, low_, high_;
  DType type_;
};

} // namespace

void emitPlanarStaging(KernelEmitter &e, const Planar &planar, const PlanarSchedule &schedule,
                       const Position &from, llvm::Value *toLine) {
  PlanarStager(e, planar, schedule, from, toLine).run();
}

} // namespace edgecc::native
