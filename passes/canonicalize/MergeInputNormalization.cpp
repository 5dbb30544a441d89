// Folds per-channel affine functions into the convolution behind them:
//   W (s x + t) + b = (W s) x + (W t + b)
// A scale always goes: padding stays zero under it. A shift goes only where the convolution does
// not pad, because the padded border is 0 after the shift and not before it.
#include "passes/Passes.h"
#include "passes/canonicalize/ChannelAffine.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

bool isUnpadded(const Op &conv) {
  return std::ranges::all_of(conv.ints("pads"), [](int64_t pad) { return pad == 0; });
}

// The input channel that weight `i` of [M, C / group, kernel...], counted in row-major order,
// reads.
class InputChannel {
public:
  InputChannel(const Op &conv, const Dims &w)
      : perGroup_(w[1]), outputsPerGroup_(w[0] / conv.integer("group")) {
    for (size_t i = 2; i < w.size(); ++i)
      kernel_ *= w[i];
  }
  int64_t output(int64_t i) const { return i / (kernel_ * perGroup_); }
  size_t operator()(int64_t i) const {
    int64_t group = output(i) / outputsPerGroup_;
    return static_cast<size_t>(group * perGroup_ + i / kernel_ % perGroup_);
  }

private:
  int64_t perGroup_, outputsPerGroup_, kernel_ = 1;
};

bool merge(Module &module, Op *conv) {
  Op *normalization = conv->operand(0)->definingOp();
  const Tensor *w = constantOf(conv->operand(1));
  const Tensor *b = constantOf(conv->operand(2));
  if (!normalization || !w || w->dtype() != DType::F32 || (conv->operand(2) && !b) ||
      !hasOneUser(normalization->result()))
    return false;
  auto affine = channelAffine(*normalization, 1);
  if (!affine || (affine->shifts() && !isUnpadded(*conv)) ||
      !std::ranges::all_of(affine->scale, [](double s) { return std::isfinite(s); }))
    return false;
  InputChannel channel(*conv, w->dims());
  Tensor weights(DType::F32, w->dims()), bias(DType::F32, {w->dims()[0]});
  std::vector<double> sums(static_cast<size_t>(w->dims()[0]), 0.0);
  for (int64_t i = 0; i < w->elements(); ++i) {
    weights.setDouble(i, w->asDouble(i) * affine->scaleOf(channel(i)));
    sums[static_cast<size_t>(channel.output(i))] += w->asDouble(i) * affine->shiftOf(channel(i));
  }
  for (int64_t m = 0; m < bias.elements(); ++m)
    bias.setDouble(m, sums[static_cast<size_t>(m)] + (b ? b->asDouble(m) : 0.0));
  std::vector<Value *> operands{affine->x,
                                constantBefore(module, conv, std::move(weights),
                                               conv->operand(1)->definingOp()->parameter->name)};
  if (b || affine->shifts())
    operands.push_back(constantBefore(module, conv, std::move(bias), "bias"));
  conv->setOperands(operands);
  conv->location = joinLocations(normalization->location, conv->location);
  eraseWithDeadOperands(normalization);
  return true;
}

} // namespace

Expected<void> mergeInputNormalization(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot())
        while (op->kind() == OpKind::Conv && merge(module, op))
          context.statistics.add("input normalisations merged");
    });
  return {};
}

} // namespace edgecc
