// A convolution of stride s on the model's input = a convolution of stride 1 on
// SpaceToDepth(input): with x[s i + r] as channel r of position i,
//
//   y[o] = sum_j x[s o + j - p] w[j] = sum over a, r of x'[o + a][r] w[s a + r + p],
//
// for each spatial axis, where j - p = s a + r and 0 <= r < s. Elements of w outside the kernel are
// zero. Three channels at stride 2 become twelve, which fill vectors and multiplier arrays.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

#include <algorithm>

namespace edgecc {

namespace {

int64_t floorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// One spatial axis.
struct Axis {
  int64_t in, out;                          // extents of x and y
  int64_t kernel, dilation, padLow, stride; // of the strided convolution
  int64_t firstTap = 0, taps = 0;           // range of a
  int64_t blocks = 0;                       // extent of x', with x padded to whole blocks
  int64_t convLow = 0, convHigh = 0;        // pads of the new convolution, not negative
  int64_t skipped = 0;                      // its results in front of the first that is wanted

  void solve() {
    firstTap = floorDiv(-padLow, stride);
    int64_t lastTap = floorDiv((kernel - 1) * dilation - padLow, stride);
    taps = lastTap - firstTap + 1;
    blocks = (in + stride - 1) / stride;
    convLow = std::max<int64_t>(0, -firstTap);
    skipped = std::max<int64_t>(0, firstTap);
    convHigh = std::max<int64_t>(0, out + skipped - convLow - blocks + taps - 1);
  }
  int64_t results() const { return blocks + convLow + convHigh - taps + 1; }

  // The kernel index that reads phase r at tap t; none if the kernel has no such element.
  std::optional<int64_t> kernelIndex(int64_t r, int64_t t) const {
    int64_t j = stride * (t + firstTap) + r + padLow;
    if (j < 0 || j % dilation != 0 || j / dilation >= kernel)
      return std::nullopt;
    return j / dilation;
  }
};

// Why the convolution stays as it is; empty if it has such a form.
std::string whyNot(const Op &op) {
  if (op.operand(0)->dims().size() != 4)
    return "it is not a convolution of pictures";
  if (op.integer("group") != 1)
    return "it is grouped";
  if (op.ints("strides")[0] != op.ints("strides")[1])
    return "its strides differ";
  if (!op.operand(0)->type.isStatic())
    return "its extents depend on data";
  if (!constantOf(op.operand(1)) || !isFloat(op.operand(1)->type.dtype))
    return "its weights are not constant floating-point numbers";
  return "";
}

Tensor phaseWeights(const Tensor &w, const Axis &y, const Axis &x) {
  int64_t rows = w.dims()[0], channels = w.dims()[1], s = y.stride;
  Tensor out(w.dtype(), {rows, channels * s * s, y.taps, x.taps});
  int64_t at = 0;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t phase = 0; phase < s * s; ++phase)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t ty = 0; ty < y.taps; ++ty)
          for (int64_t tx = 0; tx < x.taps; ++tx, ++at) {
            auto ky = y.kernelIndex(phase / s, ty), kx = x.kernelIndex(phase % s, tx);
            if (ky && kx)
              out.setDouble(at, w.asDouble(((m * channels + c) * y.kernel + *ky) * x.kernel + *kx));
          }
  return out;
}

void rewrite(Module &module, Op &op) {
  Axis axes[2];
  for (size_t i = 0; i < 2; ++i) {
    axes[i] = {op.operand(0)->dims()[i + 2], op.result()->dims()[i + 2],
               op.operand(1)->dims()[i + 2], op.ints("dilations")[i],
               op.ints("pads")[i],           op.ints("strides")[i]};
    axes[i].solve();
  }
  const auto &[y, x] = axes;
  Builder builder(module);
  builder.location = op.location;
  builder.setInsertionBefore(&op);
  Value *input = op.operand(0);
  if (int64_t moreY = y.blocks * y.stride - y.in, moreX = x.blocks * x.stride - x.in;
      moreY || moreX)
    input = builder.create(OpKind::Pad, {input},
                           {{"mode", std::string("constant")},
                            {"pads", std::vector<int64_t>{0, 0, 0, 0, 0, 0, moreY, moreX}}});
  input = builder.create(OpKind::SpaceToDepth, {input}, {{"blocksize", y.stride}});
  std::vector<Value *> operands{
      input, builder.constant(phaseWeights(*constantOf(op.operand(1)), y, x), "phases")};
  if (op.operand(2))
    operands.push_back(op.operand(2));
  Value *result =
      builder
          .createOp(OpKind::Conv, operands,
                    {{"dilations", std::vector<int64_t>{1, 1}},
                     {"pads", std::vector<int64_t>{y.convLow, x.convLow, y.convHigh, x.convHigh}},
                     {"strides", std::vector<int64_t>{1, 1}}})
          ->result();
  if (result->dims() != op.result()->dims())
    result = builder.create(OpKind::Slice, {result},
                            {{"starts", std::vector<int64_t>{0, 0, y.skipped, x.skipped}},
                             {"sizes", op.result()->dims()},
                             {"steps", std::vector<int64_t>{1, 1, 1, 1}}});
  replaceOp(&op, result);
}

} // namespace

Expected<void> spaceToDepthInput(Module &module, PassContext &context) {
  int64_t maxChannels = context.options.integer("max-channels");
  for (Op *op : module.main().body.snapshot()) {
    if (op->kind() != OpKind::Conv || op->operand(0)->definingOp() ||
        op->operand(0)->dims()[1] > maxChannels ||
        std::ranges::all_of(op->ints("strides"), [](int64_t s) { return s == 1; }))
      continue;
    if (std::string why = whyNot(*op); !why.empty()) {
      if (context.compression)
        context.compression->notes.push_back(
            {"space-to-depth-input", nameOfLayer(*op), "kept strided: " + why});
      continue;
    }
    rewrite(module, *op);
    context.statistics.add("strided input convolutions with space-to-depth");
  }
  module.eraseUnusedParameters();
  return {};
}

} // namespace edgecc
