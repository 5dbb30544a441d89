#include "passes/channels/PatchGeometry.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace edgecc {

std::optional<PatchGeometry> PatchGeometry::of(const Op &op) {
  if (op.numOperands() < 2 || !op.operand(1))
    return std::nullopt;
  PatchGeometry g;
  const Dims &w = op.operand(1)->dims();
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::ConvTranspose: {
    bool transposed = op.kind() == OpKind::ConvTranspose;
    g.form_ = transposed ? Form::TransposedWindow : Form::Window;
    g.groups_ = op.integer("group");
    g.kernel_ = Dims(w.begin() + 2, w.end());
    g.taps_ = numElements(g.kernel_);
    g.rows_ = transposed ? w[1] : w[0] / g.groups_;
    g.cols_ = (transposed ? w[0] / g.groups_ : w[1]) * g.taps_;
    g.strides_ = op.ints("strides");
    g.dilations_ = op.ints("dilations");
    const auto &pads = op.ints("pads");
    g.padsLow_ = Dims(pads.begin(), pads.begin() + static_cast<int64_t>(g.kernel_.size()));
    return g;
  }
  case OpKind::Gemm:
    if (op.real("alpha") != 1)
      return std::nullopt;
    g.transposedInput_ = op.flag("transA");
    g.transposedWeights_ = op.flag("transB");
    g.rows_ = w[g.transposedWeights_ ? 0 : 1];
    g.cols_ = w[g.transposedWeights_ ? 1 : 0];
    return g;
  case OpKind::MatMul:
    if (w.size() != 2)
      return std::nullopt;
    g.rows_ = w[1];
    g.cols_ = w[0];
    return g;
  default:
    return std::nullopt;
  }
}

int64_t PatchGeometry::weightIndex(int64_t group, int64_t row, int64_t col) const {
  if (form_ == Form::Product)
    return transposedWeights_ ? row * cols_ + col : col * rows_ + row;
  if (form_ == Form::Window)
    return (group * rows_ + row) * cols_ + col;
  int64_t channel = group * (cols_ / taps_) + col / taps_;
  return (channel * rows_ + row) * taps_ + col % taps_;
}

unsigned PatchGeometry::channelAxis(const Dims &result) const {
  return form_ == Form::Product ? static_cast<unsigned>(result.size() - 1) : 1;
}

int64_t PatchGeometry::positions(const Dims &result) const {
  int64_t channels = groups_ * rows_;
  return channels == 0 ? 0 : numElements(result) / channels;
}

void PatchGeometry::gatherPatch(const Tensor &x, const Dims &result, int64_t position,
                                int64_t group, int64_t count, float *patch) const {
  assert(x.dtype() == DType::F32);
  if (form_ != Form::Product)
    return gatherWindow(x, result, position, group, count, patch);
  const float *in = x.data<float>().data();
  int64_t stride = transposedInput_ ? x.dims()[1] : 1;
  const float *first = transposedInput_ ? in + position : in + position * cols_;
  for (int64_t c = 0; c < cols_; ++c)
    patch[c] = first[c * stride];
}

void PatchGeometry::gatherWindow(const Tensor &x, const Dims &result, int64_t position,
                                 int64_t group, int64_t count, float *patch) const {
  size_t rank = kernel_.size();
  const Dims &in = x.dims();
  std::array<int64_t, kMaxRank> at{}; // of the position along each spatial axis
  int64_t rest = position;
  for (size_t d = rank; d-- > 0;) {
    at[d] = rest % result[d + 2];
    rest /= result[d + 2];
  }
  int64_t plane = 1;
  for (size_t d = 0; d < rank; ++d)
    plane *= in[d + 2];
  int64_t perGroup = cols_ / taps_, channels = count * perGroup;
  const float *image = x.data<float>().data() + (rest * in[1] + group * perGroup) * plane;

  for (int64_t tap = 0; tap < taps_; ++tap) {
    int64_t offset = 0, left = tap, scale = 1;
    bool inside = true;
    for (size_t d = rank; d-- > 0;) {
      int64_t k = left % kernel_[d];
      left /= kernel_[d];
      int64_t i;
      if (form_ == Form::Window) {
        i = at[d] * strides_[d] + k * dilations_[d] - padsLow_[d];
      } else { // out = in * stride + k * dilation - pad
        int64_t scattered = at[d] + padsLow_[d] - k * dilations_[d];
        inside &= scattered % strides_[d] == 0 && scattered >= 0;
        i = scattered / strides_[d];
      }
      inside &= i >= 0 && i < in[d + 2];
      offset += i * scale;
      scale *= in[d + 2];
    }
    for (int64_t c = 0; c < channels; ++c)
      patch[c * taps_ + tap] = inside ? image[c * plane + offset] : 0.0f;
  }
}

void PatchGeometry::gatherResult(const Tensor &y, int64_t position, float *channels) const {
  assert(y.dtype() == DType::F32);
  int64_t count = groups_ * rows_;
  const float *out = y.data<float>().data();
  if (form_ == Form::Product) {
    std::copy_n(out + position * count, count, channels);
    return;
  }
  int64_t plane = 1;
  for (size_t d = 2; d < y.dims().size(); ++d)
    plane *= y.dims()[d];
  const float *first = out + position / plane * count * plane + position % plane;
  for (int64_t c = 0; c < count; ++c)
    channels[c] = first[c * plane];
}

} // namespace edgecc
