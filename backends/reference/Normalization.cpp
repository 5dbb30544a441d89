// Normalisations. Means and variances accumulate in f64; results are rounded once.
#include "backends/reference/Convert.h"
#include "backends/reference/Kernels.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"

#include <algorithm>
#include <cmath>

namespace edgecc::reference {

namespace {

struct Moments {
  double mean, variance;
};

template <class T> Moments momentsOf(const T *x, int64_t count) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += static_cast<double>(x[i]);
  double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    double distance = static_cast<double>(x[i]) - mean;
    squares += distance * distance;
  }
  return {mean, squares / static_cast<double>(count)};
}

int64_t productFrom(const Dims &dims, size_t axis) {
  return numElements(Dims(dims.begin() + static_cast<ptrdiff_t>(axis), dims.end()));
}

} // namespace

Results batchNormalization(const Call &call) {
  const Tensor &x = call[0];
  std::vector<Tensor> perChannel;
  for (unsigned i = 1; i < 5; ++i)
    perChannel.push_back(convert(call[i], x.dtype()));
  int64_t channels = x.dims()[1], size = productFrom(x.dims(), 2);
  Tensor y(x.dtype(), x.dims());
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T *in = x.data<T>().data();
    T *out = y.mutableData<T>().data();
    auto scale = perChannel[0].data<T>(), bias = perChannel[1].data<T>(),
         mean = perChannel[2].data<T>(), variance = perChannel[3].data<T>();
    auto epsilon = static_cast<T>(call.op.real("epsilon"));
    for (int64_t plane = 0; plane < x.dims()[0] * channels; ++plane) {
      auto c = static_cast<size_t>(plane % channels);
      T deviation = std::sqrt(variance[c] + epsilon);
      for (int64_t i = plane * size; i < (plane + 1) * size; ++i)
        out[i] = (in[i] - mean[c]) / deviation * scale[c] + bias[c];
    }
  });
  return one(std::move(y));
}

// An instance is a group of one channel.
Results groupNormalization(const Call &call) {
  const Tensor &x = call[0];
  int64_t channels = x.dims()[1], size = productFrom(x.dims(), 2);
  int64_t groups =
      call.op.kind() == OpKind::GroupNormalization ? call.op.integer("num_groups") : channels;
  double epsilon = call.op.real("epsilon");
  Tensor y(x.dtype(), x.dims());
  if (x.elements() == 0)
    return one(std::move(y));
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto scale = call[1].data<T>(), bias = call[2].data<T>();
    int64_t perGroup = channels / groups * size;
    for (int64_t group = 0; group < x.dims()[0] * groups; ++group) {
      const T *in = x.data<T>().data() + group * perGroup;
      T *out = y.mutableData<T>().data() + group * perGroup;
      Moments moments = momentsOf(in, perGroup);
      double inverse = 1 / std::sqrt(moments.variance + epsilon);
      for (int64_t i = 0; i < perGroup; ++i) {
        auto c = static_cast<size_t>((group * perGroup + i) / size % channels);
        out[i] = static_cast<T>((static_cast<double>(in[i]) - moments.mean) * inverse *
                                    static_cast<double>(scale[c]) +
                                static_cast<double>(bias[c]));
      }
    }
  });
  return one(std::move(y));
}

namespace {

// A scale or bias spread over the normalised axes; `absent` where there is none.
std::vector<double> spreadOver(const Call &call, unsigned operand, const Dims &axes,
                               double absent) {
  std::vector<double> values(static_cast<size_t>(numElements(axes)), absent);
  if (!call.has(operand))
    return values;
  const Tensor &x = call[operand];
  forEachRow<1>(axes, {broadcastStrides(x.dims(), axes)},
                [&](int64_t first, int64_t length, auto at, auto step) {
                  for (int64_t i = 0; i < length; ++i)
                    values[static_cast<size_t>(first + i)] = x.asDouble(at[0] + i * step[0]);
                });
  return values;
}

} // namespace

Results layerNormalization(const Call &call) {
  const Tensor &x = call[0];
  bool centres = call.op.kind() == OpKind::LayerNormalization;
  auto axis = static_cast<size_t>(call.op.integer("axis"));
  Dims trailing(x.dims().begin() + static_cast<ptrdiff_t>(axis), x.dims().end());
  Dims statistics = x.dims();
  std::fill(statistics.begin() + static_cast<ptrdiff_t>(axis), statistics.end(), 1);
  int64_t size = numElements(trailing);
  double epsilon = call.op.real("epsilon");
  std::vector<double> scale = spreadOver(call, 1, trailing, 1);
  std::vector<double> bias = spreadOver(call, 2, trailing, 0);
  Tensor y(x.dtype(), x.dims()), means(x.dtype(), statistics), inverses(x.dtype(), statistics);
  if (x.elements() > 0)
    visitFloat(x.dtype(), [&](auto tag) {
      using T = decltype(tag);
      for (int64_t row = 0; row < means.elements(); ++row) {
        const T *in = x.data<T>().data() + row * size;
        T *out = y.mutableData<T>().data() + row * size;
        Moments moments = momentsOf(in, size);
        double mean = centres ? moments.mean : 0;
        // The mean square is the variance plus the squared mean.
        double square = moments.variance + (centres ? 0 : moments.mean * moments.mean);
        double inverse = 1 / std::sqrt(square + epsilon);
        for (int64_t i = 0; i < size; ++i)
          out[i] = static_cast<T>((static_cast<double>(in[i]) - mean) * inverse *
                                      scale[static_cast<size_t>(i)] +
                                  bias[static_cast<size_t>(i)]);
        means.setDouble(row, mean);
        inverses.setDouble(row, inverse);
      }
    });
  std::vector<Tensor> results;
  results.push_back(std::move(y));
  results.push_back(std::move(means));
  results.push_back(std::move(inverses));
  return results;
}

Results localResponseNormalization(const Call &call) {
  const Tensor &x = call[0];
  int64_t channels = x.dims()[1], plane = productFrom(x.dims(), 2), size = call.op.integer("size");
  double alpha = call.op.real("alpha") / static_cast<double>(size), beta = call.op.real("beta"),
         offset = call.op.real("bias");
  Tensor y(x.dtype(), x.dims());
  visitFloat(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    for (int64_t n = 0; n < x.dims()[0]; ++n) {
      const T *in = x.data<T>().data() + n * channels * plane;
      T *out = y.mutableData<T>().data() + n * channels * plane;
      for (int64_t c = 0; c < channels; ++c) {
        int64_t low = std::max<int64_t>(0, c - (size - 1) / 2);
        int64_t high = std::min(channels - 1, c + size / 2);
        for (int64_t i = 0; i < plane; ++i) {
          double squares = 0;
          for (int64_t k = low; k <= high; ++k) {
            auto value = static_cast<double>(in[k * plane + i]);
            squares += value * value;
          }
          out[c * plane + i] = static_cast<T>(static_cast<double>(in[c * plane + i]) /
                                              std::pow(offset + alpha * squares, beta));
        }
      }
    }
  });
  return one(std::move(y));
}

} // namespace edgecc::reference
