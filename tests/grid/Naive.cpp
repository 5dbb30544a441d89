#include "tests/grid/Naive.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace edgecc::test {

namespace {

using Triple = std::array<int64_t, 3>;

Triple widen(const Dims &dims, size_t from, int64_t fill) {
  Triple out{fill, fill, fill};
  size_t count = std::min(dims.size() - from, size_t{3});
  for (size_t i = 0; i < count; ++i)
    out[3 - count + i] = dims[from + i];
  return out;
}

struct Geometry {
  Triple in, kernel, strides, dilations, low, high, out;
  size_t rank; // of the spatial axes
};

Geometry geometry(const Dims &x, const WindowShape &window) {
  size_t rank = x.size() - 2;
  Geometry g{};
  g.rank = rank;
  g.in = widen(x, 2, 1);
  g.kernel = widen(window.kernel, 0, 1);
  g.strides = widen(window.strides, 0, 1);
  g.dilations = widen(window.dilations, 0, 1);
  Dims low(window.pads.begin(), window.pads.begin() + static_cast<ptrdiff_t>(rank));
  Dims high(window.pads.begin() + static_cast<ptrdiff_t>(rank), window.pads.end());
  g.low = widen(low, 0, 0);
  g.high = widen(high, 0, 0);
  for (size_t d = 0; d < 3; ++d) {
    int64_t room = g.in[d] + g.low[d] + g.high[d] - (g.kernel[d] - 1) * g.dilations[d] - 1;
    g.out[d] = room / g.strides[d] + 1;
    // One more window if something is left over and it still begins on data or in the low padding.
    if (window.ceilMode && room % g.strides[d] != 0 && g.out[d] * g.strides[d] < g.in[d] + g.low[d])
      ++g.out[d];
  }
  return g;
}

template <class Body> void loop(const Triple &extent, Body &&body) {
  for (int64_t i = 0; i < extent[0]; ++i)
    for (int64_t j = 0; j < extent[1]; ++j)
      for (int64_t k = 0; k < extent[2]; ++k)
        body(Triple{i, j, k});
}

int64_t flat(const Triple &index, const Triple &extent) {
  return (index[0] * extent[1] + index[1]) * extent[2] + index[2];
}

int64_t volume(const Triple &extent) { return extent[0] * extent[1] * extent[2]; }

Dims dimsOf(int64_t n, int64_t c, const Triple &spatial, size_t rank) {
  Dims dims{n, c};
  dims.insert(dims.end(), spatial.end() - static_cast<ptrdiff_t>(rank), spatial.end());
  return dims;
}

Sums emptySums(Dims dims) {
  auto count = static_cast<size_t>(numElements(dims));
  return {std::move(dims), std::vector<double>(count), std::vector<double>(count),
          std::vector<double>(count)};
}

void addProduct(Sums &sums, int64_t at, double product) {
  auto i = static_cast<size_t>(at);
  sums.value[i] += product;
  sums.magnitude[i] += std::abs(product);
  sums.terms[i] += 1;
}

bool isInside(const Triple &index, const Triple &extent) {
  for (size_t d = 0; d < 3; ++d)
    if (index[d] < 0 || index[d] >= extent[d])
      return false;
  return true;
}

} // namespace

Sums naiveConv(const Tensor &x, const Tensor &w, const WindowShape &window, int64_t group,
               double xZero, const std::vector<double> &wZero) {
  Geometry g = geometry(x.dims(), window);
  std::vector<double> in = valuesOf(x), weights = valuesOf(w);
  int64_t n = x.dims()[0], c = x.dims()[1], m = w.dims()[0], perGroup = w.dims()[1];
  Sums sums = emptySums(dimsOf(n, m, g.out, g.rank));
  for (int64_t batch = 0; batch < n; ++batch)
    for (int64_t oc = 0; oc < m; ++oc)
      loop(g.out, [&](const Triple &o) {
        int64_t at = (batch * m + oc) * volume(g.out) + flat(o, g.out);
        double zero = wZero[wZero.size() == 1 ? 0 : static_cast<size_t>(oc)];
        for (int64_t ic = 0; ic < perGroup; ++ic)
          loop(g.kernel, [&](const Triple &k) {
            Triple i;
            for (size_t d = 0; d < 3; ++d)
              i[d] = o[d] * g.strides[d] - g.low[d] + k[d] * g.dilations[d];
            if (!isInside(i, g.in))
              return;
            int64_t channel = oc / (m / group) * perGroup + ic;
            double a =
                in[static_cast<size_t>((batch * c + channel) * volume(g.in) + flat(i, g.in))];
            double b = weights[static_cast<size_t>((oc * perGroup + ic) * volume(g.kernel) +
                                                   flat(k, g.kernel))];
            addProduct(sums, at, (a - xZero) * (b - zero));
          });
      });
  return sums;
}

Sums naiveConvTranspose(const Tensor &x, const Tensor &w, const WindowShape &window, int64_t group,
                        const Dims &outputPadding) {
  Geometry g = geometry(x.dims(), window);
  Triple extra = widen(outputPadding, 0, 0), out;
  for (size_t d = 0; d < 3; ++d)
    out[d] = (g.in[d] - 1) * g.strides[d] + (g.kernel[d] - 1) * g.dilations[d] + 1 + extra[d] -
             g.low[d] - g.high[d];
  std::vector<double> in = valuesOf(x), weights = valuesOf(w);
  int64_t n = x.dims()[0], c = x.dims()[1], perGroup = w.dims()[1], m = perGroup * group;
  Sums sums = emptySums(dimsOf(n, m, out, g.rank));
  for (int64_t batch = 0; batch < n; ++batch)
    for (int64_t ic = 0; ic < c; ++ic)
      loop(g.in, [&](const Triple &i) {
        double a = in[static_cast<size_t>((batch * c + ic) * volume(g.in) + flat(i, g.in))];
        for (int64_t oc = 0; oc < perGroup; ++oc)
          loop(g.kernel, [&](const Triple &k) {
            Triple o;
            for (size_t d = 0; d < 3; ++d)
              o[d] = i[d] * g.strides[d] + k[d] * g.dilations[d] - g.low[d];
            if (!isInside(o, out))
              return;
            int64_t channel = ic / (c / group) * perGroup + oc;
            double b = weights[static_cast<size_t>((ic * perGroup + oc) * volume(g.kernel) +
                                                   flat(k, g.kernel))];
            addProduct(sums, (batch * m + channel) * volume(out) + flat(o, out), a * b);
          });
      });
  return sums;
}

Windows naiveWindows(const Tensor &x, const WindowShape &window) {
  Geometry g = geometry(x.dims(), window);
  std::vector<double> in = valuesOf(x);
  Windows windows;
  windows.dims = dimsOf(x.dims()[0], x.dims()[1], g.out, g.rank);
  for (int64_t plane = 0; plane < x.dims()[0] * x.dims()[1]; ++plane)
    loop(g.out, [&](const Triple &o) {
      auto &elements = windows.elements.emplace_back();
      int64_t &padded = windows.padded.emplace_back(0);
      loop(g.kernel, [&](const Triple &k) {
        Triple i, shifted, extent;
        for (size_t d = 0; d < 3; ++d) {
          i[d] = o[d] * g.strides[d] - g.low[d] + k[d] * g.dilations[d];
          shifted[d] = i[d] + g.low[d];
          extent[d] = g.in[d] + g.low[d] + g.high[d];
        }
        padded += isInside(shifted, extent);
        if (isInside(i, g.in))
          elements.emplace_back(flat(i, g.in),
                                in[static_cast<size_t>(plane * volume(g.in) + flat(i, g.in))]);
      });
    });
  return windows;
}

Sums naiveMatMul(const Tensor &a, const Tensor &b, double aZero, const std::vector<double> &bZero) {
  size_t rank = std::max(a.rank(), b.rank());
  auto extent = [&](const Tensor &t, size_t d) { // of batch axis d, broadcast from the left
    size_t missing = rank - t.rank();
    return d < missing ? 1 : t.dims()[d - missing];
  };
  int64_t m = a.dims()[a.rank() - 2], k = a.dims().back(), n = b.dims().back();
  Dims dims;
  for (size_t d = 0; d + 2 < rank; ++d)
    dims.push_back(std::max(extent(a, d), extent(b, d)));
  Dims batchDims = dims;
  dims.push_back(m);
  dims.push_back(n);
  std::vector<double> left = valuesOf(a), right = valuesOf(b);
  Sums sums = emptySums(dims);
  for (int64_t batch = 0; batch < numElements(batchDims); ++batch) {
    int64_t aBatch = 0, bBatch = 0, rest = batch, aStep = 1, bStep = 1;
    for (size_t d = batchDims.size(); d-- > 0;) {
      int64_t index = rest % batchDims[d];
      rest /= batchDims[d];
      aBatch += index % extent(a, d) * aStep;
      bBatch += index % extent(b, d) * bStep;
      aStep *= extent(a, d);
      bStep *= extent(b, d);
    }
    for (int64_t row = 0; row < m; ++row)
      for (int64_t column = 0; column < n; ++column) {
        double zero = bZero[bZero.size() == 1 ? 0 : static_cast<size_t>(column)];
        for (int64_t i = 0; i < k; ++i)
          addProduct(sums, (batch * m + row) * n + column,
                     (left[static_cast<size_t>((aBatch * m + row) * k + i)] - aZero) *
                         (right[static_cast<size_t>((bBatch * k + i) * n + column)] - zero));
      }
  }
  return sums;
}

static double biasAt(const Sums &sums, const std::vector<double> &bias, size_t i) {
  if (bias.empty())
    return 0;
  int64_t inner = 1;
  for (size_t d = 2; d < sums.dims.size(); ++d)
    inner *= sums.dims[d];
  return bias[i / static_cast<size_t>(inner) % static_cast<size_t>(sums.dims[1])];
}

Wanted wantFloat(const Sums &sums, const std::vector<double> &bias, DType dtype) {
  Wanted wanted{sums.dims, {}, {}};
  for (size_t i = 0; i < sums.value.size(); ++i) {
    double b = biasAt(sums, bias, i), value = sums.value[i] + b;
    double n = sums.terms[i] + 2;
    double bound = n * kUnit / (1 - n * kUnit) * (sums.magnitude[i] + std::abs(b));
    // One rounding to half precision at the end; its subnormals are 2^-24 apart.
    if (dtype == DType::F16)
      bound += 0x1p-11 * (std::abs(value) + bound) + 0x1p-25;
    wanted.value.push_back(value);
    wanted.bound.push_back(bound);
  }
  return wanted;
}

Wanted wantExact(const Sums &sums, const std::vector<double> &bias) {
  Wanted wanted{sums.dims, sums.value, std::vector<double>(sums.value.size())};
  for (size_t i = 0; i < sums.value.size(); ++i)
    wanted.value[i] += biasAt(sums, bias, i);
  return wanted;
}

} // namespace edgecc::test
