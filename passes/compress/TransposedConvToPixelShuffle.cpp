// ConvTranspose of stride s = crop(shuffle(Conv)): each of the s phases of the result is an
// ordinary convolution of x with every s-th tap of the kernel, and the pixel shuffle interleaves
// the phases.
//
//   y[o] = sum_k x[(o + p - k) / s] w[k]   over the k for which the division is exact.
//   With o + p = s (q + q0) + r and k = r + s t:   y = sum_t x[q + q0 - t] w[r + s t],
//
// for each spatial axis: a convolution over q with T = ceil(k / s) taps whose output channel (c, r)
// is phase r of channel c. The multiply-accumulates are those of the transposed convolution, but
// for taps beyond the kernel (k not a multiple of s) and positions that the crop drops. Shi et al.,
// "Is the deconvolution layer the same as a convolutional layer?", 2016.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

#include <algorithm>

namespace edgecc {

namespace {

// One spatial axis.
struct Axis {
  int64_t in, out;                          // extents of x and y
  int64_t kernel, stride, dilation, padLow; // of the transposed convolution
  int64_t taps = 0;                         // T
  int64_t first = 0;                        // q0
  int64_t phases = 0;                       // extent of q
  int64_t convLow = 0, convHigh = 0;        // pads of the convolution

  void solve() {
    int64_t extent = (kernel - 1) * dilation + 1;
    taps = (extent + stride - 1) / stride;
    first = std::min(padLow / stride, taps - 1);
    convLow = taps - 1 - first;
    int64_t needed = (padLow - stride * first + out + stride - 1) / stride;
    // q + q0 - t reaches x[in - 1 + convHigh] at the last q; what lies beyond x is zero.
    convHigh = std::max<int64_t>(0, needed - (in - first));
    phases = in - first + convHigh;
  }
  int64_t crop() const { return padLow - stride * first; }
  bool isCropped() const { return crop() != 0 || phases * stride != out; }

  // The kernel index of tap t of phase r; none if the kernel has no such element.
  std::optional<int64_t> kernelIndex(int64_t r, int64_t t) const {
    int64_t k = r + stride * t;
    if (k % dilation != 0 || k / dilation >= kernel)
      return std::nullopt;
    return k / dilation;
  }
};

class Rewriter {
public:
  Rewriter(Module &module, Op &op) : op_(op), builder_(module) {
    const Dims &x = op.operand(0)->dims(), &w = op.operand(1)->dims();
    for (size_t i = 0; i + 2 < x.size(); ++i) {
      Axis axis{x[i + 2],
                op.result()->dims()[i + 2],
                w[i + 2],
                op.ints("strides")[i],
                op.ints("dilations")[i],
                op.ints("pads")[i]};
      axis.solve();
      axes_.push_back(axis);
      phaseCount_ *= axis.stride;
    }
    group_ = op.integer("group");
    channels_ = op.result()->dims()[1];
    builder_.location = op.location;
    builder_.setInsertionBefore(&op);
  }

  // Why the op has no such form: a sentence; empty if it has.
  static std::string whyNot(const Op &op) {
    if (!constantOf(op.operand(1)) || (op.operand(2) && !constantOf(op.operand(2))))
      return "its weights are not constant";
    if (!isFloat(op.operand(1)->type.dtype))
      return "its weights are quantised already";
    if (!op.operand(0)->type.isStatic())
      return "its extents depend on data";
    return "";
  }

  void rewrite() {
    std::vector<Value *> operands{op_.operand(0), builder_.constant(weights(), "phases")};
    if (op_.operand(2))
      operands.push_back(builder_.constant(bias(), "bias"));
    std::vector<int64_t> low, high;
    for (const Axis &axis : axes_) {
      low.push_back(axis.convLow);
      high.push_back(axis.convHigh);
    }
    low.insert(low.end(), high.begin(), high.end());
    std::vector<int64_t> ones(axes_.size(), 1);
    Op *conv = builder_.createOp(
        OpKind::Conv, operands,
        {{"dilations", ones}, {"group", group_}, {"pads", low}, {"strides", ones}});
    replaceOp(&op_, crop(shuffle(conv->result())));
  }

  bool hasCrop() const { return std::ranges::any_of(axes_, &Axis::isCropped); }

private:
  // Output channel of the convolution for phase `phase` of channel c: phases outermost where the
  // groups allow, so that the shuffle moves whole rows of channels.
  bool phasesOutermost() const { return group_ == 1; }
  int64_t rowOf(int64_t c, int64_t phase) const {
    return phasesOutermost() ? phase * channels_ + c : c * phaseCount_ + phase;
  }

  // [M * phases, C / group, taps...]: mirrored, for a convolution reads x[q + t'].
  Tensor weights() const {
    const Tensor &w = *constantOf(op_.operand(1));
    int64_t inPerGroup = w.dims()[0] / group_, outPerGroup = w.dims()[1];
    Dims dims{channels_ * phaseCount_, inPerGroup};
    int64_t taps = 1, kernel = 1;
    for (const Axis &axis : axes_) {
      dims.push_back(axis.taps);
      taps *= axis.taps;
      kernel *= axis.kernel;
    }
    Tensor out(w.dtype(), dims);
    for (int64_t phase = 0; phase < phaseCount_; ++phase)
      for (int64_t tap = 0; tap < taps; ++tap) {
        std::optional<int64_t> from = kernelOffset(phase, tap);
        if (!from)
          continue; // zero
        for (int64_t c = 0; c < channels_; ++c)
          for (int64_t i = 0; i < inPerGroup; ++i) {
            int64_t row = c / outPerGroup * inPerGroup + i;
            out.setDouble((rowOf(c, phase) * inPerGroup + i) * taps + tap,
                          w.asDouble((row * outPerGroup + c % outPerGroup) * kernel + *from));
          }
      }
    return out;
  }

  // The element of the kernel's plane that belongs to a phase and a (mirrored) tap.
  std::optional<int64_t> kernelOffset(int64_t phase, int64_t tap) const {
    int64_t offset = 0, scale = 1;
    for (size_t i = axes_.size(); i-- > 0;) {
      const Axis &axis = axes_[i];
      auto k = axis.kernelIndex(phase % axis.stride, axis.taps - 1 - tap % axis.taps);
      if (!k)
        return std::nullopt;
      offset += *k * scale;
      scale *= axis.kernel;
      phase /= axis.stride;
      tap /= axis.taps;
    }
    return offset;
  }

  Tensor bias() const {
    const Tensor &b = *constantOf(op_.operand(2));
    Tensor out(b.dtype(), {channels_ * phaseCount_});
    for (int64_t c = 0; c < channels_; ++c)
      for (int64_t phase = 0; phase < phaseCount_; ++phase)
        out.setDouble(rowOf(c, phase), b.asDouble(c));
    return out;
  }

  Value *shuffle(Value *x) {
    if (phaseCount_ == 1)
      return x;
    if (axes_.size() == 2 && axes_[0].stride == axes_[1].stride)
      return builder_.create(OpKind::DepthToSpace, {x},
                             {{"blocksize", axes_[0].stride},
                              {"mode", std::string(phasesOutermost() ? "DCR" : "CRD")}});
    // [N, C, r..., q...] or [N, r..., C, q...] -> [N, C, q0, r0, q1, r1...]
    size_t n = axes_.size(), c = phasesOutermost() ? 1 + n : 1, r = phasesOutermost() ? 1 : 2;
    Dims split(2 + 2 * n), merged{x->dims()[0], channels_};
    std::vector<int64_t> order{0, static_cast<int64_t>(c)};
    split[0] = x->dims()[0];
    split[c] = channels_;
    for (size_t i = 0; i < n; ++i) {
      split[r + i] = axes_[i].stride;
      split[2 + n + i] = axes_[i].phases;
      order.push_back(static_cast<int64_t>(2 + n + i));
      order.push_back(static_cast<int64_t>(r + i));
      merged.push_back(axes_[i].phases * axes_[i].stride);
    }
    x = builder_.create(OpKind::Reshape, {x}, {{"shape", split}});
    x = builder_.create(OpKind::Transpose, {x}, {{"perm", order}});
    return builder_.create(OpKind::Reshape, {x}, {{"shape", merged}});
  }

  Value *crop(Value *x) {
    if (!hasCrop())
      return x;
    std::vector<int64_t> starts{0, 0};
    for (const Axis &axis : axes_)
      starts.push_back(axis.crop());
    return builder_.create(OpKind::Slice, {x},
                           {{"starts", starts},
                            {"sizes", op_.result()->dims()},
                            {"steps", std::vector<int64_t>(starts.size(), 1)}});
  }

  Op &op_;
  Builder builder_;
  std::vector<Axis> axes_;
  int64_t phaseCount_ = 1, group_ = 1, channels_ = 0;
};

} // namespace

Expected<void> transposedConvToPixelShuffle(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        if (op->kind() != OpKind::ConvTranspose)
          continue;
        if (std::string why = Rewriter::whyNot(*op); !why.empty()) {
          context.statistics.add("transposed convolutions kept");
          if (context.compression)
            context.compression->notes.push_back({"transposed-conv-to-pixel-shuffle",
                                                  nameOfLayer(*op),
                                                  "kept as a transposed convolution: " + why});
          continue;
        }
        Rewriter rewriter(module, *op);
        context.statistics.add(rewriter.hasCrop() ? "pixel shuffles with a crop"
                                                  : "pixel shuffles");
        rewriter.rewrite();
      }
    });
  module.eraseUnusedParameters();
  return {};
}

} // namespace edgecc
