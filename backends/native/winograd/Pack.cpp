#include "backends/native/winograd/Winograd.h"

#include <cstring>

namespace edgecc::native {

static int64_t paddedColumns(const WinogradPlan &plan) { return plan.tiling.paddedColumns(); }

int64_t winogradBytes(const Contraction &c, const WinogradPlan &plan) {
  int64_t bytes = plan.frequencies() * c.left.channels * paddedColumns(plan) * 4;
  return (bytes + 63) / 64 * 64;
}

namespace {

// Columns that are transformed at once, so that the arithmetic runs along them.
constexpr int64_t kStrip = 16;
constexpr int64_t kMaxPoints = 8;
using Strip = double[kStrip];

class Packer {
public:
  Packer(const Contraction &c, const WinogradPlan &plan, const ConstantColumns &source)
      : c_(c), plan_(plan), source_(source), weights_(source.tensor->data<float>()) {}

  // One group.
  void pack(size_t matrix, float *to) const {
    int64_t first = 0;
    for (int64_t tile = 0; tile < plan_.tiling.count(); ++tile) {
      bool isFull = tile < plan_.tiling.fullCount;
      const ColumnTile &columns = isFull ? plan_.tiling.full : plan_.tiling.tail;
      int64_t panel = tile / plan_.panelTiles, panelFirst = panel * plan_.panelTiles;
      int64_t full = plan_.tiling.full.padded(), before = panelFirst * full;
      int64_t width = std::min(plan_.panelTiles * full, paddedColumns(plan_) - before);
      if (plan_.tiling.fullCount == 0)
        width = columns.padded();
      // Of frequency 0 and channel 0.
      float *at = to + plan_.frequencies() * c_.left.channels * before +
                  c_.left.channels * (tile - panelFirst) * full;
      for (int64_t channel = 0; channel < c_.left.channels; ++channel)
        for (int64_t column = 0; column < columns.columns; column += kStrip)
          transform(matrix, channel, first + column, std::min(kStrip, columns.columns - column),
                    at + channel * columns.padded() + column, c_.left.channels * width);
      first += columns.columns;
    }
  }

private:
  // filterY * g * filterX^T for `count` columns; frequencies are `plane` elements apart.
  void transform(size_t matrix, int64_t channel, int64_t column, int64_t count, float *to,
                 int64_t plane) const {
    int64_t tapsY = plan_.y.taps, tapsX = plan_.x.taps;
    int64_t pointsY = plan_.y.points(), pointsX = plan_.x.points();
    Strip half[kMaxPoints][kMaxPoints] = {};
    for (int64_t ky = 0; ky < tapsY; ++ky)
      for (int64_t kx = 0; kx < tapsX; ++kx) {
        Strip tap = {};
        auto k = static_cast<size_t>((ky * tapsX + kx) * c_.left.channels + channel);
        int64_t from = source_.matrices[matrix] + source_.k[k] + column * source_.columnStride;
        for (int64_t i = 0; i < count; ++i)
          tap[i] =
              static_cast<double>(weights_[static_cast<size_t>(from + i * source_.columnStride)]);
        for (int64_t fy = 0; fy < pointsY; ++fy)
          addScaled(half[fy][kx], plan_.y.filter[at(fy)][at(ky)], tap);
      }
    for (int64_t fy = 0; fy < pointsY; ++fy)
      for (int64_t fx = 0; fx < pointsX; ++fx) {
        Strip sum = {};
        for (int64_t kx = 0; kx < tapsX; ++kx)
          addScaled(sum, plan_.x.filter[at(fx)][at(kx)], half[fy][kx]);
        float *out = to + (fy * pointsX + fx) * plane;
        for (int64_t i = 0; i < count; ++i)
          out[i] = static_cast<float>(sum[i]);
      }
  }

  static size_t at(int64_t index) { return static_cast<size_t>(index); }

  static void addScaled(Strip &sum, double factor, const Strip &value) {
    for (int64_t i = 0; i < kStrip; ++i)
      sum[i] += factor * value[i];
  }

  const Contraction &c_;
  const WinogradPlan &plan_;
  const ConstantColumns &source_;
  std::span<const float> weights_;
};

} // namespace

int64_t packWinograd(const Contraction &c, const WinogradPlan &plan, const ConstantColumns &source,
                     WeightSection &weights) {
  auto each = static_cast<size_t>(winogradBytes(c, plan));
  return weights.add(each * source.matrices.size(), [&](std::span<std::byte> out) {
    Packer packer(c, plan, source);
    for (size_t m = 0; m < source.matrices.size(); ++m)
      packer.pack(m, reinterpret_cast<float *>(out.data() + m * each));
  });
}

} // namespace edgecc::native
