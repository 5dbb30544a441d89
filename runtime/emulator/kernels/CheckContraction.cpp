// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Check.h"
#include "runtime/emulator/kernels/Check.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

// Whether an extent follows from the windows along its axis. Attributes have 32 bits and extents
// 31, so that nothing overflows but the product of dilation and taps.
bool isExtentOf(int64_t out, int64_t in, int64_t padLow, int64_t padHigh, int64_t kernel,
                int64_t stride, int64_t dilation) {
  int64_t reach = 0;
  if (kernel < 1 || stride < 1 || dilation < 1 ||
      __builtin_mul_overflow(kernel - 1, dilation, &reach))
    return false;
  int64_t room = in + padLow + padHigh - 1 - reach;
  return room >= 0 && room / stride + 1 == out;
}

template <class T> bool haveSize(size_t size, std::initializer_list<const std::vector<T> *> lists) {
  return std::ranges::all_of(lists, [&](const auto *list) { return list->size() == size; });
}

Result<void> checkTypes(const ContractionT &kernel, Inputs inputs, const Operand &output) {
  ElementType x = inputs[0].type, w = inputs[1].type;
  auto isFactor = [](ElementType type, unsigned leastBits) {
    return isInteger(type) && type != ElementType::Bool && bitsOf(type) >= leastBits &&
           bitsOf(type) <= 16;
  };
  bool floats = isFloat(x);
  if (floats ? !isFloat(w) : !isFactor(x, 8) || !isFactor(w, 4))
    return unfit(fmt::format("a contraction of {} and {}", nameOf(x), nameOf(w)));
  if (bitsOf(kernel.sum_type) < 8 || isFloat(kernel.sum_type) != floats)
    return unfit(fmt::format("a contraction of {} to {}", nameOf(x), nameOf(kernel.sum_type)));
  if (kernel.has_bias && (floats ? !isFloat(inputs[2].type) : inputs[2].type != ElementType::I32))
    return unfit(
        fmt::format("a contraction of {} with a bias of {}", nameOf(x), nameOf(inputs[2].type)));
  if (kernel.carries_in && output.type != (floats ? ElementType::F32 : ElementType::I32))
    return unfit("a contraction carries on sums that the output does not hold");
  if (kernel.w_zero_points >= 0 &&
      (floats || !isInteger(inputs[static_cast<size_t>(kernel.w_zero_points)].type)))
    return unfit("zero points of a contraction are not integers");
  return {};
}

Result<void> checkZeros(const ContractionT &kernel, Inputs inputs, int64_t channels) {
  if (kernel.w_zero_points < 0)
    return {};
  const Operand &zeros = inputs[static_cast<size_t>(kernel.w_zero_points)];
  if (zeros.dims.size() != 1 || (zeros.dims[0] != channels && zeros.dims[0] != 1))
    return unfit("a contraction has not one zero point for each output channel");
  return {};
}

Result<void> checkProduct(const ContractionT &kernel, Inputs inputs, const Operand &output) {
  const auto &x = inputs[0].dims, &w = inputs[1].dims, &y = output.dims;
  if (x.size() < 2 || w.size() < 2 || y.size() != std::max(x.size(), w.size()))
    return unfit("a matrix product of no matrices");
  auto fromEnd = [](const std::vector<int64_t> &dims, size_t i) {
    return i < dims.size() ? dims[dims.size() - 1 - i] : 1;
  };
  bool fits = fromEnd(x, 0) == fromEnd(w, 1) && fromEnd(y, 1) == fromEnd(x, 1) &&
              fromEnd(y, 0) == fromEnd(w, 0);
  for (size_t i = 2; i < y.size(); ++i) {
    int64_t a = fromEnd(x, i), b = fromEnd(w, i), c = fromEnd(y, i);
    fits &= (a == c || a == 1) && (b == c || b == 1);
  }
  if (!fits)
    return unfit("a matrix product of shapes that do not fit");
  if (kernel.has_bias && !broadcastsTo(inputs[2], y))
    return unfit("a matrix product with a bias that does not broadcast");
  return checkZeros(kernel, inputs, y.back());
}

// What a fused pooling reads is held beside the device's memory, 4 bytes each, and may be the
// result of views that repeat few bytes.
constexpr int64_t kMaxPooledElements = int64_t{1} << 27;

Result<void> checkFusedPool(const ContractionT &kernel, std::span<const int64_t> convolved,
                            std::span<const int64_t> y) {
  if (kernel.pool_kernel == 0)
    return kernel.pool_stride == 0 ? Result<void>() : unfit("a fused pooling without a window");
  if (kernel.pool_kernel > kMaxFusedPool || kernel.pool_stride < 1 ||
      kernel.pool_stride > kMaxFusedPool || kernel.carries_in)
    return unfit(fmt::format("a fused pooling of windows above {}, or behind sums that carry on",
                             kMaxFusedPool));
  int64_t elements = 1;
  for (int64_t extent : convolved) {
    if (extent < 1 || extent > kMaxPooledElements / elements)
      return unfit("a fused pooling of too many elements");
    elements *= extent;
  }
  for (size_t i = 2; i < y.size(); ++i)
    if (!isExtentOf(y[i], convolved[i], 0, 0, kernel.pool_kernel, kernel.pool_stride, 1))
      return unfit(
          fmt::format("a fused pooling of {} positions does not give {}", convolved[i], y[i]));
  return {};
}

Result<void> checkConvolution(const ContractionT &kernel, Inputs inputs, const Operand &output) {
  const auto &x = inputs[0].dims, &w = inputs[1].dims;
  std::vector<int64_t> y = output.dims;
  if (x.size() < 3 || w.size() != x.size() || y.size() != x.size())
    return unfit("a convolution of tensors that are not [N, C, spatial...]");
  size_t spatial = x.size() - 2;
  if (!haveSize<uint32_t>(spatial, {&kernel.strides, &kernel.dilations}) ||
      !haveSize<int32_t>(spatial, {&kernel.pads_low, &kernel.pads_high}))
    return unfit("a convolution without an attribute for each spatial axis");
  if (kernel.groups < 1 || w[0] % kernel.groups != 0 || x[1] != w[1] * kernel.groups ||
      y[0] != x[0] || y[1] != w[0])
    return unfit("a convolution whose channels do not fit");
  if (!kernel.kernel.empty() && !std::ranges::equal(kernel.kernel, std::span(w).subspan(2)))
    return unfit("a convolution whose weights have not the taps that it states");
  if (kernel.pool_kernel != 0 || kernel.pool_stride != 0) {
    y = convolvedDims(kernel, x, w, output.dims);
    if (auto checked = checkFusedPool(kernel, y, output.dims); !checked)
      return checked;
  }
  for (size_t i = 0; i < spatial; ++i)
    if (!isExtentOf(y[i + 2], x[i + 2], kernel.pads_low[i], kernel.pads_high[i], w[i + 2],
                    kernel.strides[i], kernel.dilations[i]))
      return unfit(fmt::format("a convolution of {} positions with {} taps does not give {}",
                               x[i + 2], w[i + 2], y[i + 2]));
  if (kernel.has_bias && (inputs[2].dims.size() != 1 || inputs[2].dims[0] != y[1]))
    return unfit("a convolution without one bias for each output channel");
  return checkZeros(kernel, inputs, y[1]);
}

} // namespace

std::vector<int64_t> convolvedDims(const ContractionT &kernel, std::span<const int64_t> x,
                                   std::span<const int64_t> w, std::span<const int64_t> output) {
  std::vector<int64_t> dims(output.begin(), output.end());
  if (kernel.pool_kernel == 0)
    return dims;
  for (size_t i = 2; i < dims.size(); ++i) {
    int64_t reach = 0, in = x[i] + kernel.pads_low[i - 2] + kernel.pads_high[i - 2] - 1;
    int64_t stride = kernel.strides[i - 2];
    bool isTooFar = __builtin_mul_overflow(w[i] - 1, int64_t{kernel.dilations[i - 2]}, &reach);
    dims[i] = isTooFar || stride < 1 || in < reach ? 0 : (in - reach) / stride + 1;
  }
  return dims;
}

Result<void> checkContraction(const ContractionT &kernel, Inputs inputs, const Operand &output) {
  if (inputs.size() < 2u + kernel.has_bias ||
      kernel.w_zero_points >= static_cast<int64_t>(inputs.size()))
    return unfit("a contraction lacks an operand");
  if (auto checked = checkTypes(kernel, inputs, output); !checked)
    return checked;
  if (kernel.product && (kernel.pool_kernel != 0 || kernel.pool_stride != 0))
    return unfit("a pooling behind a matrix product");
  return kernel.product ? checkProduct(kernel, inputs, output)
                        : checkConvolution(kernel, inputs, output);
}

Result<void> checkPool(const PoolT &kernel, Inputs inputs, const Operand &output) {
  // Windows with more elements than any tensor of a network.
  constexpr int64_t kMaxTaps = int64_t{1} << 22;
  const Operand &operand = inputs[0];
  const auto &x = operand.dims, &y = output.dims;
  if (x.size() < 3 || y.size() != x.size() || y[0] != x[0] || y[1] != x[1])
    return unfit("a pooling of tensors that are not [N, C, spatial...]");
  size_t spatial = x.size() - 2;
  if (!haveSize<uint32_t>(
          spatial, {&kernel.kernel, &kernel.strides, &kernel.dilations, &kernel.ceil_high}) ||
      !haveSize<int32_t>(spatial, {&kernel.pads_low, &kernel.pads_high}))
    return unfit("a pooling without an attribute for each spatial axis");
  int64_t taps = 1;
  for (size_t i = 0; i < spatial; ++i) {
    if (!isExtentOf(y[i + 2], x[i + 2], kernel.pads_low[i],
                    int64_t{kernel.pads_high[i]} + kernel.ceil_high[i], kernel.kernel[i],
                    kernel.strides[i], kernel.dilations[i]))
      return unfit(fmt::format("a pooling of {} positions with {} taps does not give {}", x[i + 2],
                               kernel.kernel[i], y[i + 2]));
    if (kernel.kernel[i] > kMaxTaps / taps)
      return unfit("a pooling over more elements than any network has");
    taps *= kernel.kernel[i];
  }
  if (kernel.kind < PoolKind::MIN || kernel.kind > PoolKind::MAX || bitsOf(operand.type) < 8 ||
      bitsOf(kernel.to) < 8 || isFloat(operand.type) != isFloat(kernel.to) ||
      (kernel.kind == PoolKind::Max && kernel.to != operand.type))
    return unfit(fmt::format("a pooling of {} to {}", nameOf(operand.type), nameOf(kernel.to)));
  return {};
}

} // namespace edgecc::emulator
