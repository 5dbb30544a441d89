#include "backends/native/contraction/Staging.h"
#include "backends/native/contraction/Convert.h"

namespace edgecc::native {

namespace {

class StagingEmitter {
public:
  StagingEmitter(KernelEmitter &e, const Contraction &c, const Schedule &s, const Position &from,
                 llvm::Value *toY, llvm::Value *toX)
      : e_(e), b_(e.b), c_(c), left_(c.left), from_(from), toY_(toY), toX_(toX),
        y_(left_.windows[left_.windows.size() - 2]), x_(left_.windows.back()),
        bytes_(bitWidth(c.product.a) / 8),
        moved_(c.product.a == DType::BF16 ? DType::U16 : c.product.a) {
    pixelPitch_ = s.pixelPitch;
    if (isFloat(c.product.a) && left_.channels % c.product.group != 0)
      gap_ = c.product.group - left_.channels % c.product.group;
    linePitch_ = x_.span(s.blockX) * pixelPitch_;
    slicePitch_ = y_.span(s.blockY) * linePitch_;
    lanes_ = std::min(e.target.vectorBytes / static_cast<unsigned>(bytes_),
                      e.target.vectorBytes / (bitWidth(left_.dtype) / 8));
    if (left_.zeroPointArg >= 0)
      zeroPoint_ =
          convertElements(e, e.load(left_.dtype, e.arg(static_cast<unsigned>(left_.zeroPointArg))),
                          left_.dtype, c.product.a, 1);
  }

  void run() {
    llvm::Value *source = e_.i64(0);
    size_t plain = c_.outer.size() - (left_.windows.size() - 2);
    for (size_t i = 0; i < plain; ++i)
      source = add(source, times(from_.outer[i], left_.outer[i]));
    emitSlices(0, source, b_.getTrue(), e_.i64(0));
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *add(llvm::Value *x, llvm::Value *y) { return b_.CreateAdd(x, y); }
  llvm::Value *target(llvm::Value *element) {
    return e_.elementPointer(moved_, e_.scratch(), element);
  }

  // One slice for each combination of taps along the outer spatial axes.
  void emitSlices(size_t level, llvm::Value *source, llvm::Value *valid, llvm::Value *slice) {
    if (level + 2 == left_.windows.size()) {
      emitLines(source, valid, times(slice, slicePitch_));
      return;
    }
    const Window &window = left_.windows[level];
    size_t plain = c_.outer.size() - (left_.windows.size() - 2);
    llvm::Value *first =
        b_.CreateSub(times(from_.outer[plain + level], window.step), e_.i64(window.pad));
    e_.loop(e_.i64(0), e_.i64(window.taps), 1, [&](llvm::Value *tap) {
      llvm::Value *index = add(first, times(tap, window.tapStep));
      emitSlices(level + 1, add(source, times(index, window.stride)),
                 b_.CreateAnd(valid, b_.CreateICmpULT(index, e_.i64(window.in))),
                 add(times(slice, window.taps), tap));
    });
  }

  // Number of input indices for outputs [from, to).
  llvm::Value *span(const Window &window, llvm::Value *from, llvm::Value *to) {
    llvm::Value *last = b_.CreateSub(b_.CreateSub(to, from), e_.i64(1));
    return add(times(last, window.step), e_.i64(window.span(1)));
  }

  void emitLines(llvm::Value *source, llvm::Value *valid, llvm::Value *slice) {
    llvm::Value *firstLine = b_.CreateSub(times(from_.y, y_.step), e_.i64(y_.pad));
    llvm::Value *pixels = span(x_, from_.x, toX_);
    llvm::Value *firstPixel = b_.CreateSub(times(from_.x, x_.step), e_.i64(x_.pad));
    // The pixels [low, high) of a line lie inside the image.
    auto clamp = [&](llvm::Value *value) {
      return b_.CreateBinaryIntrinsic(
          llvm::Intrinsic::smax, e_.i64(0),
          b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, value, pixels));
    };
    llvm::Value *low = clamp(b_.CreateNeg(firstPixel));
    llvm::Value *high = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, low,
                                                 clamp(b_.CreateSub(e_.i64(x_.in), firstPixel)));
    // A window of one line leaves out the lines between its steps.
    int64_t every = y_.taps == 1 ? y_.step : 1;
    e_.loop(e_.i64(0), span(y_, from_.y, toY_), every, [&](llvm::Value *line) {
      llvm::Value *index = add(firstLine, line);
      llvm::Value *inside = b_.CreateAnd(valid, b_.CreateICmpULT(index, e_.i64(y_.in)));
      llvm::Value *begin = b_.CreateSelect(inside, low, pixels);
      llvm::Value *end = b_.CreateSelect(inside, high, pixels);
      llvm::Value *to = add(slice, times(line, linePitch_));
      fill(to, times(begin, pixelPitch_));
      copy(add(to, times(begin, pixelPitch_)),
           add(add(source, times(index, y_.stride)), times(add(firstPixel, begin), x_.stride)),
           b_.CreateSub(end, begin));
      fill(add(to, times(end, pixelPitch_)), times(b_.CreateSub(pixels, end), pixelPitch_));
    });
  }

  llvm::Constant *padding(unsigned lanes) {
    llvm::Type *type = e_.vectorType(moved_, lanes);
    return isFloat(moved_) ? llvm::ConstantFP::get(type, 0)
                           : llvm::ConstantInt::getSigned(type, left_.padding);
  }

  // `count` elements: whole vectors, then narrower ones down to `least` elements. Returns how many
  // are done.
  llvm::Value *inVectors(llvm::Value *count, unsigned least,
                         const std::function<void(llvm::Value *, unsigned)> &body) {
    llvm::Value *done = e_.i64(0);
    // Of a count that is known, only the steps that it has cost anything.
    unsigned narrower = llvm::isa<llvm::ConstantInt>(count) ? 2 : 4;
    for (unsigned lanes = lanes_; lanes >= least;
         lanes = lanes > 1 ? std::max(lanes / narrower, 1u) : 0) {
      llvm::Value *end = b_.CreateAnd(count, e_.i64(-static_cast<int64_t>(lanes)));
      e_.loop(done, end, lanes, [&](llvm::Value *i) { body(i, lanes); });
      done = end;
    }
    return done;
  }

  void fill(llvm::Value *to, llvm::Value *count) {
    inVectors(count, 1, [&](llvm::Value *i, unsigned lanes) {
      e_.store(moved_, padding(lanes), target(add(to, i)), lanes);
    });
  }

  void copy(llvm::Value *to, llvm::Value *from, llvm::Value *pixels) {
    if (left_.channelStride == 1 && x_.stride == left_.channels && pixelPitch_ == left_.channels) {
      copyRun(to, from, times(pixels, left_.channels));
      return;
    }
    llvm::Value *first = e_.i64(0);
    // Planes of a few channels are woven together a vector of pixels at a time.
    if (x_.stride == 1 && pixelPitch_ == left_.channels + gap_ && pixelPitch_ <= 4)
      first = inVectors(pixels, 4, [&](llvm::Value *pixel, unsigned lanes) {
        weave(add(to, times(pixel, pixelPitch_)), add(from, pixel), lanes);
      });
    e_.loop(first, pixels, 1, [&](llvm::Value *pixel) {
      llvm::Value *toPixel = add(to, times(pixel, pixelPitch_));
      llvm::Value *fromPixel = add(from, times(pixel, x_.stride));
      if (gap_ > 0)
        fill(add(toPixel, e_.i64(left_.channels)), e_.i64(gap_));
      if (left_.channelStride == 1) {
        copyRun(toPixel, fromPixel, e_.i64(left_.channels));
        return;
      }
      auto element = [&](llvm::Value *channel) {
        copyElements(add(toPixel, channel), add(fromPixel, times(channel, left_.channelStride)), 1);
      };
      if (left_.channels <= 4)
        for (int64_t channel = 0; channel < left_.channels; ++channel)
          element(e_.i64(channel));
      else
        e_.loop(e_.i64(0), e_.i64(left_.channels), 1, element);
    });
  }

  // `width` pixels of all channels, each of which is contiguous.
  void weave(llvm::Value *to, llvm::Value *from, unsigned width) {
    auto channels = static_cast<unsigned>(pixelPitch_);
    std::vector<llvm::Value *> planes;
    for (unsigned c = 0; c < left_.channels; ++c)
      planes.push_back(loadStaged(add(from, e_.i64(c * left_.channelStride)), width));
    planes.resize(channels, padding(width));
    for (unsigned v = 0; v < channels; ++v) {
      // Element i of this vector is channel i % channels of pixel i / channels.
      llvm::Value *woven = planes[0];
      for (unsigned c = 0; c < channels; ++c) {
        llvm::SmallVector<int> lanes;
        for (unsigned lane = 0; lane < width; ++lane) {
          unsigned i = v * width + lane;
          bool mine = i % channels == c;
          lanes.push_back(static_cast<int>(mine ? (c ? width : 0) + i / channels : c ? lane : 0));
        }
        woven = b_.CreateShuffleVector(woven, planes[c], lanes);
      }
      e_.store(moved_, woven, target(add(to, e_.i64(v * width))), width);
    }
  }

  void copyRun(llvm::Value *to, llvm::Value *from, llvm::Value *count) {
    inVectors(count, 1, [&](llvm::Value *i, unsigned lanes) {
      copyElements(add(to, i), add(from, i), lanes);
    });
  }

  void copyElements(llvm::Value *to, llvm::Value *from, unsigned lanes) {
    e_.store(moved_, loadStaged(from, lanes), target(to), lanes);
  }

  // `lanes` elements of the input as they are staged.
  llvm::Value *loadStaged(llvm::Value *from, unsigned lanes) {
    llvm::Value *value = loadElements(
        e_, left_.dtype, e_.elementPointer(left_.dtype, e_.arg(left_.arg), from), lanes, lanes);
    if (c_.product.a == DType::BF16)
      return left_.dtype == DType::F32 ? roundToBF16(e_, value, lanes)
                                       : b_.CreateBitCast(value, e_.vectorType(moved_, lanes));
    value = convertElements(e_, value, left_.dtype, c_.product.a, lanes);
    if (left_.shift != 0)
      value = b_.CreateAdd(value, llvm::ConstantInt::getSigned(value->getType(), left_.shift));
    if (zeroPoint_)
      value = b_.CreateSub(value, e_.splat(zeroPoint_, lanes));
    return value;
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Contraction &c_;
  const LeftOperand &left_;
  const Position &from_;
  llvm::Value *toY_, *toX_;
  const Window &y_, &x_;
  int64_t bytes_;
  DType moved_; // bf16 moves as integers
  int64_t pixelPitch_, linePitch_, slicePitch_;
  int64_t gap_ = 0; // zeros that complete the last group of a pixel
  unsigned lanes_;
  llvm::Value *zeroPoint_ = nullptr;
};

} // namespace

void emitStaging(KernelEmitter &e, const Contraction &contraction, const Schedule &schedule,
                 const Position &from, llvm::Value *toY, llvm::Value *toX) {
  StagingEmitter(e, contraction, schedule, from, toY, toX).run();
}

} // namespace edgecc::native
