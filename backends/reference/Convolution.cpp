// Convolution as a matrix product over gathered windows (im2col), and its transpose.
#include "backends/reference/Accumulate.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/MatrixProduct.h"
#include "backends/reference/Window.h"
#include "runtime/numerics/Functions.h"

#include <algorithm>

namespace edgecc::reference {

namespace {

// Elements that the gathered windows may take at a time.
constexpr int64_t kColumnElements = int64_t{1} << 21;

// An operand minus its scalar zero point, as accumulators.
template <class A> std::vector<A> widened(const Call &call, unsigned operand, unsigned zeroPoint) {
  const Tensor &x = call[operand];
  std::vector<A> values(static_cast<size_t>(x.elements()));
  A zero = call.has(zeroPoint) ? static_cast<A>(call[zeroPoint].asInt(0)) : A(0);
  visitNumber(x.dtype(), [&](auto tag) {
    auto in = x.data<decltype(tag)>();
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<A>(in[i]) - zero;
  });
  return values;
}

// w [M, C, taps...] as [M, taps..., C] minus its zero points: then sums run over (tap, channel).
template <class A> std::vector<A> tapMajorWeights(const Call &call, int64_t taps) {
  const Tensor &w = call[1];
  int64_t outputs = w.dims()[0], channels = w.dims()[1];
  const Tensor *zeros = call.has(4) ? &call[4] : nullptr;
  std::vector<A> values(static_cast<size_t>(w.elements()));
  visitNumber(w.dtype(), [&](auto tag) {
    const auto *in = w.data<decltype(tag)>().data();
    A *out = values.data();
    for (int64_t m = 0; m < outputs; ++m, in += channels * taps) {
      A zero = zeros ? static_cast<A>(zeros->asInt(zeros->elements() == 1 ? 0 : m)) : A(0);
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t c = 0; c < channels; ++c)
          *out++ = static_cast<A>(in[c * taps + tap]) - zero;
    }
  });
  return values;
}

// The windows `first`.. of one group's channels as columns, one column each; row (tap, channel), or
// (channel, tap) where channels are `outermost`.
template <class A>
void gatherColumns(const A *x, int64_t channels, const Window &window, bool outermost,
                   int64_t first, int64_t count, A *columns) {
  int64_t size = numElements(window.in);
  std::vector<int64_t> sources(static_cast<size_t>(count));
  for (int64_t tap = 0; tap < window.taps(); ++tap) {
    window.sourcesOf(tap, first, count, sources.data());
    for (int64_t c = 0; c < channels; ++c) {
      const A *plane = x + c * size;
      A *row = columns + (outermost ? c * window.taps() + tap : tap * channels + c) * count;
      for (int64_t source : sources)
        *row++ = source >= 0 ? plane[source] : A(0);
    }
  }
}

// All windows of all groups and samples: y [N, M, positions] in accumulators.
template <class A> std::vector<A> convolve(const Call &call, const Window &window) {
  const Dims &x = call[0].dims(), &w = call[1].dims();
  int64_t groups = call.op.integer("group"), channels = w[1], outputs = w[0] / groups;
  int64_t positions = window.positions(), size = numElements(window.in);
  int64_t depth = channels * window.taps();
  std::vector<A> input = widened<A>(call, 0, 3);
  bool inOrder = std::is_same_v<A, float> && sumsInOrder(call);
  std::vector<A> weights =
      inOrder ? widened<A>(call, 1, 4) : tapMajorWeights<A>(call, window.taps());
  auto multiplyAs = [&](const A *a, const A *b, A *c, int64_t count) {
    if constexpr (std::is_same_v<A, float>)
      if (inOrder)
        return multiplyInOrder(a, depth, b, count, c, positions, outputs, count, depth);
    multiply(a, depth, b, count, c, positions, outputs, count, depth);
  };
  std::vector<A> result(static_cast<size_t>(x[0] * w[0] * positions));
  bool isPointwise = window.taps() == 1 && window.in == window.out &&
                     std::ranges::all_of(window.strides, [](int64_t s) { return s == 1; }) &&
                     std::ranges::all_of(window.padsLow, [](int64_t p) { return p == 0; });
  int64_t batch = std::clamp<int64_t>(kColumnElements / std::max<int64_t>(depth, 1), 1,
                                      std::max<int64_t>(positions, 1));
  std::vector<A> columns(static_cast<size_t>(isPointwise ? 0 : depth * batch));
  for (int64_t n = 0; n < x[0]; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      const A *in = input.data() + (n * groups + g) * channels * size;
      const A *kernels = weights.data() + g * outputs * depth;
      A *out = result.data() + (n * groups + g) * outputs * positions;
      if (isPointwise) {
        multiplyAs(kernels, in, out, positions);
        continue;
      }
      for (int64_t first = 0; first < positions; first += batch) {
        int64_t count = std::min(batch, positions - first);
        gatherColumns(in, channels, window, inOrder, first, count, columns.data());
        multiplyAs(kernels, columns.data(), out + first, count);
      }
    }
  return result;
}

// Sums as a tensor of the result's type, with the bias of each channel added.
template <class R, class A> Tensor finish(const Call &call, DType to, const std::vector<A> &sums) {
  Tensor y = call.result(to);
  R *out = y.mutableData<R>().data();
  const R *bias = call.has(2) ? call[2].data<R>().data() : nullptr;
  const Dims &dims = y.dims();
  int64_t plane = numElements(Dims(dims.begin() + 2, dims.end()));
  for (size_t i = 0; i < sums.size(); ++i) {
    R sum = fromAccumulator<R>(sums[i]);
    auto channel = (static_cast<int64_t>(i) / plane) % dims[1];
    out[i] = bias ? numerics::wrappingAdd(sum, bias[channel]) : sum;
  }
  return y;
}

} // namespace

Results conv(const Call &call) {
  const Dims &w = call[1].dims();
  Window window =
      windowOf(call.op, call[0].dims(), Dims(w.begin() + 2, w.end()), call.resultDims());
  if (isFloat(call[0].dtype()))
    return one(visitFloat(call[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      return finish<T>(call, call[0].dtype(), convolve<T>(call, window));
    }));
  return one(visitAccumulator(call[0].dtype(), call[1].dtype(), [&](auto tag) {
    return finish<int32_t>(call, DType::I32, convolve<decltype(tag)>(call, window));
  }));
}

namespace {

// Every input element spreads its multiple of the kernel over the result. As a convolution's window
// with the roles of input and output exchanged: position = input, source = output.
template <class A> std::vector<A> spread(const Call &call) {
  const Dims &x = call[0].dims(), &w = call[1].dims();
  Window window =
      windowOf(call.op, call.resultDims(), Dims(w.begin() + 2, w.end()), call[0].dims());
  int64_t groups = call.op.integer("group"), channels = x[1] / groups, outputs = w[1];
  int64_t positions = window.positions(), taps = window.taps(), size = numElements(window.in);
  int64_t rows = outputs * taps;
  std::vector<A> result(static_cast<size_t>(x[0] * groups * outputs * size));
  int64_t batch = std::clamp<int64_t>(kColumnElements / std::max<int64_t>(rows, 1), 1,
                                      std::max<int64_t>(positions, 1));
  std::vector<A> columns(static_cast<size_t>(rows * batch));
  std::vector<int64_t> targets(static_cast<size_t>(batch));
  std::vector<A> input = widened<A>(call, 0, 3), weights = widened<A>(call, 1, 4);
  for (int64_t n = 0; n < x[0]; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      const A *in = input.data() + (n * groups + g) * channels * positions;
      // [channels, rows] transposed to [rows, channels].
      RowMajor<A> kernels = ConstMatrix<A>(weights.data() + g * channels * rows, channels, rows,
                                           Eigen::OuterStride<>(rows))
                                .transpose();
      A *out = result.data() + (n * groups + g) * outputs * size;
      for (int64_t first = 0; first < positions; first += batch) {
        int64_t count = std::min(batch, positions - first);
        multiply(kernels.data(), channels, in + first, positions, columns.data(), count, rows,
                 count, channels);
        for (int64_t tap = 0; tap < taps; ++tap) {
          window.sourcesOf(tap, first, count, targets.data());
          for (int64_t m = 0; m < outputs; ++m)
            for (int64_t i = 0; i < count; ++i)
              if (int64_t target = targets[static_cast<size_t>(i)]; target >= 0)
                out[m * size + target] +=
                    columns[static_cast<size_t>((m * taps + tap) * count + i)];
        }
      }
    }
  return result;
}

// The same with one accumulator for each result element, to which products are added in ascending
// (input channel, input position): taps descend, because a later tap reads an earlier position.
std::vector<float> spreadInOrder(const Call &call) {
  const Dims &x = call[0].dims(), &w = call[1].dims();
  Window window =
      windowOf(call.op, call.resultDims(), Dims(w.begin() + 2, w.end()), call[0].dims());
  int64_t groups = call.op.integer("group"), channels = x[1] / groups, outputs = w[1];
  int64_t positions = window.positions(), taps = window.taps(), size = numElements(window.in);
  std::vector<float> result(static_cast<size_t>(x[0] * groups * outputs * size));
  std::vector<int64_t> targets(static_cast<size_t>(positions));
  auto input = call[0].data<float>(), weights = call[1].data<float>();
  // Every tap of every channel, in order; then all the accumulators that it adds to.
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t tap = taps; tap-- > 0;) {
      window.sourcesOf(tap, 0, positions, targets.data());
      for (int64_t n = 0; n < x[0]; ++n)
        for (int64_t g = 0; g < groups; ++g) {
          const float *in = input.data() + ((n * groups + g) * channels + c) * positions;
          for (int64_t m = 0; m < outputs; ++m) {
            float weight =
                weights[static_cast<size_t>(((g * channels + c) * outputs + m) * taps + tap)];
            float *out = result.data() + ((n * groups + g) * outputs + m) * size;
            for (int64_t i = 0; i < positions; ++i)
              if (int64_t target = targets[static_cast<size_t>(i)]; target >= 0)
                out[target] += weight * in[i];
          }
        }
    }
  return result;
}

} // namespace

Results convTranspose(const Call &call) {
  if (isFloat(call[0].dtype()))
    return one(visitFloat(call[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      if constexpr (std::is_same_v<T, float>)
        if (sumsInOrder(call))
          return finish<T>(call, call[0].dtype(), spreadInOrder(call));
      return finish<T>(call, call[0].dtype(), spread<T>(call));
    }));
  return one(visitAccumulator(call[0].dtype(), call[1].dtype(), [&](auto tag) {
    return finish<int32_t>(call, DType::I32, spread<decltype(tag)>(call));
  }));
}

} // namespace edgecc::reference
